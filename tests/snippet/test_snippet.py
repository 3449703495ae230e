"""Tests of whole snippets: byte for byte, with the YAML line of each of their lines."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optabs.catalog.model import Op, Text, Variant
from optabs.frameworks import Registry
from optabs.snippet import (
    NoSnippet,
    Snippet,
    build_reference,
    build_snippet,
    list_reference_names,
    reference_name,
)

Load = Callable[[str], Op]
Build = Callable[..., Snippet]
MakeEntry = Callable[..., str]

KEYS = ("torch", "jax", "mlx", "flax_nnx", "tensorflow", "paxml", "keras", "numpy")


def execute(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    with redirect_stdout(io.StringIO()):
        exec(compile(code, "<snippet>", "exec", dont_inherit=True), names)
    return names


# --- synthesised ----------------------------------------------------------------------------------

SOFTMAX = """\
operation: Softmax
std_args:
  - {name: x, type: Tensor}
  - {name: axis, type: int, default: -1}
cases:
  - id: last-axis
    inputs:
      x: [[1.0, 2.0], [3.0, 4.0]]
      axis: -1
    expect: x
variants:
  torch:
    api: torch.softmax
    args: {axis: dim}
  jax:
    api: jax.nn.softmax
  mlx:
    api: mlx.core.softmax
  flax_nnx:
    api: flax.nnx.softmax
  tensorflow:
    api: tf.nn.softmax
  paxml:
    macro_template: "jnp.exp({x}) / {axis}"
  keras:
    api: keras.ops.softmax
  numpy:
    api: scipy.special.softmax
"""

WHOLE = {
    "torch": (
        "import torch\n"
        "\n"
        "x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])\n"
        "axis = -1\n"
        "\n"
        "result = torch.softmax(x, dim=axis)\n"
        "print(result)\n",
        (12, 12, 8, 9, 9, 13, 13),
    ),
    "jax": (
        "import jax\n"
        "import jax.numpy as jnp\n"
        "\n"
        "x = jnp.array([[1.0, 2.0], [3.0, 4.0]])\n"
        "axis = -1\n"
        "\n"
        "result = jax.nn.softmax(x, axis)\n"
        "print(result)\n",
        (15, 15, 15, 8, 9, 9, 16, 16),
    ),
    "mlx": (
        "import mlx.core as mx\n"
        "\n"
        "x = mx.array([[1.0, 2.0], [3.0, 4.0]])\n"
        "axis = -1\n"
        "\n"
        "result = mx.softmax(x, axis)\n"
        "print(result)\n",
        (17, 17, 8, 9, 9, 18, 18),
    ),
    "flax_nnx": (
        "import jax.numpy as jnp\n"
        "from flax import nnx\n"
        "\n"
        "x = jnp.array([[1.0, 2.0], [3.0, 4.0]])\n"
        "axis = -1\n"
        "\n"
        "result = nnx.softmax(x, axis)\n"
        "print(result)\n",
        (19, 19, 19, 8, 9, 9, 20, 20),
    ),
    "tensorflow": (
        "import tensorflow as tf\n"
        "\n"
        "x = tf.constant([[1.0, 2.0], [3.0, 4.0]])\n"
        "axis = -1\n"
        "\n"
        "result = tf.nn.softmax(x, axis)\n"
        "print(result)\n",
        (21, 21, 8, 9, 9, 22, 22),
    ),
    "paxml": (
        "import jax.numpy as jnp\n"
        "\n"
        "x = jnp.array([[1.0, 2.0], [3.0, 4.0]])\n"
        "axis = -1\n"
        "\n"
        "result = jnp.exp(x) / axis\n"
        "print(result)\n",
        (23, 23, 8, 9, 9, 24, 24),
    ),
    "keras": (
        "from keras import ops\n"
        "\n"
        "x = ops.array([[1.0, 2.0], [3.0, 4.0]])\n"
        "axis = -1\n"
        "\n"
        "result = ops.softmax(x, axis)\n"
        "print(result)\n",
        (25, 25, 8, 9, 9, 26, 26),
    ),
    "numpy": (
        "import numpy as np\n"
        "import scipy.special\n"
        "\n"
        "x = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)\n"
        "axis = -1\n"
        "\n"
        "result = scipy.special.softmax(x, axis)\n"
        "print(result)\n",
        (27, 28, 28, 8, 9, 9, 28, 28),
    ),
}


@pytest.mark.parametrize("framework", KEYS)
def test_a_mapping_gives_a_whole_snippet(load: Load, build: Build, framework: str) -> None:
    code, lines = WHOLE[framework]
    assert build(load(SOFTMAX), framework) == Snippet(code, lines)


def test_random_inputs_bring_numpy_along(load: Load, build: Build, make_entry: MakeEntry) -> None:
    inputs = "{x: {random: normal, shape: [2], seed: 5}, y: {random: uniform, shape: []}}"
    op = load(make_entry("  torch: {api: torch.add}\n", "[x, y]", inputs))
    assert build(op, "torch") == Snippet(
        "import numpy as np\n"
        "import torch\n"
        "\n"
        "rng = np.random.default_rng(5)\n"
        "x = torch.tensor(rng.normal(size=(2,)), dtype=torch.float32)\n"
        "rng = np.random.default_rng(1)\n"
        "y = torch.tensor(rng.uniform(size=()), dtype=torch.float32)\n"
        "\n"
        "result = torch.add(x, y)\n"
        "print(result)\n",
        (8, 8, 8, 5, 5, 5, 5, 5, 8, 8),
    )


# --- examples -------------------------------------------------------------------------------------

EXAMPLE = """\
operation: Example
cases:
  - id: one
    inputs:
      x: [1.0]
      unused: [2.0]
      scale: 2.0
      fun:
        code: |
          def fun(v):
              # twice
              return xp.sin(v) * scale
    expect: {first: x, second: x}
  - id: two
    inputs: {x: [1, 2]}
    expect: x
