"""Tests of calls that are made from a variant's mapping."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from optabs.catalog.model import Op
from optabs.frameworks import Registry
from optabs.snippet.lines import NoSnippet
from optabs.snippet.synthesis import synthesise

Synthesise = Callable[..., list[str]]
A_B_C = "[{name: a}, {name: b, default: 0.5}, {name: c, default: -1}]"


@pytest.fixture
def write(
    load: Callable[[str], Op], make_entry: Callable[..., str], registry: Registry
) -> Synthesise:
    """Synthesise the lines of a variant."""

    def make(
        variant: str,
        std_args: str = "[x, axis]",
        inputs: str = "{x: 1, axis: 0}",
        expect: str = "1.0",
        framework: str = "torch",
        op_type: str = "function",
    ) -> list[str]:
        text = make_entry(f"  {framework}: {variant}\n", std_args, inputs, expect)
        op = load(f"{text}op_type: {op_type}\n")
        return synthesise(op, op.cases[0], op.variants[framework], registry.frameworks[framework])

    return make


@pytest.mark.parametrize(
    ("variant", "std_args", "inputs", "call"),
    [
        ("{api: torch.f}", "[x, axis]", "{x: 1, axis: 0}", "f(x, axis)"),
        ("{api: torch.f, args: {axis: dim}}", "[x, axis]", "{x: 1, axis: 0}", "f(x, dim=axis)"),
        ("{api: torch.f, args: {x: input}}", "[x, axis]", "{x: 1, axis: 0}", "f(x, axis)"),
        ("{api: torch.f, args: {axis: axis}}", "[x, axis]", "{x: 1, axis: 0}", "f(x, axis=axis)"),
        ("{api: torch.f, args: {axis: null}}", "[x, axis]", "{x: 1, axis: 0}", "f(x)"),
        ("{api: torch.f, args: {x: null}}", "[x, axis]", "{x: 1, axis: 0}", "f(axis)"),
        ("{api: torch.f, args: {b: B}}", "[a, b, c]", "{a: 1, b: 2, c: 3}", "f(a, B=b, c=c)"),
        ("{api: torch.f, args: {b: null}}", "[a, b, c]", "{a: 1, b: 2, c: 3}", "f(a, c)"),
        ("{api: torch.f, args: {z: q}}", "[a, b]", "{a: 1, b: 2}", "f(a, b)"),
        # The order is that of the standard arguments.
        ("{api: torch.f}", "[a, b]", "{b: 2, a: 1}", "f(a, b)"),
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
        # What is added.
        ("{api: torch.f, inject_args: {dim: 2}}", "[a, b]", "{a: 1, b: 2}", "f(a, b, dim=2)"),
        (
            "{api: torch.f, inject_args: {a: [1, .inf], b: text, c: {d: null}}}",
            "[x]",
            "{x: 1}",
            "f(x, a=[1, float(\"inf\")], b='text', c={'d': None})",
        ),
        # What is packed.
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
def test_a_call(write: Synthesise, variant: str, std_args: str, inputs: str, call: str) -> None:
    assert write(variant, std_args, inputs) == [f"result = torch.{call}", "print(result)"]


@pytest.mark.parametrize(
    ("op_type", "variant", "call"),
    [
        ("class", "{api: torch.f}", "torch.f(a)(x)"),
        ("class", "{api: torch.f, op_type: function}", "torch.f(a)"),
        ("function", "{api: torch.f, op_type: class}", "torch.f(a)(x)"),
        ("decorator", "{api: torch.f}", "torch.f(a)"),
        ("context", "{api: torch.f}", "torch.f(a)"),
    ],
)
def test_the_ops_type_holds_unless_the_variant_has_one(
    write: Synthesise, op_type: str, variant: str, call: str
) -> None:
    lines = write(variant, "[a]", "{a: 1, x: 2}", op_type=op_type)
    assert lines[0] == f"result = {call}"


@pytest.mark.parametrize(
    ("framework", "api", "lines"),
    [
        ("torch", "torch.nn.functional.relu", ["F.relu()"]),
        ("torch", "torch.nn.Linear", ["nn.Linear()"]),
        ("torch", "torch.Tensor.abs", ["torch.Tensor.abs()"]),
        ("torch", "torchvision.ops.nms", ["import torchvision.ops", "torchvision.ops.nms()"]),
        ("jax", "jax.numpy.linalg.det", ["jnp.linalg.det()"]),
        ("jax", "jnp.abs", ["jnp.abs()"]),
        ("jax", "lax.map", ["lax.map()"]),
        ("jax", "optax.adamw", ["import optax", "optax.adamw()"]),
        ("numpy", "numpy.abs", ["np.abs()"]),
        ("numpy", "scipy.special.erf", ["import scipy.special", "scipy.special.erf()"]),
        (
            "numpy",
            "scipy.stats.Norm.make.now",
            ["import scipy.stats", "scipy.stats.Norm.make.now()"],
        ),
        ("numpy", "abs", ["abs()"]),
        ("mlx", "mlx.utils.tree_map", ["tree_map()"]),
        ("mlx", "mlx.nn.GLU", ["nn.GLU()"]),
        ("tensorflow", "tensorflow.experimental.numpy.sin", ["tnp.sin()"]),
        ("tensorflow", "tf.math.sin", ["tf.math.sin()"]),
        ("keras", "keras.ops.numpy.sin", ["ops.numpy.sin()"]),
        ("keras", "keras.layers.Dense", ["layers.Dense()"]),
        ("paxml", "praxis.layers.Linear", ["layers.Linear()"]),
        ("paxml", "praxis.py_utils.NestedMap", ["NestedMap()"]),
        ("flax_nnx", "nnx.softmax", ["nnx.softmax()"]),
        ("flax_nnx", "flax.nnx.softmax", ["nnx.softmax()"]),
        ("flax_nnx", "flax.linen.Dense", ["flax.linen.Dense()"]),
    ],
)
def test_an_api_is_written_as_users_do(
    write: Synthesise, framework: str, api: str, lines: list[str]
) -> None:
    *imports, call = lines
    found = write(f"{{api: {api}}}", "[]", "{}", framework=framework)
    assert found == [*imports, f"result = {call}", "print(result)"]


@pytest.mark.parametrize(
    ("expect", "lines"),
    [
        ("1.0", ["result = torch.f(x)", "print(result)"]),
        ("{values: 1.0}", ["values = torch.f(x)", "print(values)"]),
        ("{a: 1, b: 2}", ["a, b = torch.f(x)", 'print(a, b, sep="\\n")']),
    ],
)
def test_results_get_their_names_and_are_printed(
    write: Synthesise, expect: str, lines: list[str]
) -> None:
    assert write("{api: torch.f}", "[x]", "{x: 1}", expect) == lines


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
    write: Synthesise, operator: str, std_args: str, inputs: str, expression: str
) -> None:
    variant = f"{{transformation_type: infix, operator: {operator}}}"
    assert write(variant, std_args, inputs)[0] == f"result = {expression}"


def test_an_operator_leaves_out_what_is_dropped(write: Synthesise) -> None:
    variant = "{transformation_type: infix, operator: '+', args: {out: null, b: other}}"
    assert write(variant, "[a, out, b]", "{a: 1, out: 2, b: 3}")[0] == "result = a + b"


@pytest.mark.parametrize(
    ("template", "inputs", "lines"),
    [
        ("'{a} * {b}'", "{a: 1, b: 2}", ["result = a * b"]),
        ("'{a} * {b}'", "{a: 1}", ["result = a * 0.5"]),
        ("'torch.sum({a}, dim={c})'", "{a: 1}", ["result = torch.sum(a, dim=-1)"]),
        ("'{a}.shape + {a}[0]'", "{a: 1}", ["result = a.shape + a[0]"]),
        ("'{a.shape[0]} + {a[1]}'", "{a: 1}", ["result = a.shape[0] + a[1]"]),
        ("'{{1: {a}}}[1]'", "{a: 1}", ["result = {1: a}[1]"]),
        ("\"{'k': {a}}\"", "{a: 1}", ["result = {'k': a}"]),
        ("'False'", "{a: 1}", ["result = False"]),
        ("'lambdas({a})'", "{a: 1}", ["result = lambdas(a)"]),
        ("'{a} = torch.sin({a})'", "{a: 1}", ["a = torch.sin(a)", "result = a"]),
        ("'{a}[0] += {b}'", "{a: 1, b: 2}", ["a[0] += b", "result = a[0]"]),
        ("'result = {a}'", "{a: 1}", ["result = a"]),
        ("'y: int = {a}'", "{a: 1}", ["y: int = a", "result = y"]),
        ("'y = {a}; y + 1'", "{a: 1}", ["y = a", "result = y + 1"]),
        ('"y = {a}\\ny + (\\n    1)"', "{a: 1}", ["y = a", "result = y + (", "    1)"]),
        (
            "'lambda x: x + 1'",
            "{a: 1}",
            ["thing_macro = lambda x: x + 1", "result = thing_macro(a)"],
        ),
        (
            "'lambda x, y: x'",
            "{a: 1, b: 2}",
            ["thing_macro = lambda x, y: x", "result = thing_macro(a, b)"],
        ),
        (
            "'lambda *xs: xs'",
            "{a: 1, c: 2}",
            ["thing_macro = lambda *xs: xs", "result = thing_macro(a, 0.5, c)"],
        ),
        # Between arguments that are given, a default stands for one that is not.
        (
            "'lambda x, y, z: x'",
            "{a: 1, c: 2}",
            ["thing_macro = lambda x, y, z: x", "result = thing_macro(a, 0.5, c)"],
        ),
        (
            "'lambda x, y: x'",
            "{a: 1, c: 2}",
            ["thing_macro = lambda x, y: x", "result = thing_macro(a, c)"],
        ),
        ("'lambda: 1'", "{x: 1}", ["thing_macro = lambda: 1", "result = thing_macro()"]),
        (
            '"lambda x: (\\n    x)"',
            "{a: 1}",
            ["thing_macro = lambda x: (", "    x)", "result = thing_macro(a)"],
        ),
    ],
)
def test_a_macro(write: Synthesise, template: str, inputs: str, lines: list[str]) -> None:
    found = write(f"{{api: torch.f, macro_template: {template}}}", A_B_C, inputs)
    assert found == [*lines, "print(result)"]


@pytest.mark.parametrize(
    ("variant", "lines"),
    [
        ("macro_template: '{a} + 1'", ["result = (a + 1)[0]"]),
        ("macro_template: 'f({a})'", ["result = f(a)[0]"]),
        ("macro_template: '{a}'", ["result = a[0]"]),
        ("macro_template: '{a} = f({a})'", ["a = f(a)", "result = a[0]"]),
        ("transformation_type: infix, operator: '+'", ["result = (a + b)[0]"]),
    ],
)
def test_one_item_of_what_is_returned(write: Synthesise, variant: str, lines: list[str]) -> None:
    found = write(f"{{{variant}, output_select_index: 0}}", A_B_C, "{a: 1, b: 2}")
    assert found[:-1] == lines


def test_required_imports_come_first(write: Synthesise) -> None:
    required = "[import math, {module: torch.fx, alias: fx}, torch.jit]"
    assert write(f"{{api: torch.f, required_imports: {required}}}", "[]", "{}") == [
        "import math",
        "import torch.fx as fx",
        "import torch.jit",
        "result = torch.f()",
        "print(result)",
    ]


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
        ("{api: torch.f, args: {axis: not a name}}", "the code is no Python"),
        ("{api: torch.f, inject_args: {a b: 1}}", "the code is no Python"),
    ],
)
def test_what_cannot_be_synthesised_says_why(write: Synthesise, variant: str, reason: str) -> None:
    with pytest.raises(NoSnippet) as caught:
        write(variant)
    assert reason in str(caught.value)


def test_one_name_cannot_be_passed_twice(write: Synthesise) -> None:
    with pytest.raises(NoSnippet, match="keyword argument repeated"):
        write("{api: torch.f, args: {b: c}}", "[a, b, c]", "{a: 1, b: 2, c: 3}")


def test_an_operator_without_arguments_says_why(write: Synthesise) -> None:
    with pytest.raises(NoSnippet, match="nothing to work on"):
        write("{transformation_type: infix, operator: '+'}", "[a]", "{x: 1}")
