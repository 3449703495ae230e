"""What all open pages are told: how the last build went, and whether they are out of date."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from typing import Any

_HEARTBEAT_SECONDS = 15.0

MISSING = ""
"""Stands for the page at an address that has none: any build may bring it."""


@dataclass(frozen=True)
class Message:
    """A warning or an error of a build; `place` is ``file:line:column`` or less, may be empty."""

    level: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


@dataclass(frozen=True)
class State:
    """How far the site is. Where `ok` is False it could not be built; `messages` say why."""

    building: bool = True
    progress: str = ""
    ok: bool = True
    messages: tuple[Message, ...] = ()


class Board:
    """Keeps the state for whoever comes, and tells it to whoever follows.

    Times are those of `time.time_ns`, so that pages of an earlier server are out of date, too.
    """

    def __init__(self) -> None:
        self.state = State()
        self.has_built = False
        """Whether the whole site has been built since the server began."""
        self._oldest = time.time_ns()
        self._written: dict[str, int] = {}
        self._news = asyncio.Event()
        self._closed = False

    def show(self, **changes: Any) -> None:
        """Change the state and tell everybody."""
        self.state = replace(self.state, **changes)
        self._news.set()
        self._news = asyncio.Event()

    def note_written(self, pages: Iterable[str], *, everything: bool) -> None:
        """Remember which pages are new now, their names relative to the site's folder.

        With `everything` all of them are, as when their style has changed.
        """
        now = time.time_ns()
        self.has_built = True
        self._written |= dict.fromkeys((*pages, MISSING), now)
        if everything:
            self._oldest = now

    def is_outdated(self, page: str, since: int) -> bool:
        """Whether a page that was handed out at a time is not what it would be now."""
        return max(self._oldest, self._written.get(page, 0)) > since

    async def follow(self) -> AsyncIterator[State]:
        """Yield the state whenever it changes, and now and then, until the board is closed."""
        while not self._closed:
            news = self._news
            yield self.state
            try:
                await asyncio.wait_for(news.wait(), _HEARTBEAT_SECONDS)
            except TimeoutError:
                continue

    def close(self) -> None:
        """Let everybody go who follows."""
        self._closed = True
        self._news.set()
