"""A draft: the entry of a new op, what its examples gave, and what is sure of it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from optabs.catalog.compose import CaseText, EntryText, compose_entry
from optabs.catalog.conventions import DRAFT, TO_CHECK, TO_WRITE
from optabs.catalog.inputs import measure_shape
from optabs.catalog.load import load_bytes
from optabs.catalog.model import Catalog, Entry, Op
from optabs.draft.calls import Argument, Form, Inputs, Way, list_forms, list_ways
from optabs.draft.choice import Choice, Consensus, try_forms
from optabs.draft.lookup import Findings, Machine, Watching
from optabs.draft.names import read_glossary
from optabs.draft.options import Options, add_options
from optabs.errors import OptabsError
from optabs.frameworks import Framework
from optabs.records import Verdict
from optabs.verify import Judgement

_NUMPY = "numpy"
_GUESS = f"{TO_CHECK.removeprefix('# ')}:"


@dataclass(frozen=True)
class Oracle:
    """Where the oracle of a case comes from."""

    case: str
    """The id of the case."""
    comment: str
    framework: str
    """Whose own result it is; empty where it is that of another op."""


@dataclass(frozen=True)
class Draft:
    """An entry that was drafted, as text, and what came of its examples."""

    operation: str
    file: Path
    text: str
    guessed_category: str
    """Empty where it was given."""
    choice: Choice
    op: Op
    judgements: Mapping[str, Sequence[Judgement]]
    """By framework, in the order of the cases."""
    absent: Mapping[str, str]
    """Why a framework has no variant."""
    oracles: Sequence[Oracle]
    """In the order of the cases."""
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Request:
    """What is to be drafted."""

    operation: str
    file: Path
    root: Path
    category: str | None
    like: Entry | None
    schema: str | None
    """How the entry names its JSON Schema, for editors."""


def make_draft(
    request: Request,
    catalog: Catalog,
    findings: Findings,
    machine: Machine,
    watch: Watching,
) -> Draft:
    """Return the draft of an op whose APIs were found."""
    glossary = read_glossary(catalog.ops)
    forms = (
        [_copy_form(request.like)] if request.like else list_forms(findings.apis, glossary)
    ) or [Form((), (), ())]
    args = _list_args(request.like)
    ways = [
        {
            framework.key: listed
            for framework in machine.frameworks
            if (
                listed := list_ways(
                    framework, findings.apis[framework.key], form, glossary, args.get(framework.key)
                )
            )
        }
        for form in forms
    ]
    choice = try_forms(request.operation, forms, ways, machine, watch)
    options = Options()
    if not request.like:  # which has options of its own
        choice, options = add_options(request.operation, choice, glossary, machine, watch)
    category = request.category or _guess_category(request.like, choice, catalog, machine)
    absent = _explain_absent(choice, findings, machine)
    expressions = [_call_numpy(case, choice, machine) for case in choice.cases]
    draft = _write(request, category, choice, absent, expressions, machine, watch)
    # NumPy in double precision may say otherwise than in the precision of the example.
    kept = [
        expression if _count_verified(draft, number) >= len(case.frameworks) else None
        for number, (expression, case) in enumerate(zip(expressions, choice.cases, strict=True))
    ]
    if kept != expressions:
        draft = _write(request, category, choice, absent, kept, machine, watch)
    return replace(draft, options=options)


def _count_verified(draft: Draft, number: int) -> int:
    return sum(each[number].verdict is Verdict.VERIFIED for each in draft.judgements.values())


def _call_numpy(case: Consensus, choice: Choice, machine: Machine) -> str | None:
    """Return the call of NumPy's own function in a case, or None where it does not agree there."""
    if _NUMPY not in case.frameworks:
        return None
    way = choice.ways[_NUMPY]
    callee = machine.registry.frameworks[_NUMPY].shorten_api(way.api.name)
    mapped = way.data.get("args", {})
    parts = [
        f"{mapped[name]}={name}" if name in mapped else name
        for name in choice.form.names
        if name in case.inputs.values and mapped.get(name, "") is not None
    ]
    return f"{callee}({', '.join(parts)})"


# --- from another op ------------------------------------------------------------------------------


def _copy_form(like: Entry) -> Form:
    """Return the standard arguments and the inputs of another op."""
    assert like.op
    std_args = tuple(
        {"name": each} if isinstance(each, str) else dict(each)
        for each in like.data.get("std_args") or ()
    )
    arguments = tuple(
        Argument(each.name, "Tensor" if re.search("Tensor|^$", each.type) else each.type)
        for each in like.op.parameters
    )
    inputs = tuple(
        Inputs(case["id"], case.get("title", ""), case.get("inputs") or {})
        for case in like.data.get("cases") or ()
        if not case.get("plot")
    )
    return Form(std_args, arguments, inputs)


def _copy_cases(like: Entry) -> list[CaseText]:
    """Return the cases of another op as they are, since nothing ran that would give results."""
    assert like.op
    comment = f"{_GUESS} this is still what {like.op.operation} expects."
    return [
        CaseText(
            case["id"],
            case.get("title", ""),
            case.get("inputs") or {},
            comment,
            case["expect"],
            case.get("equal_nan", False),
        )
        for case in like.data.get("cases") or ()
        if not case.get("plot")
    ]


def _list_args(like: Entry | None) -> dict[str, Mapping[str, str | None]]:
    variants = like.op.variants.items() if like and like.op else ()
    return {key: variant.args for key, variant in variants if variant.api}


# --- what is said ---------------------------------------------------------------------------------


