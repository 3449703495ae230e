"""The scripts of CI, run as CI runs them: a real repository, real runs; only `gh` is a stand-in."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from optabs.bulletin import MARK
from optabs.evidence import read_file, write_lines

ROOT = Path(__file__).parents[1]
SIN = """
operation: Sin
category: Elementwise
description: The sine, in radians.
std_args: [{name: x, type: Tensor, doc: angles}]
see_also: [Abs]
cases:
  - {id: plain, inputs: {x: [0.5, 1.0]}, expect: np.sin(x)}
variants:
  fake: {api: fakeframework.sin}
"""
ABS = """
operation: Abs
category: Elementwise
description: The absolute value.
std_args: [{name: x, type: Tensor, doc: any shape}]
cases:
  - {id: plain, inputs: {x: [-1.5, 2.0]}, expect: np.abs(x)}
variants:
  fake: {api: fakeframework.abs}
"""
# The conventions are those of the real catalogue, so entries are held to the rest.
MAKEFILE = """
check:
\t@.venv/bin/optabs check --format $(FORMAT)
envs .venv/installed:
\t@true
"""
# Logs its arguments and the text that it would post; answers what a file says it has been asked.
GH = """#!{python}
import json, os, pathlib, sys
folder = pathlib.Path(__file__).parent
words = sys.argv[1:]
files = [word.removeprefix("body=@") for word in words if word.startswith("body=@")]
files += [words[n + 1] for n, word in enumerate(words) if word == "--body-file"]
body = pathlib.Path(files[0]).read_text() if files else None
with (folder / "log.jsonl").open("a") as log:
    print(json.dumps({{"words": words, "body": body, "sha": os.environ.get("SHA")}}), file=log)
for words_asked, answer in json.loads((folder / "answers.json").read_text()):
    if set(words_asked) <= set(words):
        print(answer)
