"""Tests of the pool: whatever an example does, it costs that example alone."""

from __future__ import annotations

import calendar
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from optabs.records import Outcome, Record
from optabs.run.pool import Batch, Event, Finished, Job, Pool, Resolved, Started, Unavailable
from optabs.run.worker_process import WorkerSpec

SOURCE = Path(sys.modules[Pool.__module__].__file__ or "").parents[2]
GOOD = "import os\nprint('good')\nresult = os.getpid()"
LIMIT = 20.0


def make_job(name: str, code: str = GOOD, limit: float = LIMIT) -> Job:
    return Job(f"key-{name}", f"claim-{name}", "Op", name, code, ("result",), limit)


def make_batch(
    spec: WorkerSpec, *jobs: Job, apis: Sequence[str] = (), framework: str = "fake"
) -> Batch:
    return Batch(framework, spec.device, spec, "1.0", "3.11.0", "highest", jobs, tuple(apis))


@dataclass(frozen=True)
class Ran:
    """All that a pool said."""

    events: list[Event]

    @property
    def records(self) -> dict[str, Record]:
        found = [event.record for event in self.events if isinstance(event, Finished)]
        assert len({record.key for record in found}) == len(found)
        return {record.case: record for record in found}

    @property
    def outcomes(self) -> dict[str, Outcome]:
        return {case: record.outcome for case, record in self.records.items()}

    @property
    def unavailable(self) -> list[Unavailable]:
        return [event for event in self.events if isinstance(event, Unavailable)]

    @property
    def workers(self) -> set[str]:
        """The processes in which the good examples ran."""
        return {
            record.results["result"]["data"]
            for record in self.records.values()
            if record.outcome is Outcome.OK
        }


def run(*batches: Batch, **options: float) -> Ran:
    return Ran(list(Pool(batches, **options).run()))  # type: ignore[arg-type]


def run_among_good(spec: WorkerSpec, code: str, limit: float = LIMIT) -> tuple[Ran, Record]:
    """Run an example between good ones; these must be well. Returns the record of the one."""
    names = ["a", "b", "bad", "c", "d", "e"]
    jobs = [make_job(name, code, limit) if name == "bad" else make_job(name) for name in names]
    ran = run(make_batch(spec, *jobs))
    assert list(ran.records) == names
    assert not ran.unavailable
    assert {name for name, outcome in ran.outcomes.items() if outcome is not Outcome.OK} <= {"bad"}
    assert all(ran.records[name].stdout == "good\n" for name in names if name != "bad")
    return ran, ran.records["bad"]


# --- one example ----------------------------------------------------------------------------------


def test_records_hold_what_is_known(fake_spec: WorkerSpec, scratch: Path) -> None:
    record = run(make_batch(fake_spec, make_job("first"))).records["first"]
    assert record.key == "key-first"
    assert record.claim == "claim-first"
    assert (record.operation, record.case) == ("Op", "first")
    assert (record.framework, record.device, record.precision) == ("fake", "cpu", "highest")
    assert (record.framework_version, record.python_version) == ("1.0", "3.11.0")
    assert (record.outcome, record.error) == (Outcome.OK, None)
    assert record.device_name
    assert record.seconds is not None and 0 < record.seconds < LIMIT
    assert record.time_limit == LIMIT
    ran_at = calendar.timegm(time.strptime(record.ran_at, "%Y-%m-%dT%H:%M:%SZ"))
    assert abs(time.time() - ran_at) < 60
    assert list(record.results) == ["result"]


def test_an_exception_costs_no_worker(fake_spec: WorkerSpec, scratch: Path) -> None:
    ran, record = run_among_good(fake_spec, "print('before')\n1 / 0")
    assert (record.outcome, record.stdout) == (Outcome.RAISED, "before\n")
    assert record.error is not None
    assert (record.error.type, record.error.message) == ("ZeroDivisionError", "division by zero")
    assert len(ran.workers) == 1


def test_running_out_of_memory_costs_no_worker(fake_spec: WorkerSpec, scratch: Path) -> None:
    code = (
        "import resource\n"
        "hard = resource.getrlimit(resource.RLIMIT_AS)[1]\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, hard))\n"
        "kept = []\nwhile True:\n    kept.append(bytearray(1 << 24))"
    )
    ran, record = run_among_good(fake_spec, code)
    assert record.outcome is Outcome.RAISED
    assert record.error is not None
    assert record.error.type == "MemoryError"
    assert len(ran.workers) == 1


