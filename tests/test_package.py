"""The wheel, in an environment and a Sphinx project that know nothing of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from optabs.run.environments import get_python

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = Path(os.environ.get("OPTABS_ENVIRONMENTS") or ROOT / ".environments")

# What makes our own site look as it does.
SITE = ("_templates/site/", "_static/optabs-site.css", "_static/optabs.svg")

pytestmark = pytest.mark.frameworks

ENTRY = """\
operation: Sine
description: The sine $\\sin x$.
std_args: [{name: x, type: Tensor}]
cases:
  - {id: plain, inputs: {x: [0.5, -1.0]}, expect: np.sin(x)}
variants:
  numpy: {api: numpy.sin}
  mlx: {unsupported: for the sake of example}
"""


def run(*command: object, **options) -> str:
    # Nothing of this checkout may be found by chance.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(each) for each in command],
        capture_output=True,
        text=True,
        check=False,
        env={**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **options.pop("variables", {})},
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT, cwd=folder
    )
    (file,) = folder.glob("optabs-*.whl")
    return file


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """The interpreter of a fresh environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return python


def test_wheel_holds_all_that_is_needed(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = run("git", "ls-files", "ext/optabs", "_templates", "_static", cwd=ROOT).splitlines()
    wanted = {
        name.removeprefix("ext/") if name.startswith("ext/") else f"optabs/{name}"
        for name in tracked
        if (ROOT / name).exists() and not name.startswith(SITE)
    }
    assert wanted <= names
    assert not [name for name in names if name.removeprefix("optabs/").startswith(SITE)]
    for name in (
        "optabs/frameworks/torch/framework.yaml",
        "optabs/frameworks/torch/adapter.py",
        "optabs/frameworks/torch/requirements.txt",
        "optabs/frameworks/runtimeless.yaml",
        "optabs/_templates/optabs/tabs.html",
        "optabs/_static/optabs.css",
        "optabs/_static/optabs.js",
        "optabs/worker/__main__.py",
    ):
        assert name in names
    others = {name for name in names if not name.startswith("optabs/")}
    assert all(".dist-info/" in name for name in others)
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


def test_command_says_its_version(python, wheel):
    version = wheel.name.split("-")[1]
    assert run(python.with_name("optabs"), "--version") == f"optabs {version}\n"


def test_new_project_gets_the_same_pages(python, tmp_path):
    if get_python(ENVIRONMENTS, "numpy") is None:
        leave = pytest.fail if os.environ.get("OPTABS_TESTS_COMPLETE") else pytest.skip
        leave("the environment of numpy is not installed: run `optabs envs`")
    site = tmp_path / "a new project"
    (site / "ops").mkdir(parents=True)
    (site / "conf.py").write_text('extensions = ["optabs"]\noptabs_inventories = False\n')
    (site / "index.md").write_text("# Home\n\n```{ops}\n```\n")
    (site / "ops/sine.yaml").write_text(ENTRY)
    output = run(
        python,
        "-m",
        "sphinx",
        "-nW",
        "-b",
        "html",
        ".",
        "_build/html",
        cwd=site,
        variables={"OPTABS_ENVIRONMENTS": str(ENVIRONMENTS), "FRAMEWORKS": "numpy"},
    )
    assert "optabs: 1 verified, 0 differs, 0 failed, 0 not run, 1 unsupported," in output
    html = site / "_build/html"
    for name in ("optabs.css", "optabs.js"):
        assert (html / "_static" / name).read_text() == (ROOT / "_static" / name).read_text()
    page = BeautifulSoup((html / "ops/sine.html").read_text(), "html.parser")
    assert [each["id"] for each in page.select("section.optabs-panel")] == ["mlx", "numpy"]
    panel = page.select_one("#numpy")
    assert panel.select_one(".optabs-badge").get_text(strip=True) == "verified"
    assert "np.sin(x)" in panel.select_one("pre.highlight").get_text()
    assert panel.select_one("a.optabs-api")["href"].startswith("https://numpy.org/")
    assert "NumPy 2." in panel.select_one(".optabs-facts").get_text()
    # It runs without Sphinx, too.
    assert "ok 1" in run(
        python.with_name("optabs"),
        "verify",
        cwd=site,
        variables={"OPTABS_ENVIRONMENTS": str(ENVIRONMENTS), "FRAMEWORKS": "numpy"},
    )
