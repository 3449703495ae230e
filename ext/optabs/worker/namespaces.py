"""The framework's public names: an example that replaces one changes it for all that follow."""

from __future__ import annotations

import contextlib
import types
from operator import itemgetter


class Namespaces:
    """Some modules, with their public attributes as they were when the worker was ready.

    What is added later is not looked at: frameworks load much of themselves when it is first used.
    """

    def __init__(self, modules, moving=()):
        """Take note of all public names but those, in full, that the framework itself replaces."""
        self.namespaces = [_Namespace(module, moving) for module in modules]

    def list_changes(self):
        """Return the full names of what was replaced or deleted."""
        return [name for each in self.namespaces for name in each.list_changes()]

    def restore(self):
        """Put back what was replaced or deleted."""
        for each in self.namespaces:
            each.restore()

    def accept(self, names):
        """Take what now stands under some full names for what belongs there."""
        for each in self.namespaces:
            each.accept(names)


class _Namespace:
    def __init__(self, module, moving):
        self.module = module
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and not isinstance(value, types.ModuleType)
            and self._complete(name) not in moving
        ]
        # Of fewer than two names, `itemgetter` would give no tuple.
        self.names = ["__name__", "__doc__", *names]
        self.read = itemgetter(*self.names)
        self.values = self.read(vars(module))

    def list_changes(self):
        return [self._complete(name) for name, _ in self._find_changed()]

    def restore(self):
        for name, value in self._find_changed():
            setattr(self.module, name, value)

    def accept(self, names):
        members = vars(self.module)
        self.values = tuple(
            members.get(name, value) if self._complete(name) in names else value
            for name, value in zip(self.names, self.values)
        )

    def _find_changed(self):
        """Return (name, the value that belongs there) of all that is not there any more."""
        members = vars(self.module)
        with contextlib.suppress(Exception):  # one is gone, or is an array without a truth value
            if self.read(members) == self.values:
                return []
        pairs = zip(self.names, self.values)
        return [(name, value) for name, value in pairs if members.get(name, self) is not value]

    def _complete(self, name):
        return "{}.{}".format(self.module.__name__, name)
