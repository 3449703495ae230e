"""Tests of judging random draws: right ones pass, and whatever is wrong with them is found."""

from __future__ import annotations

import inspect
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optabs.catalog.load import load_file
from optabs.catalog.model import Case
from optabs.catalog.schema import EXPECTED_DISTRIBUTIONS
from optabs.compare import Array, Comparison, Tree, compare_results
from optabs.distributions import (
    MAKERS,
    MIN_DRAWS,
    bound_distance,
    make_distribution,
    measure_distance,
)
from optabs.expected import NoOracle, build_expected

N = 5000
Draw = Callable[[np.random.Generator], Any]


def draw_between(rng: np.random.Generator, low: float, high: float) -> Any:
    """Draw from a normal distribution (mean 1, std 2), again and again where it is outside."""
    draws = rng.normal(1, 2, 10 * N)
    return draws[(low < draws) & (draws < high)][:N]


# What is expected, and how NumPy draws it.
RIGHT: dict[str, tuple[str, Draw]] = {
    "uniform": ("low: -2.0, high: 3.0", lambda rng: rng.uniform(-2, 3, N)),
    "normal": ("mean: 1.5, std: 0.5", lambda rng: rng.normal(1.5, 0.5, N)),
    "truncated_normal": (
        "mean: 1.0, std: 2.0, low: -1.0, high: 5.0",
        lambda rng: draw_between(rng, -1, 5),
    ),
    "bernoulli": ("p: 0.3", lambda rng: rng.random(N) < 0.3),
    "categorical": (
        "probabilities: [0.1, 0.0, 0.6, 0.3]",
        lambda rng: rng.choice(4, size=N, p=[0.1, 0, 0.6, 0.3]),
    ),
    "integers": ("low: -3, high: 7", lambda rng: rng.integers(-3, 7, N)),
    "gumbel": ("location: 0.5, scale: 2.0", lambda rng: rng.gumbel(0.5, 2, N)),
    "exponential": ("rate: 4.0", lambda rng: rng.exponential(1 / 4, N)),
}

# What is wrong, as another draw than the right one; the parameters expected stay as above.
WRONG: dict[str, list[Draw]] = {
    "uniform": [
        lambda rng: rng.uniform(-1.5, 3, N),
        lambda rng: rng.uniform(-2, 2.5, N),
        lambda rng: rng.uniform(-2, 3.01, N),
        lambda rng: rng.uniform(0, 1, N),
        lambda rng: rng.beta(1.2, 1, N) * 5 - 2,
    ],
    "normal": [
        lambda rng: rng.normal(1.6, 0.5, N),
        lambda rng: rng.normal(1.5, 0.6, N),
        lambda rng: rng.normal(1.5, 0.5**2, N),
        lambda rng: rng.logistic(1.5, 0.4, N),
        lambda rng: -rng.normal(1.5, 0.5, N),
    ],
    "truncated_normal": [
        lambda rng: rng.normal(1, 2, N),
        lambda rng: np.clip(rng.normal(1, 2, N), -1, 5),
        lambda rng: rng.uniform(-1, 5, N),
        lambda rng: draw_between(rng, -1, 3),
    ],
    "bernoulli": [
        lambda rng: rng.random(N) < 0.7,
        lambda rng: rng.random(N) < 0.36,
        lambda rng: rng.random(N) < 0.24,
        lambda rng: np.zeros(N, bool),
        lambda rng: np.ones(N, bool),
    ],
    "categorical": [
        lambda rng: rng.choice(4, size=N, p=[0.3, 0, 0.6, 0.1]),
        lambda rng: rng.choice(4, size=N, p=[0.1, 0.6, 0.0, 0.3]),
        lambda rng: rng.choice(4, size=N),
        lambda rng: rng.choice(4, size=N, p=[0.1, 0, 0.6, 0.3]) + 1,
        lambda rng: rng.choice(4, size=N, p=[0.1, 0, 0.6, 0.3]) - 1,
    ],
    "integers": [
        lambda rng: rng.integers(-3, 8, N),
        lambda rng: rng.integers(-3, 6, N),
        lambda rng: rng.integers(-2, 7, N),
        lambda rng: rng.integers(-4, 7, N),
    ],
    "gumbel": [
        lambda rng: rng.gumbel(0.5, 1, N),
        lambda rng: rng.gumbel(0, 2, N),
        lambda rng: -rng.gumbel(-0.5, 2, N),
        lambda rng: rng.normal(0.5, 2, N),
    ],
    "exponential": [
        lambda rng: rng.exponential(4, N),
        lambda rng: rng.exponential(1 / 3, N),
        lambda rng: -rng.exponential(1 / 4, N),
        lambda rng: rng.exponential(1 / 4, N) + 0.1,
    ],
}


