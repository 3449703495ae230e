"""Tests of the inputs of a case: what YAML says, as specifications."""

from __future__ import annotations

import math
from typing import Any

import pytest

from optabs.catalog.inputs import (
    MAX_ELEMENTS,
    is_input_name,
    measure_shape,
    read_complex,
    read_input,
    write_python,
)
from optabs.catalog.model import (
    ArrayInput,
    CodeInput,
    InputSpec,
    LinspaceInput,
    PythonInput,
    RandomInput,
    SequenceInput,
)
from optabs.catalog.schema import Reporter
from optabs.catalog.source import YamlDocument, parse_yaml


def read(text: str, position: int = 0) -> tuple[InputSpec | None, YamlDocument]:
    """Return what the input `x` written as `text` is, and the document with its faults."""
    document = parse_yaml(f"inputs:\n  x: {text}\n".encode(), "f.yaml")
    assert document.faults == []
    value = document.data["inputs"]["x"]
    return read_input(value, ("inputs", "x"), position, Reporter(document)), document


def read_good(text: str, position: int = 0) -> Any:
    spec, document = read(text, position)
    assert document.faults == []
    return spec


@pytest.mark.parametrize(
    ("text", "values", "dtype"),
    [
        ("[1.0, 2]", [1.0, 2], "float32"),
        ("[1, 2]", [1, 2], "int32"),
        ("[true, false]", [True, False], "bool"),
        ("[[1], [2]]", [[1], [2]], "int32"),
        ("[]", [], "float32"),
        ("[[], []]", [[], []], "float32"),
        ("[.inf, -.inf]", [math.inf, -math.inf], "float32"),
        ("[-2147483648, 2147483647]", [-(2**31), 2**31 - 1], "int32"),
        ("[3.4028234663852886e+38]", [3.4028234663852886e38], "float32"),
        ("{values: 0.5}", 0.5, "float32"),
        ("{values: 5}", 5, "int32"),
        ("{values: [1, 2], dtype: int64}", [1, 2], "int64"),
        ("{values: [1, 2], dtype: float16}", [1, 2], "float16"),
        ("{values: [65504.0], dtype: float16}", [65504.0], "float16"),
        ("{values: [1, 0], dtype: bool}", [1, 0], "bool"),
        ("{values: [true, 2.0], dtype: int8}", [True, 2.0], "int8"),
        ("{values: [18446744073709551615], dtype: uint64}", [2**64 - 1], "uint64"),
        ("{values: [0], dtype: uint8}", [0], "uint8"),
        ("{values: ['1+2j', 3, 4.5], dtype: complex64}", ["1+2j", 3, 4.5], "complex64"),
        ("{values: ['nan+infj'], dtype: complex128}", ["nan+infj"], "complex128"),
        ("{values: [], dtype: int64}", [], "int64"),
    ],
)
def test_an_array(text: str, values: Any, dtype: str) -> None:
    assert read_good(text) == ArrayInput(values, dtype)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("-1", "-1"),
        ("1.5", "1.5"),
        ("1e-5", "1e-05"),
        ("true", "True"),
        ("null", "None"),
        ("", "None"),
        ("mean", "'mean'"),
        ('"it\'s"', '"it\'s"'),
        (".inf", 'float("inf")'),
        ("-.inf", 'float("-inf")'),
        (".nan", 'float("nan")'),
        ('{python: "(1, 0)"}', "(1, 0)"),
        ('{python: "  (1,\\n 0)\\n"}', "(1,\n 0)"),
        ("{python: 5}", "5"),
        ("{python: [1, .nan, {a: .inf}]}", '[1, float("nan"), {\'a\': float("inf")}]'),
        ("{python: \"{'a': [1, None]}\"}", "{'a': [1, None]}"),
        ("{python: null}", "None"),
    ],
)
def test_a_python_value(text: str, source: str) -> None:
    assert read_good(text) == PythonInput(source)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("{random: normal, shape: [2]}", RandomInput("normal", (2,), "float32", 3, {})),
        (
            "{random: normal, shape: [2, 3], dtype: float64, seed: 7, mean: 1, std: 0.5}",
            RandomInput("normal", (2, 3), "float64", 7, {"mean": 1, "std": 0.5}),
        ),
        (
            "{random: uniform, shape: [], low: -1, high: 1, dtype: complex64}",
            RandomInput("uniform", (), "complex64", 3, {"low": -1, "high": 1}),
        ),
        (
            "{random: integers, shape: [0, 2]}",
            RandomInput("integers", (0, 2), "int32", 3, {"low": 0, "high": 10}),
        ),
        (
            "{random: integers, shape: [2], high: 256, dtype: uint8}",
            RandomInput("integers", (2,), "uint8", 3, {"low": 0, "high": 256}),
        ),
        (
            "{random: integers, shape: [2], high: 2, dtype: bool}",
            RandomInput("integers", (2,), "bool", 3, {"low": 0, "high": 2}),
        ),
    ],
)
def test_a_random_array(text: str, spec: RandomInput) -> None:
    assert read_good(text, position=3) == spec


