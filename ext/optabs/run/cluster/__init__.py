"""Running on the machines of a Dask cluster. Nothing else imports `distributed`, and only if asked.

Machines say what they offer when they join (`machines`, `worker`); a build asks the scheduler who
is there (`connection`), plans for their devices, and sends them batches (`runner`). Between the two
travels JSON alone, so that their Python versions may differ.
"""
