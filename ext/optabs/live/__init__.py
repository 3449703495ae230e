"""The live site: builds what is saved, shows it at once, and runs what readers edit in the page.

`serve` puts it together: the watcher tells the session what was saved, the session has the engine
(another process, with Sphinx in it) build it, the board tells the pages. Nothing here imports
Sphinx.
"""