variants:
  torch:
    example:
      one: |
        from __future__ import annotations

        # for pi
        import math
        from torch import (
            nn,
        )

        first = fun(x)

        second = math.pi * nn.Identity()(x)
      two: result = x
  jax:
    example: >-
      first = second
      = fun(x)
  numpy:
    example: |
      import numpy as np
      # nothing else
      first = second = result = np.sin(x)
"""


def test_an_example_is_completed(load: Load, build: Build) -> None:
    assert build(load(EXAMPLE), "torch") == Snippet(
        "from __future__ import annotations\n"
        "# for pi\n"
        "import math\n"
        "import torch\n"
        "from torch import (\n"
        "    nn,\n"
        ")\n"
        "\n"
        "x = torch.tensor([1.0])\n"
        "scale = 2.0\n"
        "def fun(v):\n"
        "    # twice\n"
        "    return torch.sin(v) * scale\n"
        "\n"
        "first = fun(x)\n"
        "\n"
        "second = math.pi * nn.Identity()(x)\n",
        (21, 23, 24, 18, 25, 26, 27, 27, 5, 7, 10, 11, 12, 12, 29, 30, 31),
    )


def test_an_example_of_one_line(load: Load, build: Build) -> None:
    assert build(load(EXAMPLE), "torch", 1) == Snippet(
        "import torch\n\nx = torch.tensor([1, 2], dtype=torch.int32)\n\nresult = x\n",
        (18, 18, 15, 15, 32),
    )


def test_an_example_for_all_cases(load: Load, build: Build) -> None:
    op = load(EXAMPLE)
    assert build(op, "numpy") == Snippet(
        "import numpy as np\n"
        "\n"
        "x = np.array([1.0], dtype=np.float32)\n"
        "\n"
        "# nothing else\n"
        "first = second = result = np.sin(x)\n",
        (39, 39, 5, 5, 40, 41),
    )
    assert "x = np.array([1, 2], dtype=np.int32)\n" in build(op, "numpy", 1).code


def test_a_folded_example_knows_its_lines(load: Load, build: Build) -> None:
    snippet = build(load(EXAMPLE), "jax")
    assert snippet.code.endswith("\nfirst = second = fun(x)\n")
    assert snippet.yaml_lines[-1] == 35


@pytest.mark.parametrize(
    ("example", "code"),
    [
        ("result = 1", "result = 1"),
        ("result = y.x", "y = 2\n\nresult = y.x"),
        ("result = 'x' # y", "result = 'x' # y"),
        ("x = 5\\nresult = x", "x = 5\nresult = x"),
        ("x += 5\\nresult = x", "x = 1\n\nx += 5\nresult = x"),
        ("def f(x):\\n    return x\\nresult = f(3)", "def f(x):\n    return x\nresult = f(3)"),
        ("result = [x for x in y]", "y = 2\n\nresult = [x for x in y]"),
        ("result = f'{x}'", "x = 1\n\nresult = f'{x}'"),
        ("result = np.sin(3)", "import numpy as np\n\nresult = np.sin(3)"),
        ("np = 5\\nresult = np", "np = 5\nresult = np"),
        ("def f(np):\\n    return np\\nresult = f", "def f(np):\n    return np\nresult = f"),
        ("import torch as np\\nresult = np.sin", "import torch as np\n\nresult = np.sin"),
        ("import torch; result = x", "x = 1\n\nimport torch; result = x"),
        ("# why\\nimport math\\nresult = math.pi", "# why\nimport math\n\nresult = math.pi"),
        (
            "import torch\\nimport math\\nresult = math.pi",
            "import math\nimport torch\n\nresult = math.pi",
        ),
        (
            "result = F.relu(nn.Identity()(optim))",
            "import torch.nn.functional as F\nfrom torch import nn\nfrom torch import optim\n\n"
            "result = F.relu(nn.Identity()(optim))",
        ),
        ("import math", "import math"),
        ("result = 1\\n\\n\\n", "result = 1"),
    ],
)
def test_inputs_and_imports_come_when_they_are_used(
    load: Load, build: Build, make_entry: MakeEntry, example: str, code: str
) -> None:
    op = load(make_entry(f'  torch:\n    example: "{example}"\n', "[x, y]", "{x: 1, y: 2}"))
    assert build(op, "torch").code == f"{code}\n"


def test_code_of_an_input_may_use_inputs_that_come_later(
    load: Load, build: Build, make_entry: MakeEntry
) -> None:
    inputs = (
        "\n      f: {code: 'def f(v): return g(v) + a'}\n"
        "      g: {code: 'def g(v): return f and xp.exp(v)'}\n      a: 2\n      b: 3"
    )
    op = load(make_entry("  jax: {example: result = f(1)}\n", inputs=inputs))
    assert build(op, "jax").code == (
        "import jax.numpy as jnp\n\n"
        "def f(v): return g(v) + a\ndef g(v): return f and jnp.exp(v)\na = 2\n\nresult = f(1)\n"
    )


def test_imports_of_an_inputs_code_come_first(
    load: Load, build: Build, make_entry: MakeEntry
) -> None:
    inputs = (
        "\n      x: [1.0]\n      f:\n        code: |\n"
        "          from __future__ import annotations\n          import math\n\n"
        "          def f(v):\n              return v * math.pi"
    )
    example = '  jax:\n    example: "import cmath\\nresult = f(x) * cmath.pi"\n'
    op = load(make_entry(example, inputs=inputs))
    assert build(op, "jax") == Snippet(
        "from __future__ import annotations\n"
        "import cmath\n"
        "import math\n"
        "import jax.numpy as jnp\n"
        "\n"
        "x = jnp.array([1.0])\n"
        "def f(v):\n"
        "    return v * math.pi\n"
        "\n"
        "result = f(x) * cmath.pi\n",
        (9, 17, 10, 16, 16, 6, 12, 13, 13, 17),
    )


def test_a_bad_example_gives_no_snippet(load: Load, registry: Registry) -> None:
    """The loader reports such an example; one made by hand must not raise anything else."""
    op = load(SOFTMAX)
    place = op.variants["torch"].place
    bad = Variant("torch", place, examples={None: Text("result = (", place, 1)})
    with pytest.raises(NoSnippet, match="no Python"):
        build_snippet(op, op.cases[0], bad, registry.frameworks["torch"])


# --- the reference --------------------------------------------------------------------------------

REFERENCE = """\
operation: Reference
reference: |
  import math

  def double(x):
      return 2 * x
