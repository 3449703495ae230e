"""Tests of loading files: ops with all they claim, and faults that cost no more than they must."""

from __future__ import annotations

import gc
import os
import pickle
from pathlib import Path

import pytest

from optabs.catalog.check import check_catalog
from optabs.catalog.load import (
    find_files,
    load_catalog,
    load_file,
    make_catalog,
    write_default,
    write_import,
)
from optabs.catalog.model import (
    ArrayInput,
    CodeInput,
    Entry,
    Op,
    Parameter,
    Tolerance,
)
from optabs.errors import OptabsError, Place

HERE = Path(__file__).parent

FULL = """\
# A comment before.
operation: Softmax
aliases: [softargmax]
category: Activations
description: |
  What is computed.

  In *Markdown*.
op_type: function
std_args:
  - {name: x, type: Tensor, doc: logits}
  - {name: axis, type: int, default: -1, kind: keyword_only}
return_type: Tensor
reference: |
  def softmax(x, axis):
      return np.exp(x)
cases:
  - id: last-axis
    title: Along the last axis
    inputs:
      x: [[1.0, 2.0]]
      axis: -1
      fun:
        code: |
          def fun(x):
              return xp.sin(x)
    expect:
      values: {expr: "softmax(x, axis)", dtype: float32}
      indices: [0, 1]
      folded: >-
        x
        + 1
    tolerance: {rtol: 1e-3, atol: 0, reason: why}
    equal_nan: true
    differences:
      - frameworks: [jax, mlx]
        dtype: {indices: int32}
        expect: {values: x}
        reason: because
    time_limit: 5
    source: a book
  - id: lone
    inputs: {x: {random: normal, shape: [2]}}
    expect: softmax(x, 0)
    grad: true
tolerance: {rtol: 0.1, atol: 0.2, reason: all}
variants:
  torch:
    api: torch.softmax
    args: {axis: dim, x: null}
    inject_args: {out: null}
    notes: >
      Folded
      notes.
  jax:
    example: |
      import jax

      values, indices = jax.nn.softmax(x), 1
  mlx:
    example:
      last-axis: values = indices = x
      lone: |-
        result = x
  numpy: {unsupported: none there}
  keras: {untestable: no way}
  paxml: null
see_also: [Softmax]
"""


@pytest.fixture
def op(tmp_path: Path) -> Op:
    file = tmp_path / "ops" / "softmax.yaml"
    file.parent.mkdir()
    file.write_text(FULL)
    (entry,) = load_file(file, tmp_path)
    assert entry.faults == ()
    assert entry.file == "ops/softmax.yaml"
    assert entry.op is not None
    return entry.op


def load_text(folder: Path, text: str) -> Entry:
    file = folder / "entry.yaml"
    file.write_text(text, encoding="utf-8")
    (entry,) = load_file(file, folder)
    return entry


def find_line(text: str) -> int:
    """Return the only line of FULL that holds `text`."""
    (line,) = [number for number, row in enumerate(FULL.split("\n"), 1) if text in row]
    return line


# --- what an entry says ---------------------------------------------------------------------------


def test_the_op(op: Op) -> None:
    assert (op.operation, op.page, op.category) == ("Softmax", "softmax", "Activations")
    assert (op.aliases, op.see_also, op.return_type) == (("softargmax",), ("Softmax",), "Tensor")
    assert op.place == Place("ops/softmax.yaml", 2, 12)
    assert op.tolerance == Tolerance(0.1, 0.2, "all")
    assert op.parameters == (
        Parameter("x", "Tensor", doc="logits"),
        Parameter("axis", "int", "-1", "keyword_only"),
    )
    assert op.signature == "Softmax(x: Tensor, *, axis: int = -1) -> Tensor"
    assert [place.line for place in op.see_also_places] == [find_line("see_also")]


def test_texts_know_their_lines(op: Op) -> None:
    assert op.description is not None
    assert op.reference is not None
    assert op.description.text == "What is computed.\n\nIn *Markdown*.\n"
    assert op.description.line == find_line("What is computed.")
    assert op.description.find_line(2) == find_line("In *Markdown*.")
    assert op.reference.find_line(1) == find_line("return np.exp(x)")
    assert op.reference.find_place(1, 4) == Place(
        "ops/softmax.yaml", find_line("return np.exp(x)"), 7
    )
    notes = op.variants["torch"].notes
    assert notes is not None
    assert (notes.text, notes.line) == ("Folded notes.\n", find_line("Folded"))


