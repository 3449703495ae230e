"""Environments with the newest releases: what they are made from, and that they are made anew."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optabs.run.environments import get_python
from optabs.run.newest import loosen_requirements


@pytest.mark.parametrize(
    ("line", "loose"),
    [
        ("torch==2.13.0", "torch"),
        ('mlx[cpu]==0.32.4; platform_system == "Linux"', 'mlx[cpu]; platform_system == "Linux"'),
        ("jax===0.10.2", "jax"),
        ("numpy>=2,<3", "numpy<3,>=2"),
        ("numpy==2.*,<2.4", "numpy<2.4"),
        ("a.b_c == 1.0 --hash=sha256:12 --hash=sha256:34", "a.b_c"),
        ("lib @ https://example.org/lib.zip", "lib@ https://example.org/lib.zip"),
        ("--pre", "--pre"),
        ("./wheels/lib-1.0-py3-none-any.whl", "./wheels/lib-1.0-py3-none-any.whl"),
    ],
)
def test_exact_pins_are_taken_out(line: str, loose: str) -> None:
    assert [each.replace(" @", "@") for each in loosen_requirements([line])] == [loose]


def test_what_includes_a_file_is_left_out() -> None:
    lines = ["-r other.txt", "other==1", "-c limits.txt", "--requirement=third.txt", "-rfourth.txt"]
    assert list(loosen_requirements(lines)) == ["other"]


@pytest.fixture
def newest(
    project: Callable[..., Any], packages: Path, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line with environments of its own, and the folders as pip's only source."""
    site = project(tmp_path / "site", root=tmp_path / "newest")
    (tmp_path / "further").mkdir()
    sources = f"{packages.as_uri()} {(tmp_path / 'further').as_uri()}"
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": sources, "PIP_NO_CACHE_DIR": "1"}
    return lambda *arguments, **variables: site.run(*arguments, **{**pip, **variables})


def read_version(root: Path) -> str:
    python = get_python(root, "fake")
    assert python is not None
    code = "import fakeframework.version as v; print(v.version)"
    return subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_newest_releases_stand_in_for_pinned_ones(
    newest: Callable[..., Any], packages: Path, environments: Path, tmp_path: Path
) -> None:
    root = tmp_path / "newest"
    arguments = ("envs", "--newest", "--framework", "fake")
    done = newest(*arguments)
    assert "1 of 1 environments ready" in done.stdout, done.stdout + done.stderr
    assert read_version(root) == "1.1"
    assert read_version(environments) == "1.0"

    # Another night, another release.
    (wheel,) = packages.glob("fakeframework-1.1-*.whl")
    later = tmp_path / "further" / wheel.name.replace("1.1", "1.2")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(later, "w") as new:
        for name in old.namelist():
            new.writestr(name.replace("1.1", "1.2"), old.read(name).replace(b"1.1", b"1.2"))
    done = newest(*arguments)
    assert "there may be newer releases" in done.stdout
    assert read_version(root) == "1.2"

    # pip's configuration counts, its constraints included.
    (tmp_path / "limits.txt").write_text("fakeframework<1.2\n")
    newest(*arguments, PIP_CONSTRAINT=str(tmp_path / "limits.txt"))
    assert read_version(root) == "1.1"

    # The pins are not taken for met by what is newer.
    done = newest("envs", "--framework", "fake")
    assert "its requirements changed" in done.stdout
    assert read_version(root) == "1.0"


def test_pinned_environments_are_not_overwritten_by_chance(newest: Callable[..., Any]) -> None:
    done = newest("envs", "--newest", OPTABS_ENVIRONMENTS=None)
    assert done.returncode == 2
    assert "OPTABS_ENVIRONMENTS=.environments-newest optabs envs --newest" in done.stderr
    assert "Traceback" not in done.stderr