def load_case(tmp_path: Path, expect: str, inputs: str = "{}") -> Case:
    file = tmp_path / "op.yaml"
    file.write_text(
        "operation: A\nvariants: {torch: {}}\n"
        f"cases:\n  - id: one\n    inputs: {inputs}\n    expect: {{sample: {{{expect}}}}}\n"
    )
    (entry,) = load_file(file, tmp_path)
    assert [str(fault) for fault in entry.faults] == []
    assert entry.op is not None
    return entry.op.cases[0]


def judge(
    tmp_path: Path, kind: str, draws: Any, more: str = f"shape: [{N}], dtype: float64"
) -> Comparison:
    case = load_case(tmp_path, f"distribution: {kind}, {RIGHT[kind][0]}, {more}")
    array = np.asarray(draws)
    dtype = "float64" if "float64" in more else array.dtype.name
    actual = Array(dtype, array.shape, array.ravel().tolist())
    return compare_results({"sample": actual}, build_expected(case, "torch", None))


def list_kinds(comparison: Comparison) -> list[str]:
    return [finding.kind for finding in comparison.findings]


def list_wrong() -> Iterator[Any]:
    for kind, draws in WRONG.items():
        for number, draw in enumerate(draws):
            yield pytest.param(kind, draw, id=f"{kind}-{number}")


def test_the_catalogue_knows_the_parameters_of_each_distribution() -> None:
    made = {kind: tuple(inspect.signature(make).parameters) for kind, make in MAKERS.items()}
    assert made == EXPECTED_DISTRIBUTIONS
    assert set(RIGHT) == set(WRONG) == set(made)


@pytest.mark.parametrize("kind", RIGHT)
@pytest.mark.parametrize("seed", range(5))
def test_right_draws_agree(tmp_path: Path, kind: str, seed: int) -> None:
    found = judge(tmp_path, kind, RIGHT[kind][1](np.random.default_rng(seed)))
    assert found.findings == []
    assert found.tolerance is not None
    assert (found.tolerance.rtol, found.tolerance.atol) == (0.0, bound_distance(N))
    assert found.max_abs_error is not None
    assert 0 < found.max_abs_error < bound_distance(N)
    assert found.max_rel_error is None
    assert "5,000 draws" in found.tolerance.reason


@pytest.mark.parametrize(("kind", "draw"), [*list_wrong()])
def test_wrong_draws_differ(tmp_path: Path, kind: str, draw: Draw) -> None:
    found = judge(tmp_path, kind, draw(np.random.default_rng(7)))
    assert list_kinds(found) in (["support"], ["distribution"])


@pytest.mark.parametrize("kind", RIGHT)
def test_one_draw_for_all_differs(tmp_path: Path, kind: str) -> None:
    draws = RIGHT[kind][1](np.random.default_rng(7))
    assert list_kinds(judge(tmp_path, kind, np.full_like(draws, draws[0]))) == ["distribution"]
    # As where a key is used for each row anew.
    rows = np.tile(draws[:5], N // 5)
    assert list_kinds(judge(tmp_path, kind, rows)) == ["distribution"]


@pytest.mark.parametrize("kind", RIGHT)
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 1e300, 0.5 + 1j])
def test_one_draw_that_cannot_be_differs(tmp_path: Path, kind: str, odd: complex) -> None:
    if odd == 1e300 and kind in ("normal", "gumbel", "exponential"):
        pytest.skip("such a draw is possible, if unlikely")
    draws = RIGHT[kind][1](np.random.default_rng(7)).astype(type(odd))
    draws[17] = odd
    found = judge(tmp_path, kind, draws)
    assert "support" in list_kinds(found)
    assert found.max_abs_error is None
    if not isinstance(odd, complex):
        assert found.findings[0].message.startswith(f"`sample[17]` is {odd!r}, expected a draw")
        assert found.findings[0].message.endswith(f"; 1 of {N} are not")


