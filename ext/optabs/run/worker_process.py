"""One worker process, seen from outside: starting it, talking to it, ending it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Any

WORKER = Path(__file__).parent.parent / "worker"

# How long a worker may take to write the stack of a hanging example before it is killed.
DUMP_SECONDS = 1.0
TAIL = 16_384
# How often a silent worker is looked after: what it started may keep its pipe open when it is dead.
LOOK_SECONDS = 0.2
CHUNK = 65_536
MAX_MESSAGE = 256 << 20

_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)
_KEPT_VARIABLES = ("PATH", "HOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SYSTEMROOT")
_KEPT_PREFIXES = ("CUDA_", "NVIDIA_", "DYLD_", "METAL_")
# One thread each: several workers run side by side, and more threads only get in each other's way.
_THREADS = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)


@dataclass(frozen=True)
class WorkerSpec:
    """How a worker is started."""

    python: Path
    adapter: Path
    device: str
    variables: Mapping[str, str] = field(hash=False)
    """The framework's own environment variables; `{cache}` is replaced by `cache`."""
    cache: Path


@dataclass(frozen=True)
class ClusterSpec:
    """How a worker is had on a cluster: on a machine with this identity, else here, if `local`."""

    scheduler: str
    """Its address."""
    identity: str
    local: WorkerSpec | None = None


class WorkerDied(Exception):  # noqa: N818 - it says what happened
    """The worker is of no use any more; the text says what it did, e.g. ``was killed by ...``."""


