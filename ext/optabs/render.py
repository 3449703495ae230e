"""From an op and its verdicts to what templates show: text and numbers, no Sphinx, no markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from optabs.apis import (
    ApiFact,
    Signature,
    describe_missing,
    find_argument_problems,
    is_by_hand,
)
from optabs.catalog.model import LONE_RESULT, Case, Op, Variant
from optabs.compare import Comparison
from optabs.frameworks import Registry
from optabs.records import Record, Verdict
from optabs.verify import Judgement, Report, combine_verdicts

Context = dict[str, Any]

_OWN = "this build"
_EVIDENCE = "evidence from another machine"

# Characters that do not show, and that XML cannot hold, as the pictures that Unicode has of them.
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {127: 0x2421}


def show_controls(text: str) -> str:
    """Return a text with its control characters as visible signs."""
    return text.replace("\r\n", "\n").translate(_PICTURES)


def split_code(text: str) -> list[tuple[str, bool]]:
    """Return the parts of a text, and whether each stands between backquotes.

    A backquote without its pair is a character like others.
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = ["`".join(parts[-2:])]
    return [(part, bool(number % 2)) for number, part in enumerate(parts) if part]


def begin_sentence(text: str) -> str:
    """Return a text with a capital at its beginning, unless that is a name."""
    word = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if word.isalpha() and word.islower() else text


def make_op_context(op: Op, registry: Registry, report: Report) -> Context:
    """Return what an op's page shows beside its tabs."""
    keys = registry.sort_keys(op.variants)
    return {
        "name": op.operation,
        "category": op.category,
        "aliases": list(op.aliases),
        "op_type": op.op_type,
        "signature": op.signature,
        "parameters": [
            {
                "name": each.name,
                "type": each.type,
                "default": each.default,
                "kind": each.kind,
                "doc": each.doc,
            }
            for each in op.parameters
        ],
        "return_type": op.return_type,
        "see_also": list(op.see_also),
        "counts": {verdict.value: count for verdict, count in report.count_variants(op).items()},
        "frameworks": [
            {"key": key, "label": registry.find_label(key), "anchor": make_anchor(key)}
            for key in keys
        ],
        "parity": _list_parity(op, keys, report),
        "arguments": list_arguments(op, keys, report),
        "crosscheck": _list_disagreements(op, registry, report),
        "differences": _list_differences(op, registry),
    }


def _list_parity(op: Op, keys: list[str], report: Report) -> list[Context]:
    """Return a row per device: the verdict of each framework there, None where it has no such."""
    found = {key: report.list_variant(op, key) for key in keys}
    devices = dict.fromkeys(
        each.device for judgements in found.values() for each in judgements if each.device
    )
    rows = []
    for number, device in enumerate(devices or [""]):
        verdicts = {}
        for key, judgements in found.items():
            here = [
                each
                for each in judgements
                if each.device == device or (each.device is None and not number)
            ]
            verdicts[key] = combine_verdicts(here).value if here or not number else None
        rows.append({"device": device, "verdicts": verdicts})
    return rows


def list_arguments(op: Op, keys: list[str], report: Report) -> list[Context]:
    """Return a row per argument: what each framework calls it, and its default there.

    A cell is None where the mapping does not say. Without a name the argument is dropped.
    """
    rows: dict[str, dict[str, Context]] = {}
    for key in keys:
        variant = op.variants[key]
        fact = report.apis.get((key, variant.api or ""))
        mapping = list_mapping(op, variant, fact)
        packed = Counter(row["framework"] for row in mapping)
        defaults = {
            each.name: each.default
            for each in _list_signature(fact)
            if packed[each.name] == 1  # what several arguments share is the default of none
        }
        for row in mapping:
            name = row["standard"] or f"+{row['framework']}"
            rows.setdefault(name, {})[key] = {
                "name": row["framework"],
                "value": row["value"],
                "default": defaults.get(row["framework"] or ""),
                "required": defaults.get(row["framework"] or "", "") is None,
            }
    standard = [each.name for each in op.parameters if each.name in rows]
    added = [name for name in rows if name.startswith("+")]
    return [
        {
            "standard": None if name in added else name,
            "cells": {key: rows[name].get(key) for key in keys},
        }
        for name in [*standard, *added]
    ]


def _list_differences(op: Op, registry: Registry) -> list[Context]:
    """Return the declared differences of all cases."""
    return [
        {
            "case": case.title or case.id,
            "frameworks": [registry.find_label(key) for key in registry.sort_keys(item.frameworks)],
            "keys": list(item.frameworks),
            "text": describe_difference(item.dtype, [each.name for each in item.expect]),
            "reason": item.reason,
        }
        for case in op.cases
        if not case.gradient
        for item in case.differences
    ]


