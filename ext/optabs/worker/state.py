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
        self.variables = os.environ  # an example may put something else in its place
        self.environ = dict(os.environ)
        self.encoded = dict(os.environ._data)  # which is compared without decoding it
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

    def list_changes(self):
        """Return (what, which) for all that is not as it was, as far as imports may change it."""
        found = [
            (_name_attribute(owner, name), "")
            for owner, name, hook in self.hooks
            if getattr(owner, name, None) is not hook
        ]
        found += [
            (_name_attribute(owner, name), "")
            for owner, name, items, content in self.lists
            if getattr(owner, name, None) is not items or items != content
        ]
        if self.variables._data != self.encoded:
            differences = set(self.variables.items()) ^ set(self.environ.items())
            found += [("environment variables", name) for name, _ in differences]
        logging = sys.modules.get("logging")
        if logging and _read_logging(logging) != self.logging:
            found.append(("logging", ""))
        if sys.getrecursionlimit() != self.recursion_limit:
            found.append(("recursion limit", ""))
        if self.numpy:
            numpy = sys.modules["numpy"]
            if numpy.geterr() != self.numpy[0]:
                found.append(("NumPy's error handling", ""))
            if numpy.get_printoptions() != self.numpy[1]:
                found.append(("NumPy's print options", ""))
        return found

    def restore(self):
        """Put everything back, with an empty working folder.

        Adds to `changes` what was changed beside `list_changes`. What examples can hardly avoid is
        not named: random draws, files in the working folder.

        Raises whatever an example's damage leads to: the process is of no use then.
        """
        self._restore_names()
        self._restore_process()
        self._restore_folder()
        if os.environ._data != self.encoded:
            os.environ.clear()
            os.environ.update(self.environ)
        random.seed(SEED)
        if self.numpy:
            numpy = sys.modules["numpy"]
            numpy.random.seed(SEED)
            if numpy.geterr() != self.numpy[0]:
                numpy.seterr(**self.numpy[0])
            if numpy.get_printoptions() != self.numpy[1]:
                numpy.set_printoptions(**self.numpy[1])

    def _note(self, name, changed):
        if changed:
            self.changes.append((name, ""))

    def restore_basis(self):
        """Put back what everything else here rests on; begins a new list of `changes`."""
        self.changes = []
        self._note("recursion limit", sys.getrecursionlimit() != self.recursion_limit)
        sys.setrecursionlimit(self.recursion_limit)
        names = vars(builtins)
        if names != self.builtins:
            found = names.copy()
            for name in names.keys() - self.builtins.keys():
                del names[name]
            names.update(self.builtins)
            # By identity: what stands there now may be compared by element.
            self.changes += [
                ("builtins", str(name))
                for name in {**names, **found}
                if found.get(name, self) is not names.get(name, self)
            ]

    def _restore_names(self):
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
        # To ask for the folder sets it, too.
        usual = (None, self.environ.get("TMPDIR"))
        self._note("tempfile.tempdir", tempfile.tempdir not in usual)
        tempfile.tempdir = None
        if sys.gettrace() is not None:
            self.changes.append(("trace function", ""))
            sys.settrace(None)
        if sys.getprofile() is not None:
            self.changes.append(("profile function", ""))
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
        for number, handler in changed:
            self.changes.append(("signal handlers", signal.Signals(number).name))
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
                    self.changes.append(("working folder", ""))
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = tempfile.mkdtemp(prefix="work-", dir=self.environ.get("TMPDIR"))
        os.chdir(self.folder)


def name_changes(changes):
    """Return names for (what, which) pairs, each `what` once, with the first few of its parts."""
    parts = {}
    for what, which in changes:
        parts.setdefault(what, set()).add(which)
    names = []
    for what, found in parts.items():
        shown = [name if name.isidentifier() else ascii(name) for name in sorted(found) if name]
        if len(shown) > MAX_NAMES:
            shown[MAX_NAMES:] = ["..."]
        names.append("{} ({})".format(what, ", ".join(shown)) if shown else what)
    return names


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