"""


@dataclass(frozen=True)
class Checkout:
    """A repository with the scripts, two entries on `main`, and a branch of it checked out."""

    project: Any
    tools: Path

    @property
    def folder(self) -> Path:
        return Path(self.project.folder)

    def run(self, *command: object, **variables: str) -> subprocess.CompletedProcess[str]:
        started = self.project.prepare([], **variables)
        started["args"] = [str(each) for each in command]
        started["env"]["PATH"] = f"{self.tools}{os.pathsep}{started['env']['PATH']}"
        for name in [name for name in started["env"] if name.startswith("GIT")]:
            del started["env"][name]
        return subprocess.run(
            **{**started, "env": {**started["env"], **variables}}, capture_output=True, check=False
        )

    def git(self, *command: str) -> None:
        done = self.run("git", "-c", "user.name=A", "-c", "user.email=a@b.c", *command)
        assert done.returncode == 0, done.stderr

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--message", "a change")

    def answer(self, **answers: str) -> None:
        """Let `gh` answer what has all the words of a key, which underscores separate."""
        pairs = [(key.split("_"), text) for key, text in answers.items()]
        (self.tools / "answers.json").write_text(json.dumps(pairs))

    def read_log(self) -> list[dict[str, Any]]:
        log = self.tools / "log.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def checkout(project: Callable[..., Any], tmp_path: Path) -> Checkout:
    made = project(tmp_path / "a checkout")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gh").write_text(GH.format(python=sys.executable))
    (tools / "gh").chmod(0o755)
    checkout = Checkout(replace(made, variables={**made.variables, "FRAMEWORKS": "fake"}), tools)
    shutil.copytree(ROOT / ".ci", checkout.folder / ".ci")
    made.write("sin", SIN)
    made.write("abs", ABS)
    made.write("./Makefile", MAKEFILE)
    made.write("./.gitignore", ".venv/\n_build/\n")
    made.write("./conf.py", 'extensions = ["optabs"]\noptabs_inventories = False\n')
    made.write("./index.md", "# Home\n\n```{ops}\n```\n")
    for name, module in (("optabs", "-m optabs"), ("python", "")):
        program = made.write(f".venv/bin/{name}", f'#!/bin/sh\nexec {sys.executable} {module} "$@"')
        program.chmod(0o755)
    checkout.answer()
    checkout.git("init", "--initial-branch", "main")
    checkout.commit()
    checkout.git("switch", "--create", "branch")
    return checkout


# --- the pull request -----------------------------------------------------------------------------


def test_only_what_has_changed_is_verified_and_shown(checkout: Checkout) -> None:
    checkout.project.edit("sin", "1.0]", "1.5]")
    checkout.commit()
    summary = checkout.folder.parent / "summary.md"
    done = checkout.run(".ci/pull-request", "main", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stdout + done.stderr
    out = checkout.folder / "_build" / "pull-request"
    assert (out / "entries.txt").read_text() == "ops/sin.yaml\n"
    (op,) = json.loads((out / "optabs.json").read_text())["ops"]
    assert op["operation"] == "Sin"
    assert "`Sin` | ok 1" in summary.read_text()
    pages = sorted(file.relative_to(out / "preview") for file in out.glob("preview/**/*.html"))
    assert [page.as_posix() for page in pages] == ["ops/sin.html"]
    page = (out / "preview/ops/sin.html").read_text()
    assert "1.5" in page and "verified" in page
    assert (out / "preview/_static/optabs.css").is_file()


def test_what_does_not_hold_fails_and_is_left_for_the_report(checkout: Checkout) -> None:
    checkout.project.edit("sin", "np.sin(x)", "np.cos(x)")
    checkout.commit()
    done = checkout.run(".ci/pull-request", "main")
    assert done.returncode == 1
    assert "1 differs" in done.stdout
    export = checkout.folder / "_build/pull-request/optabs.json"
    assert '"differs"' in export.read_text()
    assert (checkout.folder / "_build/pull-request/preview/ops/sin.html").is_file()


def test_a_fault_anywhere_ends_it_at_its_line(checkout: Checkout) -> None:
    # Nothing has changed in the entry that names the one that is gone.
    (checkout.project.ops / "abs.yaml").unlink()
    checkout.commit()
    done = checkout.run(".ci/pull-request", "main", GITHUB_ACTIONS="true")
    assert done.returncode != 0
    assert "::error file=ops/sin.yaml,line=5" in done.stdout


def test_where_no_entry_has_changed_nothing_is_run(checkout: Checkout) -> None:
    checkout.project.write("./README.md", "Words.\n")
    checkout.commit()
    done = checkout.run(".ci/pull-request", "main")
    assert done.returncode == 0, done.stderr
    assert "no entry has changed" in done.stdout
    assert not (checkout.folder / "_build/pull-request/optabs.json").exists()


@pytest.mark.parametrize("is_forged", [False, True])
def test_evidence_of_the_cpu_is_held_against_a_run(checkout: Checkout, is_forged: bool) -> None:
    """A pull request that breaks an entry, and one with made-up evidence of it."""
    own = checkout.folder.parent / "own.jsonl"
    checkout.project.run("verify", "--export", own)
    lines = list(read_file(own, own.parent).lines)
    shutil.rmtree(checkout.folder / "_build")
    if is_forged:
        # The record of one example says what another has given.
        other = next(line for line in lines if line.record.operation == "Abs")
        lines = [
            replace(line, record=replace(line.record, results=other.record.results))
            for line in lines
        ]
    (checkout.folder / "evidence").mkdir()
    (checkout.folder / "evidence" / "fake-cpu.jsonl").write_bytes(write_lines(lines))
    checkout.commit()
    done = checkout.run(".ci/pull-request", "main")
    assert (checkout.folder / "_build/pull-request/entries.txt").read_text() == "ops\n"
    assert "2 verified" in done.stdout
    assert done.returncode == is_forged
    assert ("contradicted Sin, fake, case plain on cpu" in done.stderr) is is_forged


# --- the comment ----------------------------------------------------------------------------------


@pytest.fixture
def found(checkout: Checkout) -> Path:
    """What the run of a pull request has left, beside the checkout; main's export is published."""
    folder = checkout.folder.parent / "verdicts"
    published = checkout.folder.parent / "published"
    checkout.project.run("verify", "--json", published / "optabs.json")
    checkout.project.edit("sin", "np.sin(x)", "np.cos(x)")
    checkout.project.run("verify", "ops/sin.yaml", "--json", folder / "optabs.json")
    return folder