def test_the_cases(op: Op) -> None:
    first, second, gradient = op.cases
    assert (first.id, first.title, first.source) == ("last-axis", "Along the last axis", "a book")
    assert first.place.line == find_line("id: last-axis")
    assert (first.equal_nan, first.grad, first.time_limit) == (True, False, 5)
    assert first.tolerance == Tolerance(1e-3, 0, "why")
    assert first.result_names == ("values", "indices", "folded")
    assert [item.name for item in first.inputs] == ["x", "axis", "fun"]
    assert first.inputs[0].spec == ArrayInput([[1.0, 2.0]], "float32")
    assert first.inputs[0].place == Place("ops/softmax.yaml", find_line("x: [[1.0, 2.0]]"), 7)
    assert (second.id, second.result_names, second.tolerance) == ("lone", ("result",), None)
    assert (second.grad, gradient.grad) == (True, False)
    assert (gradient.id, gradient.result_names) == ("lone-gradient", ("gradient",))


def test_code_and_expressions_know_their_lines(op: Op) -> None:
    first, second, _ = op.cases
    fun = first.inputs[2].spec
    assert isinstance(fun, CodeInput)
    assert fun.text is not None
    assert fun.text.find_line(1) == find_line("return xp.sin(x)")
    values, indices, folded = first.expect
    assert (values.expr, values.dtype) == ("softmax(x, axis)", "float32")
    assert values.find_line(0) == find_line('softmax(x, axis)",')
    assert (indices.values, indices.expr) == ([0, 1], None)
    assert folded.expr == "x + 1"
    assert folded.find_line(0) == find_line("folded: >-") + 1
    assert folded.text is not None
    assert folded.text.find_place(0, 2).line == find_line("        + 1")
    assert second.expect[0].expr == "softmax(x, 0)"


def test_differences_know_their_frameworks(op: Op) -> None:
    (difference,) = op.cases[0].differences
    assert (difference.frameworks, difference.reason) == (("jax", "mlx"), "because")
    assert difference.dtype == {"indices": "int32"}
    assert [item.expr for item in difference.expect] == ["x"]
    line = find_line("- frameworks: [jax, mlx]")
    assert [(place.line, place.column) for place in difference.places] == [(line, 22), (line, 27)]
    assert op.cases[0].find_differences("jax") == (difference,)
    assert op.cases[0].find_differences("torch") == ()


def test_the_variants(op: Op) -> None:
    assert list(op.variants) == ["torch", "jax", "mlx", "numpy", "keras", "paxml"]
    torch = op.variants["torch"]
    assert torch.api == "torch.softmax"
    assert torch.api_place == Place("ops/softmax.yaml", find_line("api: torch.softmax"), 10)
    assert torch.place == Place("ops/softmax.yaml", find_line("  torch:"), 3)
    assert (torch.args, torch.inject_args) == ({"axis": "dim", "x": None}, {"out": None})
    assert op.variants["numpy"].unsupported == "none there"
    assert op.variants["keras"].untestable == "no way"
    assert op.variants["paxml"].unsupported == ""
    assert op.variants["jax"].untestable is None


def test_examples_are_for_all_cases_or_for_one(op: Op) -> None:
    for case in ("last-axis", "lone"):
        example = op.variants["jax"].find_example(case)
        assert example is not None
        assert example.find_line(2) == find_line("values, indices = jax")
    mlx = op.variants["mlx"]
    assert [text.text for text in mlx.examples.values()] == [
        "values = indices = x",
        "result = x",
    ]
    lone = mlx.find_example("lone")
    assert lone is not None
    assert lone.find_line(0) == find_line("        result = x")
    assert op.variants["torch"].find_example("lone") is None


