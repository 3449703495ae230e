"""What Git says has changed, so that only that need be verified."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from optabs.catalog.load import find_files
from optabs.errors import OptabsError
from optabs.project import Project

_NO_COMMIT = (
    "name a commit that this repository has; a shallow clone may lack it: git fetch --unshallow"
)


def list_changed_entries(project: Project, reference: str, code: Sequence[Path]) -> list[Path]:
    """Return the entries that are new or changed since a commit's common ancestor with HEAD.

    What is not committed yet counts, too. The folders of the catalogue stand for all entries,
    where something has changed that may change any verdict: `code` (files or folders), a
    framework, `requirements.txt`, or evidence, which is then held against a run.

    Raises:
        OptabsError: this is no repository of Git, or it does not know the commit.
    """
    root = project.root
    _run_git(root, "rev-parse", "--git-dir", hint="run it in a clone of the repository")
    ancestor = _run_git(root, "merge-base", "--", reference, "HEAD", hint=_NO_COMMIT).strip()
    changed = _list_files(root, "diff", "--name-only", "--no-renames", "--relative", ancestor)
    changed |= _list_files(root, "ls-files", "--others", "--exclude-standard")
    everything = (*code, *project.extra_frameworks, project.evidence, root / "requirements.txt")
    if any(file.is_relative_to(each) for file in changed for each in everything):
        return list(project.catalog)
    return [file for file in find_files(project.catalog) if file in changed]


def _list_files(root: Path, *command: str) -> set[Path]:
    names = _run_git(root, *command, "-z").split("\0")
    return {root / name for name in names if name}


def _run_git(root: Path, *command: str, hint: str = "") -> str:
    git = shutil.which("git")
    if git is None:
        raise OptabsError("git is not installed", "install it")
    done = subprocess.run([git, *command], cwd=root, capture_output=True, check=False)
    if done.returncode:
        said = os.fsdecode(done.stderr).strip() or "there is no common ancestor"
        raise OptabsError(f"git {command[0]}: {said}", hint)
    return os.fsdecode(done.stdout)
