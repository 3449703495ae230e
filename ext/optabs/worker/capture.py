"""What an example prints, taken at the level of file descriptors, so that C code is heard too."""

from __future__ import annotations

import contextlib
import io
import os
import sys

KEPT = 32_768


class Capture:
    """Two files in the scratch folder that stand behind descriptors 1 and 2."""

    def __init__(self, scratch):
        self.stdout_fd = self._open(os.path.join(scratch, "stdout"))
        self.stderr_fd = self._open(os.path.join(scratch, "stderr"))
        self.reset()

    @staticmethod
    def _open(path):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def reset(self):
        """Empty both files and put them behind the streams again, whatever the last example did."""
        for fd, target in ((self.stdout_fd, 1), (self.stderr_fd, 2)):
            os.ftruncate(fd, 0)
            os.dup2(fd, target)
        sys.stdin = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        sys.stdout = sys.__stdout__ = _open_stream(1)
        sys.stderr = sys.__stderr__ = _open_stream(2)

    def read(self):
        """Return what was printed since `reset` as (stdout, stderr), shortened in the middle."""
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(Exception):
                stream.flush()
        return _read_shortened(self.stdout_fd), _read_shortened(self.stderr_fd)


def _open_stream(fd):
    return io.TextIOWrapper(
        io.FileIO(fd, "w", closefd=False),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
        write_through=True,
    )


def _read_shortened(fd):
    size = os.fstat(fd).st_size
    if size <= 2 * KEPT:
        return os.pread(fd, size, 0).decode("utf-8", "replace")
    head = os.pread(fd, KEPT, 0).decode("utf-8", "replace")
    tail = os.pread(fd, KEPT, size - KEPT).decode("utf-8", "replace")
    return "{}\n[... {} bytes left out ...]\n{}".format(head, size - 2 * KEPT, tail)
