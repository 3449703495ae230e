"""API names against the installed frameworks: what exists, what it accepts, what it warns of.

Names of arguments are held against the signature where the mapping makes a call: not where a macro,
an operator, a plugin or an example for every case stands in for it. There `args` tells the reader
where an argument goes, which need not be the API itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from optabs.catalog.model import Op, Parameter, Variant
from optabs.errors import Fault, Place
from optabs.frameworks import Registry


class ApiParameter(NamedTuple):
    """A parameter in the signature of an API."""

    name: str
    kind: str
    default: str | None = None
    """As code, ``...`` where it cannot be written; None where it is required."""


Signature = tuple[ApiParameter, ...]

Facts = Mapping[tuple[str, str], "ApiFact"]
"""By (framework, API name as the entry has it)."""

_SHOWN = 3


@dataclass(frozen=True)
class ApiFact:
    """What is known of an API name in the installed version of its framework."""

    exists: bool
    parameters: Signature | None
    """Of a class those of its constructor; None where the framework gives no signature."""
    nearest: tuple[str, ...]
    """Full names that exist."""
    warning: str | None
    called: Signature | None = None
    """What the instances of a class are called with."""
    missing: str | None = None
    """The first part of the name that is not there."""


def read_fact(text: str) -> ApiFact:
    """Return a fact from the form in which the ledger keeps it."""
    found = json.loads(text)
    return ApiFact(
        found["exists"],
        _read_signature(found["parameters"]),
        tuple(found["nearest"]),
        found["warning"],
        _read_signature(found["called"]),
        found["missing"],
    )


def _read_signature(found: list[list[str]] | None) -> Signature | None:
    return None if found is None else tuple(ApiParameter(*each) for each in found)


def list_api_faults(facts: Facts, registry: Registry, ops: Iterable[Op]) -> list[Fault]:
    """Return what is wrong with the API names of some ops, and with the arguments they get."""
    faults = []
    for op, variant, fact in _list_facts(facts, ops):
        label = registry.find_label(variant.framework)
        if fact.exists:
            faults += list_argument_faults(op, variant, fact)
        else:
            faults.append(
                Fault(
                    _find_place(variant),
                    "no-such-api",
                    f"{op.operation}: {variant.api!r} does not exist in the installed {label}",
                    describe_missing(fact) or "check the name",
                )
            )
    return faults


def list_api_notes(facts: Facts, registry: Registry, ops: Iterable[Op]) -> list[Fault]:
    """Return what frameworks say of names that do exist: moved, deprecated. No failures."""
    return [
        Fault(
            _find_place(variant),
            "note",
            f"{op.operation}: {registry.find_label(variant.framework)} warns of "
            f"{variant.api!r}: {fact.warning}",
        )
        for op, variant, fact in _list_facts(facts, ops)
        if fact.exists and fact.warning
    ]


def describe_missing(fact: ApiFact) -> str:
    """Return what may help where a name does not exist; may be empty."""
    if fact.nearest:
        return f"nearest: {', '.join(fact.nearest)}"
    if fact.missing and "." not in fact.missing:
        return f"its environment has no module {fact.missing!r}"
    return ""


@dataclass(frozen=True)
class ArgumentProblem:
    """An argument of the mapping that the API does not take so."""

    argument: str
    """Its name in the entry."""
    text: str
    hint: str


def find_argument_problems(op: Op, variant: Variant, fact: ApiFact) -> list[ArgumentProblem]:
    """Return what is wrong with the arguments that an entry names, by the API's signature."""
    if fact.parameters is None or variant.unsupported is not None or not makes_call(op, variant):
        return []
    problems = []
    for argument, name, by_name in _list_arguments(op, variant):
        problem = _find_problem(name, by_name, fact)
        if problem:
            problems.append(ArgumentProblem(argument, *problem))
    return problems


def list_argument_faults(op: Op, variant: Variant, fact: ApiFact) -> list[Fault]:
    """Return a fault for each of the `find_argument_problems`."""
    return [
        Fault(
            variant.argument_places.get(each.argument) or _find_place(variant),
            "no-such-argument",
            f"{op.operation}, {variant.framework}: {variant.api!r} {each.text}",
            each.hint,
        )
        for each in find_argument_problems(op, variant, fact)
    ]


def makes_call(op: Op, variant: Variant) -> bool:
    """Whether the mapping itself makes the call of the API in some case."""
    if (
        not variant.api
        or variant.macro_template
        or variant.requires_plugin
        or variant.transformation_type
        or variant.not_synthesised
    ):
        return False
    return not is_by_hand(op, variant)


def is_by_hand(op: Op, variant: Variant) -> bool:
    """Whether examples stand in for the call in every case; of those no gradient is made."""
    cases = [case.id for case in op.cases if not case.gradient]
    return None in variant.examples or (bool(cases) and variant.examples.keys() >= {*cases})


def _list_facts(facts: Facts, ops: Iterable[Op]) -> Iterator[tuple[Op, Variant, ApiFact]]:
    for op in ops:
        for key, variant in op.variants.items():
            fact = facts.get((key, variant.api or ""))
            if fact is not None and variant.unsupported is None:
                yield op, variant, fact


def _find_place(variant: Variant) -> Place:
    return variant.api_place or variant.place


def _list_arguments(op: Op, variant: Variant) -> Iterator[tuple[str, str, bool]]:
    """Yield (name in the entry, framework's name, whether it is passed by name).

    Only of arguments that the entry itself names; see `snippet.synthesis` for how they are passed.
    """
    for position, parameter in enumerate(op.parameters):
        packed = variant.pack_to_tuple and position > 0
        name = variant.args.get(parameter.name)
        if name is not None and not packed and parameter.kind != "var_keyword":
            yield parameter.name, name, _goes_by_name(parameter, position)
    if variant.pack_to_tuple:
        yield "", variant.pack_to_tuple, True
    for name in variant.inject_args:
        yield name, name, True


def _goes_by_name(parameter: Parameter, position: int) -> bool:
    return parameter.kind == "keyword_only" or (
        position > 0 and parameter.kind == "positional_or_keyword" and not parameter.is_variadic
    )


def _find_problem(name: str, by_name: bool, fact: ApiFact) -> tuple[str, str] | None:
    """Return (what is wrong, hint) with an argument, or None."""
    parameters = fact.parameters or ()
    known = {each.name: each.kind for each in (*(fact.called or ()), *parameters)}
    kinds = {each.kind for each in parameters}
    if "var_keyword" in kinds or (not by_name and "var_positional" in kinds):
        return None  # it takes anything, so nothing can be said
    if known.get(name) in ("positional_only", "var_positional") and by_name:
        return f"takes {name!r} by position only", "leave it out of `args`"
    if name in known:
        return None
    names = [each for each, kind in known.items() if kind != "var_keyword"]
    close = get_close_matches(name, names, n=_SHOWN, cutoff=0.5)
    if close:
        return f"has no parameter {name!r}", f"nearest: {', '.join(close)}"
    return f"has no parameter {name!r}", f"it has {', '.join(names) or 'none'}"
