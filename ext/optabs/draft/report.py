"""What a draft is sure of and what it guesses, framework by framework, for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from optabs.catalog.conventions import TO_WRITE
from optabs.catalog.model import Catalog
from optabs.draft.entry import Draft
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
        verdicts = [each.verdict for each in draft.judgements[key] if each.case]
        count = verdicts.count(Verdict.VERIFIED)
        cases = "case" if len(verdicts) == 1 else "cases"
        agree = f"exists; agrees with the oracle in {count} of {len(verdicts)} {cases}"
        rows.append((key, draft.choice.ways[key].api.name, agree if verdicts else "exists"))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"{key:{widths[0]}}  {api:{widths[1]}}  {text}" for key, api, text in rows]


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
    names = ", ".join(f"{each.name} ({each.type})" for each in draft.choice.form.arguments)
    yield f"the standard arguments: {names or 'none'}"
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
        yield f"the inputs of {', '.join(f'`{name}`' for name, _ in draft.oracles)}"
    oracles: dict[str, list[str]] = {}
    for (name, comment), case in zip_longest(draft.oracles, draft.choice.cases):
        is_alone = case and len(case.frameworks) == 1 < len(case.results)
        alone = "; no other framework agrees" if is_alone else ""
        said = comment.partition(": ")[2].rstrip(".") + alone
        oracles.setdefault(said, []).append(f"`{name}`")
    yield from (f"the oracle of {', '.join(names)}: {said}" for said, names in oracles.items())
    for key, way in draft.choice.ways.items():
        if way.guesses:
            yield f"{key}: {'; '.join(way.guesses)}"
        if way.api.fact.warning:
            yield f"{key}: the API, which warns: {way.api.fact.warning}"


def _list_blanks(draft: Draft) -> Iterator[str]:
    yield f"what begins with '{TO_WRITE}': the description, what the arguments are"
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