def test_evenly_spaced_numbers() -> None:
    assert read_good("{linspace: [-6, 6]}") == LinspaceInput(-6.0, 6.0, 128)
    spec = read_good("{linspace: [0, 1.5], count: 4}")
    assert spec == LinspaceInput(0.0, 1.5, 4)
    assert spec.points == (0.0, 0.5, 1.0, 1.5)
    assert spec.dtype == "float32"


def test_sequences_hold_inputs() -> None:
    assert read_good("{tuple: [{values: 0.5}, [1.0], 2, {list: [a, null]}]}") == SequenceInput(
        "tuple",
        (
            ArrayInput(0.5, "float32"),
            ArrayInput([1.0], "float32"),
            PythonInput("2"),
            SequenceInput("list", (PythonInput("'a'"), PythonInput("None"))),
        ),
    )
    assert read_good("{tuple: []}") == SequenceInput("tuple", ())


def test_code_knows_its_lines() -> None:
    spec = read_good("{code: 'x = 5'}")
    assert isinstance(spec, CodeInput)
    assert spec.source == "x = 5"
    spec = read_good("\n    code: |\n\n      def x(v):\n          return v\n")
    assert spec.source == "\ndef x(v):\n    return v"
    assert [spec.text.find_line(row) for row in range(3)] == [4, 5, 6]


@pytest.mark.parametrize(
    "code",
    [
        "def x(v): return v",
        "class x: pass",
        "x = y = 1",
        "from math import sin as x",
        "y, *x = 1, 2",
        "async def x(): pass",
        "for x in [1]: pass",
    ],
)
def test_code_defines_its_input(code: str) -> None:
    assert read_good(f"{{code: {code!r}}}").source == code


