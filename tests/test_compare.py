"""Tests of comparing: names, dtypes, shapes and values, and that nothing loosens by itself."""

from __future__ import annotations

import base64
import math
import random
import struct
from typing import Any

import numpy as np
import pytest

from optabs.compare import (
    DEFAULT_TOLERANCES,
    GRADIENTS,
    Array,
    Comparison,
    Finding,
    Other,
    Tolerance,
    Tree,
    choose_default,
    compare_results,
    decode_tree,
    describe_tree,
    is_inexact,
    measure_error,
    measure_size,
    walk_arrays,
)

NAN, INF = math.nan, math.inf


def make(values: Any, dtype: str = "float32") -> Array:
    """Make an array of nested lists."""
    array = np.array(values, dtype=object)
    return Array(dtype, array.shape, tuple(array.reshape(-1).tolist()))


def encode(array: np.ndarray, dtype: str | None = None) -> dict[str, Any]:
    """Encode an array as the worker does."""
    little = array.astype(array.dtype.newbyteorder("<"))
    return {
        "dtype": dtype or array.dtype.name,
        "shape": list(array.shape),
        "stored": array.dtype.name,
        "data": base64.b64encode(little.tobytes()).decode(),
    }


def compare(
    actual: Tree, expected: Tree, tolerance: Tolerance | None = None, *, equal_nan: bool = False
) -> Comparison:
    return compare_results({"y": actual}, {"y": expected}, tolerance, equal_nan=equal_nan)


def find(actual: Tree, expected: Tree, **options: Any) -> list[str]:
    """Return what differs, as ``kind: message``."""
    return [
        f"{each.kind}: {each.message}" for each in compare(actual, expected, **options).findings
    ]


# --- names ----------------------------------------------------------------------------------------


def test_equal_results_agree() -> None:
    found = compare(make([1.0, 2.0]), make([1.0, 2.0]))
    assert found.agrees
    assert (found.max_abs_error, found.max_rel_error) == (0.0, 0.0)
    assert found.tolerance == Tolerance(1.3e-6, 1e-5, "float32 default")


def test_every_name_must_be_there() -> None:
    found = compare_results({"a": make([1.0])}, {"a": make([1.0]), "b": make([1.0])})
    assert found.findings == [Finding("name", "the example does not define `b`")]
    assert not compare_results({}, {"a": make([1.0])}).agrees


def test_further_names_do_not_matter() -> None:
    assert compare_results({"a": make([1.0]), "b": None}, {"a": make([1.0])}).agrees


def test_nothing_expected_is_no_agreement() -> None:
    found = compare_results({"a": make([1.0])}, {})
    assert found.findings == [Finding("name", "the case names no result")]


# --- dtypes and shapes ----------------------------------------------------------------------------


def test_dtypes_must_be_the_same() -> None:
    assert find(make([1.0], "float64"), make([1.0], "float32")) == [
        "dtype: `y` has dtype float64, expected float32"
    ]
    assert find(make([1], "int32"), make([1], "int64")) == [
        "dtype: `y` has dtype int32, expected int64"
    ]
    assert len(find(make([True], "bool"), make([1], "int64"))) == 1


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ([[1.0, 2.0]], [1.0, 2.0]),
        ([1.0], 1.0),
        (1.0, [1.0]),
        ([1.0, 1.0], [1.0]),
        ([[1.0], [2.0]], [[1.0, 2.0]]),
        ([], [1.0]),
        ([[]], []),
    ],
)
def test_shapes_must_be_the_same_even_where_they_broadcast(actual: Any, expected: Any) -> None:
    (found,) = find(make(actual), make(expected))
    assert found == (f"shape: `y` has shape {make(actual).shape}, expected {make(expected).shape}")


def test_dtype_shape_and_values_are_told_together() -> None:
    assert [each.split(":")[0] for each in find(make([1.0], "float64"), make([2.0]))] == [
        "dtype",
        "value",
    ]
    assert [each.split(":")[0] for each in find(make([1.0], "float64"), make(2.0))] == [
        "dtype",
        "shape",
    ]


def test_empty_arrays_agree() -> None:
    assert compare(make([]), make([])).agrees
    assert compare(Array("float32", (0, 3), ()), Array("float32", (0, 3), ())).agrees
    assert not compare(Array("float32", (0, 3), ()), Array("float32", (3, 0), ())).agrees
    assert compare(make([]), make([])).max_abs_error is None


