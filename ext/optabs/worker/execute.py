"""Running one example in a fresh namespace, with everything global put back before it."""

from __future__ import annotations

import builtins
import contextlib
import faulthandler
import linecache
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import types
import warnings

from .values import encode_value

FILENAME = "<example>"
SEED = 0

# Beyond the limit that the one who waits enforces; this one holds when nobody waits any more.
ORPHAN_SECONDS = 60


class Executor:
    """Runs examples one after the other; what one of them changes, the next does not see."""

    def __init__(self, adapter, device, capture):
        self.adapter = adapter
        self.device = device
        self.capture = capture
        self.globals = _GlobalState()

    def run(self, id, code, names, limit):  # noqa: A002 - the protocol's word
        """Run `code` and return the reply: outcome, results by name, output, error, seconds."""
        reply = {"id": id, "outcome": "raised", "results": {}, "error": None}
        self.globals.restore()
        self.capture.reset()
        faulthandler.dump_traceback_later(limit + ORPHAN_SECONDS, exit=True)
        module = types.ModuleType("__main__")
        started = time.perf_counter()
        try:
            self.adapter.reset(self.device, SEED)
            compiled = _compile(code)
            sys.modules["__main__"] = module
            started = time.perf_counter()
            exec(compiled, module.__dict__)  # it is what we are for
            self.adapter.synchronize()
            reply["seconds"] = time.perf_counter() - started
            reply["results"] = {
                name: encode_value(module.__dict__[name], self.adapter.to_numpy, name)
                for name in names
                if name in module.__dict__
            }
            reply["outcome"] = "ok"
        except BaseException as error:  # sys.exit and KeyboardInterrupt are the example's, too
            reply["error"] = _describe_error(error)
            reply.setdefault("seconds", time.perf_counter() - started)
        finally:
            faulthandler.cancel_dump_traceback_later()
            reply["stdout"], reply["stderr"] = self.capture.read()
        return reply


def _compile(code):
    lines = code.splitlines(keepends=True)
    linecache.cache[FILENAME] = (len(code), None, lines, FILENAME)
    return compile(code, FILENAME, "exec", dont_inherit=True)


def _describe_error(error):
    """Return type, message and traceback; frames of the worker itself are left out."""
    stack = error.__traceback__
    while stack is not None and stack.tb_frame.f_code.co_filename != FILENAME:
        stack = stack.tb_next
    try:
        message = str(error)
    except Exception as fault:
        message = "<str() of the exception raised {}>".format(type(fault).__name__)
    in_example = stack is not None or isinstance(error, SyntaxError)
    lines = traceback.format_exception(
        type(error), error, stack if in_example else error.__traceback__, limit=-20
    )
    name = type(error).__name__
    return {"type": name, "message": message, "traceback": _shorten_paths("".join(lines))}


def _shorten_paths(text):
    """Name library files from their package on: the rest is about this machine."""
    for folder in sorted({path for path in sys.path if path}, key=len, reverse=True):
        text = text.replace('File "{}{}'.format(folder, os.sep), 'File "')
    return text


class _GlobalState:
    """What belongs to the process and not to an example, as it was when the worker was ready."""

    def __init__(self):
        self.environ = dict(os.environ)
        self.path = list(sys.path)
        self.filters = list(warnings.filters)
        self.builtins = dict(vars(builtins))
        self.recursion_limit = sys.getrecursionlimit()
        self.hooks = (sys.excepthook, sys.displayhook, threading.excepthook)
        self.handlers = {
            number: handler
            for number in (
                signal.SIGINT,
                signal.SIGTERM,
                signal.SIGALRM,
                signal.SIGHUP,
                signal.SIGCHLD,
                signal.SIGPIPE,
                signal.SIGSEGV,
                signal.SIGABRT,
            )
            for handler in [signal.getsignal(number)]
            if handler is not None
        }
        self.umask = os.umask(0)
        os.umask(self.umask)
        self.folder = None
        numpy = sys.modules.get("numpy")
        self.numpy = (numpy.geterr(), numpy.get_printoptions()) if numpy else None

    def restore(self):
        """Put everything back, with a new empty working folder."""
        self._restore_folder()
        if os.environ != self.environ:
            os.environ.clear()
            os.environ.update(self.environ)
        sys.path[:] = self.path
        sys.argv[:] = [FILENAME]
        warnings.filters[:] = self.filters
        # Python's own cache of warnings already shown would hide them from the next example.
        warnings._filters_mutated() if hasattr(warnings, "_filters_mutated") else None
        vars(builtins).update(self.builtins)
        sys.setrecursionlimit(self.recursion_limit)
        sys.excepthook, sys.displayhook, threading.excepthook = self.hooks
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self.handlers.items():
            if signal.getsignal(number) != handler:
                signal.signal(number, handler)
        os.umask(self.umask)
        random.seed(SEED)
        numpy = sys.modules.get("numpy")
        if numpy and self.numpy:
            numpy.random.seed(SEED)
            numpy.seterr(**self.numpy[0])
            numpy.set_printoptions(**self.numpy[1])

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
