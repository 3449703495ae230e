"""Hostile examples, through the real command line: each costs its own tab, its neighbours stay."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOOD = "result = ff.sin(x)"

# What each example does, and the outcome and part of the message that its tab must show.
HOSTILE: dict[str, tuple[str, str, str]] = {
    "segmentation-fault": ("import ctypes\nctypes.string_at(0)", "crashed", "SIGSEGV"),
    "exit-at-once": ("import os\nos._exit(0)", "crashed", "exit status 0"),
    "sys-exit": ("import sys\nsys.exit(3)", "raised", "SystemExit: 3"),
    "abort": ("import os\nos.abort()", "crashed", "SIGABRT"),
    "endless-loop": ("while True:\n    pass", "timed_out", "longer than 2 s"),
    "endless-in-c": (
        "import ctypes\nctypes.PyDLL(None).pause()",
        "timed_out",
        "longer than 2 s",
    ),
    "deadlock": (
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
        "timed_out",
        "longer than 2 s",
    ),
    "endless-recursion": ("def deeper():\n    deeper()\ndeeper()", "raised", "RecursionError"),
    "memory": ("hoard = bytearray(1 << 45)", "raised", "MemoryError"),
    "memory-by-and-by": (
        "hoard = []\nwhile True:\n    hoard.append(bytes(1 << 30))",
        "raised",
        "MemoryError",
    ),
    "reading-input": ("input()", "raised", "EOFError"),
    "closing-everything": ("import os\nos.closerange(0, 1000)", "crashed", "exit status"),
    "keyboard-interrupt": ("raise KeyboardInterrupt", "raised", "KeyboardInterrupt"),
    "speechless-exception": (
        "class Mute(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise Mute",
        "raised",
        "Mute",
    ),
    "warning-turned-error": (
        "import warnings\nwarnings.simplefilter('error')\nwarnings.warn('careful')",
        "raised",
        "UserWarning: careful",
    ),
    "huge-result": ("result = 'x' * (1 << 30)", "raised", "larger than"),
    "broken-framework": (
        "import fakeframework.crashing",
        "crashed",
        "while it ran this example",
    ),
}

# What does no harm when it is contained: these are even verified.
HARMLESS: dict[str, str] = {
    "output-without-end-of-line": "print('x' * 1000, end='')",
    "much-output": "for _ in range(200):\n    print('x' * (1 << 20))",
    "binary-and-ansi-output": "import os\nos.write(1, bytes(range(256)))\nprint('\\033[31mred')",
    "output-like-the-protocol": 'print(\'{"done": {"id": "x", "outcome": "ok", "results": {}}}\')',
    "markup-in-output": "print('</script><script>alert(1)</script><b>')",
    "changing-folder": "import os\nos.chdir('/')",
    "deleting-its-folder": "import os, shutil\nshutil.rmtree(os.getcwd())",
    "deleting-all-temporary-files": "import shutil, tempfile\nshutil.rmtree(tempfile.gettempdir())",
    "signal-handlers": "import signal\nfor number in (2, 10, 14, 15):\n"
    "    signal.signal(number, signal.SIG_IGN)",
    "thread-that-outlives-it": "import threading\n"
    "threading.Thread(target=threading.Event().wait, daemon=True).start()",
    "process-that-outlives-it": "import subprocess\nsubprocess.Popen(['sleep', '600'])",
}


def write_entry(name: str, code: str) -> str:
    """Return an entry with one example between two good cases."""
    entry = f"""
    operation: {name}
    cases:
      - {{id: before, inputs: {{x: [0.5, 1.0]}}, expect: np.sin(x)}}
      - {{id: hostile, inputs: {{x: [0.25, 2.0]}}, expect: np.sin(x), time_limit: 2}}
      - {{id: after, inputs: {{x: [0.75, 3.0]}}, expect: np.sin(x)}}
    variants:
      fake:
        api: fakeframework.sin
        example:
          before: {GOOD}
          after: {GOOD}
          hostile: |
    """
    indented = textwrap.indent(
        f"{code}\nresult = result if 'result' in globals() else ff.sin(x)\n", " " * 8
    )
    return textwrap.dedent(entry).strip("\n").rstrip(" ") + "\n" + indented


@pytest.fixture(scope="module")
def verdicts(
    tmp_path_factory: pytest.TempPathFactory, project: Callable[..., Any]
) -> dict[str, dict[str, Any]]:
    """All examples, run by one command: verdicts by op and case."""
    folder = tmp_path_factory.mktemp("hostile")
    made = project(folder)
    for name, code in {**{key: each[0] for key, each in HOSTILE.items()}, **HARMLESS}.items():
        (folder / "ops" / f"{name}.yaml").write_text(write_entry(name, code), encoding="utf-8")
    made.run("verify", "--framework", "fake", "--json", "out.json")
    export = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    return {
        op["operation"]: {each["case"]: each for each in op["variants"]["fake"]["verdicts"]}
        for op in export["ops"]
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_example_costs_its_own_tab(
    verdicts: dict[str, dict[str, Any]], name: str
) -> None:
    found = verdicts[name]
    _, outcome, message = HOSTILE[name]
    assert found["hostile"]["verdict"] == "failed"
    assert found["hostile"]["outcome"] == outcome
    assert message in found["hostile"]["reason"]
    assert [found[case]["verdict"] for case in ("before", "after")] == ["verified"] * 2


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_contained_does_no_harm(verdicts: dict[str, dict[str, Any]], name: str) -> None:
    found = verdicts[name]
    assert [each["verdict"] for each in found.values()] == ["verified"] * 3, found


def test_a_generator_without_end_is_no_result(tmp_path: Path, project: Callable[..., Any]) -> None:
    made = project(tmp_path)
    code = "import itertools\nresult = itertools.count()"
    (tmp_path / "ops" / "count.yaml").write_text(write_entry("Count", code), encoding="utf-8")
    made.run("verify", "--framework", "fake", "--json", "out.json")
    export = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    verdict = export["ops"][0]["variants"]["fake"]["verdicts"][1]
    assert verdict["verdict"] == "differs"
    assert "itertools.count" in verdict["reason"]


def test_an_example_that_ran_into_its_own_limit_is_not_run_again(
    tmp_path: Path, project: Callable[..., Any]
) -> None:
    made = project(tmp_path)
    entry = write_entry("Endless", HOSTILE["endless-loop"][0])
    (tmp_path / "ops" / "endless.yaml").write_text(entry, encoding="utf-8")
    assert "executed 3, reused 0" in made.run("verify", "--framework", "fake").stdout
    assert "executed 0, reused 3" in made.run("verify", "--framework", "fake").stdout
