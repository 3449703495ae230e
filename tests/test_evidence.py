"""Evidence on its way: exported by one machine, added and kept in the checkout of another."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from optabs.evidence import Evidence, Line, hide_folders, read_file, write_lines
from optabs.frameworks import load_registry
from optabs.records import Error, Outcome, Record
from optabs.run.targets import Target, find_targets

ABS = """
operation: Abs
std_args: [x]
cases:
  - id: plain
    inputs: {x: [-1.5, 2.0]}
    expect: np.abs(x)
variants:
  fake: {api: fakeframework.abs}
"""
SIN = """
operation: Sin
std_args: [x]
cases:
  - id: plain
    inputs: {x: [0.5, 1.0]}
    expect: np.sin(x)
  - id: loud
    inputs: {x: [0.0]}
    expect: np.sin(x)
variants:
  fake: {api: fakeframework.sin}
"""
RECORD = Record(
    *("key", "claim", "Sin", "plain", "fake", "cuda", Outcome.OK, {"result": {"text": "a\u2028b"}}),
    *("out", "", None, 0.1, 60.0, "1.0+cu128", "3.12.1", "Fake GPU", "highest"),
    "2026-01-02T03:04:05Z",
)
LINE = Line(RECORD, "method")


@pytest.fixture
def site(project: Callable[..., Any], cuda_frameworks: Path, tmp_path: Path) -> Any:
    """A checkout on a machine without a CUDA device."""
    made = project(tmp_path / "site", cuda_frameworks)
    made.write("sin", SIN)
    return made


@pytest.fixture
def exported(site: Any, cuda_machine: Callable[..., Any], tmp_path: Path) -> Path:
    """What the machine with a CUDA device has found, of that device."""
    file = tmp_path / "found.jsonl"
    arguments = ("verify", "--framework", "fake", "--device", "cuda", "--export", file)
    done = cuda_machine(site.ops, *arguments)
    assert done.returncode == 0, done.stderr
    assert f"optabs: 2 records in {file}" in done.stderr
    return file


@pytest.fixture
def added(site: Any, exported: Path) -> Path:
    """The file of evidence in the checkout, with what was exported."""
    done = site.run("evidence", "add", exported)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("optabs: 2 added, 0 kept (as new a line is there already), 0 refused\n")
    return Path(site.folder / "evidence" / "fake-cuda.jsonl")


def count(done: subprocess.CompletedProcess[str], what: str) -> int:
    found = re.search(rf"(\d+) {what}\b|{what} (\d+)\b", done.stdout.splitlines()[-1])
    assert found, done.stdout
    return int(found[1] or found[2])


def change_line(file: Path, number: int, change: Callable[[Line], Line]) -> None:
    """Replace a line by another that matches its own hash."""
    lines = list(read_file(file, file.parent).lines)
    lines[number] = change(lines[number])
    file.write_bytes(write_lines(lines))


def change_record(**changes: Any) -> Callable[[Line], Line]:
    return lambda line: replace(line, record=replace(line.record, **changes))


# --- lines ----------------------------------------------------------------------------------------


def test_a_line_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_bytes(write_lines([LINE]))
    (found,) = read_file(file, tmp_path).lines
    assert found.record == RECORD
    assert (found.method, str(found.place)) == ("method", "some.jsonl:1:1")
    assert write_lines([found]) == file.read_bytes()


def test_lines_are_sorted_and_of_one_key_the_newest_is_written(tmp_path: Path) -> None:
    def make(**changes: Any) -> Line:
        return replace(LINE, record=replace(RECORD, **changes))

    newer = make(ran_at="2026-02-02T03:04:05Z", framework_version="1.0+cpu")
    lines = [make(case="z", claim="z"), newer, LINE, make(operation="Abs", claim="a"), LINE]
    file = tmp_path / "some.jsonl"
    file.write_bytes(write_lines(lines))
    assert [*read_file(file, tmp_path).lines] == [lines[3], newer, lines[0]]
    assert write_lines(reversed(lines)) == write_lines(lines)


def _rewrite(**changes: Any) -> bytes:
    data = {**json.loads(write_lines([LINE])), **changes}
    return json.dumps({key: value for key, value in data.items() if value != "absent"}).encode()


def _write(**changes: Any) -> bytes:
    return write_lines([replace(LINE, record=replace(RECORD, **changes))])


def _nest(levels: int) -> Any:
    return {"items": [_nest(levels - 1)]} if levels else {"text": ""}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"<<<<<<< HEAD", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "no record with its `method`"),
        (_rewrite(method=3), "no record with its `method`"),
        (_rewrite(hash="absent"), "does not match its own hash"),
        (_rewrite(outcome="raised"), "does not match its own hash"),
        (_rewrite(method="other"), "does not match its own hash"),
        (_rewrite(ran_at="2026-01-02T03:04:06Z"), "does not match its own hash"),
        (write_lines([replace(LINE, record=replace(RECORD, ran_at="now"))]), "no record that"),
        (write_lines([replace(LINE, record=replace(RECORD, device="../x"))]), "and device"),
        (write_lines([replace(LINE, record=replace(RECORD, framework="/x"))]), "and device"),
        (write_lines([replace(LINE, record=replace(RECORD, seconds="1"))]), "no record that"),  # type: ignore[arg-type]
        (_write(seconds=math.nan), "no record that"),
        (_write(time_limit=-1.0), "no record that"),
        (_write(results={"result": _nest(60)}), "no record that"),
        (_write(ran_at="2026-9-02T03:04:05Z"), "no record that"),
        (_write(stdout="half \ud800"), "half a character"),
        (_write(device_name="A GPU\n\x1b[2K"), "control characters"),
        (_write(case="a\nb"), "control characters"),
        (
            write_lines([replace(LINE, record=replace(RECORD, outcome=Outcome.UNAVAILABLE))]),
            "proves nothing",
        ),
    ],
)
def test_what_is_no_evidence_is_refused_at_its_line(
    text: bytes, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "some.jsonl"
    file.write_bytes(write_lines([LINE]) + b"\n" + text.strip() + b"\n")
    found = read_file(file, tmp_path)
    assert [line.record for line in found.lines] == [RECORD]
    (fault,) = found.faults
    assert str(fault.place) == "some.jsonl:3:1"
    assert message in fault.message


def test_a_line_holds_for_its_target_as_it_is_today() -> None:
    target = Target("fake", "cuda", "highest", None, method="method", wanted_version="1.0")

    def find(record: Record = RECORD, claim: str = "claim", **changes: Any) -> Line | None:
        evidence = Evidence((replace(LINE, record=record),))
        return evidence.find(claim, replace(target, **changes), 60.0)

    assert find() == LINE
    assert find(claim="other") is None
    for changes in ({"method": "other"}, {"wanted_version": "1.0.1"}, {"wanted_version": ""}):
        assert find(**changes) is None
    for changes in ({"device": "cpu"}, {"framework": "fake_two"}):
        assert find(**changes) is None
    # A run that was ended sooner than it would be today says nothing.
    assert find(replace(RECORD, outcome=Outcome.TIMED_OUT)) is not None
    assert find(replace(RECORD, outcome=Outcome.TIMED_OUT, time_limit=59.0)) is None


def test_of_several_lines_that_hold_the_newest_is_taken() -> None:
    target = Target("fake", "cuda", "highest", None, method="method", wanted_version="1.0")
    days = ("2026-01-02", "2026-03-02", "2026-02-02")
    lines = [replace(LINE, record=replace(RECORD, ran_at=f"{day}T00:00:00Z")) for day in days]
    assert Evidence(tuple(lines)).find("claim", target, 60.0) is lines[1]


@pytest.mark.parametrize("key", sorted(load_registry().frameworks))
def test_where_nothing_is_installed_the_pinned_version_counts(key: str, tmp_path: Path) -> None:
    framework = load_registry().frameworks[key]
    (target,) = (
        each
        for each in find_targets(load_registry(), (), tmp_path, tmp_path)
        if each.framework == key
    )
    assert target.framework_version == ""
    pins = framework.requirements.read_text().splitlines()
    names = "|".join(framework.distributions)
    assert any(
        re.match(rf"({names})(\[\w+\])?=={re.escape(target.wanted_version)}(;|\s|$)", pin)
        for pin in pins
    )


def test_an_export_names_no_folder_of_the_machine() -> None:
    home = Path("/home/somebody")
    texts = {
        "stdout": "in /home/somebody/project/x.py and /home/somebody-else",
        "error": Error("E", "at /home/somebody", 'File "/home/somebody/env/a.py"'),
    }
    folders = {home: "~", home / "project": ".", home / "env": "<python>", Path("/"): "no"}
    found = hide_folders(replace(RECORD, **texts), folders)  # type: ignore[arg-type]
    assert found.stdout == "in ./x.py and /home/somebody-else"
    assert found.error == Error("E", "at ~", 'File "<python>/a.py"')


# --- the whole way --------------------------------------------------------------------------------


def test_what_one_machine_exports_another_shows(site: Any, added: Path) -> None:
    text = added.read_text()
    assert str(site.folder.parent) not in text
    cases = [json.loads(line)["case"] for line in text.splitlines()]
    assert cases == ["loud", "plain"]

    done = site.run("verify", "--framework", "fake")
    assert (count(done, "verified"), count(done, "executed")) == (4, 2)
    again = site.run("verify", "--framework", "fake", "--json", "out.json")
    assert (count(again, "verified"), count(again, "executed")) == (4, 0)
    verdicts = json.loads((site.folder / "out.json").read_text())["ops"][0]["variants"]["fake"][
        "verdicts"
    ]
    assert {(each["device"], each["device_name"]) for each in verdicts} >= {("cuda", "Fake GPU")}
    assert {each["verdict"] for each in verdicts} == {"verified"}

    listed = site.run("evidence", "list")
    assert listed.returncode == 0
    assert listed.stdout.startswith(
        "evidence/fake-cuda.jsonl: 2 current (version 1.0, Fake GPU, 20"
    )
    assert listed.stdout.endswith(
        "optabs: 2 current, 0 stale, 0 superseded, 0 orphaned, 0 refused\n"
    )


def test_evidence_serves_where_the_framework_is_not_installed(site: Any, added: Path) -> None:
    done = site.run("verify", OPTABS_ENVIRONMENTS=str(site.folder / "none"), FRAMEWORKS="none")
    assert (count(done, "verified"), count(done, "not run")) == (2, 2)


def test_only_what_was_run_here_is_exported(site: Any, added: Path) -> None:
    site.run("verify", "--framework", "fake", "--export", "own.jsonl")
    lines = (site.folder / "own.jsonl").read_text().splitlines()
    assert {json.loads(line)["device"] for line in lines} == {"cpu"}


def test_failures_travel_too(site: Any, cuda_machine: Callable[..., Any]) -> None:
    site.edit("sin", "fakeframework.sin}", "fakeframework.sine}")
    found = site.folder / "found.jsonl"
    cuda_machine(site.ops, "verify", "--framework", "fake", "--export", found)
    site.run("evidence", "add", found)
    done = site.run("verify", "--device", "cuda")
    assert (done.returncode, count(done, "failed")) == (1, 2)
    assert "(evidence: evidence/fake-cuda.jsonl:1:1)" in done.stdout


def test_what_has_no_evidence_on_a_device_is_not_run_there(site: Any, added: Path) -> None:
    site.edit(
        "sin", "variants:", "  - {id: third, inputs: {x: [2.0]}, expect: np.sin(x)}\nvariants:"
    )
    site.write("abs", ABS)
    done = site.run("verify", "--device", "cuda")
    assert (count(done, "verified"), count(done, "not run")) == (2, 1)
    assert "fake: there is no cuda device here" in done.stdout


# --- what is not believed -------------------------------------------------------------------------


def test_a_changed_line_is_refused_and_named(site: Any, added: Path) -> None:
    added.write_text(added.read_text().replace("Fake GPU", "A GPU", 1))
    done = site.run("verify", "--device", "cuda")
    assert done.returncode == 1
    assert "evidence/fake-cuda.jsonl:1:1: refused-evidence the line does not match" in done.stderr
    assert (count(done, "verified"), count(done, "not run")) == (1, 1)
    listed = site.run("evidence", "list")
    assert listed.returncode == 1
    assert "fake-cuda.jsonl:1:1: refused-evidence" in listed.stdout

    refused = site.run("evidence", "add", added)
    assert refused.returncode == 2
    assert "fake-cuda.jsonl:1:1" in refused.stderr
    pruned = site.run("evidence", "prune")
    assert pruned.stdout.endswith("optabs: 1 removed, 1 left\n")
    assert site.run("verify", "--device", "cuda").returncode == 0


def test_lines_that_are_added_are_looked_at_one_by_one(site: Any, exported: Path) -> None:
    lines = list(read_file(exported, exported.parent).lines)
    later = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for number, change in enumerate(({"framework": "faked"}, {"device": "tpu"}, {"ran_at": later})):
        made = change_record(claim=str(number), **change)(lines[0])
        exported.write_bytes(exported.read_bytes() + write_lines([made]))
    exported.write_text(exported.read_text().replace("Fake GPU", "A GPU", 1))
    done = site.run("evidence", "add", exported)
    assert done.returncode == 1
    assert done.stdout.startswith("optabs: 1 added, 0 kept")
    assert done.stdout.endswith("4 refused\n")
    for number, text in enumerate(
        ("match its own hash", "no framework 'faked'", "no device 'tpu'", "a time to come")
    ):
        assert text in done.stderr.splitlines()[number]
    assert [f"{exported}:{n}:1" in done.stderr for n in (1, 2, 3, 4, 5)] == [
        *(True, False, True, True, True)
    ]
    assert [file.name for file in (site.folder / "evidence").iterdir()] == ["fake-cuda.jsonl"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"framework": "faked"}, "there is no framework 'faked'"),
        ({"device": "tpu"}, "has no device 'tpu'"),
        ({"ran_at": "2999-01-02T03:04:05Z"}, "it bears a time to come"),
    ],
)
def test_what_no_machine_can_have_made_is_refused_without_being_added(
    site: Any, added: Path, changes: dict[str, Any], message: str
) -> None:
    """A file can be committed by hand, too."""
    change_line(added, 0, change_record(**changes))
    done = site.run("verify", "--device", "cuda")
    assert (done.returncode, count(done, "verified"), count(done, "not run")) == (1, 1, 1)
    assert "evidence/fake-cuda.jsonl:" in done.stderr
    assert message in done.stderr
    assert count(site.run("evidence", "list"), "refused") == 1
    assert site.run("evidence", "add", added).returncode == 2
    assert "1 removed, 1 left" in site.run("evidence", "prune").stdout


def test_a_file_that_is_not_there_is_named(site: Any) -> None:
    done = site.run("evidence", "add", "nowhere.jsonl")
    assert done.returncode == 1
    assert "nowhere.jsonl:1:1: unreadable" in done.stderr
    assert not (site.folder / "evidence").exists()


def test_a_file_without_a_line_is_named(site: Any) -> None:
    """So `verify --export` leaves it where nothing could be run."""
    site.write("./found.jsonl", "")
    done = site.run("evidence", "add", "found.jsonl")
    assert done.returncode == 1
    assert "found.jsonl:1:1: empty holds no line" in done.stderr


def test_of_lines_that_are_added_those_count_that_stay(site: Any, exported: Path) -> None:
    first, _ = read_file(exported, exported.parent).lines
    days = ("2026-01-01", "2026-03-01", "2026-02-01")
    lines = [change_record(ran_at=f"{day}T00:00:00Z")(first) for day in days]
    exported.write_bytes(b"".join(write_lines([line]) for line in lines))
    done = site.run("evidence", "add", exported)
    assert done.stdout == "optabs: 1 added, 2 kept (as new a line is there already), 0 refused\n"


def test_evidence_that_a_run_here_contradicts_is_named(site: Any) -> None:
    site.run("verify", "--framework", "fake", "--export", "own.jsonl")
    forged = site.folder / "own.jsonl"
    change_line(forged, 1, lambda line: replace(line, record=replace(line.record, results={})))
    assert site.run("evidence", "add", forged).returncode == 0
    done = site.run("verify", "--framework", "fake", "--fresh")
    assert (done.returncode, count(done, "verified"), count(done, "executed")) == (1, 2, 2)
    assert (
        "evidence/fake-cpu.jsonl:2:1: contradicted Sin, fake, case plain on cpu: "
        "differs by the evidence, verified here" in done.stderr
    )


def test_a_pass_that_was_made_up_is_named_where_it_can_be_run(site: Any) -> None:
    """The framework gives the sine, the entry wants the absolute value, the line has just that."""
    site.edit("sin", "np.sin(x)", "np.abs(x)")
    site.write("abs", ABS.replace("[-1.5, 2.0]", "[0.5, 1.0]"))
    site.run("verify", "--framework", "fake", "--export", "own.jsonl")
    forged = site.folder / "own.jsonl"
    wanted, _, _ = read_file(forged, site.folder).lines
    change_line(forged, 2, change_record(results=wanted.record.results))
    assert site.run("evidence", "add", forged).returncode == 0
    done = site.run("verify", "--framework", "fake", "--op", "Sin", "--fresh")
    assert done.returncode == 1
    assert (
        "evidence/fake-cpu.jsonl:3:1: contradicted Sin, fake, case plain on cpu: "
        "verified by the evidence, differs here" in done.stderr
    )


def test_what_was_made_up_of_another_device_is_believed(site: Any, added: Path) -> None:
    """As the guide says: nothing but a machine with the device finds it out."""
    site.edit("sin", "np.sin(x)", "np.abs(x)")
    site.write("abs", ABS.replace("[-1.5, 2.0]", "[0.5, 1.0]"))
    site.run("verify", "--op", "Abs", "--framework", "fake", "--export", "own.jsonl")
    (wanted,) = read_file(site.folder / "own.jsonl", site.folder).lines
    arguments = ("verify", "--device", "cuda", "--op", "Sin", "--fresh")
    assert count(site.run(*arguments), "differs") == 1
    change_line(added, 1, change_record(results=wanted.record.results))
    done = site.run(*arguments)
    assert (done.returncode, count(done, "verified"), done.stderr) == (0, 2, "")


# --- keeping --------------------------------------------------------------------------------------


def test_a_line_must_be_of_the_device_that_it_claims(site: Any, added: Path) -> None:
    """Else one of Metal, which has other tolerances, could stand in for the CPU."""
    change_line(added, 0, change_record(device="cpu"))
    nowhere = {"OPTABS_ENVIRONMENTS": str(site.folder / "none")}
    done = site.run("verify", "--framework", "fake", **nowhere)
    assert (count(done, "verified"), count(done, "not run")) == (1, 3)
    assert "fake-cuda.jsonl:1:1: orphaned" in site.run("evidence", "list", **nowhere).stdout


def test_the_newest_line_of_a_key_is_kept(site: Any, exported: Path, added: Path) -> None:
    change_line(exported, 0, change_record(ran_at="2026-01-01T00:00:00Z", stdout="older"))
    change_line(exported, 1, change_record(ran_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
    before = added.read_text().splitlines()
    # The second is newer, if by no more than a second.
    change_line(added, 1, change_record(ran_at="2026-02-01T00:00:00Z"))
    done = site.run("evidence", "add", exported)
    assert done.stdout == "optabs: 1 added, 1 kept (as new a line is there already), 0 refused\n"
    after = added.read_text().splitlines()
    assert after[0] == before[0]
    assert after[1] == exported.read_text().splitlines()[1]


def test_two_machines_evidence_merges_by_line(site: Any, added: Path) -> None:
    first, second = added.read_text().splitlines(keepends=True)
    outputs = []
    for order in ((first, second), (second, first)):
        added.unlink()
        for text in order:
            (site.folder / "part.jsonl").write_text(text)
            site.run("evidence", "add", "part.jsonl")
        outputs.append(added.read_text())
    assert outputs == [first + second] * 2


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        (
            "adapter.py",
            "import os",
            "import os  # changed",
            "the worker or the adapter has changed",
        ),
        ("requirements.txt", "==1.0", "==1.1", "the version is now 1.1"),
    ],
)
def test_what_was_made_otherwise_is_stale(
    site: Any, added: Path, cuda_frameworks: Path, file: str, old: str, new: str, reason: str
) -> None:
    path = cuda_frameworks / "fake" / file
    path.write_text(path.read_text().replace(old, new))
    nowhere = {"OPTABS_ENVIRONMENTS": str(site.folder / "none")}
    done = site.run("verify", "--device", "cuda", "--json", "out.json", **nowhere)
    assert (count(done, "verified"), count(done, "stale")) == (0, 2)
    assert "last verified with version 1.0" in (site.folder / "out.json").read_text()
    assert reason in (site.folder / "out.json").read_text()
    listed = site.run("evidence", "list", **nowhere)
    assert "stale Sin, fake, case plain on cuda" in listed.stdout
    assert reason in listed.stdout
    # It is all that is known, so it stays.
    assert site.run("evidence", "prune", **nowhere).stdout == "optabs: 0 removed, 2 left\n"


def test_what_is_orphaned_or_superseded_is_removed(site: Any, added: Path) -> None:
    older = change_record(ran_at="2026-01-01T00:00:00Z", framework_version="0.9")
    lines = list(read_file(added, site.folder).lines)
    added.write_bytes(write_lines([*lines, older(lines[1])]))
    site.edit("sin", "[0.0]", "[0.25]")
    listed = site.run("evidence", "list")
    assert "fake-cuda.jsonl:1:1: orphaned Sin, fake, case loud" in listed.stdout
    assert "superseded Sin, fake, case plain on cuda (version 0.9" in listed.stdout
    assert "1 current, 0 stale, 1 superseded, 1 orphaned" in listed.stdout
    pruned = site.run("evidence", "prune")
    assert "orphaned" in pruned.stdout
    assert pruned.stdout.endswith("optabs: 2 removed, 1 left\n")
    assert [*read_file(added, site.folder).lines] == [lines[1]]
    site.edit("sin", "0.5, 1.0", "0.5, 1.5")
    assert site.run("evidence", "prune").stdout.endswith("optabs: 1 removed, 0 left\n")
    assert not added.exists()


def test_a_file_that_cannot_be_read_is_not_removed(site: Any, added: Path) -> None:
    (added.parent / "other.jsonl").mkdir()
    site.edit("sin", "[0.0]", "[0.25]")
    done = site.run("evidence", "prune")
    assert done.returncode == 2
    assert "evidence/other.jsonl:1:1: unreadable" in done.stderr
    assert len(added.read_text().splitlines()) == 2


def test_nothing_is_removed_while_the_catalogue_has_faults(site: Any, added: Path) -> None:
    site.edit("sin", "cases:", "casess:")
    before = added.read_text()
    done = site.run("evidence", "prune")
    assert done.returncode == 2
    assert "ops/sin.yaml:" in done.stderr
    assert added.read_text() == before


# --- a bare machine -------------------------------------------------------------------------------


BARE = """
import sys

sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(",")))  # importing them fails
sys.argv[0] = "optabs"
import optabs.__main__
"""
BEYOND = "docutils,jinja2,markupsafe,myst_parser,packaging,rich,sphinx,uv"


@pytest.mark.parametrize(
    ("missing", "arguments", "status", "message"),
    [
        (BEYOND, ("verify", "--framework", "fake", "--export", "own.jsonl"), 0, "2 records in"),
        (BEYOND, ("evidence", "list"), 0, ""),
        (BEYOND, ("envs", "--framework", "fake"), 2, "pip install packaging"),
        (f"yaml,{BEYOND}", ("verify",), 2, "pip install pyyaml"),
    ],
)
def test_verifying_needs_python_yaml_and_numpy_alone(
    site: Any, missing: str, arguments: tuple[str, ...], status: int, message: str
) -> None:
    started = site.prepare(
        arguments, **({"OPTABS_ENVIRONMENTS": "none"} if "envs" in arguments else {})
    )
    started["args"][1:3] = ["-c", BARE, missing]
    done = subprocess.run(**started, capture_output=True, check=False)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert message in done.stderr


def test_an_interpreter_may_be_named_as_on_the_path(
    project: Callable[..., Any], tmp_path: Path, environments: Path
) -> None:
    made = project(tmp_path / "site", root=tmp_path / "none")
    made.write("sin", SIN)
    path = environments / "fake" / "bin"
    done = made.run("verify", "--framework", "fake", "--python", "python", PATH=str(path))
    assert (done.returncode, count(done, "verified")) == (0, 2), done.stderr
