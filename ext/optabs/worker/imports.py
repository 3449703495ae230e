"""Telling what an import changes from what an example changes.

Frameworks load parts of themselves when these are first used, and loading a module may change
warnings filters, variables or names elsewhere. Which example is the first to need a part is chance,
so it must not be blamed for that.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import threading

# Python leaves frames of this file out of tracebacks, and out of the places of warnings.
_FILE = "<frozen importlib._bootstrap>"


class ImportWatch:
    """While it is used in a `with` statement, collects in `changes` what imports change.

    `look` returns the names of what is not as it was; `accept` is told what imports have added.
    """

    def __init__(self, look, accept):
        self.look = look
        self.accept = accept
        self.changes = set()
        self.thread = None
        self.bootstrap = importlib._bootstrap
        self.original = getattr(self.bootstrap, "_find_and_load", None)

        @functools.wraps(self.original or id)
        def find_and_load(*arguments):
            if self.thread != threading.get_ident():
                return self.original(*arguments)
            return self.load(*arguments)

        find_and_load.__code__ = find_and_load.__code__.replace(co_filename=_FILE)
        self.replacement = find_and_load

    def __enter__(self):
        self.changes = set()
        self.thread = threading.get_ident()
        if self.original:
            self.bootstrap._find_and_load = self.replacement
        return self

    def __exit__(self, *error):
        self.thread = None
        if self.original:
            self.bootstrap._find_and_load = self.original

    def load(self, *arguments):
        """Import as Python does; imports within it are part of it."""
        thread, self.thread = self.thread, None
        before = self._list_changes()
        try:
            return self.original(*arguments)
        finally:
            added = self._list_changes() - before
            if added:
                self.changes |= added
                with contextlib.suppress(Exception):
                    self.accept(added)
            self.thread = thread

    def _list_changes(self):
        with contextlib.suppress(Exception):  # an example may have damaged anything
            return set(self.look())
        return set()


ImportWatch.load.__code__ = ImportWatch.load.__code__.replace(co_filename=_FILE)
