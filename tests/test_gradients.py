"""Tests of gradients: their cases, their code in each framework, their oracle and verdicts."""

from __future__ import annotations

import json
import os
import re
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optabs.catalog.load import load_file
from optabs.catalog.model import Case, Op
from optabs.compare import DEFAULT_TOLERANCES, GRADIENTS
from optabs.errors import CatalogError
from optabs.frameworks import Registry, load_registry
from optabs.run.environments import get_python
from optabs.snippet import NoAutodiff, NoSnippet, build_reference, build_snippet
from optabs.snippet.gradient import fill_gradient

ROOT = Path(__file__).parents[1]
AUTODIFF = ("torch", "jax", "mlx", "flax_nnx", "tensorflow", "paxml", "keras")


def load_op(folder: Path, text: str) -> Op:
    file = folder / "op.yaml"
    file.write_text(textwrap.dedent(text).lstrip("\n"))
    (entry,) = load_file(file, folder)
    assert entry.op is not None
    assert entry.faults == ()
    return entry.op


def find_case(op: Op, case_id: str) -> Case:
    return next(case for case in op.cases if case.id == case_id)


@pytest.fixture(scope="module")
def built_in() -> Registry:
    return load_registry()


# --- the case -------------------------------------------------------------------------------------

TWO_INPUTS = """
    operation: Scale
    std_args: [x, factor, count, axis]
    cases:
      - id: basic
        title: Two of them
        inputs:
          x: {values: [1.0, 2.0], dtype: float16}
          factor: {random: normal, shape: [2]}
          count: [1, 2]
          axis: 0
          other: [1.0, 2.0]
        expect: x * factor
        grad: true
        tolerance: {rtol: 0.01, atol: 0.0, reason: it is but half}
        differences:
          - {frameworks: [jax], dtype: {result: float64}, reason: it is wide}
          - {frameworks: [mlx], expect: {result: x * factor * 2}, reason: it is twice that}
      - id: untitled
        inputs: {x: [1.0]}
        expect: {result: {expr: x, dtype: float64}}
        grad: true
      - id: without
        inputs: {x: [1.0]}
        expect: x
    variants: {jax: null, mlx: null}
"""


def test_a_gradient_is_a_case_behind_its_own(tmp_path: Path) -> None:
    op = load_op(tmp_path, TWO_INPUTS)
    assert [(case.id, case.title) for case in op.cases] == [
        ("basic", "Two of them"),
        ("basic-gradient", "Gradient: Two of them"),
        ("untitled", ""),
        ("untitled-gradient", "Gradient: untitled"),
        ("without", ""),
    ]
    assert all(case.gradient is None for case in op.cases if "gradient" not in case.id)
    basic = find_case(op, "basic-gradient")
    assert basic.gradient is not None
    assert basic.gradient.case == "basic"
    # Only arrays of floats that are standard arguments, each with the dtype of its own.
    assert basic.gradient.inputs == {"gradient_x": "x", "gradient_factor": "factor"}
    assert [(each.name, each.dtype) for each in basic.expect] == [
        ("gradient_x", "float16"),
        ("gradient_factor", "float32"),
    ]
    assert basic.inputs == find_case(op, "basic").inputs
    assert basic.tolerance is not None
    wide, twice = basic.differences
    assert wide.dtype == {"gradient_x": "float64", "gradient_factor": "float64"}
    assert [(each.name, each.expr) for each in twice.expect] == [
        ("gradient_x", "x * factor * 2"),
        ("gradient_factor", "x * factor * 2"),
    ]
    untitled = find_case(op, "untitled-gradient")
    assert [(each.name, each.dtype) for each in untitled.expect] == [("gradient", "float32")]


# --- the code -------------------------------------------------------------------------------------

