"""Results of which the mathematics leaves the signs open, as those of eigenvectors.

Each column (or row) of such a result is given the sign of the expected one, or if complex its
phase, and is then compared as ever. Only a factor of size 1 is taken out, so a column that is
scaled, swapped or wrong stays so.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from optabs.compare import Array, Number, Tree

LINES = {"column-signs": "column", "row-signs": "row"}
"""By word of `up_to`, what may have any sign."""


def align_results(
    actual: Mapping[str, Tree], expected: Mapping[str, Tree], up_to: Mapping[str, str]
) -> dict[str, Tree]:
    """Return the results by name, those of `up_to` with the signs of the expected ones.

    What is no array of at least two axes, or of another shape, stays as it is.
    """
    aligned = dict(actual)
    for name, word in up_to.items():
        mine, other = actual.get(name), expected.get(name)
        if not (isinstance(mine, Array) and isinstance(other, Array)):
            continue
        if mine.shape == other.shape and len(mine.shape) > 1:
            aligned[name] = _align(mine, other, word)
    return aligned


def describe_freedom(expected: Mapping[str, Tree], up_to: Mapping[str, str]) -> str:
    """Return up to what results are compared, for readers; empty if they are as they stand."""
    parts = [
        f"the {_name_factor(expected[name])} of each {LINES[up_to[name]]} of `{name}`"
        for name in up_to
    ]
    return f"compared up to {' and '.join(parts)}" if parts else ""


def _name_factor(tree: Tree) -> str:
    return "phase" if isinstance(tree, Array) and tree.dtype.startswith("complex") else "sign"


def _align(actual: Array, expected: Array, word: str) -> Array:
    height, width = actual.shape[-2:]
    lines = [
        index // width if LINES[word] == "row" else (index // (height * width), index % width)
        for index in range(len(actual.values))
    ]
    products: dict[object, Number] = defaultdict(int)
    for line, mine, other in zip(lines, actual.values, expected.values, strict=True):
        products[line] += mine.conjugate() * other
    factors = {line: _choose_factor(product) for line, product in products.items()}
    values = [
        mine if factors[line] == 1 else mine * factors[line]
        for line, mine in zip(lines, actual.values, strict=True)
    ]
    return replace(actual, values=values)


def _choose_factor(product: Number) -> Number:
    """Return the number of size 1 that turns a line into the expected one, given their product."""
    if not isinstance(product, complex):
        return -1 if product < 0 else 1
    size = math.hypot(product.real, product.imag)
    return product / size if size and math.isfinite(size) else 1
