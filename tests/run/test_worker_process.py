"""Tests of one worker process seen from outside: starting, talking, ending."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from optabs.run.worker_process import WorkerDied, WorkerProcess, WorkerSpec

SECONDS = 30.0


def make_program(folder: Path, text: str) -> Path:
    """Write a program that stands in the place of an interpreter."""
    path = folder / "program"
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return path


def make_spec(python: Path, folder: Path) -> WorkerSpec:
    return WorkerSpec(python, folder / "adapter.py", "cpu", {}, folder)


def test_paths_may_hold_spaces_and_be_relative(
    fake_spec: WorkerSpec, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "an adapter.py").write_text(fake_spec.adapter.read_text())
    monkeypatch.chdir(tmp_path)
    python = make_program(
        folder,
        f"import os, sys\npython = {str(fake_spec.python)!r}\n"
        "os.execv(python, [python, *sys.argv[1:]])",
    )
    spec = replace(
        fake_spec,
        python=python.relative_to(tmp_path),
        adapter=Path("a folder/an adapter.py"),
        variables={"HERE": "{cache}/x y"},
    )
    with WorkerProcess(spec) as worker:
        assert "ready" in worker.receive(SECONDS)
        assert str(worker.scratch).startswith(str(scratch))
        code = "import os\nresult = os.environ['HERE']"
        worker.send({"run": {"id": 1, "code": code, "names": ["result"], "limit": 9}})
        worker.receive(SECONDS)
        done = worker.receive(SECONDS)["done"]
    assert done["results"]["result"]["text"] == f"{spec.cache}/x y"


@pytest.mark.parametrize("kind", ["missing", "not executable", "folder"])
def test_an_interpreter_that_cannot_be_started(tmp_path: Path, scratch: Path, kind: str) -> None:
    python = tmp_path / "python"
    if kind == "not executable":
        python.write_text("text")
        python.chmod(stat.S_IRUSR)
    elif kind == "folder":
        python.mkdir()
    with pytest.raises(OSError):
        WorkerProcess(make_spec(python, tmp_path))


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("raise SystemExit(7)", "ended with exit status 7"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", "was killed by SIGTERM"),
        ("import os\nos.kill(os.getpid(), 40)", "was killed by signal 40"),
        ("print('no reply', flush=True)\ninput()", "said something that is no reply, 'no reply',"),
        ("print('[1]', flush=True)\ninput()", "said something that is no reply, '[1]',"),
        # A child holds the pipe open after the end of the process itself.
        (
            "import os, time\nif os.fork() == 0: time.sleep(60)\nos._exit(3)",
            "ended with exit status 3",
        ),
    ],
)
def test_the_way_it_ends_is_told(tmp_path: Path, scratch: Path, text: str, end: str) -> None:
    with WorkerProcess(make_spec(make_program(tmp_path, text), tmp_path)) as worker:
        started = time.monotonic()
        with pytest.raises(WorkerDied) as died:
            worker.receive(SECONDS)
    assert str(died.value) == end
    assert time.monotonic() - started < 10


def test_what_it_said_before_its_end_is_heard(tmp_path: Path, scratch: Path) -> None:
    program = make_program(tmp_path, 'print(\'{"ready": 1}\\n{"last": 2}\', flush=True)')
    with WorkerProcess(make_spec(program, tmp_path)) as worker:
        worker._process.wait(SECONDS)
        worker.send({"too": "late" * 100_000})
        assert worker.receive(SECONDS) == {"ready": 1}
        worker.send({"too": "late"})
        assert worker.receive(SECONDS) == {"last": 2}
        with pytest.raises(WorkerDied):
            worker.receive(SECONDS)


def test_silence_is_not_waited_for(tmp_path: Path, scratch: Path) -> None:
    with WorkerProcess(make_spec(make_program(tmp_path, "input()"), tmp_path)) as worker:
        for seconds in (0.0, -1.0, 0.4):
            started = time.monotonic()
            with pytest.raises(TimeoutError):
                worker.receive(seconds)
            assert max(0, seconds) <= time.monotonic() - started < max(0, seconds) + 2


def test_sending_never_waits(tmp_path: Path, scratch: Path) -> None:
    gate = tmp_path / "gate"
    text = f"""
import os, sys, time
while not os.path.exists({str(gate)!r}): time.sleep(0.01)
sys.stdout.write('{{"big": "' + "y" * 3_000_000 + '"}}\\n')
sys.stdout.flush()
for line in sys.stdin:
    print('{{"length": %d}}' % len(line), flush=True)
"""
    with WorkerProcess(make_spec(make_program(tmp_path, text), tmp_path)) as worker:
        messages = [{"code": "é" * size} for size in (1, 200_000, 500_000, 2)]
        for message in messages:
            worker.send(message)
        gate.touch()  # not before does anybody read
        assert len(worker.receive(SECONDS)["big"]) == 3_000_000
        for message in messages:
            assert worker.receive(SECONDS) == {"length": len(json.dumps(message)) + 1}


def test_closing_ends_everything_it_started(
    fake_spec: WorkerSpec, scratch: Path, find_processes: Callable[[Path], list[int]]
) -> None:
    code = """
import os, subprocess, sys
subprocess.Popen(["sleep", "60"])
subprocess.Popen(["sleep", "60"], start_new_session=True)
os.mkdir("locked")
open("locked/file", "w").close()
os.chmod("locked", 0)
os.setpgid(0, 0) if os.getpgid(0) != os.getpid() else None
print("started", flush=True)
while True: pass
"""
    with WorkerProcess(fake_spec) as worker:
        worker.receive(SECONDS)
        worker.send({"run": {"id": 1, "code": code, "names": [], "limit": 9}})
        worker.receive(SECONDS)
        while "started" not in worker.read_output("stdout"):
            time.sleep(0.01)
        assert len(find_processes(scratch)) == 3
    deadline = time.monotonic() + 5
    while find_processes(scratch) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert find_processes(scratch) == []


def test_another_thread_may_end_it(fake_spec: WorkerSpec, scratch: Path) -> None:
    with WorkerProcess(fake_spec) as worker:
        worker.receive(SECONDS)
        threading.Timer(0.2, worker.kill).start()
        with pytest.raises(WorkerDied, match="was killed by SIGKILL"):
            worker.receive(SECONDS)


def test_nothing_leaks(
    tmp_path: Path, scratch: Path, find_zombies: Callable[[], list[str]]
) -> None:
    program = make_program(tmp_path, "pass")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with WorkerProcess(make_spec(program, tmp_path)), pytest.raises(OSError):
            WorkerProcess(make_spec(tmp_path / "missing", tmp_path))
    assert len(os.listdir("/proc/self/fd")) == before
    assert find_zombies() == []
