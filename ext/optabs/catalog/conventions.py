"""How the entries of the Optabs catalogue are written, beyond what the format asks for.

Other catalogues are not bound by it: `optabs check --conventions` adds it to the checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from optabs.catalog.schema import OP, Kind, ListOf, MapOf, Maybe, OneOf, Record, shorten
from optabs.catalog.source import KeyPath, YamlDocument
from optabs.errors import Fault, Place, suggest_name

CATEGORIES = (
    "Activations",
    "Autodiff",
    "Comparison and logic",
    "Creation",
    "Elementwise",
    "Fourier transforms",
    "Indexing",
    "Layers",
    "Linear algebra",
    "Losses",
    "Manipulation",
    "Normalisation",
    "Optimisers",
    "Random",
    "Reductions",
    "Schedules",
    "Sorting and searching",
    "Transformations",
)
LONGEST_LINE = 110
DRAFT, TO_WRITE, TO_CHECK = "# A draft", "Write here", "# A guess, for a person to check"
DRAFT_MARKS = {
    DRAFT: "remove the comment when all is done",
    TO_WRITE: "write it",
    TO_CHECK: "check it, then remove the comment",
}
"""What `optabs new` leaves for a person, and what to do about it."""
FEWEST_CASES, MOST_CASES = 2, 5


@dataclass(frozen=True)
class Conventions:
    """The conventions, given the frameworks that there are."""

    required: Sequence[str]
    """The frameworks that every entry says something of."""
    order: Sequence[str]
    """All frameworks, those that are only shown included, in the order of their tabs."""

    def check(self, document: YamlDocument) -> list[Fault]:
        """Return where a file does not keep to the conventions; nothing of what is no entry."""
        faults = [*check_lines(document)]
        for path, entry in list_entries(document.data):
            faults += check_order(document, path, entry, self.order)
            faults += check_entry(document, path, entry, self.required)
        return faults


def list_entries(data: Any) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Yield each entry of a file's data with its path."""
    if isinstance(data, dict):
        yield (), data
    for index, entry in enumerate(data if isinstance(data, list) else ()):
        if isinstance(entry, dict):
            yield (index,), entry


def list_records(kind: Kind, data: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Record, Any]]:
    """Yield each mapping within `data` whose keys the format fixes, the outermost first."""
    for at, found, item in list_kinds(kind, data, path):
        if isinstance(found, Record) and isinstance(item, dict):
            yield at, found, item


def list_kinds(kind: Kind, data: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Kind, Any]]:
    """Yield each value within `data` and what it should be, the outermost first."""
    while isinstance(kind, Maybe | OneOf):
        inner = kind.kind if isinstance(kind, Maybe) else kind.kinds.get(type(data))
        if inner is None or data is None:
            return
        kind = inner
    yield path, kind, data
    if isinstance(kind, ListOf) and isinstance(data, list):
        for index, item in enumerate(data):
            yield from list_kinds(kind.item, item, (*path, index))
    elif isinstance(kind, MapOf) and isinstance(data, dict):
        for key, item in data.items():
            yield from list_kinds(kind.value, item, (*path, key))
    elif isinstance(kind, Record) and isinstance(data, dict):
        for key, item in data.items():
            if key in kind.keys:
                yield from list_kinds(kind.keys[key].kind, item, (*path, key))


def list_orders(
    path: KeyPath, entry: dict[str, Any], frameworks: Sequence[str]
) -> Iterator[tuple[KeyPath, str, list[str], list[str]]]:
    """Yield each mapping whose keys have an order: path, code of the fault, keys, keys in order.

    Left out are mappings with keys that nothing is known of, since these have no place.
    """
    found = [
        (at, "key-order", [*data], [*record.keys])
        for at, record, data in list_records(OP, entry, path)
    ]
    variants = entry.get("variants")
    if isinstance(variants, dict):
        found.append(((*path, "variants"), "framework-order", [*variants], [*frameworks]))
    for at, code, keys, order in found:
        if set(keys) <= set(order):
            yield at, code, keys, sorted(keys, key=order.index)


def check_order(
    document: YamlDocument, path: KeyPath, entry: dict[str, Any], frameworks: Sequence[str]
) -> Iterator[Fault]:
    """Yield a fault for each mapping whose keys stand in another order than they should."""
    for at, code, keys, wanted in list_orders(path, entry, frameworks):
        if keys != wanted:
            here, first = next(
                pair for pair in zip(keys, wanted, strict=True) if pair[0] != pair[1]
            )
            place = document.find_key_place((*at, here))
            yield Fault(
                place,
                code,
                f"`{here}` stands before `{first}`",
                f"the order is {', '.join(wanted)}",
            )


