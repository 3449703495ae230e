"""The engine, seen from the server: a process that keeps Sphinx and warm workers, and builds.

It reads requests from its input and writes messages to its output, one JSON object a line: an
answer to each request, how far it is, and what it has done between requests.
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
from typing import Any, TypeVar

_T = TypeVar("_T")

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

    def __init__(self, root: Path, output: Path, hear: Callable[[dict[str, Any]], None]) -> None:
        """Prepare it; `hear` gets the messages that answer nothing."""
        self._command = [sys.executable, "-m", "optabs.sphinxext.live", str(root), str(output)]
        self._root = root
        self._hear = hear
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._answer = ""
        self._answered: asyncio.Future[dict[str, Any]] | None = None
        self._tail = ""

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
        assert self._process.stdout and self._process.stderr
        self._tail = ""
        self._readers = [
            asyncio.create_task(self._read_messages(self._process.stdout)),
            asyncio.create_task(self._read_log(self._process.stderr)),
        ]

    async def ask(self, request: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Send a request and return the answer: what a message has under that name.

        Raises:
            EngineEnded: there will be none.
        """
        assert self._process and self._process.stdin
        self._answer, self._answered = answer, asyncio.get_running_loop().create_future()
        with contextlib.suppress(OSError):  # where it has gone, its output ends
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
        return await self.wait(self._answered)

    async def wait(self, future: asyncio.Future[_T]) -> _T:
        """Return the result of a future.

        Raises:
            EngineEnded: the engine ends before.
        """
        assert self._process
        either: set[asyncio.Future[Any]] = {future, self._readers[0]}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if future.done():
            return future.result()
        future.cancel()
        status = await self._process.wait()
        # Whoever has inherited its log may keep that open.
        await asyncio.wait(self._readers, timeout=_END_SECONDS)
        raise EngineEnded(status, self._tail.strip())

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
        for reader in self._readers:
            reader.cancel()

    async def _read_messages(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            message = json.loads(line)
            if self._answer in message and self._answered and not self._answered.done():
                self._answered.set_result(message[self._answer])
            else:
                self._hear(message)

    async def _read_log(self, stream: asyncio.StreamReader) -> None:
        """Show what it logs, and keep the end of it."""
        while chunk := await stream.read(_TAIL):
            text = chunk.decode("utf-8", "replace")
            self._tail = (self._tail + text)[-_TAIL:]
            with contextlib.suppress(OSError):
                print(text, end="", file=sys.stderr, flush=True)


async def _wait(process: asyncio.subprocess.Process, seconds: float) -> bool:
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return False
    return True