def test_a_value_that_is_not_there_is_no_agreement() -> None:
    with pytest.raises(ValueError, match="longer"):
        compare(Array("float32", (2,), (1.0,)), Array("float32", (2,), (1.0, 1.0)))


# --- values ---------------------------------------------------------------------------------------


def test_the_wrong_element_is_named() -> None:
    assert find(make([[1.0, 2.0], [3.0, 4.5]]), make([[1.0, 2.0], [3.0, 4.0]])) == [
        "value: `y[1, 1]` is 4.5, expected 4.0: off by 0.5 (0.125 relative), allowed "
        "1e-05 + 1.3e-06 * |expected| (float32 default)"
    ]
    assert find(make(1.5), make(1.0))[0].startswith("value: `y` is 1.5, expected 1.0: off by 0.5")
    nested = Array("float32", (2, 3, 4), tuple(float(number == 23) for number in range(24)))
    assert "`y[1, 2, 3]`" in find(nested, Array("float32", (2, 3, 4), (0.0,) * 24))[0]


def test_many_wrong_elements_are_counted() -> None:
    found = find(make([1.0] * 10), make([2.0] * 10))
    assert len(found) == 4
    assert found[3] == "value: `y` is wrong in 10 of 10 elements"
    assert len(find(make([1.0] * 3), make([2.0] * 3))) == 3


def test_sine_is_not_cosine() -> None:
    points = [0.1 * number for number in range(10)]
    assert not compare(
        make([math.sin(x) for x in points]), make([math.cos(x) for x in points])
    ).agrees
    assert compare(make([math.sin(x) for x in points]), make([math.sin(x) for x in points])).agrees


@pytest.mark.parametrize("dtype", DEFAULT_TOLERANCES)
@pytest.mark.parametrize("expected", [0.0, 1.0, -3.5, 1e10])
def test_an_element_at_the_tolerance_agrees_and_one_beyond_does_not(
    dtype: str, expected: float
) -> None:
    rtol, atol = DEFAULT_TOLERANCES[dtype]
    allowed = atol + rtol * abs(expected)
    for sign in (1, -1):
        edge = expected + sign * allowed
        while abs(edge - expected) > allowed:
            edge = math.nextafter(edge, expected)
        assert compare(make([edge], dtype), make([expected], dtype)).agrees
        beyond = math.nextafter(edge, sign * INF)
        while abs(beyond - expected) <= allowed:
            beyond = math.nextafter(beyond, sign * INF)
        assert not compare(make([beyond], dtype), make([expected], dtype)).agrees


def test_the_tolerance_scales_with_what_is_expected_and_not_with_what_came() -> None:
    tolerance = Tolerance(0.1, 0.0, "test")
    assert compare(make([1.1]), make([1.0]), Tolerance(0.1 + 1e-12, 0.0, "test")).agrees
    assert not compare(make([1.0]), make([0.9]), tolerance).agrees
    assert compare(make([0.9]), make([1.0]), tolerance).agrees


def test_the_largest_errors_are_kept() -> None:
    found = compare(make([1.0, 100.5, 2.0]), make([1.25, 100.0, 2.0]))
    assert (found.max_abs_error, found.max_rel_error) == (0.5, 0.2)


@pytest.mark.parametrize(
    ("actual", "expected", "agrees", "agrees_with_nan"),
    [
        (NAN, NAN, False, True),
        (NAN, 1.0, False, False),
        (1.0, NAN, False, False),
        (NAN, INF, False, False),
        (INF, NAN, False, False),
        (INF, INF, True, True),
        (-INF, -INF, True, True),
        (INF, -INF, False, False),
        (INF, 3e38, False, False),
        (3e38, INF, False, False),
        (0.0, -0.0, True, True),
        (-0.0, 0.0, True, True),
    ],
)
@pytest.mark.parametrize(
    "tolerance", [None, Tolerance(1e300, 1e300, "wide"), Tolerance(0, INF, "x")]
)
def test_what_is_not_finite(
    actual: float,
    expected: float,
    agrees: bool,
    agrees_with_nan: bool,
    tolerance: Tolerance | None,
) -> None:
    mine, other = make([actual, 1.0]), make([expected, 1.0])
    assert compare(mine, other, tolerance).agrees is agrees
    assert compare(mine, other, tolerance, equal_nan=True).agrees is agrees_with_nan


