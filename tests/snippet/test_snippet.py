"""Tests of snippets: byte for byte, with the YAML line of each of their lines."""

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

from optabs.catalog.load import load_file
from optabs.catalog.model import ArrayInput, Op, PythonInput, RandomInput
from optabs.frameworks import Registry, load_registry
from optabs.snippet import (
    LINE_LENGTH,
    NoSnippet,
    Snippet,
    build_reference,
    build_snippet,
    list_reference_names,
    reference_name,
    replace_name,
    write_imports,
    write_literal,
    write_value,
)

REGISTRY: Registry = load_registry()
NUMPY = REGISTRY.frameworks["numpy"]
KEYS = tuple(REGISTRY.frameworks)

Load = Callable[[str], Op]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Make an op of an entry's text."""

    def make(text: str) -> Op:
        file = tmp_path / "entry.yaml"
        file.write_text(text, encoding="utf-8")
        (entry,) = load_file(file, tmp_path)
        assert [str(fault) for fault in entry.faults] == []
        assert entry.op is not None
        return entry.op

    return make


def build(op: Op, framework: str, case: int = 0) -> Snippet:
    snippet = build_snippet(
        op, op.cases[case], op.variants[framework], REGISTRY.frameworks[framework]
    )
    compile(snippet.code, "<snippet>", "exec", dont_inherit=True)
    assert snippet.code.endswith("\n")
    assert len(snippet.yaml_lines) == snippet.code.count("\n")
    return snippet


def refuse(op: Op, framework: str = "torch") -> str:
    """Return why there is no snippet."""
    with pytest.raises(NoSnippet) as caught:
        build(op, framework)
    return str(caught.value)