ONE_INPUT = """
    operation: Softmax
    std_args: [x, axis]
    cases:
      - id: basic
        inputs: {x: [[1.0, 2.0], [0.5, 4.0]], axis: -1}
        expect: x
        grad: true
    variants:
      torch: {api: torch.softmax, args: {axis: dim}}
      jax: {api: jax.nn.softmax}
      mlx: {api: mlx.core.softmax}
      flax_nnx: {api: flax.nnx.softmax}
      tensorflow: {api: tf.nn.softmax}
      paxml: {api: jax.nn.softmax}
      keras: {api: keras.ops.softmax}
      numpy: {api: scipy.special.softmax}
"""
JAX_BODY = """\
def objective(x):
    result = {call}
    weights = {xp}.cos({xp}.arange(result.size, dtype=result.dtype))
    return {xp}.sum(result * weights.reshape(result.shape))

gradient = {grad}(objective, argnums=0)(x)
print(gradient)
"""
CODE = {
    "torch": """\
import torch

x = torch.tensor([[1.0, 2.0], [0.5, 4.0]])
axis = -1

x.requires_grad_()

result = torch.softmax(x, dim=axis)
weights = torch.arange(result.numel(), dtype=result.dtype).cos()
(result * weights.reshape(result.shape)).sum().backward()

gradient = x.grad
print(gradient)
""",
    "jax": """\
import jax
import jax.numpy as jnp

x = jnp.array([[1.0, 2.0], [0.5, 4.0]])
axis = -1

"""
    + JAX_BODY.format(call="jax.nn.softmax(x, axis)", xp="jnp", grad="jax.grad"),
    "mlx": """\
import mlx.core as mx

x = mx.array([[1.0, 2.0], [0.5, 4.0]])
axis = -1

"""
    + JAX_BODY.format(call="mx.softmax(x, axis)", xp="mx", grad="mx.grad"),
    "flax_nnx": """\
import jax.numpy as jnp
from flax import nnx

x = jnp.array([[1.0, 2.0], [0.5, 4.0]])
axis = -1

"""
    + JAX_BODY.format(call="nnx.softmax(x, axis)", xp="jnp", grad="nnx.grad"),
    "tensorflow": """\
import tensorflow as tf

x = tf.constant([[1.0, 2.0], [0.5, 4.0]])
axis = -1

with tf.GradientTape() as tape:
    tape.watch(x)
    result = tf.nn.softmax(x, axis)
    numbers = tf.reshape(tf.range(tf.size(result)), tf.shape(result))
    weights = tf.cos(tf.cast(numbers, result.dtype))
    objective = tf.reduce_sum(result * weights)

gradient = tape.gradient(objective, x)
print(gradient)
""",
    "keras": """\
import jax
from keras import ops

x = ops.array([[1.0, 2.0], [0.5, 4.0]])
axis = -1

def objective(x):
    result = ops.softmax(x, axis)
    weights = ops.cos(ops.arange(ops.size(result), dtype=result.dtype))
    return ops.sum(result * ops.reshape(weights, ops.shape(result)))

gradient = jax.grad(objective, argnums=0)(x)
print(gradient)
""",
}
CODE["paxml"] = CODE["jax"]


@pytest.mark.parametrize("key", AUTODIFF)
def test_the_code_is_the_frameworks_own_idiom(key: str, tmp_path: Path, built_in: Registry) -> None:
    op = load_op(tmp_path, ONE_INPUT)
    case = find_case(op, "basic-gradient")
    assert build_snippet(op, case, op.variants[key], built_in.frameworks[key]).code == CODE[key]


def test_several_inputs_have_several_gradients(built_in: Registry) -> None:
    (entry,) = load_file(ROOT / "ops" / "matmul.yaml", ROOT)
    assert entry.op
    case = find_case(entry.op, "matrices-gradient")
    wanted = {
        "torch": [
            "a.requires_grad_()",
            "b.requires_grad_()",
            "gradient_a = a.grad",
            "gradient_b = b.grad",
        ],
        "jax": [
            "def objective(a, b):",
            "gradient_a, gradient_b = jax.grad(objective, argnums=(0, 1))(a, b)",
        ],
        "tensorflow": [
            "    tape.watch((a, b))",
            "gradient_a, gradient_b = tape.gradient(objective, (a, b))",
        ],
    }
    for key, lines in wanted.items():
        code = build_snippet(entry.op, case, entry.op.variants[key], built_in.frameworks[key]).code
        assert [line for line in code.split("\n") if line in lines] == lines
        assert code.endswith('\nprint(gradient_a, gradient_b, sep="\\n")\n')


