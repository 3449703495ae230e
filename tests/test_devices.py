"""From one machine's devices to another's pages: drivers, fall-backs, and what a device lacks.

The devices are pretended: the fake framework computes on the CPU, whatever it says.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optabs.evidence import read_file
from optabs.frameworks import load_registry
from optabs.plan import explain_exclusion
from optabs.project import open_project
from optabs.snippet import NoSnippet, build_snippet

SIN = """
operation: Sin
std_args: [x]
cases:
  - id: plain
    inputs: {x: [0.5, 1.0]}
    expect: np.sin(x)
  - id: wide
    inputs: {x: {values: [0.5], dtype: float64}}
    expect: np.sin(x)
variants:
  fake: {api: fakeframework.sin}
"""
FALL_BACK = """
operation: Fall
std_args: [x]
cases:
  - id: plain
    inputs: {x: [0.5, 1.0]}
    expect: {first: np.sin(x), second: np.cos(x), third: 3}
variants:
  fake:
    example: |
      first = ff.sin(x)
      second = ff.move(ff.cos(x), "cpu")
      third = 3
"""
Machine = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def site(project: Callable[..., Any], cuda_frameworks: Path, tmp_path: Path) -> Any:
    """A checkout on a machine without a GPU."""
    made = project(tmp_path / "site", cuda_frameworks)
    made.write("sin", SIN)
    return made


@pytest.fixture
def machine(site: Any, cuda_machine: Machine, tmp_path: Path) -> Callable[..., list[Any]]:
    """Verify on a machine that has CUDA and Metal; returns the verdicts on the op of a file."""

    def run(op: str = "sin", *arguments: object, **variables: str | None) -> list[Any]:
        file = tmp_path / "out.json"
        variables = {"METAL_FAKE": "macOS 15.1", **variables}
        done = cuda_machine(site.ops, "verify", "--json", file, *arguments, **variables)
        assert "Traceback" not in done.stderr, done.stderr
        run.last = done.stdout.splitlines()[-1]  # type: ignore[attr-defined]
        return list_verdicts(file, op)

    return run


def list_verdicts(file: Path, op: str) -> list[Any]:
    (found,) = (
        each for each in json.loads(file.read_text())["ops"] if each["docname"].endswith(op)
    )
    verdicts: list[Any] = found["variants"]["fake"]["verdicts"]
    return verdicts


def tell(verdicts: list[Any], **wanted: str) -> list[tuple[str, str]]:
    """Return verdict and reason of those that have some values."""
    return [
        (each["verdict"], each["reason"])
        for each in verdicts
        if all(each[key] == value for key, value in wanted.items())
    ]


# --- drivers --------------------------------------------------------------------------------------


def test_a_record_names_the_drivers(machine: Callable[..., list[Any]]) -> None:
    found = {each["device"]: each for each in machine() if each["case"] == "plain"}
    assert [*found] == ["cpu", "cuda", "metal"]
    assert [each["verdict"] for each in found.values()] == ["verified"] * 3
    assert found["cpu"]["drivers"] == ""
    assert found["cuda"]["drivers"] == "driver 1.0, Runtime 7.1"
    assert found["metal"]["drivers"] == "macOS 15.1, Runtime 7.1"
    assert [each["device_name"] for each in found.values()][1:] == ["Fake GPU", "Fake M1"]


def test_another_driver_is_another_run(machine: Any) -> None:
    machine("sin", "--device", "cuda")
    assert "executed 2, reused 0" in machine.last
    machine("sin", "--device", "cuda")
    assert "executed 0, reused 2" in machine.last
    found = machine("sin", "--device", "cuda", CUDA_FAKE="driver 2.0")
    assert "executed 2, reused 0" in machine.last
    assert {each["drivers"] for each in found} == {"driver 2.0, Runtime 7.1"}


def test_what_an_older_driver_gave_is_stale(machine: Any) -> None:
    machine("sin", "--device", "cuda")
    none = {"CUDA_FAKE": "driver 2.0", "FRAMEWORKS": "none"}
    found = machine("sin", "--device", "cuda", **none)
    assert {verdict for verdict, _ in tell(found)} == {"stale"}
    assert "with version 1.0 and driver 1.0, Runtime 7.1 on 20" in found[0]["reason"]
    assert "not selected for this build" in found[0]["reason"]


# --- fall-backs -----------------------------------------------------------------------------------


def test_what_fell_back_is_not_proved(site: Any, machine: Any) -> None:
    site.write("fall", FALL_BACK)
    found = machine("fall")
    assert tell(found, device="cpu") == [("verified", "")]
    reason = "`second` computed on the CPU, not on cuda"
    assert tell(found, device="cuda") == [("not_run", reason)]
    assert [each["elsewhere"] for each in found] == [{}, {"second": "cpu"}, {"second": "cpu"}]
    assert "0 differs, 0 failed, 2 not run" in machine.last


def test_what_fell_back_and_is_wrong_differs(site: Any, machine: Any) -> None:
    site.write("fall", FALL_BACK.replace("second: np.cos(x)", "second: np.sin(x)"))
    ((verdict, reason),) = tell(machine("fall"), device="metal")
    assert verdict == "differs"
    assert reason.endswith("(`second` computed on the CPU, not on metal)")


def test_a_fall_back_that_the_framework_tells_of(
    site: Any, machine: Any, cuda_frameworks: Path
) -> None:
    adapter = cuda_frameworks / "fake" / "adapter.py"
    adapter.write_text(adapter.read_text() + '\nFALLBACK = "will run on the CPU"\n')
    site.write("fall", FALL_BACK.replace('ff.move(ff.cos(x), "cpu")', "ff.cos(x)"))
    assert {verdict for verdict, _ in tell(machine("fall"))} == {"verified"}
    site.edit("fall", "third = 3", "third = 3\n      warnings.warn('sin will run on the CPU')")
    site.edit("fall", "first = ff", "import warnings\n      first = ff")
    found = machine("fall")
    reason = "`first`, `second` computed on the CPU, not on cuda"
    assert tell(found, device="cuda") == [("not_run", reason)]
    assert tell(found, device="cpu") == [("verified", "")]


def test_evidence_of_a_fall_back_is_no_proof_either(
    site: Any, cuda_machine: Machine, tmp_path: Path
) -> None:
    site.write("fall", FALL_BACK)
    file = tmp_path / "found.jsonl"
    cuda_machine(site.ops, "verify", "--device", "cuda", "--export", file)
    added = {line.name: line.record for line in read_file(file, tmp_path).lines}
    record = added["Fall, fake, case plain on cuda"]
    assert (record.elsewhere, record.drivers) == ({"second": "cpu"}, "driver 1.0, Runtime 7.1")
    assert site.run("evidence", "add", file).returncode == 0
    site.run("verify", "--json", "out.json")
    found = list_verdicts(site.folder / "out.json", "fall")
    reason = "`second` computed on the CPU, not on cuda"
    assert tell(found, device="cuda", is_evidence=True) == [("not_run", reason)]
    sin = list_verdicts(site.folder / "out.json", "sin")
    assert tell(sin, device="cuda", is_evidence=True) == [("verified", "")] * 2


# --- what a device lacks --------------------------------------------------------------------------


def test_a_dtype_that_a_device_lacks_is_unsupported_there(machine: Any) -> None:
    found = machine()
    reason = "Fake has no float64 on metal"
    assert tell(found, case="wide", device="metal") == [("unsupported", reason)]
    assert tell(found, case="wide", device="cuda") == [("verified", "")]
    assert tell(found, case="plain", device="metal") == [("verified", "")]
    assert "executed 5, reused 0" in machine.last


def test_a_dtype_of_a_result_counts_too(site: Any, machine: Any) -> None:
    site.edit("sin", "{x: [0.5, 1.0]}\n    expect: np.sin(x)", "{x: [0.5]}\n    expect: NARROW")
    site.edit("sin", "NARROW", "{result: {expr: np.sin(x), dtype: float64}}")
    ((verdict, reason),) = tell(machine(), case="plain", device="metal")
    assert (verdict, reason) == ("unsupported", "Fake has no float64 on metal")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    expect: np.sin(x)\n  - id: wide", "    expect: np.sin(x)\n    WHY\n  - id: wide"),
        ("{api: fakeframework.sin}", "{api: fakeframework.sin, BY}"),
    ],
)
def test_an_entry_excludes_a_case_on_a_device(site: Any, machine: Any, old: str, new: str) -> None:
    new = new.replace("WHY", "not_on: {cuda: no sine there}")
    site.edit("sin", old, new.replace("BY", "not_on: {cuda: {plain: no sine there}}"))
    found = machine()
    assert tell(found, case="plain", device="cuda") == [("unsupported", "no sine there")]
    assert tell(found, case="wide", device="cuda") == [("verified", "")]
    assert tell(found, case="plain", device="metal") == [("verified", "")]


def test_the_gradient_is_excluded_with_its_case(site: Any, machine: Any) -> None:
    site.edit("sin", "  - id: wide", "    grad: true\n  - id: wide")
    site.edit("sin", "fakeframework.sin", "fakeframework.sin, not_on: {cuda: {plain: no sine}}")
    found = machine()
    assert tell(found, case="plain-gradient", device="cuda") == [("unsupported", "no sine")]
    assert tell(found, case="plain-gradient", device="metal") == [("verified", "")]


def test_a_variant_is_excluded_whole(site: Any, machine: Any) -> None:
    site.edit("sin", "fakeframework.sin", "fakeframework.sin, not_on: {cpu: a GPU is needed}")
    found = machine()
    assert tell(found, device="cpu") == [("unsupported", "a GPU is needed")] * 2
    assert tell(found, device="cuda") == [("verified", "")] * 2


def test_what_a_device_lacks_was_never_run_there(site: Any, machine: Any) -> None:
    site.edit("sin", "fakeframework.sin", "fakeframework.sin, not_on: {cuda: no, metal: no}")
    machine()
    assert "2 verified" in machine.last
    assert "4 unsupported" in machine.last
    assert "executed 2, reused 0" in machine.last


def test_a_device_that_there_is_not_is_a_fault(site: Any) -> None:
    site.edit("sin", "fakeframework.sin", "fakeframework.sin, not_on: {metall: no}")
    site.edit("sin", "  - id: wide", "    not_on: {cud: no}\n  - id: wide")
    done = site.run("check")
    assert done.returncode == 1
    assert (
        "unknown-device `not_on` names the device 'metall', which 'fake' does not have "
        "(did you mean 'metal'?)"
    ) in done.stdout
    assert "'cud', which no framework has (did you mean 'cuda'?)" in done.stdout


def test_what_mlx_computes_on_the_cpu_is_excluded_elsewhere() -> None:
    """Its arrays are on no device, so that nothing but the code tells."""
    registry = load_registry()
    mlx = registry.frameworks["mlx"]
    catalog, _ = open_project(Path(__file__).parents[1]).check_catalog(registry)
    named = 0
    for op in catalog.ops:
        variant = op.variants["mlx"]
        for case in op.cases:
            try:
                code = build_snippet(op, case, variant, mlx).code
            except NoSnippet:
                continue
            if "mx.cpu" in code:
                named += 1
                for device in ("metal", "cuda"):
                    reason = explain_exclusion(case, variant, mlx, device)
                    assert reason == "computed on the CPU alone", (op.operation, case.id)
    assert named