CRASHES = {
    "abort": ("import os\nos.abort()", "was killed by SIGABRT"),
    "segfault": ("import ctypes\nctypes.string_at(0)", "was killed by SIGSEGV"),
    "exit": ("import os\nos._exit(0)", "ended with exit status 0"),
    "own group": ("import os, signal\nos.killpg(0, signal.SIGKILL)", "was killed by SIGKILL"),
    "parent's signal": ("import os, signal\nos.kill(os.getpid(), 15)", "was killed by SIGTERM"),
    "descriptors": ("import os\nos.closerange(0, 100)", "ended with exit status 1"),
    "protocol": (
        "import os\nfor fd in range(3, 20):\n  try: os.write(fd, b'junk\\n')\n  except OSError: 0",
        "said something that is no reply, 'junk',",
    ),
    "forged": (
        "import os\nfor fd in range(3, 20):\n  try: os.write(fd, b'{}\\n')\n  except OSError: 0",
        "said something else than it was asked",
    ),
    "processor time": (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (1, resource.getrlimit(0)[1]))\nwhile 1: pass",
        "was killed by SIGXCPU",
    ),
}


@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_costs_one_example(fake_spec: WorkerSpec, scratch: Path, name: str) -> None:
    code, end = CRASHES[name]
    code = f"print('said before', flush=True)\n{code}"
    _, record = run_among_good(fake_spec, code)
    assert record.outcome is Outcome.CRASHED
    assert record.error is not None
    assert record.error.type == "Crash"
    assert record.error.message.startswith(f"the worker {end}")
    assert record.error.message.endswith(" while it ran this example")
    # One that only spoils the talk goes on, and its worker with the next one.
    assert record.stdout in ("said before\n", *([""] if "said something" in end else []))
    assert record.results == {}


def test_a_crash_shows_where(fake_spec: WorkerSpec, scratch: Path) -> None:
    code = "import os\ndef inner():\n    os.abort()\n\ninner()"
    error = run(make_batch(fake_spec, make_job("bad", code))).records["bad"].error
    assert error is not None
    assert error.traceback == (
        "Traceback (most recent call last):\n"
        '  File "<example>", line 5, in <module>\n'
        '  File "<example>", line 3, in inner\n'
    )


HANGS = {
    "loop": "while True:\n    pass",
    "sleep in C": "import ctypes\nctypes.CDLL(None).sleep(600)",
    "pause in C": "import ctypes\nctypes.PyDLL(None).pause()",
    "deadlock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    "deaf": (
        "import signal\nfor number in range(1, 32):\n"
        "  if number not in (9, 10, 19): signal.signal(number, signal.SIG_IGN)\n"
        "while True: pass"
    ),
    "stopped": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "thread": "import threading\nthreading.Event().wait()",
    "child": "import subprocess\nsubprocess.run(['sleep', '600'])",
    "at the end": "class Slow:\n    def flush(self):\n        while True: pass\n"
    "import sys\nsys.stdout = Slow()",
}


@pytest.mark.parametrize("name", HANGS)
def test_a_hang_costs_one_example(fake_spec: WorkerSpec, scratch: Path, name: str) -> None:
    code = f"import sys\nsys.stdout.write('said before\\n')\n{HANGS[name]}"
    _, record = run_among_good(fake_spec, code, limit=0.5)
    assert record.outcome is Outcome.TIMED_OUT
    assert record.error is not None
    assert (record.error.type, record.error.message) == ("TimeLimit", "it ran longer than 0.5 s")
    assert record.stdout == "said before\n"
    assert record.seconds is not None and 0.5 <= record.seconds < 5
    if name != "stopped":
        assert '  File "<example>", line ' in record.error.traceback


def test_a_hang_shows_where(fake_spec: WorkerSpec, scratch: Path) -> None:
    code = "def inner():\n    while True:\n        pass\n\nprint('loop')\ninner()"
    error = run(make_batch(fake_spec, make_job("bad", code, 0.3))).records["bad"].error
    assert error is not None
    assert '  File "<example>", line 6, in <module>\n' in error.traceback
    assert error.traceback.index("line 6") < error.traceback.rindex('File "<example>"')
    assert ", in inner\n" in error.traceback