cases:
  - id: one
    inputs:
      x: [1.0, 2.5]
      n: [1, 2]
      unused: [1.0]
      k: 3
      fun: {code: "fun = xp.sin"}
    expect:
      a: double(x) + fun(0.0)
      b: [1.0]
      c: |
        math.pi * (
            n[0]
        )
      d: >-
        k
        + 1
    differences:
      - frameworks: [torch]
        reason: why
        expect: {a: x, b: [2.0]}
  - id: literal
    inputs: {x: [1.0]}
    expect: {a: 1, b: {values: x}}
variants:
  torch: {api: torch.abs}
"""


def refer(op: Op, registry: Registry, case: int = 0) -> Snippet:
    snippet = build_reference(op, op.cases[case], registry.frameworks["numpy"])
    assert snippet is not None
    assert len(snippet.yaml_lines) == snippet.code.count("\n")
    return snippet


def test_the_reference(load: Load, registry: Registry) -> None:
    op = load(REFERENCE)
    assert refer(op, registry) == Snippet(
        "import math\n"
        "import numpy as np\n"
        "\n"
        "x = np.array([1.0, 2.5], dtype=np.float32).astype(np.float64)\n"
        "n = np.array([1, 2], dtype=np.int32)\n"
        "k = 3\n"
        "fun = np.sin\n"
        "\n"
        "def double(x):\n"
        "    return 2 * x\n"
        "expected_a = double(x) + fun(0.0)\n"
        "expected_c = (\n"
        "math.pi * (\n"
        "    n[0]\n"
        ")\n"
        ")\n"
        "expected_d = k + 1\n"
        "expected_0_a = x\n",
        (3, 8, 8, 10, 11, 13, 14, 14, 5, 6, 16, 19, 19, 20, 21, 21, 23, 28),
    )
    names = execute(refer(op, registry).code)
    computed = ("expected_a", "expected_c", "expected_d", "expected_0_a")
    assert list_reference_names(op.cases[0]) == computed
    np.testing.assert_array_equal(names["expected_a"], [2.0, 5.0])
    assert names["expected_a"].dtype == np.float64
    assert (names["expected_c"], names["expected_d"]) == (np.pi, 4)


def test_a_literal_oracle_needs_no_code(load: Load, registry: Registry) -> None:
    op = load(REFERENCE)
    assert build_reference(op, op.cases[1], registry.frameworks["numpy"]) is None
    assert list_reference_names(op.cases[1]) == ()


def test_names_of_differences_do_not_meet_those_of_results() -> None:
    assert reference_name(0, "y") != reference_name(None, "y_0")
    assert reference_name(None, "y_0") == "expected_y_0"


@pytest.mark.parametrize(
    "expr",
    [
        '"1 + 1  # why"',
        '"  1 + 1  "',
        "|\n        1 # one\n        + 1 # two\n",
        "|\n\n        1 + 1\n",
        '"(1 +\\n 1)"',
        ">-\n        1\n        + 1\n",
    ],
)
def test_an_expression_may_be_laid_out(
    load: Load, registry: Registry, make_entry: MakeEntry, expr: str
) -> None:
    op = load(make_entry("  torch: {}\n", "[]", "{}", expr))
    assert execute(refer(op, registry).code)["expected_result"] == 2


# --- snippets are run -----------------------------------------------------------------------------

RUN: list[tuple[str, str, str, Any]] = [
    ("{api: numpy.flip}", "[x, axis]", "{x: [[1.0, 2.0]], axis: 1}", [[2.0, 1.0]]),
    ("{api: np.sum, args: {dim: axis}}", "[x, dim]", "{x: [[1.0, 2.0]], dim: 1}", [3.0]),
    (
        "{api: numpy.sum, args: {dim: axis}}",
        "[x, dim, dtype, out, keepdims]",
        "{x: [[1.0, 2.0]], dim: 1, keepdims: true}",
        [[3.0]],
    ),
    ("{api: numpy.sum}", "[x, axis, keepdims]", "{x: [[1.0, 2.0]], keepdims: true}", [[3.0]]),
    ("{api: numpy.sum, inject_args: {axis: 0}}", "[x]", "{x: [[1.0, 2.0]]}", [1.0, 2.0]),
    (
        "{api: numpy.transpose, pack_to_tuple: axes}",
        "[x, {name: axes, is_variadic: true}]",
        "{x: [[1.0, 2.0]], axes: {python: '(1, 0)'}}",
        [[1.0], [2.0]],
    ),
    (
        "{api: numpy.transpose, pack_to_tuple: axes, pack_as: List}",
        "[x, a, b]",
        "{x: [[1.0, 2.0]], a: 1, b: 0}",
        [[1.0], [2.0]],
    ),
    ("{api: numpy.maximum.reduce}", "[x]", "{x: [1.0, 3.0]}", 3.0),
    (
        "{api: numpy.meshgrid, output_select_index: 1}",
        "[{name: xs, is_variadic: true}]",
        "{xs: {tuple: [[1.0], [2.0, 3.0]]}}",
        [[2.0], [3.0]],
    ),
    (
        "{transformation_type: infix, operator: '@'}",
        "[a, b]",
        "{a: [[1.0, 2.0]], b: [[3.0], [4.0]]}",
        [[11.0]],
    ),
    ("{transformation_type: infix, operator: '-'}", "[a]", "{a: [1.0]}", [-1.0]),
    ("{transformation_type: infix, operator: '~'}", "[a]", "{a: [true]}", [False]),
    ("{transformation_type: infix, operator: not}", "[a]", "{a: true}", False),
    (
        "{macro_template: '{x} * {s} + np.pi * 0'}",
        "[x, {name: s, default: 2.0}]",
        "{x: [1.0]}",
        [2.0],
    ),
    ("{macro_template: 'lambda a, b: a - b'}", "[x, y]", "{x: [3.0], y: [1.0]}", [2.0]),
    ("{macro_template: '{x} = np.negative({x})'}", "[x]", "{x: [3.0]}", [-3.0]),
    ("{macro_template: '{x} += 1'}", "[x]", "{x: [3.0]}", [4.0]),
    (
        "{api: numpy.vectorize, op_type: class}",
        "[f]",
        "{f: {code: 'def f(v): return xp.abs(v)'}, v: [-1.0]}",
        [1.0],
    ),
    (
        "{example: 'result = f(x) + y'}",
        "[]",
        "{f: {code: 'def f(v): return xp.abs(v)'}, x: [-1.0], y: {values: 2.0}}",
        [3.0],
    ),
]


@pytest.mark.parametrize("row", RUN, ids=lambda row: row[0])
def test_numpys_snippets_give_their_results(
    load: Load, build: Build, make_entry: MakeEntry, row: tuple[str, str, str, Any]
) -> None:
    variant, std_args, inputs, expected = row
    op = load(make_entry(f"  numpy: {variant}\n", std_args, inputs))
    np.testing.assert_array_equal(execute(build(op, "numpy").code)["result"], expected)


def test_several_results_are_unpacked(load: Load, build: Build, make_entry: MakeEntry) -> None:
    op = load(
        make_entry("  numpy: {api: numpy.divmod}\n", "[a, b]", "{a: [7], b: [2]}", "{q: 1, r: 2}")
    )
    names = execute(build(op, "numpy").code)
    assert (names["q"].tolist(), names["r"].tolist()) == ([3], [1])


def test_a_snippet_runs_as_a_file(load: Load, build: Build, tmp_path: Path) -> None:
    """What is shown can be pasted: it needs nothing but the framework."""
    op = load(SOFTMAX.replace("scipy.special.softmax", "numpy.flip"))
    file = tmp_path / "snippet.py"
    file.write_text(build(op, "numpy").code)
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=True)
    assert done.stdout == "[[2. 1.]\n [4. 3.]]\n"


@pytest.mark.parametrize("framework", KEYS)
def test_odls_strategies_compile_in_every_framework(
    load: Load, build: Build, make_entry: MakeEntry, framework: str
) -> None:
    strategies = [
        "{api: a.b.c}",
        "{api: a.b.c, args: {axis: dim}, inject_args: {k: [1, null]}}",
        "{api: a.b.C, op_type: class}",
        "{api: a.b.c, pack_to_tuple: axes}",
        "{transformation_type: infix, operator: '**'}",
        "{macro_template: '{x} ** {axis}'}",
        "{macro_template: 'lambda x, axis: x'}",
        "{macro_template: '{x} = {x} + 1'}",
        "{transformation_type: inline_lambda, macro_template: '{x}.dtype'}",
        "{example: result = xs}",
    ]
    inputs = (
        "{x: {values: [[1.0, .nan]], dtype: bfloat16}, axis: 0, "
        "xs: {tuple: [[true], {random: uniform, shape: [2]}]}, f: {code: 'f = xp.sin'}}"
    )
    for strategy in strategies:
        op = load(make_entry(f"  {framework}: {strategy}\n", inputs=inputs))
        assert "result = " in build(op, framework).code


def test_every_framework_is_tried(registry: Registry) -> None:
    assert set(KEYS) == set(registry.frameworks) == set(WHOLE)
