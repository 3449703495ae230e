"""Tests of what ops, cases and variants tell of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from optabs.catalog.model import (
    Case,
    Catalog,
    Difference,
    Entry,
    Expected,
    Op,
    Parameter,
    Text,
    Variant,
)
from optabs.errors import Place

PLACE = Place("f.yaml", 3, 5)
KEYWORD = Parameter("k", "", "1", "keyword_only")


def make_op(name: str, **values: object) -> Op:
    return Op(name, PLACE, Path(f"ops/{name.lower()}.yaml"), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameters", "return_type", "signature"),
    [
        ((), None, "A()"),
        ((Parameter("x"),), "Tensor", "A(x) -> Tensor"),
        (
            (Parameter("x", "Tensor"), Parameter("n", "int", "-1")),
            None,
            "A(x: Tensor, n: int = -1)",
        ),
        ((Parameter("n", "", "-1"),), None, "A(n=-1)"),
        ((Parameter("x"), Parameter("xs", is_variadic=True)), None, "A(x, *xs)"),
        ((Parameter("xs", kind="var_positional"), KEYWORD), None, "A(*xs, k=1)"),
        ((Parameter("x"), KEYWORD, KEYWORD), None, "A(x, *, k=1, k=1)"),
        ((KEYWORD, Parameter("kw", "Any", kind="var_keyword")), None, "A(*, k=1, **kw: Any)"),
    ],
)
def test_the_signature(
    parameters: tuple[Parameter, ...], return_type: str | None, signature: str
) -> None:
    assert make_op("A", parameters=parameters, return_type=return_type).signature == signature


@pytest.mark.parametrize(
    ("variant", "strategy"),
    [
        ({"api": "f"}, "Direct mapping"),
        ({"macro_template": "lambda x: x"}, "Macro 'lambda x: x'"),
        ({"api": "f", "macro_template": "{x}"}, "Macro '{x}'"),
        ({"requires_plugin": "p", "api": "f"}, "Plugin (p)"),
        ({"transformation_type": "infix", "operator": "<<"}, "Infix (<<)"),
        ({"transformation_type": "infix"}, "Infix (?)"),
        ({"transformation_type": "inline_lambda", "macro_template": "{x}"}, "Inline lambda"),
        ({}, "Custom / partial"),
        ({"unsupported": "", "api": "f"}, "Not supported"),
    ],
)
def test_the_strategy_of_a_variant(variant: dict[str, str], strategy: str) -> None:
    assert Variant("torch", PLACE, **variant).strategy == strategy  # type: ignore[arg-type]


def test_an_example_for_the_case_comes_before_one_for_all() -> None:
    one, all_cases = Text("1", PLACE, 1), Text("2", PLACE, 1)
    variant = Variant("torch", PLACE, examples={"one": one, None: all_cases})
    assert variant.find_example("one") is one
    assert variant.find_example("two") is all_cases
    assert Variant("torch", PLACE, examples={"one": one}).find_example("two") is None


def test_a_text_made_by_hand_has_its_rows_in_order() -> None:
    text = Text("a\nb", PLACE, 7)
    assert [text.find_line(row) for row in range(2)] == [7, 8]
    assert text.find_place(1, 4) == Place("f.yaml", 8, 5)
    expected = Expected("result", PLACE, expr="x")
    assert expected.find_line(1) == PLACE.line


def test_the_names_of_a_cases_results() -> None:
    expect = (Expected("a", PLACE, values=1), Expected("b", PLACE, expr="x"))
    difference = Difference(("jax", "mlx"), "why")
    case = Case("one", PLACE, expect=expect, differences=(difference,))
    assert case.result_names == ("a", "b")
    assert case.find_differences("mlx") == (difference,)
    assert case.find_differences("torch") == ()


def test_a_name_belongs_to_an_op_before_it_is_an_alias() -> None:
    first, second = make_op("A", aliases=("B", "C")), make_op("B")
    entries = tuple(Entry(op.path, op.path.name, op) for op in (first, second))
    catalog = Catalog((*entries, Entry(Path("ops/c.yaml"), "c.yaml", None)))
    assert catalog.ops == (first, second)
    assert catalog.by_name == {"A": first, "B": second, "C": first}
    assert catalog.by_path[Path("ops/c.yaml")].op is None