class WorkerProcess:
    """A running worker with its scratch folder. Use it in a `with` statement."""

    def __init__(self, spec: WorkerSpec) -> None:
        """Start the process; it is ready when it says so.

        Raises:
            OSError: the interpreter cannot be started.
        """
        self.device_name: str | None = None
        """What it called its device when it was ready; None before."""
        self.has_run = False
        """Whether examples have run in it."""
        self.scratch = Path(tempfile.mkdtemp(prefix="optabs-")).resolve()
        try:
            (self.scratch / "tmp").mkdir()
            with (self.scratch / "start").open("wb") as start:
                self._process = subprocess.Popen(
                    [
                        spec.python.absolute(),
                        "-s",
                        WORKER,
                        "--adapter",
                        spec.adapter.absolute(),
                        "--device",
                        spec.device,
                        "--scratch",
                        self.scratch,
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=start,
                    bufsize=0,
                    env=_make_environment(spec, self.scratch),
                    cwd=self.scratch / "tmp",
                    start_new_session=True,
                )
        except BaseException:
            shutil.rmtree(self.scratch, ignore_errors=True)
            raise
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests = self._process.stdin.fileno()
        self._replies = self._process.stdout.fileno()
        os.set_blocking(self._requests, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._replies, selectors.EVENT_READ)
        self._outgoing = bytearray()
        self._incoming = bytearray()
        self._searched = 0

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a request. Never waits: what does not fit the pipe goes out while `receive` waits.

        Whether anybody reads it, `receive` will tell.
        """
        if not self._outgoing:
            self._selector.register(self._requests, selectors.EVENT_WRITE)
        self._outgoing += json.dumps(message).encode() + b"\n"
        self._write()

    def receive(self, seconds: float) -> dict[str, Any]:
        """Return the next message.

        Raises:
            TimeoutError: none came within `seconds`.
            WorkerDied: none will come.
        """
        deadline = time.monotonic() + seconds
        while True:
            end = self._incoming.find(b"\n", self._searched)
            if end >= 0:
                line = bytes(self._incoming[:end])
                del self._incoming[: end + 1]
                self._searched = 0
                return _read_message(line)
            self._searched = len(self._incoming)
            if self._searched > MAX_MESSAGE:
                raise _refuse(bytes(self._incoming[:80]))
            self._exchange(deadline)

    def _exchange(self, deadline: float) -> None:
        """Write and read what can be written and read, waiting for it."""
        left = deadline - time.monotonic()
        ready = {key.fd for key, _ in self._selector.select(max(0.0, min(left, LOOK_SECONDS)))}
        if self._requests in ready:
            self._write()
        if self._replies in ready:
            data = os.read(self._replies, CHUNK)
            if not data:
                raise WorkerDied(self.describe_end())
            self._incoming += data
        elif self._process.poll() is not None:
            # It may have written after the look above; otherwise others hold its pipe open.
            if self._replies not in {key.fd for key, _ in self._selector.select(0)}:
                raise WorkerDied(self.describe_end())
        elif not ready and left <= 0:
            raise TimeoutError

    def _write(self) -> None:
        try:
            while self._outgoing:
                with memoryview(self._outgoing) as view:
                    written = os.write(self._requests, view[:CHUNK])
                del self._outgoing[:written]
        except BlockingIOError:
            return
        except OSError:  # it reads no more; what it still said is worth reading
            self._outgoing.clear()
        self._selector.unregister(self._requests)

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def describe_end(self) -> str:
        """Return how the process ended, e.g. ``killed by SIGSEGV``."""
        try:
            status = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "stopped answering"
        if status >= 0:
            return f"ended with exit status {status}"
        try:
            return f"was killed by {signal.Signals(-status).name}"
        except ValueError:  # a real-time signal has no name
            return f"was killed by signal {-status}"

    def dump_stack(self) -> None:
        """Have the worker note where it hangs, and end; after a moment it is killed."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._process.send_signal(signal.SIGUSR1)
            self._process.wait(DUMP_SECONDS)
        self.kill()

    def read_output(self, name: str) -> str:
        """Return the end of what is in a file of the scratch folder (`start`, `stdout`, ...)."""
        try:
            with (self.scratch / name).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def is_at(self, code: str) -> bool:
        """Whether what is in the scratch folder is about this example, and not about the next."""
        try:
            found = (self.scratch / "example.py").read_bytes()
        except OSError:
            return False
        return found == code.encode("utf-8", "surrogatepass")

    def read_stack(self) -> str:
        """Return Python's stack at a crash or hang as a traceback: the innermost call last."""
        found = _FRAME.findall(self.read_output("stack"))  # the innermost call first
        below = takewhile(lambda frame: not frame[0].startswith(f"{WORKER}{os.sep}"), found)
        frames = [f'  File "{file}", line {line}, in {name}\n' for file, line, name in below]
        head = "Traceback (most recent call last):\n" if frames else ""
        return head + "".join(reversed(frames))

    def kill(self) -> None:
        """End the process and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if need be, and remove its scratch folder."""
        self.kill()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        _kill_strays(self.scratch)
        _remove_folder(self.scratch)


def _read_message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise _refuse(line) from error
    if not isinstance(message, dict):
        raise _refuse(line)
    return message


def _refuse(line: bytes) -> WorkerDied:
    shown = line[:40].decode("utf-8", "replace")
    return WorkerDied(f"said something that is no reply, {shown!r},")


def _kill_strays(scratch: Path) -> None:
    """End what has left the worker's process group; such processes still have its variables."""
    mark = f"TMPDIR={scratch}{os.sep}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes():
                os.kill(int(folder.name), signal.SIGKILL)


def _remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():  # examples may have made folders that nobody can write
        for parent, _, _ in os.walk(folder):
            with contextlib.suppress(OSError):
                os.chmod(parent, 0o700)
        shutil.rmtree(folder, ignore_errors=True)


def _make_environment(spec: WorkerSpec, scratch: Path) -> dict[str, str]:
    """Return the worker's environment variables: few of ours, so that runs can be repeated."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT_VARIABLES or name.startswith(_KEPT_PREFIXES)
    }
    fixed = {
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": str(scratch / "tmp"),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "PYTHONNOUSERSITE": "1",
    }
    own = {
        name: value.replace("{cache}", str(spec.cache)) for name, value in spec.variables.items()
    }
    return {**kept, **_THREADS, **fixed, **own}
