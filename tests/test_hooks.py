"""The hooks for pre-commit: each names a command that is there and does what the hook says."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from optabs.cli import main

HOOKS = yaml.safe_load((Path(__file__).parents[1] / ".pre-commit-hooks.yaml").read_text())


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ops").mkdir()
    file = tmp_path / "ops" / "a.yaml"
    file.write_text("operation: A\nvarients: {}\n")
    monkeypatch.chdir(tmp_path)
    return file


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_runs_the_command(hook: dict[str, Any], entry: Path) -> None:
    assert {"id", "name", "entry", "language", "files"} <= hook.keys()
    command, *arguments = shlex.split(hook["entry"])
    assert command == "optabs"
    before = entry.read_text()
    # pre-commit fails where the status is not 0, and where files have changed.
    status = main(arguments)
    assert (status, entry.read_text() == before) == (
        (0, False) if "--fix" in arguments else (1, True)
    )
    entry.write_text("operation: A\nvariants: {}\n")
    assert main(arguments) == 0


def test_the_hooks_are_those_of_the_guide() -> None:
    guide = (Path(__file__).parents[1] / "guide" / "checks.md").read_text(encoding="utf-8")
    assert all(f"`{hook['id']}`" in guide for hook in HOOKS)
