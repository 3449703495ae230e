"""Running one example in a fresh namespace, and leaving nothing of it to the next."""

from __future__ import annotations

import _thread
import gc
import linecache
import os
import signal
import sys
import time
import traceback
import types

from .adapter import PACKAGE
from .capture import open_file
from .imports import ImportWatch
from .namespaces import Namespaces
from .state import FILENAME, SEED, GlobalState, name_changes
from .values import clean_text, encode_value

# Beyond the limit that the one who waits enforces; this one holds when nobody waits any more.
ORPHAN_SECONDS = 60
MAX_SECONDS = 1_000_000

# How long what an example has started may take to end after it.
GRACE_SECONDS = 0.1

# Of a long traceback, how many frames are kept at either end: the example's own come first.
HEAD, TAIL = 5, 15

_OWN = ("optabs_worker", PACKAGE)


class Executor:
    """Runs examples one after the other; what one of them changes, the next does not see.

    Everything is put back after an example, not before the next one, so that what cannot be put
    back is its own fault. `spoiled` is true then: this process must not run another example.
    """

    def __init__(self, adapter, device, capture, scratch):
        self.adapter = adapter
        self.device = device
        self.locate = getattr(adapter, "locate", lambda value: None)
        self.capture = capture
        self.file = os.path.join(scratch, "example.py")
        self.file_fd = open_file(self.file)
        self.spoiled = False
        self.process = os.getpid()
        self.adapter.reset(device, SEED)
        self.globals = GlobalState(capture.stack_fd)
        moving = getattr(adapter, "MOVING_NAMES", ())
        self.namespaces = Namespaces(_list_namespaces(adapter), moving)
        self.settings = self._describe()
        self.imports = ImportWatch(self._list_changes, self._accept)
        self.main = sys.modules["__main__"]
        self.threads = _thread._count()
        self.has_children = _has_children()

    def run(self, id, code, names, limit):  # noqa: A002 - the protocol's word
        """Run `code` and return the reply: outcome, results by name, output, error, seconds.

        `elsewhere` names results that were computed on another device than the worker's, each with
        that device, `changes` what the example has changed beyond itself.
        """
        reply = {"id": id, "outcome": "raised", "results": {}, "error": None}
        places = {}
        module = self._make_module(code)
        self.capture.reset()
        signal.setitimer(signal.ITIMER_REAL, min(limit, MAX_SECONDS) + ORPHAN_SECONDS)
        error = None
        started = time.perf_counter()
        try:
            compiled = compile(code, FILENAME, "exec", dont_inherit=True)
            started = time.perf_counter()
            with self.imports:
                exec(compiled, module.__dict__)  # it is what we are for
            self.adapter.synchronize()
        except BaseException as fault:  # sys.exit and KeyboardInterrupt are the example's, too
            error = fault
        reply["seconds"] = time.perf_counter() - started
        if os.getpid() != self.process:
            _end_fork(error)
        self._restore(self.globals.restore_basis)
        changes = self._restore(self._list_changes) or []
        self._restore(self.globals.restore)
        if changes:
            self._restore(self.namespaces.restore)
        if error is None:
            try:
                reply["results"], places = self._encode(module, names)
                reply["outcome"] = "ok"
            except BaseException as fault:
                error = fault
        if error is not None:
            reply["error"] = _describe_error(error)
        reply["stdout"], reply["stderr"] = self.capture.read()
        reply["elsewhere"] = self._list_elsewhere(places, reply["stderr"])
        sys.modules["__main__"] = self.main
        del module, error
        self._restore(self.adapter.reset, self.device, SEED)
        if changes:
            self._check_settings()
        left = self._find_what_is_left()
        if left:
            self.spoiled = True
        changes += [*self.globals.changes, *left]
        own = [each for each in changes if each not in self.imports.changes]
        reply["changes"] = name_changes(own)
        return reply

    def _make_module(self, code):
        """Return the module `__main__`, with its source where Python looks for it."""
        os.ftruncate(self.file_fd, 0)
        os.write(self.file_fd, code.encode("utf-8", "surrogatepass"))
        lines = [line + "\n" for line in code.split("\n")]
        for name in (FILENAME, self.file):
            linecache.cache[name] = (len(code), None, lines, name)
        module = types.ModuleType("__main__")
        module.__file__ = self.file
        sys.modules["__main__"] = module
        return module

    def _encode(self, module, names):
        """Return the results as JSON trees, and the devices of those that are on any."""
        results, places = {}, {}

        def convert(value):
            converted = self.adapter.to_numpy(value)
            device = None if converted is None else self.locate(value)
            if device is not None and places.get(name, self.device) == self.device:
                places[name] = device
            return converted

        for name in names:
            if name in module.__dict__:
                results[name] = encode_value(module.__dict__[name], convert, name)
        return results, places

    def _list_elsewhere(self, places, stderr):
        """Return the results that were computed on another device, each with that device."""
        said = getattr(self.adapter, "FALLBACK", None)
        if said and said in stderr:  # then a result may be back where it was not computed
            places = {
                name: "cpu" if device == self.device else device for name, device in places.items()
            }
        return {name: device for name, device in places.items() if device != self.device}

    def _restore(self, function, *arguments):
        try:
            return function(*arguments)
        except BaseException:
            self.spoiled = True
            return None

    def _list_changes(self):
        """Return (what, which) for all that is not as it was, as far as imports may change it."""
        names = [(name, "") for name in self.namespaces.list_changes()]
        return [*self.globals.list_changes(), *names, *self._list_settings()]

    def _accept(self, changes):
        self.namespaces.accept({what for what, _ in changes})

    def _describe(self):
        describe = getattr(self.adapter, "describe_state", None)
        return describe() if describe else {}

    def _list_settings(self):
        """Return the names of the framework's settings that are not as they were at first."""
        try:
            found = self._describe()
            if found == self.settings:
                return []
            # What is new belongs to a part of the framework that was loaded meanwhile.
            return [(name, "") for name, value in self.settings.items() if found.get(name) != value]
        except BaseException:
            return [("settings of the framework, which cannot be read any more", "")]

    def _check_settings(self):
        """See that the framework's settings are as they were, but for what imports have changed."""
        left = self._list_settings()
        if set(left) - self.imports.changes:
            self.spoiled = True
        elif left:
            self.settings = self._describe()

    def _find_what_is_left(self):
        """Return what of the example lives on and could disturb the next, if anything does."""
        if not self._list_company():
            return []
        gc.collect()  # which ends the threads of pools that nobody holds any more
        deadline = time.monotonic() + GRACE_SECONDS
        while self._list_company():
            if time.monotonic() > deadline:
                return [(name, "") for name in self._list_company()]
            time.sleep(0.002)
        return []

    def _list_company(self):
        found = ["threads left running"] if _thread._count() > self.threads else []
        if not self.has_children and _has_children():
            found.append("processes left running")
        return found


