"""Tests of the display: line by line to a file, live on a real pseudo-terminal."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

from optabs.run import progress
from optabs.run.progress import Event, State, show_progress

SOURCE = Path(progress.__file__).parents[2]
SCRIPT = """
import time
from optabs.run.progress import Event, State, show_progress

with show_progress() as report:
    report(Event("numpy", State.CURRENT))
    report(Event("torch", State.INSTALLING, "Downloading torch (200 MB)"))
    report(Event("bad", State.SEARCHING))
    time.sleep(0.5)
    report(Event("torch", State.READY, seconds=41.2))
    report(Event("bad", State.FAILED, "ERROR: nothing [matches]", seconds=3.0))
"""


def test_lines_tell_each_change_of_state_once() -> None:
    stream = io.StringIO()
    with show_progress(stream) as report:
        report(Event("numpy", State.CURRENT))
        report(Event("torch", State.WAITING, "waiting for another optabs (process 7)"))
        report(Event("torch", State.SEARCHING, "its requirements changed"))
        report(Event("torch", State.INSTALLING, "Python 3.11.7"))
        report(Event("torch", State.INSTALLING, "Collecting torch"))
        report(Event("jax", State.INSTALLING))
        report(Event("torch", State.READY, seconds=41.2))
        report(Event("jax", State.FAILED, "ERROR: no", seconds=2.7))
    assert stream.getvalue().splitlines() == [
        "optabs: torch: waiting for another optabs (process 7)",
        "optabs: torch: looking for an interpreter … (its requirements changed)",
        "optabs: torch: installing … (Python 3.11.7)",
        "optabs: jax: installing …",
        "optabs: torch: ready in 41 s",
        "optabs: jax: failed after 3 s: ERROR: no",
    ]


def test_heartbeat_tells_what_still_runs() -> None:
    stream = io.StringIO()
    with show_progress(stream, heartbeat=0.1) as report:
        report(Event("torch", State.INSTALLING, "Downloading torch (200 MB)"))
        report(Event("jax", State.READY, seconds=1.0))
        time.sleep(0.35)
    beats = [line for line in stream.getvalue().splitlines() if "still" in line]
    assert beats
    assert set(beats) == {"optabs: torch: still installing (Downloading torch (200 MB)), 0 s"}


def test_heartbeat_ends_with_the_work() -> None:
    stream = io.StringIO()
    with show_progress(stream, heartbeat=0.05) as report:
        report(Event("torch", State.INSTALLING))
    length = len(stream.getvalue())
    time.sleep(0.2)
    assert len(stream.getvalue()) == length


def test_terminal_shows_a_live_table() -> None:
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"PYTHONPATH": str(SOURCE), "TERM": "xterm", "COLUMNS": "100"},
        stdout=follower,
        stderr=follower,
    ) as child:
        os.close(follower)
        shown = read_all(leader)
    assert child.returncode == 0, shown
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"torch +installing +Downloading torch \(200 MB\)", text)
    assert re.search(r"✓ +torch +ready +41 s", text)
    assert re.search(r"✗ +bad +failed +3 s", text)
    assert "bad: ERROR: nothing [matches]" in text
    assert "numpy" not in text


def read_all(descriptor: int) -> str:
    chunks = []
    try:
        while chunk := os.read(descriptor, 65536):
            chunks.append(chunk)
    except OSError:  # how Linux tells that the other end is closed
        pass
    os.close(descriptor)
    return b"".join(chunks).decode(errors="replace")
