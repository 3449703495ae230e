"""The export: every verdict as one JSON document that others build on (`optabs.json`)."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from optabs.catalog.model import Op
from optabs.frameworks import Registry
from optabs.run.targets import Target
from optabs.verify import Judgement, Report
from optabs.version import __version__

SCHEMA = 1


def build_export(
    ops: Iterable[Op],
    registry: Registry,
    targets: Sequence[Target],
    report: Report,
    docnames: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return the export of a report. `docnames` are the pages of the ops, by file."""
    pages = docnames or {}
    return {
        "schema": SCHEMA,
        "optabs_version": __version__,
        "frameworks": [
            {
                "key": key,
                "name": framework.label,
                "version": _find_version(key, targets),
                "devices": [
                    target.device
                    for target in targets
                    if target.framework == key and target.identity
                ],
            }
            for key, framework in registry.frameworks.items()
        ],
        "ops": [export_op(op, registry, report, pages.get(op.place.file, op.page)) for op in ops],
    }


def export_op(op: Op, registry: Registry, report: Report, docname: str) -> dict[str, Any]:
    """Return an op's part of the export."""
    return {
        "operation": op.operation,
        "docname": docname,
        "category": op.category,
        "variants": {
            key: _export_variant(op, key, report) for key in registry.sort_keys(op.variants)
        },
    }


def write_export(export: dict[str, Any], file: Path) -> None:
    """Write the export, unless the file holds it already."""
    replace_file(file, encode_json(export))


def write_matrix(matrix: dict[str, Any], file: Path, docnames: dict[str, str]) -> None:
    """Write the matrix as CSV, unless the file holds it already.

    `matrix` is what `make_matrix_context` returns; `docnames` are the pages of the ops, by file.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["op", "category", "page", *(each["key"] for each in matrix["columns"])])
    for row in matrix["rows"]:
        page = docnames.get(row["file"] or "", "")
        writer.writerow([row["name"], row["category"], page, *row["cells"]])
    replace_file(file, text.getvalue().encode())


def encode_json(content: dict[str, Any]) -> bytes:
    """Return a JSON document as it is published."""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def replace_file(file: Path, content: bytes) -> None:
    """Give a file its content in one step; one that holds it already is not touched."""
    if file.is_file() and file.read_bytes() == content:
        return
    if not file.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    try:
        new.write_bytes(content)
        new.replace(file)
    except OSError:
        with contextlib.suppress(OSError):  # the disk is full, say: no half a file stays
            new.unlink()
        raise


def _find_version(key: str, targets: Sequence[Target]) -> str | None:
    return next(
        (
            target.framework_version
            for target in targets
            if target.framework == key and target.framework_version
        ),
        None,
    )


def _export_variant(op: Op, key: str, report: Report) -> dict[str, Any]:
    variant = op.variants[key]
    fact = report.apis.get((key, variant.api or ""))
    return {
        "strategy": variant.strategy,
        "api": variant.api,
        "api_exists": fact.exists if fact else None,
        "verdicts": [_export_judgement(each) for each in report.list_variant(op, key)],
    }


def _export_judgement(judgement: Judgement) -> dict[str, Any]:
    record, comparison = judgement.record, judgement.comparison
    tolerance = comparison.tolerance if comparison else None
    return {
        "case": judgement.case.id if judgement.case else None,
        "device": judgement.device,
        "verdict": judgement.verdict.value,
        "outcome": record.outcome.value if record else None,
        "reason": judgement.reason,
        "framework_version": record.framework_version if record else None,
        "python_version": record.python_version if record else None,
        "device_name": record.device_name if record else None,
        "drivers": record.drivers if record else None,
        "elsewhere": record.elsewhere if record else None,
        "is_evidence": judgement.line is not None,
        "ran_at": record.ran_at if record else None,
        "seconds": record.seconds if record else None,
        "max_abs_error": _write_number(comparison.max_abs_error if comparison else None),
        "max_rel_error": _write_number(comparison.max_rel_error if comparison else None),
        "rtol": tolerance.rtol if tolerance else None,
        "atol": tolerance.atol if tolerance else None,
        "tolerance_source": tolerance.source if tolerance else None,
        "error": judgement.traceback or None,
    }


def _write_number(value: float | None) -> float | str | None:
    """Return a number as JSON can hold it: infinity is text."""
    return str(value) if value is not None and not math.isfinite(value) else value