def test_a_call_of_several_lines_keeps_the_indentation(built_in: Registry) -> None:
    template = built_in.frameworks["jax"].gradient
    assert template is not None
    lines = fill_gradient(template, "f(\n    x,\n)", {"gradient": "x"})
    assert "\n".join(lines[:3]).split("\n")[:5] == [
        "def objective(x):",
        "    result = f(",
        "        x,",
        "    )",
        "    weights = jnp.cos(jnp.arange(result.size, dtype=result.dtype))",
    ]


@pytest.mark.parametrize(
    "template", ["gradient = 0", "{call} {gradients} {other}", "{call} {gradients} {", "{call}"]
)
def test_a_framework_with_a_bad_gradient_is_refused(template: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "fake" / "frameworks" / "fake_two", tmp_path / "fake_two")
    file = tmp_path / "fake_two" / "framework.yaml"
    file.write_text(f"{file.read_text()}gradient: {json.dumps(template)}\n")
    with pytest.raises(CatalogError, match=r"`gradient` wants code with \{call\} and"):
        load_registry([tmp_path])


@pytest.mark.parametrize(
    ("variant", "inputs", "reason"),
    [
        ("example: result = x", "{x: [1.0]}", "hand-written example"),
        ("{example: {basic: result = x}, api: jax.numpy.abs}", "{x: [1.0]}", "hand-written"),
        ("macro_template: '{x} = {x} + 1'", "{x: [1.0]}", "several statements"),
        ("requires_plugin: unknown", "{x: [1.0]}", "plugin"),
        ("api: jax.numpy.multiply", "{x: [1.0], result: 2.0}", "variable 'result' of its own"),
        ("api: jax.numpy.multiply", "{x: [1.0], weights: [2.0]}", "variable 'weights' of its own"),
        ("api: jax.numpy.multiply", "{x: [1.0], gradient_x: [2.0]}", "variable 'gradient_x'"),
    ],
)
def test_a_gradient_that_cannot_be_written_says_why(
    variant: str, inputs: str, reason: str, tmp_path: Path, built_in: Registry
) -> None:
    text = f"""
        operation: Op
        std_args: [x, weights, gradient_x]
        cases:
          - {{id: basic, inputs: {inputs}, expect: x, grad: true}}
        variants:
          jax: {variant if variant.startswith("{") else "{" + variant + "}"}
    """
    op = load_op(tmp_path, text)
    with pytest.raises(NoSnippet, match=reason) as caught:
        build_snippet(op, op.cases[1], op.variants["jax"], built_in.frameworks["jax"])
    assert not isinstance(caught.value, NoAutodiff)


def test_numpy_takes_no_gradients(tmp_path: Path, built_in: Registry) -> None:
    op = load_op(tmp_path, ONE_INPUT)
    with pytest.raises(NoAutodiff, match="NumPy has no automatic differentiation"):
        build_snippet(op, op.cases[1], op.variants["numpy"], built_in.frameworks["numpy"])


# --- the oracle -----------------------------------------------------------------------------------


def differentiate(
    folder: Path, numpy: Any, expect: str, inputs: str, reference: str = ""
) -> dict[str, Any]:
    """Run the oracle of a gradient; returns all that it leaves."""
    text = f"""
        operation: Op
        std_args: [x, y]
        reference: |
          def unused():
              return 0
          {reference}
        cases:
          - id: basic
            inputs: {inputs}
            expect: {json.dumps(expect)}
            grad: true
        variants: {{}}
    """
    op = load_op(folder, text)
    found = build_reference(op, op.cases[1], numpy)
    assert found is not None
    assert len(found.yaml_lines) == found.code.count("\n")
    names: dict[str, Any] = {}
    exec(compile(found.code, "<oracle>", "exec"), names)
    return names


POINTS = "[[-2.5, 0.3, 1.0], [4.75, -0.125, 2.0]]"
X = np.array([[-2.5, 0.3, 1.0], [4.75, -0.125, 2.0]], dtype=np.float32).astype(np.float64)
WEIGHTS = np.cos(np.arange(6)).reshape(2, 3)
SIGMOID = 1 / (1 + np.exp(-X))