def execute(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    with redirect_stdout(io.StringIO()):
        exec(compile(code, "<snippet>", "exec", dont_inherit=True), names)
    return names


def make_entry(
    variants: str,
    std_args: str = "[x, axis]",
    inputs: str = "{x: [1.0, 2.0], axis: 0}",
    expect: str = "1.0",
    more: str = "",
) -> str:
    return (
        f"operation: Thing\nstd_args: {std_args}\n"
        f"cases:\n  - id: one\n    inputs: {inputs}\n    expect: {expect}\n"
        f"variants:\n{variants}{more}"
    )


def synthesise(
    load: Load,
    variant: str,
    std_args: str = "[x, axis]",
    inputs: str = "{x: 1, axis: 0}",
    expect: str = "1.0",
    framework: str = "torch",
) -> str:
    """Return the call that is synthesised: what stands below the inputs."""
    op = load(make_entry(f"  {framework}: {variant}\n", std_args, inputs, expect))
    code = build(op, framework).code
    names = {item.name for item in op.cases[0].inputs}
    lines = [
        line
        for line in code.rstrip("\n").split("\n")
        if line and not line.startswith(("import ", "from ")) and line.split(" = ")[0] not in names
    ]
    return "\n".join(lines)


# --- whole snippets -------------------------------------------------------------------------------

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
    api: jnp.exp
  keras:
    api: keras.ops.softmax
  numpy:
    api: scipy.special.softmax
"""

WHOLE = {
    "torch": (
        "import torch\n\nx = torch.tensor([[1.0, 2.0], [3.0, 4.0]])\naxis = -1\n"
        "result = torch.softmax(x, dim=axis)\n",
        (12, 12, 8, 9, 13),
    ),
    "jax": (
        "import jax\nimport jax.numpy as jnp\n\nx = jnp.array([[1.0, 2.0], [3.0, 4.0]])\naxis = -1\n"
        "result = jax.nn.softmax(x, axis)\n",
        (15, 15, 15, 8, 9, 16),
    ),
    "mlx": (
        "import mlx.core as mx\n\nx = mx.array([[1.0, 2.0], [3.0, 4.0]])\naxis = -1\n"
        "result = mx.softmax(x, axis)\n",
        (17, 17, 8, 9, 18),
    ),
    "flax_nnx": (
        "import jax.numpy as jnp\nfrom flax import nnx\n\n"
        "x = jnp.array([[1.0, 2.0], [3.0, 4.0]])\naxis = -1\nresult = nnx.softmax(x, axis)\n",
        (19, 19, 19, 8, 9, 20),
    ),
    "tensorflow": (
        "import tensorflow as tf\n\nx = tf.constant([[1.0, 2.0], [3.0, 4.0]])\naxis = -1\n"
        "result = tf.nn.softmax(x, axis)\n",
        (21, 21, 8, 9, 22),
    ),
    "paxml": (
        "import jax.numpy as jnp\n\nx = jnp.array([[1.0, 2.0], [3.0, 4.0]])\naxis = -1\n"
        "result = jnp.exp(x, axis)\n",
        (23, 23, 8, 9, 24),
    ),
    "keras": (
        "from keras import ops\n\nx = ops.array([[1.0, 2.0], [3.0, 4.0]])\naxis = -1\n"
        "result = ops.softmax(x, axis)\n",
        (25, 25, 8, 9, 26),
    ),
    "numpy": (
        "import numpy as np\nimport scipy.special\n\n"
        "x = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)\naxis = -1\n"
        "result = scipy.special.softmax(x, axis)\n",
        (27, 28, 28, 8, 9, 28),
    ),
}


@pytest.mark.parametrize("framework", WHOLE)
def test_a_direct_mapping(load: Load, framework: str) -> None:
    code, lines = WHOLE[framework]
    assert build(load(SOFTMAX), framework) == Snippet(code, lines)


def test_every_framework_is_tried() -> None:
    assert set(WHOLE) == set(KEYS)


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


def test_an_example_is_completed(load: Load) -> None:
    assert build(load(EXAMPLE), "torch") == Snippet(
        "from __future__ import annotations\n"
        "import torch\n"
        "import math\n"
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
        (20, 18, 22, 23, 24, 25, 25, 5, 7, 10, 11, 12, 12, 27, 28, 29),
    )


def test_an_example_of_one_line_stands_below_its_inputs(load: Load) -> None:
    assert build(load(EXAMPLE), "torch", case=1) == Snippet(
        "import torch\n\nx = torch.tensor([1, 2], dtype=torch.int32)\nresult = x\n",
        (18, 18, 15, 30),
    )


def test_an_example_for_all_cases(load: Load) -> None:
    op = load(EXAMPLE)
    assert build(op, "numpy") == Snippet(
        "import numpy as np\n\nx = np.array([1.0], dtype=np.float32)\n\n"
        "# nothing else\nfirst = second = result = np.sin(x)\n",
        (37, 37, 5, 5, 38, 39),
    )
    assert "x = np.array([1, 2], dtype=np.int32)\n" in build(op, "numpy", case=1).code


def test_a_folded_example_knows_its_lines(load: Load) -> None:
    snippet = build(load(EXAMPLE), "jax")
    assert snippet.code.endswith("first = second = fun(x)\n")
    assert snippet.yaml_lines[-1] == 33


@pytest.mark.parametrize(
    ("example", "code"),
    [
        # Inputs are there when they are named, imports when they are needed.
        ("result = 1", "result = 1\n"),
        ("result = y.x", "y = 2\nresult = y.x\n"),
        ("result = 'x' # y", "result = 'x' # y\n"),
        ("x = 5\\nresult = x", "x = 5\nresult = x\n"),
        ("x += 5\\nresult = x", "x = 1\n\nx += 5\nresult = x\n"),
        ("def f(x):\\n    return x\\nresult = f(3)", "def f(x):\n    return x\nresult = f(3)\n"),
        ("result = [x for x in y]", "y = 2\nresult = [x for x in y]\n"),
        ("result = f'{x}'", "x = 1\nresult = f'{x}'\n"),
        ("result = np.sin(3)", "import numpy as np\n\nresult = np.sin(3)\n"),
        ("np = 5\\nresult = np", "np = 5\nresult = np\n"),
        (
            "def f(np):\\n    return np\\nresult = f(3)",
            "def f(np):\n    return np\nresult = f(3)\n",
        ),
        ("import torch as np\\nresult = np.sin", "import torch as np\n\nresult = np.sin\n"),
        (
            "import torch; result = x",
            "x = 1\nimport torch; result = x\n",
        ),
        ("# why\\nimport math\\nresult = math.pi", "# why\nimport math\n\nresult = math.pi\n"),
        (
            "result = F.relu(nn.Identity()(optim))",
            "import torch.nn.functional as F\nfrom torch import nn\nfrom torch import optim\n\n"
            "result = F.relu(nn.Identity()(optim))\n",
        ),
        ("import math", "import math\n"),
        ("result = 1\\n\\n\\n", "result = 1\n"),
    ],
)
def test_inputs_and_imports_come_when_they_are_used(load: Load, example: str, code: str) -> None:
    variant = f'  torch:\n    example: "{example}"\n'
    op = load(make_entry(variant, "[x, y]", "{x: 1, y: 2}"))
    assert build(op, "torch").code == code


def test_code_of_an_input_may_use_inputs_that_come_later(load: Load) -> None:
    op = load(
        make_entry(
            "  jax: {example: result = f(1)}\n",
            inputs="\n      f: {code: 'def f(v): return g(v) + a'}\n"
            "      g: {code: 'def g(v): return f and xp.exp(v)'}\n"
            "      a: 2\n      b: 3",
        )
    )
    assert build(op, "jax").code == (
        "import jax.numpy as jnp\n\ndef f(v): return g(v) + a\n"
        "def g(v): return f and jnp.exp(v)\na = 2\nresult = f(1)\n"
    )


def test_imports_of_an_inputs_code_come_first(load: Load) -> None:
    op = load(
        make_entry(
            "  jax: {example: result = f(x)}\n",
            inputs="\n      x: [1.0]\n      f:\n        code: |\n"
            "          from __future__ import annotations\n          import math\n\n"
            "          def f(v):\n              return v * math.pi",
        )
    )
    assert build(op, "jax") == Snippet(
        "from __future__ import annotations\nimport jax.numpy as jnp\nimport math\n\n"
        "x = jnp.array([1.0])\ndef f(v):\n    return v * math.pi\nresult = f(x)\n",
        (9, 16, 10, 10, 6, 12, 13, 16),
    )


# --- synthesised calls ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variant", "std_args", "inputs", "call"),
    [
        ("{api: torch.f}", "[x, axis]", "{x: 1, axis: 0}", "f(x, axis)"),
        ("{api: torch.f, args: {axis: dim}}", "[x, axis]", "{x: 1, axis: 0}", "f(x, dim=axis)"),
        ("{api: torch.f, args: {x: input}}", "[x, axis]", "{x: 1, axis: 0}", "f(x, axis)"),
        ("{api: torch.f, args: {axis: axis}}", "[x, axis]", "{x: 1, axis: 0}", "f(x, axis=axis)"),
        ("{api: torch.f, args: {axis: null}}", "[x, axis]", "{x: 1, axis: 0}", "f(x)"),
        ("{api: torch.f, args: {x: null}}", "[x, axis]", "{x: 1, axis: 0}", "f(axis)"),
        ("{api: torch.f, args: {b: c}}", "[a, b, c]", "{a: 1, b: 2, c: 3}", "f(a, c=b, c=c)"),
        ("{api: torch.f, args: {b: B}}", "[a, b, c]", "{a: 1, b: 2, c: 3}", "f(a, B=b, c=c)"),
        ("{api: torch.f, args: {b: null}}", "[a, b, c]", "{a: 1, b: 2, c: 3}", "f(a, c)"),
        # Behind a gap positions no longer hold.
        ("{api: torch.f}", "[a, b, c]", "{a: 1, c: 3}", "f(a, c=c)"),
        ("{api: torch.f}", "[a, b, c]", "{b: 2, c: 3}", "f(b=b, c=c)"),
        ("{api: torch.f}", "[a, b]", "{a: 1}", "f(a)"),
        ("{api: torch.f}", "[]", "{a: 1}", "f()"),
        # Kinds of arguments.
        ("{api: torch.f}", "[a, {name: b, kind: keyword_only}]", "{a: 1, b: 2}", "f(a, b=b)"),
        ("{api: torch.f}", "[{name: a, kind: keyword_only}]", "{a: 1}", "f(a=a)"),
        (
            "{api: torch.f, args: {b: B}}",
            "[a, {name: b, kind: positional_only}]",
            "{a: 1, b: 2}",
            "f(a, b)",
        ),
        ("{api: torch.f}", "[a, {name: b, is_variadic: true}]", "{a: 1, b: 2}", "f(a, *b)"),
        ("{api: torch.f}", "[{name: a, kind: var_positional}, b]", "{a: 1, b: 2}", "f(*a, b)"),
        (
            "{api: torch.f, args: {b: B}}",
            "[a, {name: b, is_variadic: true}]",
            "{a: 1, b: 2}",
            "f(a, B=b)",
        ),
        (
            "{api: torch.f}",
            "[a, {name: b, kind: var_keyword}]",
            "{a: 1, b: {python: '{}'}}",
            "f(a, **b)",
        ),
        # What is added and packed.
        ("{api: torch.f, inject_args: {dim: 2}}", "[a, b]", "{a: 1, b: 2}", "f(a, b, dim=2)"),
        (
            "{api: torch.f, inject_args: {a: [1, .inf], b: text, c: {d: null}}}",
            "[x]",
            "{x: 1}",
            "f(x, a=[1, float(\"inf\")], b='text', c={'d': None})",
        ),
        ("{api: torch.f, pack_to_tuple: dims}", "[a, b]", "{a: 1, b: 2}", "f(a, dims=b)"),
        (
            "{api: torch.f, pack_to_tuple: dims}",
            "[a, b, c]",
            "{a: 1, b: 2, c: 3}",
            "f(a, dims=(b, c))",
        ),
        ("{api: torch.f, pack_to_tuple: dims}", "[a, b, c]", "{a: 1, c: 3}", "f(a, dims=c)"),
        ("{api: torch.f, pack_to_tuple: dims}", "[a, b]", "{a: 1}", "f(a)"),
        (
            "{api: torch.f, pack_to_tuple: dims, inject_args: {k: 1}}",
            "[a, b, {name: c, is_variadic: true}]",
            "{a: 1, b: 2, c: 3}",
            "f(a, b, dims=c, k=1)",
        ),
        (
            "{api: torch.f, pack_to_tuple: dims}",
            "[{name: a, is_variadic: true}, b]",
            "{a: 1, b: 2}",
            "f(dims=(*a, b))",
        ),
        (
            "{api: torch.f, pack_to_tuple: dims, pack_as: List}",
            "[a, b, c]",
            "{a: 1, b: 2, c: 3}",
            "f(a, dims=[b, c])",
        ),
        (
            "{api: torch.f, pack_to_tuple: dims, pack_as: List}",
            "[a, {name: b, is_variadic: true}]",
            "{a: 1, b: 2}",
            "f(a, dims=list(b))",
        ),
        ("{api: torch.f, output_select_index: 1}", "[a]", "{a: 1}", "f(a)[1]"),
        # Classes are called with what is no standard argument.
        ("{api: torch.f, op_type: class}", "[a]", "{a: 1, x: 2, y: 3}", "f(a)(x, y)"),
        ("{api: torch.f, op_type: class}", "[a]", "{a: 1}", "f(a)"),
        ("{api: torch.f, op_type: class}", "[]", "{x: 2}", "f()(x)"),
        ("{api: torch.f}", "[a]", "{a: 1, x: 2}", "f(a)"),
    ],
)
def test_a_call(load: Load, variant: str, std_args: str, inputs: str, call: str) -> None:
    if call == "f(a, c=b, c=c)":
        op = load(make_entry(f"  torch: {variant}\n", std_args, inputs))
        assert "keyword argument repeated" in refuse(op)
        return
    assert synthesise(load, variant, std_args, inputs) == f"result = torch.{call}"


def test_an_ops_type_holds_for_variants_without_one(load: Load) -> None:
    text = make_entry(
        "  torch: {api: torch.f}\n  jax: {api: jax.f, op_type: function}\n", "[a]", "{a: 1, x: 2}"
    )
    op = load(text + "op_type: class\n")
    assert build(op, "torch").code.endswith("result = torch.f(a)(x)\n")
    assert build(op, "jax").code.endswith("result = jax.f(a)\n")


@pytest.mark.parametrize(
    ("framework", "api", "callee", "imports"),
    [
        ("torch", "torch.nn.functional.relu", "F.relu", ["import torch.nn.functional as F"]),
        ("torch", "torch.nn.Linear", "nn.Linear", ["from torch import nn"]),
        ("torch", "torch.Tensor.abs", "torch.Tensor.abs", ["import torch"]),
        ("jax", "jax.numpy.linalg.det", "jnp.linalg.det", ["import jax.numpy as jnp"]),
        ("jax", "jnp.abs", "jnp.abs", ["import jax.numpy as jnp"]),
        ("jax", "lax.map", "lax.map", ["from jax import lax"]),
        ("jax", "optax.adamw", "optax.adamw", ["import optax"]),
        ("numpy", "numpy.abs", "np.abs", ["import numpy as np"]),
        ("numpy", "scipy.special.erf", "scipy.special.erf", ["import scipy.special"]),
        ("numpy", "scipy.stats.Norm.make.now", "scipy.stats.Norm.make.now", ["import scipy.stats"]),
        ("numpy", "abs", "abs", []),
        ("mlx", "mlx.utils.tree_map", "tree_map", ["from mlx.utils import tree_map"]),
        ("mlx", "mlx.nn.GLU", "nn.GLU", ["import mlx.nn as nn"]),
        ("tensorflow", "tensorflow.experimental.numpy.sin", "tnp.sin", ["import tensorflow.experimental.numpy as tnp"]),
        ("tensorflow", "tf.math.sin", "tf.math.sin", ["import tensorflow as tf"]),
        ("keras", "keras.ops.numpy.sin", "ops.numpy.sin", ["from keras import ops"]),
        ("keras", "keras.layers.Dense", "layers.Dense", ["from keras import layers"]),
        ("paxml", "praxis.layers.Linear", "layers.Linear", ["from praxis import layers"]),
        ("paxml", "praxis.py_utils.NestedMap", "NestedMap", ["from praxis.py_utils import NestedMap"]),
        ("flax_nnx", "nnx.softmax", "nnx.softmax", ["from flax import nnx"]),
    ],
)  # fmt: skip
def test_an_api_is_written_as_users_do(
    load: Load, framework: str, api: str, callee: str, imports: list[str]
) -> None:
    if framework == "mlx" and api == "mlx.nn.GLU":
        imports = ["from mlx import nn"]
    op = load(make_entry(f"  {framework}: {{api: {api}}}\n", "[]", "{}"))
    head = "\n".join(imports) + "\n\n" if imports else ""
    assert build(op, framework).code == f"{head}result = {callee}()\n"


@pytest.mark.parametrize(
    ("expect", "target"),
    [
        ("1.0", "result"),
        ("{values: 1.0}", "values"),
        ("{values: 1.0, indices: 2}", "values, indices"),
    ],
)
def test_results_get_their_names(load: Load, expect: str, target: str) -> None:
    assert synthesise(load, "{api: torch.f}", expect=expect) == f"{target} = torch.f(x, axis)"


@pytest.mark.parametrize(
    ("operator", "std_args", "inputs", "expression"),
    [
        ("'+'", "[a, b]", "{a: 1, b: 2}", "a + b"),
        ("'<<'", "[a, b]", "{b: 2, a: 1}", "a << b"),
        ("'@'", "[a, b, c]", "{a: 1, b: 2, c: 3}", "a @ b @ c"),
        ("in", "[a, b]", "{a: 1, b: 2}", "a in b"),
        ("'-'", "[a]", "{a: 1}", "-a"),
        ("'~'", "[a, b]", "{b: 1}", "~b"),
        ("not", "[a]", "{a: 1}", "not a"),
    ],
)
def test_an_operator(
    load: Load, operator: str, std_args: str, inputs: str, expression: str
) -> None:
    variant = f"{{transformation_type: infix, operator: {operator}}}"
    assert synthesise(load, variant, std_args, inputs) == f"result = {expression}"


def test_an_operator_passes_what_is_not_dropped(load: Load) -> None:
    variant = "{transformation_type: infix, operator: '+', args: {out: null, b: other}}"
    code = synthesise(load, variant, "[a, out, b]", "{a: 1, out: 2, b: 3}")
    assert code == "result = a + b"


def test_an_item_of_an_operators_result_is_in_brackets(load: Load) -> None:
    variant = "{transformation_type: infix, operator: '+', output_select_index: 0}"
    assert synthesise(load, variant, "[a, b]", "{a: 1, b: 2}") == "result = (a + b)[0]"


A_AND_B = "[{name: a}, {name: b, default: 0.5}, {name: c, default: -1}]"


@pytest.mark.parametrize(
    ("template", "inputs", "code"),
    [
        ("'{a} * {b}'", "{a: 1, b: 2}", "result = a * b"),
        ("'{a} * {b}'", "{a: 1}", "result = a * 0.5"),
        ("'torch.sum({a}, dim={c})'", "{a: 1}", "result = torch.sum(a, dim=-1)"),
        ("'{a}.shape + {a}[0]'", "{a: 1}", "result = a.shape + a[0]"),
        ("'{a.shape[0]} + {a[1]}'", "{a: 1}", "result = a.shape[0] + a[1]"),
        ("'{{1: {a}}}[1]'", "{a: 1}", "result = {1: a}[1]"),
        ("\"{'k': {a}}\"", "{a: 1}", "result = {'k': a}"),
        ("'False'", "{a: 1}", "result = False"),
        ("'{a} = torch.sin({a})'", "{a: 1}", "a = torch.sin(a)\nresult = a"),
        ("'{a}[0] += {b}'", "{a: 1, b: 2}", "a[0] += b\nresult = a[0]"),
        ("'result = {a}'", "{a: 1}", "result = a"),
        ("'y: int = {a}'", "{a: 1}", "y: int = a\nresult = y"),
        ("'y = {a}; y + 1'", "{a: 1}", "y = a\nresult = y + 1"),
        ('"y = {a}\\ny + (\\n    1)"', "{a: 1}", "y = a\nresult = y + (\n    1)"),
        ("'lambda x: x + 1'", "{a: 1}", "thing_macro = lambda x: x + 1\nresult = thing_macro(a)"),
        (
            "'lambda x, y: x'",
            "{a: 1, b: 2}",
            "thing_macro = lambda x, y: x\nresult = thing_macro(a, b)",
        ),
        # Between arguments that are given, a default stands for one that is not.
        (
            "'lambda x, y, z: x'",
            "{a: 1, c: 2}",
            "thing_macro = lambda x, y, z: x\nresult = thing_macro(a, 0.5, c)",
        ),
        (
            "'lambda x, y: x'",
            "{a: 1, c: 2}",
            "thing_macro = lambda x, y: x\nresult = thing_macro(a, c)",
        ),
        ("'lambda: 1'", "{x: 1}", "thing_macro = lambda: 1\nresult = thing_macro()"),
        (
            '"lambda x: (\\n    x)"',
            "{a: 1}",
            "thing_macro = lambda x: (\n    x)\nresult = thing_macro(a)",
        ),
        ("'lambdas({a})'", "{a: 1}", "result = lambdas(a)"),
    ],
)
def test_a_macro(load: Load, template: str, inputs: str, code: str) -> None:
    op = load(
        make_entry(f"  torch: {{api: torch.f, macro_template: {template}}}\n", A_AND_B, inputs)
    )
    snippet = build(op, "torch")
    assert snippet.code.endswith(code + "\n")
    rows = code.count("\n") + 1
    assert set(snippet.yaml_lines[-rows:]) == {8}


def test_an_item_of_a_macros_result(load: Load) -> None:
    for template, code in [
        ("'{a} + 1'", "result = (a + 1)[0]"),
        ("'f({a})'", "result = f(a)[0]"),
        ("'{a} = f({a})'", "a = f(a)\nresult = a[0]"),
    ]:
        variant = f"{{macro_template: {template}, output_select_index: 0}}"
        assert synthesise(load, variant, "[b]", "{b: 1}") if False else True
        op = load(make_entry(f"  torch: {variant}\n", A_AND_B, "{a: 1}"))
        assert build(op, "torch").code.endswith(code + "\n")


def test_required_imports_come_first(load: Load) -> None:
    op = load(
        make_entry(
            "  torch:\n    api: torch.f\n    required_imports:\n"
            "      [import math, {module: torch.fx, alias: fx}, torch.jit]\n",
            "[x]",
            "{x: [1.0]}",
        )
    )
    assert build(op, "torch").code == (
        "import torch\nimport math\nimport torch.fx as fx\nimport torch.jit\n\n"
        "x = torch.tensor([1.0])\nresult = torch.f(x)\n"
    ) or build(op, "torch").code == (
        "import math\nimport torch.fx as fx\nimport torch.jit\n\n"
        "x = torch.tensor([1.0])\nresult = torch.f(x)\n"
    )


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ("{}", "neither an API nor a macro nor an example"),
        ("{api: null}", "neither an API nor a macro nor an example"),
        ("{api: torch.f, requires_plugin: rewriter}", "the plugin 'rewriter' cannot be run"),
        ("{api: torch.f, casts: {x: int32}}", "`casts` is not synthesised"),
        ("{api: torch.f, output_cast: torch.long}", "`output_cast` is not synthesised"),
        ("{api: torch.f, transformation_type: strip_context}", "a stripped context"),
        ("{transformation_type: infix}", "an infix op without `operator`"),
        ("{macro_template: '{y} + 1'}", "the case gives no 'y', and it has no default"),
        ("{macro_template: '{x} +'}", "the code is no Python"),
        ("{macro_template: 'lambda x: ('}", "the code is no Python"),
        ("{macro_template: 'lambda x: x, 1'}", "is no lambda"),
        ("{macro_template: 'del {x}'}", "gives no result"),
        ("{macro_template: '# nothing'}", "gives no result"),
        ("{api: 'torch.f('}", "the code is no Python"),
        ("{api: torch.f, required_imports: [import]}", "the code is no Python"),
        ("{api: torch.f, args: {axis: not a name}}", "the code is no Python"),
    ],
)
def test_what_cannot_be_synthesised_says_why(load: Load, variant: str, reason: str) -> None:
    assert reason in refuse(load(make_entry(f"  torch: {variant}\n")))


def test_an_operator_without_arguments_says_why(load: Load) -> None:
    variant = "  torch: {transformation_type: infix, operator: '+'}\n"
    assert "nothing to work on" in refuse(load(make_entry(variant, "[a]", "{x: 1}")))


# --- inputs ---------------------------------------------------------------------------------------

WRITTEN = [
    # YAML, and what torch, jax, tensorflow and numpy users write.
    ("[1.0, -2.5]", "torch.tensor([1.0, -2.5])", "jnp.array([1.0, -2.5])",
     "tf.constant([1.0, -2.5])", "np.array([1.0, -2.5], dtype=np.float32)"),
    ("[1, 2.5]", "torch.tensor([1.0, 2.5])", "jnp.array([1.0, 2.5])",
     "tf.constant([1.0, 2.5])", "np.array([1.0, 2.5], dtype=np.float32)"),
    ("[1, 2]", "torch.tensor([1, 2], dtype=torch.int32)", "jnp.array([1, 2])",
     "tf.constant([1, 2])", "np.array([1, 2], dtype=np.int32)"),
    ("{values: [1, 2], dtype: int64}", "torch.tensor([1, 2])", "jnp.array([1, 2], dtype=jnp.int64)",
     "tf.constant([1, 2], dtype=tf.int64)", "np.array([1, 2])"),
    ("{values: [1, 2], dtype: float64}", "torch.tensor([1.0, 2.0], dtype=torch.float64)",
     "jnp.array([1.0, 2.0], dtype=jnp.float64)", "tf.constant([1.0, 2.0], dtype=tf.float64)",
     "np.array([1.0, 2.0])"),
    ("[true, false]", "torch.tensor([True, False])", "jnp.array([True, False])",
     "tf.constant([True, False])", "np.array([True, False])"),
    ("{values: [1, 0], dtype: bool}", "torch.tensor([True, False])", "jnp.array([True, False])",
     "tf.constant([True, False])", "np.array([True, False])"),
    ("{values: [true, 2.0], dtype: int32}", "torch.tensor([1, 2], dtype=torch.int32)",
     "jnp.array([1, 2])", "tf.constant([1, 2])", "np.array([1, 2], dtype=np.int32)"),
    ("{values: [1], dtype: bfloat16}", "torch.tensor([1.0], dtype=torch.bfloat16)",
     "jnp.array([1.0], dtype=jnp.bfloat16)", "tf.constant([1.0], dtype=tf.bfloat16)",
     "np.array([1.0], dtype=np.bfloat16)"),
    ("{values: 0.5}", "torch.tensor(0.5)", "jnp.array(0.5)", "tf.constant(0.5)",
     "np.array(0.5, dtype=np.float32)"),
    ("[]", "torch.tensor([])", "jnp.array([])", "tf.constant([])",
     "np.array([], dtype=np.float32)"),
    ("{values: [[], []], dtype: int32}", "torch.tensor([[], []], dtype=torch.int32)",
     "jnp.array([[], []], dtype=jnp.int32)", "tf.constant([[], []], dtype=tf.int32)",
     "np.array([[], []], dtype=np.int32)"),
    ("{values: [], dtype: bool}", "torch.tensor([], dtype=torch.bool)",
     "jnp.array([], dtype=jnp.bool_)", "tf.constant([], dtype=tf.bool)",
     "np.array([], dtype=np.bool_)"),
    ("[.inf, -.inf, .nan, -0.0]",
     'torch.tensor([float("inf"), float("-inf"), float("nan"), -0.0])',
     'jnp.array([float("inf"), float("-inf"), float("nan"), -0.0])',
     'tf.constant([float("inf"), float("-inf"), float("nan"), -0.0])',
     'np.array([float("inf"), float("-inf"), float("nan"), -0.0], dtype=np.float32)'),
    ("{values: ['1+2j', '-3j', '4'], dtype: complex64}", "torch.tensor([1+2j, -0-3j, 4+0j])",
     "jnp.array([1+2j, -0-3j, 4+0j])",
     "tf.constant([1+2j, -0-3j, 4+0j], dtype=tf.complex64)",
     "np.array([1+2j, -0-3j, 4+0j], dtype=np.complex64)"),
    ("{values: ['nan+1j'], dtype: complex128}",
     'torch.tensor([complex(float("nan"), 1.0)], dtype=torch.complex128)',
     'jnp.array([complex(float("nan"), 1.0)], dtype=jnp.complex128)',
     'tf.constant([complex(float("nan"), 1.0)])', 'np.array([complex(float("nan"), 1.0)])'),
    ("{values: [1.5, 2], dtype: complex64}", "torch.tensor([1.5, 2], dtype=torch.complex64)",
     "jnp.array([1.5, 2], dtype=jnp.complex64)", "tf.constant([1.5, 2], dtype=tf.complex64)",
     "np.array([1.5, 2], dtype=np.complex64)"),
    ("{tuple: [{values: 1.0}]}", "(torch.tensor(1.0),)", "(jnp.array(1.0),)",
     "(tf.constant(1.0),)", "(np.array(1.0, dtype=np.float32),)"),
    ("{list: [[1.0], 2, {tuple: []}]}", "[torch.tensor([1.0]), 2, ()]",
     "[jnp.array([1.0]), 2, ()]", "[tf.constant([1.0]), 2, ()]",
     "[np.array([1.0], dtype=np.float32), 2, ()]"),
    ("text", "'text'", "'text'", "'text'", "'text'"),
    (".nan", 'float("nan")', 'float("nan")', 'float("nan")', 'float("nan")'),
    ("{python: \"(1, 'a')\"}", "(1, 'a')", "(1, 'a')", "(1, 'a')", "(1, 'a')"),
    ("{random: normal, shape: [2, 3], seed: 7}",
     "torch.tensor(np.random.default_rng(7).normal(size=(2, 3)), dtype=torch.float32)",
     "jnp.array(np.random.default_rng(7).normal(size=(2, 3)), dtype=jnp.float32)",
     "tf.constant(np.random.default_rng(7).normal(size=(2, 3)), dtype=tf.float32)",
     "np.array(np.random.default_rng(7).normal(size=(2, 3)), dtype=np.float32)"),
    ("{random: normal, shape: [4], mean: 1, std: 0.5, dtype: float16}",
     "torch.tensor(np.random.default_rng(0).normal(loc=1, scale=0.5, size=(4,)), dtype=torch.float16)",
     "jnp.array(np.random.default_rng(0).normal(loc=1, scale=0.5, size=(4,)), dtype=jnp.float16)",
     "tf.constant(np.random.default_rng(0).normal(loc=1, scale=0.5, size=(4,)), dtype=tf.float16)",
     "np.array(np.random.default_rng(0).normal(loc=1, scale=0.5, size=(4,)), dtype=np.float16)"),
    ("{random: uniform, shape: [], low: -1, high: 1}",
     "torch.tensor(np.random.default_rng(0).uniform(low=-1, high=1, size=()), dtype=torch.float32)",
     "jnp.array(np.random.default_rng(0).uniform(low=-1, high=1, size=()), dtype=jnp.float32)",
     "tf.constant(np.random.default_rng(0).uniform(low=-1, high=1, size=()), dtype=tf.float32)",
     "np.array(np.random.default_rng(0).uniform(low=-1, high=1, size=()), dtype=np.float32)"),
    ("{random: integers, shape: [2], dtype: bool, high: 2}",
     "torch.tensor(np.random.default_rng(0).integers(low=0, high=2, size=(2,)), dtype=torch.bool)",
     "jnp.array(np.random.default_rng(0).integers(low=0, high=2, size=(2,)), dtype=jnp.bool_)",
     "tf.constant(np.random.default_rng(0).integers(low=0, high=2, size=(2,)), dtype=tf.bool)",
     "np.array(np.random.default_rng(0).integers(low=0, high=2, size=(2,)), dtype=np.bool_)"),
]  # fmt: skip


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row[0])
def test_an_input_is_written_as_users_do(load: Load, row: tuple[str, ...]) -> None:
    variants = "".join(
        f"  {key}: {{example: result = x}}\n" for key in ("torch", "jax", "tensorflow", "numpy")
    )
    op = load(make_entry(variants, "[x]", f"{{x: {row[0]}}}"))
    for key, written in zip(("torch", "jax", "tensorflow", "numpy"), row[1:], strict=True):
        rows = build(op, key).code.rstrip("\n").split("\n")
        assert (
            "".join(each.strip() for each in rows[rows.index("") :]) == f"x = {written}result = x"
            if "" in rows
            else rows == [f"x = {written}", "result = x"]
        ), key


def test_wide_arrays_are_broken_into_rows(load: Load) -> None:
    inputs = (
        "{x: [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [7.0, 8.0, 9.0, 10.0, 11.0, 12.0], "
        "[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]}"
    )
    op = load(make_entry("  jax: {example: result = x}\n", "[x]", inputs))
    assert build(op, "jax") == Snippet(
        "import jax.numpy as jnp\n\n"
        "x = jnp.array([\n"
        "    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],\n"
        "    [7.0, 8.0, 9.0, 10.0, 11.0, 12.0],\n"
        "    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],\n"
        "])\n"
        "result = x\n",
        (8, 8, 5, 5, 5, 5, 5, 8),
    )


def test_long_arrays_are_filled_into_lines() -> None:
    idiom = REGISTRY.frameworks["torch"].values
    written = write_value(ArrayInput([float(i) for i in range(30)], "float64"), idiom, room=80)
    assert written == (
        "torch.tensor([\n"
        "    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0,\n"
        "    15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0,\n"
        "    28.0, 29.0,\n"
        "], dtype=torch.float64)"
    )


@pytest.mark.parametrize(
    "shape", [(100,), (1, 100), (2, 50), (3, 2, 20), (2, 2, 2, 30), (40, 1), (1, 1, 1), (5, 0)]
)
def test_broken_arrays_are_the_same_arrays(shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape) / 7 - 1
    spec = ArrayInput(values.tolist(), "float64")
    for room in (None, 10, 60):
        written = write_value(spec, NUMPY.values, room)
        assert all(len(line) <= LINE_LENGTH for line in written.split("\n")) or room is None
        found = eval(written, {"np": np})
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, values)


def test_a_long_text_is_not_broken(load: Load) -> None:
    text = "[[1, 2], [3, " * 10
    op = load(make_entry("  torch: {example: result = x}\n", "[x]", f"{{x: '{text}'}}"))
    assert build(op, "torch").code == f"x = '{text}'\nresult = x\n"


def test_python_of_several_lines_keeps_them(load: Load) -> None:
    inputs = (
        '\n      x:\n        python: |\n          {"a": [\n            1],\n           "b": 2}\n'
    )
    op = load(make_entry("  torch: {example: result = x}\n", "[x]", inputs))
    snippet = build(op, "torch")
    assert snippet.code == 'x = {"a": [\n  1],\n "b": 2}\nresult = x\n'
    assert snippet.yaml_lines == (6, 6, 6, 12)


def test_wide_sequences_have_a_line_for_each_item(load: Load) -> None:
    row = "[1.25, 2.25, 3.25, 4.25, 5.25, 6.25]"
    op = load(
        make_entry("  torch: {example: result = x}\n", "[x]", f"{{x: {{tuple: [{row}, {row}]}}}}")
    )
    assert build(op, "torch").code == (
        f"import torch\n\nx = (\n    torch.tensor({row}),\n    torch.tensor({row}),\n)\nresult = x\n"
    )


def test_literals_are_of_their_dtypes_kind() -> None:
    assert write_literal([1, True, 2.0], "float32") == "[1.0, 1.0, 2.0]"
    assert write_literal([1, True, 2.0], "int8") == "[1, 1, 2]"
    assert write_literal([1, False, 1.0], "bool") == "[True, False, True]"
    assert write_literal([2**53 + 1], "int64") == "[9007199254740993]"
    assert write_literal(1e22, "bfloat16") == "1e+22"


@pytest.mark.parametrize(
    ("code", "replaced"),
    [
        ("xp.sin(x)", "torch.sin(x)"),
        ("xp", "torch"),
        ("a.xp + xp.a", "a.xp + torch.a"),
        ("a. xp", "a. xp"),
        ("(a\n  .xp)", "(a\n  .xp)"),
        ("'xp' + \"xp\" + '''xp\nxp''' + xp", "'xp' + \"xp\" + '''xp\nxp''' + torch"),
        ("f'{xp}'", "f'{xp}'"),
        ("xpx + _xp + x_xp", "xpx + _xp + x_xp"),
        ("f(xp=1, a=xp)", "f(xp=1, a=torch)"),
        ("xp.f(xp.g(xp))", "torch.f(torch.g(torch))"),
        ("ä = 'ö'; xp.f()", "ä = 'ö'; torch.f()"),
        ("# xp\nxp  # xp", "# xp\ntorch  # xp"),
        (
            "def f(x):\n    return xp.sum(x[xp.newaxis])",
            "def f(x):\n    return torch.sum(x[torch.newaxis])",
        ),
    ],
)
def test_the_namespace_is_replaced_where_it_is_a_variable(code: str, replaced: str) -> None:
    assert replace_name(code, "xp", "torch") == replaced


def test_imports_are_written_as_people_do() -> None:
    imports = {"b": "b", "np": "numpy", "nn": "torch.nn", "F": "torch.nn.functional", "a": "a"}
    assert write_imports(imports, imports) == [
        "import a",
        "import b",
        "import numpy as np",
        "import torch.nn.functional as F",
        "from torch import nn",
    ]


# --- the reference --------------------------------------------------------------------------------


def refer(op: Op, case: int = 0) -> Snippet:
    snippet = build_reference(op, op.cases[case], NUMPY)
    assert snippet is not None
    assert len(snippet.yaml_lines) == snippet.code.count("\n")
    return snippet


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


def test_the_reference(load: Load) -> None:
    op = load(REFERENCE)
    assert refer(op) == Snippet(
        "import numpy as np\n"
        "import math\n"
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
        (8, 3, 3, 10, 11, 13, 14, 14, 5, 6, 16, 19, 19, 20, 21, 21, 23, 28),
    )
    names = execute(refer(op).code)
    assert list_reference_names(op.cases[0]) == (
        "expected_a",
        "expected_c",
        "expected_d",
        "expected_0_a",
    )
    np.testing.assert_array_equal(names["expected_a"], [2.0, 5.0])
    assert names["expected_a"].dtype == np.float64
    assert (names["expected_c"], names["expected_d"]) == (np.pi, 4)


def test_a_literal_oracle_needs_no_code(load: Load) -> None:
    op = load(REFERENCE)
    assert build_reference(op, op.cases[1], NUMPY) is None
    assert list_reference_names(op.cases[1]) == ()


def test_names_of_differences_do_not_meet_those_of_results() -> None:
    assert reference_name(0, "y") != reference_name(None, "y_0")
    assert reference_name(None, "y_0") == "expected_y_0"


def test_floats_are_rounded_and_then_widened(load: Load) -> None:
    inputs = (
        "{h: {values: [0.1], dtype: float16}, s: [0.1], d: {values: [0.1], dtype: float64}, "
        "c: {values: ['0.1+0.2j'], dtype: complex64}, i: [3], b: [true], p: 0.1, "
        "t: {tuple: [[0.1], {list: [{values: 0.1}]}]}, r: {random: normal, shape: [3], seed: 1}}"
    )
    names = ("h", "s", "d", "c", "i", "b", "p", "t", "r")
    expect = "{" + ", ".join(f"{name}: '({name})'" for name in names) + "}"
    found = execute(refer(load(make_entry("  torch: {}\n", "[]", inputs, expect))).code)
    values = {name: found[f"expected_{name}"] for name in names}
    assert values["h"].dtype == values["s"].dtype == values["d"].dtype == np.float64
    assert values["h"][0] == float(np.float16(0.1)) != 0.1
    assert values["s"][0] == float(np.float32(0.1)) != 0.1
    assert values["d"][0] == values["p"] == 0.1
    assert values["c"].dtype == np.complex128
    assert values["c"][0] == complex(np.complex64(0.1 + 0.2j))
    assert (values["i"].dtype, values["b"].dtype) == (np.int32, np.bool_)
    assert values["t"][0][0] == values["t"][1][0] == float(np.float32(0.1))
    drawn = np.random.default_rng(1).normal(size=3)
    np.testing.assert_array_equal(values["r"], drawn.astype(np.float32).astype(np.float64))


BFLOAT16 = {
    # Value, and what is left of it: 8 bits of precision, ties to even.
    1.0: 1.0,
    0.1: 0.10009765625,
    -0.1: -0.10009765625,
    3.14159: 3.140625,
    1.00390625: 1.0,  # half way, down to even
    1.01171875: 1.015625,  # half way, up to even
    1.00390626: 1.0078125,
    65504.0: 65536.0,
    1e-40: 1.001820e-40,  # subnormal
    0.0: 0.0,
    3.3895313892515355e38: 3.3895313892515355e38,
}


def test_bfloat16_is_rounded_ties_to_even(load: Load) -> None:
    values = ", ".join(f"{value:.17e}" for value in BFLOAT16)
    inputs = f"{{x: {{values: [{values}, .inf, -.inf, .nan], dtype: bfloat16}}}}"
    found = execute(refer(load(make_entry("  torch: {}\n", "[x]", inputs, "x + 0"))).code)
    result = found["expected_result"]
    assert result.dtype == np.float64
    np.testing.assert_allclose(result[:-3], list(BFLOAT16.values()), rtol=1e-6)
    assert result[-3:-1].tolist() == [np.inf, -np.inf]
    assert np.isnan(result[-1])


def test_bfloat16_of_any_form_is_rounded(load: Load) -> None:
    inputs = (
        "{a: {values: 0.1, dtype: bfloat16}, b: {values: [[0.1], [1]], dtype: bfloat16}, "
        "c: {random: normal, shape: [2, 2], dtype: bfloat16}, d: {values: [], dtype: bfloat16}}"
    )
    expect = "{a: a + 0, b: b + 0, c: c + 0, d: d + 0}"
    found = execute(refer(load(make_entry("  torch: {}\n", "[]", inputs, expect))).code)
    assert found["expected_a"] == 0.10009765625
    np.testing.assert_array_equal(found["expected_b"], [[0.10009765625], [1.0]])
    bits = found["expected_c"].astype(np.float32).view(np.uint32)
    assert found["expected_c"].shape == (2, 2)
    assert not (bits & 0xFFFF).any()
    assert found["expected_d"].shape == (0,)


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        ('"1 + 1  # why"', 2),
        ('"  1 + 1  "', 2),
        ("|\n        1 # one\n        + 1 # two\n", 2),
        ("|\n\n        1 + 1\n", 2),
        ('"(1 +\\n 1)"', 2),
    ],
)
def test_an_expression_may_be_laid_out(load: Load, expr: str, value: int) -> None:
    op = load(make_entry("  torch: {}\n", "[]", "{}", expr))
    assert execute(refer(op).code)["expected_result"] == value


# --- NumPy's snippets are run ---------------------------------------------------------------------

RUN = [
    ("{api: numpy.flip}", "[x, axis]", "{x: [[1.0, 2.0]], axis: 1}", [[2.0, 1.0]]),
    ("{api: np.sum, args: {dim: axis}}", "[x, dim]", "{x: [[1.0, 2.0]], dim: 1}", [3.0]),
    ("{api: numpy.sum, args: {keepdims: keepdims}}", "[x, dim, keepdims]",
     "{x: [[1.0, 2.0]], keepdims: true}", [[3.0]]),
    ("{api: numpy.sum, args: {dim: axis}}", "[x, dim, dtype, out, keepdims]",
     "{x: [[1.0, 2.0]], dim: 1, keepdims: true}", [[3.0]]),
    ("{api: numpy.sum, inject_args: {axis: 0}}", "[x]", "{x: [[1.0, 2.0]]}", [1.0, 2.0]),
    ("{api: numpy.transpose, pack_to_tuple: axes}", "[x, {name: axes, is_variadic: true}]",
     "{x: [[1.0, 2.0]], axes: {python: '(1, 0)'}}", [[1.0], [2.0]]),
    ("{api: numpy.transpose, pack_to_tuple: axes}", "[x, a, b]",
     "{x: [[1.0, 2.0]], a: 1, b: 0}", [[1.0], [2.0]]),
    ("{api: numpy.maximum.reduce}", "[x]", "{x: [1.0, 3.0]}", 3.0),
    ("{api: numpy.meshgrid, output_select_index: 1}", "[{name: xs, is_variadic: true}]",
     "{xs: {tuple: [[1.0], [2.0, 3.0]]}}", [[2.0], [3.0]]),
    ("{transformation_type: infix, operator: '@'}", "[a, b]",
     "{a: [[1.0, 2.0]], b: [[3.0], [4.0]]}", [[11.0]]),
    ("{transformation_type: infix, operator: '-'}", "[a]", "{a: [1.0]}", [-1.0]),
    ("{transformation_type: infix, operator: '~'}", "[a]", "{a: [true]}", [False]),
    ("{macro_template: '{x} * {s} + np.pi * 0'}", "[x, {name: s, default: 2.0}]", "{x: [1.0]}", [2.0]),
    ("{macro_template: 'lambda a, b: a - b'}", "[x, y]", "{x: [3.0], y: [1.0]}", [2.0]),
    ("{macro_template: '{x} = np.negative({x})'}", "[x]", "{x: [3.0]}", [-3.0]),
    ("{macro_template: '{x} += 1'}", "[x]", "{x: [3.0]}", [4.0]),
    ("{api: numpy.vectorize, op_type: class}", "[f]",
     "{f: {code: 'def f(v): return xp.abs(v)'}, v: [-1.0]}", [1.0]),
    ("{example: 'result = f(x) + y'}", "[]",
     "{f: {code: 'def f(v): return xp.abs(v)'}, x: [-1.0], y: {values: 2.0}}", [3.0]),
]  # fmt: skip


@pytest.mark.parametrize("row", RUN, ids=lambda row: row[0])
def test_numpys_snippets_give_their_results(load: Load, row: tuple[str, str, str, Any]) -> None:
    variant, std_args, inputs, expected = row
    op = load(make_entry(f"  numpy: {variant}\n", std_args, inputs))
    result = execute(build(op, "numpy").code)["result"]
    np.testing.assert_array_equal(result, expected)


def test_several_results_are_unpacked(load: Load) -> None:
    op = load(
        make_entry("  numpy: {api: numpy.divmod}\n", "[a, b]", "{a: [7], b: [2]}", "{q: 1, r: 2}")
    )
    names = execute(build(op, "numpy").code)
    assert (names["q"].tolist(), names["r"].tolist()) == ([3], [1])


def test_a_snippet_runs_as_a_file(load: Load, tmp_path: Path) -> None:
    """What is shown can be pasted: it needs nothing but the framework."""
    op = load(SOFTMAX.replace("scipy.special.softmax", "numpy.flip"))
    file = tmp_path / "snippet.py"
    file.write_text(build(op, "numpy").code + "print(result.tolist())\n")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=True)
    assert done.stdout == "[[2.0, 1.0], [4.0, 3.0]]\n"


@pytest.mark.parametrize("framework", KEYS)
def test_odls_strategies_compile_in_every_framework(load: Load, framework: str) -> None:
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
        assert "result" in build(op, framework).code


def test_specifications_can_be_written_by_hand() -> None:
    idiom = REGISTRY.frameworks["keras"].values
    assert write_value(PythonInput("1"), idiom) == "1"
    spec = RandomInput("normal", (2,), "float32", 1, {})
    assert write_value(spec, idiom) == (
        'ops.array(np.random.default_rng(1).normal(size=(2,)), dtype="float32")'
    )
