"""A case's oracle as values: what each result must be, with its dtype and tolerance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from optabs.catalog.inputs import measure_shape, read_complex
from optabs.catalog.model import (
    Case,
    Expected,
    InputSpec,
    NumberInput,
    Op,
    SequenceInput,
)
from optabs.compare import (
    GRADIENTS,
    RESULTS,
    Array,
    Defaults,
    Number,
    Sample,
    Tolerance,
    Tree,
    decode_tree,
    walk_arrays,
)
from optabs.distributions import MIN_DRAWS, make_distribution
from optabs.errors import Place
from optabs.records import Record
from optabs.snippet import reference_name

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_COMPLEX = {"complex64": "float32", "complex128": "float64"}


class NoOracle(Exception):  # noqa: N818 - the text says what is the matter
    """The oracle of a case could not be computed; `place` is where the entry gives it."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.place = place


def build_expected(case: Case, framework: str, reference: Record | None) -> dict[str, Tree]:
    """Return the expected results of a case by name, as `framework` must give them.

    `reference` holds the computed part of the oracle. The dtypes follow the entry, else the rule:
    floats as the widest floating input, complex likewise, bool as bool, integers as int64.

    Raises:
        NoOracle: a part was not computed.
    """
    results = {expected.name: _build(expected, None, case, reference) for expected in case.expect}
    for number, difference in enumerate(case.differences):
        if framework not in difference.frameworks:
            continue
        for expected in difference.expect:
            results[expected.name] = _build(expected, number, case, reference)
        for name, dtype in difference.dtype.items():
            results[name] = _set_dtype(results[name], lambda _, dtype=dtype: dtype)
    return results


def list_freedoms(case: Case, framework: str) -> dict[str, str]:
    """Return, by name of the result, what the mathematics leaves open there."""
    own = [each for item in case.find_differences(framework) for each in item.expect]
    found = {each.name: each.up_to for each in (*case.expect, *own)}
    return {name: word for name, word in found.items() if word}


def choose_tolerance(op: Op, case: Case) -> Tolerance | None:
    """Return the tolerance that the case or the op asks for, or None for the dtype's default."""
    for source, wanted in (("set by the case", case.tolerance), ("set by the op", op.tolerance)):
        if wanted is not None:
            return Tolerance(wanted.rtol, wanted.atol, source, wanted.reason)
    return None


def choose_defaults(case: Case) -> Defaults:
    """Return the default tolerances that hold in a case."""
    return GRADIENTS if case.gradient else RESULTS


def _build(
    expected: Expected, difference: int | None, case: Case, reference: Record | None
) -> Tree:
    if expected.expr is None:
        tree = build_literal(expected.values, expected.dtype or "")
    else:
        name = reference_name(difference, expected.name)
        if reference is None or name not in reference.results:
            reason = reference.error.message if reference and reference.error else "it was not run"
            message = f"the oracle of `{expected.name}` could not be computed: {reason}"
            raise NoOracle(message, expected.place)
        tree = decode_tree(reference.results[name])
    if expected.distribution:
        tree = _build_sample(expected, tree)
    if expected.dtype is not None:
        return _set_dtype(tree, lambda _: expected.dtype or "")
    widest = find_widest_float(case)
    return _set_dtype(tree, lambda found: _default_dtype(found, widest))


def _build_sample(expected: Expected, tree: Tree) -> Sample:
    """Return what random draws must be, from their parameters and shape."""
    assert expected.distribution and isinstance(tree, Mapping)
    try:
        numbers = {
            key: [_read_real(value) for array in walk_arrays(item) for value in array.values]
            for key, item in tree.items()
        }
        shape = tuple(map(int, numbers.pop("shape")))
        if math.prod(shape) < MIN_DRAWS:
            raise ValueError(f"{math.prod(shape)} draws are too few, at least {MIN_DRAWS} will do")
        distribution = make_distribution(expected.distribution, numbers)
    except (ValueError, TypeError) as error:
        message = f"the distribution of `{expected.name}` is of no use: {error}"
        raise NoOracle(message, expected.place) from error
    dtypes = {"bernoulli": "bool", "categorical": "int64", "integers": "int64"}
    return Sample(dtypes.get(expected.distribution, "float64"), shape, distribution)


def _read_real(value: Number) -> float:
    if isinstance(value, complex):
        raise TypeError(f"{value} is complex")
    return value


def build_literal(values: Any, dtype: str = "") -> Tree:
    """Return literal YAML as a tree: nested lists of numbers are an array, other lists a tuple.

    With a complex `dtype`, text is read as complex numbers.
    """
    if dtype.startswith("complex"):
        values = _read_complex_leaves(values)
    if isinstance(values, str) or values is None:
        return values
    if isinstance(values, Mapping):
        return {key: build_literal(item, dtype) for key, item in values.items()}
    kinds: set[type] = set()
    shape = measure_shape(values, kinds)
    if shape is None or not kinds <= {bool, int, float, complex}:
        return [build_literal(item, dtype) for item in values]
    found = "bool" if kinds == {bool} else "int64" if kinds == {int} else "float64"
    found = "complex128" if complex in kinds else found
    return Array(found, shape, tuple(_flatten(values)))


def _read_complex_leaves(values: Any) -> Any:
    if isinstance(values, list):
        return [_read_complex_leaves(item) for item in values]
    number = read_complex(values)
    return values if number is None else number


def _flatten(values: Any) -> Iterator[Number]:
    if isinstance(values, list):
        for item in values:
            yield from _flatten(item)
    else:
        yield values


def _set_dtype(tree: Tree, choose: Any) -> Tree:
    if isinstance(tree, Array | Sample):
        return replace(tree, dtype=choose(tree.dtype))
    if isinstance(tree, Mapping):
        return {key: _set_dtype(item, choose) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_set_dtype(item, choose) for item in tree]
    return tree


def _default_dtype(found: str, widest: str) -> str:
    if found == "bool":
        return "bool"
    if found.startswith("complex"):
        return "complex128" if widest == "float64" else "complex64"
    return widest if "float" in found else "int64"


def find_widest_float(case: Case) -> str:
    """Return the widest floating dtype among a case's inputs; float32 where there is none."""
    found = [dtype for item in case.inputs for dtype in _list_float_dtypes(item.spec)]
    return max(found, key=_FLOATS.index, default="float32")


def _list_float_dtypes(spec: InputSpec) -> Iterator[str]:
    if isinstance(spec, NumberInput):
        dtype = _COMPLEX.get(spec.dtype, spec.dtype)
        if dtype in _FLOATS:
            yield dtype
    elif isinstance(spec, SequenceInput):
        for item in spec.items:
            yield from _list_float_dtypes(item)
