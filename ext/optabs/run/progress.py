"""Shows how the making of environments goes: live on a terminal, line by line elsewhere."""

from __future__ import annotations

import enum
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

_HEARTBEAT_SECONDS = 15.0


class State(enum.Enum):
    """How far an environment is."""

    CURRENT = "up to date"
    WAITING = "waiting"
    SEARCHING = "looking for an interpreter"
    INSTALLING = "installing"
    READY = "ready"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        """Whether nothing more comes of this environment."""
        return self not in (State.WAITING, State.SEARCHING, State.INSTALLING)


@dataclass(frozen=True)
class Event:
    """One step of one environment; `text` says more, such as what pip is doing."""

    name: str
    state: State
    text: str = ""
    seconds: float = 0.0


Report = Callable[[Event], None]
"""Receives the events, one at a time, from whichever thread they come."""


@dataclass
class _Row:
    """An environment as last heard of."""

    state: State
    text: str
    started: float = field(default_factory=time.monotonic)
    said: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started


@contextmanager
def show_progress(
    stream: TextIO | None = None, heartbeat: float = _HEARTBEAT_SECONDS
) -> Iterator[Report]:
    """Yield a receiver of events that shows them on `stream`, by default the standard output.

    On a terminal: one line per environment, kept up to date. Elsewhere: a line per change of
    state, and one every `heartbeat` seconds for each environment that is still being made.
    Nothing is shown for environments that are up to date.
    """
    stream = stream or sys.stdout
    shown = _show_live(stream) if stream.isatty() else _show_lines(stream, heartbeat)
    with shown as report:
        yield report


@contextmanager
def _show_lines(stream: TextIO, heartbeat: float) -> Iterator[Report]:
    rows: dict[str, _Row] = {}
    lock, finished = threading.Lock(), threading.Event()

    def write(name: str, text: str) -> None:
        print(f"optabs: {name}: {text}", file=stream, flush=True)

    def report(event: Event) -> None:
        with lock:
            line = _describe_change(rows.get(event.name), event)
            _note_event(rows, event)
            if line:
                write(event.name, line)

    def beat() -> None:
        while not finished.wait(min(1.0, heartbeat / 3)):
            with lock:
                for name, row in rows.items():
                    if not row.state.is_final and time.monotonic() - row.said >= heartbeat:
                        row.said = time.monotonic()
                        doing = f" ({row.text})" if row.text else ""
                        write(name, f"still {row.state.value}{doing}, {row.elapsed:.0f} s")

    thread = threading.Thread(target=beat, name="optabs-heartbeat", daemon=True)
    thread.start()
    try:
        yield report
    finally:
        finished.set()
        thread.join()


def _note_event(rows: dict[str, _Row], event: Event) -> None:
    row = rows.get(event.name)
    if row is None:
        rows[event.name] = _Row(event.state, event.text)
        return
    if row.state is not event.state:
        row.said = time.monotonic()
    row.state = event.state
    row.text = event.text


def _describe_change(row: _Row | None, event: Event) -> str:
    """Return the line to print for an event, or an empty string when it only goes on."""
    if event.state is State.CURRENT or (row and row.state is event.state):
        return ""
    match event.state:
        case State.READY:
            return f"ready in {event.seconds:.0f} s"
        case State.FAILED:
            return f"failed after {event.seconds:.0f} s: {event.text}"
        case State.INTERRUPTED:
            return "interrupted"
        case State.WAITING:
            return event.text
    return f"{event.state.value} …" + (f" ({event.text})" if event.text else "")


@contextmanager
def _show_live(stream: TextIO) -> Iterator[Report]:
    try:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        with _show_lines(stream, _HEARTBEAT_SECONDS) as plain:
            yield plain
        return

    styles = {State.READY: "green", State.FAILED: "red", State.INTERRUPTED: "yellow"}
    marks = {State.READY: "✓", State.FAILED: "✗", State.INTERRUPTED: "-"}
    rows: dict[str, _Row] = {}
    seconds: dict[str, float] = {}
    spinners: dict[str, Spinner] = {}
    lock = threading.Lock()

    def draw() -> Group:
        table = Table.grid(padding=(0, 1))
        table.add_column()
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        faults = []
        with lock:
            for name, row in rows.items():
                style = styles.get(row.state, "")
                mark = Text(marks[row.state], style) if row.state in marks else spinners[name]
                text = row.text
                if row.state is State.FAILED:
                    faults.append(Text(f"{name}: {text}", "red"))
                    text = ""
                took = f"{seconds.get(name, row.elapsed):.0f} s"
                table.add_row(mark, name, Text(row.state.value, style), Text(text, "dim"), took)
        return Group(table, *faults)

    console = Console(file=stream)
    live = Live(get_renderable=draw, console=console, refresh_per_second=8)

    def report(event: Event) -> None:
        if event.state is State.CURRENT and event.name not in rows:
            return
        with lock:
            spinners.setdefault(event.name, Spinner("dots"))
            _note_event(rows, event)
            if event.state.is_final:
                seconds[event.name] = event.seconds
        if not live.is_started:
            live.start()

    try:
        yield report
    finally:
        if live.is_started:
            live.stop()
