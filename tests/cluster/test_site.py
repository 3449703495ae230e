"""A site whose examples ran on several machines is that of one machine that has all of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from .conftest import copy_variables, find_port, wait_for

CONF = """\
project = "Fakes"
extensions = ["optabs"]
html_theme = "alabaster"
optabs_inventories = False
"""
# As tests/fake/with_cuda.py does it for the command line.
CUDA = """\
from optabs.run import targets
find_own = targets.find_devices
targets.find_devices = lambda: {**find_own(), "cuda": "1.0"}
"""
INDEX = "# Home\n\n```{ops}\n```\n\n```{matrix}\n```\n"
COUNT = 20
WAITING = 11
DIFFERENCE = {
    "frameworks": ["fake_two"],
    "dtype": {"result": "float64"},
    "reason": "It has no other dtype.",
}
MEASURED = ("ran_at", "seconds")


def write_site(folder: Path, gate: Path, conf: str = CONF) -> None:
    (folder / "ops").mkdir(parents=True)
    (folder / "conf.py").write_text(conf)
    (folder / "index.md").write_text(INDEX)
    wait = f"""
        import os, time
        open({str(gate.with_name("mark-"))!r} + str(os.getppid()), "w").close()
        while not os.path.exists({str(gate)!r}): time.sleep(0.01)
    """
    for number in range(COUNT):
        two = textwrap.dedent(wait if number == WAITING else "") + "print(x)\nresult = x\n"
        entry = {
            "operation": f"Op{number}",
            "std_args": [{"name": "x", "type": "Tensor"}],
            "cases": [
                {
                    "id": "plain",
                    "inputs": {"x": [number / 8]},
                    "expect": "x",
                    "differences": [DIFFERENCE],
                }
            ],
            "variants": {
                "fake": {"example": "print(x)\nresult = x\n"},
                "fake_two": {"example": two},
            },
        }
        if number == 3:
            entry["variants"]["fake"]["example"] = "result = x + x\n"
        (folder / f"ops/op{number}.yaml").write_text(json.dumps(entry))


def prepare(folder: Path, project, **variables: str) -> dict[str, object]:
    command = [sys.executable, "-m", "sphinx", "--no-color", "-b", "html", ".", "_build/html"]
    return {
        "args": command,
        "cwd": folder,
        "env": copy_variables({**project.variables, **variables}),
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }


def read_site(folder: Path) -> dict[str, str]:
    """All pages, and the verdicts, without what depends on the moment."""
    root = folder / "_build/html"
    pages = {
        file.relative_to(root).as_posix(): re.sub(
            r"\d{4}-\d\d-\d\d(T| )\d\d:\d\d(:\d\d)?Z?|\d+(\.\d+)? m?s\b|\d{4}-\d\d-\d\d",
            "SOME TIME",
            file.read_text(),
        )
        for file in root.rglob("*.html")
    }
    export = json.loads((root / "optabs.json").read_text())
    for op in export["ops"]:
        for variant in op["variants"].values():
            for verdict in variant["verdicts"]:
                verdict.update(dict.fromkeys(MEASURED))
    return {**pages, "optabs.json": json.dumps(export, indent=1)}


def test_a_site_of_several_machines_is_that_of_one(
    cluster, start_machine, build_project, gate, tmp_path
):
    """One machine offers one framework, the other the other one with a device; one is killed."""
    several, single = tmp_path / "several", tmp_path / "single"
    write_site(several, gate)
    write_site(single, gate, CUDA + CONF)
    second = start_machine("second", cluster.address, FRAMEWORKS="fake", CUDA_FAKE="1")
    (first,) = cluster.join("first", FRAMEWORKS="fake_two")
    second.wait_for("has joined")
    mark = gate.with_name(f"mark-{first.popen.pid}")
    with subprocess.Popen(
        **prepare(several, build_project, OPTABS_SCHEDULER=cluster.address)
    ) as build:
        wait_for(mark.exists)
        first.end(signal.SIGKILL)
        gate.touch()
        output, errors = build.communicate(timeout=120)
    assert build.returncode == 0, errors
    assert "first has left the cluster; this machine goes on with fake_two on cpu" in errors
    warnings = [line for line in errors.splitlines() if "WARNING: " in line]
    assert len(warnings) == 1 + 2, errors  # it has left; one example differs on two devices
    assert f"executed {3 * COUNT}, reused 0" in output
    second.wait_for(f"fake on cuda: {COUNT} of {COUNT} examples run")
    done = subprocess.run(**prepare(single, build_project, CUDA_FAKE="1"), check=True, timeout=120)
    assert f"executed {3 * COUNT}, reused 0" in done.stdout
    expected, found = read_site(single), read_site(several)
    assert sorted(found) == sorted(expected)
    assert found["ops/op1.html"].count("Fake GPU") > 0
    for name, text in found.items():
        assert text == expected[name], name


def test_an_interrupted_site_is_ended_on_the_machine_too(cluster, build_project, gate, tmp_path):
    folder = tmp_path / "site"
    write_site(folder, gate)
    (machine,) = cluster.join("gpu1", CUDA_FAKE="1", FRAMEWORKS="fake_two")
    mark = gate.with_name(f"mark-{machine.popen.pid}")
    command = prepare(folder, build_project, OPTABS_SCHEDULER=cluster.address)
    with subprocess.Popen(**command, start_new_session=True) as build:
        wait_for(mark.exists)
        os.killpg(build.pid, signal.SIGINT)
        _, errors = build.communicate(timeout=30)
    assert build.returncode != 0
    assert "Traceback" not in errors
    machine.wait_for(r"fake_two on cpu: \d+ of 10 examples run, .* s: cancelled")


def test_a_site_is_built_without_the_scheduler(build_project, gate, tmp_path):
    folder = tmp_path / "site"
    write_site(folder, gate)
    gate.touch()
    address = f"tcp://127.0.0.1:{find_port()}"
    done = subprocess.run(
        **prepare(folder, build_project, OPTABS_SCHEDULER=address), check=True, timeout=120
    )
    assert f"WARNING: the scheduler {address} cannot be used: " in done.stderr
    assert f"executed {2 * COUNT}, reused 0" in done.stdout
    done = subprocess.run(
        **prepare(folder, build_project, OPTABS_SCHEDULER="localhost"), check=False, timeout=120
    )
    assert done.returncode == 2
    assert "'localhost' is no address of a Dask scheduler" in done.stderr
    assert "Traceback" not in done.stderr
