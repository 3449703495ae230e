"""The workflows: their form, what they may do, and that what they run is there."""

from __future__ import annotations

import copy
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
TOOLS = Path(sys.executable).parent
READ = {"contents: read"}
# Beside the commands of this repository, steps may run these.
COMMANDS = {"gh", "git"}

Workflow = dict[Any, Any]


def load(name: str) -> Workflow:
    workflow: Workflow = yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    return workflow


NAMES = sorted(file.stem for file in FOLDER.iterdir())
WORKFLOWS = {name: load(name) for name in NAMES}


def list_events(workflow: Workflow) -> set[str]:
    # To YAML 1.1, `on` is true.
    events = workflow.get("on", workflow.get(True))
    return {events} if isinstance(events, str) else set(events)


def list_steps(workflow: Workflow) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


def find_faults(workflow: Workflow) -> Iterator[str]:
    """Yield what is wrong with a workflow."""
    events, jobs = list_events(workflow), workflow["jobs"]
    if workflow.get("permissions") != {}:
        yield "permissions are to be given job by job"
    if "concurrency" not in workflow:
        yield "runs may overlap"
    if "pull_request_target" in events:
        yield "it runs with the rights of the main branch for a pull request"
    for name, job in jobs.items():
        rights = {f"{scope}: {right}" for scope, right in job.get("permissions", {}).items()}
        if not rights:
            yield f"{name} has no permissions of its own"
        if not 0 < job.get("timeout-minutes", 0) <= 120:
            yield f"{name} has no time limit"
        if "pull_request" in events and (rights - READ or is_secretive(job)):
            yield f"{name} has rights or secrets, and runs what a pull request brings"
        if "pull_request" in events and "self-hosted" in str(job["runs-on"]):
            yield f"{name} runs what a pull request brings on a machine that is kept"
        yield from (f"{name} needs {need}" for need in list_needs(job) if need not in jobs)
    for step in list_steps(workflow):
        checks_out = step.get("uses", "").startswith("actions/checkout@")
        if checks_out and step["with"].get("persist-credentials") is not False:
            yield "the token is left in the checkout"
        if checks_out and {"ref", "repository"} & step["with"].keys():
            yield "something else than the event's own commit is checked out"
        if "uses" in step and not re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]):
            yield f"{step['uses']} is not pinned by a major version"
        if "run" in step:
            yield from find_command_faults(step["run"])


def find_command_faults(command: str) -> Iterator[str]:
    """Yield what is wrong with a shell step: it is one command, which is here."""
    if "${{" in command:
        yield f"what an event holds is pasted into the shell: {command}"
    if re.search(r"\n.|;|&&|\|", command):
        yield f"more than one command, which belongs in a script: {command}"
    name, *arguments = shlex.split(command)
    if name == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        yield from (
            f"make has no target {each}"
            for each in arguments
            if "=" not in each and each not in targets
        )
    elif name.startswith(".ci/"):
        file = ROOT / name
        if not file.is_file() or not file.stat().st_mode & 0o100:
            yield f"there is no program {name}"
    elif name not in COMMANDS:
        yield f"unknown command {name}"


def is_secretive(job: dict[str, Any]) -> bool:
    return bool(re.search(r"secrets\.|github\.token|GITHUB_TOKEN", str(job)))


def list_needs(job: dict[str, Any]) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else needs


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_has_no_faults(name: str) -> None:
    assert list(find_faults(WORKFLOWS[name])) == []


def _edit_job(**values: Any) -> Callable[[Workflow], None]:
    return lambda workflow: next(iter(workflow["jobs"].values())).update(values)


def _edit_step(number: int, **values: Any) -> Callable[[Workflow], None]:
    return lambda workflow: list(list_steps(workflow))[number].update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda workflow: workflow.update(permissions="write-all"), "job by job"),
        (lambda workflow: workflow.pop("concurrency"), "overlap"),
        (lambda workflow: workflow.update({True: {"pull_request_target": None}}), "the rights of"),
        (_edit_job(permissions={}), "no permissions of its own"),
        (_edit_job(permissions={"contents": "write"}), "rights or secrets"),
        (_edit_job(env={"KEY": "${{ secrets.KEY }}"}), "rights or secrets"),
        (_edit_job(**{"timeout-minutes": 600}), "no time limit"),
        (_edit_job(**{"runs-on": ["self-hosted", "cuda"]}), "a machine that is kept"),
        (_edit_job(needs=["build"]), "entries needs build"),
        (_edit_step(0, **{"with": {}}), "the token is left"),
        (
            _edit_step(0, **{"with": {"ref": "x", "persist-credentials": False}}),
            "something else than the event's own commit",
        ),
        (_edit_step(2, uses="actions/cache@main"), "not pinned"),
        (_edit_step(3, run="echo ${{ github.head_ref }}"), "pasted into the shell"),
        (_edit_step(3, run="make html && make test"), "more than one command"),
        (_edit_step(3, run="make htmll"), "no target htmll"),
        (_edit_step(3, run=".ci/runn"), "no program .ci/runn"),
        (_edit_step(3, run="curl example.org"), "unknown command curl"),
    ],
)
def test_a_broken_workflow_is_found(change: Callable[[Workflow], None], message: str) -> None:
    workflow = copy.deepcopy(WORKFLOWS["pull-request"])
    change(workflow)
    assert any(message in fault for fault in find_faults(workflow)), list(find_faults(workflow))


