"""The framework's public names: an example that replaces one changes it for all that follow."""

from __future__ import annotations

import contextlib
import types
from operator import itemgetter


class Namespaces:
    """Some modules, with their public attributes as they were when the worker was ready.

    What is added later is not looked at: frameworks load much of themselves when it is first used.
    """

    def __init__(self, modules):
        self.namespaces = [_Namespace(module) for module in modules]

    def restore(self):
        """Put back what was replaced or deleted; returns the full names."""
        return [name for each in self.namespaces for name in each.restore()]


class _Namespace:
    def __init__(self, module):
        self.module = module
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and not isinstance(value, types.ModuleType)
        ]
        # Of fewer than two names, `itemgetter` would give no tuple.
        self.names = ["__name__", "__doc__", *names]
        self.read = itemgetter(*self.names)
        self.values = self.read(vars(module))

    def restore(self):
        with contextlib.suppress(Exception):  # one is gone, or is an array without a truth value
            if self.read(vars(self.module)) == self.values:
                return []
        return list(self._put_back())

    def _put_back(self):
        members = vars(self.module)
        for name, value in zip(self.names, self.values):
            found = members.get(name, self)
            # A submodule of the same name takes an attribute's place when it is imported.
            if found is not value and not isinstance(found, types.ModuleType):
                setattr(self.module, name, value)
                yield "{}.{}".format(self.module.__name__, name)