def _guess_category(like: Entry | None, choice: Choice, catalog: Catalog, machine: Machine) -> str:
    """Return the category that most ops with APIs in the same modules have, else that of the shape.

    It is one that the catalogue has; empty where it has none.
    """
    if like and like.op:
        return like.op.category
    votes: dict[str, float] = {}
    for key, way in choice.ways.items():
        framework = machine.registry.frameworks[key]
        module = _find_module(framework, way.api.name)
        counts = Counter(
            op.category
            for op in catalog.ops
            if (variant := op.variants.get(key))
            and variant.api
            and _find_module(framework, variant.api) == module
        )
        for category, count in counts.items():
            votes[category] = votes.get(category, 0.0) + count / counts.total()
    usual = max(votes, key=votes.__getitem__, default="")
    shown = _read_category(choice)
    is_clear = usual and votes[usual] * 2 > sum(votes.values())
    return shown if not is_clear and any(op.category == shown for op in catalog.ops) else usual


def _read_category(choice: Choice) -> str:
    """Return the category that the first case speaks for, or an empty text."""
    agreed = choice.cases[0].agreed if choice.cases else None
    if agreed is None:
        return ""
    values = choice.cases[0].inputs.values.values()
    shapes = [measure_shape(value, set()) for value in values if isinstance(value, list)]
    if agreed.shape in shapes and "axis" not in choice.form.names:
        return "Comparison and logic" if agreed.dtype == "bool" else "Elementwise"
    is_smaller = all(len(agreed.values) < math.prod(shape or ()) for shape in shapes)
    return "Reductions" if is_smaller or agreed.shape in shapes else "Manipulation"


def _find_module(framework: Framework, api: str) -> str:
    return framework.expand_api(api).rpartition(".")[0]


def _explain_absent(choice: Choice, findings: Findings, machine: Machine) -> dict[str, str]:
    """Return why frameworks have no variant."""
    absent = {}
    running = {each.key for each in machine.frameworks} - findings.unavailable.keys()
    for key in machine.registry.frameworks:
        if key in choice.ways:
            continue
        apis = findings.apis.get(key, [])
        if key in findings.unavailable:
            absent[key] = f"not looked up: {findings.unavailable[key]}"
        elif key not in running:
            absent[key] = "not looked up"
        elif apis:
            what = "is a class" if apis[0].is_class else "takes other arguments"
            absent[key] = f"{apis[0].name} {what}: write an example"
        else:
            absent[key] = (
                "nothing of the name: write an example of what there is, or `unsupported` with "
                "the reason"
            )
    return absent


def _write(
    request: Request,
    category: str,
    choice: Choice,
    absent: Mapping[str, str],
    expressions: Sequence[str | None],
    machine: Machine,
    watch: Watching,
) -> Draft:
    """Write the entry and run it."""
    like = request.like.op if request.like else None
    cases = [_write_case(*each) for each in zip(choice.cases, expressions, strict=True)]
    copied = _copy_cases(request.like) if request.like and not cases else []
    head = [f"yaml-language-server: $schema={request.schema}"] if request.schema else []
    head.append(
        f"{DRAFT.removeprefix('# ')}. `optabs check --conventions` says what is left to do."
    )
    if not cases and not copied:
        head.append(
            "The calls give several results: write `cases`, and name each under `expect`."
            if choice.several
            else "No inputs were found with which a call runs: write `cases`."
        )
    text = compose_entry(
        EntryText(
            head,
            request.operation,
            category,
            f"{TO_WRITE} what {request.operation} computes, with its formula, and what happens at "
            "the edges.",
            choice.form.std_args,
            cases or copied,
            {
                key: _add_note(choice.ways[key], machine.registry.frameworks[key])
                for key in machine.registry.sort_keys(choice.ways)
            },
            absent,
            op_type=like.op_type if like else "function",
            return_type=like.return_type or "Tensor" if like else "Tensor",
            reference=like.reference.text if like and like.reference and copied else "",
        )
    )
    entry = load_bytes(text.encode(), request.file, request.root)[0]
    if entry.op is None or entry.faults:
        raise OptabsError(
            f"the draft of {request.operation} has faults; nothing was written",
            "report this: " + "; ".join(map(str, entry.faults)),
        )
    _, report = machine.run([entry.op], watch)
    return Draft(
        request.operation,
        request.file,
        text,
        "" if request.category else category,
        choice,
        entry.op,
        {key: report.list_variant(entry.op, key) for key in entry.op.variants},
        absent,
        [
            Oracle(case.id, case.comment, found.source if found else "")
            for case, found in zip_longest(cases or copied, choice.cases)
        ],
    )


def _write_case(case: Consensus, expression: str | None) -> CaseText:
    dtype = case.find_dtype()
    if expression:
        expect: Any = expression
        comment = f"{_GUESS} what NumPy's own function gives."
    else:
        expect = case.write_values()
        comment = f"{_GUESS} what {', '.join(case.frameworks)} gave."
    if dtype:
        expect = {"result": {"expr" if expression else "values": expect, "dtype": dtype}}
    title = case.inputs.title or f"{TO_WRITE} what it shows"
    return CaseText(case.inputs.id, title, case.inputs.values, comment, expect, case.has_nan)


def _add_note(way: Way, framework: Framework) -> dict[str, Any]:
    """Return the variant; with a note where the API is another framework's."""
    own = {framework.expand_api(module).partition(".")[0] for module in framework.modules}
    distribution = framework.distributions[0]
    root = framework.expand_api(way.api.name).partition(".")[0]
    if root == distribution or distribution not in own:
        return dict(way.data)
    module = way.api.name.rpartition(".")[0]
    note = (
        f"{distribution.capitalize()} has no function of its own for this; "
        f"its users call `{module}`.\n"
    )
    return {**way.data, "notes": note}
