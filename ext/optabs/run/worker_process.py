"""One worker process, seen from outside: starting it, talking to it, ending it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

WORKER = Path(__file__).parent.parent / "worker"

# What a pipe holds: requests up to this size can be sent without waiting for the worker to read.
PIPE_SIZE = 32_768
# How long a worker may take to write the stack of a hanging example before it is killed.
DUMP_SECONDS = 0.3
TAIL = 16_384

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


class WorkerDied(Exception):  # noqa: N818 - it says what happened
    """The worker is gone; the text says how it ended."""


class WorkerProcess:
    """A running worker with its scratch folder. Use it in a `with` statement."""

    def __init__(self, spec: WorkerSpec) -> None:
        """Start the process; it is ready when it says so.

        Raises:
            OSError: the interpreter cannot be started.
        """
        self.scratch = Path(tempfile.mkdtemp(prefix="optabs-"))
        (self.scratch / "tmp").mkdir()
        try:
            with (self.scratch / "start").open("wb") as start:
                self._process = subprocess.Popen(
                    [
                        spec.python,
                        "-s",
                        WORKER,
                        "--adapter",
                        spec.adapter,
                        "--device",
                        spec.device,
                        "--scratch",
                        self.scratch,
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=start,
                    env=_make_environment(spec, self.scratch),
                    cwd=self.scratch / "tmp",
                    start_new_session=True,
                )
        except BaseException:
            shutil.rmtree(self.scratch, ignore_errors=True)
            raise
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests = self._process.stdin
        self._replies = self._process.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._replies, selectors.EVENT_READ)
        self._buffer = bytearray()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a request.

        Raises:
            WorkerDied: nobody reads it.
        """
        try:
            self._requests.write(json.dumps(message).encode() + b"\n")
            self._requests.flush()
        except OSError as error:
            raise WorkerDied(self.describe_end()) from error

    def receive(self, seconds: float) -> dict[str, Any]:
        """Return the next message.

        Raises:
            TimeoutError: none came within `seconds`.
            WorkerDied: none will come.
        """
        deadline = time.monotonic() + seconds
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                try:
                    message = json.loads(line)
                except ValueError as error:
                    raise WorkerDied("an example wrote into the worker's protocol") from error
                if not isinstance(message, dict):
                    raise WorkerDied("an example wrote into the worker's protocol")
                return message
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            data = os.read(self._replies, 1 << 20)
            if not data:
                raise WorkerDied(self.describe_end())
            self._buffer += data

    def describe_end(self) -> str:
        """Return how the process ended, e.g. ``killed by SIGSEGV``."""
        try:
            status = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "stopped answering"
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with exit status {status}"

    def dump_stack(self) -> None:
        """Have the worker write to its `stderr` where it hangs; give it a moment to do so."""
        try:
            self._process.send_signal(signal.SIGUSR1)
            self._process.wait(DUMP_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            pass

    def read_output(self, name: str) -> str:
        """Return the end of what is in a file of the scratch folder (`start`, `stdout`, ...)."""
        try:
            with (self.scratch / name).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

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
            try:
                if stream:
                    stream.close()
            except OSError:
                pass
        shutil.rmtree(self.scratch, ignore_errors=True)


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
