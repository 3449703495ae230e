"""Optional arguments that the signatures of the chosen APIs share, and a case that sets them."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from optabs.apis import ApiParameter
from optabs.catalog.conventions import TO_WRITE
from optabs.catalog.inputs import is_input_name
from optabs.draft.calls import AXIS, VALUES, Argument, Form, Inputs, Way
from optabs.draft.choice import Choice, Consensus, is_same, try_calls
from optabs.draft.lookup import Machine, Watching
from optabs.draft.names import Glossary

CASE = "options"
"""The id of the case that sets options."""
NEVER_OPTIONS = frozenset(
    (
        *("casting", "copy", "device", "dtype", "generator", "inplace", "layout", "like"),
        *("memory_format", "name", "order", "out", "out_sharding", "overwrite_input"),
        *("precision", "preferred_element_type", "requires_grad", "sparse", "subok", "where"),
    )
)
"""Arguments of how and where a result is computed and kept, rather than of what it is, and `where`,
which all reductions and ufuncs have. No entry has one of them as an option of a plain type."""
_MORE_RESULTS = "return_"
"""So begin the options that change how many results there are, which an entry has to name."""
_FEWEST_APIS = 2
_MOST_NAMES = 2
_SMALL = 0.01


@dataclass(frozen=True)
class Option:
    """An optional standard argument."""

    name: str
    type: str
    """``int``, ``float``, ``bool`` or ``str``, with ``| None`` where that is the default."""
    default: Any
    names: Mapping[str, str | None]
    """What frameworks call it; None where a readable signature does not have it."""
    others: Mapping[str, str]
    """By framework, a default that is another, as code."""
    misfits: Mapping[str, str]
    """By framework, a default of another type, as code: there it cannot be passed on."""
    is_typed: bool = True
    """Whether a default or the catalogue tells the type; if not, it is taken for a number."""

    @property
    def argument(self) -> Argument:
        """It as an argument of a form."""
        return Argument(self.name, self.type)

    @property
    def other_defaults(self) -> str:
        """The defaults that are others, in words; may be empty."""
        by_default: dict[str, list[str]] = defaultdict(list)
        for key, code in self.others.items():
            by_default[code].append(key)
        return "; ".join(f"{code} in {', '.join(keys)}" for code, keys in by_default.items())

    def vary(self, number: int = 0) -> list[Any]:
        """Return values that may change the result; none where none can be invented.

        The first is not the default; where defaults differ, the default may change it, too.
        Options of another `number` get other fractions, so that they are told apart.
        """
        kind = self.type.partition(" ")[0]
        if kind not in VALUES:
            return []
        value: Any = VALUES[kind] if kind != "float" else 1 - 0.5 ** (number + 1)
        if self.name == AXIS:
            value = 0 if self.default == -1 else -1
        elif kind == "bool":
            value = not self.default
        elif kind == "int" and self.default is not None:
            value = self.default + 1
        elif self.default is not None and abs(self.default) >= _SMALL:
            value = self.default / 2
        return [value, self.default] if self.others and self.default is not None else [value]

    def write(self) -> dict[str, Any]:
        """Return it as the entry has it."""
        doc = f"{TO_WRITE} what it does"
        if self.others:
            doc += f"; the default is {self.other_defaults}"
        return {"name": self.name, "type": self.type, "default": self.default, "doc": f"{doc}."}


@dataclass(frozen=True)
class Options:
    """The options of a draft."""

    listed: tuple[Option, ...] = ()
    dropped: tuple[str, ...] = ()
    """Names that signatures share, but neither a default nor a call tells what they take."""
    tried: tuple[str, ...] = ()
    """The names of those with which calls were tried."""


# --- from signatures ------------------------------------------------------------------------------


def find_options(choice: Choice, glossary: Glossary) -> list[Option]:
    """Return the options that the signatures of at least two APIs have."""
    readable = {key: read for key, way in choice.ways.items() if (read := _read(way)) is not None}
    found: dict[str, dict[str, ApiParameter]] = defaultdict(dict)
    for key, parameters in readable.items():
        for each in _list_free(choice.ways[key], parameters, choice.form):
            name = glossary.standardise(key, each.name)
            if name not in choice.form.names and is_input_name(name) and not _is_never(name):
                found[name].setdefault(key, each)
    options = (
        _make_option(name, having, readable, choice, glossary) for name, having in found.items()
    )
    return [each for each in options if each and _is_shared(each, choice.ways)]


def _is_never(name: str) -> bool:
    return name in NEVER_OPTIONS or name.startswith(_MORE_RESULTS)


def _is_shared(option: Option, ways: Mapping[str, Way]) -> bool:
    having = {ways[key].api.name for key, name in option.names.items() if name is not None}
    return len(having) >= _FEWEST_APIS


def _read(way: Way) -> tuple[ApiParameter, ...] | None:
    """Return the parameters of a function; None where there may be more than can be read."""
    parameters = way.api.fact.parameters
    if way.api.is_class or parameters is None:
        return None
    return None if any(each.kind == "var_keyword" for each in parameters) else parameters


def _list_free(way: Way, parameters: Sequence[ApiParameter], form: Form) -> Iterator[ApiParameter]:
    """Yield the optional parameters that can be named, and that no argument is mapped to."""
    taken = {each.name for each in parameters[: len(form.by_place)]}
    taken |= {*way.data.get("args", {}).values()}
    for each in parameters:
        is_named = each.kind in ("positional_or_keyword", "keyword_only")
        if is_named and each.default is not None and each.name not in taken:
            yield each


def _make_option(
    name: str,
    having: Mapping[str, ApiParameter],
    readable: Mapping[str, object],
    choice: Choice,
    glossary: Glossary,
) -> Option | None:
    """Return an option with the type and the default of most APIs; None where none is a literal.

    The default is that of most which agree in the first case, since it goes without the option.
    """
    literals = {key: _read_literal(each) for key, each in having.items()}
    known = {key: each for key, each in literals.items() if each is not Ellipsis}
    # Some frameworks have the same API, which counts once.
    apis = {choice.ways[key].api.name: each for key, each in known.items()}
    kinds = Counter(type(each).__name__ for each in apis.values() if each is not None)
    if not known:
        return None
    kind = max(kinds, key=kinds.__getitem__, default=glossary.find_kind(name))
    if kind == "int" and kinds["float"]:
        kind = "float"
    is_typed = kind in (*VALUES, "str")
    if not is_typed:
        kind = "" if name in glossary.types else "float"
    fitting = {key: each for key, each in known.items() if _fits(each, kind)}
    agreeing = fitting.keys() & (choice.cases[0].frameworks if choice.cases else ())
    voting = {choice.ways[key].api.name: fitting[key] for key in fitting if key in agreeing}
    votes = [each for each in (voting or fitting).values() if each is not None or kind != "bool"]
    usual = Counter(_write(each, kind) for each in votes or [None])
    code = max(usual, key=usual.__getitem__)
    default = ast.literal_eval(code)
    return Option(
        name,
        f"{kind} | None" if default is None else kind,
        default,
        {
            key: having[key].name if key in fitting or key in having.keys() - known else None
            for key in readable
        },
        {key: text for key, each in fitting.items() if (text := _write(each, kind)) != code},
        {key: repr(each) for key, each in known.items() if key not in fitting},
        is_typed,
    )


def _read_literal(parameter: ApiParameter) -> Any:
    """Return a default that is a plain value, else Ellipsis."""
    try:
        value = ast.literal_eval(parameter.default or "")
    except (ValueError, SyntaxError):
        return ...
    return value if isinstance(value, bool | int | float | str | None) else ...


def _fits(value: Any, kind: str) -> bool:
    name = type(value).__name__
    return value is None or name == kind or (name, kind) == ("int", "float")


def _write(value: Any, kind: str) -> str:
    return repr(float(value) if kind == "float" and value is not None else value)


# --- a case ---------------------------------------------------------------------------------------


def add_options(
    name: str,
    choice: Choice,
    glossary: Glossary,
    machine: Machine,
    watch: Watching,
) -> tuple[Choice, Options]:
    """Return a choice with the options that the signatures share, and these.

    There is one more case where setting options changes the result in the same way in most APIs
    that agree without them.
    """
    options = find_options(choice, glossary)
    values = {
        each.name: listed for number, each in enumerate(options) if (listed := each.vary(number))
    }
    turns = {key: _list_turns(way, options, glossary) for key, way in choice.ways.items()}
    ways: Mapping[str, Way] = {key: each[0] for key, each in turns.items()}
    case = None
    is_tried = bool(values and choice.cases) and choice.cases[0].weight >= _FEWEST_APIS
    if is_tried:
        wide = replace(choice, form=_extend(choice.form, options))
        ways, case = _try_options(name, wide, turns, values, machine, watch)
    shown = case.inputs.values if case else ()
    listed = [each for each in options if each.is_typed or each.name in shown]
    dropped = [each.name for each in options if each not in listed]
    extended = replace(
        choice,
        form=_extend(choice.form, listed),
        ways={key: _drop_names(way, dropped) for key, way in ways.items()},
        cases=(*choice.cases, case) if case else choice.cases,
    )
    return extended, Options(tuple(listed), tuple(dropped), tuple(values) if is_tried else ())


def _extend(form: Form, options: Sequence[Option]) -> Form:
    return replace(
        form,
        std_args=(*form.std_args, *(each.write() for each in options)),
        arguments=(*form.arguments, *(each.argument for each in options)),
    )


def _drop_names(way: Way, names: Sequence[str]) -> Way:
    """Return a way without some names in its `args`."""
    args = {name: own for name, own in way.data.get("args", {}).items() if name not in names}
    data = {key: value for key, value in way.data.items() if key != "args"}
    return replace(way, data={**data, "args": args} if args else data)


def _list_turns(way: Way, options: Sequence[Option], glossary: Glossary) -> list[Way]:
    """Return how a way may pass options on: by the usual names, where no signature was read."""
    if way.api.is_class or not options:
        return [way]
    args = way.data.get("args", {})
    names = []
    for option in options:
        taken = {*args.values(), *(each.name for each in options if each is not option)}
        usual = glossary.list_names(way.framework, option.name)[:_MOST_NAMES]
        if way.framework in option.names:
            names.append([option.names[way.framework]])
        else:
            names.append([each for each in usual if each not in taken] or [None])
    turns = []
    for turn in range(max(map(len, names))):
        named = {
            option.name: listed[min(turn, len(listed) - 1)]
            for option, listed in zip(options, names, strict=True)
        }
        turns.append(replace(way, data={**way.data, "args": {**args, **named}}))
    return turns


def _try_options(
    name: str,
    choice: Choice,
    turns: Mapping[str, Sequence[Way]],
    values: Mapping[str, Sequence[Any]],
    machine: Machine,
    watch: Watching,
) -> tuple[dict[str, Way], Consensus | None]:
    """Return the ways with names that run, and a case that shows as many options as can be."""
    main = choice.cases[0]
    candidates = [main.inputs, *main.inputs.edges]
    candidates += [each for each in choice.form.inputs if each.is_simple and each != main.inputs]
    given = [*_list_extras(values)]
    extras = [{}, *(extra for _, _, extra in given)]
    tried = [
        replace(inputs, id=f"{inputs.id}-{number}", values={**inputs.values, **extra})
        for inputs in candidates
        for number, extra in enumerate(extras)
    ]
    found = try_calls(name, [replace(choice.form, inputs=tried)], [turns], machine, watch)[0]
    width = len(extras)
    rows = [found[start : start + width] for start in range(0, len(found), width)]
    ran: dict[str, list[Consensus]] = defaultdict(list)
    telling: list[dict[str, tuple[Mapping[str, Any], set[str]]]] = []
    for row in rows:
        telling.append({})
        for (option, base, extra), each in zip(given, row[1:], strict=True):
            ran[option].append(each)
            if _tells(each, row[extras.index(base)], main):
                telling[-1].setdefault(option, (extra, {*each.frameworks}))
    ways = {
        key: _keep_names(each, ran) if main.results.get(key) else each[0]
        for key, each in turns.items()
    }
    best = max(range(len(rows)), key=lambda number: len(telling[number]))  # the first of equals
    if not telling[best]:
        return ways, None
    choice = replace(choice, ways=ways)
    shown = [*telling[best].values()]
    return ways, _combine(name, choice, candidates[best], rows[best][0], shown, machine, watch)


def _combine(
    name: str,
    choice: Choice,
    inputs: Inputs,
    without: Consensus,
    shown: Sequence[tuple[Mapping[str, Any], set[str]]],
    machine: Machine,
    watch: Watching,
) -> Consensus | None:
    """Return the case that sets most of some options in which all agree that do for each alone.

    The first options are kept: some exclude each other.
    """
    ways = {key: [way] for key, way in choice.ways.items()}
    counts = range(len(shown), 0, -1)
    given = [
        {name: value for extra, _ in shown[:count] for name, value in extra.items()}
        for count in counts
    ]
    tried = [
        Inputs(f"{CASE}-{count}", f"With {', '.join(each)} given", {**inputs.values, **each})
        for count, each in zip(counts, given, strict=True)
    ]
    [cases] = try_calls(name, [replace(choice.form, inputs=tried)], [ways], machine, watch)
    for count, case in zip(counts, cases, strict=True):
        agreeing = set.intersection(*(keys for _, keys in shown[:count]))
        if agreeing <= {*case.frameworks} and _tells(case, without, choice.cases[0]):
            return replace(case, inputs=replace(case.inputs, id=CASE))
    return None


def _list_extras(
    values: Mapping[str, Sequence[Any]],
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each option, what else is given, and that with a value of the option.

    Some options are taken only where an axis is given, too.
    """
    for option, listed in values.items():
        for value in listed:
            yield option, {}, {option: value}
            if AXIS in values and option != AXIS:
                axis = {AXIS: values[AXIS][0]}
                yield option, axis, {**axis, option: value}


def _keep_names(turns: Sequence[Way], tried: Mapping[str, Sequence[Consensus]]) -> Way:
    """Return a way with the name of each option under which a call ran, or none under none."""
    way = turns[0]
    if way.api.is_class or _read(way) is not None:
        return way
    args = dict(way.data["args"])
    for option, found in tried.items():
        ran = {turn for each in found for turn in each.results.get(way.framework, ())}
        args[option] = turns[min(ran)].data["args"][option] if ran else None
    return replace(way, data={**way.data, "args": args})


def _tells(case: Consensus, without: Consensus, main: Consensus) -> bool:
    """Whether most APIs agree on what an option changes, and something is left."""
    if case.agreed is None or without.agreed is None or not case.agreed.values:
        return False
    if is_same(case.agreed, without.agreed):
        return False
    return case.weight >= _FEWEST_APIS and case.weight * 2 > main.weight