def check_lines(document: YamlDocument) -> Iterator[Fault]:
    """Yield a fault for each line that is too long, unfinished, or ends in space nobody sees."""
    for number, line in enumerate(document.text.split("\n"), 1):
        line = line.removesuffix("\r")
        if len(line) > LONGEST_LINE:
            yield Fault(
                Place(document.file, number, LONGEST_LINE + 1),
                "long-line",
                f"the line has {len(line)} characters",
                f"break it at {LONGEST_LINE} or before",
            )
        for mark, hint in DRAFT_MARKS.items():
            if mark in line:
                place = Place(document.file, number, line.index(mark) + 1)
                yield Fault(place, "unfinished", f"a draft's {mark!r} is still there", hint)
        if line != (bare := line.rstrip(" \t")):
            place = Place(document.file, number, len(bare) + 1)
            yield Fault(place, "trailing-space", "the line ends in space", "remove it")


def check_entry(
    document: YamlDocument, path: KeyPath, entry: dict[str, Any], frameworks: Sequence[str]
) -> Iterator[Fault]:
    """Yield a fault for each thing that an entry does not say."""
    place = document.find_place(path)
    category = entry.get("category")
    if not category:
        yield Fault(place, "no-category", "the entry has no category", f"one of {_CATEGORIES}")
    elif category not in CATEGORIES:
        yield Fault(
            document.find_place((*path, "category")),
            "unknown-category",
            f"there is no category {shorten(repr(category))}",
            suggest_name(category, CATEGORIES) or f"one of {_CATEGORIES}",
        )
    if _is_blank(entry.get("description")):
        hint = "say what is computed, with its formula"
        yield Fault(place, "no-description", "the entry has no description", hint)
    yield from _check_parameters(document, (*path, "std_args"), entry.get("std_args"))
    yield from _check_cases(document, path, entry.get("cases"))
    yield from _check_variants(document, (*path, "variants"), entry.get("variants"), frameworks)
    yield from _check_arguments(document, (*path, "variants"), entry)


def _check_parameters(document: YamlDocument, path: KeyPath, items: Any) -> Iterator[Fault]:
    for index, item in enumerate(items if isinstance(items, list) else ()):
        given = item if isinstance(item, dict) else {}
        name = given.get("name", item if isinstance(item, str) else "")
        for key, code, hint in (
            ("type", "no-type", "e.g. `type: Tensor`"),
            ("doc", "no-doc", "e.g. `doc: logits, any shape`"),
        ):
            if _is_blank(given.get(key)):
                place = document.find_place((*path, index))
                yield Fault(place, code, f"the argument {name!r} has no `{key}`", f"add it, {hint}")


def _check_cases(document: YamlDocument, path: KeyPath, items: Any) -> Iterator[Fault]:
    listed = items if isinstance(items, list) else []
    # A curve stands above the tabs, once.
    cases = [each for each in listed if not isinstance(each, dict) or each.get("plot") != "curve"]
    place = document.find_key_place((*path, "cases"))
    count = f"the entry has {len(cases)} {'case' if len(cases) == 1 else 'cases'}"
    if len(cases) < FEWEST_CASES:
        hint = f"write at least {FEWEST_CASES}, one of them of an edge"
        yield Fault(place, "few-cases", count, hint)
    if len(cases) > MOST_CASES:
        hint = f"keep at most {MOST_CASES}: every one is on the page, in every tab"
        yield Fault(place, "many-cases", count, hint)
    for index, case in enumerate(cases):
        if isinstance(case, dict) and _is_blank(case.get("title")):
            yield Fault(
                document.find_place((*path, "cases", index)),
                "no-title",
                f"the case {case.get('id', '')!r} has no title",
                "say in a few words what it shows",
            )


def _check_variants(
    document: YamlDocument, path: KeyPath, variants: Any, frameworks: Sequence[str]
) -> Iterator[Fault]:
    if not isinstance(variants, dict):
        return
    for key in frameworks:
        hint = "add it; where the framework has no such op, `unsupported` says why"
        if key not in variants:
            place = document.find_key_place(path)
            yield Fault(place, "missing-framework", f"nothing is said of {key!r}", hint)
        elif not variants[key]:
            place = document.find_key_place((*path, key))
            yield Fault(place, "missing-framework", f"{key!r} is empty", hint)


def _check_arguments(
    document: YamlDocument, path: KeyPath, entry: dict[str, Any]
) -> Iterator[Fault]:
    """Yield a fault for each name that `args` renames in vain, which ODL allows."""
    items, variants = entry.get("std_args"), entry.get("variants")
    given = [
        item.get("name") if isinstance(item, dict) else item[0] if isinstance(item, list) else item
        for item in (items if isinstance(items, list) else ())
        if item
    ]
    known = [name for name in given if isinstance(name, str)]
    for key, variant in variants.items() if isinstance(variants, dict) else ():
        args = variant.get("args") if isinstance(variant, dict) else None
        for name in args if isinstance(args, dict) else ():
            if name not in known:
                yield Fault(
                    document.find_key_place((*path, key, "args", name)),
                    "unknown-argument",
                    f"the op has no standard argument {shorten(repr(name))}",
                    suggest_name(name, known) or f"it has {', '.join(known) or 'none'}",
                )


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


_CATEGORIES = ", ".join(CATEGORIES)
