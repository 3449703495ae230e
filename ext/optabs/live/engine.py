"""The engine, seen from the server: a process that keeps Sphinx and warm workers, and builds.

It reads requests from its input and writes messages to its output, one JSON object a line.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

RESTART = 3
"""The exit status of an engine that must be started anew: its code or its settings changed."""

_LINE_LIMIT = 64 << 20
_TAIL = 4000
# How long it may take to end: after its input has ended, after SIGTERM.
_END_SECONDS, _TERM_SECONDS = 1.0, 3.0


class EngineEnded(Exception):  # noqa: N818 - it says what happened
    """The engine is gone; `status` is that of its exit, `tail` the end of what it logged."""

    def __init__(self, status: int, tail: str) -> None:
        super().__init__(f"it ended with status {status}")
        self.status = status
        self.tail = tail


class Engine:
    """The process, which may be started again and again. `stop` ends it for good."""

    def __init__(self, root: Path, output: Path) -> None:
        self._command = [sys.executable, "-m", "optabs.sphinxext.live", str(root), str(output)]
        self._root = root
        self._process: asyncio.subprocess.Process | None = None
        self._log: asyncio.Task[str] | None = None

    async def start(self) -> None:
        """Start the process. One that runs is ended first."""
        await self.stop()
        source = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._root,
            env={**os.environ, "PYTHONPATH": path},
            limit=_LINE_LIMIT,
            start_new_session=True,  # Ctrl-C is for us, who then end it
        )
        assert self._process.stderr is not None
        self._log = asyncio.create_task(_read_tail(self._process.stderr))

    async def ask(
        self, request: Mapping[str, Any], answer: str, on_progress: Callable[[str], None]
    ) -> dict[str, Any]:
        """Send a request and return the answer: what a message has under that name.

        Raises:
            EngineEnded: there will be none.
        """
        assert self._process and self._process.stdin and self._process.stdout and self._log
        with contextlib.suppress(OSError):  # where it has gone, its output ends
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
        while line := await self._process.stdout.readline():
            message = _read_message(line)
            if answer in message:
                found: dict[str, Any] = message[answer]
                return found
            if "progress" in message:
                on_progress(message["progress"])
        # Whoever has inherited its pipes may keep them open.
        status = await self._process.wait()
        done, _ = await asyncio.wait({self._log}, timeout=_END_SECONDS)
        raise EngineEnded(status, self._log.result() if done else "")

    async def stop(self) -> None:
        """End the process, and with it the workers: they end when it does."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        if not await _wait(process, _END_SECONDS):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await _wait(process, _TERM_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if self._log:
            self._log.cancel()


async def _wait(process: asyncio.subprocess.Process, seconds: float) -> bool:
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _read_tail(stream: asyncio.StreamReader) -> str:
    """Return the end of what comes from a stream, once it has ended."""
    tail = b""
    while chunk := await stream.read(_TAIL):
        tail = (tail + chunk)[-_TAIL:]
    return tail.decode("utf-8", "replace").strip()


def _read_message(line: bytes) -> dict[str, Any]:
    """Return the message of a line; what else is written there, by a conf.py say, is none."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
