"""Optional arguments that the signatures of the chosen APIs share, and a case that sets them."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from optabs.apis import ApiParameter
from optabs.catalog.conventions import TO_WRITE
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

    def vary(self) -> Any:
        """Return a value that is not the default, or None where none can be invented."""
        kind = self.type.partition(" ")[0]
        if kind == "str":
            return None
        if self.name == AXIS:
            return 0 if self.default == -1 else -1
        if self.default is None:
            return VALUES[kind]
        if kind == "bool":
            return not self.default
        if kind == "int":
            return self.default + 1
        return self.default / 2 if abs(self.default) >= _SMALL else VALUES[kind]

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
    unknown: tuple[str, ...] = ()
    """Names that signatures share, but no default tells the type."""
    tried: tuple[str, ...] = ()
    """The names of those with which calls were tried."""


# --- from signatures ------------------------------------------------------------------------------


def find_options(choice: Choice, glossary: Glossary) -> Options:
    """Return the options that the signatures of at least two APIs have."""
    readable = {key: read for key, way in choice.ways.items() if (read := _read(way)) is not None}
    found: dict[str, dict[str, ApiParameter]] = defaultdict(dict)
    for key, parameters in readable.items():
        for each in _list_free(choice.ways[key], parameters, choice.form):
            name = glossary.standardise(key, each.name)
            if name not in NEVER_OPTIONS and name not in choice.form.names:
                found[name].setdefault(key, each)
    options, unknown = [], []
    for name, having in found.items():
        option = _make_option(name, having, readable, choice.ways, glossary)
        shared = {
            choice.ways[key].api.name
            for key in having
            if option is None or option.names[key] is not None
        }
        if len(shared) < _FEWEST_APIS:
            continue
        if option:
            options.append(option)
        else:
            unknown.append(name)
    return Options(tuple(options), tuple(unknown))


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
    ways: Mapping[str, Way],
    glossary: Glossary,
) -> Option | None:
    """Return an option with the type and the default of most APIs; None where none is a literal."""
    literals = {key: _read_literal(each) for key, each in having.items()}
    known = {key: each for key, each in literals.items() if each is not Ellipsis}
    # Some frameworks have the same API, which counts once.
    apis = {ways[key].api.name: each for key, each in known.items()}
    kinds = Counter(type(each).__name__ for each in apis.values() if each is not None)
    kind = max(kinds, key=kinds.__getitem__, default=glossary.find_kind(name))
    if kind == "int" and kinds["float"]:
        kind = "float"
    if not known or kind not in (*VALUES, "str"):
        return None
    fitting = {key: each for key, each in known.items() if _fits(each, kind)}
    usual = Counter(_write(each, kind) for each in apis.values() if _fits(each, kind))
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
    form = replace(
        choice.form,
        std_args=(*choice.form.std_args, *(each.write() for each in options.listed)),
        arguments=(*choice.form.arguments, *(each.argument for each in options.listed)),
    )
    turns = {key: _list_turns(way, options.listed, glossary) for key, way in choice.ways.items()}
    choice = replace(choice, form=form, ways={key: each[0] for key, each in turns.items()})
    values = {each.name: value for each in options.listed if (value := each.vary()) is not None}
    if values and choice.cases:
        choice = _set_options(name, choice, turns, values, machine, watch)
        options = replace(options, tried=tuple(values))
    return choice, options


def _list_turns(way: Way, options: Sequence[Option], glossary: Glossary) -> list[Way]:
    """Return how a way may pass options on: by the usual names, where no signature was read."""
    if way.api.is_class or not options:
        return [way]
    names = [
        (option.names[way.framework],)
        if way.framework in option.names
        else glossary.list_names(way.framework, option.name)[:_MOST_NAMES]
        for option in options
    ]
    args = way.data.get("args", {})
    turns = []
    for turn in range(max(map(len, names))):
        named = {
            option.name: listed[min(turn, len(listed) - 1)]
            for option, listed in zip(options, names, strict=True)
        }
        turns.append(replace(way, data={**way.data, "args": {**args, **named}}))
    return turns


def _set_options(
    name: str,
    choice: Choice,
    turns: Mapping[str, Sequence[Way]],
    values: Mapping[str, Any],
    machine: Machine,
    watch: Watching,
) -> Choice:
    """Return a choice with a case that sets options, if there is one, and with names that run."""
    main = choice.cases[0]
    candidates = [main.inputs, *main.inputs.edges]
    candidates += [each for each in choice.form.inputs if each.is_simple and each != main.inputs]
    tried = [
        replace(inputs, id=f"{inputs.id}-{number}", values={**inputs.values, **given})
        for inputs in candidates
        for number, given in enumerate([{}, *({key: value} for key, value in values.items())])
    ]
    found = try_calls(name, [replace(choice.form, inputs=tried)], [turns], machine, watch)[0]
    width = len(values) + 1
    rows = [found[start : start + width] for start in range(0, len(found), width)]
    ways = {
        key: _keep_names(
            way,
            turns[key],
            {option: [row[number] for row in rows] for number, option in enumerate(values, 1)},
        )
        for key, way in choice.ways.items()
    }
    choice = replace(choice, ways=ways)
    effective = [
        [option for option, each in zip(values, row[1:], strict=True) if _tells(each, row[0], main)]
        for row in rows
    ]
    best = max(range(len(rows)), key=lambda number: len(effective[number]))  # the first of equals
    if not effective[best]:
        return choice
    given = {option: values[option] for option in effective[best]}
    title = f"With {' and '.join(given)} given"
    together = Inputs(CASE, title, {**candidates[best].values, **given})
    single = {key: [way] for key, way in ways.items()}
    [[case]] = try_calls(name, [replace(choice.form, inputs=[together])], [single], machine, watch)
    if not _tells(case, rows[best][0], main):
        return choice
    return replace(choice, cases=(*choice.cases, case))


def _keep_names(way: Way, turns: Sequence[Way], tried: Mapping[str, Sequence[Consensus]]) -> Way:
    """Return a way with the name of each option under which a call ran, or none under none."""
    if way.api.is_class or _read(way) is not None:
        return way
    args = dict(way.data["args"])
    for option, found in tried.items():
        ran = {turn for each in found for turn in each.results.get(way.framework, ())}
        args[option] = turns[min(ran)].data["args"][option] if ran else None
    return replace(way, data={**way.data, "args": args})


def _tells(case: Consensus, without: Consensus, main: Consensus) -> bool:
    """Whether most APIs agree on what an option changes."""
    if case.agreed is None or without.agreed is None or is_same(case.agreed, without.agreed):
        return False
    return case.weight >= _FEWEST_APIS and case.weight * 2 > main.weight
