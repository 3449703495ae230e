"""Tests of the comparison between frameworks."""

from __future__ import annotations

import math

import pytest

from optabs.compare import Array, Number, Tree
from optabs.crosscheck import find_disagreement


def make(*values: Number, shape: tuple[int, ...] | None = None) -> dict[str, Tree]:
    return {"result": Array("float32", (len(values),) if shape is None else shape, values)}


def test_the_element_farthest_apart_is_found() -> None:
    found = find_disagreement(
        {"one": make(1.0, 2.0, 8.0), "two": make(1.0, 2.5, 8.0), "three": make(1.0, 1.5, 8.25)}
    )
    assert found is not None
    assert (found.difference, found.between) == (1.0, ("two", "three"))
    assert found.pairs["one", "two"] == (0.5, 0.2)
    assert found.pairs["one", "three"] == (0.5, 0.25)
    assert found.relative == pytest.approx(1.0 / 2.5)
    assert found.frameworks == ("one", "two", "three")


def test_equal_results_do_not_differ() -> None:
    values = (1.0, math.inf, -math.inf, math.nan)
    found = find_disagreement({"one": make(*values), "two": make(*values)})
    assert found is not None
    assert (found.difference, found.relative) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("one", "two"), [(1.0, math.nan), (math.nan, 1.0), (math.inf, 1.0), (-math.inf, math.inf)]
)
def test_what_is_not_finite_on_one_side_is_infinitely_far(one: float, two: float) -> None:
    found = find_disagreement({"one": make(0.0, one), "two": make(0.0, two)})
    assert found is not None
    assert math.isinf(found.difference)
    assert found.between == ("one", "two")


def test_complex_numbers_are_as_far_as_in_the_plane() -> None:
    found = find_disagreement({"one": make(1 + 1j), "two": make(4 + 5j), "three": make(1 + 2j)})
    assert found is not None
    assert found.difference == 5.0
    assert found.between == ("one", "two")


def test_large_integers_are_told_apart() -> None:
    found = find_disagreement({"one": make(2**62), "two": make(2**62 + 1)})
    assert found is not None
    assert found.difference == 1.0


def test_containers_are_compared_leaf_by_leaf() -> None:
    one: dict[str, Tree] = {"pair": [make(1.0)["result"], {"x": make(2.0)["result"]}]}
    two: dict[str, Tree] = {"pair": [make(1.0)["result"], {"x": make(2.5)["result"]}]}
    found = find_disagreement({"one": one, "two": two})
    assert found is not None
    assert found.difference == 0.5


def test_another_shape_is_left_out() -> None:
    found = find_disagreement(
        {"one": make(1.0, 2.0), "two": make(1.0, 2.0), "row": make(9.0, 9.0, shape=(1, 2))}
    )
    assert found is not None
    assert found.frameworks == ("one", "two")
    assert found.difference == 0.0


@pytest.mark.parametrize(
    "results",
    [{}, {"one": make(1.0)}, {"one": make(1.0), "two": make(1.0, 2.0)}, {"one": {}, "two": {}}],
)
def test_fewer_than_two_alike_give_nothing(results: dict[str, dict[str, Tree]]) -> None:
    assert find_disagreement(results) is None