@pytest.mark.parametrize(
    ("expect", "derivative"),
    [
        ("np.exp(x)", WEIGHTS * np.exp(X)),
        ("np.abs(x)", WEIGHTS * np.sign(X)),
        ("x ** 3 - x", WEIGHTS * (3 * X**2 - 1)),
        ("1 / (1 + np.exp(-x))", WEIGHTS * SIGMOID * (1 - SIGMOID)),
        ("(\n  np.sin(100 * x)  # fast\n)", WEIGHTS * 100 * np.cos(100 * X)),
        ("x.T", np.cos(np.arange(6)).reshape(3, 2).T),
        ("x.sum()", np.ones((2, 3))),
        ("x.sum(axis=0)", np.broadcast_to(np.cos(np.arange(3)), (2, 3))),
        ("np.zeros(2)", np.zeros((2, 3))),
    ],
)
def test_finite_differences_agree_with_derivatives(
    expect: str, derivative: Any, tmp_path: Path, built_in: Registry
) -> None:
    found = differentiate(tmp_path, built_in.frameworks["numpy"], expect, f"{{x: {POINTS}}}")
    gradient = found["expected_gradient"]
    assert gradient.dtype == np.float64
    assert gradient.shape == (2, 3)
    np.testing.assert_allclose(gradient, derivative, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found["x"], X)  # put back where it was


def test_large_inputs_are_differentiated_at_their_scale(tmp_path: Path, built_in: Registry) -> None:
    inputs = "{x: [1000.0, -4096.0, 30000.0]}"
    found = differentiate(tmp_path, built_in.frameworks["numpy"], "np.sin(x / 50)", inputs)
    x = np.array([1000.0, -4096.0, 30000.0])
    wanted = np.cos(np.arange(3)) * np.cos(x / 50) / 50
    np.testing.assert_allclose(found["expected_gradient"], wanted, rtol=1e-9, atol=1e-9)


def test_a_product_is_differentiated_for_both_factors(tmp_path: Path, built_in: Registry) -> None:
    inputs = "{x: [[1.0, -2.0], [0.5, 3.0], [4.0, 0.25]], y: [[2.0], [-1.5]]}"
    found = differentiate(tmp_path, built_in.frameworks["numpy"], "x @ y", inputs)
    weights = np.cos(np.arange(3)).reshape(3, 1)
    for name, wanted in (("x", weights @ found["y"].T), ("y", found["x"].T @ weights)):
        np.testing.assert_allclose(found[f"expected_gradient_{name}"], wanted, rtol=1e-9, atol=1e-9)


def test_a_number_without_axes_is_differentiated(tmp_path: Path, built_in: Registry) -> None:
    found = differentiate(tmp_path, built_in.frameworks["numpy"], "x * x", "{x: {values: 1.5}}")
    assert found["expected_gradient"].shape == ()
    assert found["expected_gradient"] == pytest.approx(3.0, rel=1e-10)


@pytest.mark.parametrize("value", ["0.0", "1.0e-7", "-1.0e-6"])
def test_a_kink_has_no_derivative(value: str, tmp_path: Path, built_in: Registry) -> None:
    with pytest.raises(ArithmeticError, match=r"at `x\[1\]` there is no derivative"):
        differentiate(
            tmp_path, built_in.frameworks["numpy"], "np.abs(x)", f"{{x: [3.0, {value}, 1.0]}}"
        )


@pytest.mark.parametrize(
    ("expect", "inputs"),
    [
        ("x", "{x: [3.0, .inf]}"),
        ("np.where(x > 3, 0, x)", "{x: [3.0, .inf]}"),
        ("np.where(x > 2, np.inf, x)", "{x: [3.0, 1.0]}"),
        ("np.where(x > 2, np.nan, x)", "{x: [3.0, 1.0]}"),
    ],
)
def test_what_is_not_finite_has_no_gradient(
    expect: str, inputs: str, tmp_path: Path, built_in: Registry
) -> None:
    with pytest.raises(ArithmeticError, match="needs finite numbers in `x` and in the result"):
        differentiate(tmp_path, built_in.frameworks["numpy"], expect, inputs)


