"""Tests of running examples in a real worker: what they see, what they leave, what is kept."""

from __future__ import annotations

import base64
import struct
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from optabs.frameworks import Registry
from optabs.run.environments import get_python
from optabs.run.worker_process import WORKER, WorkerDied, WorkerProcess, WorkerSpec

SECONDS = 30.0


class Session:
    """Runs one example after the other in one worker."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.ready = worker.receive(SECONDS)["ready"]
        self.count = 0

    def run(self, code: str, *names: str) -> dict[str, Any]:
        """Run an example and return the reply, whatever came of it."""
        self.count += 1
        request = {"id": self.count, "code": code, "names": names or ("result",), "limit": SECONDS}
        self.worker.send({"run": request})
        assert self.worker.receive(SECONDS) == {"started": self.count}
        reply: dict[str, Any] = self.worker.receive(SECONDS)["done"]
        assert reply["id"] == self.count
        return reply

    def evaluate(self, code: str) -> Any:
        """Run an example whose `result` is text, a number or a list of such, and return that."""
        reply = self.run(code)
        assert reply["outcome"] == "ok", reply["error"]
        return decode(reply["results"]["result"])

    def resolve(self, *apis: str) -> dict[str, Any]:
        self.worker.send({"resolve": apis})
        found: dict[str, Any] = {}
        while len(found) < len(apis):
            found |= self.worker.receive(SECONDS)["resolved"]
        return found


def decode(tree: dict[str, Any]) -> Any:
    if "items" in tree:
        return [decode(item) for item in tree["items"]]
    if "entries" in tree:
        return {key: decode(item) for key, item in tree["entries"].items()}
    if "dtype" in tree:
        code = {"bool": "?", "int64": "q", "float64": "d", "float32": "f", "complex128": "dd"}
        raw = base64.b64decode(tree["data"])
        found = list(struct.iter_unpack(f"<{code[tree['stored']]}", raw))
        flat = [complex(*each) if len(each) == 2 else each[0] for each in found]
        return flat if tree["shape"] else flat[0]
    return tree.get("text", tree.get("object"))


@pytest.fixture
def session(fake_spec: WorkerSpec) -> Iterator[Session]:
    with WorkerProcess(fake_spec) as worker:
        yield Session(worker)


# --- what an example sees -------------------------------------------------------------------------


def test_ready_names_processor_and_python(session: Session) -> None:
    assert session.ready["device_name"]
    assert session.ready["python_version"].count(".") == 2


def test_namespace_is_fresh(session: Session) -> None:
    session.run("leaked = 1\nresult = 2")
    reply = session.run("result = leaked")
    assert reply["outcome"] == "raised"
    assert reply["error"]["message"] == "name 'leaked' is not defined"
    before = set(session.evaluate("result = sorted(globals())"))
    assert before == {
        *("__builtins__", "__doc__", "__file__", "__loader__"),
        *("__name__", "__package__", "__spec__"),
    }


@pytest.mark.parametrize(
    ("spoil", "read"),
    [
        ("os.environ['LEAK'] = '1'; del os.environ['TZ']", "[dict(os.environ)]"),
        ("os.environ = {}", "[type(os.environ).__name__, os.environ.get('TZ')]"),
        ("os.mkdir('sub'); os.chdir('sub')", "[os.path.basename(os.getcwd())[:5], os.listdir()]"),
        ("open('left', 'w').close()", "os.listdir()"),
        ("import shutil; shutil.rmtree(os.getcwd())", "os.listdir()"),
        ("sys.path.insert(0, '/leak')", "sys.path"),
        ("sys.path = ['/leak']", "sys.path"),
        ("sys.path = None", "sys.path"),
        ("sys.argv.append('--leak')", "sys.argv"),
        ("sys.meta_path.clear()", "[str(type(each)) for each in sys.meta_path]"),
        ("warnings.simplefilter('error')", "[str(each) for each in warnings.filters]"),
        ("warnings.catch_warnings(record=True).__enter__()", "len(warnings.filters)"),
        ("warnings.showwarning = print", "warnings.showwarning.__name__"),
        ("sys.setrecursionlimit(50)", "sys.getrecursionlimit()"),
        ("sys.excepthook = print", "sys.excepthook.__name__"),
        ("sys.settrace(lambda *_: None)", "str(sys.gettrace())"),
        ("sys.setprofile(lambda *_: None)", "str(sys.getprofile())"),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "str(signal.getsignal(15))"),
        ("signal.signal(signal.SIGINT, print)", "str(signal.getsignal(2))"),
        ("signal.alarm(600)", "signal.alarm(0) > 500"),
        (
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])",
            "len(signal.pthread_sigmask(signal.SIG_BLOCK, []))",
        ),
        (
            "resource.setrlimit(7, (9, resource.getrlimit(7)[1]))",
            "resource.getrlimit(resource.RLIMIT_NOFILE)[0]",
        ),
        ("builtins.leak = 1", "hasattr(builtins, 'leak')"),
        ("builtins.len = None", "len('four')"),
        ("del builtins.print", "callable(print)"),
        ("os.umask(0o777)", "os.umask(0)"),
        ("random.seed(5)", "random.random()"),
        ("random.random()", "random.random()"),
        ("ff.draw()", "ff.draw()"),
        ("ff.set_default_dtype('float64')", "ff.array(0.5).dtype"),
        ("ff.sin = ff.cos", "ff.sin(ff.array(0.0)).data"),
        ("del ff.sin", "ff.sin(ff.array(0.0)).data"),
        ("sys.stdout = None", "sys.stdout.fileno()"),
        ("sys.stdout = sys.__stdout__ = open(os.devnull, 'w')", "sys.stdout.fileno()"),
        ("os.close(1)", "sys.stdout.fileno()"),
        ("logging.basicConfig(level='DEBUG')", "[str(logging.root), len(logging.root.handlers)]"),
        ("logging.disable()", "logging.getLogger().isEnabledFor(50)"),
        ("tempfile.tempdir = '/nowhere'", "tempfile.gettempdir() == os.environ['TMPDIR']"),
        ("gc.disable()", "gc.isenabled()"),
        ("sys.modules['__main__'] = sys", "sys.modules['__main__'] is not sys"),
    ],
)
def test_what_one_example_changes_the_next_does_not_see(
    session: Session, spoil: str, read: str
) -> None:
    head = (
        "import builtins, gc, logging, os, random, resource, signal, sys, tempfile, warnings\n"
        "import fakeframework as ff\n"
    )
    clean = session.evaluate(f"{head}result = {read}")
    session.run(f"{head}{spoil}\nassert result is None")
    assert session.evaluate(f"{head}result = {read}") == clean


def test_a_warning_is_shown_to_every_example(session: Session) -> None:
    code = "import fakeframework as ff\nresult = ff.old_sin(ff.array(0.0))"
    first, second = session.run(code), session.run(code)
    assert "old_sin is deprecated" in first["stderr"]
    assert second["stderr"] == first["stderr"]


def test_variables_are_few_and_fixed(
    fake_spec: WorkerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECRET_TOKEN", "PYTHONSTARTUP", "OMP_NUM_THREADS", "LC_ALL", "FRAMEWORKS"):
        monkeypatch.setenv(name, "from the caller")
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    with WorkerProcess(fake_spec) as worker:
        seen = Session(worker).evaluate("import os\nresult = dict(os.environ)")
    fixed = {
        **dict.fromkeys(("LANG", "TZ", "TMPDIR", "FAKE_CACHE")),
        **dict.fromkeys(("PYTHONHASHSEED", "PYTHONUTF8", "PYTHONNOUSERSITE")),
        "NVIDIA_TF32_OVERRIDE": None,
        **dict.fromkeys(name for name in seen if name.endswith("_THREADS")),
    }
    kept = {"PATH", "HOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE"}
    assert fixed.keys() <= seen.keys() <= fixed.keys() | kept
    assert seen["OMP_NUM_THREADS"] == "1"
    assert seen["NVIDIA_TF32_OVERRIDE"] == "0"
    assert seen["FAKE_CACHE"] == f"{fake_spec.cache}/compiled"


def test_pythons_own_variables_of_the_caller_do_not_matter(
    fake_spec: WorkerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/leak")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    with WorkerProcess(fake_spec) as worker:
        flags = Session(worker).evaluate(
            "import sys\nresult = ['/leak' in sys.path, sys.flags.optimize, len(sys.warnoptions)]"
        )
    assert flags == [False, 0, 0]


def test_the_workers_folder_is_not_on_the_path(session: Session) -> None:
    path = session.evaluate("import sys\nresult = sys.path")
    assert str(WORKER) not in path
    assert "" not in path
    for name in ("serve", "capture", "values", "optabs"):
        assert session.run(f"import {name}")["error"]["type"] == "ModuleNotFoundError"


def test_the_examples_module_is_main(session: Session) -> None:
    code = """
