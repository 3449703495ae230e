"""Progress of a run, for a person who waits."""

from __future__ import annotations

import shutil
import time
from types import TracebackType
from typing import TextIO

from optabs.run.pool import Event, Finished, Notice, Started, Unavailable
from optabs.run.targets import REFERENCE

PLAIN_SECONDS = 10.0


class RunProgress:
    """One line that is rewritten on a terminal; elsewhere a line every few seconds."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self.total = total
        self.executed = 0
        self._stream = stream
        self._on_terminal = stream.isatty()
        self._last = time.monotonic()

    def watch(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, Finished) and event.batch.framework != REFERENCE:
            self.executed += 1
        elif isinstance(event, Unavailable):
            self._write(
                f"optabs: {event.batch.framework} on {event.batch.device}: {event.reason}\n"
            )
        elif isinstance(event, Notice):
            self._write(f"optabs: {event.text}\n")
        if not isinstance(event, Finished | Started):
            return
        now = time.monotonic()
        if self._on_terminal:
            name = event.batch.framework
            what = event.job.operation if isinstance(event, Started) else event.record.operation
            text = f"[{self.executed}/{self.total}] {name}: {what}"
            self._write(text[: shutil.get_terminal_size().columns - 1])
        elif now - self._last > PLAIN_SECONDS:
            self._last = now
            self._write(f"optabs: {self.executed} of {self.total} examples run\n")

    def _write(self, text: str) -> None:
        clear = "\r\x1b[K" if self._on_terminal else ""
        self._stream.write(clear + text)
        self._stream.flush()

    def __enter__(self) -> RunProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._on_terminal and self.total:
            self._write("")
