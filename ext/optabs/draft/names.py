"""Names: of a new op, as frameworks may spell it, and of arguments as the catalogue maps them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from optabs.catalog.check import RESERVED_PAGES
from optabs.catalog.model import Catalog, Op
from optabs.errors import OptabsError

_NAME = re.compile(r"(?=.{1,60}\Z)[A-Za-z][A-Za-z0-9_]*")
_WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")
_LONGEST_SHOWN = 60


def name_operation(name: str) -> str:
    """Return the name of the op: `name` in CamelCase, as it is where it has a capital.

    Raises:
        OptabsError: it cannot be the name of an op.
    """
    if not _NAME.fullmatch(name) or name.casefold() in RESERVED_PAGES:
        last = name.rpartition(".")[2]
        is_path = "." in name and _NAME.fullmatch(last)
        raise OptabsError(
            f"{name[:_LONGEST_SHOWN]!r} cannot be the name of an op",
            f"name the op, not an API: {last}"
            if is_path
            else "it has letters, digits and underscores, e.g. LogAddExp, and is none of "
            + ", ".join(RESERVED_PAGES),
        )
    if name != name.lower():
        return name
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def fold_name(name: str) -> str:
    """Return what is left of a name where case, underscores and spaces do not count."""
    return re.sub(r"[\s_-]", "", name).casefold()


def spell_name(name: str) -> tuple[str, ...]:
    """Return how a framework may spell a name: as functions are spelt, then as classes."""
    words = _WORD.findall(name) or [name]
    snake = "_".join(words).lower()
    camel = "".join(word[:1].upper() + word[1:] for word in words)
    return tuple(dict.fromkeys([snake.replace("_", ""), snake, name.lower(), name, camel]))


def find_taken(name: str, catalog: Catalog) -> tuple[Op, str] | None:
    """Return the op that has a name already, and how it is written there (maybe an alias)."""
    for op in catalog.ops:
        for known in (op.operation, *op.aliases):
            if fold_name(known) == fold_name(name):
                return op, known
    return None


@dataclass(frozen=True)
class Glossary:
    """What the catalogue's entries say of standard arguments."""

    types: Mapping[str, str]
    """The usual type of an argument, by its standard name."""
    mapped: Mapping[tuple[str, str], tuple[str, ...]]
    """What a framework calls an argument, the usual name first, by (framework, standard name)."""
    standards: Mapping[tuple[str, str], str]
    """The standard name, by (framework, its own name), where more than one entry maps them so."""

    def find_kind(self, name: str) -> str:
        """Return ``Tensor``, ``int``, ``float``, ``bool``, or another type as entries write it.

        An argument that no entry has is taken for a tensor.
        """
        found = self.types.get(name, "Tensor")
        words = re.findall(r"\w+", found)
        if "Tensor" in words or "Any" in words:
            return "Tensor"
        plain = [word for word in words if word not in ("Optional", "Union", "None")]
        return plain[0] if plain[:1] in (["int"], ["float"], ["bool"]) else found

    def standardise(self, framework: str, name: str) -> str:
        """Return the standard name of what a framework calls `name`; of a tensor, `name` itself."""
        standard = self.standards.get((framework, name), name)
        return name if name in self.types or self.find_kind(standard) == "Tensor" else standard

    def list_names(self, framework: str, standard: str) -> tuple[str, ...]:
        """Return what a framework may call an argument, the likeliest first."""
        return tuple(dict.fromkeys([*self.mapped.get((framework, standard), ()), standard]))


def read_glossary(ops: Iterable[Op]) -> Glossary:
    """Return what some ops say of standard arguments."""
    types: dict[str, Counter[str]] = defaultdict(Counter)
    mapped: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    standards: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for op in ops:
        for parameter in op.parameters:
            types[parameter.name][parameter.type or "Tensor"] += 1
        for key, variant in op.variants.items():
            for standard, name in variant.args.items():
                if name is not None:
                    mapped[key, standard][name] += 1
                    standards[key, name][standard] += 1
    return Glossary(
        {name: counts.most_common(1)[0][0] for name, counts in types.items()},
        {key: tuple(name for name, _ in counts.most_common()) for key, counts in mapped.items()},
        {
            key: standard
            for key, counts in standards.items()
            for standard, count in counts.most_common(1)
            if count > 1
        },
    )
