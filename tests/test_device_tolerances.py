"""Tests of the order in which tolerances are chosen: case, op, device, dtype."""

from __future__ import annotations

import base64
import struct
from pathlib import Path

import pytest

from optabs.catalog.load import load_file
from optabs.compare import (
    DEFAULT_TOLERANCES,
    DEVICE_DEFAULTS,
    Array,
    choose_default,
    compare_results,
)
from optabs.frameworks import load_registry
from optabs.plan import Check, Plan, Reference
from optabs.records import Outcome, Record, Verdict
from optabs.run.targets import Target
from optabs.snippet import Snippet
from optabs.verify import Judgement, judge_record

METAL = DEVICE_DEFAULTS["torch", "metal"]
ENTRY = """
operation: One
std_args: [x]
{op}
cases:
  - id: basic
    inputs: {{x: 1.0}}
    expect: [1.0]
{case}
variants:
  torch: {{api: torch.abs}}
  mlx: {{api: mlx.core.abs}}
"""
OP = "tolerance: {rtol: 2.0e-3, atol: 2.0e-3, reason: because}"
CASE = "    tolerance: {rtol: 1.0e-3, atol: 1.0e-3, reason: so}"


@pytest.mark.parametrize("key", DEVICE_DEFAULTS)
def test_devices_are_looser_and_say_why(key: tuple[str, str]) -> None:
    framework, device = key
    assert device in load_registry().frameworks[framework].devices
    defaults = DEVICE_DEFAULTS[key]
    assert defaults.source
    assert defaults.reason
    for dtype, (rtol, atol) in defaults.tolerances.items():
        assert (rtol, atol) > DEFAULT_TOLERANCES[dtype]
        assert atol >= DEFAULT_TOLERANCES[dtype][1]


@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"),
    [("float32", 3e-5, 1e-4), ("float16", 1e-2, 2e-2), ("bfloat16", 5e-2, 5e-2)],
)
def test_the_device_comes_before_the_dtype(dtype: str, rtol: float, atol: float) -> None:
    found = choose_default(dtype, device=METAL)
    assert (found.rtol, found.atol, found.reason) == (rtol, atol, METAL.reason)
    assert found.source == f"{dtype} on this device: PyTorch's own tests on MPS"


def test_what_the_device_does_not_name_keeps_its_default() -> None:
    assert choose_default("float64", device=METAL) == choose_default("float64")
    assert choose_default("int32", device=METAL) == choose_default("int32")
    assert choose_default("float64", "float32", device=METAL).rtol == 3e-5
    # The looser one of two dtypes, each as it is on the device.
    assert choose_default("float32", "bfloat16", device=METAL).rtol == 5e-2


def test_an_error_between_the_two_counts_elsewhere_only() -> None:
    actual = {"result": Array("float32", (1,), (1.0 + 1e-4,))}
    expected = {"result": Array("float32", (1,), (1.0,))}
    assert compare_results(actual, expected, device=METAL).agrees
    assert not compare_results(actual, expected).agrees
    exact = {"result": Array("int32", (1,), (2,))}
    assert not compare_results(exact, {"result": Array("int32", (1,), (1,))}, device=METAL).agrees


def judge(folder: Path, framework: str, device: str, op: str = "", case: str = "") -> Judgement:
    """Judge a result of 1.0001 where 1 is expected."""
    file = folder / "one.yaml"
    file.write_text(ENTRY.format(op=op, case=case))
    entry = load_file(file, folder)[0]
    assert entry.op is not None, entry.faults
    assert entry.faults == ()
    (one,) = entry.op.cases
    check = Check(
        entry.op,
        entry.op.variants[framework],
        one,
        Target(framework, device, "highest", None),
        Snippet("result = 1", (1,)),
    )
    value = base64.b64encode(struct.pack("<f", 1.0001)).decode()
    result = {"dtype": "float32", "stored": "float32", "shape": [1], "data": value}
    record = Record(
        *("key", "claim", "One", "basic", framework, device, Outcome.OK, {"result": result}),
        *("", "", None, 0.1, 60.0, "1.0", "3.12", "a device", "highest", "2026-01-01T00:00:00Z"),
    )
    plan = Plan([check], {(entry.op.place, "basic"): Reference()}, {}, [], {})
    return judge_record(check, plan, record)


@pytest.mark.parametrize(
    ("framework", "device", "op", "case", "verdict", "source"),
    [
        ("torch", "cpu", "", "", Verdict.DIFFERS, "float32 default"),
        ("torch", "cuda", "", "", Verdict.DIFFERS, "float32 default"),
        ("mlx", "metal", "", "", Verdict.DIFFERS, "float32 default"),
        ("torch", "metal", "", "", Verdict.VERIFIED, "float32 on this device"),
        ("torch", "metal", OP, "", Verdict.VERIFIED, "set by the op"),
        ("torch", "metal", OP, CASE, Verdict.VERIFIED, "set by the case"),
        ("torch", "cpu", OP, CASE, Verdict.VERIFIED, "set by the case"),
    ],
)
def test_case_then_op_then_device_then_dtype(
    tmp_path: Path,
    framework: str,
    device: str,
    op: str,
    case: str,
    verdict: Verdict,
    source: str,
) -> None:
    found = judge(tmp_path, framework, device, op, case)
    assert found.verdict is verdict, found.reason
    assert found.comparison is not None
    assert found.comparison.tolerance is not None
    assert found.comparison.tolerance.source.startswith(source)


def test_a_case_may_be_stricter_than_its_device(tmp_path: Path) -> None:
    strict = "    tolerance: {rtol: 0.0, atol: 1.0e-6, reason: exact}"
    assert judge(tmp_path, "torch", "metal", case=strict).verdict is Verdict.DIFFERS