def test_nan_does_not_equal_nan_unless_asked() -> None:
    nan = {"y": make([NAN])}
    assert not compare_results(nan, nan).agrees
    assert measure_error(NAN, NAN) == (INF, INF)
    assert measure_error(NAN, NAN, equal_nan=True) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("dtype", "value", "shown"), [("float32", NAN, "nan"), ("complex64", NAN + 1j, "(nan+1j)")]
)
def test_nan_where_nan_is_expected_is_told_as_what_it_is(
    dtype: str, value: complex, shown: str
) -> None:
    (finding,) = compare(make([value], dtype), make([value], dtype)).findings
    assert finding.message == (
        f"`y[0]` is {shown}, expected {shown}: these are equal only where the case has "
        "`equal_nan: true`"
    )


def test_an_error_that_is_not_finite_is_shown_as_such() -> None:
    found = compare(make([NAN, 1.0]), make([1.0, 1.5]))
    assert (found.max_abs_error, found.max_rel_error) == (INF, INF)
    assert found.findings[0].message.startswith("`y[0]` is nan, expected 1.0: off by inf")


@pytest.mark.parametrize(
    ("actual", "expected", "agrees", "agrees_with_nan"),
    [
        (1 + 2j, 1 + 2j, True, True),
        (1 + 2j, 1 - 2j, False, False),
        (1 + 2j, 1.0000001 + 2j, True, True),
        (1.0, 1 + 0j, True, True),
        (complex(NAN, 1), complex(NAN, 1), False, True),
        (complex(NAN, 1), complex(NAN, 2), False, False),
        (complex(NAN, 1), complex(1, NAN), False, False),
        (complex(NAN, NAN), complex(NAN, NAN), False, True),
        (complex(NAN, NAN), complex(NAN, 0), False, False),
        (complex(INF, 1), complex(INF, 1), True, True),
        (complex(INF, 1), complex(INF, 1.0000001), True, True),
        (complex(INF, 1), complex(INF, 2), False, False),
        (complex(INF, 1), complex(-INF, 1), False, False),
        (complex(INF, NAN), complex(INF, NAN), False, True),
        (complex(INF, NAN), complex(INF, 0), False, False),
        (complex(3e38, 3e38), complex(3e38, -3e38), False, False),
        (complex(1.7e308, 1.7e308), complex(1.7e308, 1.6e308), False, False),
        (complex(0.0, -0.0), complex(-0.0, 0.0), True, True),
    ],
)
def test_complex_numbers_agree_in_both_parts(
    actual: complex, expected: complex, agrees: bool, agrees_with_nan: bool
) -> None:
    mine, other = make([actual], "complex64"), make([expected], "complex64")
    assert compare(mine, other).agrees is agrees
    assert compare(mine, other, equal_nan=True).agrees is agrees_with_nan


@pytest.mark.parametrize(
    ("dtype", "actual", "expected"),
    [
        ("int64", 2**63 - 1, 2**63 - 2),
        ("int64", -(2**63), -(2**63) + 1),
        ("uint64", 2**64 - 1, 2**64 - 2),
        ("uint64", 2**64 - 1, 0),
        ("int8", -128, 127),
        ("bool", True, False),
    ],
)
def test_whole_numbers_are_exact(dtype: str, actual: int, expected: int) -> None:
    assert compare(make([actual], dtype), make([actual], dtype)).agrees
    found = compare(make([actual], dtype), make([expected], dtype))
    assert not found.agrees
    assert found.tolerance == Tolerance(0, 0, "exact")
    # A tolerance of the case is one for floats.
    assert not compare(
        make([actual], dtype), make([expected], dtype), Tolerance(1, 1e30, "x")
    ).agrees


def test_whole_numbers_are_not_rounded_to_floats() -> None:
    assert compare(make([2**53 + 1], "int64"), make([float(2**53)], "int64")).findings
    assert compare(make([5], "int64"), make([5.0], "int64")).agrees
    assert compare(make([2**53 + 1], "int64"), make([2**53], "float64")).findings


def test_numbers_beyond_all_floats_do_not_break_it() -> None:
    huge = 10**400
    assert not compare(make([1.0], "float64"), make([huge], "float64")).agrees
    assert not compare(make([1], "int64"), make([huge], "int64")).agrees
    assert not compare(make([-1.7e308], "float64"), make([1.7e308], "float64")).agrees


