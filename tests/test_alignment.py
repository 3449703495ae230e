"""Tests of comparing up to signs: what the mathematics leaves open passes, and nothing else."""

from __future__ import annotations

import cmath
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from optabs.alignment import LINES, align_results, describe_freedom
from optabs.catalog.model import Case, Difference, Expected
from optabs.catalog.schema import EXPECTED
from optabs.compare import Array, Tree, compare_results
from optabs.errors import Place
from optabs.expected import list_freedoms

PLACE = Place("ops/one.yaml", 1, 1)
FACTORS = {"u": "column-signs", "vh": "row-signs"}


def make(array: Any) -> Array:
    found = np.asarray(array)
    return Array(found.dtype.name, found.shape, tuple(found.ravel().tolist()))


def decompose(seed: int, *shape: int, phases: bool = False) -> dict[str, np.ndarray]:
    """Return the singular value decomposition of a random array, and the product of its parts."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) + (1j * rng.normal(size=shape) if phases else 0)
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return {"u": u, "s": s, "vh": vh, "product": (u * s[..., None, :]) @ vh}


def agree(actual: dict[str, Any], expected: dict[str, Any]) -> bool:
    wanted = {name: make(array) for name, array in expected.items()}
    found = {name: make(array) for name, array in actual.items()}
    return compare_results(align_results(found, wanted, FACTORS), wanted).agrees


def turn(parts: dict[str, np.ndarray], factors: Any) -> dict[str, np.ndarray]:
    """Return an equally good decomposition: columns times factors, rows times their conjugates."""
    inverse = np.conj(np.asarray(factors))[..., :, None]
    return {**parts, "u": parts["u"] * factors, "vh": parts["vh"] * inverse}


def test_signs_are_open() -> None:
    parts = decompose(1, 5, 3)
    for factors in ([1, 1, 1], [-1, 1, 1], [1, -1, -1], [-1, -1, -1]):
        assert agree(turn(parts, factors), parts)


def test_each_matrix_of_a_batch_has_its_own_signs() -> None:
    parts = decompose(2, 2, 3, 4)
    signs = np.array([[-1, 1, 1], [1, -1, 1]])
    u, vh = parts["u"] * signs[:, None, :], parts["vh"] * signs[:, :, None]
    assert agree({**parts, "u": u, "vh": vh}, parts)


def test_phases_are_open_where_complex() -> None:
    parts = decompose(3, 4, 3, phases=True)
    assert agree(turn(parts, [cmath.rect(1, 0.3), -1, 1j]), parts)
    # Of real results the sign alone.
    real = decompose(3, 4, 3)
    assert not agree({**real, "u": real["u"] * 1j}, real)


def swap(u: np.ndarray) -> np.ndarray:
    return u[:, [1, 0, 2]]


def bend(u: np.ndarray) -> np.ndarray:
    wrong = u.copy()
    wrong[2, 1] += 1e-3
    return wrong


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(swap, id="a swapped pair"),
        pytest.param(bend, id="a wrong column"),
        pytest.param(lambda u: u * [1, 1.001, 1], id="a scaled column"),
        pytest.param(lambda u: u * [1, 0, 1], id="an empty column"),
        pytest.param(lambda u: u * [[-1], [1], [1], [1], [1]], id="signs of rows"),
        pytest.param(lambda u: u * [1, np.nan, 1], id="no number"),
        pytest.param(lambda u: np.where(u == u[2, 1], np.inf, u), id="infinite"),
        pytest.param(lambda u: u[:, :2], id="a column that is missing"),
        pytest.param(lambda u: u.astype("c8" if u.dtype.kind == "c" else "f4"), id="another dtype"),
    ],
)
@pytest.mark.parametrize("phases", [False, True])
def test_nothing_else_is_open(spoil: Callable[[np.ndarray], np.ndarray], phases: bool) -> None:
    parts = decompose(4, 5, 3, phases=phases)
    assert agree(parts, parts)
    with np.errstate(invalid="ignore"):
        spoilt = spoil(parts["u"])
    assert not agree({**parts, "u": spoilt}, parts)


def test_signs_that_are_wrong_together_change_the_invariant() -> None:
    parts = decompose(5, 4, 3)
    u = parts["u"] * [-1, 1, 1]
    assert agree({**parts, "u": u}, parts)  # each part for itself is right
    assert not agree({**parts, "u": u, "product": (u * parts["s"]) @ parts["vh"]}, parts)


def test_columns_are_columns_and_rows_rows() -> None:
    parts = decompose(6, 3, 3)
    assert not agree({**parts, "u": parts["u"] * [[-1], [1], [1]]}, parts)
    assert not agree({**parts, "vh": parts["vh"] * [-1, 1, 1]}, parts)


@pytest.mark.parametrize(
    "tree", [make([1.0, 2.0]), make(1.0), make([[1.0, 2.0, 3.0]]), "text", None, [make([[1.0]])]]
)
def test_what_is_no_such_matrix_stays_as_it_is(tree: Tree) -> None:
    expected = make([-1.0, -2.0]) if isinstance(tree, Array) and tree.shape == (2,) else make([[1]])
    assert align_results({"u": tree}, {"u": expected}, FACTORS) == {"u": tree}


def test_large_integers_stay_exact() -> None:
    large = make([[2**60 + 1], [3]])
    other = Array("int64", (2, 1), (-(2**60) - 1, -3))
    found = align_results({"u": large}, {"u": other}, {"u": "column-signs"})["u"]
    assert isinstance(found, Array)
    assert list(found.values) == [-(2**60) - 1, -3]


def test_it_is_said_in_words() -> None:
    expected = {"u": make([[1j]]), "vh": make([[1.0]])}
    assert describe_freedom(expected, FACTORS) == (
        "compared up to the phase of each column of `u` and the sign of each row of `vh`"
    )
    assert describe_freedom(expected, {}) == ""


def test_the_words_are_those_of_the_format() -> None:
    assert set(LINES) == set(EXPECTED.keys["up_to"].kind.words)  # type: ignore[attr-defined]


def test_a_frameworks_own_result_has_its_own_freedom() -> None:
    def expect(up_to: str | None) -> tuple[Expected, ...]:
        return (Expected("u", PLACE, [[1.0]], up_to=up_to),)

    case = Case("one", PLACE, expect=expect("column-signs"), differences=(
        Difference(("mlx",), "so", expect=expect(None)),
        Difference(("jax",), "so", expect=expect("row-signs")),
    ))  # fmt: skip
    assert list_freedoms(case, "torch") == {"u": "column-signs"}
    assert list_freedoms(case, "jax") == {"u": "row-signs"}
    assert list_freedoms(case, "mlx") == {}