@pytest.mark.parametrize(
    ("item", "parameter"),
    [
        ("x", Parameter("x")),
        ("[x, Tensor]", Parameter("x", "Tensor")),
        ("[x]", Parameter("x")),
        ("{name: x}", Parameter("x")),
        ("{name: x, default: null}", Parameter("x", default="None")),
        ("{name: x, default: '1e-05', type: float}", Parameter("x", "float", "1e-05")),
        ("{name: x, is_variadic: true}", Parameter("x", is_variadic=True)),
    ],
)
def test_the_forms_of_an_argument(tmp_path: Path, item: str, parameter: Parameter) -> None:
    entry = load_text(tmp_path, f"operation: A\nstd_args: [{item}]\nvariants: {{}}\n")
    assert entry.faults == ()
    assert entry.op is not None
    assert entry.op.parameters == (parameter,)


@pytest.mark.parametrize(
    ("value", "type_name", "source"),
    [
        (1, "int", "1"),
        (True, "bool", "True"),
        (None, "", "None"),
        (1e-5, "float", "1e-05"),
        (float("inf"), "float", 'float("inf")'),
        ([1, [2]], "", "[1, [2]]"),
        ("1e-8", "float", "1e-8"),
        ("()", "tuple", "()"),
        ("torch.float32", "dtype", "torch.float32"),
        ("mean", "str", "'mean'"),
        ("1", "str", "'1'"),
        ("mean", "Optional[str]", "'mean'"),
        ("None", "Optional[str]", "None"),
    ],
)
def test_defaults_are_python(value: object, type_name: str, source: str) -> None:
    assert write_default(value, type_name) == source


@pytest.mark.parametrize(
    ("required", "line"),
    [
        ("import jax", "import jax"),
        ("from jax import numpy as jnp", "from jax import numpy as jnp"),
        ("jax.numpy", "import jax.numpy"),
        ({"module": "numpy"}, "import numpy"),
        ({"module": "numpy", "alias": None}, "import numpy"),
        ({"module": "numpy", "alias": "np"}, "import numpy as np"),
    ],
)
def test_imports_are_statements(required: dict[str, str] | str, line: str) -> None:
    assert write_import(required) == line


@pytest.mark.parametrize(
    ("expect", "results"),
    [
        ("5", [("result", 5, None, None)]),
        ("true", [("result", True, None, None)]),
        ("[1.0]", [("result", [1.0], None, None)]),
        ("np.exp(x)", [("result", None, "np.exp(x)", None)]),
        ("{a: 1, b: x}", [("a", 1, None, None), ("b", None, "x", None)]),
        ("{a: {values: text}}", [("a", "text", None, None)]),
        ("{a: {values: null}}", [("a", None, None, None)]),
        ("{a: {expr: x, dtype: int8}}", [("a", None, "x", "int8")]),
        (
            "{values: [1], indices: [2]}",
            [("values", [1], None, None), ("indices", [2], None, None)],
        ),
        ("{values: [1]}", [("values", [1], None, None)]),
        ("{a: {values: [1j, '2'], dtype: complex64}}", [("a", ["1j", "2"], None, "complex64")]),
    ],
)
def test_the_forms_of_an_oracle(
    tmp_path: Path, expect: str, results: list[tuple[object, ...]]
) -> None:
    entry = load_text(
        tmp_path,
        "operation: A\nvariants: {}\n"
        f"cases:\n  - {{id: one, inputs: {{x: 1}}, expect: {expect}}}\n",
    )
    assert entry.faults == ()
    assert entry.op is not None
    (case,) = entry.op.cases
    assert [(each.name, each.values, each.expr, each.dtype) for each in case.expect] == results


def test_an_oracle_may_leave_signs_open(tmp_path: Path) -> None:
    expect = "{u: {expr: x, up_to: column-signs}, v: {values: [1], up_to: row-signs}, w: x}"
    case = f"{{id: one, inputs: {{x: 1}}, expect: {expect}}}"
    entry = load_text(tmp_path, f"operation: A\nvariants: {{}}\ncases: [{case}]\n")
    assert entry.faults == ()
    assert entry.op is not None
    found = [each.up_to for each in entry.op.cases[0].expect]
    assert found == ["column-signs", "row-signs", None]


# --- faults cost no more than they must -----------------------------------------------------------


