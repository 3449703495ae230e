"""Tests of oracles as values: literal or computed, with the dtypes that a framework must give."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optabs.catalog.load import load_file
from optabs.catalog.model import Op
from optabs.compare import Array, Tolerance, Tree, compare_results, describe_tree
from optabs.expected import (
    NoOracle,
    build_expected,
    build_literal,
    choose_tolerance,
    find_widest_float,
)
from optabs.records import Error, Outcome, Record

Load = Callable[..., Op]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Make an op with one case."""

    def make(inputs: str, expect: str, more: str = "", op_more: str = "") -> Op:
        file = tmp_path / "op.yaml"
        file.write_text(
            f"operation: A\nvariants: {{torch: {{}}, jax: {{}}}}\n{op_more}"
            f"cases:\n  - id: one\n    inputs: {inputs}\n    expect: {expect}\n{more}"
        )
        (entry,) = load_file(file, tmp_path)
        assert [str(fault) for fault in entry.faults] == []
        assert entry.op is not None
        return entry.op

    return make


def make_record(results: dict[str, Any], error: Error | None = None) -> Record:
    """Make a record of the reference with NumPy's values."""

    def encode(value: Any) -> dict[str, Any]:
        if isinstance(value, tuple | list):
            return {"items": [encode(item) for item in value]}
        if isinstance(value, dict):
            return {"entries": {key: encode(item) for key, item in value.items()}}
        if value is None:
            return {"none": True}
        array = np.asarray(value)
        return {
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "stored": array.dtype.name,
            "data": base64.b64encode(array.tobytes()).decode(),
        }

    return Record(
        key="k", claim="c", operation="A", case="one", framework="reference", device="cpu",
        outcome=Outcome.RAISED if error else Outcome.OK,
        results={name: encode(value) for name, value in results.items()},
        stdout="", stderr="", error=error, seconds=0.1, time_limit=60.0, framework_version="2",
        python_version="3", device_name="", precision="highest", ran_at="2026-01-01T00:00:00Z",
    )  # fmt: skip


def expect(op: Op, framework: str = "torch", record: Record | None = None) -> dict[str, Tree]:
    return build_expected(op.cases[0], framework, record)


# --- literals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "tree"),
    [
        (1.5, Array("float64", (), (1.5,))),
        (2, Array("int64", (), (2,))),
        (True, Array("bool", (), (True,))),
        ([1, 2], Array("int64", (2,), (1, 2))),
        ([1, 2.5], Array("float64", (2,), (1, 2.5))),
        ([[True], [False]], Array("bool", (2, 1), (True, False))),
        ([], Array("float64", (0,), ())),
        ([[], []], Array("float64", (2, 0), ())),
        ([[1.0, 2.0], [3.0, 4.0]], Array("float64", (2, 2), (1.0, 2.0, 3.0, 4.0))),
        # What is no array is a tuple.
        ([[1], [2.0, 3.0]], [Array("int64", (1,), (1,)), Array("float64", (2,), (2.0, 3.0))]),
        (["a", 1], ["a", Array("int64", (), (1,))]),
        ([None], [None]),
        ("text", "text"),
        (None, None),
        ({"a": [1], "b": {"c": "x"}}, {"a": Array("int64", (1,), (1,)), "b": {"c": "x"}}),
        ([{"a": 1}], [{"a": Array("int64", (), (1,))}]),
    ],
)
def test_literals_are_trees(values: Any, tree: Tree) -> None:
    assert build_literal(values) == tree


def test_texts_are_complex_numbers_where_the_dtype_says_so() -> None:
    assert build_literal(["1+2j", 3, 0.5], "complex64") == Array(
        "complex128", (3,), (1 + 2j, 3 + 0j, 0.5 + 0j)
    )
    assert build_literal("-1j", "complex128") == Array("complex128", (), (-1j,))
    assert build_literal("1+2j") == "1+2j"


# --- dtypes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "widest"),
    [
        ("{}", "float32"),
        ("{x: [1, 2], n: 0.5}", "float32"),
        ("{x: [1.0]}", "float32"),
        ("{x: {values: [1.0], dtype: float16}}", "float16"),
        ("{x: {values: [1.0], dtype: bfloat16}, y: [1]}", "bfloat16"),
        ("{x: {values: [1.0], dtype: float16}, y: {values: [1.0], dtype: float64}}", "float64"),
        ("{x: {values: ['1j'], dtype: complex64}}", "float32"),
        ("{x: {values: ['1j'], dtype: complex128}}", "float64"),
        ("{x: {random: normal, shape: [2], dtype: float64}}", "float64"),
        ("{x: {tuple: [1, {list: [{values: 0.5, dtype: float64}]}]}}", "float64"),
        ("{x: {code: 'x = 1.0'}}", "float32"),
    ],
)
def test_the_widest_float_of_the_inputs(load: Load, inputs: str, widest: str) -> None:
    assert find_widest_float(load(inputs, "1").cases[0]) == widest