LATE = {
    "thread": "import threading\nthreading.Timer(0.05, os.abort).start()",
    "daemon": "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(0.3), os._exit(1)), daemon=True).start()",
    "child": "if os.fork() == 0:\n    import time\n    time.sleep(0.3)\n"
    "    os.kill(os.getppid(), 9)\n    os._exit(0)",
    "printer": "import subprocess\n"
    "subprocess.Popen('while true; do echo noise; sleep 0.01; done', shell=True)",
    "handler": "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_DFL)\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.05)",
    "module": "import fakeframework\nfakeframework._generator = None",
}


@pytest.mark.parametrize("name", LATE)
def test_what_an_example_leaves_behind_costs_no_other(
    fake_spec: WorkerSpec, scratch: Path, name: str
) -> None:
    code = f"import os\n{LATE[name]}\nresult = os.getpid()"
    slow = "import os, time\ntime.sleep(0.1)\nprint('good')\nresult = os.getpid()"
    names = ["a", "bad", "c", "d", "e", "f"]
    jobs = [make_job(each, code if each == "bad" else slow) for each in names]
    ran = run(make_batch(fake_spec, *jobs))
    # One that kills the worker soon enough is caught in the act.
    found = ran.outcomes
    assert found.pop("bad") in (Outcome.OK, Outcome.CRASHED)
    assert found == dict.fromkeys("acdef", Outcome.OK)
    assert {record.stdout for case, record in ran.records.items() if case != "bad"} == {"good\n"}
    assert len(ran.workers) == (1 if name == "handler" else 2)  # a timer can be put back


def test_damage_that_shows_later_is_not_blamed_on_the_next(
    fake_spec: WorkerSpec, scratch: Path
) -> None:
    # The first one patches what only the second one uses: as memory damaged by C code would.
    first = "import colorsys\ncolorsys.rgb_to_hsv = lambda *_: __import__('os').abort()\nresult = 1"
    second = "import colorsys\nresult = colorsys.rgb_to_hsv(1, 0, 0)"
    ran = run(make_batch(fake_spec, make_job("a", first), make_job("b", second), make_job("c")))
    assert ran.outcomes == dict.fromkeys("abc", Outcome.OK)


def test_many_crashes_in_a_row(fake_spec: WorkerSpec, scratch: Path) -> None:
    abort = "import os\nos.abort()"
    jobs = [make_job(str(number), abort if number % 3 else GOOD) for number in range(9)]
    outcomes = run(make_batch(fake_spec, *jobs)).outcomes
    assert [outcomes[str(number)] is Outcome.CRASHED for number in range(9)] == [
        bool(number % 3) for number in range(9)
    ]


# --- size -----------------------------------------------------------------------------------------


def test_large_jobs_and_large_results_do_not_get_stuck(
    fake_spec: WorkerSpec, scratch: Path
) -> None:
    padding = "# " + "é" * 200_000
    code = f"{padding}\nresult = 'y' * 3_000_000\nprint('z' * 60_000)"
    ran = run(make_batch(fake_spec, *(make_job(str(number), code) for number in range(6))))
    assert set(ran.outcomes.values()) == {Outcome.OK}
    assert {len(record.results["result"]["text"]) for record in ran.records.values()} == {3_000_000}