def test_artifacts_that_are_fetched_are_left_by_another_job() -> None:
    left, fetched = set(), set()
    for workflow in WORKFLOWS.values():
        for step in list_steps(workflow):
            options = step.get("with", {})
            if "upload-artifact" in step.get("uses", ""):
                left.add(re.sub(r"\$\{\{.*?\}\}", "*", options["name"]))
            if "download-artifact" in step.get("uses", ""):
                fetched.add(options.get("name") or options["pattern"])
                # Never into the checkout, whose programs are run.
                assert options["path"].startswith("${{ runner.temp }}")
    assert fetched == {"verdicts", "evidence-*", "newest"}
    assert fetched <= left


def test_the_report_follows_the_run_that_it_reports() -> None:
    events = WORKFLOWS["pull-request-report"][True]
    assert events["workflow_run"]["workflows"] == [WORKFLOWS["pull-request"]["name"]]


def test_files_that_keys_of_caches_hash_are_there() -> None:
    texts = [(FOLDER / f"{name}.yml").read_text() for name in NAMES]
    patterns = set(re.findall(r"'([^']*\.(?:txt|yaml))'", "".join(texts)))
    assert patterns == {
        "ext/optabs/frameworks/*/requirements.txt",
        "ext/optabs/frameworks/*/framework.yaml",
    }
    assert all(list(ROOT.glob(pattern)) for pattern in patterns)


# --- by well-kept tools ---------------------------------------------------------------------------


def run_tool(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(TOOLS / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        *(("github-workflows", f".github/workflows/{name}.yml") for name in NAMES),
        ("dependabot", ".github/dependabot.yml"),
        ("readthedocs", ".readthedocs.yaml"),
    ],
)
def test_a_configuration_has_the_form_of_its_service(
    schema: str, file: str, tmp_path: Path
) -> None:
    check = ("--builtin-schema", f"vendor.{schema}")
    done = run_tool("check-jsonschema", *check, ROOT / file)
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text((ROOT / file).read_text() + "\njosb: {}\n")
    assert run_tool("check-jsonschema", *check, broken).returncode == 1


def audit(folder: Path) -> subprocess.CompletedProcess[str]:
    return run_tool("zizmor", "--offline", "--no-progress", folder)


def test_an_audit_of_security_finds_nothing() -> None:
    done = audit(ROOT / ".github")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        ("pull-request", "HEAD^1", "${{ github.head_ref }}", "template-injection"),
        ("pull-request", "on: pull_request\n", "on: pull_request_target\n", "dangerous-triggers"),
        ("test", "persist-credentials: false", "fetch-depth: 0", "artipacked"),
    ],
)
def test_the_audit_finds_what_is_wrong(
    file: str, old: str, new: str, finding: str, tmp_path: Path
) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / ".github" / "zizmor.yml", folder.parent)
    text = (FOLDER / f"{file}.yml").read_text()
    (folder / f"{file}.yml").write_text(text)
    assert audit(tmp_path / ".github").returncode == 0
    assert old in text
    (folder / f"{file}.yml").write_text(text.replace(old, new))
    done = audit(tmp_path / ".github")
    assert done.returncode != 0
    assert finding in done.stdout


def test_scripts_are_sound(tmp_path: Path) -> None:
    scripts = sorted((ROOT / ".ci").iterdir())
    done = run_tool("shellcheck", *scripts)
    assert done.returncode == 0, done.stdout
    for script in scripts:
        text = script.read_text()
        assert text.startswith("#!/usr/bin/env bash\n# ")
        assert "set -euo pipefail" in text
    broken = tmp_path / "broken"
    broken.write_text("#!/usr/bin/env bash\nrm -rf $1/*\n")
    assert run_tool("shellcheck", broken).returncode == 1