@pytest.mark.parametrize(("kind", "value"), [("uniform", 3.0), ("integers", 7), ("integers", 1.5)])
def test_a_bound_that_is_not_included_is_outside(tmp_path: Path, kind: str, value: float) -> None:
    draws = RIGHT[kind][1](np.random.default_rng(7)).astype(float)
    draws[4] = value
    assert list_kinds(judge(tmp_path, kind, draws)) == ["support"]


def test_bounds_are_rounded_to_the_dtype(tmp_path: Path) -> None:
    """0.7 as float32 is below 0.7: the frameworks hold no nearer bound."""
    distribution = make_distribution("uniform", {"low": [0.7], "high": [0.9]})
    for code, dtype in (("<f", "float32"), ("<e", "float16"), ("<d", "float64")):
        (low,) = struct.unpack(code, struct.pack(code, 0.7))
        (high,) = struct.unpack(code, struct.pack(code, 0.9))
        rounded = distribution.round_bounds(dtype)
        assert (rounded.low, rounded.high) == (low, high)
        assert rounded.holds(low)
        assert not rounded.holds(high)
    assert distribution.round_bounds("bfloat16").low == 0.69921875
    unbounded = make_distribution("normal", {"mean": [0], "std": [1]})
    assert unbounded.round_bounds("float32").high == math.inf


def test_dtype_and_shape_come_first(tmp_path: Path) -> None:
    draws = RIGHT["normal"][1](np.random.default_rng(7))
    assert list_kinds(judge(tmp_path, "normal", draws, "shape: [50, 100]")) == ["dtype", "shape"]
    found = judge(tmp_path, "normal", draws.reshape(50, 100), "shape: [50, 100]")
    assert list_kinds(found) == ["dtype"]
    found = judge(tmp_path, "normal", draws.reshape(100, 50), "shape: [50, 100], dtype: float64")
    assert list_kinds(found) == ["shape"]
    case = load_case(tmp_path, "distribution: bernoulli, p: 0.5, shape: [5000]")
    for wrong in ([1.0], "text", None, {"a": None}):
        expected = build_expected(case, "torch", None)
        tree: Tree = [] if wrong == [1.0] else wrong  # type: ignore[assignment]
        assert list_kinds(compare_results({"sample": tree}, expected)) == ["structure"]
    assert list_kinds(compare_results({}, expected)) == ["name"]


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("normal", "float32"),
        ("gumbel", "float32"),
        ("bernoulli", "bool"),
        ("categorical", "int64"),
        ("integers", "int64"),
    ],
)
def test_the_dtype_follows_the_rule(tmp_path: Path, kind: str, dtype: str) -> None:
    case = load_case(tmp_path, f"distribution: {kind}, {RIGHT[kind][0]}, shape: [2000]")
    assert case.is_random
    (sample,) = build_expected(case, "torch", None).values()
    assert getattr(sample, "dtype", None) == dtype


DENSITIES: list[tuple[str, dict[str, Any], Callable[[Any], Any], tuple[float, float]]] = [
    ("uniform", {"low": [-2], "high": [3]}, lambda x: 0.2 + 0 * x, (-2, 3)),
    (
        "normal",
        {"mean": [1.5], "std": [0.5]},
        lambda x: np.exp(-2 * (x - 1.5) ** 2) / (0.5 * (2 * np.pi) ** 0.5),
        (-4, 7),
    ),
    (
        "truncated_normal",
        {"mean": [1], "std": [2], "low": [-1], "high": [5]},
        lambda x: np.exp(-((x - 1) ** 2) / 8) / (2 * (2 * np.pi) ** 0.5) / 0.8185946141203637,
        (-1, 5),
    ),
    (
        "gumbel",
        {"location": [0.5], "scale": [2]},
        lambda x: np.exp(-((x - 0.5) / 2) - np.exp(-((x - 0.5) / 2))) / 2,
        (-12, 60),
    ),
    ("exponential", {"rate": [4]}, lambda x: 4 * np.exp(-4 * x), (0, 9)),
]


