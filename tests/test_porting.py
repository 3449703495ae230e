"""Tests of what differs between frameworks, and of API names, from reports made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from optabs.apis import ApiFact, ApiParameter
from optabs.catalog.model import Case, Difference, Expected, Gradient, Op, Parameter, Variant
from optabs.errors import Place
from optabs.frameworks import load_registry
from optabs.plan import Check
from optabs.porting import describe_change, make_apis_context, make_differences_context
from optabs.records import Outcome, Record, Verdict
from optabs.run.targets import Target
from optabs.verify import Judgement, Report

REGISTRY = load_registry()
EMPTY = Report([], {})
NARROW = Difference(("jax", "keras"), "32-bit", {"result": "int32"})


def make_op(
    name: str,
    variants: dict[str, dict[str, Any]],
    *cases: Case,
    file: str = "",
    line: int = 1,
    **changes: Any,
) -> Op:
    place = Place(file or f"ops/{name.lower()}.yaml", line)
    made = {key: Variant(key, place, **fields) for key, fields in variants.items()}
    return Op(name, place, Path(place.file), cases=cases, variants=made, **changes)


def make_case(name: str, *differences: Difference, **changes: Any) -> Case:
    return Case(name, Place("ops/x.yaml", 3), differences=differences, **changes)


def give(*values: float) -> tuple[Expected, ...]:
    return (Expected("result", Place("ops/x.yaml", 9), values=list(values)),)


def judge(op: Op, key: str, case: Case, stdout: str, verdict: Verdict) -> Judgement:
    target = Target(key, "cpu", "highest", "identity", "2.0")
    record = Record(
        *("key", "claim", op.operation, case.id, key, "cpu", Outcome.OK, {}, stdout, "", None),
        *(0.1, 60.0, "2.0", "3.12", "", "highest", "2026-01-02T03:04:05Z"),
    )
    return Judgement(Check(op, op.variants[key], case, target), verdict, "", record)


def list_groups(op: Op, report: Report = EMPTY) -> list[dict[str, Any]]:
    (category,) = make_differences_context([op], REGISTRY, report)["categories"]
    (found,) = category["ops"]
    groups: list[dict[str, Any]] = found["groups"]
    return groups


def list_pairs(op: Op) -> set[tuple[str, str]]:
    """Every two frameworks that a difference concerns."""
    return {
        tuple(sorted((key, other)))  # type: ignore[misc]
        for group in list_groups(op)
        for item in group["items"]
        for key in item["keys"]
        for other in item["against"]
    }


FOUR: dict[str, dict[str, Any]] = {"torch": {}, "jax": {}, "keras": {}, "mlx": {}}


# --- declared differences -------------------------------------------------------------------------


def test_a_difference_concerns_those_of_which_one_has_it() -> None:
    op = make_op("Abs", FOUR, make_case("one", NARROW))
    assert list_pairs(op) == {
        ("jax", "torch"),
        ("keras", "torch"),
        ("jax", "mlx"),
        ("keras", "mlx"),
    }


def test_frameworks_that_differ_in_other_ways_differ_among_themselves() -> None:
    unsigned = Difference(("mlx",), "unsigned", {"result": "uint32"})
    op = make_op("Abs", FOUR, make_case("one", NARROW, unsigned))
    assert ("jax", "mlx") in list_pairs(op)
    assert ("jax", "keras") not in list_pairs(op)
    assert ("mlx", "torch") in list_pairs(op)


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (Difference(("mlx",), "another reason", {"result": "int32"}), False),
        (Difference(("mlx",), "32-bit", {"result": "int16"}), True),
        (Difference(("mlx",), "32-bit", {"result": "int32"}, give(1.0)), True),
    ],
)
def test_one_difference_for_two_reasons_is_none_between_them(
    other: Difference, differs: bool
) -> None:
    op = make_op("Abs", FOUR, make_case("one", NARROW, other))
    assert (("jax", "mlx") in list_pairs(op)) is differs


@pytest.mark.parametrize(("own", "differs"), [(1.0, False), (2.0, True)])
def test_results_are_compared_not_only_that_there_are_some(own: float, differs: bool) -> None:
    items = [
        Difference(("jax",), "why", expect=give(1.0)),
        Difference(("mlx",), "why", expect=give(own)),
    ]
    assert (("jax", "mlx") in list_pairs(make_op("Abs", FOUR, make_case("one", *items)))) is differs


def test_a_framework_without_the_op_is_set_against_none() -> None:
    op = make_op("Abs", {"torch": {"unsupported": "no"}, "jax": {}, "mlx": {}},
                 make_case("one", NARROW))  # fmt: skip
    assert list_pairs(op) == {("jax", "mlx")}
    (group,) = list_groups(op)
    assert group["items"][0]["frameworks"] == [REGISTRY.find_label("jax")]  # no entry has Keras


def test_what_cases_have_alike_is_said_once() -> None:
    cases = [
        make_case("one", NARROW, title="The first"),
        make_case("two", NARROW),
        make_case("three"),
        make_case("four", Difference(("jax",), "32-bit", {"result": "int32"})),
        make_case("slope", NARROW, gradient=Gradient("one", {})),
    ]
    first, second = list_groups(make_op("Abs", FOUR, *cases))
    assert [(case["title"], case["anchor"]) for case in first["cases"]] == [
        ("The first", "jax-one"),
        ("two", "jax-two"),
    ]
    assert [case["title"] for case in second["cases"]] == ["four"]
    assert first["items"][0]["text"] == "result has dtype int32."
    assert first["items"][0]["reason"] == "32-bit"


def test_outputs_stand_beside_a_difference() -> None:
    case = make_case("one", NARROW)
    op = make_op("Abs", FOUR, case, make_case("two"))
    report = Report(
        [
            judge(op, "jax", case, "1\n", Verdict.VERIFIED),
            judge(op, "keras", case, "1\n", Verdict.VERIFIED),
            judge(op, "mlx", case, "1\n", Verdict.FAILED),
            judge(op, "torch", case, "\x1b" + "x" * 500, Verdict.VERIFIED),
            judge(op, "torch", op.cases[1], "of another case", Verdict.VERIFIED),
        ],
        {},
    )
    (group,) = list_groups(op, report)
    found = [(each["keys"], each["text"], each["verdict"]) for each in group["outputs"]]
    assert found == [
        (["torch"], "␛" + "x" * 399 + " …", "verified"),
        (["jax", "keras"], "1", "verified"),
        (["mlx"], "1", "failed"),
    ]


def test_categories_and_counts() -> None:
    ops = [
        make_op("sin", FOUR, make_case("one", NARROW), category="Waves"),
        make_op("Abs", FOUR, make_case("one", NARROW, NARROW)),
        make_op("Cos", FOUR, make_case("one", NARROW), category="Waves"),
        make_op("Tan", FOUR, make_case("one"), category="Waves"),
        make_op("More", FOUR, make_case("one", NARROW), file="ops/sin.yaml", category="Other"),
    ]
    context = make_differences_context(ops, REGISTRY, EMPTY)
    found = [
        (each["name"], [(op["name"], op["file"]) for op in each["ops"]], each["count"])
        for each in context["categories"]
    ]
    assert found == [
        ("Other", [("More", None)], 1),  # it has no page
        ("Waves", [("Cos", "ops/cos.yaml"), ("sin", "ops/sin.yaml")], 2),
        ("", [("Abs", "ops/abs.yaml")], 2),
    ]
    assert (context["count"], context["op_count"]) == (5, 4)
    assert [each["key"] for each in context["frameworks"]] == ["torch", "jax", "mlx", "keras"]


# --- arguments ------------------------------------------------------------------------------------


def make_cell(
    name: str | None, value: str | None = None, default: str | None = None, required: bool = False
) -> dict[str, Any]:
    return {"name": name, "value": value, "default": default, "required": required}


X, DIM, NONE = make_cell("x"), make_cell("dim"), make_cell(None)


@pytest.mark.parametrize(
    ("before", "after", "standard", "added"),
    [
        (X, X, "", ""),
        (X, DIM, "renamed", "renamed"),
        (X, NONE, "dropped", "dropped"),
        (NONE, X, "added", "added"),
        (NONE, NONE, "", ""),
        # A mapping may not speak of a standard argument; what it adds, others have not.
        (X, None, "", "dropped"),
        (None, X, "", "added"),
        (None, None, "", ""),
        (make_cell("x", "1"), make_cell("x", "2"), "other value", "other value"),
        (make_cell("x", None, "1"), make_cell("x", None, "2"), "other default", "other default"),
        (make_cell("x", None, "1"), make_cell("x", None, "1"), "", ""),
        (
            make_cell("x", None, "1"),
            make_cell("x", required=True),
            "other default",
            "other default",
        ),
        (make_cell("x", None, "1"), X, "", ""),  # the other default is not known
        (make_cell("x", None, "1"), make_cell("y", None, "2"), *["renamed, other default"] * 2),
        (make_cell("x", "1", "1"), make_cell("x", "1", "2"), "", ""),  # what is passed counts
    ],
)
def test_what_becomes_of_an_argument(before: Any, after: Any, standard: str, added: str) -> None:
    assert describe_change(before, after, is_standard=True) == standard
    assert describe_change(before, after, is_standard=False) == added


def test_only_arguments_that_change_are_listed() -> None:
    op = make_op(
        "Sum",
        {
            "torch": {"api": "torch.sum", "args": {"axis": "dim", "keep": None}},
            "jax": {"api": "jax.numpy.sum", "inject_args": {"fast": True}},
            "mlx": {"api": "mlx.core.sum", "args": {"keep": None}},
            "numpy": {"unsupported": "no", "args": {"x": "other"}},
        },
        parameters=tuple(Parameter(name) for name in ("x", "axis", "keep")),
    )
    fact = ApiFact(True, (ApiParameter("axis", "keyword_only", "0"),), (), None)
    report = Report([], {("jax", "jax.numpy.sum"): fact})
    (category,) = make_differences_context([op], REGISTRY, report)["categories"]
    axis, keep, fast = category["ops"][0]["arguments"]
    assert axis["forms"] == [("torch", "dim", ""), ("jax", "axis", "0"), ("mlx", "axis", "")]
    assert axis["changes"] == [
        ["", "renamed", "renamed"],
        ["renamed", "", ""],
        ["renamed", "", ""],
    ]
    assert keep["forms"] == [("torch mlx", "", ""), ("jax", "keep", "")]
    assert keep["changes"] == [["", "added"], ["dropped", ""]]
    assert fast["forms"] == [("torch mlx", "", ""), ("jax", "fast=True", "")]
    assert fast["changes"] == [["", "added"], ["dropped", ""]]


# --- API names ------------------------------------------------------------------------------------


def test_names_of_a_framework() -> None:
    case = make_case("one")
    ops = [
        make_op("Abs", {"jax": {"api": "jnp.abs"}, "torch": {}}, case, category="Elementwise"),
        make_op("Relu", {"jax": {"api": "jax.nn.relu"}}, case),
        make_op("All", {"jax": {"api": "jax.numpy.All"}}, case, file="ops/abs.yaml", line=9),
        make_op("Item", {"jax": {"api": "jax.Array.__getitem__"}}, case),
        make_op("Two", {"jax": {"macro_template": "a(b({x}))\n"}}, case),
        make_op("Gone", {"jax": {"unsupported": "no such thing", "api": "jax.gone"}}, case),
        make_op("Other", {"torch": {"api": "torch.other"}}, case),
    ]
    report = Report([judge(ops[0], "jax", case, "", Verdict.VERIFIED)], {})
    apis = make_apis_context(ops, REGISTRY, report, "jax")
    assert apis["label"] == REGISTRY.find_label("jax")
    found = [
        (each["letter"], each["anchor"], [(row["short"], row["api"]) for row in each["rows"]])
        for each in apis["letters"]
    ]
    assert found == [
        ("A", "apis-jax-a", [("jnp.abs", "jax.numpy.abs"), ("jnp.All", "jax.numpy.All")]),
        ("G", "apis-jax-g", [("jax.Array.__getitem__", "jax.Array.__getitem__")]),
        ("R", "apis-jax-r", [("jax.nn.relu", "jax.nn.relu")]),
    ]
    first, second = apis["letters"][0]["rows"]
    assert (first["op"], first["category"], first["verdict"]) == ("Abs", "Elementwise", "verified")
    assert (first["file"], second["file"]) == ("ops/abs.yaml", None)
    assert second["verdict"] == "not_run"
    assert [(row["op"], row["code"]) for row in apis["written"]] == [("Two", "a(b({x}))")]
    assert [(row["op"], row["reason"]) for row in apis["unsupported"]] == [
        ("Gone", "no such thing")
    ]
    assert apis["count"] == 4
    assert not apis["has_index"]


def test_a_long_list_has_an_index_and_other_signs_a_place() -> None:
    ops = [make_op(f"Op{n}", {"torch": {"api": f"torch.{n}"}}) for n in range(31)]
    apis = make_apis_context(ops, REGISTRY, EMPTY, "torch")
    assert apis["has_index"]
    assert [each["letter"] for each in apis["letters"]] == ["#"]


def test_a_key_without_a_runtime_has_its_names_too() -> None:
    op = make_op("Abs", {"stablehlo": {"api": "stablehlo.abs"}})
    (letter,) = make_apis_context([op], REGISTRY, EMPTY, "stablehlo")["letters"]
    assert letter["rows"][0]["short"] == letter["rows"][0]["api"] == "stablehlo.abs"
