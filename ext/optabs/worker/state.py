"""What belongs to the process and not to an example, and how it is put back."""

from __future__ import annotations

import builtins
import contextlib
import faulthandler
import gc
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import warnings

FILENAME = "<example>"
SEED = 0

_HOOKS = (
    (os, ("environ",)),
    (sys, ("excepthook", "displayhook", "unraisablehook")),
    (threading, ("excepthook",)),
    (warnings, ("showwarning", "_showwarnmsg_impl", "formatwarning")),
)
_LISTS = (
    (sys, ("path", "argv", "meta_path", "path_hooks")),
    (warnings, ("filters",)),
)
_SIGNALS = [
    getattr(signal, "SIG" + name)
    for name in (
        *("HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "USR1", "SEGV", "USR2"),
        *("PIPE", "ALRM", "TERM", "CHLD", "CONT", "TSTP", "XCPU", "XFSZ", "VTALRM", "PROF"),
    )
]
_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]


class GlobalState:
    """The state of the process as it was when the worker was ready."""

    def __init__(self, stack_fd):
        """Take note of everything. The stacks of crashes and hangs go to `stack_fd`."""
        self.stack_fd = stack_fd
        sys.argv = [FILENAME]
        self.environ = dict(os.environ)
        self.builtins = dict(vars(builtins))
        self.hooks = [
            (owner, name, getattr(owner, name))
            for owner, names in _HOOKS
            for name in names
            if hasattr(owner, name)
        ]
        self.lists = [
            (owner, name, getattr(owner, name), list(getattr(owner, name)))
            for owner, names in _LISTS
            for name in names
        ]
        self.recursion_limit = sys.getrecursionlimit()
        # None stands for a handler that C code has set: it is not ours to put back.
        self.handlers = [
            (number, signal.getsignal(number))
            for number in _SIGNALS
            if signal.getsignal(number) is not None
        ]
        self.signal_mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self.limits = [(kind, resource.getrlimit(kind)) for kind in _LIMITS]
        self.umask = os.umask(0)
        os.umask(self.umask)
        logging = sys.modules.get("logging")
        self.logging = _read_logging(logging) if logging else ([], 30, 0)
        numpy = sys.modules.get("numpy")
        self.numpy = (numpy.geterr(), numpy.get_printoptions()) if numpy else None
        self.folder = None
        self.restore()

    def restore(self):
        """Put everything back, with an empty working folder.

        Raises whatever an example's damage leads to: the process is of no use then.
        """
        sys.setrecursionlimit(self.recursion_limit)
        self._restore_names()
        self._restore_process()
        self._restore_folder()
        if os.environ != self.environ:
            os.environ.clear()
            os.environ.update(self.environ)
        random.seed(SEED)
        if self.numpy:
            numpy = sys.modules["numpy"]
            numpy.random.seed(SEED)
            numpy.seterr(**self.numpy[0])
            numpy.set_printoptions(**self.numpy[1])

    def _restore_names(self):
        names = vars(builtins)
        if names != self.builtins:
            for name in names.keys() - self.builtins.keys():
                del names[name]
            names.update(self.builtins)
        # Any change of the filters clears Python's own cache of warnings already shown, which
        # would hide them from the next example.
        warnings.simplefilter("default")
        warnings.onceregistry.clear()
        for owner, name, items, content in self.lists:
            items[:] = content
            setattr(owner, name, items)
        for owner, name, hook in self.hooks:
            setattr(owner, name, hook)
        logging = sys.modules.get("logging")
        if logging:
            _write_logging(logging, *self.logging)
        tempfile.tempdir = None
        if sys.gettrace() is not None:
            sys.settrace(None)
        if sys.getprofile() is not None:
            sys.setprofile(None)
        gc.enable()

    def _restore_process(self):
        for kind, limits in self.limits:
            if resource.getrlimit(kind) != limits:
                resource.setrlimit(kind, limits)
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)
        faulthandler.disable()
        faulthandler.unregister(signal.SIGUSR1)
        for number, handler in self.handlers:
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.signal_mask)
        watch_stacks(self.stack_fd)
        os.umask(self.umask)

    def _restore_folder(self):
        with contextlib.suppress(OSError):
            if (
                self.folder
                and os.path.samefile(os.getcwd(), self.folder)
                and not os.listdir(self.folder)
            ):
                return
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = tempfile.mkdtemp(prefix="work-", dir=self.environ.get("TMPDIR"))
        os.chdir(self.folder)


def watch_stacks(stack_fd):
    """Have a crash in C code, or SIGUSR1 from the one who waits, leave Python's stack in a file.

    Both end the process: an interrupted call must not go on as if it were done.
    """
    faulthandler.enable(stack_fd, all_threads=False)
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    faulthandler.register(signal.SIGUSR1, file=stack_fd, all_threads=False, chain=True)


def _read_logging(logging):
    root = logging.getLogger()
    return list(root.handlers), root.level, root.manager.disable


def _write_logging(logging, handlers, level, disabled):
    root = logging.getLogger()
    root.handlers[:] = handlers
    if root.level != level:
        root.setLevel(level)
    if root.manager.disable != disabled:
        logging.disable(disabled)
