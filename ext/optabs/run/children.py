"""Runs long commands as child processes that all end when the work is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TextIO

from optabs.errors import OptabsError

_INTERRUPT_SECONDS = 3.0
_KILL_SECONDS = 2.0


class StoppedError(OptabsError):
    """The work was stopped while, or before, a command ran."""


class Children:
    """The child processes of one piece of work, each in a process group of its own.

    `run` may be called from several threads; `stop` ends what runs and refuses what would start.
    """

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._changed = threading.Condition()
        self._running: set[subprocess.Popen[str]] = set()

    def run(
        self,
        command: Sequence[str],
        *,
        variables: dict[str, str],
        on_line: Callable[[str], None],
        log: TextIO,
        keep_open: tuple[int, ...] = (),
        on_start: Callable[[int], None] = lambda group: None,
    ) -> int:
        """Run a command to its end and return its exit status.

        Every line of its output goes to `log` and then, without its end, to `on_line`. The
        descriptors of `keep_open` stay open in the child; `on_start` gets the number of its
        process group. Raises StoppedError when `stop` was called, OSError when it cannot start.
        """
        with self._changed:
            if self.stopped.is_set():
                raise StoppedError("stopped")
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=variables,
                encoding="utf-8",
                errors="replace",
                pass_fds=keep_open,
                start_new_session=True,
            )
            self._running.add(child)
        try:
            on_start(child.pid)
            assert child.stdout is not None
            with child.stdout:
                for line in child.stdout:
                    log.write(line)
                    on_line(line.rstrip())
            status = child.wait()
        except BaseException:
            _signal_group(child, signal.SIGKILL)
            child.wait()
            raise
        finally:
            with self._changed:
                self._running.discard(child)
                self._changed.notify_all()
            log.flush()
        if self.stopped.is_set():
            raise StoppedError("stopped")
        return status

    def stop(self) -> None:
        """End every child and its descendants: interrupted first, then killed."""
        self.stopped.set()
        with self._changed:
            groups = list(self._running)
        try:
            for child in groups:
                _signal_group(child, signal.SIGINT)
            self._await_end(_INTERRUPT_SECONDS)
        finally:  # also when the person interrupts once more
            for child in groups:  # and what they left behind
                _signal_group(child, signal.SIGKILL)
            self._await_end(_KILL_SECONDS)

    def _await_end(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout=seconds)


def _signal_group(child: subprocess.Popen[str], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
