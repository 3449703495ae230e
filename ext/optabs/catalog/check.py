"""What is wrong with a catalogue as a whole: names, and what entries say about each other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from itertools import zip_longest

from optabs.catalog.model import Case, Catalog, Entry, Op, Variant
from optabs.catalog.schema import shorten
from optabs.errors import Fault, Place, suggest_name

RESERVED_PAGES = ("index", "genindex", "search", "py-modindex", "matrix", "health")
_LONGEST_NAME = 100
_SAFE_NAME = re.compile(rf"(?=.{{1,{_LONGEST_NAME}}}\Z)[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_SAFE_NAME_WORDS = (
    f"at most {_LONGEST_NAME} letters, digits, hyphens and underscores, and not "
    + ", ".join(RESERVED_PAGES)
)


def check_catalog(
    catalog: Catalog,
    frameworks: Collection[str],
    runtimeless: Collection[str] = (),
    devices: Mapping[str, Collection[str]] | None = None,
) -> list[Fault]:
    """Return every fault of the catalogue, sorted by place.

    `frameworks` are the keys whose examples can be run, `runtimeless` those that are only shown;
    `devices` are those of each framework.
    """
    faults = list(catalog.faults)
    faults += _check_names(catalog)
    for op in catalog.ops:
        faults += _check_related(op, catalog)
        faults += check_op(op, frameworks, runtimeless)
        faults += _check_devices(op, devices or {})
    return sorted(set(faults))


def _check_related(op: Op, catalog: Catalog) -> Iterator[Fault]:
    for related, place in zip_longest(op.see_also, op.see_also_places, fillvalue=op.place):
        if related not in catalog.by_name:
            yield Fault(
                place,
                "unknown-op",
                f"`see_also` names {shorten(repr(related))}, which is not in the catalogue",
                suggest_name(related, catalog.by_name) or "add the op, or remove the name",
            )


def _check_names(catalog: Catalog) -> Iterator[Fault]:
    names: dict[str, Op] = {}
    pages: dict[str, Entry] = {}
    for entry in catalog.entries:
        op = entry.op
        place = op.place if op else Place(entry.file)
        page = entry.path.stem
        other_page = pages.setdefault(_fold_page(entry.file), entry)
        if other_page.path != entry.path:
            yield Fault(
                place,
                "duplicate-page",
                f"the page {page!r} is also made by {other_page.file}",
                "rename one file; case alone does not tell pages apart",
            )
        if not _SAFE_NAME.fullmatch(page) or page.casefold() in RESERVED_PAGES:
            yield Fault(
                place,
                "unsafe-page",
                f"{shorten(repr(page))} cannot be the name of a page",
                f"rename the file: {_SAFE_NAME_WORDS}",
            )
        if op is None:
            continue
        other = names.setdefault(op.operation, op)
        if other is not op:
            yield Fault(
                place,
                "duplicate-op",
                f"the op {op.operation!r} is also defined at {other.place}",
                "rename or merge one",
            )
        if not _SAFE_NAME.fullmatch(op.operation) or op.operation.casefold() in RESERVED_PAGES:
            yield Fault(
                place,
                "unsafe-name",
                f"{shorten(repr(op.operation))} cannot be the name of an op",
                f"rename it: {_SAFE_NAME_WORDS}",
            )


def _fold_page(file: str) -> str:
    """Return what a page is called where file systems tell neither case nor accents' form apart."""
    return unicodedata.normalize("NFC", file.rpartition(".")[0]).casefold()


def check_op(
    op: Op, frameworks: Collection[str], runtimeless: Collection[str] = ()
) -> Iterator[Fault]:
    """Yield the faults of one op that depend on which frameworks there are."""
    known = [*frameworks, *runtimeless]
    for case in op.cases:
        yield from _check_differences(op, case, known)
    for variant in op.variants.values():
        yield from _check_framework(variant, known, runtimeless)


def _check_devices(op: Op, devices: Mapping[str, Collection[str]]) -> Iterator[Fault]:
    """Yield a fault for each device that `not_on` names though there is none of the name."""
    everywhere = sorted({device for each in devices.values() for device in each})
    named: list[tuple[Mapping[str, Place], Collection[str], str]] = [
        (case.not_on_places, everywhere, "no framework has") for case in op.cases
    ]
    named += [
        (variant.not_on_places, devices[key], f"{key!r} does not have")
        for key, variant in op.variants.items()
        if key in devices
    ]
    for places, known, problem in named:
        for device, place in places.items():
            if device not in known:
                yield Fault(
                    place,
                    "unknown-device",
                    f"`not_on` names the device {shorten(repr(device))}, which {problem}",
                    suggest_name(device, known) or _list_names(known),
                )


def _check_differences(op: Op, case: Case, known: Collection[str]) -> Iterator[Fault]:
    for difference in case.differences:
        for framework, place in zip_longest(
            difference.frameworks, difference.places, fillvalue=case.place
        ):
            if framework not in known:
                yield Fault(
                    place,
                    "unknown-framework",
                    f"a difference names the framework {shorten(repr(framework))}",
                    suggest_name(framework, known) or _list_names(known),
                )
            elif framework not in op.variants:
                yield Fault(
                    place,
                    "unknown-framework",
                    f"a difference names {framework!r}, which has no variant here",
                    "add the variant, or remove the name",
                )


def _check_framework(
    variant: Variant, known: Collection[str], runtimeless: Collection[str]
) -> Iterator[Fault]:
    key = variant.framework
    if key not in known:
        what = "an example for a framework" if variant.examples else "a framework"
        yield Fault(
            variant.place,
            "unknown-framework",
            f"{shorten(repr(key))} is {what} that is not there",
            suggest_name(key, known) or _list_names(known),
        )
    if key in runtimeless and variant.examples:
        yield Fault(
            variant.place,
            "no-runtime",
            f"{key!r} has no Python runtime, so its example cannot be run",
            "move the code to `notes`",
        )


def _list_names(names: Collection[str]) -> str:
    return "known are " + ", ".join(names) if names else "there are none yet"
