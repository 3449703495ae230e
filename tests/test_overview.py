"""Tests of what the matrix and the health page show, from judgements that were made by hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from optabs.catalog.model import Case, Op, Variant
from optabs.errors import Fault, Place
from optabs.export import write_matrix
from optabs.frameworks import load_registry
from optabs.overview import make_health_context, make_matrix_context
from optabs.plan import Check
from optabs.records import Outcome, Record, Verdict
from optabs.run.targets import Target
from optabs.verify import Judgement, Report

REGISTRY = load_registry()


def make_op(name: str, *keys: str, file: str = "", line: int = 1, **changes: Any) -> Op:
    file = file or f"ops/{name.lower()}.yaml"
    place = Place(file, line, 1)
    variants = {
        key: Variant(key, Place(file, line + 1, 3), api=f"{key}.{name.lower()}") for key in keys
    }
    cases = (Case("one", place), Case("two", place))
    return Op(name, place, Path(file), cases=cases, variants=variants, **changes)


def judge(
    op: Op,
    key: str,
    verdict: Verdict,
    reason: str = "",
    case: int | None = 0,
    device: str = "cpu",
    version: str = "2.0",
) -> Judgement:
    """Make a judgement; without a case it is one on the whole variant."""
    if case is None:
        return Judgement(Check(op, op.variants[key]), verdict, reason)
    target = Target(key, device, "highest", "identity", version)
    record = Record(
        *(
            "key",
            "claim",
            op.operation,
            "one",
            key,
            device,
            Outcome.OK,
            {},
            "",
            "",
            None,
            0.1,
            60.0,
        ),
        *(version, "3.12", "", "highest", f"2026-01-0{version[-1]}T03:04:05Z"),
    )
    return Judgement(Check(op, op.variants[key], op.cases[case], target), verdict, reason, record)


def read_cells(matrix: dict[str, Any]) -> dict[str, list[str]]:
    return {row["name"]: row["cells"] for row in matrix["rows"]}


# --- the matrix -----------------------------------------------------------------------------------


def test_a_cell_is_the_worst_of_its_cases() -> None:
    abs_, sin = make_op("Abs", "jax", "torch"), make_op("sin", "torch", category="Waves")
    report = Report(
        [
            judge(abs_, "torch", Verdict.VERIFIED),
            judge(abs_, "torch", Verdict.DIFFERS, case=1),
            judge(abs_, "jax", Verdict.UNSUPPORTED, case=None),
            judge(sin, "torch", Verdict.VERIFIED),
        ],
        {},
    )
    matrix = make_matrix_context([sin, abs_], REGISTRY, report)
    assert [(each["key"], each["label"]) for each in matrix["columns"]] == [
        ("torch", "PyTorch"),
        ("jax", REGISTRY.find_label("jax")),
    ]
    assert read_cells(matrix) == {"Abs": ["differs", "unsupported"], "sin": ["verified", ""]}
    assert matrix["counts"] == [
        {"verdict": "differs", "cells": [1, 0]},
        {"verdict": "unsupported", "cells": [0, 1]},
        {"verdict": "verified", "cells": [1, 0]},
        {"verdict": "", "cells": [0, 1]},
    ]
    assert matrix["categories"] == ["Waves", ""]
    assert matrix["rows"][0]["file"] == "ops/abs.yaml"


def test_a_framework_has_a_column_for_each_of_several_devices() -> None:
    abs_, sin = make_op("Abs", "torch", "flax_nnx"), make_op("Sin", "torch")
    report = Report(
        [
            judge(abs_, "torch", Verdict.VERIFIED),
            judge(abs_, "torch", Verdict.FAILED, device="cuda"),
            judge(abs_, "flax_nnx", Verdict.VERIFIED),
            judge(sin, "torch", Verdict.VERIFIED),
        ],
        {},
    )
    matrix = make_matrix_context([abs_, sin], REGISTRY, report)
    assert [(each["key"], each["label"], each["anchor"]) for each in matrix["columns"]] == [
        ("torch-cpu", "PyTorch (cpu)", "torch"),
        ("torch-cuda", "PyTorch (cuda)", "torch"),
        ("flax_nnx", "Flax NNX", "flax-nnx"),
    ]
    assert read_cells(matrix) == {
        "Abs": ["verified", "failed", "verified"],
        "Sin": ["verified", "not_run", ""],
    }
    # What holds on no device in particular holds on each.
    report = Report([*report.judgements, judge(sin, "torch", Verdict.UNSUPPORTED, case=None)], {})
    cells = read_cells(make_matrix_context([abs_, sin], REGISTRY, report))
    assert cells["Sin"] == ["unsupported", "unsupported", ""]


def test_an_op_is_found_by_its_other_names() -> None:
    op = make_op("Abs", "torch", "stablehlo", aliases=("absolute",))
    op.variants["jax"] = Variant("jax", op.place, api="jax.numpy.abs")  # type: ignore[index]
    (row,) = make_matrix_context([op], REGISTRY, Report([], {}))["rows"]
    assert row["words"] == ["absolute", "torch.abs", "stablehlo.abs", "jnp.abs"]


def test_only_the_first_op_of_a_file_has_its_page() -> None:
    ops = [make_op(name, "torch", file="ops/list.yaml", line=number * 9 + 1) for number, name in
           enumerate(("Second", "First"))]  # fmt: skip
    report = Report([judge(op, "torch", Verdict.DIFFERS) for op in ops], {})
    matrix = make_matrix_context(ops, REGISTRY, report)
    assert {row["name"]: row["file"] for row in matrix["rows"]} == {
        "First": None,
        "Second": "ops/list.yaml",
    }
    (section,) = make_health_context(ops, REGISTRY, report, [])["sections"]
    files = [item["file"] for item in section["groups"][0]["items"]]
    assert files == ["ops/list.yaml", None]


def test_matrix_as_csv(tmp_path: Path) -> None:
    ops = [make_op('A "b", c', "torch", file="ops/a.yaml"), make_op("Sin", "jax")]
    report = Report([judge(ops[0], "torch", Verdict.DIFFERS)], {})
    file = tmp_path / "matrix.csv"
    write_matrix(make_matrix_context(ops, REGISTRY, report), file, {"ops/a.yaml": "ops/a"})
    with file.open(newline="") as text:
        assert list(csv.reader(text)) == [
            ["op", "category", "page", "torch", "jax"],
            ['A "b", c', "", "ops/a", "differs", ""],
            ["Sin", "", "", "", "not_run"],
        ]


def test_an_empty_catalogue_has_an_empty_matrix() -> None:
    matrix = make_matrix_context([], REGISTRY, Report([], {}))
    assert (matrix["columns"], matrix["rows"], matrix["counts"]) == ([], [], [])
    health = make_health_context([], REGISTRY, Report([], {}), [])
    assert not health["is_well"]
    assert health["sections"] == []


# --- health ---------------------------------------------------------------------------------------


def test_trouble_comes_worst_first_and_by_framework() -> None:
    op = make_op("Abs", "torch", "jax")
    report = Report(
        [
            judge(op, "jax", Verdict.NOT_RUN, "no such environment"),
            judge(op, "jax", Verdict.NOT_RUN, "no such environment", case=1),
            judge(op, "jax", Verdict.FAILED, "boom"),
            judge(op, "torch", Verdict.VERIFIED),
            judge(op, "torch", Verdict.DIFFERS, "off by one\nand more", case=1, device="cuda"),
            judge(op, "torch", Verdict.FAILED, "x" * 400, case=None),
        ],
        {},
    )
    health = make_health_context([op], REGISTRY, report, [])
    assert not health["is_well"]
    assert [(each["verdict"], each["count"]) for each in health["sections"]] == [
        ("failed", 2),
        ("differs", 1),
        ("not_run", 2),
    ]
    failed, differs, not_run = (each["groups"] for each in health["sections"])
    assert [each["framework"] for each in failed] == ["PyTorch", REGISTRY.find_label("jax")]
    assert failed[0]["reason"] == "x" * 300 + " …"
    assert failed[0]["items"] == [
        {"op": "Abs", "case": "", "file": "ops/abs.yaml", "anchor": "torch"}
    ]
    assert (differs[0]["device"], differs[0]["reason"]) == ("cuda", "off by one …")
    assert differs[0]["items"][0]["anchor"] == "torch-two"
    # One reason, said once.
    assert [item["case"] for item in not_run[0]["items"]] == ["one", "two"]
    assert len(not_run) == 1


def test_all_is_well_only_if_something_was_verified_and_nothing_is_wrong() -> None:
    op = make_op("Abs", "torch", "jax")
    good = [
        judge(op, "torch", Verdict.VERIFIED),
        judge(op, "torch", Verdict.UNTESTABLE, case=None),
        judge(op, "jax", Verdict.UNSUPPORTED, case=None),
    ]
    assert make_health_context([op], REGISTRY, Report(good, {}), [])["is_well"]
    assert not make_health_context([op], REGISTRY, Report(good[1:], {}), [])["is_well"]
    for verdict in (Verdict.FAILED, Verdict.DIFFERS, Verdict.STALE, Verdict.NOT_RUN):
        report = Report([*good, judge(op, "jax", verdict)], {})
        assert not make_health_context([op], REGISTRY, report, [])["is_well"]
    fault = Fault(Place("ops/bad.yaml", 3), "unknown-key", "no such key")
    health = make_health_context([op], REGISTRY, Report(good, {}), [fault, fault])
    assert not health["is_well"]
    assert health["faults"] == [str(fault)]


def test_a_fault_that_a_verdict_tells_of_is_not_told_twice() -> None:
    op = make_op("Abs")
    fault = Fault(op.place, "unknown-key", "no such key")
    op.variants["torch"] = Variant("torch", op.place, faults=(fault,))  # type: ignore[index]
    report = Report([judge(op, "torch", Verdict.FAILED, "the entry has errors", case=None)], {})
    assert make_health_context([op], REGISTRY, report, [fault])["faults"] == []


def test_frameworks_say_with_which_versions_they_were_verified() -> None:
    op = make_op("Abs", "torch", "jax")
    report = Report(
        [
            judge(op, "jax", Verdict.STALE, version="1.9"),
            judge(op, "torch", Verdict.VERIFIED, version="2.1"),
            judge(op, "torch", Verdict.VERIFIED, version="2.2", device="cuda"),
            judge(op, "torch", Verdict.VERIFIED, version="2.1", case=1),
        ],
        {},
    )
    health = make_health_context([op], REGISTRY, report, [])
    torch, jax = health["frameworks"]
    assert torch["label"] == "PyTorch"
    assert torch["versions"] == ["2.1 on cpu", "2.2 on cuda"]
    assert torch["ran_at"] == "2026-01-02"
    assert torch["counts"]["verified"] == 3
    assert (jax["versions"], jax["ran_at"], jax["counts"]["stale"]) == ([], "", 1)
    assert health["verdicts"] == ["stale", "verified"]
