"""The conversation with the engine: one request at a time, builds before runs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from optabs.live.assets import Assets
from optabs.live.board import Board, Message
from optabs.live.engine import RESTART, Engine, EngineEnded

MAX_WAITING = 8
"""How many edited examples may wait to be run."""

_PROGRESS_SECONDS = 0.1
_LISTED = 4


class Session:
    """Builds what was saved and runs what was edited. `talk` must be running."""

    def __init__(self, board: Board, root: Path, output: Path, say: Callable[[str], None]) -> None:
        self._engine = Engine(root, output, self._hear)
        self._board = board
        self._root = root
        self._assets = Assets(output / "_static")
        self._say = say
        self._saved: set[str] = set()
        self._runs: deque[tuple[Mapping[str, str], asyncio.Future[dict[str, Any]]]] = deque()
        self._wake = asyncio.Event()
        self._told = 0.0

    def save(self, paths: Iterable[str]) -> None:
        """Have these files built, once the engine is free; those of several calls at once."""
        self._saved.update(paths)
        if self._saved:
            self._wake.set()

    async def run(self, request: Mapping[str, str]) -> dict[str, Any]:
        """Run an edited example; returns the engine's ``ran``, or a ``problem``."""
        if len(self._runs) >= MAX_WAITING:
            return {"problem": f"{MAX_WAITING} examples wait to be run already; try again soon."}
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._runs.append((request, future))
        self._wake.set()
        return await future

    async def talk(self) -> None:
        """Keep an engine going, for ever; when this is cancelled it ends."""
        try:
            await self._talk()
        finally:
            await self._engine.stop()

    async def _talk(self) -> None:
        while True:
            await self._engine.start()
            has_built = False
            try:
                await self._build(set())
                has_built = True
                while True:
                    await self._answer()
            except EngineEnded as end:
                self._report(end)
                self._refuse_runs()
                if has_built:
                    continue  # the new one builds all, what was saved meanwhile included
            # To try the same again would give the same.
            while not self._saved:
                await self._wake.wait()
                self._wake.clear()
                self._refuse_runs()

    async def _answer(self) -> None:
        if self._saved:
            await self._build(self._saved)
        elif self._runs:
            await self._run(*self._runs.popleft())
        else:
            await self._engine.wait(asyncio.create_task(self._wake.wait()))
            self._wake.clear()

    async def _build(self, paths: set[str]) -> None:
        self._saved = set()
        self._board.show(building=True, progress="")
        if not self._board.has_built:
            self._say("building the site; the first time, this may take some minutes")
        asked = time.perf_counter()
        built = await self._engine.ask({"build": sorted(paths)}, "built")
        seconds = time.perf_counter() - asked
        messages = tuple(Message(**each) for each in built["messages"])
        if built["ok"]:
            self._note_written(built["pages"])
        new = [message for message in messages if message not in self._board.state.messages]
        # What was saved meanwhile is built next: pages need not flicker.
        self._board.show(building=bool(self._saved), progress="", ok=built["ok"], messages=messages)
        self._say(f"{_describe(built, self._list_names(paths))}, {seconds:.2f} s")
        for message in new:
            self._say(f"  {message.level}: {message}")
        if len(messages) > len(new):
            self._say(f"  messages as before: {len(messages) - len(new)}")
        if built["summary"]:
            self._say(f"  {built['summary']}")

    async def _run(
        self, request: Mapping[str, str], future: asyncio.Future[dict[str, Any]]
    ) -> None:
        if future.cancelled():
            return
        try:
            ran = await self._engine.ask({"run": request}, "ran")
        except EngineEnded:
            _settle(future, "The engine ended while it ran this. It is being started anew.")
            raise
        if not future.cancelled():
            future.set_result(ran)
        self._board.show(progress="")
        what = f"{request['page']}, {request['framework']}: {request['case']}"
        self._say(f"ran {what}: {ran.get('problem') or ran['label']}")

    def _hear(self, message: Mapping[str, Any]) -> None:
        """Note what the engine says between answers."""
        if "progress" in message and time.monotonic() - self._told > _PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._board.show(progress=message["progress"])
        elif "published" in message:  # the lists of ops, say, some time after the ops themselves
            self._note_written(message["published"]["pages"])
            self._board.show()
            if problem := message["published"].get("problem"):
                self._say(f"lists, search and exports could not be written: {problem}")

    def _note_written(self, pages: list[str]) -> None:
        self._board.note_written(pages, everything=self._assets.have_changed())

    def _report(self, end: EngineEnded) -> None:
        if end.status == RESTART:
            self._board.show(building=True, progress="starting anew")
            self._say("starting the engine anew")
            return
        text = f"the engine ended with status {end.status}" + (f"\n{end.tail}" if end.tail else "")
        self._board.show(
            building=False, progress="", ok=False, messages=(Message("error", "", text),)
        )
        self._say(text)

    def _refuse_runs(self) -> None:
        while self._runs:
            _settle(self._runs.popleft()[1], "The engine is not running: see the site's messages.")

    def _list_names(self, paths: set[str]) -> str:
        names = []
        for path in sorted(map(Path, paths)):
            with contextlib.suppress(ValueError):
                path = path.relative_to(self._root)
            names.append(str(path))
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        return ", ".join(names[:_LISTED]) + more


def _settle(future: asyncio.Future[dict[str, Any]], problem: str) -> None:
    if not future.cancelled():
        future.set_result({"problem": problem})


def _describe(built: Mapping[str, Any], names: str) -> str:
    if not built["ok"]:
        return "not built"
    count = len(built["pages"])
    return f"built {names or 'the site'}: {count} {'page' if count == 1 else 'pages'} written"