import dataclasses, inspect, pickle, sys, typing

@dataclasses.dataclass
class Point:
    x: "int"

def double(x):
    return 2 * x

assert __name__ == "__main__"
assert sys.modules["__main__"].Point is Point
assert pickle.loads(pickle.dumps(Point(1))) == Point(1)
assert pickle.loads(pickle.dumps(double)) is double
assert typing.get_type_hints(Point) == {"x": int}
result = [inspect.getsource(double), inspect.getsource(Point)]
"""
    assert session.evaluate(code) == [
        "def double(x):\n    return 2 * x\n",
        '@dataclasses.dataclass\nclass Point:\n    x: "int"\n',
    ]
    # The next example has a source of its own.
    assert (
        session.evaluate(
            "import inspect\ndef half(x):\n    return x / 2\nresult = inspect.getsource(half)"
        )
        == "def half(x):\n    return x / 2\n"
    )


def test_input_is_at_its_end(session: Session) -> None:
    assert session.run("input()")["error"]["type"] == "EOFError"
    assert session.evaluate("import os, sys\nresult = [sys.stdin.read(), os.read(0, 9).hex()]") == [
        "",
        "",
    ]


# --- what it prints -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "print('words')",
        "import sys\nsys.stdout.write('words\\n')",
        "import sys\nsys.stdout.buffer.write(b'words\\n')",
        "import os\nos.write(1, b'words\\n')",
        "import os\nos.system('echo words')",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(\"words\")'])",
        "import ctypes\nctypes.CDLL(None).puts(b'words')",
        "import ctypes\nctypes.CDLL(None).printf(b'words\\n')",
    ],
)
def test_output_is_captured_at_every_level(session: Session, code: str) -> None:
    reply = session.run(f"{code}\nresult = 1")
    assert (reply["outcome"], reply["stdout"], reply["stderr"]) == ("ok", "words\n", "")
    assert session.run("result = 1")["stdout"] == ""


def test_output_and_errors_are_kept_apart(session: Session) -> None:
    reply = session.run(
        "import os, sys\nprint('out')\nprint('err', file=sys.stderr)\nos.write(2, b'low\\n')"
    )
    assert (reply["stdout"], reply["stderr"]) == ("out\n", "err\nlow\n")


def test_output_before_an_error_is_kept(session: Session) -> None:
    reply = session.run("print('first')\n1 / 0")
    assert (reply["outcome"], reply["stdout"]) == ("raised", "first\n")


def test_long_output_is_shortened_in_the_middle(session: Session) -> None:
    reply = session.run("print('<' + 'x' * 1_000_000 + '>')")
    assert reply["stdout"].startswith("<xxx")
    assert reply["stdout"].endswith("xxx>\n")
    assert "[... 934467 bytes left out ...]" in reply["stdout"]
    assert len(reply["stdout"]) < 70_000


def test_binary_and_unicode_output(session: Session) -> None:
    reply = session.run("import os\nprint('∂ 🦊')\nos.write(1, b'\\xff\\x00\\n')")
    assert reply["stdout"] == "∂ 🦊\n\ufffd\x00\n"
    assert session.run("print('\\ud800')")["stdout"] == "\\ud800\n"


# --- how it fails ---------------------------------------------------------------------------------


def test_traceback_has_the_examples_lines(session: Session) -> None:
    error = session.run("def inner():\n    return 1 / 0\n\n\ninner()\n")["error"]
    assert (error["type"], error["message"]) == ("ZeroDivisionError", "division by zero")
    assert '  File "<example>", line 5, in <module>\n    inner()\n' in error["traceback"]
    assert '  File "<example>", line 2, in inner\n    return 1 / 0\n' in error["traceback"]
    assert "optabs" not in error["traceback"]


def test_traceback_names_library_files_from_their_package_on(session: Session) -> None:
    error = session.run("import fakeframework as ff\nff.add(ff.array([1.0]), 1)")["error"]
    assert 'File "fakeframework/__init__.py", line ' in error["traceback"]


def test_long_traceback_keeps_both_ends(session: Session) -> None:
    code = "def f(n):\n    return g(n)\ndef g(n):\n    return f(n - 1) if n else 1 / 0\nf(200)"
    text = session.run(code)["error"]["traceback"]
    assert '  File "<example>", line 5, in <module>\n    f(200)\n' in text
    assert "frames left out" in text
    assert text.count("File ") <= 21
    assert text.endswith("ZeroDivisionError: division by zero\n")


def test_chained_exceptions_are_shown(session: Session) -> None:
    code = "try:\n    {}['k']\nexcept KeyError as e:\n    raise ValueError('no') from e"
    text = session.run(code)["error"]["traceback"]
    assert "KeyError: 'k'" in text
    assert "direct cause" in text
    assert text.endswith("ValueError: no\n")


def test_syntax_error_shows_its_line(session: Session) -> None:
    error = session.run("x = 1\ny = = 2\n")["error"]
    assert error["type"] == "SyntaxError"
    assert '  File "<example>", line 2\n    y = = 2\n' in error["traceback"]
    assert "execute.py" not in error["traceback"]


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("import sys\nsys.exit('enough')", "SystemExit", "enough"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGINT)", "KeyboardInterrupt", ""),
        ("raise GeneratorExit('g')", "GeneratorExit", "g"),
        (
            "class Odd(Exception):\n    def __str__(self): raise SystemExit\nraise Odd",
            "Odd",
            "<str() of the exception raised SystemExit>",
        ),
        (
            "class Odd(Exception):\n    def __str__(self): return 3\nraise Odd",
            "Odd",
            "<str() of the exception raised TypeError>",
        ),
        ("raise ValueError('\\ud800')", "ValueError", "\\ud800"),
        (
            "import sys\nsys.setrecursionlimit(100)\ndef f(): f()\nf()",
            "RecursionError",
            "maximum recursion depth exceeded",
        ),
        (
            "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 30, -1))\n"
            "bytearray(1 << 32)",
            "MemoryError",
            "",
        ),
        ("x = bytearray(1 << 62)", "MemoryError", ""),
        ("result = '\0'", "SyntaxError", "source code string cannot contain null bytes"),
        ("\ud800", "UnicodeEncodeError", None),
        ("import builtins\nbuiltins.str = None\n1 / 0", "ZeroDivisionError", "division by zero"),
    ],
)
def test_any_exception_is_the_examples_own(
    session: Session, code: str, kind: str, message: str | None
) -> None:
    error = session.run(code)["error"]
    if kind == "SyntaxError":  # Python 3.11.3 and older call it a ValueError
        kind = error["type"]
    assert error["type"] == kind
    assert message is None or error["message"] == message
    assert session.run("result = 1")["outcome"] == "ok"


# --- what is kept ---------------------------------------------------------------------------------


def test_missing_result_is_left_out(session: Session) -> None:
    reply = session.run("values = 1", "values", "indices")
    assert (reply["outcome"], list(reply["results"])) == ("ok", ["values"])


def test_arrays_keep_dtype_shape_and_values(session: Session) -> None:
    reply = session.run("import fakeframework as ff\nresult = ff.array([[1.0, 2.5]])")
    tree = reply["results"]["result"]
    assert (tree["dtype"], tree["stored"], tree["shape"]) == ("float32", "float32", [1, 2])
    assert decode(tree) == [1.0, 2.5]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("True", True),
        ("-7", -7),
        ("2**63 - 1", 2**63 - 1),
        ("2**63", "9223372036854775808"),
        ("-2**70", "-1180591620717411303424"),
        ("0.1", 0.1),
        ("1 + 2j", 1 + 2j),
        ("'text'", "text"),
        ("'\\ud800'", "\\ud800"),
        ("(1, [2, (3,)])", [1, [2, [3]]]),
        ("{'a': 1, 2: {'b': ()}}", {"a": 1, "2": {"b": []}}),
        ("(n for n in range(3))", "builtins.generator"),
        ("range(3)", "builtins.range"),
        ("object()", "builtins.object"),
        ("print", "builtins.builtin_function_or_method"),
    ],
)
def test_plain_values_are_kept(session: Session, expression: str, expected: object) -> None:
    found = session.evaluate(f"result = {expression}")
    assert found == expected
    assert type(found) is type(expected)


def test_none_is_a_result(session: Session) -> None:
    assert session.run("result = None")["results"] == {"result": {"none": True}}


@pytest.mark.parametrize(
    "code",
    [
        "result = []\nresult.append(result)",
        "result = {}\nresult['self'] = result",
        "result = []\nfor _ in range(100_000): result = [result]",
        "result = [0] * 10_001",
        "result = list(range(1_000_000))",
    ],
)
def test_endless_and_huge_containers_are_refused(session: Session, code: str) -> None:
    reply = session.run(code)
    assert (reply["outcome"], reply["error"]["type"]) == ("raised", "ValueError")
    assert "`result` has too many parts" in reply["error"]["message"]
    assert "File" not in reply["error"]["traceback"]


@pytest.mark.parametrize(
    "value", ["'x' * (5 << 20)", "ff.array([0.5] * 1_500_000)", "['x' * (3 << 20)] * 2"]
)
def test_large_results_are_refused(session: Session, value: str) -> None:
    reply = session.run(f"import fakeframework as ff\nresult = {value}")
    assert reply["error"]["message"] == (
        "the result `result` is larger than 4 MiB: reduce it in the example"
    )


def test_a_result_that_cannot_be_converted_is_the_examples_failure(session: Session) -> None:
    reply = session.run(
        "import fakeframework as ff\nresult = ff.array([1.0])\nresult.data = ['no number']"
    )
    assert (reply["outcome"], reply["error"]["type"]) == ("raised", "error")
    assert "adapter.py" not in reply["error"]["traceback"]


# --- what it leaves behind ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()",
        "import threading\nthreading.Timer(60, print).start()",
        "import concurrent.futures, time\n"
        "concurrent.futures.ThreadPoolExecutor().submit(time.sleep, 60)",
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))\n"
        "import os\nos.setuid(65534)",
        "import subprocess\nkept = subprocess.Popen(['sleep', '60'])",
        "import os, time\nif os.fork() == 0: time.sleep(60)",
        "import random\nrandom.seed = None",
        "import fakeframework as ff\nff._generator = None",
    ],
)
def test_a_worker_that_cannot_be_cleaned_answers_and_ends(session: Session, code: str) -> None:
    assert session.run(f"{code}\nresult = 1")["outcome"] == "ok"
    with pytest.raises(WorkerDied, match="ended with exit status 0"):
        session.worker.receive(SECONDS)


@pytest.mark.parametrize(
    "code",
    [
        "import threading\nthread = threading.Thread(target=print)\nthread.start()",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor()\nlist(pool.map(abs, [1]))",
        "import subprocess\nsubprocess.Popen(['true'])",
        "import os\nif os.fork() == 0: os._exit(0)",
    ],
)
def test_what_ends_by_itself_does_no_harm(session: Session, code: str) -> None:
    assert session.run(f"{code}\nresult = 1")["outcome"] == "ok"
    assert session.run("result = 2")["outcome"] == "ok"


@pytest.mark.parametrize(
    ("end", "status"), [("", 0), ("sys.exit(3)", 3), ("raise ValueError('child')", 1)]
)
def test_a_forked_child_never_answers(session: Session, end: str, status: int) -> None:
    code = f"""