def test_a_fault_costs_its_variant_or_its_case_alone() -> None:
    (entry,) = load_file(HERE / "bad" / "nearby-faults.yaml", HERE)
    op = entry.op
    assert op is not None
    assert [case.id for case in op.cases] == ["good", "fine"]
    assert list(op.variants) == ["torch", "jax", "numpy", "mlx", "keras", "tensorflow"]
    codes = {key: [fault.code for fault in each.faults] for key, each in op.variants.items()}
    assert codes == {
        "torch": ["unknown-key"],
        "jax": [],
        "numpy": ["bad-python"],
        "mlx": ["wrong-type"],
        # The two share a mapping, and so its fault.
        "keras": ["wrong-type"],
        "tensorflow": ["wrong-type"],
    }
    assert all(fault in entry.faults for each in op.variants.values() for fault in each.faults)
    assert len(entry.faults) == 5


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("{id: bad, expect: x, titel: a}", "unknown-key"),
        ("{id: bad, expect: x, tolerance: {rtol: 0.1, atol: 0.1}}", "missing-key"),
        ("{id: bad, expect: x +}", "bad-python"),
        ("{id: bad, expect: {a: {dtype: int8}}}", "no-oracle"),
        ("{id: bad}", "no-oracle"),
        ("{id: bad, expect: {}}", "no-oracle"),
        ("{id: bad, inputs: {x: [1, a]}, expect: 1}", "bad-input"),
        ("{id: bad, inputs: {1x: 1}, expect: 1}", "bad-name"),
        ("{id: bad, inputs: {x: 1, x: 2}, expect: 1}", "duplicate-key"),
        ("{id: bad, inputs: {x: !y 1}, expect: 1}", "unsafe-tag"),
        ("{id: bad, inputs: {x: 1e999}, expect: 1}", "bad-number"),
        ("{id: bad, expect: {dtype: int8, values: 1}}", "no-name"),
        ("{id: bad, expect: {up_to: row-signs, expr: x}}", "no-name"),
        ("{id: bad, expect: {a: {expr: x, up_to: signs}, b: x}}", "unknown-word"),
        ("{id: bad, expect: {a: {expr: x, up_to: row-signs}}}", "no-invariant"),
        (
            "{id: bad, expect: {a: {expr: x, up_to: row-signs}, b: 1}, differences: "
            "[{frameworks: [a], reason: c, expect: {b: {values: 1, up_to: row-signs}}}]}",
            "no-invariant",
        ),
        ("{id: bad, expect: {a b: 1}}", "bad-name"),
        (
            "{id: bad, expect: 1, differences: [{frameworks: [a], reason: b, dtype: {c: int8}}]}",
            "unknown-result",
        ),
        ("{id: Bad, expect: 1}", "bad-case-id"),
        ("{id: one, expect: 1}", "duplicate-case"),
        ("{expect: 1}", "missing-key"),
        ("text", "wrong-type"),
    ],
)
def test_a_faulty_case_is_left_out(tmp_path: Path, case: str, code: str) -> None:
    text = (
        "operation: A\ncases:\n  - {id: one, expect: 1}\n"
        f"  - {case}\n  - {{id: two, expect: 2}}\nvariants: {{torch: {{api: torch.abs}}}}\n"
    )
    entry = load_text(tmp_path, text)
    assert entry.op is not None
    assert [each.id for each in entry.op.cases] == ["one", "two"]
    (fault,) = entry.faults
    assert (fault.code, fault.place.line) == (code, 4)
    assert entry.op.variants["torch"].faults == ()


@pytest.mark.parametrize(
    ("variant", "code"),
    [
        ("5", "wrong-type"),
        ("[]", "wrong-type"),
        ("{apii: x}", "unknown-key"),
        ("{api: 5}", "wrong-type"),
        ("{example: x y}", "bad-python"),
        ("{example: ''}", "wrong-type"),
        ("{example: {one: x y}}", "bad-python"),
        ("{example: {three: x}}", "unknown-case"),
        ("{unsupported: no, example: x}", "contradiction"),
        ("{args: {x: 5}}", "wrong-type"),
        ("{api: !x y}", "unsafe-tag"),
        ("{api: a, api: b}", "duplicate-key"),
    ],
)
def test_a_faulty_variant_keeps_its_tab_and_its_fault(
    tmp_path: Path, variant: str, code: str
) -> None:
    text = (
        "operation: A\ncases: [{id: one, expect: 1}]\nvariants:\n"
        f"  jax: {{api: jax.numpy.abs}}\n  torch: {variant}\n  mlx: {{api: mlx.core.abs}}\n"
    )
    entry = load_text(tmp_path, text)
    assert entry.op is not None
    assert list(entry.op.variants) == ["jax", "torch", "mlx"]
    (fault,) = entry.faults
    assert (fault.code, fault.place.line) == (code, 5)
    assert entry.op.variants["torch"].faults == (fault,)
    assert entry.op.variants["jax"].faults == entry.op.variants["mlx"].faults == ()
    assert len(entry.op.cases) == 1


