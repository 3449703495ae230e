"""`optabs changed`: the entries that a branch has changed, by a real repository of Git."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from optabs.cli import main
from optabs.errors import OptabsError
from optabs.project import Project, open_project
from optabs.repository import list_changed_entries


@dataclass(frozen=True)
class Repository:
    """A project under Git, with two entries on its branch `main`."""

    folder: Path

    def run(self, *command: str) -> None:
        identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
        subprocess.run(
            ["git", *identity, *command], cwd=self.folder, check=True, capture_output=True
        )

    def write(self, name: str, text: str = "new\n") -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self) -> None:
        self.run("add", "--all")
        self.run("commit", "--allow-empty", "--message", "a change")

    def list_changed(self, commit: str = "main") -> list[str]:
        project: Project = open_project(self.folder)
        found = list_changed_entries(project, commit, [project.root / "ext"])
        return [path.relative_to(project.root).as_posix() for path in found]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    made = Repository(tmp_path / "a repository")
    monkeypatch.setenv("OPTABS_FRAMEWORKS", str(made.folder / "frameworks"))
    for name in ("ops/abs.yaml", "ops/sine wave.yaml", "README.md", "ext/a.py"):
        made.write(name, f"{name}\n" * 20)
    made.write("frameworks/fake/framework.yaml")
    made.run("init", "--initial-branch", "main")
    made.commit()
    made.run("switch", "--create", "branch")
    return made


def edit(repository: Repository) -> None:
    repository.write("ops/abs.yaml")


def rename(repository: Repository) -> None:
    repository.run("mv", "ops/sine wave.yaml", "ops/sinè.yaml")


def delete(repository: Repository) -> None:
    repository.run("rm", "ops/abs.yaml")


@pytest.mark.parametrize(
    ("change", "entries"),
    [
        (lambda repository: None, []),
        (edit, ["ops/abs.yaml"]),
        (rename, ["ops/sinè.yaml"]),
        (delete, []),
        (lambda repository: repository.write("ops/new.yaml"), ["ops/new.yaml"]),
        (lambda repository: repository.write("ops/_draft.yaml"), []),
        (lambda repository: repository.write("README.md"), []),
        (lambda repository: repository.write("guide/requirements.txt"), []),
        (lambda repository: repository.write("frameworks/fake/requirements.txt"), ["ops"]),
        (lambda repository: repository.run("rm", "frameworks/fake/framework.yaml"), ["ops"]),
        (lambda repository: repository.run("mv", "ext/a.py", "a.py"), ["ops"]),
        (lambda repository: repository.write("evidence/fake-cpu.jsonl"), ["ops"]),
        (lambda repository: repository.write("requirements.txt"), ["ops"]),
    ],
)
@pytest.mark.parametrize("is_committed", [True, False])
def test_what_has_changed_is_listed(
    repository: Repository,
    change: Callable[[Repository], None],
    entries: list[str],
    is_committed: bool,
) -> None:
    change(repository)
    if is_committed:
        repository.commit()
    assert repository.list_changed() == entries


def test_what_only_the_other_branch_has_changed_does_not_count(repository: Repository) -> None:
    edit(repository)
    repository.commit()
    repository.run("switch", "main")
    repository.write("ops/sine wave.yaml", "changed on main")
    repository.commit()
    assert repository.list_changed("branch") == ["ops/sine wave.yaml"]
    repository.run("switch", "branch")
    assert repository.list_changed() == ["ops/abs.yaml"]


def test_a_merge_of_depth_two_is_enough(repository: Repository, tmp_path: Path) -> None:
    """As CI checks out a pull request: the merge with the main branch, and its parents."""
    edit(repository)
    repository.commit()
    repository.run("switch", "main")
    repository.write("ops/other.yaml")
    repository.commit()
    repository.run("merge", "branch", "--message", "merge")
    clone = Repository(tmp_path / "clone")
    tmp_path.joinpath("clone").mkdir()
    clone.run("clone", "--depth", "2", repository.folder.as_uri(), ".")
    assert clone.list_changed("HEAD^1") == ["ops/abs.yaml"]
    with pytest.raises(OptabsError, match="a shallow clone may lack it"):
        clone.list_changed("HEAD~5")


def test_a_project_may_be_a_part_of_a_repository(repository: Repository) -> None:
    shutil.copytree(repository.folder / "ops", repository.folder / "docs" / "ops")
    repository.commit()
    repository.run("branch", "--force", "main")
    repository.write("docs/ops/abs.yaml")
    repository.write("ops/sine wave.yaml")
    assert Repository(repository.folder / "docs").list_changed() == ["ops/abs.yaml"]


def test_the_command_prints_a_line_for_each(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(repository)
    rename(repository)
    monkeypatch.chdir(repository.folder)
    assert main(["changed", "main"]) == 0
    assert capsys.readouterr().out == "ops/abs.yaml\nops/sinè.yaml\n"


def test_what_git_refuses_is_told(
    repository: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(repository.folder)
    assert main(["changed", "nowhere"]) == 2
    errors = capsys.readouterr().err
    assert "nowhere" in errors
    assert "git fetch --unshallow" in errors
    repository.run("switch", "--orphan", "alone")
    repository.write("ops/abs.yaml")
    repository.commit()
    assert main(["changed", "main"]) == 2
    assert "there is no common ancestor" in capsys.readouterr().err
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["changed", "main"]) == 2
    errors = capsys.readouterr().err
    assert "not a git repository" in errors
    assert errors.endswith("\nrun it in a clone of the repository\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["changed", "main"]) == 2
    assert "git is not installed" in capsys.readouterr().err
