"""Trying calls out in the frameworks, and choosing the simplest inputs that most agree on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optabs.catalog.importing import dump_entry
from optabs.catalog.load import load_bytes
from optabs.catalog.model import LONE_RESULT, Case, Expected, Op
from optabs.compare import Array, Number, Tree, compare_results, decode_tree, is_finite, is_nan
from optabs.draft.calls import Form, Inputs, Way
from optabs.draft.lookup import Machine, Watching
from optabs.errors import OptabsError
from optabs.expected import build_expected
from optabs.plan import Plan
from optabs.records import Outcome

_DIGITS = 8
"""Digits that a float32 is known to."""


Ways = Mapping[str, Sequence[Way]]
"""By framework, the likeliest first."""


@dataclass(frozen=True)
class Consensus:
    """What the frameworks gave in a case, and what most of them agree on."""

    case: Case
    inputs: Inputs
    results: Mapping[str, Mapping[int, Tree]]
    """By framework, and the number of the way that gave it."""
    frameworks: tuple[str, ...]
    """Those that agree."""
    ran: int
    """How many different APIs gave an array: some frameworks have the same one."""
    weight: int
    """How many different APIs those have that agree."""
    agreed: Array | None
    source: str = ""
    """The framework whose result that is."""

    @property
    def is_telling(self) -> bool:
        """Whether the result has finite numbers only."""
        return self.agreed is not None and all(map(_is_finite, self.agreed.values))

    @property
    def has_nan(self) -> bool:
        """Whether the result has a NaN."""
        return self.agreed is not None and any(map(is_nan, self.agreed.values))

    def find_dtype(self) -> str | None:
        """Return the dtype of the result where it is not the one that the format implies."""
        if self.agreed is None:
            return None
        expected = Expected(LONE_RESULT, self.case.place, values=self.write_values())
        implied = build_expected(replace(self.case, expect=(expected,)), "", None)[LONE_RESULT]
        same = isinstance(implied, Array) and implied.dtype == self.agreed.dtype
        return None if same else self.agreed.dtype

    def write_values(self) -> Any:
        """Return the result as nested lists of numbers; complex ones as text."""
        assert self.agreed
        return _nest([_round(value) for value in self.agreed.values], self.agreed.shape)


@dataclass(frozen=True)
class Choice:
    """A form, and what was chosen: inputs, and a variant for each framework."""

    form: Form
    ways: Mapping[str, Way]
    cases: tuple[Consensus, ...]
    """The first decides; none where nothing gave an array."""
    several: tuple[str, ...] = ()
    """The frameworks that give several results, which an entry has to name."""


def try_forms(
    name: str,
    forms: Sequence[Form],
    ways: Sequence[Ways],
    machine: Machine,
    watch: Watching,
) -> Choice:
    """Try all ways of all forms; return what most frameworks can do and agree on.

    Of inputs with edges the simplest are kept, and an edge; of others all. Inputs that are less
    simple are tried where a framework cannot do the simple ones.
    """
    simple = [
        replace(form, inputs=[each for each in form.inputs if each.is_simple]) for form in forms
    ]
    tried = try_calls(name, simple, ways, machine, watch)
    number = _find_best(tried)
    most = max(len({each[0].api.name for each in options.values()}) for options in ways)
    if max((each.ran for each in tried[number]), default=0) < most:
        tried = try_calls(name, forms, ways, machine, watch)
        number = _find_best(tried)
    form, options, found = forms[number], ways[number], tried[number]
    if not any(each.weight for each in found):
        plain = {key: way for key, each in options.items() if (way := _choose_function(each))}
        return Choice(form, plain, (), max(map(_list_several, found), key=len, default=()))
    main = max(found, key=_rank)  # the first of equals
    if main.inputs.edges:
        edges = replace(form, inputs=main.inputs.edges)
        others = try_calls(name, [edges], [options], machine, watch)[0]
        others += [each for each in found if each is not main]
        as_good = (each for each in others if each.weight >= main.weight)
        second = next(as_good, None) or max(others, key=lambda each: each.weight)
        cases = [main, *([second] if second.weight else [])]
    else:
        cases = [each for each in found if each.weight]
    chosen = {key: way for key, each in options.items() if (way := _choose_way(each, main, key))}
    return Choice(form, chosen, tuple(cases), _list_several(main))


def _list_several(found: Consensus) -> tuple[str, ...]:
    """Return the frameworks that give several results in a case."""
    return tuple(
        key
        for key, trees in found.results.items()
        if any(isinstance(tree, list) for tree in trees.values())
    )


def _find_best(tried: Sequence[Sequence[Consensus]]) -> int:
    """Return the number of the best form, the first of equals."""
    ranks = [max(map(_rank, found), default=(0, 0, False)) for found in tried]
    return ranks.index(max(ranks))


def _rank(found: Consensus) -> tuple[int, int, bool]:
    # That frameworks disagree is worth telling, so inputs are not chosen to avoid it.
    return found.ran, found.weight, found.is_telling


# --- running --------------------------------------------------------------------------------------


def try_calls(
    name: str,
    forms: Sequence[Form],
    ways: Sequence[Ways],
    machine: Machine,
    watch: Watching,
) -> list[list[Consensus]]:
    """Return what the frameworks agree on with each of the inputs of each form."""
    ops = [
        [
            _make_op(name, form, turn, options)
            for turn in range(max(map(len, options.values()), default=0))
            if form.inputs
        ]
        for form, options in zip(forms, ways, strict=True)
    ]
    plan, _ = machine.run([op for turns in ops for op in turns], watch)
    results = _read_results(plan)
    return [
        [*_gather(form, options, turns, results)]
        for form, options, turns in zip(forms, ways, ops, strict=True)
    ]


def _make_op(name: str, form: Form, turn: int, ways: Ways) -> Op:
    """Return the op that tries one way of each framework; what it expects says nothing."""
    data = {
        "operation": name,
        "std_args": [dict(each) for each in form.std_args],
        "cases": [
            {"id": inputs.id, "inputs": dict(inputs.values), "expect": 0.0}
            for inputs in form.inputs
        ],
        "variants": {key: dict(each[turn].data) for key, each in ways.items() if turn < len(each)},
    }
    entry = load_bytes(dump_entry(data).encode(), Path(f"{name.lower()}.yaml"), Path())[0]
    if entry.op is None or entry.faults:
        fault = next(iter(entry.faults), "")
        raise OptabsError(f"the calls of {name} cannot be tried: {fault}", "report this")
    return entry.op


_Results = Mapping[tuple[int, str, str], Tree]
"""By the op's identity, the case and the framework."""