def test_an_example_for_a_faulty_case_is_in_order(tmp_path: Path) -> None:
    entry = load_text(
        tmp_path,
        "operation: A\ncases: [{id: one, expect: 1, titel: x}]\n"
        "variants: {torch: {example: {one: result = 1}}}\n",
    )
    assert [fault.code for fault in entry.faults] == ["unknown-key"]


def test_a_faulty_key_costs_no_op(tmp_path: Path) -> None:
    entry = load_text(
        tmp_path,
        "operation: A\ndescription: 5\nop_type: klass\ncategory: []\nkey: 1\nreference: x y\n"
        "std_args: [x, 5, {name: y, default: 1, typ: z}]\nvariants: {}\n",
    )
    assert entry.op is not None
    assert [item.name for item in entry.op.parameters] == ["x", "y"]
    assert [fault.place.line for fault in entry.faults] == [2, 3, 4, 5, 6, 7, 7]


def test_a_difference_after_a_faulty_one_keeps_its_place(tmp_path: Path) -> None:
    entry = load_text(
        tmp_path,
        "operation: A\ncases:\n  - id: one\n    expect: 1\n    differences:\n      - 5\n"
        "      - {frameworks: [jax], reason: a, expect: {result: x y}}\nvariants: {}\n",
    )
    assert [(f.place.line, f.place.column) for f in entry.faults] == [(6, 9), (7, 59)]


# --- files and lists ------------------------------------------------------------------------------


def test_a_list_file_gives_an_entry_each_with_its_own_faults() -> None:
    entries = load_file(HERE / "bad" / "list-of-scalars.yaml", HERE)
    assert [entry.op.operation if entry.op else None for entry in entries] == [
        "Good", None, None, None, None,
    ]  # fmt: skip
    assert [[fault.place.line for fault in entry.faults] for entry in entries] == [
        [], [3], [4], [5], [6],
    ]  # fmt: skip


def test_reading_faults_in_a_list_belong_to_their_entry(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    file.write_text(
        "- operation: A\n  variants: {torch: {api: a, api: b}}\n"
        "- operation: B\n  variants: {torch: {api: a}}\n"
    )
    first, second = load_file(file, tmp_path)
    assert first.op is not None
    assert [fault.code for fault in first.op.variants["torch"].faults] == ["duplicate-key"]
    assert (second.faults, second.data) == (
        (),
        {"operation": "B", "variants": {"torch": {"api": "a"}}},
    )


def test_a_fault_of_the_list_itself_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    file.write_text("!!omap\n- {operation: A, variants: {}}\n")
    first, second = load_file(file, tmp_path)
    assert first.op is not None
    assert (second.op, [fault.code for fault in second.faults]) == (None, ["unsafe-tag"])


def test_files_are_found_but_for_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", "sub/c.yaml", "_d.yaml", ".e.yaml", "_sub/f.yaml", "g.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "folder.yaml").mkdir()
    names = [file.relative_to(tmp_path).as_posix() for file in find_files([tmp_path])]
    assert names == ["a.yaml", "b.yaml", "sub/c.yaml"]
    assert find_files([tmp_path / "g.yml", tmp_path / "b.yaml", tmp_path / "b.yaml"]) == [
        tmp_path / "b.yaml",
        tmp_path / "g.yml",
    ]
    assert find_files([tmp_path / "_sub"]) == [tmp_path / "_sub" / "f.yaml"]


