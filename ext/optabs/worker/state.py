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
MAX_NAMES = 5

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
        self.changes = []
        self.restore()

    def restore(self):
        """Put everything back, with an empty working folder; `changes` then names what was changed.

        What examples can hardly avoid is not named: random draws, files in the working folder.

        Raises whatever an example's damage leads to: the process is of no use then.
        """
        self.changes = []
        self._note("recursion limit", sys.getrecursionlimit() != self.recursion_limit)
        sys.setrecursionlimit(self.recursion_limit)
        self._restore_names()
        self._restore_process()
        self._restore_folder()
        if os.environ != self.environ:
            differences = set(os.environ.items()) ^ set(self.environ.items())
            names = {name for name, _ in differences}
            self.changes.append(_name_change("environment variables", names))
            os.environ.clear()
            os.environ.update(self.environ)
        random.seed(SEED)
        if self.numpy:
            numpy = sys.modules["numpy"]
            numpy.random.seed(SEED)
            self._note("NumPy's error handling", numpy.geterr() != self.numpy[0])
            numpy.seterr(**self.numpy[0])
            self._note("NumPy's print options", numpy.get_printoptions() != self.numpy[1])
            numpy.set_printoptions(**self.numpy[1])

    def _note(self, name, changed):
        if changed:
            self.changes.append(name)

    def _restore_names(self):
        names = vars(builtins)
        if names != self.builtins:
            found = names.copy()
            for name in names.keys() - self.builtins.keys():
                del names[name]
            names.update(self.builtins)
            # By identity: what stands there now may be compared by element.
            differences = [
                str(name)
                for name in {**names, **found}
                if found.get(name, self) is not names.get(name, self)
            ]
            self.changes.append(_name_change("builtins", differences))
        for owner, name, items, content in self.lists:
            found = getattr(owner, name, None)
            self._note(_name_attribute(owner, name), found is not items or items != content)
        # Any change of the filters clears Python's own cache of warnings already shown, which
        # would hide them from the next example.
        warnings.simplefilter("default")
        warnings.onceregistry.clear()
        for owner, name, items, content in self.lists:
            items[:] = content
            setattr(owner, name, items)
        for owner, name, hook in self.hooks:
            found = getattr(owner, name, None)
            self._note(_name_attribute(owner, name), found is not hook)
            setattr(owner, name, hook)
        logging = sys.modules.get("logging")
        if logging:
            self._note("logging", _read_logging(logging) != self.logging)
            _write_logging(logging, *self.logging)
        # To ask for the folder sets it, too.
        usual = (None, self.environ.get("TMPDIR"))
        self._note("tempfile.tempdir", tempfile.tempdir not in usual)
        tempfile.tempdir = None
        if sys.gettrace() is not None:
            self.changes.append("trace function")
            sys.settrace(None)
        if sys.getprofile() is not None:
            self.changes.append("profile function")
            sys.setprofile(None)
        self._note("garbage collection", not gc.isenabled())
        gc.enable()

    def _restore_process(self):
        changed = [each for each in self.limits if resource.getrlimit(each[0]) != each[1]]
        self._note("resource limits", changed)
        for kind, limits in changed:
            resource.setrlimit(kind, limits)
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)
        faulthandler.disable()
        faulthandler.unregister(signal.SIGUSR1)
        changed = [each for each in self.handlers if signal.getsignal(each[0]) is not each[1]]
        if changed:
            names = [signal.Signals(number).name for number, _ in changed]
            self.changes.append(_name_change("signal handlers", names))
        for number, handler in changed:
            signal.signal(number, handler)
        mask = signal.pthread_sigmask(signal.SIG_SETMASK, self.signal_mask)
        self._note("signal mask", mask != self.signal_mask)
        watch_stacks(self.stack_fd)
        self._note("umask", os.umask(self.umask) != self.umask)

    def _restore_folder(self):
        if self.folder:
            with contextlib.suppress(OSError):
                if os.path.samefile(os.getcwd(), self.folder):
                    if not os.listdir(self.folder):
                        return
                else:
                    self.changes.append("working folder")
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = tempfile.mkdtemp(prefix="work-", dir=self.environ.get("TMPDIR"))
        os.chdir(self.folder)


def _name_change(what, names):
    """Return a name for what was changed, with the first few of its parts."""
    shown = [name if name.isidentifier() else ascii(name) for name in sorted(names)[:MAX_NAMES]]
    if len(names) > MAX_NAMES:
        shown.append("...")
    return "{} ({})".format(what, ", ".join(shown))


def _name_attribute(owner, name):
    return "{}.{}".format(owner.__name__, name)


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