import os, sys
child = os.fork()
if child:
    result = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
else:
    {end or "pass"}
"""
    assert session.evaluate(code) == status
    assert session.evaluate("result = 'next'") == "next"


def test_the_worker_ends_with_its_input(fake_spec: WorkerSpec) -> None:
    with WorkerProcess(fake_spec) as worker:
        worker.receive(SECONDS)
        worker._process.stdin.close()  # type: ignore[union-attr]
        assert worker._process.wait(SECONDS) == 0
        assert not worker.scratch.exists()


# --- what it says it has changed ------------------------------------------------------------------

HEAD = """
import builtins, contextlib, gc, logging, os, random, resource, signal, subprocess, sys, tempfile
import threading, time, warnings
import fakeframework as ff
"""


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("ff.set_default_dtype('float64')", ["default dtype"]),
        ("ff.sin = ff.cos", ["fakeframework.sin"]),
        ("del ff.sin, ff.cos", ["fakeframework.sin", "fakeframework.cos"]),
        (
            "class Odd:\n    def __eq__(self, other): raise ValueError\nff.exp = Odd()",
            ["fakeframework.exp"],
        ),
        ("del ff._default_dtype", ["settings of the framework, which cannot be read any more"]),
        ("os.environ['LEAK'] = '1'; del os.environ['TZ']", ["environment variables (LEAK, TZ)"]),
        (
            "os.environ.update(dict.fromkeys('hgfedcb', ''))",
            ["environment variables (b, c, d, e, f, ...)"],
        ),
        ("os.environ['a\\nb'] = '1'", [r"environment variables ('a\nb')"]),
        ("os.environ = {}", ["os.environ"]),
        ("os.mkdir('sub'); os.chdir('sub')", ["working folder"]),
        ("os.chdir('/')", ["working folder"]),
        ("sys.path.insert(0, '/leak')", ["sys.path"]),
        ("sys.path = list(sys.path)", ["sys.path"]),
        ("sys.path = None", ["sys.path"]),
        ("warnings.simplefilter('error')", ["warnings.filters"]),
        ("warnings.showwarning = print", ["warnings.showwarning"]),
        ("sys.setrecursionlimit(500)", ["recursion limit"]),
        ("sys.excepthook = print", ["sys.excepthook"]),
        ("sys.settrace(lambda *_: None)", ["trace function"]),
        ("sys.setprofile(lambda *_: None)", ["profile function"]),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", ["signal handlers (SIGTERM)"]),
        ("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])", ["signal mask"]),
        ("resource.setrlimit(7, (9, resource.getrlimit(7)[1]))", ["resource limits"]),
        ("builtins.leak = 1", ["builtins (leak)"]),
        ("builtins.len = None; del builtins.print", ["builtins (len, print)"]),
        ("os.umask(0o777)", ["umask"]),
        ("logging.basicConfig(level='DEBUG')", ["logging"]),
        ("tempfile.tempdir = '/nowhere'", ["tempfile.tempdir"]),
        ("gc.disable()", ["garbage collection"]),
        ("threading.Thread(target=time.sleep, args=(60,)).start()", ["threads left running"]),
        ("kept = subprocess.Popen(['sleep', '60'])", ["processes left running"]),
        (
            "os.umask(0o777)\nos.environ['A'] = '1'\nff.set_default_dtype('float64')\nff.sin = 0",
            ["environment variables (A)", "fakeframework.sin", "default dtype", "umask"],
        ),
        ("os.umask(0o777)\n1 / 0", ["umask"]),
    ],
)
def test_what_an_example_changes_is_named_once(
    session: Session, code: str, changes: list[str]
) -> None:
    reply = session.run(HEAD + code)
    assert reply["changes"] == changes
    if "left running" not in changes[0]:
        assert session.run("result = 1")["changes"] == []


@pytest.mark.parametrize(
    "code",
    [
        "result = 1",
        "1 / 0",
        "random.random(); ff.draw()",
        "random.seed(5); ff.seed(5)",  # which cannot be told from drawing
        "open('left', 'w').close(); os.mkdir('sub')",
        "tempfile.gettempdir(); tempfile.TemporaryFile().close()",
        "before = os.environ.pop('TZ'); os.environ['TZ'] = before",
        "with contextlib.chdir('/'): pass" if sys.version_info >= (3, 11) else "os.chdir('.')",
        "with warnings.catch_warnings(): warnings.simplefilter('error')",
        "ff.old_sin(ff.array(0.0))",
        "logging.getLogger('mine').setLevel('DEBUG')",
        "ff.set_default_dtype('float64'); ff.set_default_dtype('float32')",
        "ff.added = 1",
        "import fakeframework.chatty",
        "import asyncio; asyncio.run(asyncio.sleep(0))",
        "import concurrent.futures, decimal, email, json, unittest.mock, xml.dom",
        "thread = threading.Thread(target=print); thread.start()",
        "subprocess.run(['true'])",
        "sys.exit(3)",
    ],
)
def test_what_examples_can_hardly_avoid_is_not_named(session: Session, code: str) -> None:
    assert session.run(HEAD + code)["changes"] == []


MEDDLE = "import fakeframework.meddling, importlib\n"


def test_what_an_import_changes_is_not_the_examples_doing(session: Session) -> None:
    assert session.run(f"{HEAD}{MEDDLE}os.umask(0)")["changes"] == ["umask"]
    # What the import has put into the framework stays and is nobody's change.
    code = "import fakeframework as ff\nresult = ff.exp is ff.cos"
    assert session.run(code)["changes"] == []
    assert session.evaluate(code) is True
    assert session.evaluate("import fakeframework as ff\nresult = ff.array(0.5).dtype") == "float32"
    assert session.run(f"{HEAD}{MEDDLE}ff.exp = ff.sin")["changes"] == ["fakeframework.exp"]
    assert session.evaluate(code) is True


def test_what_an_example_changes_beside_an_import_is_named(session: Session) -> None:
    reply = session.run(f"{HEAD}ff.sin = 1\n{MEDDLE}os.environ['B'] = '1'; sys.argv = []")
    assert reply["changes"] == ["sys.argv", "environment variables (B)", "fakeframework.sin"]


def test_imports_look_as_ever(session: Session) -> None:
    error = session.run("def f():\n    import nowhere\nf()")["error"]
    frames = [line for line in error["traceback"].splitlines() if "File" in line]
    assert frames == ['  File "<example>", line 3, in <module>', '  File "<example>", line 2, in f']
    error = session.run("import fakeframework.leaving")["error"]
    assert error["type"] == "SystemExit"
    frames = [line.split('"')[1] for line in error["traceback"].splitlines() if "File" in line]
    assert frames == ["<example>", "fakeframework/leaving.py"]


def test_a_framework_need_not_describe_its_state(
    environments: Path, registry: Registry, tmp_path: Path
) -> None:
    two = registry.frameworks["fake_two"]
    python = get_python(environments, two.environment)
    assert python
    with WorkerProcess(WorkerSpec(python, two.adapter, "cpu", two.variables, tmp_path)) as worker:
        session = Session(worker)
        assert session.run("import faketwo\nfaketwo.sine = None")["changes"] == []
        assert session.run("import os\nos.umask(0)")["changes"] == ["umask"]


def test_a_setting_that_reset_does_not_put_back_ends_the_worker(
    fake_spec: WorkerSpec, tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter.py"
    text = fake_spec.adapter.read_text()
    assert "ff.set_default_dtype(ff.float32)" in text
    adapter.write_text(text.replace("ff.set_default_dtype(ff.float32)", "pass"))
    with WorkerProcess(replace(fake_spec, adapter=adapter)) as worker:
        session = Session(worker)
        reply = session.run("import fakeframework as ff\nff.set_default_dtype('float64')")
        assert reply["changes"] == ["default dtype"]
        with pytest.raises(WorkerDied, match="ended with exit status 0"):
            worker.receive(SECONDS)


# --- API names ------------------------------------------------------------------------------------


def test_existing_names_have_parameters(session: Session) -> None:
    found = session.resolve("fakeframework.add", "fakeframework.abs", "fakeframework.Scale")
    assert found["fakeframework.add"] == {
        "exists": True,
        "parameters": [
            ["x", "positional_or_keyword", None],
            ["y", "positional_or_keyword", None],
            ["alpha", "keyword_only", "1"],
        ],
        "called": None,
        "missing": None,
        "nearest": [],
        "warning": None,
    }
    assert found["fakeframework.abs"]["exists"]
    scale = found["fakeframework.Scale"]
    assert scale["parameters"] == [["factor", "positional_or_keyword", None]]
    assert scale["called"] == [["x", "positional_or_keyword", None]]


def test_a_metaclass_does_not_hide_the_constructor(session: Session) -> None:
    session.evaluate(
        "import fakeframework\n"
        "class Meta(type):\n"
        "    def __call__(cls, *args, **kwargs): return super().__call__(*args, **kwargs)\n"
        "class Layer(metaclass=Meta):\n"
        "    def __init__(self, width, *, bias=True): pass\n"
        "    def forward(self, inputs): pass\n"
        "fakeframework.Layer = Layer\n"
        "result = 1"
    )
    found = session.resolve("fakeframework.Layer")["fakeframework.Layer"]
    assert found["parameters"] == [
        ["width", "positional_or_keyword", None],
        ["bias", "keyword_only", "True"],
    ]
    assert found["called"] == [["inputs", "positional_or_keyword", None]]


@pytest.mark.parametrize(
    ("default", "written"),
    [
        ("-1", "-1"),
        ("None", "None"),
        ("'valid'", "'valid'"),
        ("(1, 2)", "(1, 2)"),
        ("float", "float"),
        ("print", "print"),
        ("object()", "..."),
        ("(object(),)", "..."),
        ("'long' * 20", "..."),
    ],
)
def test_defaults_are_code(session: Session, default: str, written: str) -> None:
    session.evaluate(f"import fakeframework\nfakeframework.f = lambda x={default}: x\nresult = 1")
    found = session.resolve("fakeframework.f")["fakeframework.f"]
    assert found["parameters"] == [["x", "positional_or_keyword", written]]


def test_names_without_a_signature_exist(session: Session) -> None:
    found = session.resolve("fakeframework.float32", "builtins.print", "fakeframework.Array.shape")
    assert [each["exists"] for each in found.values()] == [True, True, True]
    assert found["fakeframework.float32"]["parameters"] is None


def test_missing_names_come_with_the_nearest(session: Session) -> None:
    found = session.resolve("fakeframework.Absolut", "fakeframework.zzz", "fakeframewrk.sin", "..")
    assert not any(each["exists"] for each in found.values())
    assert found["fakeframework.Absolut"]["nearest"] == ["fakeframework.absolute"]
    assert found["fakeframework.zzz"]["nearest"] == []
    assert found["fakeframework.zzz"]["missing"] == "fakeframework.zzz"
    assert found["fakeframewrk.sin"]["missing"] == "fakeframewrk"


@pytest.mark.parametrize(
    ("api", "nearest"),
    [
        ("fakeframework.Sin", ["fakeframework.sin"]),  # but for case
        ("fakeframework.set_defaultdtype", ["fakeframework.set_default_dtype"]),
        ("fakeframework.nothing.Sin", ["fakeframework.sin"]),  # a namespace that is not there
        ("fakeframework.shout", ["fakeframework.chatty.shout"]),  # another namespace
        ("fakeframework.chatty.EXP", ["fakeframework.exp"]),
        ("fakeframework.saxophone", []),  # some letters in common are nothing
        ("fakeframework.sin.x", []),
    ],
)
def test_nearest_names_are_near(session: Session, api: str, nearest: list[str]) -> None:
    session.resolve("fakeframework.chatty.shout")
    found = session.resolve(api)[api]
    assert (found["exists"], found["nearest"]) == (False, nearest)


def test_a_deprecated_name_comes_with_its_warning(session: Session) -> None:
    found = session.resolve("fakeframework.old_sin")["fakeframework.old_sin"]
    assert (found["exists"], found["warning"]) == (True, "old_sin is deprecated, use sin")
    # Each time, not only the first one.
    assert session.resolve("fakeframework.old_sin")["fakeframework.old_sin"] == found


def test_what_warns_when_it_is_called_is_deprecated_too(session: Session) -> None:
    session.evaluate(
        "import fakeframework\nfakeframework.cos.__deprecated__ = 'use sin'\nresult = 1"
    )
    assert session.resolve("fakeframework.cos")["fakeframework.cos"]["warning"] == "use sin"


def test_modules_are_imported_and_what_they_print_stays_out_of_the_replies(
    session: Session,
) -> None:
    found = session.resolve("fakeframework.chatty.shout", "fakeframework.chatty.shot")
    assert found["fakeframework.chatty.shout"]["exists"]
    assert found["fakeframework.chatty.shot"]["nearest"] == ["fakeframework.chatty.shout"]


def test_a_module_that_exits_does_not_exist(session: Session) -> None:
    assert not session.resolve("fakeframework.leaving.x")["fakeframework.leaving.x"]["exists"]
    assert session.evaluate("result = 1") == 1
