"""Comparing frameworks with each other: the largest disagreement in a case.

The oracle says who is right; this says how far apart a port may land. Frameworks whose result is
declared to differ are left out, and so are results of another structure or shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from optabs.compare import Array, Number, Tree, is_nan, walk_arrays


@dataclass(frozen=True)
class Disagreement:
    """The element in which some frameworks are farthest apart.

    `difference` is absolute, `relative` is in units of the larger magnitude; both are 0.0 where all
    agree exactly. `low` and `high` are the frameworks that are farthest apart.
    """

    frameworks: tuple[str, ...]
    difference: float
    relative: float
    low: str
    high: str


def find_disagreement(results: Mapping[str, Mapping[str, Tree]]) -> Disagreement | None:
    """Return the largest disagreement between frameworks' results by name.

    None where fewer than two of them can be compared.
    """
    arrays = {key: _list_arrays(named) for key, named in results.items()}
    shapes = [[array.shape for array in found] for found in arrays.values()]
    common = max(shapes, key=shapes.count, default=[])
    alike = {
        key: found
        for key, found in arrays.items()
        if common and [array.shape for array in found] == common
    }
    if len(alike) < 2:
        return None
    keys = tuple(alike)
    largest = Disagreement(keys, 0.0, 0.0, keys[0], keys[1])
    columns = [[value for array in found for value in array.values] for found in alike.values()]
    for values in zip(*columns, strict=True):
        low, high, difference, relative = _spread(values)
        if difference > largest.difference:
            largest = Disagreement(keys, difference, relative, keys[low], keys[high])
    return largest


def _list_arrays(named: Mapping[str, Tree]) -> list[Array]:
    return [array for name in sorted(named) for array in walk_arrays(named[name])]


def _spread(values: tuple[Number, ...]) -> tuple[int, int, float, float]:
    """Return the positions of the two values farthest apart, and their difference."""
    first = values[0]
    if all(value == first for value in values) or all(map(is_nan, values)):
        return 0, 0, 0.0, 0.0
    if any(map(is_nan, values)):
        odd = next(number for number, value in enumerate(values) if is_nan(value) != is_nan(first))
        return 0, odd, math.inf, math.inf
    pairs = (
        [
            (abs(a - b), low, high)
            for low, a in enumerate(values)
            for high, b in enumerate(values[low + 1 :], low + 1)
            if a != b
        ]
        if any(isinstance(value, complex) for value in values)
        else [_spread_real(values)]
    )
    difference, low, high = max(pairs)
    size = max(abs(values[low]), abs(values[high]))
    return low, high, float(difference), float(difference / size) if math.isfinite(size) else 1.0


def _spread_real(values: tuple[Number, ...]) -> tuple[float, int, int]:
    order = sorted(range(len(values)), key=lambda number: values[number])  # type: ignore[arg-type,return-value]
    low, high = order[0], order[-1]
    return abs(values[high] - values[low]), low, high