def _list_disagreements(op: Op, registry: Registry, report: Report) -> list[Context]:
    """Return how far apart the frameworks are, a row per case and device."""
    rows = []
    for case in op.cases:
        devices = dict.fromkeys(
            each.device
            for key in op.variants
            for each in report.list_variant(op, key)
            if each.case is case and each.device
        )
        for device in devices:
            row = {"title": case.title or case.id, "device": device, "is_random": case.is_random}
            found = report.find_disagreement(op, case, device or "")
            if case.is_random:
                rows.append(row)
            elif found is not None:
                rows.append(
                    {
                        **row,
                        "count": len(found.frameworks),
                        "difference": _format_number(found.difference),
                        "relative": _format_number(found.relative),
                        "between": [registry.find_label(key) for key in found.between],
                        "keys": list(found.frameworks),
                        # Of each two of them: first with second, first with third, ...
                        "apart": [_format_number(apart) for apart, _ in found.pairs.values()],
                    }
                )
    return rows


def make_tab_context(
    op: Op,
    variant: Variant,
    registry: Registry,
    report: Report,
    find_link: Callable[[str, str], str | None],
) -> Context:
    """Return what a framework's tab shows. `find_link` gives the address of an API, if known."""
    key = variant.framework
    judgements = report.list_variant(op, key)
    fact = report.apis.get((key, variant.api or ""))
    whole = next((each for each in judgements if each.case is None), None)
    framework = registry.frameworks.get(key)
    return {
        "key": key,
        "label": registry.find_label(key),
        "anchor": make_anchor(key),
        "verdict": combine_verdicts(judgements).value,
        "devices": _list_devices(judgements),
        "not_on": _list_exclusions(variant.list_exclusions(None), judgements),
        "strategy": variant.strategy,
        "api": variant.api,
        "api_url": find_link(key, variant.api)
        if variant.api and not (fact and not fact.exists)
        else None,
        "api_exists": fact.exists if fact else None,
        "api_note": _describe_api(op, variant, fact, registry),
        "mapping": list_mapping(op, variant, fact),
        "runs": _list_runs(judgements),
        "history": _list_history(judgements),
        "reason": whole.reason if whole and not variant.faults else "",
        "faults": [str(fault) for fault in variant.faults],
        "cases": [
            _make_case_context(case, variant, judgements, framework.devices if framework else ())
            for case in op.cases
            if any(each.case is case and not _is_drawn(each) for each in judgements)
        ],
    }


def _is_drawn(judgement: Judgement) -> bool:
    """Whether a picture says all: of a curve and its gradient, unless something is wrong."""
    if judgement.case is None or not judgement.case.is_curve:
        return False
    return judgement.verdict is Verdict.VERIFIED or judgement.check.refusal is not None


def _list_devices(judgements: Iterable[Judgement]) -> list[Context]:
    """Return the verdict on each device, where there are several."""
    found: dict[str, list[Judgement]] = {}
    for each in judgements:
        if each.device:
            found.setdefault(each.device, []).append(each)
    return [
        {"device": device, "verdict": combine_verdicts(each).value}
        for device, each in found.items()
        if len(found) > 1
    ]


def _list_exclusions(
    found: Mapping[str, str],
    judgements: Iterable[Judgement],
    known: Mapping[str, str] | None = None,
) -> list[Context]:
    """Return the reasons for which nothing is run on devices, each with the devices.

    Left out are devices that have a verdict, which says it, and what is `known` already.
    """
    shown = {each.device for each in judgements} | (known or {}).keys()
    reasons: dict[str, list[str]] = {}
    for device, reason in found.items():
        if device not in shown:
            reasons.setdefault(reason, []).append(device)
    return [{"devices": devices, "reason": reason} for reason, devices in reasons.items()]


def _list_runs(judgements: Iterable[Judgement]) -> list[Context]:
    """Return what the results of a tab rest on: a run per device, version and machine.

    Where some of them come from other machines, `origin` says so of each.
    """
    runs: dict[tuple[str, ...], list[str]] = {}
    for each in judgements:
        if each.record:
            run = (*_identify_run(each.record), _EVIDENCE if each.line else _OWN)
            runs.setdefault(run, []).append(each.record.ran_at[:10])
    has_evidence = any(run[-1] == _EVIDENCE for run in runs)
    names = ("device", "device_name", "drivers", "framework_version", "python_version", "origin")
    return [
        {
            **dict(zip(names, (*run, origin if has_evidence else ""), strict=True)),
            "first": min(dates),
            "last": max(dates),
        }
        for (*run, origin), dates in runs.items()
    ]


def _list_history(judgements: Iterable[Judgement]) -> list[Context]:
    """Return the other versions of a framework that ran the code of today, newest first."""
    versions: dict[str, list[Judgement]] = {}
    for past in (past for each in judgements for past in each.past):
        assert past.record
        versions.setdefault(past.record.framework_version, []).append(past)
    rows = [
        {
            "version": version,
            "verdict": combine_verdicts(found).value,
            "count": len(found),
            "last": max(each.record.ran_at[:10] for each in found if each.record),
        }
        for version, found in versions.items()
    ]
    return sorted(rows, key=lambda row: str(row["last"]), reverse=True)


def _identify_run(record: Record) -> tuple[str, ...]:
    versions = (record.drivers, record.framework_version, record.python_version)
    return (record.device, record.device_name, *versions)


