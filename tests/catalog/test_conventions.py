"""The conventions of the Optabs catalogue: each is noticed where broken, and ours keeps them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from optabs.catalog.conventions import CATEGORIES, Conventions, list_records
from optabs.catalog.load import load_file
from optabs.catalog.schema import CASE, DIFFERENCE, EXPECTED, OP, PARAMETER, VARIANT, Record
from optabs.catalog.source import parse_yaml
from optabs.frameworks import load_registry
from optabs.project import make_conventions, open_project

ROOT = Path(__file__).parents[2]
CONVENTIONS = Conventions(("torch", "numpy"), ("torch", "numpy", "stablehlo"))

GOOD = """\
operation: Square
category: Elementwise
description: The square $x^2$.
std_args:
  - {name: x, type: Tensor, doc: any shape}
cases:
  - id: signs
    title: Both signs
    inputs: {x: [-1.5, 3.0]}
    expect: x * x
  - id: empty
    title: Nothing
    inputs: {x: []}
    expect: x * x
variants:
  torch: {api: torch.square}
  numpy:
    api: numpy.square
    args: {x: x}
  stablehlo: {api: stablehlo.multiply}
"""


def list_faults(text: str) -> list[str]:
    return [str(fault) for fault in sorted(CONVENTIONS.check(parse_yaml(text.encode(), "f.yaml")))]


def test_an_entry_that_keeps_the_conventions_has_no_fault() -> None:
    assert list_faults(GOOD) == []


CATEGORY_WORDS = ", ".join(CATEGORIES)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "category: Elementwise\ndescription: The square $x^2$.\n",
            "description: The square $x^2$.\ncategory: Elementwise\n",
            "f.yaml:2:1: key-order `description` stands before `category` (the order is "
            "operation, category, description, std_args, cases, variants)",
        ),
        (
            "{name: x, type: Tensor, doc: any shape}",
            "{name: x, doc: any shape, type: Tensor}",
            "f.yaml:5:15: key-order `doc` stands before `type` (the order is name, type, doc)",
        ),
        (
            "    api: numpy.square\n    args: {x: x}\n",
            "    args: {x: x}\n    api: numpy.square\n",
            "f.yaml:18:5: key-order `args` stands before `api` (the order is api, args)",
        ),
        (
            "    expect: x * x\n  - id: empty",
            "    expect: {y: {dtype: int32, expr: x}}\n  - id: empty",
            "f.yaml:10:18: key-order `dtype` stands before `expr` (the order is expr, dtype)",
        ),
        (
            "  stablehlo: {api: stablehlo.multiply}\n",
            "",
            None,
        ),
        (
            "  torch: {api: torch.square}\n  numpy:\n    api: numpy.square\n    args: {x: x}\n",
            "  numpy:\n    api: numpy.square\n  torch: {api: torch.square}\n",
            "f.yaml:16:3: framework-order `numpy` stands before `torch` "
            "(the order is torch, numpy, stablehlo)",
        ),
        (
            "  torch: {api: torch.square}\n",
            "",
            "f.yaml:15:1: missing-framework nothing is said of 'torch' "
            "(add it; where the framework has no such op, `unsupported` says why)",
        ),
        (
            "{api: torch.square}",
            "null",
            "f.yaml:16:3: missing-framework 'torch' is empty "
            "(add it; where the framework has no such op, `unsupported` says why)",
        ),
        (
            "category: Elementwise\n",
            "",
            f"f.yaml:1:1: no-category the entry has no category (one of {CATEGORY_WORDS})",
        ),
        (
            "Elementwise",
            "Element-wise",
            "f.yaml:2:11: unknown-category there is no category 'Element-wise' "
            "(did you mean 'Elementwise'?)",
        ),
        (
            "description: The square $x^2$.",
            "description: ' '",
            "f.yaml:1:1: no-description the entry has no description "
            "(say what is computed, with its formula)",
        ),
        (
            ", doc: any shape",
            "",
            "f.yaml:5:5: no-doc the argument 'x' has no `doc` "
            "(add it, e.g. `doc: logits, any shape`)",
        ),
        (
            "type: Tensor, ",
            "",
            "f.yaml:5:5: no-type the argument 'x' has no `type` (add it, e.g. `type: Tensor`)",
        ),
        (
            "    title: Nothing\n",
            "",
            "f.yaml:11:5: no-title the case 'empty' has no title "
            "(say in a few words what it shows)",
        ),
        (
            "  - id: empty\n    title: Nothing\n    inputs: {x: []}\n    expect: x * x\n",
            "",
            "f.yaml:6:1: few-cases the entry has 1 case (write at least 2, one of them of an edge)",
        ),
        (
            "cases:\n",
            "cases:\n" + "".join(f"  - {{id: c{n}, title: t}}\n" for n in range(4)),
            "f.yaml:6:1: many-cases the entry has 6 cases "
            "(keep at most 5: every one is on the page, in every tab)",
        ),
        (
            "The square $x^2$.",
            f"The square $x^2$. {'x' * 79}",
            None,
        ),
        (
            "The square $x^2$.",
            f"The square $x^2$. {'x' * 80}",
            "f.yaml:3:111: long-line the line has 111 characters (break it at 110 or before)",
        ),
        (
            "The square $x^2$.",
            "Write here what it is.",
            "f.yaml:3:14: unfinished a draft's 'Write here' is still there (write it)",
        ),
        (
            "category: Elementwise\n",
            "category: Elementwise  # A guess, for a person to check: sums\n",
            "f.yaml:2:24: unfinished a draft's '# A guess, for a person to check' is still there "
            "(check it, then remove the comment)",
        ),
        (
            "Elementwise\n",
            "Elementwise \t\n",
            "f.yaml:2:22: trailing-space the line ends in space (remove it)",
        ),
    ],
)
def test_a_broken_convention_is_a_fault(old: str, new: str, fault: str | None) -> None:
    assert old in GOOD
    assert list_faults(GOOD.replace(old, new, 1)) == ([fault] if fault else [])


def test_windows_line_ends_are_no_trailing_space() -> None:
    assert list_faults(GOOD.replace("\n", "\r\n")) == []


@pytest.mark.parametrize("text", ["", "5\n", "[]\n", "[5]\n", "operation: [\n", "cases: 5\n"])
def test_what_is_no_entry_is_left_to_the_other_checks(text: str) -> None:
    found = {fault.split()[1] for fault in list_faults(text)}
    assert found <= {"no-category", "no-description", "few-cases"}


def test_every_entry_of_a_list_is_held_to_them() -> None:
    rows = "".join(f"  {line}\n" for line in GOOD.splitlines()[1:] if "category" not in line)
    faults = list_faults(f"- operation: A\n{rows}- operation: B\n{rows}")
    assert [fault.split(" (")[0] for fault in faults] == [
        "f.yaml:1:3: no-category the entry has no category",
        f"f.yaml:{len(GOOD.splitlines())}:3: no-category the entry has no category",
    ]


def test_only_who_asks_is_held_to_them(tmp_path: Path) -> None:
    (tmp_path / "ops").mkdir()
    file = tmp_path / "ops" / "a.yaml"
    file.write_text("operation: A\nvariants: {torch: {api: torch.abs}}\n")
    assert load_file(file, tmp_path)[0].faults == ()
    registry = load_registry()
    project = open_project(tmp_path)
    assert project.load_catalog(registry)[1] == []
    catalog, faults = project.check_catalog(registry, conventions=True)
    assert len(catalog.entries) == 1
    assert {"no-category", "few-cases", "missing-framework"} <= {fault.code for fault in faults}


def test_our_catalogue_keeps_them() -> None:
    _, faults = open_project(ROOT).check_catalog(load_registry(), conventions=True)
    assert [str(fault) for fault in faults] == []


def test_every_category_has_some_ops_and_every_file_the_name_of_its_op() -> None:
    catalog, _ = open_project(ROOT).check_catalog(load_registry())
    counts = Counter(op.category for op in catalog.ops)
    assert sorted(counts) == list(CATEGORIES)
    assert {name: count for name, count in counts.items() if count < 4} == {}
    assert [op.operation for op in catalog.ops if op.operation.lower() != op.path.stem] == []


# --- the guide ------------------------------------------------------------------------------------

GUIDE = (ROOT / "guide" / "catalogue.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("entry", OP),
        ("argument", PARAMETER),
        ("case", CASE),
        ("result", EXPECTED),
        ("difference", DIFFERENCE),
        ("variant", VARIANT),
    ],
)
def test_the_guide_gives_the_order_of_the_schema(name: str, record: Record) -> None:
    (row,) = re.findall(rf"^\| {name} \| (.*) \|$", GUIDE, re.MULTILINE)
    said = re.findall(r"`(\w+)`", row)
    assert said == [key for key in record.keys if key in said]


def test_the_guide_names_categories_and_frameworks() -> None:
    text = " ".join(GUIDE.split())
    assert f"{CATEGORY_WORDS}." in text
    order = make_conventions(load_registry()).required
    assert ", ".join(f"`{key}`" for key in order) in text


def test_records_are_found_wherever_they_stand() -> None:
    text = GOOD.replace("expect: x * x", "expect: {y: {expr: x}}\n    tolerance: {rtol: 0}", 1)
    data = parse_yaml(text.encode(), "f.yaml").data
    assert {record.name for _, record, _ in list_records(OP, data, ())} == {
        "an entry",
        "a standard argument",
        "a case",
        "an expected result",
        "a tolerance",
        "a variant",
    }
