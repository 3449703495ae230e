"""What an example prints, taken at the level of file descriptors, so that C code is heard too."""

from __future__ import annotations

import contextlib
import io
import os
import sys

KEPT = 32_768


class Capture:
    """Files in the scratch folder: two behind descriptors 1 and 2, one for stacks.

    They stay open, since opening files is slow where folders are layered.
    """

    def __init__(self, scratch):
        self._stdin_fd = os.open(os.devnull, os.O_RDONLY)
        self._stdout_fd = open_file(os.path.join(scratch, "stdout"))
        self._stderr_fd = open_file(os.path.join(scratch, "stderr"))
        self.stack_fd = open_file(os.path.join(scratch, "stack"))
        self._flush_c = _find_flush()
        self.reset()

    def reset(self):
        """Empty the files and put them behind the streams again, whatever the last example did."""
        os.ftruncate(self.stack_fd, 0)
        os.dup2(self._stdin_fd, 0)
        for fd, target in ((self._stdout_fd, 1), (self._stderr_fd, 2)):
            os.ftruncate(fd, 0)
            os.dup2(fd, target)
        sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        sys.stdout = sys.__stdout__ = _open_stream(1)
        sys.stderr = sys.__stderr__ = _open_stream(2)

    def read(self):
        """Return what was printed since `reset` as (stdout, stderr), shortened in the middle."""
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(BaseException):  # an example may have put anything there
                stream.flush()
        self._flush_c(None)
        return _read_shortened(self._stdout_fd), _read_shortened(self._stderr_fd)


def _find_flush():
    """Return C's `fflush`: what C code printed may still be in the buffers of its library."""
    try:
        import ctypes

        return ctypes.CDLL(None).fflush
    except (ImportError, OSError, AttributeError, TypeError):
        return lambda stream: 0


def open_file(path):
    """Return a descriptor for reading, and for writing at the end."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)


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