@pytest.mark.parametrize(
    ("text", "place", "code", "words"),
    [
        ("[[1, 2], [3]]", "2:6", "ragged-array", "the rows of `x` differ in length"),
        ("[1, [2]]", "2:6", "ragged-array", "the rows of `x` differ in length"),
        ("{values: [1, [2]]}", "2:15", "ragged-array", "the rows of `x` differ in length"),
        ("[1, a]", "2:10", "bad-input", "'a', which is no number"),
        ("[1.0, nan]", "2:12", "bad-input", "the text 'nan'"),
        ("[1.0, -Infinity]", "2:12", "bad-input", "the text '-Infinity'"),
        ("[true, 1]", "2:6", "bad-input", "mixes true/false with numbers"),
        ("[2147483648]", "2:7", "bad-input", "which int32 cannot hold"),
        ("[1, -2147483649]", "2:10", "bad-input", "which int32 cannot hold"),
        ("{values: [256], dtype: uint8}", "2:16", "bad-input", "which uint8 cannot hold"),
        ("{values: [0, 1.5], dtype: int8}", "2:19", "bad-input", "which is no whole number"),
        ("{values: [.nan], dtype: int8}", "2:16", "bad-input", "which is no whole number"),
        ("{values: [0.5], dtype: bool}", "2:16", "bad-input", "which is no bool"),
        ("{values: [65505.0], dtype: float16}", "2:16", "bad-input", "float16 cannot hold"),
        ("{values: [3.4e+38], dtype: bfloat16}", "2:16", "bad-input", "bfloat16 cannot hold"),
        ("[1.0, 3.5e+38]", "2:12", "bad-input", "float32 cannot hold"),
        ("{values: ['1e39j'], dtype: complex64}", "2:16", "bad-input", "complex64 cannot hold"),
        ("{values: ['1+2i'], dtype: complex64}", "2:16", "bad-input", "is no complex number"),
        ("{values: [true], dtype: complex64}", "2:16", "bad-input", "is no complex number"),
        ("{values: ['1+2j']}", "2:16", "bad-input", "which is no number"),
        ("{values: text}", "2:15", "bad-input", "which is no number"),
        ("{values: null}", "2:15", "bad-input", "which is no number"),
        ("{values: [1], dtype: null}", "2:27", "wrong-type", "found nothing"),
        ("{values: [1], dtype: float}", "2:27", "unknown-word", "does not know 'float'"),
        ("{values: [1], seed: 1}", "2:20", "unknown-key", "has no key 'seed'"),
        ("{linspace: [1]}", "2:17", "bad-input", "two numbers, the smaller one first"),
        ("{linspace: [1, 1]}", "2:17", "bad-input", "two numbers, the smaller one first"),
        ("{linspace: [0, 1e39]}", "2:17", "bad-input", "two numbers"),
        ("{linspace: [0, a]}", "2:21", "wrong-type", "wants a finite number"),
        ("{linspace: [0, 1], count: 1}", "2:32", "bad-input", "1 points"),
        ("{linspace: [0, 1], count: 1001}", "2:32", "bad-input", "1001 points"),
        ("{linspace: [0, 1], dtype: int64}", "2:25", "unknown-key", "has no key 'dtype'"),
        ("{dtype: int64}", "2:6", "bad-input", "has no form that is known"),
        ("{}", "2:6", "bad-input", "has no form that is known"),
        ("{rondom: normal, shape: [2]}", "2:7", "unknown-key", "has no key 'rondom'"),
        ("{values: [1], code: x}", "2:6", "bad-input", "more than one form: code and values"),
        ("{tuple: {a: 1}}", "2:14", "wrong-type", "wants a list of inputs, found a mapping"),
        ("{tuple: [{tuple: [[1, a]]}]}", "2:28", "bad-input", "`x` holds 'a'"),
        ("{list: [{code: 'x = 1'}]}", "2:15", "bad-input", "code cannot stand in a sequence"),
        ("{python: nope}", "2:15", "bad-python", "'nope' is no Python literal"),
        ("{python: '(1,'}", "2:15", "bad-python", "is no Python literal"),
        ("{python: '[1] * 2'}", "2:15", "bad-python", "is no Python literal"),
        ("{code: 'y = 1'}", "2:13", "bad-python", "does not define `x`"),
        ('{code: "def f():\\n  x = 1"}', "2:13", "bad-python", "does not define `x`"),
        ("{code: 'x = = 1'}", "2:18", "bad-python", "this is no Python"),
        ("{code: 5}", "2:13", "wrong-type", "found the number 5"),
        ("{code: \"x = f'{xp.pi}'\"}", "2:13", "bad-python", "`xp` stands in an f-string"),
        ("{random: normal}", "2:6", "missing-key", "has no `shape`"),
        ("{random: cauchy, shape: [1]}", "2:15", "unknown-word", "does not know 'cauchy'"),
        ("{random: normal, shape: [-1]}", "2:31", "wrong-type", "a whole number from 0"),
        ("{random: normal, shape: 3}", "2:30", "wrong-type", "wants a list, found the number 3"),
        ("{random: normal, shape: [1001, 1000]}", "2:30", "bad-shape", "1001000 elements"),
        ("{random: normal, shape: [1], std: -1}", "2:40", "bad-input", "is not negative"),
        ("{random: normal, shape: [1], high: 1}", "2:35", "unknown-key", "has no 'high'"),
        ("{random: normal, shape: [1], dtype: int8}", "2:42", "bad-input", "gives no int8"),
        ("{random: uniform, shape: [1], dtype: bool}", "2:43", "bad-input", "gives no bool"),
        ("{random: uniform, shape: [1], low: 1}", "2:6", "bad-input", "`high` is not above `low`"),
        ("{random: uniform, shape: [1], high: 0}", "2:42", "bad-input", "`high` is not above"),
        ("{random: integers, shape: [1], high: 0}", "2:43", "bad-input", "`high` is not above"),
        ("{random: integers, shape: [1], low: 0.5}", "2:42", "bad-input", "wants a whole number"),
        ("{random: integers, shape: [1], low: -1, dtype: uint8}", "2:42", "bad-input", "hold -1"),
        ("{random: normal, shape: [1], mean: .inf}", "2:41", "wrong-type", "a finite number"),
        ("{random: normal, shape: [1], seed: -1}", "2:41", "wrong-type", "number from 0"),
    ],
)
def test_a_bad_input_is_told_at_its_place(text: str, place: str, code: str, words: str) -> None:
    spec, document = read(text)
    (fault,) = document.faults
    assert f"{fault.place.line}:{fault.place.column} {fault.code}" == f"{place} {code}"
    assert words in fault.message
    if code != "unknown-key":
        assert spec is None


