"""Tests of inputs as code: what each framework's users would write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optabs.catalog.inputs import read_input
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
from optabs.catalog.source import parse_yaml
from optabs.frameworks import Registry
from optabs.snippet.inputs import (
    LINE_LENGTH,
    write_input,
    write_literal,
    write_reference_input,
    write_sequence,
    write_value,
)


def read(text: str) -> InputSpec:
    document = parse_yaml(f"inputs: {{x: {text}}}".encode(), "f.yaml")
    spec = read_input(document.data["inputs"]["x"], ("inputs", "x"), 0, Reporter(document))
    assert document.faults == []
    assert spec is not None
    return spec


WRITTEN = {
    "[1.0, -2.5]": (
        "torch.tensor([1.0, -2.5])",
        "jnp.array([1.0, -2.5])",
        "tf.constant([1.0, -2.5])",
        "np.array([1.0, -2.5], dtype=np.float32)",
    ),
    "[1, 2.5]": (
        "torch.tensor([1.0, 2.5])",
        "jnp.array([1.0, 2.5])",
        "tf.constant([1.0, 2.5])",
        "np.array([1.0, 2.5], dtype=np.float32)",
    ),
    "[1, 2]": (
        "torch.tensor([1, 2], dtype=torch.int32)",
        "jnp.array([1, 2])",
        "tf.constant([1, 2])",
        "np.array([1, 2], dtype=np.int32)",
    ),
    "{values: [1, 2], dtype: int64}": (
        "torch.tensor([1, 2])",
        "jnp.array([1, 2], dtype=jnp.int64)",
        "tf.constant([1, 2], dtype=tf.int64)",
        "np.array([1, 2])",
    ),
    "{values: [1, 2], dtype: float64}": (
        "torch.tensor([1.0, 2.0], dtype=torch.float64)",
        "jnp.array([1.0, 2.0], dtype=jnp.float64)",
        "tf.constant([1.0, 2.0], dtype=tf.float64)",
        "np.array([1.0, 2.0])",
    ),
    "[true, false]": (
        "torch.tensor([True, False])",
        "jnp.array([True, False])",
        "tf.constant([True, False])",
        "np.array([True, False])",
    ),
    "{values: [1, 0], dtype: bool}": (
        "torch.tensor([True, False])",
        "jnp.array([True, False])",
        "tf.constant([True, False])",
        "np.array([True, False])",
    ),
    "{values: [true, 2.0], dtype: int32}": (
        "torch.tensor([1, 2], dtype=torch.int32)",
        "jnp.array([1, 2])",
        "tf.constant([1, 2])",
        "np.array([1, 2], dtype=np.int32)",
    ),
    "{values: [1], dtype: bfloat16}": (
        "torch.tensor([1.0], dtype=torch.bfloat16)",
        "jnp.array([1.0], dtype=jnp.bfloat16)",
        "tf.constant([1.0], dtype=tf.bfloat16)",
        "np.array([1.0], dtype=np.bfloat16)",
    ),
    "{values: 0.5}": (
        "torch.tensor(0.5)",
        "jnp.array(0.5)",
        "tf.constant(0.5)",
        "np.array(0.5, dtype=np.float32)",
    ),
    "[]": (
        "torch.tensor([])",
        "jnp.array([])",
        "tf.constant([])",
        "np.array([], dtype=np.float32)",
    ),
    "{values: [[], []], dtype: int32}": (
        "torch.tensor([[], []], dtype=torch.int32)",
        "jnp.array([[], []], dtype=jnp.int32)",
        "tf.constant([[], []], dtype=tf.int32)",
        "np.array([[], []], dtype=np.int32)",
    ),
    "{values: [], dtype: bool}": (
        "torch.tensor([], dtype=torch.bool)",
        "jnp.array([], dtype=jnp.bool_)",
        "tf.constant([], dtype=tf.bool)",
        "np.array([], dtype=np.bool_)",
    ),
    "{values: [.inf, .nan], dtype: float16}": (
        'torch.tensor([float("inf"), float("nan")], dtype=torch.float16)',
        'jnp.array([float("inf"), float("nan")], dtype=jnp.float16)',
        'tf.constant([float("inf"), float("nan")], dtype=tf.float16)',
        'np.array([float("inf"), float("nan")], dtype=np.float16)',
    ),
    "[-.inf, -0.0]": (
        'torch.tensor([float("-inf"), -0.0])',
        'jnp.array([float("-inf"), -0.0])',
        'tf.constant([float("-inf"), -0.0])',
        'np.array([float("-inf"), -0.0], dtype=np.float32)',
    ),
    "{values: ['1+2j', '4'], dtype: complex64}": (
        "torch.tensor([1+2j, 4+0j])",
        "jnp.array([1+2j, 4+0j])",
        "tf.constant([1+2j, 4+0j], dtype=tf.complex64)",
        "np.array([1+2j, 4+0j], dtype=np.complex64)",
    ),
    "{values: ['nan+1j'], dtype: complex128}": (
        'torch.tensor([complex(float("nan"), 1.0)], dtype=torch.complex128)',
        'jnp.array([complex(float("nan"), 1.0)], dtype=jnp.complex128)',
        'tf.constant([complex(float("nan"), 1.0)])',
        'np.array([complex(float("nan"), 1.0)])',
    ),
    "{values: [1.5, .nan], dtype: complex64}": (
        'torch.tensor([1.5, float("nan")], dtype=torch.complex64)',
        'jnp.array([1.5, float("nan")], dtype=jnp.complex64)',
        'tf.constant([1.5, float("nan")], dtype=tf.complex64)',
        'np.array([1.5, float("nan")], dtype=np.complex64)',
    ),
    "{tuple: [{values: 1.0}]}": (
        "(torch.tensor(1.0),)",
        "(jnp.array(1.0),)",
        "(tf.constant(1.0),)",
        "(np.array(1.0, dtype=np.float32),)",
    ),
    "{list: [[1.0], 2, {tuple: []}]}": (
        "[torch.tensor([1.0]), 2, ()]",
        "[jnp.array([1.0]), 2, ()]",
        "[tf.constant([1.0]), 2, ()]",
        "[np.array([1.0], dtype=np.float32), 2, ()]",
    ),
    "text": ("'text'", "'text'", "'text'", "'text'"),
    ".nan": ('float("nan")', 'float("nan")', 'float("nan")', 'float("nan")'),
    "{python: \"(1, 'a')\"}": ("(1, 'a')", "(1, 'a')", "(1, 'a')", "(1, 'a')"),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_an_input_is_written_as_users_do(text: str, registry: Registry) -> None:
    keys = ("torch", "jax", "tensorflow", "numpy")
    for key, written in zip(keys, WRITTEN[text], strict=True):
        assert write_input("x", read(text), registry.frameworks[key]) == [f"x = {written}"]


@pytest.mark.parametrize(
    ("framework", "written"),
    [
        ("mlx", "mx.array([1.0], dtype=mx.bfloat16)"),
        ("keras", 'ops.array([1.0], dtype="bfloat16")'),
        ("flax_nnx", "jnp.array([1.0], dtype=jnp.bfloat16)"),
        ("paxml", "jnp.array([1.0], dtype=jnp.bfloat16)"),
    ],
)
def test_other_frameworks_have_their_idiom(
    framework: str, written: str, registry: Registry
) -> None:
    spec = ArrayInput([1.0], "bfloat16")
    assert write_value(spec, registry.frameworks[framework].values) == written


@pytest.mark.parametrize(
    ("text", "draw", "dtype"),
    [
        ("{random: normal, shape: [2, 3], seed: 7}", "normal(size=(2, 3))", "float32"),
        (
            "{random: normal, shape: [4], seed: 7, mean: 1, std: 0.5, dtype: float16}",
            "normal(loc=1, scale=0.5, size=(4,))",
            "float16",
        ),
        (
            "{random: uniform, shape: [], seed: 7, low: -1, high: 1}",
            "uniform(low=-1, high=1, size=())",
            "float32",
        ),
        (
            "{random: integers, shape: [0, 2], seed: 7, high: 2, dtype: int64}",
            "integers(low=0, high=2, size=(0, 2))",
            "int64",
        ),
    ],
)
def test_a_random_array_is_drawn_by_numpy(
    text: str, draw: str, dtype: str, registry: Registry
) -> None:
    spec = read(text)
    torch, numpy = registry.frameworks["torch"], registry.frameworks["numpy"]
    lines = write_input("x", spec, torch)
    assert lines == [
        "rng = np.random.default_rng(7)",
        f"x = torch.tensor(rng.{draw}, dtype=torch.{dtype})",
    ]
    inner = f"np.array(np.random.default_rng(7).{draw}, dtype=np.{dtype})"
    assert write_value(spec, numpy.values) == inner
    names: dict[str, Any] = {"np": np}
    exec("\n".join(write_input("x", spec, numpy)), names)
    np.testing.assert_array_equal(names["x"], eval(inner, {"np": np}))
    assert names["x"].dtype == dtype


def test_evenly_spaced_numbers_are_the_same_in_all_frameworks(registry: Registry) -> None:
    spec = LinspaceInput(-6.0, 6.0, 128)
    written = {key: write_input("x", spec, each) for key, each in registry.frameworks.items()}
    assert written["torch"] == [
        "x = torch.tensor(np.linspace(-6.0, 6.0, 128), dtype=torch.float32)"
    ]
    assert written["numpy"] == ["x = np.array(np.linspace(-6.0, 6.0, 128), dtype=np.float32)"]
    assert all("np.linspace(-6.0, 6.0, 128)" in line for (line,) in written.values())


def test_evenly_spaced_numbers_are_rounded_for_the_oracle(registry: Registry) -> None:
    found = evaluate("{linspace: [0, 1], count: 4}", registry)
    assert found.dtype == np.float64
    assert found.tolist() == np.linspace(0, 1, 4).astype(np.float32).tolist()


def test_code_stands_for_the_frameworks_namespace(registry: Registry) -> None:
    spec = CodeInput("def f(v):\n    return xp.sin(v)")
    for key, namespace in [("torch", "torch"), ("tensorflow", "tnp"), ("keras", "ops")]:
        assert write_input("f", spec, registry.frameworks[key]) == [
            "def f(v):",
            f"    return {namespace}.sin(v)",
        ]


# --- layout ---------------------------------------------------------------------------------------


def test_wide_arrays_are_broken_into_rows(registry: Registry) -> None:
    row = [1.25, 2.25, 3.25, 4.25, 5.25, 6.25]
    assert write_input("x", ArrayInput([row, row], "float64"), registry.frameworks["jax"]) == [
        "x = jnp.array([",
        "    [1.25, 2.25, 3.25, 4.25, 5.25, 6.25],",
        "    [1.25, 2.25, 3.25, 4.25, 5.25, 6.25],",
        "], dtype=jnp.float64)",
    ]


def test_an_array_that_fits_stays_in_one_line(registry: Registry) -> None:
    torch = registry.frameworks["torch"]
    frame = len("x = torch.tensor([])")
    count = (LINE_LENGTH - frame + 2) // 5
    assert len(write_input("x", ArrayInput([0.5] * count, "float32"), torch)) == 1
    assert len(write_input("x", ArrayInput([0.5] * (count + 1), "float32"), torch)) == 3


def test_long_arrays_fill_their_lines(registry: Registry) -> None:
    spec = ArrayInput([float(i) for i in range(20)], "float32")
    assert write_input("x", spec, registry.frameworks["torch"]) == [
        "x = torch.tensor([",
        "    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0,",
        "    13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0,",
        "])",
    ]


@pytest.mark.parametrize(
    "shape", [(100,), (1, 100), (2, 50), (3, 2, 20), (2, 2, 2, 30), (40, 1), (1, 1, 1), (5, 0)]
)
def test_broken_arrays_are_the_same_arrays(shape: tuple[int, ...], registry: Registry) -> None:
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape) / 7 - 1
    spec = ArrayInput(values.tolist(), "float64")
    for room in (None, 10, 60):
        written = write_value(spec, registry.frameworks["numpy"].values, room)
        if room is not None:
            assert all(len(line) <= LINE_LENGTH for line in written.split("\n"))
        found = eval(written, {"np": np})
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, values)


def test_a_long_text_is_not_broken(registry: Registry) -> None:
    spec = PythonInput(repr("[[1, 2], [3, " * 10))
    assert write_input("x", spec, registry.frameworks["torch"]) == [f"x = {spec.source}"]


def test_python_of_several_lines_keeps_them(registry: Registry) -> None:
    spec = PythonInput('{"a": [\n    1],\n "b": 2}')
    assert write_input("x", spec, registry.frameworks["torch"]) == [
        'x = {"a": [',
        "    1],",
        ' "b": 2}',
    ]


def test_wide_sequences_have_a_line_for_each_item(registry: Registry) -> None:
    item = ArrayInput([1.25, 2.25, 3.25, 4.25, 5.25, 6.25], "float32")
    torch = registry.frameworks["torch"]
    for kind, opening, closing in (("tuple", "(", ")"), ("list", "[", "]")):
        assert write_input("x", SequenceInput(kind, (item, item)), torch) == [
            f"x = {opening}",
            "    torch.tensor([1.25, 2.25, 3.25, 4.25, 5.25, 6.25]),",
            "    torch.tensor([1.25, 2.25, 3.25, 4.25, 5.25, 6.25]),",
            closing,
        ]


@pytest.mark.parametrize(
    ("kind", "items", "written"),
    [
        ("tuple", [], "()"),
        ("tuple", ["a"], "(a,)"),
        ("tuple", ["a", "b"], "(a, b)"),
        ("list", [], "[]"),
        ("list", ["a"], "[a]"),
    ],
)
def test_sequences(kind: str, items: list[str], written: str) -> None:
    assert write_sequence(kind, items) == written


def test_literals_are_of_their_dtypes_kind() -> None:
    assert write_literal([1, True, 2.0], "float32") == "[1.0, 1.0, 2.0]"
    assert write_literal([1, True, 2.0], "int8") == "[1, 1, 2]"
    assert write_literal([1, False, 1.0], "bool") == "[True, False, True]"
    assert write_literal([2**53 + 1], "int64") == "[9007199254740993]"
    assert write_literal(1e22, "bfloat16") == "1e+22"
    assert eval(write_literal(["1+2j", "-3j", " 2 ", 4], "complex64")) == [1 + 2j, -3j, 2, 4]


# --- the oracle's inputs --------------------------------------------------------------------------


def evaluate(text: str, registry: Registry) -> Any:
    """Return the input that the oracle sees."""
    lines = write_reference_input("x", read(text), registry.frameworks["numpy"])
    names: dict[str, Any] = {"np": np}
    exec("\n".join(lines), names)
    return names["x"]


@pytest.mark.parametrize(
    ("text", "value", "dtype"),
    [
        ("[0.1]", [float(np.float32(0.1))], "float64"),
        ("{values: [0.1], dtype: float16}", [float(np.float16(0.1))], "float64"),
        ("{values: [0.1], dtype: float64}", [0.1], "float64"),
        (
            "{values: ['0.1+0.2j'], dtype: complex64}",
            [complex(np.complex64(0.1 + 0.2j))],
            "complex128",
        ),
        ("{values: 0.1}", float(np.float32(0.1)), "float64"),
        ("[3]", [3], "int32"),
        ("{values: [3], dtype: uint8}", [3], "uint8"),
        ("[true]", [True], "bool"),
    ],
)
def test_floats_are_rounded_and_then_widened(
    text: str, value: Any, dtype: str, registry: Registry
) -> None:
    found = evaluate(text, registry)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, value)


def test_python_values_and_sequences_reach_the_oracle(registry: Registry) -> None:
    assert evaluate("0.1", registry) == 0.1
    first, (second,) = evaluate("{tuple: [[0.1], {list: [{values: 0.1}]}]}", registry)
    assert first[0] == second == float(np.float32(0.1))
    drawn = np.random.default_rng(1).normal(size=3)
    np.testing.assert_array_equal(
        evaluate("{random: normal, shape: [3], seed: 1}", registry),
        drawn.astype(np.float32).astype(np.float64),
    )


BFLOAT16 = {
    # Value, and what is left of it: 8 bits of precision, ties to even.
    1.0: 1.0,
    0.1: 0.10009765625,
    -0.1: -0.10009765625,
    3.14159: 3.140625,
    1.00390625: 1.0,  # half way, down to even
    1.01171875: 1.015625,  # half way, up to even
    1.00390637: 1.0078125,
    65504.0: 65536.0,
    1e-40: 2.0**-133,  # subnormal: one step
    0.0: 0.0,
    3.3895313892515355e38: 3.3895313892515355e38,
}


def test_bfloat16_is_rounded_ties_to_even(registry: Registry) -> None:
    values = ", ".join(f"{value:.17e}" for value in BFLOAT16)
    found = evaluate(f"{{values: [{values}, .inf, -.inf, .nan], dtype: bfloat16}}", registry)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[:-3], list(BFLOAT16.values()), rtol=1e-6)
    assert found[-3:-1].tolist() == [np.inf, -np.inf]
    assert np.isnan(found[-1])


def test_bfloat16_of_any_form_is_rounded(registry: Registry) -> None:
    assert evaluate("{values: 0.1, dtype: bfloat16}", registry) == 0.10009765625
    found = evaluate("{values: [[0.1], [1]], dtype: bfloat16}", registry)
    np.testing.assert_array_equal(found, [[0.10009765625], [1.0]])
    found = evaluate("{random: normal, shape: [2, 2], dtype: bfloat16}", registry)
    assert found.shape == (2, 2)
    assert not (found.astype(np.float32).view(np.uint32) & 0xFFFF).any()
    assert evaluate("{values: [], dtype: bfloat16}", registry).shape == (0,)


def test_what_is_no_input_is_refused(registry: Registry) -> None:
    with pytest.raises(TypeError):
        write_value(CodeInput("x = 1"), registry.frameworks["torch"].values)
    spec = RandomInput("normal", (2,), "float32", 1, {})
    assert "default_rng(1)" in write_value(spec, registry.frameworks["torch"].values)