def make_anchor(*parts: str) -> str:
    """Return an id for a page: ``torch``, ``torch-last-axis``."""
    return "-".join("".join(c if c.isalnum() else "-" for c in part.lower()) for part in parts)


def list_mapping(op: Op, variant: Variant, fact: ApiFact | None) -> list[dict[str, str | None]]:
    """Return how each standard argument is passed, and what is passed in addition.

    Where a macro or examples stand in for the call, nothing says that an argument which the entry
    does not name goes by its standard name, unless the signature has that name.
    """
    if variant.unsupported is not None:
        return []
    said = {*variant.args}
    if variant.api and not variant.macro_template:
        by_hand = is_by_hand(op, variant)
        said |= {each.name for each in (_list_signature(fact) if by_hand else op.parameters)}
    rows: list[dict[str, str | None]] = []
    for number, parameter in enumerate(op.parameters):
        if parameter.name not in said:
            continue
        target = variant.args.get(parameter.name, parameter.name)
        if variant.pack_to_tuple and number:
            target = variant.pack_to_tuple
        change = "dropped" if target is None else "same" if target == parameter.name else "renamed"
        rows.append(
            {"standard": parameter.name, "framework": target, "change": change, "value": None}
        )
    rows += [
        {"standard": None, "framework": name, "change": "injected", "value": repr(value)}
        for name, value in variant.inject_args.items()
    ]
    return rows


def _list_signature(fact: ApiFact | None) -> Signature:
    """Return the parameters of an API as far as they are known, those of its calls first."""
    return (*((fact and fact.called) or ()), *((fact and fact.parameters) or ()))


def _describe_api(op: Op, variant: Variant, fact: ApiFact | None, registry: Registry) -> str:
    if fact is None:
        return ""
    label = registry.find_label(variant.framework)
    if not fact.exists:
        hint = describe_missing(fact)
        return f"no such name in the installed {label}" + (f"; {hint}" if hint else "")
    problems = find_argument_problems(op, variant, fact)
    notes = [f"it {each.text} ({each.hint})" for each in problems]
    if fact.warning:
        notes.append(f"the framework warns: {fact.warning}")
    return "; ".join(notes)


def _make_case_context(
    case: Case, variant: Variant, judgements: list[Judgement], devices: Collection[str]
) -> Context:
    key = variant.framework
    own = [each for each in judgements if each.case is case]
    excluded = {device: reason for device, reason in case.not_on.items() if device in devices}
    outputs = list(
        dict.fromkeys(
            show_controls(each.record.stdout)
            for each in own
            if each.record and each.record.stdout and not case.is_curve
        )
    )
    return {
        "id": case.id,
        "title": case.title,
        "anchor": make_anchor(key, case.id),
        "source": case.source,
        "outputs": [{"text": text} for text in outputs],
        "differences": [
            {
                "text": describe_difference(item.dtype, [each.name for each in item.expect]),
                "reason": item.reason,
            }
            for item in case.find_differences(key)
        ],
        "not_on": _list_exclusions(
            excluded | variant.list_exclusions(case), own, variant.list_exclusions(None)
        ),
        "results": [_make_result_context(each) for each in own],
    }


def describe_difference(dtype: Mapping[str, str], results: list[str]) -> str:
    """Return what a declared difference is: dtypes by result, and results that differ."""
    parts = [f"{name} has dtype {value}" for name, value in dtype.items()]
    if results:
        lone = results == [LONE_RESULT]
        parts.append("another result" if lone else f"{', '.join(results)}: another result")
    return "; ".join(parts) + "."


def _make_result_context(judgement: Judgement) -> Context:
    record, comparison = judgement.record, judgement.comparison
    tolerance = comparison.tolerance if comparison else None
    failed = judgement.verdict in (Verdict.FAILED, Verdict.DIFFERS)
    return {
        "device": judgement.device or "",
        "verdict": judgement.verdict.value,
        "label": judgement.verdict.words,
        "message": show_controls(judgement.reason),
        "framework_version": record.framework_version if record else "",
        "origin": f"evidence from {record.device_name}" if record and judgement.line else "",
        # No finer than it is shown: a page is written again only for what its readers see.
        "ran_at": record.ran_at[:10] if record else "",
        "max_abs_error": _format_error(comparison, "max_abs_error"),
        "max_rel_error": _format_error(comparison, "max_rel_error"),
        "rtol": f"{tolerance.rtol:g}" if tolerance else "",
        "atol": f"{tolerance.atol:g}" if tolerance else "",
        "up_to": comparison.up_to if comparison else "",
        "tolerance_source": tolerance.source if tolerance else "",
        "tolerance_reason": tolerance.reason if tolerance else "",
        "traceback": show_controls(judgement.traceback),
        "stderr": show_controls(record.stderr) if record and failed else "",
        "changes": [show_controls(name) for name in record.changes] if record else [],
    }


def _format_error(comparison: Comparison | None, name: str) -> str | None:
    value = getattr(comparison, name) if comparison else None
    return None if value is None else _format_number(value)


def _format_number(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}"