def _list_namespaces(adapter):
    """Return the modules whose public names are watched: the adapter's, and NumPy."""
    found = list(getattr(adapter, "NAMESPACES", ()))
    numpy = sys.modules.get("numpy")
    return found if numpy is None or numpy in found else [*found, numpy]


def _has_children():
    """Whether a child process runs; those that have ended are forgotten."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return False
    try:
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return True
            os.waitpid(ended.si_pid, os.WNOHANG)
    except ChildProcessError:
        return False


def _end_fork(error):
    """End a process that the example forked and that came to the example's end, too."""
    status = 0
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
        status = 1
    os._exit(status & 0xFF)


def _describe_error(error):
    """Return type, message and traceback; frames of the worker itself are left out."""
    try:
        message = str(error)
    except BaseException as fault:
        message = "<str() of the exception raised {}>".format(type(fault).__name__)
    try:
        text = _write_traceback(error)
    except BaseException:  # the exception's class decides what happens here
        text = ""
    return {
        "type": type(error).__name__,
        "message": clean_text(message),
        "traceback": clean_text(text),
    }


def _write_traceback(error):
    stack = error.__traceback__
    while stack is not None and _is_own(stack.tb_frame):
        stack = stack.tb_next
    described = traceback.TracebackException(type(error), error, stack)
    each = described
    while each is not None:
        left_out = len(each.stack) - HEAD - TAIL
        if left_out > 0:
            note = "{} frames left out".format(left_out)
            each.stack[HEAD:-TAIL] = [traceback.FrameSummary("...", 0, note, line="")]
        each = each.__cause__ or each.__context__
    return _shorten_paths("".join(described.format()))


def _is_own(frame):
    return str(frame.f_globals.get("__name__")).partition(".")[0] in _OWN


def _shorten_paths(text):
    """Name library files from their package on: the rest is about this machine."""
    for folder in sorted({path for path in sys.path if path}, key=len, reverse=True):
        text = text.replace('File "{}{}'.format(folder, os.sep), 'File "')
    return text
