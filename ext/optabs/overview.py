"""The catalogue as a whole: the matrix of verdicts, and what needs attention. No Sphinx."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optabs.catalog.model import Op
from optabs.categories import sort_ops
from optabs.errors import Fault
from optabs.frameworks import Registry
from optabs.records import Verdict
from optabs.render import Context, make_anchor, show_controls
from optabs.verify import WORST_FIRST, Judgement, Report, combine_verdicts

NO_ENTRY = ""
"""Stands in a cell where the catalogue says nothing of an op in a framework."""

_TROUBLE = (Verdict.FAILED, Verdict.DIFFERS, Verdict.STALE, Verdict.NOT_RUN)
_REASON_LENGTH = 300


@dataclass(frozen=True)
class Column:
    """A framework in the matrix, or one of its devices where it has verdicts on several."""

    key: str
    framework: str
    device: str | None
    label: str


def make_matrix_context(ops: Sequence[Op], registry: Registry, report: Report) -> Context:
    """Return the matrix: a row per op, a column per framework (and device), a verdict per cell.

    `file` of a row is that of the op's entry, or None for an op without a page.
    """
    columns = _list_columns(ops, registry, report)
    pages = find_pages(ops)
    rows: list[dict[str, Any]] = [
        {
            "name": op.operation,
            "category": op.category,
            "file": find_page(op, pages),
            "words": _list_words(op, registry),
            "cells": [_combine_cell(op, column, report) for column in columns],
        }
        for op in sort_ops(ops)
    ]
    counts = [Counter(cells) for cells in zip(*(row["cells"] for row in rows), strict=True)]
    found = Counter[str]()
    for count in counts:
        found += count
    return {
        "columns": [
            {
                "key": column.key,
                "label": column.label,
                "anchor": make_anchor(column.framework),
            }
            for column in columns
        ],
        "rows": rows,
        "categories": sorted({op.category for op in ops}, key=lambda name: (not name, name)),
        "counts": [
            {"verdict": verdict, "cells": [count[verdict] for count in counts]}
            for verdict in (*(each.value for each in WORST_FIRST), NO_ENTRY)
            if found[verdict]
        ],
        "aliases": sorted(
            {
                (alias, module)
                for framework in registry.frameworks.values()
                for alias, module in framework.imports.items()
                if alias != module
            }
        ),
    }


def make_health_context(
    ops: Sequence[Op], registry: Registry, report: Report, faults: Iterable[Fault]
) -> Context:
    """Return what needs attention: verdicts that are no pass though they should be, and `faults`.

    Where many examples have one reason, they are one group. All is well where nothing needs
    attention and something was verified.
    """
    pages = find_pages(ops)
    by_framework: dict[str, list[Judgement]] = {}
    for judgement in report.judgements:
        by_framework.setdefault(judgement.check.variant.framework, []).append(judgement)
    keys = registry.sort_keys(by_framework)
    ordered = [judgement for key in keys for judgement in by_framework[key]]
    count = report.count()
    shown = {fault for op in ops for variant in op.variants.values() for fault in variant.faults}
    unseen = [str(fault) for fault in sorted({*faults} - shown)]
    return {
        "is_well": not unseen
        and count[Verdict.VERIFIED] > 0
        and not any(count[verdict] for verdict in _TROUBLE),
        "faults": unseen,
        "sections": [
            {
                "verdict": verdict.value,
                "count": count[verdict],
                "groups": _group(ordered, verdict, pages, registry),
            }
            for verdict in _TROUBLE
            if count[verdict]
        ],
        "verdicts": [verdict.value for verdict in WORST_FIRST if count[verdict]],
        "frameworks": [
            _describe_framework(registry.find_label(key), by_framework[key]) for key in keys
        ],
        "count": len(ordered),
    }


def find_pages(ops: Iterable[Op]) -> dict[str, Op]:
    """Return the op that each file's page shows: its first one."""
    pages: dict[str, Op] = {}
    for op in ops:
        pages.setdefault(op.place.file, op)
    return pages


def find_page(op: Op, pages: Mapping[str, Op]) -> str | None:
    """Return the file whose page shows an op; None if that page shows another op of the file."""
    return op.place.file if pages[op.place.file] is op else None


def _list_columns(ops: Iterable[Op], registry: Registry, report: Report) -> list[Column]:
    devices: dict[str, dict[str, None]] = {key: {} for op in ops for key in op.variants}
    for judgement in report.judgements:
        if judgement.device:
            devices[judgement.check.variant.framework][judgement.device] = None
    columns = []
    for key in registry.sort_keys(devices):
        label = registry.find_label(key)
        if len(devices[key]) < 2:
            columns.append(Column(key, key, None, label))
        else:
            columns += [
                Column(make_anchor(key, device), key, device, f"{label} ({device})")
                for device in devices[key]
            ]
    return columns


def _combine_cell(op: Op, column: Column, report: Report) -> str:
    if column.framework not in op.variants:
        return NO_ENTRY
    judgements = report.list_variant(op, column.framework)
    if column.device:
        judgements = [each for each in judgements if each.device in (column.device, None)]
    return combine_verdicts(judgements).value


def _list_words(op: Op, registry: Registry) -> list[str]:
    """Return the names under which an op may be looked for, beside its own: APIs in short."""
    words = dict.fromkeys(op.aliases)
    for key, variant in op.variants.items():
        framework = registry.frameworks.get(key)
        if variant.api:
            words[framework.shorten_api(variant.api) if framework else variant.api] = None
    return list(words)


def _group(
    judgements: Iterable[Judgement], verdict: Verdict, pages: dict[str, Op], registry: Registry
) -> list[Context]:
    groups: dict[tuple[str, str, str], list[Context]] = {}
    for judgement in judgements:
        if judgement.verdict is not verdict:
            continue
        op, key, case = judgement.check.op, judgement.check.variant.framework, judgement.case
        groups.setdefault((key, judgement.device or "", _shorten(judgement.reason)), []).append(
            {
                "op": op.operation,
                "case": case.id if case else "",
                "file": find_page(op, pages),
                "anchor": make_anchor(key, case.id) if case else make_anchor(key),
            }
        )
    return [
        {
            "framework": registry.find_label(key),
            "anchor": make_anchor(key),
            "device": device,
            "reason": reason,
            "items": items,
        }
        for (key, device, reason), items in groups.items()
    ]


def _shorten(reason: str) -> str:
    """Return the first line of a reason; the op's page has all of it."""
    line, _, rest = show_controls(reason).strip().partition("\n")
    return f"{line[:_REASON_LENGTH]} …" if rest or len(line) > _REASON_LENGTH else line


def _describe_framework(label: str, judgements: Sequence[Judgement]) -> Context:
    counts = Counter(judgement.verdict for judgement in judgements)
    records = [
        judgement.record
        for judgement in judgements
        if judgement.record and judgement.verdict is Verdict.VERIFIED
    ]
    return {
        "label": label,
        "versions": sorted({f"{each.framework_version} on {each.device}" for each in records}),
        "ran_at": max((each.ran_at[:10] for each in records), default=""),
        "counts": {verdict.value: counts[verdict] for verdict in Verdict},
    }
