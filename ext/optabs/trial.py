"""Trying edited code in the place of an example: completed, run and judged as the example is."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import indent

from optabs.catalog.model import Case, Op, Text, Variant
from optabs.errors import OptabsError, Place
from optabs.frameworks import Framework, Registry
from optabs.ledger import Ledger
from optabs.plan import Options, Plan, make_plan
from optabs.run.targets import Target
from optabs.snippet import NoSnippet, build_snippet

_EDITED = Place("edited")  # stands in the place of the file in tracebacks
LONGEST_SECONDS = 30.0


def find_trial(op: Op, framework: str, case_id: str, code: str) -> tuple[Op, Case, Variant]:
    """Return an op of one case and one variant, whose example is the edited code.

    Raises:
        OptabsError: there is no such case or variant, or the code is no Python.
    """
    try:
        ast.parse(code)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        problem = getattr(error, "msg", str(error))
        raise OptabsError(f"the code is no Python: line {line}: {problem}") from None
    case = next((each for each in op.cases if each.id == case_id), None)
    variant = op.variants.get(framework)
    if case is None or variant is None:
        raise OptabsError(
            f"{op.operation} has no case {case_id!r} with {framework!r}",
            "it may have been renamed: reload the page",
        )
    edited = replace(variant, place=_EDITED, examples={case.id: Text(code, _EDITED, 1)})
    return replace(op, cases=(case,), variants={framework: edited}), case, edited


def plan_trial(
    op: Op,
    device: str,
    registry: Registry,
    targets: Sequence[Target],
    reference: Target,
    ledger: Ledger,
    time_limit: float,
) -> Plan:
    """Return the plan that runs the op of `find_trial` on a device.

    Raises:
        OptabsError: nothing can be run there; it says why.
    """
    (framework,) = op.variants
    wanted = [each for each in targets if (each.framework, each.device) == (framework, device)]
    options = Options((device,), min(time_limit, LONGEST_SECONDS))
    plan = make_plan([op], registry, wanted, reference, ledger, options)
    if not plan.checks:
        raise OptabsError(f"{framework} cannot be run on {device} here", "choose another device")
    check = plan.checks[0]
    reason = check.refusal[1] if check.refusal else plan.unavailable.get((framework, device))
    if reason and check.key not in plan.known:
        raise OptabsError(f"it cannot be run: {reason}", "")
    return plan


def write_block(op: Op, case: Case, variant: Variant, framework: Framework) -> str:
    """Return the YAML that puts the edited code into the entry, without what is added anyway."""
    code = variant.examples[case.id].text
    try:
        whole = build_snippet(op, case, variant, framework).code
    except NoSnippet:
        whole = ""
    for text in _list_ends(code):
        shorter = replace(variant, examples={case.id: Text(text, _EDITED, 1)})
        try:
            if build_snippet(op, case, shorter, framework).code == whole:
                code = text
                break
        except NoSnippet:
            continue
    return f"example:\n  {case.id}: |\n{indent(code.rstrip(), '    ')}\n"


def _list_ends(code: str) -> Iterator[str]:
    """Yield the last block of a text, the last two, ...; blocks stand apart by empty lines."""
    lines = code.strip("\n").split("\n")
    for number in range(len(lines) - 1, -1, -1):
        if number == 0 or not lines[number - 1].strip():
            yield "\n".join(lines[number:])
