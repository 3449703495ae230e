"""Tests of the search for interpreters.

Few machines have several Pythons, so most tests put stand-ins on PATH and elsewhere: scripts that
are really run, and answer as an interpreter of some version would.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from optabs.errors import InterpreterError
from optabs.run.interpreters import (
    Interpreter,
    clean_variables,
    find_interpreter,
    probe_interpreter,
)

RUNNING = f"=={platform.python_version().rstrip('+')}"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without interpreters but the running one; its folders are `bin`, `pyenv`, `uv`."""
    for name in ("bin", "home", "pyenv", "uv"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    return tmp_path


def add_script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def add_interpreter(path: Path, version: str, **fields: object) -> Path:
    answer = {
        "path": str(path),
        "version": version,
        "implementation": "cpython",
        "base_prefix": str(path.parent.parent),
        "free_threaded": False,
        "has_venv": True,
    } | fields
    return add_script(path, f"echo '{json.dumps(answer)}'")


def refuse_fetching(command: Sequence[str]) -> tuple[int, str]:
    return 2, "error: Failed to install\n  cause: no network\n"


def test_running_interpreter_comes_first(machine: Path) -> None:
    add_interpreter(machine / "bin" / "python3.11", "3.11.99")
    add_interpreter(machine / "bin" / "python3.39", "3.39.0")
    assert find_interpreter(">=3.11") == Path(sys.executable)


def test_running_interpreter_needs_no_search(machine: Path) -> None:
    marker = machine / "was-run"
    add_script(machine / "bin" / "python3.11", f": > '{marker}'")
    assert find_interpreter(RUNNING) == Path(sys.executable)
    assert not marker.exists()


def test_newest_that_suits_is_taken(machine: Path) -> None:
    add_interpreter(machine / "bin" / "python3.9", "3.9.2")
    wanted = add_interpreter(machine / "pyenv" / "versions" / "3.9.18" / "bin/python3.9", "3.9.18")
    add_interpreter(machine / "uv" / "cpython-3.9.6-linux" / "bin" / "python3.9", "3.9.6")
    add_interpreter(machine / "bin" / "python3.10", "3.10.1")
    assert find_interpreter("==3.9.*", refuse_fetching) == wanted


def test_those_that_uv_keeps_are_found(machine: Path) -> None:
    wanted = add_interpreter(machine / "uv" / "cpython-3.10.6-linux" / "bin/python3.10", "3.10.6")
    assert find_interpreter("==3.10.*", refuse_fetching) == wanted


def test_shim_with_nothing_behind_it_is_passed_over(machine: Path) -> None:
    add_script(
        machine / "bin" / "python3.10", "echo 'pyenv: python3.10: command not found' >&2; exit 127"
    )
    wanted = add_interpreter(machine / "pyenv" / "versions/3.10.13/bin/python3.10", "3.10.13")
    assert find_interpreter("==3.10.*", refuse_fetching) == wanted


@pytest.mark.parametrize(
    ("version", "fields", "fault"),
    [
        ("3.10.0rc2", {}, "is a prerelease"),
        ("3.10.1", {"implementation": "pypy"}, "is pypy, not CPython"),
        ("3.10.1", {"free_threaded": True}, "is a free-threaded build"),
        ("3.10.1", {"has_venv": False}, "has no venv module"),
    ],
)
def test_unsuitable_interpreter_is_named_with_its_fault(
    machine: Path, version: str, fields: dict[str, object], fault: str
) -> None:
    path = add_interpreter(machine / "bin" / "python3.10", version, **fields)
    with pytest.raises(InterpreterError) as caught:
        find_interpreter("==3.10.*", refuse_fetching)
    assert f"found: {version} ({path}) {fault}" in caught.value.message


def test_error_says_what_where_found_and_what_to_do(machine: Path) -> None:
    other = add_interpreter(machine / "bin" / "python3.8", "3.8.1")
    shim = add_script(machine / "bin" / "python3.10", "echo 'no such version' >&2; exit 127")
    with pytest.raises(InterpreterError) as caught:
        find_interpreter("==3.10.*", refuse_fetching)
    lines = caught.value.message.splitlines()
    assert lines[0] == "no CPython ==3.10.* that can make virtual environments was found"
    assert lines[1] == "uv could not fetch one: error: Failed to install; cause: no network"
    assert lines[2] == f"looked at: the running interpreter, PATH, {machine / 'uv'}"
    assert f"found: 3.8.1 ({other}) is another version" in lines
    assert any(line.startswith(f"found: {platform.python_version()}") for line in lines)
    assert f"passed over: {shim} does not run: no such version" in lines
    assert "uv python install '==3.10.*'" in caught.value.hint


def test_missing_interpreter_is_fetched_with_uv(machine: Path) -> None:
    commands = []

    def fetch(command: Sequence[str]) -> tuple[int, str]:
        commands.append(list(command))
        add_interpreter(machine / "uv" / "cpython-3.10.6-linux" / "bin" / "python3.10", "3.10.6")
        return 0, ""

    found = find_interpreter("==3.10.*", fetch)
    assert found == machine / "uv" / "cpython-3.10.6-linux" / "bin" / "python3.10"
    assert [(command[1:3], command[-1]) for command in commands] == [
        (["python", "install"], "==3.10.*")
    ]


def test_nonsense_specifier_is_an_error() -> None:
    with pytest.raises(InterpreterError, match=r"'3\.11 or so' says no Python versions"):
        find_interpreter("3.11 or so")


def test_probe_runs_the_real_interpreter() -> None:
    found = probe_interpreter(Path(sys.executable))
    assert isinstance(found, Interpreter)
    assert found.version == platform.python_version().rstrip("+")
    assert found.base_prefix == Path(sys.base_prefix)
    assert found.has_venv


def test_another_real_interpreter_is_found() -> None:
    major, minor = sys.version_info[:2]
    try:
        found = find_interpreter(f">=3.8,!={major}.{minor}.*", refuse_fetching)
    except InterpreterError:
        pytest.skip("this machine has no second Python")
    said = subprocess.run(
        [found, "-c", "import sys; print(sys.implementation.name, *sys.version_info[:2])"],
        env=clean_variables(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert said[0] == "cpython"
    assert (int(said[1]), int(said[2])) >= (3, 8)
    assert (int(said[1]), int(said[2])) != (major, minor)


def test_python_variables_are_left_out() -> None:
    variables = {"PYTHONPATH": "x", "PYTHONHOME": "y", "PATH": "/bin", "__PYVENV_LAUNCHER__": "z"}
    assert clean_variables(variables) == {"PATH": "/bin"}