def post(checkout: Checkout, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    site = (checkout.folder.parent / "published").as_uri()
    given = {"GITHUB_REPOSITORY": "o/r", "OPTABS_SITE": site, **variables}
    return checkout.run(".ci/report-pull-request", folder, "me", "my-branch", "abc", **given)


def test_a_comment_says_what_got_worse(checkout: Checkout, found: Path) -> None:
    checkout.answer(**{"repos/o/r/pulls": "7"})
    done = post(checkout, found)
    assert done.returncode == 0, done.stderr
    asked, listed, posted = checkout.read_log()
    assert "head=me:my-branch" in asked["words"]
    assert asked["sha"] == "abc"
    assert "repos/o/r/issues/7/comments" in listed["words"]
    assert posted["words"][3:5] == ["POST", "repos/o/r/issues/7/comments"]
    assert posted["body"].startswith(f"{MARK}\n### Optabs: 1 op, 1 got worse, 1 changed")
    assert "Newly differs (1)" in posted["body"]
    assert posted["body"].endswith("\nThis is of the commit abc.\n")


def test_the_comment_that_is_there_is_replaced(checkout: Checkout, found: Path) -> None:
    checkout.answer(**{"repos/o/r/pulls": "7", "repos/o/r/issues/7/comments": "31\n32"})
    assert post(checkout, found, OPTABS_SITE="file:///nowhere").returncode == 0
    posted = checkout.read_log()[-1]
    assert posted["words"][3:5] == ["PATCH", "repos/o/r/issues/comments/31"]
    assert f'mark="{MARK}"' in (ROOT / ".ci/report-pull-request").read_text()
    # Nothing is published: the verdicts alone.
    assert posted["body"].startswith(f"{MARK}\n### Optabs: 1 op, 1 failed or differ")


def test_nothing_is_posted_where_there_is_nothing_to_say(checkout: Checkout, found: Path) -> None:
    done = post(checkout, found.parent / "nothing")
    assert (done.returncode, checkout.read_log()) == (0, [])
    done = post(checkout, found)
    assert "no open pull request has this commit" in done.stdout
    assert len(checkout.read_log()) == 1


def test_what_is_no_export_is_not_posted(checkout: Checkout, found: Path) -> None:
    checkout.answer(**{"repos/o/r/pulls": "7"})
    (found / "optabs.json").write_text('{"schema": 1, "ops": "@everybody"}')
    done = post(checkout, found)
    assert done.returncode == 1
    assert "is no export of Optabs" in done.stderr
    assert len(checkout.read_log()) == 1


# --- evidence -------------------------------------------------------------------------------------


def test_evidence_of_a_device_becomes_a_pull_request(checkout: Checkout) -> None:
    origin = checkout.folder.parent / "origin.git"
    checkout.git("clone", "--bare", ".", str(origin))
    checkout.git("remote", "add", "origin", origin.as_uri())
    file = checkout.folder.parent / "found.jsonl"
    done = checkout.run(".ci/evidence", "cpu", file)
    assert done.returncode == 0, done.stderr
    done = checkout.run(".ci/evidence-pull-request", file)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = checkout.run("git", "--git-dir", origin, "show", "--stat", "evidence").stdout
    assert "evidence/fake-cpu.jsonl | 2 ++" in shown
    asked, posted = checkout.read_log()
    assert asked["words"][:2] == ["pr", "list"]
    assert posted["words"][:2] == ["pr", "create"]
    assert "evidence/fake-cpu.jsonl: 2 current (version 1.0" in posted["body"]
    # The same again is nothing new.
    assert "nothing new" in checkout.run(".ci/evidence-pull-request", file).stdout
    assert len(checkout.read_log()) == 2


def test_an_open_pull_request_is_brought_up_to_date(checkout: Checkout) -> None:
    origin = checkout.folder.parent / "origin.git"
    checkout.git("clone", "--bare", ".", str(origin))
    checkout.git("remote", "add", "origin", origin.as_uri())
    file = checkout.folder.parent / "found.jsonl"
    checkout.run(".ci/evidence", "cpu", file)
    checkout.answer(pr_list="12")
    assert checkout.run(".ci/evidence-pull-request", file).returncode == 0
    asked, posted = checkout.read_log()
    assert "select(.isCrossRepository | not)" in asked["words"][-1]  # none of a fork
    assert posted["words"][:2] == ["api", "--silent"]
    assert posted["words"][2:5] == ["--method", "PATCH", "repos/{owner}/{repo}/pulls/12"]
    assert "evidence/fake-cpu.jsonl: 2 current" in posted["body"]


def test_what_failed_is_evidence_too(checkout: Checkout) -> None:
    checkout.project.edit("sin", "fakeframework.sin}", "fakeframework.sine}")
    file = checkout.folder.parent / "found.jsonl"
    assert checkout.run(".ci/evidence", "cpu", file).returncode == 0
    assert '"outcome":"raised"' in file.read_text()


def test_a_device_that_is_not_there_is_told(checkout: Checkout) -> None:
    file = checkout.folder.parent / "found.jsonl"
    done = checkout.run(".ci/evidence", "cuda", file)
    assert done.returncode == 1
    assert "nothing could be run on a cuda device here" in done.stderr


# --- the newest releases --------------------------------------------------------------------------


def test_what_newest_releases_make_worse_becomes_an_issue(
    checkout: Checkout, packages: Path
) -> None:
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": packages.as_uri(), "PIP_NO_CACHE_DIR": "1"}
    new, last = checkout.folder.parent / "newest.json", checkout.folder / "_build/last/optabs.json"
    done = checkout.run(".ci/newest", new, **pip)
    assert done.returncode == 0, done.stdout + done.stderr
    fake = next(each for each in json.loads(new.read_text())["frameworks"] if each["key"] == "fake")
    assert fake["version"] == "1.1"

    # The first night there is nothing to compare with.
    site = {"OPTABS_SITE": "file:///nowhere"}
    assert checkout.run(".ci/report-newest", new, last, **site).returncode == 0
    assert checkout.read_log() == []
    assert last.read_bytes() == new.read_bytes()

    new.write_text(new.read_text().replace('"verified"', '"failed"', 1))
    done = checkout.run(".ci/report-newest", new, last, **site)
    assert done.returncode == 0, done.stderr
    listed, posted = checkout.read_log()
    assert listed["words"][:2] == ["issue", "list"]
    assert posted["words"][:2] == ["issue", "create"]
    assert "1 got worse" in posted["body"]
    # Once is enough.
    assert checkout.run(".ci/report-newest", new, last, **site).returncode == 0
    assert len(checkout.read_log()) == 2

    new.write_text(new.read_text().replace('"failed"', '"differs"').replace('"1.1"', '"1.2"'))
    new.write_text(new.read_text().replace('"verified"', '"failed"', 1))
    checkout.answer(issue_list="5")
    assert checkout.run(".ci/report-newest", new, last, **site).returncode == 0
    assert checkout.read_log()[-1]["words"][:3] == ["issue", "comment", "5"]


# --- Read the Docs --------------------------------------------------------------------------------


def test_read_the_docs_shows_evidence_alone(checkout: Checkout) -> None:
    own = checkout.folder.parent / "own.jsonl"
    checkout.project.run("verify", "--op", "Sin", "--export", own)
    assert checkout.project.run("evidence", "add", own).returncode == 0
    shutil.rmtree(checkout.folder / "_build")
    settings = yaml.safe_load((ROOT / ".readthedocs.yaml").read_text(encoding="utf-8"))
    (command,) = settings["build"]["jobs"]["build"]["html"]
    output = checkout.folder.parent / "an output"
    programs = f"{checkout.folder / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    nothing = str(checkout.folder / "nothing")
    done = checkout.run(
        *("sh", "-c", command),
        READTHEDOCS_OUTPUT=str(output),
        PATH=programs,
        OPTABS_ENVIRONMENTS=nothing,
    )
    assert done.returncode == 0, done.stderr
    assert "optabs: 1 verified, 0 differs, 0 failed, 1 not run," in done.stdout
    assert "executed 0, reused 0" in done.stdout
    assert "evidence from another machine" in (output / "html/ops/sin.html").read_text()
    assert "not run" in (output / "html/ops/abs.html").read_text()


def test_read_the_docs_says_where_the_site_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.setenv("READTHEDOCS_CANONICAL_URL", "https://example.org/en/latest/")
    assert runpy.run_path(str(ROOT / "conf.py"))["html_baseurl"] == "https://example.org/en/latest/"
    monkeypatch.delenv("READTHEDOCS_CANONICAL_URL")
    assert runpy.run_path(str(ROOT / "conf.py"))["html_baseurl"] == ""
