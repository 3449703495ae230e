"""Comparing frameworks with each other: the largest disagreement in a case.

The oracle says who is right; this says how far apart a port may land. Frameworks whose result is
declared to differ are left out, and so are results of another structure or shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from optabs.compare import Array, Number, Tree, is_nan, walk_arrays

Apart = tuple[float, float]
"""How far apart two results are: absolute, and relative to the larger magnitude there."""


@dataclass(frozen=True)
class Disagreement:
    """How far apart frameworks are in a case: each two of them, and the two farthest apart."""

    frameworks: tuple[str, ...]
    pairs: Mapping[tuple[str, str], Apart]
    """By two frameworks, in the order of `frameworks`; 0.0 where they agree exactly."""

    @property
    def between(self) -> tuple[str, str]:
        """The two that are farthest apart; where all agree, the first two."""
        return max(self.pairs, key=lambda pair: self.pairs[pair][0])

    @property
    def difference(self) -> float:
        """The largest absolute difference."""
        return self.pairs[self.between][0]

    @property
    def relative(self) -> float:
        """That difference in units of the larger magnitude."""
        return self.pairs[self.between][1]


def find_disagreement(results: Mapping[str, Mapping[str, Tree]]) -> Disagreement | None:
    """Return how far apart frameworks' results by name are.

    None where fewer than two of them can be compared.
    """
    arrays = {key: _list_arrays(named) for key, named in results.items()}
    shapes = [[array.shape for array in found] for found in arrays.values()]
    common = max(shapes, key=shapes.count, default=[])
    columns = {
        key: tuple(value for array in found for value in array.values)
        for key, found in arrays.items()
        if common and [array.shape for array in found] == common
    }
    if len(columns) < 2:
        return None
    measure = cache(_measure)  # many frameworks agree to the last bit
    pairs = {(a, b): measure(columns[a], columns[b]) for a, b in combinations(columns, 2)}
    return Disagreement(tuple(columns), pairs)


def _list_arrays(named: Mapping[str, Tree]) -> list[Array]:
    return [array for name in sorted(named) for array in walk_arrays(named[name])]


def _measure(first: tuple[Number, ...], second: tuple[Number, ...]) -> Apart:
    """Return how far apart two results are in the element in which they are farthest apart."""
    worst = (0.0, 0.0)
    for a, b in zip(first, second, strict=True):
        if a == b or (is_nan(a) and is_nan(b)):
            continue
        if is_nan(a) or is_nan(b):
            return math.inf, math.inf
        difference, size = abs(a - b), max(abs(a), abs(b))
        if difference > worst[0]:
            relative = float(difference / size) if math.isfinite(size) else 1.0
            worst = (float(difference), relative)
    return worst