@pytest.mark.parametrize(
    ("inputs", "value", "dtype"),
    [
        ("{x: [1.0]}", 1.5, "float32"),
        ("{x: {values: [1.0], dtype: float16}}", np.float64(1), "float16"),
        ("{x: {values: [1.0], dtype: float64}}", np.float64(1), "float64"),
        ("{x: [1]}", np.float64(1), "float32"),
        ("{x: [1]}", np.int32(1), "int64"),
        ("{x: [1]}", np.uint8(1), "int64"),
        ("{x: [1]}", np.bool_(True), "bool"),
        ("{x: [1.0]}", np.complex128(1), "complex64"),
        ("{x: {values: [1.0], dtype: float64}}", np.complex64(1), "complex128"),
        ("{x: {values: ['1j'], dtype: complex128}}", np.float64(1), "float64"),
    ],
)
def test_the_dtype_of_a_computed_result_follows_the_inputs(
    load: Load, inputs: str, value: Any, dtype: str
) -> None:
    found = expect(load(inputs, "x"), record=make_record({"expected_result": value}))["result"]
    assert isinstance(found, Array)
    assert found.dtype == dtype


def test_the_entry_may_say_the_dtype(load: Load) -> None:
    op = load("{x: [1.0]}", "{a: {expr: x, dtype: int8}, b: {values: [1], dtype: uint8}, c: [1]}")
    found = expect(op, record=make_record({"expected_a": (np.array([1.0]), np.array([2.0]))}))
    assert found == {
        "a": [Array("int8", (1,), (1.0,)), Array("int8", (1,), (2.0,))],
        "b": Array("uint8", (1,), (1,)),
        "c": Array("int64", (1,), (1,)),
    }


def test_a_dtype_reaches_all_parts_of_a_tree(load: Load) -> None:
    op = load("{x: {values: [1.0], dtype: float16}}", "x")
    record = make_record({"expected_result": (1.0, {"a": np.int32(1)}, None)})
    assert expect(op, record=record)["result"] == [
        Array("float16", (), (1.0,)),
        {"a": Array("int64", (), (1,))},
        None,
    ]


def test_values_stay_as_exact_as_they_were_computed(load: Load) -> None:
    op = load("{x: [1.0]}", "x")
    record = make_record({"expected_result": np.float64(0.1)})
    assert expect(op, record=record)["result"] == Array("float32", (), (0.1,))


def test_complex_literals(load: Load) -> None:
    op = load("{x: [1.0]}", "{result: {values: ['1+2j', 3], dtype: complex64}}")
    assert expect(op)["result"] == Array("complex64", (2,), (1 + 2j, 3 + 0j))


# --- differences ----------------------------------------------------------------------------------

DIFFERENCES = """\
    differences:
      - {frameworks: [jax], dtype: {b: int32}, reason: narrow}
      - {frameworks: [jax, mlx], expect: {a: x + 1}, reason: other}
"""


def test_differences_hold_for_their_frameworks_alone(load: Load) -> None:
    op = load("{x: [1.0]}", "{a: x, b: [1]}", DIFFERENCES)
    record = make_record({"expected_a": 1.0, "expected_1_a": 2.0})
    assert expect(op, "torch", record) == {
        "a": Array("float32", (), (1.0,)),
        "b": Array("int64", (1,), (1,)),
    }
    assert expect(op, "jax", record) == {
        "a": Array("float32", (), (2.0,)),
        "b": Array("int32", (1,), (1,)),
    }
    assert expect(op, "mlx", record)["a"] == Array("float32", (), (2.0,))


def test_a_later_difference_changes_what_an_earlier_one_said(load: Load) -> None:
    op = load(
        "{x: [1.0]}",
        "1.0",
        "    differences:\n"
        "      - {frameworks: [jax], expect: {result: [1]}, reason: a}\n"
        "      - {frameworks: [jax], dtype: {result: int8}, reason: b}\n",
    )
    assert expect(op, "jax")["result"] == Array("int8", (1,), (1,))