def _read_results(plan: Plan) -> _Results:
    """Return what ran to its end."""
    results = {}
    for check in plan.checks:
        record = plan.known.get(check.key or "")
        if record and check.case and record.outcome is Outcome.OK:
            tree = decode_tree(record.results[LONE_RESULT])
            results[id(check.op), check.case.id, check.variant.framework] = tree
    return results


# --- choosing -------------------------------------------------------------------------------------


def _gather(form: Form, ways: Ways, turns: Sequence[Op], results: _Results) -> Iterator[Consensus]:
    """Yield what the frameworks agree on, case by case."""
    if not turns:
        return
    for case, inputs in zip(turns[0].cases, form.inputs, strict=True):
        found = {
            key: {
                turn: tree
                for turn, op in enumerate(turns)
                if (tree := results.get((id(op), case.id, key))) is not None
            }
            for key in ways
        }
        yield _agree(case, inputs, found, ways)


def _agree(
    case: Case,
    inputs: Inputs,
    found: Mapping[str, Mapping[int, Tree]],
    ways: Ways,
) -> Consensus:
    arrays = {
        key: [tree for tree in trees.values() if isinstance(tree, Array)]
        for key, trees in found.items()
    }
    ran = len({ways[key][0].api.name for key, listed in arrays.items() if listed})
    best = Consensus(case, inputs, found, (), ran, 0, None)
    numpy_first = sorted(arrays, key=lambda key: key != "numpy")  # of equals it is the oracle
    for source, candidate in ((key, each) for key in numpy_first for each in arrays[key]):
        keys = tuple(
            key
            for key, others in arrays.items()
            if any(is_same(other, candidate) for other in others)
        )
        weight = len({ways[key][0].api.name for key in keys})
        if weight > best.weight:
            best = Consensus(case, inputs, found, keys, ran, weight, candidate, source)
    return best


def _choose_way(ways: Sequence[Way], main: Consensus, key: str) -> Way | None:
    """Return the first way that agrees, else the first that runs, else the first.

    A class that does not run as it was tried is no way.
    """
    trees = main.results[key]
    agreeing = (
        turn
        for turn, tree in trees.items()
        if isinstance(tree, Array) and main.agreed and is_same(tree, main.agreed)
    )
    turn = next(agreeing, next(iter(trees), None))
    if turn is not None:
        return ways[turn]
    return _choose_function(ways)


def _choose_function(ways: Sequence[Way]) -> Way | None:
    return next((each for each in ways if not each.api.is_class), None)


def is_same(one: Array, other: Array) -> bool:
    """Whether two results agree, NaN with NaN."""
    return compare_results({"": one}, {"": other}, equal_nan=True).agrees


def _is_finite(value: Number) -> bool:
    if isinstance(value, complex):
        return math.isfinite(value.real) and math.isfinite(value.imag)
    return is_finite(value)


def _round(value: Number) -> Any:
    if isinstance(value, complex):
        return str(complex(_round(value.real), _round(value.imag))).strip("()")
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _nest(values: Sequence[Any], shape: Sequence[int]) -> Any:
    """Return values in C order as nested lists."""
    if not shape:
        return values[0]
    size = math.prod(shape[1:])
    return [_nest(values[n * size : (n + 1) * size], shape[1:]) for n in range(shape[0])]