# --- tolerances -----------------------------------------------------------------------------------


def test_the_defaults_are_the_fields() -> None:
    """The figures of `torch.testing.assert_close`."""
    assert DEFAULT_TOLERANCES == {
        "float16": (1e-3, 1e-5),
        "bfloat16": (1.6e-2, 1e-5),
        "float32": (1.3e-6, 1e-5),
        "float64": (1e-7, 1e-7),
        "complex64": (1.3e-6, 1e-5),
        "complex128": (1e-7, 1e-7),
    }


@pytest.mark.parametrize(
    ("dtypes", "tolerance"),
    [
        (("float32", "float64"), (1.3e-6, 1e-5, "float32 default")),
        (("float64", "float16"), (1e-3, 1e-5, "float16 default")),
        (("bfloat16", "float16"), (1.6e-2, 1e-5, "bfloat16 default")),
        (("int64", "float64"), (1e-7, 1e-7, "float64 default")),
        (("int64", "bool"), (0, 0, "exact")),
        (("float8_e4m3fn", "uint8"), (0, 0, "exact")),
    ],
)
def test_of_two_dtypes_the_looser_holds(
    dtypes: tuple[str, str], tolerance: tuple[float, float, str]
) -> None:
    for pair in (dtypes, dtypes[::-1]):
        assert choose_default(*pair) == Tolerance(*tolerance)
        assert is_inexact(*pair) is (tolerance[2] != "exact")


def test_a_tolerance_that_is_asked_for_holds_whichever_way() -> None:
    wide = Tolerance(0.1, 0.1, "set by the case", "why")
    narrow = Tolerance(0.0, 0.0, "set by the case", "why")
    assert compare(make([1.1]), make([1.0]), wide).agrees
    assert not compare(make([1.0000001]), make([1.0]), narrow).agrees
    assert compare(make([1.1]), make([1.0]), wide).tolerance == wide
    assert "(set by the case)" in find(make([2.0]), make([1.0]), tolerance=wide)[0]


@pytest.mark.parametrize("dtypes", [("bfloat16", "float64"), ("float64", "bfloat16")])
def test_where_dtypes_differ_the_looser_of_them_holds(dtypes: tuple[str, str]) -> None:
    """Whichever it is, and a wrong dtype is told without a wrong value."""
    mine, other = make([1.01], dtypes[0]), make([1.0], dtypes[1])
    assert [each.kind for each in compare(mine, other).findings] == ["dtype"]


@pytest.mark.parametrize("dtypes", [("int64", "float32"), ("float32", "int64")])
def test_a_tolerance_of_the_case_holds_where_one_of_them_is_a_float(
    dtypes: tuple[str, str],
) -> None:
    mine, other = make([2], dtypes[0]), make([1], dtypes[1])
    found = compare(mine, other, Tolerance(1.0, 0.0, "set by the case"))
    assert [each.kind for each in found.findings] == ["dtype"]


def test_the_defaults_of_gradients_say_why() -> None:
    found = choose_default("float32", defaults=GRADIENTS)
    assert (found.source, found.reason) == ("float32 gradient default", GRADIENTS.reason)
    one = {"y": make([1.0])}
    assert compare_results(one, one, defaults=GRADIENTS).tolerance == found


def test_of_equal_tolerances_the_first_is_named() -> None:
    results = {"a": make([1.0]), "b": make([1.0], "complex64")}
    found = compare_results(results, results).tolerance
    assert found == Tolerance(1.3e-6, 1e-5, "float32 default")