def test_an_input_may_be_called_as_a_form() -> None:
    document = parse_yaml(b"inputs:\n  code: {code: 'code = 1'}\n", "f.yaml")
    spec = read_input({"code": "code = 1"}, ("inputs", "code"), 0, Reporter(document))
    assert isinstance(spec, CodeInput)
    assert document.faults == []


def test_an_array_is_not_endless() -> None:
    document = YamlDocument("f.yaml")
    values = [0.0] * (MAX_ELEMENTS + 1)
    assert read_input(values, ("inputs", "x"), 0, Reporter(document)) is None
    assert document.faults[0].code == "bad-shape"


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (1, ()),
        ([], (0,)),
        ([1, 2], (2,)),
        ([[1, 2, 3], [4, 5, 6]], (2, 3)),
        ([[], []], (2, 0)),
        ([[[]]], (1, 1, 0)),
        ([1, []], None),
        ([[1], []], None),
        ([[[1]], [[1, 2]]], None),
    ],
)
def test_shapes(values: Any, shape: tuple[int, ...] | None) -> None:
    assert measure_shape(values, set()) == shape


def test_kinds_are_gathered() -> None:
    kinds: set[type] = set()
    measure_shape([[1, 2.0], [True, "a"]], kinds)
    assert kinds == {int, float, bool, str}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1+2j", 1 + 2j),
        (" 2j ", 2j),
        (3, 3 + 0j),
        (0.5, 0.5 + 0j),
        ("x", None),
        (True, None),
        (None, None),
        ([], None),
        (10**400, None),
    ],
)
def test_complex_numbers_are_text(value: Any, number: complex | None) -> None:
    assert read_complex(value) == number


def test_python_source_evaluates_to_the_value() -> None:
    value = [1, -2.5, "it's", None, True, {"a": [1e300]}]
    assert eval(write_python(value)) == value
    found = eval(write_python([math.nan, math.inf, -math.inf]))
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf]


@pytest.mark.parametrize("name", ["x", "_x1", "größe", "α", "日本", "match"])
def test_names_of_inputs(name: str) -> None:
    assert is_input_name(name)


@pytest.mark.parametrize(
    "name", ["", "1x", "a-b", "a b", "class", "None", "x.y", "ﬁ", "😀", "np", "xp", "rng"]
)
def test_what_is_no_name_of_an_input(name: str) -> None:
    assert not is_input_name(name)
