"""The script that runs in a framework's environment; see `__main__` for its contract.

It imports nothing of Optabs: its own modules are loaded as the package `optabs_worker`.
"""
