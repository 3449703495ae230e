"""A build may be ended at any time; what has been run is kept, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

COUNT = 8
SECONDS = 0.2


def write_slow_ops(site) -> None:
    for number in range(COUNT):
        site.write(
            f"slow{number:02}",
            f"""
            operation: Slow{number:02}
            cases:
              - {{id: plain, inputs: {{x: [{number}.0]}}, expect: x}}
            variants:
              fake:
                example: |
                  import time
                  time.sleep({SECONDS})
                  result = x
            """,
        )


def count_records(site) -> int:
    file = site.folder / "_build/ledger/ledger.sqlite"
    if not file.exists():
        return 0
    with closing(sqlite3.connect(file, timeout=10)) as ledger:
        try:
            rows = ledger.execute("SELECT body FROM records").fetchall()
        except sqlite3.OperationalError:  # its tables are still being made
            return 0
    return sum('"framework":"fake"' in row[0] for row in rows)


def wait_for(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "send"),
    [
        pytest.param(signal.SIGINT, os.killpg, id="Ctrl-C"),
        pytest.param(signal.SIGKILL, os.kill, id="SIGKILL"),
    ],
)
def test_interrupted_build_is_completed_by_the_next(site, number, send, find_processes, tmp_path):
    write_slow_ops(site)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = site.prepare((), "html", {"TMPDIR": str(scratch)})
    build = subprocess.Popen(
        **command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    wait_for(lambda: count_records(site) >= 3)
    send(build.pid, number)
    _, errors = build.communicate(timeout=30)
    assert build.returncode != 0
    assert "Traceback" not in errors
    # Those whom it has started end with it.
    wait_for(lambda: not find_processes(scratch), 10)
    assert not list(scratch.iterdir())
    done = count_records(site)
    assert 3 <= done < COUNT
    result = site.build_cleanly()
    assert (result.count("executed"), result.count("reused")) == (COUNT - done, done)
    assert result.count("verified") == COUNT
    assert "verified" in site.read(f"ops/slow{COUNT - 1:02}.html")


def test_build_goes_on_when_the_runner_is_killed(site, find_processes, tmp_path):
    write_slow_ops(site)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = site.prepare((), "html", {"TMPDIR": str(scratch)})
    build = subprocess.Popen(**command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: count_records(site) >= 2)
    (runner,) = [
        pid
        for pid in find_processes(scratch)
        if b"optabs.background" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(runner, signal.SIGKILL)
    output, errors = build.communicate(timeout=60)
    assert build.returncode == 0
    assert "WARNING: the process that runs examples ended with status -9" in errors
    assert "not run: fake: it was not run" in output
    assert "it was not run" in site.read(f"ops/slow{COUNT - 1:02}.html")
    result = site.build_cleanly()
    assert result.count("verified") == COUNT


def test_failing_build_leaves_no_process(site, find_processes, tmp_path):
    # Sphinx itself fails while examples run.
    write_slow_ops(site)
    site.write("bad.md", "# Bad\n")
    with (site.folder / "conf.py").open("a") as conf:
        conf.write(
            "\ndef fail(app, name, text):\n    raise RuntimeError('no reading today')\n"
            "\ndef setup(app):\n    app.connect('source-read', fail)\n"
        )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    result = site.build(TMPDIR=str(scratch))
    assert result.status != 0
    wait_for(lambda: not find_processes(scratch), 10)


def test_many_examples_do_not_wait_for_sphinx(site):
    # More is said of their progress than a pipe holds while nobody reads from it.
    cases = "\n".join(
        f"  - {{id: c{number}, inputs: {{x: [{number}.0]}}, expect: x}}" for number in range(700)
    )
    site.write(
        "many",
        f"operation: Many\ncases:\n{cases}\nvariants:\n  fake: {{example: result = x}}\n",
    )
    with (site.folder / "conf.py").open("a") as conf:
        conf.write(
            """
import sqlite3, time
from pathlib import Path

def wait(app, name, text):
    # Sphinx is busy until all records are there.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        file = Path(app.srcdir, "_build/ledger/ledger.sqlite")
        with sqlite3.connect(file, timeout=10) as ledger:
            query = "SELECT COUNT(*) FROM records WHERE body LIKE '%\\"framework\\":\\"fake\\"%'"
            if ledger.execute(query).fetchone()[0] >= 700:
                return
        time.sleep(0.1)
    raise RuntimeError("the examples wait for Sphinx")

def setup(app):
    app.connect("source-read", wait)
"""
        )
    result = site.build_cleanly()
    assert result.count("executed") == 700
    assert result.count("verified") == 700