def test_nothing_loosens_by_itself() -> None:
    """An array that is off leaves the tolerance of the next one alone."""
    actual = {"a": make([1.0], "bfloat16"), "b": make([1.0005]), "c": make([2], "int64")}
    expected = {"a": make([1.01], "bfloat16"), "b": make([1.0]), "c": make([1], "int64")}
    found = compare_results(actual, expected)
    assert [each.message[:6] for each in found.findings] == ["`b[0]`", "`c[0]`"]
    assert found.tolerance is not None
    assert found.tolerance.source == "bfloat16 default"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_rule_is_numpys(dtype: str) -> None:
    """The same verdict as `numpy.isclose`, for numbers of all sizes and kinds."""
    numbers = random.Random(7)
    rtol, atol = DEFAULT_TOLERANCES[dtype]
    special = [0.0, -0.0, INF, -INF, NAN, 1.0, 5e-324, 1.7e308]
    agreed = 0
    for _ in range(3000):
        expected = numbers.choice([*special, numbers.gauss(0, 1) * 10 ** numbers.uniform(-9, 9)])
        near = expected + numbers.uniform(-2, 2) * (atol + rtol * abs(expected))
        actual = numbers.choice([near, near, near, expected, *special])
        for equal_nan in (False, True):
            mine = compare(make([actual], dtype), make([expected], dtype), equal_nan=equal_nan)
            with np.errstate(all="ignore"):
                theirs = np.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan)
            assert mine.agrees == bool(theirs), (actual, expected, equal_nan)
            agreed += mine.agrees
    assert 1000 < agreed < 5000


@pytest.mark.parametrize(
    ("actual", "expected", "errors"),
    [
        (1.0, 1.0, (0.0, 0.0)),
        (1.5, 1.0, (0.5, 0.5)),
        (1.0, 2.0, (1.0, 0.5)),
        (-1.0, 2.0, (3.0, 1.5)),
        (1e-9, 0.0, (1e-9, INF)),
        (3 + 4j, 0j, (5.0, INF)),
        (3 + 4j, 3 + 0j, (4.0, 4 / 3)),
        (True, False, (1.0, INF)),
        (5, 3.5, (1.5, 3 / 7)),
        (3.5, 5, (1.5, 0.3)),
        (2**64 - 1, 2**64 - 3, (2.0, 2 / 2.0**64)),
        (INF, 1.0, (INF, INF)),
        (1.0, complex(1, NAN), (INF, INF)),
    ],
)
def test_errors(actual: complex, expected: complex, errors: tuple[float, float]) -> None:
    assert measure_error(actual, expected) == pytest.approx(errors, rel=1e-15)


@pytest.mark.parametrize(
    ("number", "size"),
    [(-2, 2.0), (3 + 4j, 5.0), (complex(INF, 2), 2.0), (NAN, 0.0), (True, 1.0), (0, 0.0)],
)
def test_the_size_of_a_number_is_that_of_its_finite_parts(number: complex, size: float) -> None:
    assert measure_size(number) == size
    assert measure_size(10**400) == measure_size(complex(1.7e308, 1.7e308)) < INF


# --- trees ----------------------------------------------------------------------------------------


def test_trees_are_compared_part_by_part() -> None:
    expected: Tree = [make([1.0]), {"a": [make(2.0), None], "b": "text"}]
    assert compare([make([1.0]), {"b": "text", "a": [make(2.0), None]}], expected).agrees
    assert find([make([1.5]), {"a": [make(3.0), "x"], "b": "other"}], expected) == [
        "value: `y[0][0]` is 1.5, expected 1.0: off by 0.5 (0.5 relative), allowed "
        "1e-05 + 1.3e-06 * |expected| (float32 default)",
        "value: `y[1]['a'][0]` is 3.0, expected 2.0: off by 1 (0.5 relative), allowed "
        "1e-05 + 1.3e-06 * |expected| (float32 default)",
        "structure: `y[1]['a'][1]` is text, expected None",
        "value: `y[1]['b']` is 'other', expected 'text'",
    ]


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        ([make(1.0)], [make(1.0), make(2.0)], "`y` has 1 items, expected 2"),
        ([], [make(1.0)], "`y` has 0 items, expected 1"),
        ({"a": None}, {"b": None}, "`y` has the keys 'a', expected 'b'"),
        ({}, {"b": None}, "`y` has the keys (none), expected 'b'"),
        ({"a": None, "b": None}, {"b": None}, "`y` has the keys 'a', 'b', expected 'b'"),
        (make(1.0), [make(1.0)], "`y` is an array, expected a tuple or list"),
        ([make(1.0)], make([1.0]), "`y` is a tuple or list, expected an array"),
        ({"a": None}, [None], "`y` is a dict, expected a tuple or list"),
        (None, make(1.0), "`y` is None, expected an array"),
        ("1.0", make(1.0), "`y` is text, expected an array"),
        (make(1.0), None, "`y` is an array, expected None"),
        (Other("a B"), make(1.0), "`y` is a B, expected an array"),
        (Other("a B"), None, "`y` is a B, expected None"),
    ],
)
def test_trees_must_be_of_one_structure(actual: Tree, expected: Tree, message: str) -> None:
    (found,) = find(actual, expected)
    assert found == f"structure: {message}"


