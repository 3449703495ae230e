"""From an op and its verdicts to what templates show: text and numbers, no Sphinx, no markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from optabs.apis import ApiFact, describe_missing, find_argument_problems
from optabs.catalog.model import Case, Op, Variant
from optabs.compare import Comparison
from optabs.frameworks import Registry
from optabs.records import Verdict
from optabs.verify import Judgement, Report, combine_verdicts

Context = dict[str, Any]

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


def make_op_context(op: Op, report: Report) -> Context:
    """Return what the head of an op's page shows."""
    counts = Counter(combine_verdicts(report.list_variant(op, key)) for key in op.variants)
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
        "counts": {verdict.value: counts[verdict] for verdict in Verdict},
    }


def make_crosscheck_context(op: Op, registry: Registry, report: Report) -> list[Context]:
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
                        "low": registry.find_label(found.low),
                        "high": registry.find_label(found.high),
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
    return {
        "key": key,
        "label": registry.find_label(key),
        "anchor": make_anchor(key),
        "verdict": combine_verdicts(judgements).value,
        "strategy": variant.strategy,
        "api": variant.api,
        "api_url": find_link(key, variant.api)
        if variant.api and not (fact and not fact.exists)
        else None,
        "api_exists": fact.exists if fact else None,
        "api_note": _describe_api(op, variant, fact, registry),
        "mapping": list_mapping(op, variant),
        "reason": whole.reason if whole and not variant.faults else "",
        "faults": [str(fault) for fault in variant.faults],
        "cases": [
            _make_case_context(case, key, judgements)
            for case in op.cases
            if any(each.case is case for each in judgements)
        ],
    }


def make_anchor(*parts: str) -> str:
    """Return an id for a page: ``torch``, ``torch-last-axis``."""
    return "-".join("".join(c if c.isalnum() else "-" for c in part.lower()) for part in parts)


def list_mapping(op: Op, variant: Variant) -> list[dict[str, str | None]]:
    """Return how each standard argument is passed, and what is passed in addition.

    Where a macro or an example stands in for the call, only what the entry says of an argument.
    """
    if variant.unsupported is not None:
        return []
    is_call = variant.api and not variant.macro_template and None not in variant.examples
    rows: list[dict[str, str | None]] = []
    for number, parameter in enumerate(op.parameters):
        if not is_call and parameter.name not in variant.args:
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


def _make_case_context(case: Case, key: str, judgements: list[Judgement]) -> Context:
    own = [each for each in judgements if each.case is case]
    outputs = list(
        dict.fromkeys(
            show_controls(each.record.stdout) for each in own if each.record and each.record.stdout
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
                "text": _describe_difference(item.dtype, [each.name for each in item.expect]),
                "reason": item.reason,
            }
            for item in case.find_differences(key)
        ],
        "results": [_make_result_context(each) for each in own],
    }


def _describe_difference(dtype: Mapping[str, str], results: list[str]) -> str:
    parts = [f"{name} has dtype {value}" for name, value in dtype.items()]
    if results:
        parts.append(f"{', '.join(results)}: another result")
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
        "python_version": record.python_version if record else "",
        "device_name": record.device_name if record else "",
        "ran_at": record.ran_at[:10] if record else "",
        # No finer than it is shown: a page is written again only for what its readers see.
        "seconds": round(record.seconds, 2) if record and record.seconds is not None else None,
        "max_abs_error": _format_error(comparison, "max_abs_error"),
        "max_rel_error": _format_error(comparison, "max_rel_error"),
        "rtol": f"{tolerance.rtol:g}" if tolerance else "",
        "atol": f"{tolerance.atol:g}" if tolerance else "",
        "tolerance_source": tolerance.source if tolerance else "",
        "tolerance_reason": tolerance.reason if tolerance else "",
        "traceback": show_controls(judgement.traceback),
        "stderr": show_controls(record.stderr) if record and failed else "",
        "changes": [show_controls(name) for name in record.changes] if record else [],
        "origin": "this build",
    }


def _format_error(comparison: Comparison | None, name: str) -> str | None:
    value = getattr(comparison, name) if comparison else None
    return None if value is None else _format_number(value)


def _format_number(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}"
