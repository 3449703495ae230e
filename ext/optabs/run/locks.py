"""A lock on a file that processes of this machine share.

The lock belongs to the open file, and a child that was given the descriptor holds it too. So the
lock outlives an Optabs that was killed, for as long as the pip it started still writes. The next
one then ends that pip, rather than write beside it.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_POLL_SECONDS = 0.1
_ORPHAN_SECONDS = 1.0


class FileLock:
    """Held between `acquire` and `release`; also a context manager once acquired."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    @property
    def descriptor(self) -> int:
        """The open file, for a child that is to hold the lock too."""
        return self._descriptor

    def acquire(self, stopped: threading.Event, on_wait: Callable[[str], None]) -> bool:
        """Wait for the lock; return False when `stopped` was set meanwhile.

        `on_wait` is called once, with who holds it, when the lock is not free.
        """
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        waited, holder, since = False, "", time.monotonic()
        while not self._try_lock():
            found = self._read_holder()
            if not waited:
                on_wait(_describe_holder(found))
                waited = True
            if found != holder:
                holder, since = found, time.monotonic()
            elif time.monotonic() - since > _ORPHAN_SECONDS:
                _end_orphan(holder)
            if stopped.wait(_POLL_SECONDS):
                os.close(self._descriptor)
                return False
        self.note_group(0)
        return True

    def note_group(self, group: int) -> None:
        """Write down who holds the lock, and the process group of the child that does so too."""
        holder = {"process": os.getpid(), "group": group, "host": socket.gethostname()}
        text = json.dumps(holder).encode()
        os.pwrite(self._descriptor, text.ljust(200), 0)

    def release(self) -> None:
        """Give the lock up, for the children too."""
        os.ftruncate(self._descriptor, 0)
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _read_holder(self) -> str:
        return os.pread(self._descriptor, 200, 0).decode(errors="replace").strip()


def _describe_holder(holder: str) -> str:
    process = _parse_holder(holder).get("process")
    return "waiting for another optabs" + (f" (process {process})" if process else "")


def _end_orphan(holder: str) -> None:
    """Kill the process group that holds the lock of an Optabs of this machine that has died.

    The lock being held proves that the group lives: nothing else has the descriptor.
    """
    fields = _parse_holder(holder)
    process, group = fields.get("process"), fields.get("group")
    if fields.get("host") != socket.gethostname() or not isinstance(process, int):
        return
    if _process_lives(process) or not isinstance(group, int) or group <= 1:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _process_lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _parse_holder(holder: str) -> dict[str, object]:
    try:
        fields = json.loads(holder)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