def test_a_catalogue_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OptabsError, match="there is no catalogue at "):
        load_catalog([tmp_path / "nowhere"], tmp_path)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (entry,) = load_catalog([tmp_path], tmp_path).entries
    assert [str(fault) for fault in entry.faults] == [
        "gone.yaml:1:1: unreadable cannot be read: No such file or directory "
        "(check the file and its permissions)"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").touch(mode=0)
    (entry,) = load_catalog([tmp_path], tmp_path).entries
    assert [fault.code for fault in entry.faults] == ["unreadable"]


def test_a_file_outside_the_root_keeps_its_whole_path(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("operation: A\nvariants: {}\n")
    (entry,) = load_file(file, tmp_path / "elsewhere")
    assert entry.file == file.as_posix()


def test_the_catalogue_knows_ops_by_name_and_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("operation: A\naliases: [B, C]\nvariants: {}\n")
    (tmp_path / "b.yaml").write_text(
        "- {operation: B, variants: {}}\n- {operation: D, variants: {}}\n"
    )
    (tmp_path / "c.yaml").write_text("")
    catalog = load_catalog([tmp_path], tmp_path)
    assert [op.operation for op in catalog.ops] == ["A", "B", "D"]
    names = {name: op.operation for name, op in catalog.by_name.items()}
    assert names == {"A": "A", "B": "B", "C": "A", "D": "D"}
    found = catalog.by_path[tmp_path / "b.yaml"].op
    assert found is not None
    assert found.operation == "B"
    assert [fault.code for fault in catalog.faults] == ["empty-file"]


def test_loading_leaves_the_collector_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("operation: A\nvariants: {}\n")
    assert gc.isenabled()
    load_catalog([tmp_path], tmp_path)
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        make_catalog(1 / 0 for _ in range(1))  # type: ignore[misc]
    assert gc.isenabled()


def test_a_catalogue_can_be_sent_to_another_process(op: Op) -> None:
    again = pickle.loads(pickle.dumps(op))
    assert again == op
    place = again.cases[0].expect[2].text.find_place(0, 2)
    assert place == Place("ops/softmax.yaml", find_line("        + 1"), 9)


# --- ODL ------------------------------------------------------------------------------------------


def test_all_of_odl_loads() -> None:
    catalog = load_catalog([HERE / "odl.yaml"], HERE)
    assert (
        check_catalog(
            catalog, ("torch", "jax", "mlx", "tensorflow", "keras", "numpy"), ("stablehlo",)
        )
        == []
    )
    assert [op.operation for op in catalog.ops] == [
        "BlendWeighted",
        "Reorder",
        "ShiftBits",
        "Quietly",
        "Remember",
        "Counter",
    ]
    blend, reorder = catalog.ops[:2]
    assert blend.variants["torch"].required_imports == (
        "import math",
        "import numpy as np",
        "import torch",
    )
    assert blend.variants["torch"].not_synthesised == (
        "arg_values", "kwargs_map", "casts", "dispatch_rules", "layout_map", "output_adapter",
        "output_cast",
    )  # fmt: skip
    assert blend.variants["numpy"].not_synthesised == ()
    assert blend.variants["numpy"].strategy == "Macro '{left} + {weight} * ({right} - {left})'"
    assert blend.variants["mlx"].unsupported == ""
    assert [item.name for item in reorder.parameters] == ["x", "axes"]
    assert reorder.variants["torch"].pack_as == "List"


def test_all_keys_of_odl_are_in_the_file() -> None:
    """The keys that ODL's own models have, by model."""
    text = (HERE / "odl.yaml").read_text()
    keys = (
        # an operation
        "operation description op_type std_args variants scaffold_plugins return_type is_inplace "
        "test_rtol test_atol verification_mode skip_fuzzing nondeterministic differentiable "
        "deprecated replaced_by documentation_url device_constraints output_shape_calc complexity "
        # an argument
        "name type doc default min max options rank dtype shape_spec is_variadic kind "
        # a variant
        "api args arg_values kwargs_map inject_args casts requires_plugin dispatch_rules "
        "pack_to_tuple pack_as layout_map transformation_type operator macro_template "
        "output_select_index output_cast min_version max_version required_imports missing_message "
        # an import
        "module alias"
    )
    for key in keys.split():
        assert f"{key}:" in text, key
