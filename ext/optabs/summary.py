"""From all verdicts to what the home page and the lists of ops show; no Sphinx, no markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from optabs.catalog.model import Op
from optabs.categories import Category, write_line
from optabs.frameworks import Registry
from optabs.records import Record, Verdict
from optabs.render import Context
from optabs.verify import Report


def make_summary_context(ops: Iterable[Op], registry: Registry, report: Report) -> Context:
    """Return what has been proved: totals, and per framework with which versions and when."""
    ops = tuple(ops)
    verified: dict[str, list[Record]] = {}
    for each in report.judgements:
        if each.verdict is Verdict.VERIFIED and each.record:
            verified.setdefault(each.check.variant.framework, []).append(each.record)
    keys = {key for op in ops for key in op.variants if op.has(key)} & registry.frameworks.keys()
    records = [record for each in verified.values() for record in each]
    counts = report.count()
    return {
        "ops": len(ops),
        "counts": {verdict.value: counts[verdict] for verdict in Verdict},
        "frameworks": [
            {
                "key": key,
                "label": registry.find_label(key),
                "ops": sum(op.has(key) for op in ops),
                "verified": len(verified.get(key, ())),
                "versions": _list_values(each.framework_version for each in verified.get(key, ())),
                "pythons": _list_values(each.python_version for each in verified.get(key, ())),
                "devices": _list_values(each.device for each in verified.get(key, ())),
                "ran_at": max((each.ran_at[:10] for each in verified.get(key, ())), default=""),
            }
            for key in registry.sort_keys(keys)
        ],
        "ran_at": max((each.ran_at[:10] for each in records), default=""),
        "devices": _list_values(
            each.device_name or each.device for key in keys for each in verified.get(key, ())
        ),
    }


def make_category_context(category: Category, report: Report) -> list[Context]:
    """Return a line for each op of a category: what it is, and its variants by verdict."""
    return [
        {
            "name": op.operation,
            "line": write_line(op),
            "frameworks": sum(map(op.has, op.variants)),
            "counts": {
                verdict.value: count
                for verdict, count in report.count_variants(op).items()
                if count
            },
        }
        for op in category.ops
    ]


def _list_values(values: Iterable[str]) -> list[str]:
    """Return different values, the most frequent first."""
    return [value for value, _count in Counter(values).most_common() if value]
