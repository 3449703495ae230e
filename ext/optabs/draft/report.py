"""What a draft is sure of and what it guesses, framework by framework, for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from optabs.catalog.conventions import TO_WRITE
from optabs.catalog.model import Catalog
from optabs.draft.entry import Draft
from optabs.draft.options import CASE
from optabs.frameworks import Registry
from optabs.records import Verdict
from optabs.verify import Judgement

_WIDTH = 100


def describe_draft(
    draft: Draft, registry: Registry, catalog: Catalog, program: str, file: str
) -> str:
    """Return what is to be said of a draft; `program` and `file` are as the user writes them."""
    keys = registry.sort_keys([*draft.op.variants, *draft.absent])
    sections = {
        "sure, since it was looked up and run": _list_sure(draft, keys),
        "not verified": [*_list_failures(draft)],
        "guessed, so check it": [*_list_guesses(draft)],
        "other ops have the same APIs": [*_list_used(draft, registry, catalog)],
        "yours to write": [*_list_blanks(draft)],
        "next": [
            f"{program} check --conventions {file}",
            f"{program} verify {file}",
            "make live",
        ],
    }
    lines = [f"{file}: a draft of {draft.operation}"]
    for title, items in sections.items():
        if items:
            lines += ["", f"{title}:", *(line for item in items for line in _wrap(item))]
    return "\n".join(lines) + "\n"


def _list_sure(draft: Draft, keys: Sequence[str]) -> list[str]:
    """Return a line for each framework: what exists there, and how many cases agree."""
    rows = []
    for key in keys:
        if key in draft.absent:
            rows.append((key, "-", draft.absent[key].partition(": ")[0]))
            continue
        rows.append((key, draft.choice.ways[key].api.name, _describe_agreement(draft, key)))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"{key:{widths[0]}}  {api:{widths[1]}}  {text}" for key, api, text in rows]


def _describe_agreement(draft: Draft, key: str) -> str:
    """Return in how many cases a framework agrees with the oracle, and in how many it gave it."""
    ways = draft.choice.ways
    own = {
        each.case
        for each in draft.oracles
        if each.framework and ways[each.framework].api.name == ways[key].api.name
    }
    judged = [each for each in draft.judgements[key] if each.case]
    verified = [each.case.id for each in judged if each.case and each.verdict is Verdict.VERIFIED]
    held = [name for name in verified if name not in own]
    of_all = f"{len(judged)} {'case' if len(judged) == 1 else 'cases'}"
    said = ["exists"]
    if held or (judged and not own):
        said.append(f"agrees with the oracle in {len(held)} of {of_all}")
    if own:
        said.append(f"its own output is the oracle in {len(own)} of {of_all}")
    return "; ".join(said)


def _list_failures(draft: Draft) -> Iterator[str]:
    """Yield what failed or differs, once for the frameworks and cases of which the same is said."""
    by_framework: dict[tuple[str, str], list[str]] = {}
    for key, judgements in draft.judgements.items():
        for each in judgements:
            if each.case and each.verdict is not Verdict.VERIFIED:
                said = _describe_failure(each)
                by_framework.setdefault((key, said), []).append(f"`{each.case.id}`")
    by_cases: dict[tuple[str, str], list[str]] = {}
    for (key, said), cases in by_framework.items():
        by_cases.setdefault((", ".join(cases), said), []).append(key)
    for (cases_said, said), keys in by_cases.items():
        yield f"{', '.join(keys)} in {cases_said}: {said}"


def _describe_failure(judgement: Judgement) -> str:
    first = judgement.reason.strip().split("\n")[0]
    return f"{judgement.verdict.words}, {textwrap.shorten(first, 160, placeholder=' …')}"


def _list_guesses(draft: Draft) -> Iterator[str]:
    if draft.guessed_category:
        yield f"the category: {draft.guessed_category}"
    optional = {each.name for each in draft.options.listed}
    names = ", ".join(
        f"{each.name} ({each.type})"
        for each in draft.choice.form.arguments
        if each.name not in optional
    )
    yield f"the standard arguments: {names or 'none'}"
    yield from _list_options(draft)
    if draft.choice.several:
        yield (
            f"one result, but {', '.join(draft.choice.several)} gave several: name each under "
            "`expect`, and the call is unpacked"
        )
    if not draft.oracles and not draft.choice.several:
        yield (
            "there is no case: no inputs were found with which a call runs. Write `cases`, or "
            "take those of another op with --like OTHER"
        )
    elif draft.oracles:
        yield f"the inputs of {', '.join(f'`{each.case}`' for each in draft.oracles)}"
    oracles: dict[str, list[str]] = {}
    for oracle, case in zip_longest(draft.oracles, draft.choice.cases):
        is_alone = case and len(case.frameworks) == 1 < len(case.results)
        alone = "; no other framework agrees" if is_alone else ""
        said = oracle.comment.partition(": ")[2].rstrip(".") + alone
        oracles.setdefault(said, []).append(f"`{oracle.case}`")
    yield from (f"the oracle of {', '.join(names)}: {said}" for said, names in oracles.items())
    for key, way in draft.choice.ways.items():
        if way.guesses:
            yield f"{key}: {'; '.join(way.guesses)}"
        if way.api.fact.warning:
            yield f"{key}: the API, which warns: {way.api.fact.warning}"


def _list_options(draft: Draft) -> Iterator[str]:
    """Yield which optional arguments signatures speak for, and what is not sure of each."""
    options, ways = draft.options, draft.choice.ways
    given = {name for case in draft.choice.cases for name in case.inputs.values}
    for title, is_run in ((f"run in `{CASE}`", True), ("in no case", False)):
        listed = [each for each in options.listed if (each.name in given) is is_run]
        names = ", ".join(f"{each.name} ({each.type}, {each.default!r})" for each in listed)
        if names:
            yield f"the optional arguments, from signatures, {title}: {names}"
    for option in options.listed:
        if not option.is_typed:
            yield f"the type of `{option.name}`: it takes a number, but no default is one"
        if option.others:
            yield f"the default of `{option.name}`: {option.default!r}; {option.other_defaults}"
        for key, code in option.misfits.items():
            yield f"{key}: its `{option.name}` is of another type, {code}, so it gets none"
    for key, way in ways.items():
        args = way.data.get("args", {})
        unread = [each for each in options.listed if key not in each.names and each.name in args]
        lacked = [f"`{each.name}`" for each in unread if args[each.name] is None]
        if lacked:
            yield f"{key}: that it has no {', '.join(lacked)}, since no call with it ran"
        runs = draft.choice.cases and draft.choice.cases[0].results.get(key)
        unsure = [
            f"`{args[each.name]}`"
            for each in unread
            if args[each.name] and not (runs and each.name in options.tried)
        ]
        if unsure:
            yield f"{key}: that it takes {', '.join(unsure)}, since its signature cannot be read"
    if options.dropped:
        names = ", ".join(f"`{name}`" for name in options.dropped)
        yield f"without {names}, which signatures share: no default tells the type"


def _list_blanks(draft: Draft) -> Iterator[str]:
    yield f"what begins with '{TO_WRITE}': the description, what the arguments are"
    for key, judgements in draft.judgements.items():
        lacked = [name for name, own in draft.op.variants[key].args.items() if own is None]
        for each in judgements:
            given = {item.name for item in each.case.inputs} if each.case else set()
            missing = [f"`{name}`" for name in lacked if name in given]
            if missing and each.case and each.verdict is not Verdict.VERIFIED:
                yield f"{key} has no {', '.join(missing)}: an example of `{each.case.id}`"
    for reason in dict.fromkeys(draft.absent.values()):
        keys = [key for key, why in draft.absent.items() if why == reason]
        yield f"{', '.join(keys)}: {reason}"


def _list_used(draft: Draft, registry: Registry, catalog: Catalog) -> Iterator[str]:
    """Yield the ops of the catalogue that use the same APIs: one of them may be the op itself."""
    found: dict[str, list[str]] = {}
    for op in catalog.ops:
        for key, variant in op.variants.items():
            way = draft.choice.ways.get(key)
            framework = registry.frameworks.get(key)
            if way and framework and variant.api:
                same = framework.expand_api(variant.api) == framework.expand_api(way.api.name)
                if same:
                    found.setdefault(f"{op.operation} ({op.place.file})", []).append(way.api.name)
    for op_name, apis in found.items():
        yield f"{op_name}: {', '.join(dict.fromkeys(apis))}"


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="      ",
        break_on_hyphens=False,
    )
