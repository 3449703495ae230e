"""Calls that may be right: standard arguments, each framework's mapping of them, and inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from optabs.apis import ApiParameter
from optabs.catalog.conventions import TO_WRITE
from optabs.catalog.inputs import is_input_name
from optabs.draft.lookup import Api
from optabs.draft.names import Glossary
from optabs.frameworks import Framework

_TENSOR_NAMES = ("x", "y", "z")
VALUES: Mapping[str, Any] = {"int": 1, "float": 0.5, "bool": True}
AXIS = "axis"
_MOST_FORMS, _MOST_WAYS = 3, 4
_POSITIONAL = ("positional_only", "positional_or_keyword")


@dataclass(frozen=True)
class Argument:
    """A standard argument; an option has a Python value of the type, a tensor an array."""

    name: str
    type: str
    """``Tensor``, ``int``, ``float`` or ``bool``."""

    @property
    def is_tensor(self) -> bool:
        """Whether it is an array."""
        return self.type == "Tensor"


@dataclass(frozen=True)
class Inputs:
    """The inputs of a case, as an entry writes them."""

    id: str
    title: str
    values: Mapping[str, Any]
    edges: tuple[Inputs, ...] = ()
    """Inputs for a second case, the one that tells most first."""
    is_simple: bool = True
    """Whether it is tried first."""


@dataclass(frozen=True)
class Form:
    """How an op may be called: its standard arguments, and inputs that may suit them."""

    std_args: tuple[Mapping[str, Any], ...]
    """As the entry has them."""
    arguments: tuple[Argument, ...]
    inputs: Sequence[Inputs]
    """The simplest first."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arguments."""
        return tuple(argument.name for argument in self.arguments)

    @property
    def by_place(self) -> tuple[Argument, ...]:
        """The arguments that calls give by position: the first, and the tensors after it."""
        first = self.arguments[:1]
        return (*first, *takewhile(lambda each: each.is_tensor, self.arguments[1:]))


@dataclass(frozen=True)
class Way:
    """A variant that may be right."""

    framework: str
    api: Api
    data: Mapping[str, Any]
    """The variant as the entry has it."""
    guesses: tuple[str, ...] = field(default=())
    """What is not sure of it."""


# --- forms ----------------------------------------------------------------------------------------


def list_forms(apis: Mapping[str, Sequence[Api]], glossary: Glossary) -> list[Form]:
    """Return the forms that the signatures speak for, the likeliest first.

    Without a signature these are one, two and three tensors.
    """
    signatures = {
        key: found
        for key, listed in apis.items()
        if (found := next(filter(None, map(_read_parameters, listed)), None))
    }
    required = {key: _list_required(found) for key, found in signatures.items()}
    counts = Counter(len(names) for names in required.values() if names)
    forms = []
    for count, _ in counts.most_common(_MOST_FORMS):
        rows = {key: names for key, names in required.items() if len(names) == count}
        arguments = _name_arguments(rows, glossary)
        forms.append(arguments)
        optional = [
            glossary.standardise(key, each.name)
            for key in rows
            for each in signatures[key]
            if each.default is not None
        ]
        if AXIS in optional and AXIS not in {each.name for each in arguments}:
            forms.append((*arguments, Argument(AXIS, "int")))
    forms = forms or [_name_tensors(count) for count in (1, 2, 3)]
    return [_make_form(arguments) for arguments in forms if _is_possible(arguments)]


def _read_parameters(api: Api) -> tuple[ApiParameter, ...] | None:
    return api.fact.called if api.is_class else api.fact.parameters


def _list_required(parameters: Iterable[ApiParameter]) -> list[str]:
    return [
        each.name
        for each in parameters
        if each.default is None and each.kind in (*_POSITIONAL, "keyword_only")
    ]


def _name_arguments(rows: Mapping[str, Sequence[str]], glossary: Glossary) -> tuple[Argument, ...]:
    """Return the arguments of a form, named as most frameworks name them."""
    columns = [
        Counter(glossary.standardise(key, names[position]) for key, names in rows.items())
        for position in range(len(next(iter(rows.values()))))
    ]
    usual = [column.most_common(1)[0][0] for column in columns]
    found = [Argument(name, glossary.find_kind(name)) for name in usual]
    tensors = [each.name for each in found if each.is_tensor]
    agreed = sum([*names] == usual for names in rows.values()) * 2 > len(rows)
    if len(tensors) > 1 and agreed and all(map(is_input_name, usual)):
        return tuple(found)
    names = iter(each.name for each in _name_tensors(len(tensors)))
    return tuple(Argument(next(names), each.type) if each.is_tensor else each for each in found)


def _name_tensors(count: int) -> tuple[Argument, ...]:
    names = _TENSOR_NAMES if count <= len(_TENSOR_NAMES) else [f"x{n + 1}" for n in range(count)]
    return tuple(Argument(name, "Tensor") for name in names[:count])


