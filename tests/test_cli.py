"""Tests of the command line itself: exit statuses, messages, the export. No tracebacks, ever."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optabs.export import replace_file
from optabs.version import __version__

ADD = """
operation: Add
aliases: [Plus]
category: Arithmetic
std_args: [x, y]
cases:
  - id: floats
    inputs: {x: [1.0, 2.0], y: [0.5, 0.5]}
    expect: x + y
variants:
  fake: {api: fakeframework.add}
  fake_two: {unsupported: It cannot add.}
  torch: {api: torch.add}
"""
SUMMARY = (
    r"optabs: 1 verified, 0 differs, 0 failed, 1 not run, 1 unsupported, 0 untestable, 0 stale; "
    r"executed 1, reused 0; \d+\.\d s"
)


@pytest.fixture
def site(project: Callable[..., Any], tmp_path: Path) -> Any:
    made = project(tmp_path / "site")
    made.write("add", ADD)
    return made


def assert_refused(
    done: subprocess.CompletedProcess[str], *parts: str, status: int = 2
) -> subprocess.CompletedProcess[str]:
    """Check that a command ended with a message for a person."""
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    assert done.returncode == status, (done.stdout, done.stderr)
    for part in parts:
        assert part in done.stderr, done.stderr
    return done


# --- what it says ---------------------------------------------------------------------------------


def test_verify_says_what_held(site: Any) -> None:
    done = site.run("verify")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["op", "torch", "fake", "fake_two"]
    assert re.fullmatch(r"Add +not run +ok 1 +-", lines[1])
    assert lines[2].startswith("optabs: not run: torch: not selected")
    assert re.fullmatch(SUMMARY, lines[-1])
    assert done.stderr == ""


def test_paths_narrow_the_catalogue(site: Any, tmp_path: Path) -> None:
    other = site.write("elsewhere/sin.yaml", ADD.replace("Add", "Sin").replace("Plus", "Sine"))
    assert "Sin" not in site.run("verify").stdout
    done = site.run("verify", other, "ops/add.yaml")
    assert {line.split()[0] for line in done.stdout.splitlines()[1:3]} == {"Add", "Sin"}
    done = site.run("verify", "elsewhere")
    assert "Add" not in done.stdout
    assert "Sin" in done.stdout


def test_a_folder_below_conf_py_belongs_to_its_project(site: Any) -> None:
    site.write("./conf.py", "")
    site.write("./more/deep/note.md", "")
    for below, path in (("ops", "add.yaml"), ("more/deep", "../../ops")):
        command = site.prepare(["verify", path]) | {"cwd": site.folder / below}
        done = subprocess.run(**command, capture_output=True, timeout=60, check=False)
        assert "optabs: 1 verified" in done.stdout, done.stderr
    assert [each.name for each in site.folder.rglob("_build")] == ["_build"]
    assert (site.folder / "_build").is_dir()


def test_an_op_in_a_file_that_was_not_read_is_no_fault(site: Any) -> None:
    site.edit("add", "category: Arithmetic", "see_also: [Sin]")
    site.write("sin", ADD.replace("Add", "Sin").replace("Plus", "Sine"))
    for command in ("check", "verify"):
        for path in ("ops/add.yaml", "ops"):
            done = site.run(command, path)
            assert done.returncode == 0, done.stdout + done.stderr
    (site.ops / "sin.yaml").unlink()
    assert "unknown-op" in site.run("check", "ops").stdout


def test_an_alias_names_its_op(site: Any) -> None:
    done = site.run("verify", "--op", "Plus")
    assert done.returncode == 0
    assert "1 verified" in done.stdout


def test_version_and_help(site: Any) -> None:
    assert site.run("--version").stdout == f"optabs {__version__}\n"
    for command in ((), ("verify",), ("check",), ("envs",)):
        done = site.run(*command, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith("usage: optabs")


def test_a_closed_pipe_is_no_fault(site: Any) -> None:
    process = subprocess.Popen(
        **site.prepare(["verify"]), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert "Exception" not in errors


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_a_terminal_shows_one_line_of_progress(site: Any) -> None:
    primary, secondary = os.openpty()
    process = subprocess.Popen(**site.prepare(["verify"]), stdout=subprocess.PIPE, stderr=secondary)
    os.close(secondary)
    output, _ = process.communicate(timeout=60)
    shown = os.read(primary, 10_000).decode()
    os.close(primary)
    assert process.returncode == 0
    assert "\n" not in shown
    assert "fake: Add" in shown
    assert shown.endswith("\r\x1b[K")
    assert "\x1b" not in output


# --- exit statuses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("fakeframework.add", "fakeframework.sin", "failed"),
        ("expect: x + y", "expect: x - y", "differs"),
        ("inputs: {x: [1.0, 2.0]", "inputs: {x: [1.0, 2.0], 'a b': 1", "bad-name"),
        ("std_args", "std_argz", "unknown-key"),
        ("category: Arithmetic", "see_also: [Subtract]", "unknown-op"),
        ("fakeframework.add", "fakeframework.addd", "no-such-api"),
    ],
)
def test_what_does_not_hold_is_status_one(site: Any, old: str, new: str, word: str) -> None:
    site.edit("add", old, new)
    done = site.run("verify")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(rf"^ops/add\.yaml:\d+:\d+: {word} ", done.stdout + done.stderr, re.MULTILINE)
    is_counted = word in ("failed", "differs", "no-such-api")
    assert ("1 fault is told above" in done.stdout) is not is_counted


def test_an_unknown_op_is_refused_with_the_nearest(site: Any) -> None:
    assert_refused(site.run("verify", "--op", "Ad"), "there is no op 'Ad'", "did you mean 'Add'?")
    assert_refused(site.run("verify", "--op", "zzz"), "there is no op 'zzz'")


def test_an_unknown_framework_is_refused_with_the_nearest(site: Any) -> None:
    done = site.run("verify", "--framework", "fak")
    assert_refused(done, "'fak'", "did you mean 'fake'?")
    done = site.run("verify", "--framework", "pytorch")
    assert_refused(done, "'pytorch'", "did you mean 'torch'?")
    assert "FRAMEWORKS" not in done.stderr
    done = site.run("verify", FRAMEWORKS="bogus")
    assert_refused(done, "FRAMEWORKS", "'bogus'", "known are ")
    assert_refused(site.run("envs", FRAMEWORKS="bogus"), "'bogus'")


def test_an_unknown_device_is_refused(site: Any) -> None:
    assert_refused(site.run("verify", "--device", "cdua"), "'cdua'", "did you mean 'cuda'?")


def test_a_device_that_this_machine_lacks_is_told(site: Any) -> None:
    done = site.run("verify", "--device", "metal")
    assert "Traceback" not in done.stderr
    assert "optabs: not run: no framework that is installed here has a metal device" in done.stdout
    assert "0 verified" in done.stdout
    assert "not run: no framework" not in site.run("verify", "--device", "cpu").stdout


def test_a_path_that_is_not_there_is_refused(site: Any) -> None:
    assert_refused(site.run("verify", "opps"), "there is no catalogue at", "opps")
    assert_refused(site.run("check", "ops/ad.yaml"), "there is no catalogue at", "ad.yaml")


def test_an_empty_catalogue_is_refused(project: Callable[..., Any], tmp_path: Path) -> None:
    empty = project(tmp_path / "empty")
    assert_refused(empty.run("verify"), "the catalogue is empty")
    empty.ops.rmdir()
    assert_refused(empty.run("verify"), "there is no catalogue at")


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf", "soon", ""])
def test_a_time_limit_that_is_none_is_refused(site: Any, limit: str) -> None:
    done = site.run("verify", f"--time-limit={limit}")
    assert_refused(done, "--time-limit")
    assert f"{limit!r} is no number of seconds above 0" in done.stderr


def test_a_python_that_is_none_is_refused(site: Any, tmp_path: Path) -> None:
    missing = tmp_path / "no python"
    assert_refused(site.run("verify", "--python", missing), str(missing))
    missing.write_text("text")
    assert_refused(site.run("verify", "--python", missing), f"{missing}", ": Permission denied\n")
    assert_refused(site.run("verify", "--python", "/bin/echo"), "answers as no Python does")


def test_a_python_may_be_named_relatively(site: Any, environments: Path) -> None:
    (site.folder / "env").symlink_to(environments / "fake")
    done = site.run("verify", "--python", "env/bin/python")
    assert done.returncode == 0, done.stderr
    assert "optabs: 1 verified" in done.stdout


def test_faults_do_not_hide_what_can_be_verified(site: Any) -> None:
    site.write("bad", "operation: [Bad\n")
    site.write("binary", "operation: Binary\n")
    (site.ops / "binary.yaml").write_bytes(b"operation: \xff\xfe\n")
    (site.ops / "folder.yaml").mkdir()
    (site.ops / "dangling.yaml").symlink_to("nowhere")
    (site.ops / "empty.yaml").write_text("")
    done = site.run("verify")
    assert_refused(done, "ops/bad.yaml:1:12: ", "ops/binary.yaml:1:12: ", status=1)
    assert "ops/dangling.yaml:1:1: unreadable " in done.stderr
    assert "ops/empty.yaml:1:1: " in done.stderr
    told, counted = done.stdout.splitlines()[-2:]
    assert told.startswith("optabs: 4 faults are told above")
    assert counted.startswith("optabs: 1 verified")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_fault(site: Any) -> None:
    site.write("secret", ADD).chmod(0)
    assert_refused(site.run("verify"), "ops/secret.yaml:1:1: unreadable ", status=1)


def test_a_folder_that_cannot_be_written_is_told(site: Any) -> None:
    (site.folder / "_build").write_text("a file stands where the folder should be")
    assert_refused(site.run("verify"), "cannot open the ledger")


def test_an_export_that_cannot_be_written_is_told(site: Any) -> None:
    (site.folder / "file").write_text("")
    assert_refused(site.run("verify", "--json", "file/export.json"), "file/export.json")
    assert_refused(site.run("verify", "--json", "ops"), "ops")
    assert_refused(site.run("verify", "--json", ""), "cannot write .: Is a directory")
    assert_refused(site.run("verify", "--export", "/"), "cannot write /: Is a directory")


def test_an_export_that_is_cut_short_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for a disk that is full."""
    old, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
    try:
        with pytest.raises(OSError, match="too large"):
            replace_file(tmp_path / "new.json", b"0" * 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (old, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, ignored)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")
@pytest.mark.parametrize("unbuffered", ["1", None])
def test_output_to_a_full_disk_is_told(site: Any, unbuffered: str | None) -> None:
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(
            **site.prepare(["verify"], PYTHONUNBUFFERED=unbuffered),
            stdout=full,
            stderr=subprocess.PIPE,
        )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "optabs: the disk is full" in errors
    assert "Traceback" not in errors
    assert "Exception" not in errors


def test_an_older_python_is_told(site: Any) -> None:
    older = [
        sys.executable,
        "-c",
        "import sys; sys.version_info = (3, 10, 1)\nimport optabs.__main__",
    ]
    done = subprocess.run(**{**site.prepare([]), "args": older}, capture_output=True, check=False)
    assert_refused(done, "is Python 3.10.1, too old for Optabs", "3.11 or newer", "--python")


def test_a_working_folder_that_is_gone_is_told(site: Any) -> None:
    (site.folder / "gone").mkdir()
    done = subprocess.run(
        **{
            **site.prepare([]),
            "args": [
                sys.executable,
                "-c",
                "import os, sys\nos.chdir('gone')\nos.rmdir(os.getcwd())\n"
                "from optabs.cli import main\nsys.exit(main(['verify']))",
            ],
        },
        capture_output=True,
        check=False,
    )
    assert_refused(done, "folder")


def test_a_framework_description_with_faults_is_told(
    project: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "frameworks" / "odd"
    folder.mkdir(parents=True)
    (folder / "framework.yaml").write_text("label: Odd\nordr: 3\n")
    site = project(tmp_path / "site", folder.parent)
    site.write("add", ADD)
    assert_refused(site.run("verify", FRAMEWORKS=None), "framework.yaml:2:1: ", "'order'")


@pytest.mark.parametrize("arguments", [(), ("verfy",), ("verify", "--jsn", "x"), ("check", "-x")])
def test_usage_errors(site: Any, arguments: tuple[str, ...]) -> None:
    assert_refused(site.run(*arguments), "usage: optabs")


# --- check and envs -------------------------------------------------------------------------------


def test_check_runs_nothing(site: Any) -> None:
    done = site.run("check")
    assert (done.returncode, done.stdout) == (0, "optabs: 1 entry, 0 faults\n")
    assert not (site.folder / "_build").exists()
    site.edit("add", "std_args", "std_argz")
    done = site.run("check")
    assert done.returncode == 1
    assert "ops/add.yaml:4:1: unknown-key " in done.stdout
    assert "std_args" in done.stdout


def test_environments_that_are_there_are_kept(site: Any) -> None:
    done = site.run("envs")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "optabs: 2 of 2 environments ready"


# --- the export -----------------------------------------------------------------------------------


def test_the_export_has_exactly_these_keys(site: Any) -> None:
    file = site.folder / "new folder" / "optabs.json"
    assert site.run("verify", "--json", file).returncode == 0
    export = json.loads(file.read_text())
    assert list(export) == ["schema", "optabs_version", "frameworks", "ops"]
    assert (export["schema"], export["optabs_version"]) == (1, __version__)

    fake = next(each for each in export["frameworks"] if each["key"] == "fake")
    assert fake == {"key": "fake", "name": "Fake", "version": "1.0", "devices": ["cpu"]}
    torch = next(each for each in export["frameworks"] if each["key"] == "torch")
    assert torch == {"key": "torch", "name": "PyTorch", "version": None, "devices": []}

    (op,) = export["ops"]
    assert {key: op[key] for key in op if key != "variants"} == {
        "operation": "Add",
        "docname": "ops/add",
        "category": "Arithmetic",
    }
    assert list(op["variants"]) == ["torch", "fake", "fake_two"]
    variant = op["variants"]["fake"]
    assert {key: variant[key] for key in variant if key != "verdicts"} == {
        "strategy": "Direct mapping",
        "api": "fakeframework.add",
        "api_exists": True,
    }
    (verdict,) = variant["verdicts"]
    assert list(verdict) == [
        *("case", "device", "verdict", "outcome", "reason", "framework_version"),
        *("python_version", "device_name", "drivers", "elsewhere", "is_evidence", "ran_at"),
        *("seconds", "max_abs_error", "max_rel_error", "rtol", "atol", "tolerance_source", "error"),
    ]
    measured = {key: verdict.pop(key) for key in ("device_name", "ran_at", "seconds")}
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", measured["ran_at"])
    assert 0 < measured["seconds"] < 10
    assert measured["device_name"]
    assert verdict == {
        "case": "floats",
        "device": "cpu",
        "verdict": "verified",
        "outcome": "ok",
        "reason": "",
        "framework_version": "1.0",
        "python_version": sys.version.split()[0],
        "max_abs_error": 0.0,
        "max_rel_error": 0.0,
        "rtol": 1.3e-6,
        "atol": 1e-5,
        "tolerance_source": "float32 default",
        "error": None,
        "drivers": "",
        "elsewhere": {},
        "is_evidence": False,
    }
    (verdict,) = op["variants"]["fake_two"]["verdicts"]
    assert (verdict["verdict"], verdict["reason"]) == ("unsupported", "It cannot add.")


def test_an_export_that_says_the_same_is_not_written_again(site: Any) -> None:
    file = site.folder / "optabs.json"
    site.run("verify", "--json", file)
    before = file.stat().st_mtime_ns
    site.run("verify", "--json", file)
    assert file.stat().st_mtime_ns == before


def test_infinite_errors_are_valid_json(site: Any) -> None:
    site.edit("add", "{api: fakeframework.add}", "{example: 'result = ff.array([1e999, 2.5])'}")
    file = site.folder / "optabs.json"
    assert site.run("verify", "--json", file).returncode == 1

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(file.read_text(), parse_constant=refuse)