@pytest.mark.parametrize("expect", ["x.astype(int)", "x > 0", "x * 1j", "(x, x)", "[1.0, 2.0]"])
def test_only_one_array_of_floats_has_a_gradient(
    expect: str, tmp_path: Path, built_in: Registry
) -> None:
    with pytest.raises(TypeError, match="one array of floats"):
        differentiate(tmp_path, built_in.frameworks["numpy"], expect, "{x: [1.0, 2.0]}")


def test_the_tolerance_leaves_room_for_the_oracle() -> None:
    assert set(GRADIENTS.tolerances) == set(DEFAULT_TOLERANCES)
    for dtype, (rtol, atol) in GRADIENTS.tolerances.items():
        assert rtol >= max(DEFAULT_TOLERANCES[dtype][0], 1e-9)
        assert atol >= max(DEFAULT_TOLERANCES[dtype][1], 1e-9)


# --- verdicts -------------------------------------------------------------------------------------

SIN = """
    operation: Sin
    std_args: [x]
    cases:
      - id: basic
        inputs: {x: [0.0, 0.5, 1.0]}
        expect: np.sin(x)
        grad: true
        differences:
          - {frameworks: [fake_two], dtype: {result: float64}, reason: It has no other dtype.}
    variants:
      fake: {api: fakeframework.sin}
      fake_two: {api: faketwo.sine}
"""


def verify(project: Any) -> tuple[Any, dict[tuple[str, str], dict[str, Any]]]:
    """Run `optabs verify`; returns the process and the verdicts by (framework, case)."""
    file = project.folder / "export.json"
    done = project.run("verify", "--json", file)
    assert "Traceback" not in done.stderr, done.stderr
    (op,) = json.loads(file.read_text())["ops"]
    return done, {
        (key, each["case"]): each
        for key, variant in op["variants"].items()
        for each in variant["verdicts"]
    }


@pytest.fixture
def site(project: Callable[..., Any], tmp_path: Path) -> Any:
    made = project(tmp_path / "site")
    made.write("sin", SIN)
    return made


def test_a_right_gradient_is_verified(site: Any) -> None:
    done, verdicts = verify(site)
    assert done.returncode == 0
    found = verdicts["fake", "basic-gradient"]
    assert found["verdict"] == "verified"
    assert 0 < found["max_abs_error"] < 1e-7
    assert found["tolerance_source"] == "float32 gradient default"
    assert (found["rtol"], found["atol"]) == (1.3e-6, 1e-5)
    assert verdicts["fake", "basic"]["tolerance_source"] == "float32 default"
    without = verdicts["fake_two", "basic-gradient"]
    assert without["verdict"] == "unsupported"
    assert without["reason"] == "Fake Two has no automatic differentiation"
    # What cannot be differentiated says nothing against the tab.
    assert done.stdout.split("\n")[1].split() == ["Sin", "ok", "2", "ok", "1"]
    assert verify(site)[1] == verdicts


def test_a_wrong_gradient_of_a_right_result_differs(site: Any) -> None:
    site.edit("sin", "{api: fakeframework.sin}", "{macro_template: 'ff.sin(ff.detach({x}))'}")
    done, verdicts = verify(site)
    assert done.returncode == 1
    assert verdicts["fake", "basic"]["verdict"] == "verified"
    found = verdicts["fake", "basic-gradient"]
    assert found["verdict"] == "differs"
    assert found["reason"].startswith("`gradient[0]` is 0.0, expected 1.0")
    assert "sin.yaml:" in done.stdout
    assert "DIFFERS" in done.stdout


