"""The frameworks' own names: which API belongs to which op, and on which tab it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from optabs.catalog.model import Op
from optabs.frameworks import Registry

_DOTTED_NAME = re.compile(r"\w+(\.\w+)*")


@dataclass(frozen=True)
class Symbol:
    """A framework's name for an op. `name` is one of its spellings: ``jax.numpy.sum``."""

    name: str
    op: Op
    framework: str
    is_alternate: bool
    """Whether the entry spells it otherwise."""

    @property
    def qualified_name(self) -> str:
        """The name together with its op, for one that several ops use."""
        return f"{self.name} ({self.op.operation})"


def list_symbols(op: Op, registry: Registry) -> list[Symbol]:
    """Return the symbols of an op in tab order, each once.

    What several frameworks share (``jax.numpy.abs``) is on the tab of that which it comes from.
    """
    found: dict[str, Symbol] = {}
    owned: set[str] = set()
    for key in registry.sort_keys(op.variants):
        variant = op.variants[key]
        if not variant.api or variant.unsupported is not None:
            continue
        if not _DOTTED_NAME.fullmatch(variant.api):
            continue
        framework = registry.frameworks.get(key)
        full = framework.expand_api(variant.api) if framework else variant.api
        short = framework.shorten_api(variant.api) if framework else variant.api
        is_owner = framework is not None and full.partition(".")[0] in framework.distributions
        for name in dict.fromkeys((variant.api, full, short)):
            if name not in found or (is_owner and name not in owned):
                found[name] = Symbol(name, op, key, is_alternate=name != variant.api)
            if is_owner:
                owned.add(name)
    return list(found.values())


def index_symbols(ops: Iterable[Op], registry: Registry) -> Mapping[str, list[Symbol]]:
    """Return the symbols of all ops by name; of several ops, the one called so comes first."""
    found: dict[str, list[Symbol]] = {}
    for op in ops:
        for symbol in list_symbols(op, registry):
            found.setdefault(symbol.name, []).append(symbol)
    for name, symbols in found.items():
        last = name.rpartition(".")[2].casefold()
        symbols.sort(key=lambda symbol: symbol.op.operation.casefold() != last)
    return found