def test_many_small_jobs_share_one_worker(
    fake_spec: WorkerSpec, scratch: Path, find_zombies: Callable[[], list[str]]
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    ran = run(make_batch(fake_spec, *(make_job(str(number)) for number in range(200))))
    assert set(ran.outcomes.values()) == {Outcome.OK}
    assert len(ran.workers) == 1
    assert len(os.listdir("/proc/self/fd")) == before
    assert find_zombies() == []


# --- frameworks that cannot be had ----------------------------------------------------------------

ADAPTER = """
def devices(): return {"cpu": ""}
def reset(device, seed): pass
def to_numpy(value): return None
def synchronize(): pass
"""
FAILING = {
    "raises": (
        "raise ImportError('libfake.so.7: cannot open\\nsecond line')",
        "its adapter cannot be used: ImportError: libfake.so.7: cannot open",
    ),
    "missing": (
        "import not_installed",
        "its adapter cannot be used: ModuleNotFoundError: No module named 'not_installed'",
    ),
    "exits": (
        "raise SystemExit('no licence')",
        "its adapter cannot be used: SystemExit: no licence",
    ),
    "syntax": ("x = = 1", "its adapter cannot be used: SyntaxError: invalid syntax"),
    "segfault": (
        "import ctypes\nctypes.string_at(0)",
        "its worker was killed by SIGSEGV while it started",
    ),
    "leaves": (
        "import os, sys\nprint('needs AVX2', file=sys.stderr)\nos._exit(4)",
        "its worker ended with exit status 4 while it started: needs AVX2",
    ),
    "no devices": ("devices = dict", "no usable cpu device: found none"),
    "no reset": (
        "def reset(device, seed): raise RuntimeError('driver too old')",
        "its adapter cannot be used: RuntimeError: driver too old",
    ),
    "endless": ("while True: pass", "its worker was not ready within 3 s"),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_framework_that_cannot_be_used_costs_its_batch_alone(
    fake_spec: WorkerSpec, scratch: Path, tmp_path: Path, name: str
) -> None:
    text, reason = FAILING[name]
    adapter = tmp_path / "adapter.py"
    adapter.write_text(f"{ADAPTER}\n{text}\n")
    broken = make_batch(replace(fake_spec, adapter=adapter), make_job("never"), framework="broken")
    ran = run(broken, make_batch(fake_spec, make_job("good")), start_seconds=3)
    assert ran.outcomes == {"good": Outcome.OK}
    (unavailable,) = ran.unavailable
    assert unavailable.batch is broken
    assert unavailable.reason == reason
    assert unavailable.permanent is (name == "no devices")
    if name in ("raises", "segfault", "endless"):
        assert f'File "{adapter}", line ' in unavailable.detail


def test_a_device_that_is_not_there(fake_spec: WorkerSpec, scratch: Path) -> None:
    ran = run(make_batch(replace(fake_spec, device="cuda"), make_job("never")))
    (unavailable,) = ran.unavailable
    assert (unavailable.reason, unavailable.permanent) == (
        "no usable cuda device: found cpu",
        True,
    )


@pytest.mark.parametrize("kind", ["missing", "not executable"])
def test_an_interpreter_that_cannot_be_started(
    fake_spec: WorkerSpec, scratch: Path, tmp_path: Path, kind: str
) -> None:
    python = tmp_path / "python"
    if kind == "not executable":
        python.write_text("text")
    ran = run(
        make_batch(replace(fake_spec, python=python), make_job("never"), framework="broken"),
        make_batch(fake_spec, make_job("good")),
    )
    assert ran.outcomes == {"good": Outcome.OK}
    (unavailable,) = ran.unavailable
    assert unavailable.reason.startswith(f"its interpreter {python} cannot be started: ")


def test_an_interpreter_that_is_none(fake_spec: WorkerSpec, scratch: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho usage: something else >&2\nexit 2\n")
    python.chmod(0o755)
    (unavailable,) = run(make_batch(replace(fake_spec, python=python), make_job("x"))).unavailable
    assert unavailable.reason == (
        "its worker ended with exit status 2 while it started: usage: something else"
    )


def test_a_worker_that_dies_idle_again_and_again(
    fake_spec: WorkerSpec, scratch: Path, tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter.py"
    # It dies of every request, before it says that it starts with it.
    adapter.write_text(f"{ADAPTER}\nimport json, os\njson.loads = lambda text: os._exit(5)\n")
    spec = replace(fake_spec, adapter=adapter)
    ran = run(make_batch(spec, make_job("never")), make_batch(spec, apis=["math.pi"]))
    assert not ran.records
    assert [event.reason for event in ran.unavailable] == [
        "its worker ended with exit status 5 again and again"
    ]


# --- API names ------------------------------------------------------------------------------------


def test_api_names_are_looked_up_after_the_examples(fake_spec: WorkerSpec, scratch: Path) -> None:
    apis = ("fakeframework.sin", "fakeframework.sine")
    ran = run(make_batch(fake_spec, make_job("a"), apis=apis))
    assert [type(event) for event in ran.events] == [Started, Finished, Resolved]
    resolved = ran.events[-1]
    assert isinstance(resolved, Resolved)
    assert {api: each["exists"] for api, each in resolved.found.items()} == {
        "fakeframework.sin": True,
        "fakeframework.sine": False,
    }


def test_a_name_that_ends_the_worker_costs_itself_alone(
    fake_spec: WorkerSpec, scratch: Path
) -> None:
    apis = ("fakeframework.sin", "fakeframework.crashing.x", "fakeframework.leaving.x", "math.pi")
    ran = run(make_batch(fake_spec, make_job("a"), apis=apis))
    found = {}
    for event in ran.events:
        if isinstance(event, Resolved):
            found |= {api: each["exists"] for api, each in event.found.items()}
    assert found == {"fakeframework.sin": True, "fakeframework.leaving.x": False, "math.pi": True}
    assert ran.outcomes == {"a": Outcome.OK}
    assert not ran.unavailable


# --- side by side, and stopping -------------------------------------------------------------------


def test_lanes_run_side_by_side(fake_spec: WorkerSpec, scratch: Path, tmp_path: Path) -> None:
    # Each waits for the other: one after the other, both would time out.
    def meet(mine: str, other: str) -> str:
        return (
            f"import os, time\nopen({str(tmp_path / mine)!r}, 'w').close()\n"
            f"while not os.path.exists({str(tmp_path / other)!r}): time.sleep(0.01)\n"
        )

    ran = run(
        make_batch(fake_spec, make_job("left", meet("l", "r")), framework="left"),
        make_batch(fake_spec, make_job("right", meet("r", "l")), framework="right"),
        size=2,
    )
    assert ran.outcomes == {"left": Outcome.OK, "right": Outcome.OK}


def test_one_lane_takes_one_batch_after_the_other(fake_spec: WorkerSpec, scratch: Path) -> None:
    batches = [make_batch(fake_spec, make_job(name), framework=name) for name in "abc"]
    ran = run(*batches, size=1)
    assert [event.batch.framework for event in ran.events] == list("aabbcc")


def test_nothing_to_do_is_done_at_once() -> None:
    assert run().events == []


def test_closing_the_iterator_ends_all_at_once(
    fake_spec: WorkerSpec, scratch: Path, find_processes: Callable[[Path], list[int]]
) -> None:
    busy = "import subprocess\nsubprocess.Popen(['sleep', '60'])\nwhile True: pass"
    batches = [make_batch(fake_spec, make_job(name, busy), framework=name) for name in "ab"]
    events = Pool(batches, size=2).run()
    assert {type(next(events)) for _ in range(2)} == {Started}
    started = time.monotonic()
    events.close()
    assert time.monotonic() - started < 20
    assert list(scratch.iterdir()) == []
    deadline = time.monotonic() + 5
    while find_processes(scratch) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert find_processes(scratch) == []


def test_an_error_of_the_caller_ends_all(fake_spec: WorkerSpec, scratch: Path) -> None:
    events = Pool([make_batch(fake_spec, make_job("a", "while True: pass"))]).run()
    next(events)
    with pytest.raises(ValueError):
        events.throw(ValueError())
    assert list(scratch.iterdir()) == []


SCRIPT = """
import sys
from pathlib import Path
from optabs.run.pool import Batch, Job, Pool, Started
from optabs.run.worker_process import WorkerSpec

python, adapter, cache = map(Path, sys.argv[1:])
spec = WorkerSpec(python, adapter, "cpu", {}, cache)
jobs = (Job("k", "c", "Op", "case", "while True: pass", (), 600.0),)
pool = Pool([Batch("fake", "cpu", spec, "1", "3", "h", jobs) for _ in range(2)], size=2)
try:
    for event in pool.run():
        if isinstance(event, Started):
            print("started", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


def test_an_interruption_ends_all_at_once(
    fake_spec: WorkerSpec, scratch: Path, find_processes: Callable[[Path], list[int]]
) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(SCRIPT),
            *map(str, (fake_spec.python, fake_spec.adapter, fake_spec.cache)),
        ],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["started\n"] * 2
    assert len(find_processes(scratch)) == 3
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=10)
    assert (process.returncode, output) == (130, "interrupted\n")
    deadline = time.monotonic() + 5
    while find_processes(scratch) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert find_processes(scratch) == []