def _is_possible(arguments: Sequence[Argument]) -> bool:
    """Whether the names differ, and values can be invented for all."""
    are_known = all(each.is_tensor or each.type in VALUES for each in arguments)
    return are_known and len({each.name for each in arguments}) == len(arguments)


def _make_form(arguments: tuple[Argument, ...]) -> Form:
    std_args = tuple(
        {"name": each.name, "type": each.type, "doc": f"{TO_WRITE} what it is" + _ask_shape(each)}
        for each in arguments
    )
    return Form(std_args, arguments, tuple(_invent_inputs(arguments)))


def _ask_shape(argument: Argument) -> str:
    return ", and its shape." if argument.is_tensor else "."


# --- inputs ---------------------------------------------------------------------------------------

_SPECIAL = [float("nan"), float("-inf"), 0.0, float("inf")]

# Three columns: what the first, the second and the third tensor hold.
_SIGNS = (
    [[-1.5, 0.25, 3.0], [0.5, -2.0, 1.0]],
    [[0.5, -1.0, 2.0], [-0.25, 1.5, -3.0]],
    [[2.0, 0.75, -0.5], [1.25, -1.0, 0.5]],
)
_POSITIVE = (
    [[1.5, 4.0, 2.25], [1.0, 3.0, 6.5]],
    [[2.0, 1.25, 5.0], [3.5, 1.0, 2.5]],
    [[1.75, 2.5, 1.0], [4.0, 1.5, 3.0]],
)
_UNIT = (
    [[0.1, 0.5, 0.9], [0.25, 0.75, 0.4]],
    [[0.3, 0.2, 0.6], [0.8, 0.15, 0.5]],
    [[0.7, 0.4, 0.05], [0.5, 0.35, 0.95]],
)
_VECTORS = ([3.0, -1.5, 2.0], [0.5, 4.0, -1.0], [1.25, 2.0, -0.5])
_MATRICES = (
    [[4.0, 1.0], [1.0, 3.0]],
    [[2.0, -0.5], [1.5, 1.0]],
    [[1.0, 0.25], [-2.0, 3.0]],
)
_INTEGERS = ([[12, 5, 18], [7, 30, 9]], [[8, 3, 27], [2, 12, 6]], [[1, 4, 2], [3, 1, 5]])
_COUNTS = ([3, 0, 2, 2], [1, 2, 0, 3], [2, 1, 1, 0])
_BOOLS = (
    [[True, False, True], [False, False, True]],
    [[True, True, False], [False, True, False]],
    [[False, True, True], [True, False, True]],
)
_SETS: tuple[tuple[str, str, tuple[Any, Any, Any]], ...] = (
    ("signs", "Both signs", _SIGNS),
    ("positive", "Positive numbers", _POSITIVE),
    ("unit", "Between 0 and 1", _UNIT),
    ("vector", "Vectors", _VECTORS),
    ("matrix", "Square matrices", _MATRICES),
    ("integers", "Integers", _INTEGERS),
    ("counts", "Small counts", _COUNTS),
    ("bools", "Truth values", _BOOLS),
)
_FLOAT_SETS = 3
"""The first ones, of floats of the same shape."""

_MIXED: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("float-and-integer", "A float and an integer each", (_SIGNS[0], _INTEGERS[2])),
    ("integer-and-float", "An integer and a float each", (_INTEGERS[2], _POSITIVE[0])),
    ("number-first", "A number and an array", (1, _POSITIVE[0])),
    ("number-last", "An array and a number", (_MATRICES[0], 2)),
    ("condition", "A condition and two floats", (_BOOLS[0], _SIGNS[0], _SIGNS[1])),
    ("two-numbers", "An array and two numbers", (_SIGNS[0], -1.0, 2.0)),
)


def _invent_inputs(arguments: Sequence[Argument]) -> Iterator[Inputs]:
    """Yield inputs to be tried, the simplest first."""
    tensors = [each.name for each in arguments if each.is_tensor]
    options = {
        each.name: -1 if each.name == AXIS else VALUES[each.type]
        for each in arguments
        if not each.is_tensor
    }

    def fill(values: Iterable[Any]) -> dict[str, Any]:
        given = {**dict(zip(tensors, values, strict=False)), **options}
        return {each.name: given[each.name] for each in arguments}

    if not 1 <= len(tensors) <= len(_TENSOR_NAMES):
        return
    one = "s" if len(tensors) > 1 else ""
    for number, (name, title, values) in enumerate(_SETS):
        shown = title if number < _FLOAT_SETS or one else _SINGULAR.get(title, title)
        leading = [_take_corner(each) for each in values]
        edges = [Inputs("single", "A single element", fill(leading))]
        if number < _FLOAT_SETS:
            rolled = [_SPECIAL[shift:] + _SPECIAL[:shift] for shift in range(3)]
            edges.insert(0, Inputs("not-finite", "NaN, zero and infinities", fill(rolled)))
        yield Inputs(name, shown, fill(values), tuple(edges), is_simple=number < _FLOAT_SETS)
    for name, title, mixed in _MIXED:
        if len(mixed) == len(tensors):
            leading = [_take_corner(each) for each in mixed]
            edge = Inputs("single", "A single element", fill(leading))
            yield Inputs(name, title, fill(mixed), (edge,), is_simple=False)