@pytest.mark.parametrize(("kind", "parameters", "density", "ends"), DENSITIES)
def test_a_distribution_function_is_the_integral_of_its_density(
    kind: str,
    parameters: dict[str, Any],
    density: Callable[[Any], Any],
    ends: tuple[float, float],
) -> None:
    points = np.linspace(*ends, 200_001)
    heights, width = density(points), points[1] - points[0]
    sums = np.concatenate([[0], np.cumsum((heights[1:] + heights[:-1]) / 2)]) * width
    distribution = make_distribution(kind, parameters)
    for number in range(0, len(points), 10_000):
        found = distribution.function(float(points[number]))
        assert found == pytest.approx(sums[number], abs=1e-7)
    assert make_distribution("gumbel", {"location": [0], "scale": [1]}).function(-1e6) == 0


def test_the_distance_is_measured_on_both_sides_of_a_draw() -> None:
    unit = make_distribution("uniform", {"low": [0], "high": [1]})
    assert measure_distance([0.25, 0.5, 0.75], unit) == pytest.approx(0.25)
    assert measure_distance([0.9], unit) == pytest.approx(0.9)
    assert measure_distance([0.1], unit) == pytest.approx(0.9)
    assert measure_distance([0.5, 0.5, 0.2], unit) == pytest.approx(0.5)


def test_the_distance_of_whole_numbers_is_that_of_their_sums() -> None:
    die = make_distribution("integers", {"low": [1], "high": [7]})
    assert measure_distance([1, 2, 3, 4, 5, 6], die) == pytest.approx(0)
    assert measure_distance([1, 1, 1, 1, 1, 6], die) == pytest.approx(4 / 6)
    assert measure_distance([6], die) == pytest.approx(5 / 6)
    coin = make_distribution("bernoulli", {"p": [1.0]})
    assert measure_distance([True, True], coin) == 0
    assert measure_distance([False, True], coin) == 0.5


def test_the_bound_is_that_of_the_inequality() -> None:
    assert 2 * math.exp(-2 * 5000 * bound_distance(5000) ** 2) == pytest.approx(1e-6)
    assert bound_distance(10000) == pytest.approx(0.026933, rel=1e-4)


@pytest.mark.parametrize(
    ("expect", "reason"),
    [
        ("distribution: normal, mean: 0, std: 0, shape: [1000]", "`std` must be above 0"),
        ("distribution: normal, mean: 0, std: 1, shape: [999]", "999 draws are too few"),
        ("distribution: normal, mean: 0, std: 1, shape: []", "1 draws are too few"),
        ("distribution: uniform, low: 1, high: 1, shape: [1000]", "`low` must be less"),
        ("distribution: bernoulli, p: 1.1, shape: [1000]", "`p` must be from 0 to 1"),
        ("distribution: categorical, probabilities: [0.5, 0.4], shape: [1000]", "add up to 1"),
        ("distribution: categorical, probabilities: [1.5, -0.5], shape: [1000]", "not be negative"),
        ("distribution: integers, low: 0, high: 2.5, shape: [1000]", "whole numbers"),
        ("distribution: gumbel, location: 0, scale: -1, shape: [1000]", "`scale` must be above 0"),
        ("distribution: exponential, rate: 0, shape: [1000]", "`rate` must be above 0"),
        (
            "distribution: truncated_normal, mean: 0, std: 1, low: 90, high: 91, shape: [1000]",
            "no draw lies between",
        ),
    ],
)
def test_a_distribution_that_is_none_is_no_oracle(tmp_path: Path, expect: str, reason: str) -> None:
    with pytest.raises(NoOracle, match=reason):
        build_expected(load_case(tmp_path, expect), "torch", None)
    assert MIN_DRAWS == 1000