def test_the_gradient_of_an_example_is_untestable_unless_it_has_its_own(site: Any) -> None:
    site.edit("sin", "{api: fakeframework.sin}", "{example: result = ff.sin(x)}")
    done, verdicts = verify(site)
    assert done.returncode == 0
    found = verdicts["fake", "basic-gradient"]
    assert (found["verdict"], found["reason"]) == (
        "untestable",
        "the gradient of a hand-written example is not synthesised",
    )
    assert done.stdout.split("\n")[1].split() == ["Sin", "ok", "1", "ok", "1"]

    own = "{example: {basic: result = ff.sin(x), basic-gradient: gradient = ff.exp(x)}}"
    site.edit("sin", "{example: result = ff.sin(x)}", own)
    assert verify(site)[1]["fake", "basic-gradient"]["verdict"] == "differs"


def test_a_declared_result_has_its_own_gradient(site: Any) -> None:
    site.edit("sin", "{api: fakeframework.sin}", "{api: fakeframework.exp}")
    reason = "reason: It has no other dtype.}"
    other = "- {frameworks: [fake], expect: {result: np.exp(x)}, reason: It is another.}"
    site.edit("sin", reason, f"{reason}\n      {other}")
    done, verdicts = verify(site)
    assert done.returncode == 0, done.stdout
    assert verdicts["fake", "basic-gradient"]["verdict"] == "verified"


def test_a_case_at_a_kink_fails_with_the_reason(site: Any) -> None:
    site.edit("sin", "np.sin(x)", "np.exp(np.abs(x))")
    site.edit("sin", "fakeframework.sin", "fakeframework.exp")
    done, verdicts = verify(site)
    assert done.returncode == 1
    assert verdicts["fake", "basic"]["verdict"] == "verified"
    found = verdicts["fake", "basic-gradient"]
    assert found["verdict"] == "failed"
    assert "at `x[0]` there is no derivative" in found["reason"]


def test_a_tolerance_of_the_case_holds_for_its_gradient(site: Any) -> None:
    tolerance = "tolerance: {rtol: 0.0, atol: 1.0e-12, reason: to see it fail}"
    site.edit("sin", "grad: true", f"grad: true\n    {tolerance}")
    found = verify(site)[1]["fake", "basic-gradient"]
    assert (found["verdict"], found["tolerance_source"]) == ("differs", "set by the case")


# --- the frameworks themselves --------------------------------------------------------------------

# The square with one factor held constant: the right result, half the gradient.
HALF = {
    "torch": "{x} * {x}.detach()",
    "jax": "{x} * jax.lax.stop_gradient({x})",
    "mlx": "{x} * mx.stop_gradient({x})",
    "flax_nnx": "{x} * jax.lax.stop_gradient({x})",
    "tensorflow": "{x} * tf.stop_gradient({x})",
    "paxml": "{x} * jax.lax.stop_gradient({x})",
    "keras": "{x} * ops.stop_gradient({x})",
}


@pytest.mark.frameworks
@pytest.mark.parametrize("key", AUTODIFF)
def test_each_framework_is_caught_with_half_the_gradient(
    key: str, project: Callable[..., Any], tmp_path: Path, built_in: Registry
) -> None:
    root = Path(os.environ.get("OPTABS_ENVIRONMENTS", ROOT / ".environments")).absolute()
    if get_python(root, built_in.frameworks[key].environment) is None:
        pytest.skip(f"the environment of {key} is not made")
    made = project(tmp_path / "site", root=root)
    made.variables["FRAMEWORKS"] = key
    made.write(
        "square",
        f"""
        operation: Square
        std_args: [x]
        cases:
          - id: basic
            inputs: {{x: [[1.5, -2.0], [0.25, 3.0]]}}
            expect: x * x
            grad: true
        variants:
          {key}: {{macro_template: "{{x}} * {{x}}"}}
        """,
    )
    done, verdicts = verify(made)
    assert done.returncode == 0, done.stdout
    assert verdicts[key, "basic-gradient"]["verdict"] == "verified"

    made.edit("square", "{x} * {x}", HALF[key])
    done, verdicts = verify(made)
    assert done.returncode == 1
    assert verdicts[key, "basic"]["verdict"] == "verified"
    found = verdicts[key, "basic-gradient"]
    assert found["verdict"] == "differs"
    assert re.match(r"`gradient\[0, 0\]` is 1\.5, expected (3\.0|2\.99)", found["reason"])
