"""What is wrong with a catalogue beyond the form of its files: names, references, code."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from optabs.catalog.model import Case, Catalog, Op, Text, Variant
from optabs.errors import Fault, Place, suggest_name

RESERVED_PAGES = ("index", "genindex", "search", "py-modindex", "matrix", "health")
_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


def check_catalog(
    catalog: Catalog, frameworks: Collection[str], runtimeless: Collection[str] = ()
) -> list[Fault]:
    """Return every fault of the catalogue, sorted by place.

    `frameworks` are the keys whose examples can be run, `runtimeless` those that are only shown.
    """
    faults = list(catalog.faults)
    faults += _check_names(catalog)
    for op in catalog.ops:
        for related in op.see_also:
            if related not in catalog.by_name:
                hint = suggest_name(related, catalog.by_name) or "add the op, or remove the name"
                faults.append(
                    Fault(
                        op.place,
                        "unknown-op",
                        f"`see_also` names {related!r}, which is not in the catalogue",
                        hint,
                    )
                )
        faults += check_op(op, frameworks, runtimeless)
    return sorted(set(faults))


def _check_names(catalog: Catalog) -> Iterator[Fault]:
    names: dict[str, Op] = {}
    pages: dict[str, tuple[str, Place]] = {}
    for entry in catalog.entries:
        op = entry.op
        place = op.place if op else Place(entry.file)
        page = entry.path.stem
        first = pages.setdefault(page.casefold(), (str(entry.path), place))
        if first[0] != str(entry.path):
            yield Fault(
                place,
                "duplicate-page",
                f"the page {page!r} is also made by {first[1].file}",
                "rename one file; case alone does not tell pages apart",
            )
        if not _SAFE_NAME.fullmatch(page) or page.casefold() in RESERVED_PAGES:
            yield Fault(
                place,
                "unsafe-page",
                f"{page!r} cannot be the name of a page",
                "rename the file: letters, digits, hyphens, and not " + ", ".join(RESERVED_PAGES),
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
                f"{op.operation!r} cannot be the name of an op",
                "use letters, digits and underscores, and no name of Sphinx's own pages",
            )


def check_op(
    op: Op, frameworks: Collection[str], runtimeless: Collection[str] = ()
) -> Iterator[Fault]:
    """Yield the faults that can be told from one op alone."""
    known = [*frameworks, *runtimeless]
    if op.reference:
        yield from _check_code(op.reference)
    for case in op.cases:
        yield from _check_case(op, case, known)
    for variant in op.variants.values():
        yield from _check_variant(op, variant, frameworks, runtimeless)


def _check_case(op: Op, case: Case, frameworks: Collection[str]) -> Iterator[Fault]:
    each = [*case.expect, *(item for entry in case.differences for item in entry.expect)]
    for expected in each:
        if expected.expr is not None:
            yield from _check_code(
                Text(expected.expr, expected.place, expected.place.line), mode="eval"
            )
    for difference in case.differences:
        for framework in difference.frameworks:
            if framework not in frameworks:
                yield Fault(
                    case.place,
                    "unknown-framework",
                    f"a difference names the framework {framework!r}",
                    suggest_name(framework, frameworks) or _list_names(frameworks),
                )
            elif framework not in op.variants:
                yield Fault(
                    case.place,
                    "unknown-framework",
                    f"a difference names {framework!r}, which has no variant here",
                    "add the variant, or remove the name",
                )


def _check_variant(
    op: Op, variant: Variant, frameworks: Collection[str], runtimeless: Collection[str]
) -> Iterator[Fault]:
    key = variant.framework
    if key not in frameworks and key not in runtimeless:
        what = "an example for a framework" if variant.examples else "a framework"
        yield Fault(
            variant.place,
            "unknown-framework",
            f"{key!r} is {what} that is not there",
            suggest_name(key, [*frameworks, *runtimeless])
            or _list_names([*frameworks, *runtimeless]),
        )
        return
    if key in runtimeless and variant.examples:
        yield Fault(
            variant.place,
            "no-runtime",
            f"{key!r} has no Python runtime, so its example cannot be run",
            "move the code to `notes`",
        )
    ids = [case.id for case in op.cases]
    for case_id, text in variant.examples.items():
        if case_id is not None and case_id not in ids:
            yield Fault(
                text.place,
                "unknown-case",
                f"an example is for the case {case_id!r}, which is not there",
                suggest_name(case_id, ids) or _list_names(ids),
            )
        yield from _check_code(text)
    if variant.unsupported is not None and variant.examples:
        yield Fault(
            variant.place, "contradiction", f"{key!r} is unsupported and has an example", "keep one"
        )


def _check_code(text: Text, mode: str = "exec") -> Iterator[Fault]:
    try:
        ast.parse(text.text.strip() if mode == "eval" else text.text, mode=mode)
    except SyntaxError as error:
        line = text.line + (error.lineno or 1) - 1
        yield Fault(
            Place(text.place.file, line, error.offset or 1),
            "bad-python",
            f"this is no Python: {error.msg}",
            "mend the code",
        )
    except (ValueError, RecursionError, MemoryError) as error:
        yield Fault(text.place, "bad-python", f"this is no Python: {error}", "mend the code")


def _list_names(names: Collection[str]) -> str:
    return "known are " + ", ".join(names) if names else "there are none yet"