_SINGULAR = {"Vectors": "A vector", "Square matrices": "A square matrix"}


def _take_corner(values: Any) -> Any:
    """Return the first element of an array, of length 1 along each axis; of a number, itself."""
    return [_take_corner(values[0])] if isinstance(values, list) else values


# --- ways -----------------------------------------------------------------------------------------


def list_ways(
    framework: Framework,
    apis: Iterable[Api],
    form: Form,
    glossary: Glossary,
    known: Mapping[str, str | None] | None = None,
) -> list[Way]:
    """Return the variants of one framework that a form allows, the likeliest first.

    `known` are the `args` of an op like this one. Behind a function whose signature allows the
    form there are none: it will be the right one.
    """
    ways: list[Way] = []
    for api in apis if form.arguments else ():
        if api.is_class:
            ways += _construct(framework, api, form)
        elif api.fact.parameters is None:
            ways += _map_blindly(framework.key, api, form, glossary, known)
        elif found := [*_map_arguments(framework.key, api, form, glossary, known)]:
            ways += found
            break
    return ways[:_MOST_WAYS]


def _construct(framework: Framework, api: Api, form: Form) -> Iterator[Way]:
    """Yield the example of a class that is constructed without arguments."""
    if all(each.is_tensor for each in form.arguments):
        made = f"{framework.shorten_api(api.name)}()"
        code = f"layer = {made}\nresult = layer({', '.join(form.names)})\nprint(result)\n"
        guess = "it is a class: that it is constructed without arguments"
        yield Way(framework.key, api, {"api": api.name, "example": code}, (guess,))


def _map_blindly(
    key: str,
    api: Api,
    form: Form,
    glossary: Glossary,
    known: Mapping[str, str | None] | None,
) -> Iterator[Way]:
    """Yield what an API without a signature may take."""
    guess = "the order of its arguments, since its signature cannot be read"
    options = [each.name for each in form.arguments[1:] if not each.is_tensor]
    tried: list[dict[str, str | None]] = [dict(known)] if known is not None else []
    names = [glossary.list_names(key, option)[:2] for option in options]
    if all(names):
        tried.append({option: listed[0] for option, listed in zip(options, names, strict=True)})
        tried.append({option: listed[-1] for option, listed in zip(options, names, strict=True)})
    tried.append({})
    seen: list[dict[str, str | None]] = []
    for args in tried:
        if args not in seen:
            seen.append(args)
            guesses = (guess,) if len(form.arguments) - len(args) > 1 else ()
            yield Way(key, api, _write_variant(api, args), guesses)


def _map_arguments(
    key: str,
    api: Api,
    form: Form,
    glossary: Glossary,
    known: Mapping[str, str | None] | None,
) -> Iterator[Way]:
    """Yield the mapping that a signature allows, if there is one."""
    parameters = api.fact.parameters or ()
    kinds = [each.kind for each in parameters]
    places = [each for each in parameters if each.kind in _POSITIONAL]
    by_name = {each.name for each in parameters if each.kind != "positional_only"}
    args: dict[str, str | None] = {}
    renamed: list[str] = []
    filled: set[str] = set()
    by_place = form.by_place
    for position, argument in enumerate(by_place):
        if position < len(places):
            name = places[position].name
            filled.add(name)
            if name != argument.name and len(by_place) > 1:
                renamed.append(f"that its `{name}` is `{argument.name}`")
        elif "var_positional" not in kinds:
            return
    for position, argument in enumerate(form.arguments[len(by_place) :], len(by_place)):
        wanted = [*glossary.list_names(key, argument.name)]
        if known and known.get(argument.name):
            wanted.insert(0, str(known[argument.name]))
        found = next((name for name in wanted if name in by_name - filled), None)
        if found is None and position < len(places) and places[position].default is None:
            found = places[position].name
            renamed.append(f"that its `{found}` is `{argument.name}`")
            if places[position].kind == "positional_only":
                filled.add(found)
                continue
        if found is None and argument.is_tensor:
            return
        args[argument.name] = found
        filled.add(found or "")
    if set(_list_required(parameters)) <= filled:
        yield Way(key, api, _write_variant(api, args), tuple(renamed))


def _write_variant(api: Api, args: Mapping[str, str | None]) -> dict[str, Any]:
    return {"api": api.name, **({"args": dict(args)} if args else {})}
