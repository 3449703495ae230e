"""A Dask scheduler and machines that join it, each a process of its own, on loopback."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

WAIT_SECONDS = 60.0
FAKE = Path(__file__).parents[1] / "fake"
MACHINE = [sys.executable, str(FAKE / "with_cuda.py"), "worker"]


def wait_for(condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


@dataclass
class Process:
    """A process whose output is read as it comes."""

    popen: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.popen.stdout
        self.lines.extend(iter(self.popen.stdout.readline, ""))

    @property
    def output(self) -> str:
        return "".join(list(self.lines))

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until something is said."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := re.search(pattern, self.output)) is None:
            assert self.popen.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)
        return found

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal; returns the exit status."""
        self.popen.send_signal(number)
        return self.join()

    def join(self) -> int:
        """Wait for the end; returns the exit status."""
        status = self.popen.wait(WAIT_SECONDS)
        self.reader.join(WAIT_SECONDS)
        return status


def copy_variables(changed: Mapping[str, str | None]) -> dict[str, str]:
    """Return the environment variables with some changed; None removes one."""
    kept = {name: value for name, value in os.environ.items() if name not in changed}
    return kept | {name: value for name, value in changed.items() if value is not None}


@contextmanager
def run_process(
    command: list[str], folder: Path, variables: Mapping[str, str | None]
) -> Iterator[Process]:
    """Run a process in a group of its own, and end it."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=copy_variables({**variables, "PYTHONUNBUFFERED": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as popen:
        process = Process(popen)
        try:
            yield process
        finally:
            if popen.poll() is None:
                process.end()


@dataclass
class Cluster:
    """A scheduler, and how machines join it."""

    address: str
    scheduler: Process
    start: Callable[..., Process]
    """Starts `optabs worker` there, by name and address."""

    def join(self, *names: str, **more: str | None) -> list[Process]:
        """Start machines; returns once they have joined."""
        machines = [self.start(name, self.address, **more) for name in names]
        for name, machine in zip(names, machines, strict=True):
            machine.wait_for(f"{name} has joined")
        return machines


def find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def start_machine(cuda_frameworks, project, tmp_path) -> Iterator[Callable[..., Process]]:
    """Start `optabs worker`; its first fake framework has a made-up device where CUDA_FAKE is set.

    Variables are those of the process; `command` is another one than the command line's.
    """
    with ExitStack() as stack:

        def start(
            name: str, address: str, command: list[str] | None = None, **variables: str | None
        ) -> Process:
            machine = project(tmp_path / name, cuda_frameworks)
            scratch = tmp_path / f"{name}-scratch"
            scratch.mkdir(exist_ok=True)
            full = [*(command or MACHINE), address, "--name", name]
            known = {**machine.variables, "TMPDIR": str(scratch), **variables}
            return stack.enter_context(run_process(full, machine.folder, known))

        yield start


@contextmanager
def run_scheduler(
    folder: Path, protocol: str = "tcp", **variables: str | None
) -> Iterator[tuple[str, Process]]:
    """Run Dask's own command, which knows nothing of us; gives its address, too."""
    port = find_port()
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"]
    command += ["--protocol", protocol, "--host", "127.0.0.1", "--port", str(port)]
    with run_process(command, folder, {"PYTHONPATH": None, **variables}) as scheduler:
        scheduler.wait_for("Scheduler at")
        yield f"{protocol}://127.0.0.1:{port}", scheduler


@pytest.fixture(scope="module")
def shared_scheduler(tmp_path_factory) -> Iterator[tuple[str, Process]]:
    with run_scheduler(tmp_path_factory.mktemp("scheduler")) as running:
        yield running


@pytest.fixture
def cluster(shared_scheduler, start_machine) -> Cluster:
    """A cluster whose scheduler other tests use, too."""
    return Cluster(*shared_scheduler, start_machine)


@pytest.fixture
def start_cluster(start_machine, tmp_path) -> Iterator[Callable[..., Cluster]]:
    """Start a cluster with a scheduler of its own."""
    with ExitStack() as stack:

        def start(protocol: str = "tcp", **variables: str | None) -> Cluster:
            scheduler = run_scheduler(tmp_path, protocol, **variables)
            return Cluster(*stack.enter_context(scheduler), start_machine)

        yield start


@pytest.fixture
def build_project(cuda_frameworks, project, tmp_path):
    """A project on a machine without CUDA, whose frameworks may have it."""
    return project(tmp_path / "build", cuda_frameworks)


@pytest.fixture
def gate(tmp_path) -> Path:
    """The file that examples wait for."""
    return tmp_path / "gate"


def write_ops(folder: Path, count: int, example: str = "result = ff.sin(x)", **more: str) -> None:
    """Write some ops of the first fake framework, `more` with another example, by their number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        code = more.get(f"op{number}", example)
        lines = "".join(f"      {line}\n" for line in code.splitlines())
        (folder / f"op{number}.yaml").write_text(
            f"operation: Op{number}\n"
            "std_args: [{name: x, type: Tensor}]\n"
            f"cases:\n  - {{id: plain, inputs: {{x: [{number}.0]}}, expect: np.sin(x)}}\n"
            f"variants:\n  fake:\n    example: |\n{lines}"
        )
