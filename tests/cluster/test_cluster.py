"""Examples run on a real Dask cluster: its scheduler and machines are processes on loopback."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

from optabs.run.cluster.connection import ask_workers
from optabs.run.cluster.worker import ShareService

from .conftest import FAKE, MACHINE, find_port, run_process, wait_for, write_ops

CPU_AND_CUDA = 2
WAIT = """\
import os, time
open({mark!r} + str(os.getppid()), "w").close()
while not os.path.exists({gate!r}): time.sleep(0.01)
result = ff.sin(x)
"""
KILL_MACHINE = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nresult = ff.sin(x)"


def verify(project, *arguments: object, **variables: str | None):
    """Run `optabs verify`; returns what it said, and each verdict by (op, device)."""
    done = project.run("verify", *arguments, "--json", "out.json", **variables)
    assert "Traceback" not in done.stderr, done.stderr
    return done, read_verdicts(project)


def read_verdicts(project) -> dict[tuple[str, str], dict[str, object]]:
    export = json.loads((project.folder / "out.json").read_text())
    return {
        (op["operation"], verdict["device"]): verdict
        for op in export["ops"]
        for verdict in op["variants"]["fake"]["verdicts"]
    }


def list_records(project) -> list[dict[str, object]]:
    file = project.folder / "_build/ledger/ledger.sqlite"
    if not file.exists():
        return []
    with closing(sqlite3.connect(file, timeout=10)) as ledger:
        try:
            rows = ledger.execute("SELECT body FROM records").fetchall()
        except sqlite3.OperationalError:  # its tables are still being made
            return []
    return [each for row in rows if (each := json.loads(row[0]))["framework"] == "fake"]


def count_records(project, device: str) -> int:
    return sum(record["device"] == device for record in list_records(project))


def read_summary(text: str) -> str:
    return next(line for line in text.splitlines() if re.match(r"optabs: \d+ verified", line))


def counts(text: str, what: str) -> int:
    """A number of the summary."""
    summary = read_summary(text)
    found = re.search(rf"(\d+) {what}\b", summary) or re.search(rf"{what} (\d+)", summary)
    assert found, summary
    return int(found[1])


@pytest.fixture
def waiting(gate, tmp_path) -> str:
    """An example that tells which process runs its worker, and waits for the gate."""
    (tmp_path / "marks").mkdir()
    return WAIT.format(gate=str(gate), mark=str(tmp_path / "marks") + os.sep)


def test_devices_of_a_machine_are_verified_in_batches(cluster, build_project):
    write_ops(build_project.ops, 20)
    (machine,) = cluster.join("gpu1", CUDA_FAKE="1")
    (worker,) = ask_workers(cluster.address).values()
    assert worker["resources"] == {"optabs:fake:cpu": 1, "optabs:fake:cuda": 1} | {
        "optabs:fake_two:cpu": 1
    }
    assert "optabs: offers fake 1.0 on cuda (Fake GPU), Python 3." in machine.output
    arguments = ("--scheduler", cluster.address, "--export", "out.jsonl")
    done, verdicts = verify(build_project, *arguments)
    assert done.returncode == 0
    assert (build_project.folder / "out.jsonl").read_text().count('"device":"cuda"') == 20
    assert counts(done.stdout, "verified") == counts(done.stdout, "executed") == 20 * CPU_AND_CUDA
    assert verdicts["Op7", "cuda"]["device_name"] == "Fake GPU"
    assert "optabs: fake on cuda: 20 of 20 examples run, " in machine.output
    # What both can run is shared between them, under the same keys.
    machine.wait_for("fake on cpu: 10 of 10 examples run, ")
    again, _ = verify(build_project, OPTABS_SCHEDULER=cluster.address)
    assert (counts(again.stdout, "executed"), counts(again.stdout, "reused")) == (0, 40)
    local, _ = verify(build_project)
    assert (counts(local.stdout, "executed"), counts(local.stdout, "reused")) == (0, 20)


def test_a_framework_that_is_not_here_is_verified_elsewhere(cluster, build_project, tmp_path):
    write_ops(build_project.ops, 2)
    build_project.edit("op0", "ff.sin(x)", "ff.no_such_name(x)")
    cluster.join("gpu1")
    done, verdicts = verify(
        build_project, "--scheduler", cluster.address, OPTABS_ENVIRONMENTS=str(tmp_path / "none")
    )
    assert done.returncode == 1
    assert verdicts["Op1", "cpu"]["verdict"] == "verified"
    assert verdicts["Op0", "cpu"]["verdict"] == "failed"
    assert "no_such_name" in verdicts["Op0", "cpu"]["reason"]
    # Folders of the machine are not named.
    assert not [each for each in list_records(build_project) if str(tmp_path) in json.dumps(each)]


def test_the_scheduler_needs_no_optabs(start_cluster, build_project, tmp_path):
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    (lacking / "optabs.py").write_text("raise ImportError('there is no Optabs here')\n")
    cluster = start_cluster(PYTHONPATH=str(lacking))
    write_ops(build_project.ops, 2)
    cluster.join("gpu1", CUDA_FAKE="1")
    done, _ = verify(build_project, "--scheduler", cluster.address, "--device", "cuda")
    assert counts(done.stdout, "executed") == 2
    assert "ImportError" not in cluster.scheduler.output


def test_only_the_selected_frameworks_are_used(cluster, build_project):
    write_ops(build_project.ops, 1)
    cluster.join("gpu1", CUDA_FAKE="1")
    done, verdicts = verify(build_project, "--scheduler", cluster.address, FRAMEWORKS="fake_two")
    assert done.stderr == ""
    assert verdicts["Op0", "cpu"]["reason"] == "not selected for this build (FRAMEWORKS)"
    assert len(verdicts) == 1


# --- losses ---------------------------------------------------------------------------------------


def test_a_lost_machine_costs_nothing_that_another_one_can_do(
    cluster, build_project, gate, waiting, tmp_path, find_processes
):
    """Killed in the middle of a batch: what it finished is kept, the rest runs elsewhere."""
    write_ops(build_project.ops, 8, op4=waiting)
    names = ("gpu1", "gpu2")
    machines = dict(zip(names, cluster.join(*names, CUDA_FAKE="1"), strict=True))
    arguments = ("--scheduler", cluster.address, "--device", "cuda", "--json", "out.json")
    with build_project.start("verify", *arguments) as build:
        wait_for(lambda: list((tmp_path / "marks").iterdir()))
        wait_for(lambda: count_records(build_project, "cuda") == 4)  # they come one by one
        (mark,) = (tmp_path / "marks").iterdir()
        (first,) = [name for name in machines if machines[name].popen.pid == int(mark.name)]
        machines[first].end(signal.SIGKILL)
        gate.touch()
        output, errors = build.communicate(timeout=60)
    other = "gpu2" if first == "gpu1" else "gpu1"
    assert f"{first} has left the cluster; {other} goes on with fake on cuda" in errors
    assert counts(output, "verified") == counts(output, "executed") == 8
    machines[other].wait_for("fake on cuda: 4 of 4 examples run")  # and none twice
    wait_for(lambda: not find_processes(tmp_path / f"{first}-scratch"))


def test_this_machine_goes_on_where_it_can(cluster, build_project, gate, waiting, tmp_path):
    """The only machine is lost: its share is run here; its own device is not run, and says so."""
    write_ops(build_project.ops, 20, **dict.fromkeys(("op3", "op4", "op5", "op6"), waiting))
    (machine,) = cluster.join("gpu1", CUDA_FAKE="1")
    arguments = ("--scheduler", cluster.address, "--json", "out.json")
    with build_project.start("verify", *arguments) as build:
        # One waits here, one on each of the machine's devices.
        wait_for(lambda: len(list((tmp_path / "marks").iterdir())) == 2)
        wait_for(lambda: count_records(build_project, "cuda") == 13)
        machine.end(signal.SIGKILL)
        gate.touch()
        output, errors = build.communicate(timeout=60)
    assert "gpu1 has left the cluster; this machine goes on with fake on cpu" in errors
    assert "gpu1 has left the cluster, and no other machine of the cluster has it" in output
    verdicts = read_verdicts(build_project)
    assert {each["verdict"] for (_, device), each in verdicts.items() if device == "cpu"} == {
        "verified"
    }
    left = [each["verdict"] for (_, device), each in verdicts.items() if device == "cuda"]
    assert (left.count("verified"), left.count("not_run")) == (13, 7)


def test_an_example_that_ends_its_worker_costs_itself_alone(cluster, build_project):
    crash = "import os\nos.abort()"
    write_ops(build_project.ops, 10, op4=crash)
    (machine,) = cluster.join("gpu1", CUDA_FAKE="1")
    done, verdicts = verify(build_project, "--scheduler", cluster.address, "--device", "cuda")
    assert verdicts["Op4", "cuda"]["outcome"] == "crashed"
    assert "SIGABRT" in verdicts["Op4", "cuda"]["reason"]
    assert (counts(done.stdout, "verified"), counts(done.stdout, "failed")) == (9, 1)
    machine.wait_for("fake on cuda: 10 of 10 examples run")


def test_an_example_that_takes_machines_down_costs_itself_alone(cluster, build_project):
    write_ops(build_project.ops, 6, op2=KILL_MACHINE)
    machines = cluster.join("gpu1", "gpu2", "gpu3", CUDA_FAKE="1")
    done, verdicts = verify(build_project, "--scheduler", cluster.address, "--device", "cuda")
    assert sorted(str(machine.popen.poll()) for machine in machines) == ["-9", "-9", "None"]
    assert (counts(done.stdout, "verified"), counts(done.stdout, "failed")) == (5, 1)
    assert "2 machines of the cluster were lost" in verdicts["Op2", "cuda"]["reason"]


def test_a_lost_scheduler_costs_nothing_that_can_be_done_here(
    start_cluster, build_project, gate, waiting, tmp_path, find_processes
):
    cluster = start_cluster()
    write_ops(build_project.ops, 20, op11=waiting, op12=waiting)
    (machine,) = cluster.join("gpu1", CUDA_FAKE="1")
    arguments = ("--scheduler", cluster.address, "--json", "out.json")
    with build_project.start("verify", *arguments) as build:
        wait_for(lambda: len(list((tmp_path / "marks").iterdir())) == 2)
        wait_for(lambda: count_records(build_project, "cuda") == 3)
        cluster.scheduler.end(signal.SIGKILL)
        gate.touch()
        output, errors = build.communicate(timeout=60)
    assert "the scheduler is gone; this machine goes on with fake on cpu" in errors
    assert "Traceback" not in errors
    verdicts = read_verdicts(build_project)
    assert [v["verdict"] for (_, d), v in verdicts.items() if d == "cpu"] == ["verified"] * 20
    assert counts(output, "not run") > 0
    assert count_records(build_project, "cuda") >= 3
    assert machine.join() == 1
    assert f"optabs: the scheduler {cluster.address} is gone" in machine.output
    wait_for(lambda: not find_processes(tmp_path / "gpu1-scratch"))


@pytest.mark.parametrize("listens", [False, True], ids=["nobody", "a web server"])
def test_without_an_answer_all_runs_here(build_project, listens, tmp_path):
    write_ops(build_project.ops, 2)
    port = find_port()
    address = f"tcp://127.0.0.1:{port}"
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    if not listens:
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with run_process(command, tmp_path, {}) as server:
        if listens:
            server.wait_for("Serving")
        done, _ = verify(build_project, "--scheduler", address)
        worker = build_project.run("worker", address)
    assert (done.returncode, counts(done.stdout, "verified")) == (0, 2)
    assert f"optabs: the scheduler {address} cannot be used: " in done.stderr
    assert "all runs here\nlook whether it runs and is reachable" in done.stderr
    assert (worker.returncode, worker.stdout) == (2, "")
    assert f"optabs: the scheduler {address} cannot be used: " in worker.stderr
    assert "Traceback" not in worker.stderr and "object at 0x" not in worker.stderr


@pytest.mark.parametrize("address", ["localhost:8786", "http://x:8787", "tcp://x", "tcp://:1"])
def test_what_is_no_address_is_told(build_project, address):
    write_ops(build_project.ops, 1)
    for command in (("verify", "--scheduler", address), ("worker", address)):
        done = build_project.run(*command)
        assert done.returncode == 2
        assert done.stderr == (
            f"optabs: {address!r} is no address of a Dask scheduler\n"
            "write tcp://HOST:PORT or tls://HOST:PORT, as `dask scheduler` prints it\n"
        )


def test_a_scheduler_without_machines_is_told(cluster, build_project):
    write_ops(build_project.ops, 1)
    done, _ = verify(build_project, "--scheduler", cluster.address)
    assert counts(done.stdout, "verified") == 1
    assert "no machine has joined the scheduler" in done.stderr
    assert f"start `optabs worker {cluster.address}` on one" in done.stderr


# --- who may join ---------------------------------------------------------------------------------


def test_machines_of_other_versions_are_left_out(
    cluster, build_project, cuda_frameworks, start_machine, tmp_path
):
    """Another Optabs, another `distributed`, another adapter: all are told, and all runs here."""
    write_ops(build_project.ops, 20)
    machines = []
    for name, package in (("old1", "optabs.version"), ("old2", "distributed")):
        script = tmp_path / f"{name}.py"
        script.write_text(
            f"import runpy, sys, {package}\n{package}.__version__ = '0.0.1'\n"
            f"sys.argv[0] = {str(FAKE / 'with_cuda.py')!r}\n"
            "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        )
        command = [sys.executable, str(script), "worker"]
        machines.append(start_machine(name, cluster.address, command, CUDA_FAKE="1"))
    other = tmp_path / "other"
    shutil.copytree(cuda_frameworks, other)
    with (other / "fake/adapter.py").open("a") as adapter:
        adapter.write("# changed\n")
    machines += cluster.join("old3", OPTABS_FRAMEWORKS=str(other), CUDA_FAKE="1")
    for machine in machines:
        machine.wait_for("has joined")
    done, verdicts = verify(build_project, "--scheduler", cluster.address)
    assert "optabs: old1 is left out: it has Optabs 0.0.1, and this build " in done.stderr
    assert "optabs: old2 is left out: it has distributed 0.0.1, and this build " in done.stderr
    assert "optabs: old3 is left out for fake: its worker or adapter is not that" in done.stderr
    assert {device for _, device in verdicts} == {"cpu"}
    assert counts(done.stdout, "verified") == 20
    assert "examples run" not in "".join(machine.output for machine in machines)


def test_what_was_not_asked_for_is_not_believed(cluster, build_project, start_machine, tmp_path):
    """A machine gives the record of another example: it is asked nothing more."""
    script = tmp_path / "forging.py"
    script.write_text(
        "import runpy, sys\n"
        "from dataclasses import replace\n"
        "from optabs.run.cluster import worker\n"
        "give = worker.ShareService.hide_folders\n"
        "worker.ShareService.hide_folders = lambda self, event: (\n"
        "    replace(give(self, event), key='f' * 64, case='other'))\n"
        f"sys.argv[0] = {str(FAKE / 'with_cuda.py')!r}\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    cluster.join("forger", command=[sys.executable, str(script), "worker"])
    write_ops(build_project.ops, 20)
    done, _ = verify(build_project, "--scheduler", cluster.address)
    assert "forger said something else than it was asked; this machine goes on with" in done.stderr
    assert counts(done.stdout, "verified") == counts(done.stdout, "executed") == 20
    assert {record["case"] for record in list_records(build_project)} == {"plain"}


def test_a_machine_that_changes_after_joining_is_not_believed(
    cluster, build_project, cuda_frameworks
):
    write_ops(build_project.ops, 2)
    (machine,) = cluster.join("gpu1", CUDA_FAKE="1")
    adapter = cuda_frameworks / "fake/adapter.py"
    text = adapter.read_text()
    # The build has the adapter as it was; only the machine's is another one now.
    command = build_project.prepare(("verify", "--scheduler", cluster.address))
    copied = build_project.folder / "frameworks"
    shutil.copytree(cuda_frameworks, copied)
    adapter.write_text(text + "# changed\n")
    command["env"]["OPTABS_FRAMEWORKS"] = str(copied)
    done = subprocess.run(**command, capture_output=True, timeout=60, check=False)
    assert counts(done.stdout, "verified") == 2
    assert "gpu1 has changed since it joined (start `optabs worker` there again)" in done.stdout
    assert "fake on cuda: 0 of 2 examples run, " in machine.output
    assert count_records(build_project, "cuda") == 0
    (cuda_frameworks / "fake/framework.yaml").write_text("label: [\n")
    done = subprocess.run(**command, capture_output=True, timeout=60, check=False)
    assert "gpu1 cannot run it: " in done.stdout
    assert "framework.yaml:" in done.stdout
    assert "Traceback" not in machine.output


def test_machines_that_differ_are_told(cluster, build_project, start_machine, install, tmp_path):
    """Only one version of a framework can be shown for a device."""
    newer = tmp_path / "newer"
    shutil.copytree(FAKE / "frameworks", newer)
    (newer / "fake/requirements.txt").write_text("fakeframework==1.1\n")
    root = install(newer, tmp_path / "environments")
    machine = start_machine("gpu1", cluster.address, CUDA_FAKE="1")
    cluster.join("gpu2", CUDA_FAKE="1", OPTABS_ENVIRONMENTS=str(root))
    machine.wait_for("has joined")
    write_ops(build_project.ops, 2)
    done, verdicts = verify(build_project, "--scheduler", cluster.address)
    assert (
        "fake on cuda is not the same on all machines, so gpu2 is used and gpu1 is not"
    ) in done.stderr
    assert verdicts["Op0", "cuda"]["framework_version"] == "1.1"
    assert verdicts["Op0", "cpu"]["framework_version"] == "1.0"


def test_a_name_is_given_once(cluster, start_machine):
    cluster.join("gpu1")
    other = start_machine("gpu1", cluster.address)
    assert other.join() == 2
    assert "a machine has joined" in other.output
    assert "give this one another name: --name" in other.output
    assert "Traceback" not in other.output


def test_a_machine_with_nothing_to_offer_says_so(cluster, start_machine, tmp_path):
    machine = start_machine("bare", cluster.address, OPTABS_ENVIRONMENTS=str(tmp_path / "none"))
    assert machine.join() == 2
    assert 'not offered: fake on cpu: the environment "fake" is not installed' in machine.output
    assert "nothing can be run here, so there is nothing to offer" in machine.output


@pytest.mark.parametrize("command", [("verify", "--scheduler"), ("worker",)])
def test_without_distributed_it_is_said_what_to_install(build_project, command, tmp_path):
    write_ops(build_project.ops, 1)
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    (lacking / "distributed.py").write_text("raise ImportError('not here')\n")
    path = os.pathsep.join([str(lacking), build_project.variables["PYTHONPATH"]])
    done = build_project.run(*command, "tcp://127.0.0.1:9", PYTHONPATH=path)
    assert done.returncode == 2
    assert "a cluster needs the package `distributed`" in done.stderr
    assert "pip install 'optabs[cluster]'" in done.stderr
    done, _ = verify(build_project, PYTHONPATH=path)
    assert done.returncode == 0


@pytest.mark.parametrize("command", [("verify", "--scheduler"), ("worker",)])
def test_a_damaged_configuration_of_dask_is_told(build_project, command, tmp_path):
    write_ops(build_project.ops, 1)
    (tmp_path / "dask.yaml").write_text("distributed: [")
    done = build_project.run(*command, "tcp://127.0.0.1:9", DASK_CONFIG=str(tmp_path))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"{tmp_path / 'dask.yaml'}" in done.stderr
    assert "mend Dask's configuration" in done.stderr


def test_a_machine_that_falls_silent_is_given_up(
    start_cluster, build_project, gate, waiting, tmp_path
):
    """As after a pulled cable, the connection stays; Dask waits for 5 minutes by itself."""
    cluster = start_cluster(DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="5s")
    write_ops(build_project.ops, 8, op4=waiting)
    machines = {each.popen.pid: each for each in cluster.join("gpu1", "gpu2", CUDA_FAKE="1")}
    arguments = ("--scheduler", cluster.address, "--device", "cuda", "--json", "out.json")
    with build_project.start("verify", *arguments) as build:
        wait_for(lambda: list((tmp_path / "marks").iterdir()))
        wait_for(lambda: count_records(build_project, "cuda") == 4)
        (mark,) = (tmp_path / "marks").iterdir()
        stopped = machines[int(mark.name)]
        stopped.popen.send_signal(signal.SIGSTOP)
        gate.touch()
        output, errors = build.communicate(timeout=60)
    stopped.popen.send_signal(signal.SIGCONT)
    assert (build.returncode, counts(output, "verified")) == (0, 8), errors
    assert re.search(r"gpu\d has left the cluster; gpu\d goes on", errors)
    assert stopped.join() == 1
    assert "is gone, or has given this machine up" in stopped.output


def test_targets_are_looked_for_by_one_share_at_a_time():
    """Adapters are parsed for it, which CPython 3.11 cannot do in two threads at once."""
    both, met = threading.Barrier(2), []

    def find():
        with suppress(threading.BrokenBarrierError):
            met.append(both.wait(1))
        return []

    service = ShareService(find, {}, print)
    threads = [threading.Thread(target=service.make_batch, args=({}, ())) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert met == []


def test_what_a_machine_trips_over_is_told(cluster, build_project, start_machine):
    write_ops(build_project.ops, 1)
    code = """
        import runpy, sys
        from optabs.run.cluster.worker import ShareService
        def fail(*_): raise SystemError("it tripped")
        ShareService.make_batch = fail
        sys.argv[0] = sys.argv.pop(1)
        runpy.run_path(sys.argv[0], run_name="__main__")
        """
    command = [sys.executable, "-c", textwrap.dedent(code), *MACHINE[1:]]
    machine = start_machine("gpu1", cluster.address, command, CUDA_FAKE="1")
    machine.wait_for("gpu1 has joined")
    done, _ = verify(build_project, "--scheduler", cluster.address, "--device", "cuda")
    assert "gpu1 failed: SystemError: it tripped, and no other machine" in done.stdout


# --- encryption -----------------------------------------------------------------------------------


def test_connections_can_be_encrypted(start_cluster, build_project, tmp_path):
    trustme = pytest.importorskip("trustme")
    variables = {}
    for name in ("ours", "theirs"):
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(tmp_path / f"{name}-ca.pem")
        certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / f"{name}.pem")
        tls = {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(tmp_path / f"{name}-ca.pem")}
        for role in ("SCHEDULER", "WORKER", "CLIENT"):
            for what in ("CERT", "KEY"):
                variable = f"DASK_DISTRIBUTED__COMM__TLS__{role}__{what}"
                tls[variable] = str(tmp_path / f"{name}.pem")
        variables[name] = tls
    cluster = start_cluster("tls", **variables["ours"])
    (machine,) = cluster.join("gpu1", CUDA_FAKE="1", **variables["ours"])
    (address,) = _ask(cluster.address, variables["ours"])
    assert address.startswith("tls://")
    write_ops(build_project.ops, 2)
    arguments = ("--scheduler", cluster.address, "--device", "cuda")
    done, _ = verify(build_project, *arguments, **variables["ours"])
    assert counts(done.stdout, "verified") == 2
    machine.wait_for("2 of 2 examples run")
    # Without certificates, or with those of somebody else, nobody gets in.
    for other in ({}, variables["theirs"]):
        done, _ = verify(build_project, "--scheduler", cluster.address, "--fresh", **other)
        assert f"the scheduler {cluster.address} cannot be used" in done.stderr
        assert counts(done.stdout, "verified") == 2  # here
        worker = build_project.run("worker", cluster.address, **other)
        assert worker.returncode == 2
        assert f"the scheduler {cluster.address} cannot be used" in worker.stderr
    gone = {**variables["ours"], "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": "gone.pem"}
    done, _ = verify(build_project, "--scheduler", cluster.address, **gone)
    assert "a certificate or key that Dask's configuration names is not there" in done.stderr
    plain = cluster.address.replace("tls", "tcp")
    done, _ = verify(build_project, "--scheduler", plain)
    assert f"the scheduler {plain} cannot be used" in done.stderr


def _ask(address: str, variables: dict[str, str]) -> list[str]:
    code = textwrap.dedent("""
        import sys
        from optabs.run.cluster.connection import ask_workers
        print(*ask_workers(sys.argv[1]))
        """)
    done = subprocess.run(
        [sys.executable, "-c", code, address],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


# --- interruption ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "SIGKILL"])
def test_an_interrupted_build_is_ended_on_the_machine_too(
    cluster, build_project, gate, waiting, number, find_processes, tmp_path
):
    write_ops(build_project.ops, 6, op3=waiting)
    (machine,) = cluster.join("gpu1", CUDA_FAKE="1")
    arguments = ("verify", "--scheduler", cluster.address, "--device", "cuda")
    with build_project.start(*arguments) as build:
        wait_for(lambda: count_records(build_project, "cuda") == 3)
        wait_for(lambda: list((tmp_path / "marks").iterdir()))
        os.killpg(build.pid, number)
        _, errors = build.communicate(timeout=30)
    assert "Traceback" not in errors
    machine.wait_for("fake on cuda: 3 of 6 examples run, .* s: cancelled")
    # The machine itself is left, and what Dask has as a resource tracker or the like.
    workers = [
        pid
        for pid in find_processes(tmp_path / "gpu1-scratch")
        if b"--adapter" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert workers == []
    gate.touch()
    done, _ = verify(build_project, *arguments[1:])
    assert (counts(done.stdout, "executed"), counts(done.stdout, "reused")) == (3, 3)


def test_an_interrupted_machine_leaves_nothing_behind(
    cluster, build_project, waiting, find_processes, tmp_path
):
    """It says farewell, so that nobody takes its example for the cause."""
    write_ops(build_project.ops, 6, op3=waiting)
    (machine,) = cluster.join("gpu1", CUDA_FAKE="1")
    arguments = ("verify", "--scheduler", cluster.address, "--device", "cuda")
    with build_project.start(*arguments) as build:
        wait_for(lambda: list((tmp_path / "marks").iterdir()))
        wait_for(lambda: count_records(build_project, "cuda") == 3)
        machine.popen.send_signal(signal.SIGINT)
        output, _ = build.communicate(timeout=30)
    assert machine.join() == 0
    assert "fake on cuda: 3 of 6 examples run" in machine.output
    assert machine.lines[-1] == f"optabs: gpu1 has left {cluster.address}\n"
    assert "Traceback" not in machine.output
    assert "gpu1 was stopped, and no other machine of the cluster has it" in output
    assert counts(output, "verified") == 3
    wait_for(lambda: not find_processes(tmp_path / "gpu1-scratch"))
    assert not list((tmp_path / "gpu1-scratch").iterdir())