def test_texts_and_nothing_are_compared() -> None:
    assert compare("a", "a").agrees
    assert compare(None, None).agrees
    assert find("a", "b") == ["value: `y` is 'a', expected 'b'"]


def test_an_object_never_agrees() -> None:
    same = Other("an object of type a.B")
    assert find(same, same) == ["structure: `y` is an object of type a.B, which cannot be compared"]


def test_arrays_of_a_tree_are_walked() -> None:
    tree: Tree = {"a": [make(1.0), None, "x"], "b": make([2.0])}
    assert [array.values for array in walk_arrays(tree)] == [(1.0,), (2.0,)]


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (make(1.0), "an array"),
        ([], "a tuple or list"),
        ({}, "a dict"),
        ("", "text"),
        (None, "None"),
        (Other("it"), "it"),
    ],
)
def test_trees_have_names(tree: Tree, words: str) -> None:
    assert describe_tree(tree) == words


# --- what the worker encodes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16",
     "float32", "float64", "complex64", "complex128"],
)  # fmt: skip
def test_every_dtype_is_decoded_exactly(dtype: str) -> None:
    if dtype == "bool" or dtype.startswith(("int", "uint")):
        edges = [0, 1] if dtype == "bool" else [np.iinfo(dtype).min, 0, 1, np.iinfo(dtype).max]
        array = np.array(edges, dtype=dtype).reshape(2, -1)
    else:
        array = np.array([[0.1, -0.0, 1e-5], [np.inf, -np.inf, 2.5]]).astype(dtype)
    tree = decode_tree(encode(array))
    assert isinstance(tree, Array)
    assert (tree.dtype, tree.shape) == (dtype, array.shape)
    assert list(tree.values) == array.reshape(-1).tolist()


def test_narrow_floats_are_stored_wider() -> None:
    tree = decode_tree(encode(np.array([0.5], dtype="float32"), "bfloat16"))
    assert tree == Array("bfloat16", (1,), (0.5,))


def test_not_a_number_is_decoded() -> None:
    tree = decode_tree(encode(np.array([np.nan, 1j * np.nan])))
    assert isinstance(tree, Array)
    assert [value != value for value in tree.values] == [True, True]


def test_empty_and_0_d_arrays_are_decoded() -> None:
    assert decode_tree(encode(np.zeros((0, 2), "float32"))) == Array("float32", (0, 2), ())
    assert decode_tree(encode(np.array(2, "int64"))) == Array("int64", (), (2,))


def test_containers_are_decoded() -> None:
    data = {"items": [{"none": True}, {"entries": {"dtype": {"text": "x"}}}, {"object": "a.B"}]}
    assert decode_tree(data) == [None, {"dtype": "x"}, Other("an object of type a.B")]


HALF = base64.b64encode(struct.pack("<f", 1)).decode()
GOOD = encode(np.array([1.0, 2.0], dtype="float32"))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"what": 1},
        {**GOOD, "data": "###"},
        {**GOOD, "data": "AAA="},
        {**GOOD, "data": GOOD["data"] + "#"},
        {**GOOD, "data": 5},
        {**GOOD, "shape": [3]},
        {**GOOD, "shape": ["2"]},
        {**GOOD, "shape": [2.0]},
        {**GOOD, "shape": None},
        {**GOOD, "stored": "float7"},
        {**GOOD, "stored": None},
        {key: value for key, value in GOOD.items() if key != "stored"},
        {**encode(np.array([1j], dtype="complex64")), "data": HALF},
        {**encode(np.array([], dtype="complex64")), "data": HALF},
        {"items": 5},
        {"items": [5]},
        {"entries": [1]},
        {"items": [{"dtype": "float32"}]},
    ],
)
def test_what_is_no_result_is_told(data: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"result|base64|dtype|values|zip|padding|ASCII|Only|shape"
    ):
        decode_tree(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "this is no result: it has the keys (none)"),
        ({"what": 1, "else": 2}, "this is no result: it has the keys what, else"),
        ({**GOOD, "shape": [3]}, "2 values for the shape (3,)"),
    ],
)
def test_why_it_is_no_result_is_told(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        decode_tree(data)
    assert str(caught.value) == message