# --- what is not there ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, "it was not run"),
        (make_record({"expected_other": 1.0}), "it was not run"),
        (make_record({}, Error("NameError", "name 'y' is not defined")), "name 'y' is not defined"),
    ],
)
def test_an_oracle_that_was_not_computed_is_told(
    load: Load, record: Record | None, reason: str
) -> None:
    with pytest.raises(NoOracle) as caught:
        expect(load("{x: [1.0]}", "x"), record=record)
    assert str(caught.value) == f"the oracle of `result` could not be computed: {reason}"


def test_a_literal_oracle_needs_no_record(load: Load) -> None:
    assert expect(load("{x: [1.0]}", "[1.0]")) == {"result": Array("float32", (1,), (1.0,))}


def test_a_damaged_record_is_told(load: Load) -> None:
    record = make_record({"expected_result": 1.0})
    record.results["expected_result"].pop("shape")
    with pytest.raises(ValueError, match="no result"):
        expect(load("{x: [1.0]}", "x"), record=record)


# --- tolerances -----------------------------------------------------------------------------------


def test_the_cases_tolerance_comes_before_the_ops(load: Load) -> None:
    own = "    tolerance: {rtol: 0.1, atol: 0.2, reason: case}\n"
    all_cases = "tolerance: {rtol: 0.3, atol: 0.4, reason: op}\n"
    for more, op_more, tolerance in [
        ("", "", None),
        (own, "", Tolerance(0.1, 0.2, "set by the case", "case")),
        ("", all_cases, Tolerance(0.3, 0.4, "set by the op", "op")),
        (own, all_cases, Tolerance(0.1, 0.2, "set by the case", "case")),
    ]:
        op = load("{x: [1.0]}", "1.0", more, op_more)
        assert choose_tolerance(op, op.cases[0]) == tolerance


# --- all together ---------------------------------------------------------------------------------


def test_what_is_expected_is_compared_in_the_precision_of_the_inputs(load: Load) -> None:
    """float32 results are judged by float32's tolerance, against a float64 value."""
    op = load("{x: [1.0]}", "x")
    expected = expect(op, record=make_record({"expected_result": np.array([1 / 3])}))
    near = {"result": Array("float32", (1,), (float(np.float32(1 / 3)),))}
    found = compare_results(near, expected)
    assert found.agrees
    assert found.tolerance is not None
    assert found.tolerance.source == "float32 default"
    assert 0 < (found.max_abs_error or 0) < 1e-7
    assert not compare_results({"result": Array("float64", (1,), (1 / 3,))}, expected).agrees
    assert describe_tree(expected["result"]) == "an array"


# --- random draws ---------------------------------------------------------------------------------


def test_parameters_of_a_distribution_may_be_expressions(load: Load) -> None:
    op = load(
        "{m: 0.5, x: [1.0, 2.0, 3.0]}",
        "{result: {distribution: normal, mean: m + 1, std: 2, shape: '(len(x), 500)'}}",
    )
    (expected,) = op.cases[0].expect
    assert expected.expr == "{'mean': (m + 1), 'std': (2), 'shape': ((len(x), 500))}"
    draws = np.random.default_rng(1).normal(1.5, 2, (3, 500)).astype("float32")
    actual: dict[str, Tree] = {"result": Array("float32", (3, 500), draws.ravel().tolist())}

    def judge(mean: float) -> list[str]:
        found = make_record({"expected_result": {"mean": mean, "std": 2, "shape": (3, 500)}})
        return [each.kind for each in compare_results(actual, expect(op, record=found)).findings]

    assert judge(1.5) == []
    assert judge(1.0) == ["distribution"]
    with pytest.raises(NoOracle, match="was not run"):
        expect(op)


@pytest.mark.parametrize("mean", [[1.0, 2.0], 1j, np.zeros(0), math.inf])
def test_a_parameter_of_a_distribution_is_one_finite_number(load: Load, mean: Any) -> None:
    op = load("{m: 1}", "{result: {distribution: normal, mean: m, std: 2, shape: [1000]}}")
    results = {"mean": mean, "std": 2, "shape": [1000]}
    with pytest.raises(NoOracle, match="the distribution of `result` is of no use"):
        expect(op, record=make_record({"expected_result": results}))


def test_a_framework_may_draw_another_dtype(load: Load) -> None:
    op = load(
        "{}",
        "{result: {distribution: bernoulli, p: 0.3, shape: [2000]}}",
        "    differences: [{frameworks: [jax], dtype: {result: float32}, reason: so}]\n",
    )
    dtypes = {key: getattr(expect(op, key)["result"], "dtype", "") for key in ("torch", "jax")}
    assert dtypes == {"torch": "bool", "jax": "float32"}
