"""Tests of `verify --repeat` and `verify --isolate`, and of notes on global state: real workers."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from optabs.ledger import Ledger
from optabs.records import Outcome, Record

ENTRY = """
operation: {name}
std_args: [x]
cases:
  - id: basic
    inputs: {{x: [1.0, 2.0]}}
    expect: [1.0, 2.0]
variants:
  fake:
    example: |
{code}
"""
PLACE = r"ops/{}\.yaml:\d+:\d+: "


def write(site: Any, name: str, code: str) -> None:
    """Write an entry whose example must give [1.0, 2.0] as `result`."""
    lines = "".join(f"      {line}\n" for line in code.splitlines())
    site.write(name, ENTRY.format(name=name.capitalize(), code=lines.rstrip("\n")))


@pytest.fixture
def site(project: Callable[..., Any], tmp_path: Path) -> Any:
    """A project with one innocent op."""
    made = project(tmp_path / "site")
    write(made, "good", "result = ff.array([1.0, 2.0])")
    return made


@pytest.fixture
def count(tmp_path: Path) -> str:
    """Code that counts, in a file that outlives the example, how often it has run: `runs`."""
    file = str(tmp_path / "counter")
    return f"with open({file!r}, 'a+') as file:\n    file.write('.')\n    runs = file.tell()\n"


def list_lines(text: str, word: str) -> list[str]:
    return [line for line in text.splitlines() if word in line]


# --- repeating ------------------------------------------------------------------------------------


def test_verdicts_that_come_and_go_are_flaky(site: Any, count: str) -> None:
    write(site, "odd", f"{count}result = ff.array([1.0 if runs != 2 else 5.0, 2.0])")
    done = site.run("verify", "--repeat", "3")
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = list_lines(done.stdout, "flaky Odd")
    assert re.match(
        PLACE.format("odd") + r"flaky Odd, fake, case basic on cpu: "
        r"3 runs gave 2 verified, 1 differs: .*5",
        line,
    )
    assert "optabs: each example ran 3 times: 1 flaky, 0 with other bytes" in done.stdout
    assert "Good, " not in done.stdout
    assert "optabs: running each example 3 times" in done.stderr
    # The ledger keeps the ordinary run, the first.
    again = site.run("verify")
    assert again.returncode == 0
    assert "2 verified" in again.stdout and "executed 0, reused 2" in again.stdout


def test_an_example_that_raises_now_and_then_is_flaky(site: Any, count: str) -> None:
    write(site, "odd", f"{count}assert runs != 2, 'tails'\nresult = ff.array([1.0, 2.0])")
    done = site.run("verify", "--repeat", "2", "--op", "Odd")
    assert done.returncode == 1
    (line,) = list_lines(done.stdout, "flaky Odd")
    assert "2 runs gave 1 verified, 1 failed: AssertionError: tails" in line


def test_results_with_other_bytes_are_a_note(site: Any, count: str) -> None:
    write(site, "noise", f"{count}result = ff.array([1.0 + runs * 1e-6, 2.0])")
    done = site.run("verify", "--repeat", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = list_lines(done.stdout, "note ")
    assert re.match(
        PLACE.format("noise") + "note other-bytes Noise, fake, case basic on cpu: "
        "verified in all 2 runs, with other bytes in `result`$",
        line,
    )
    assert "optabs: each example ran 2 times: 0 flaky, 1 with other bytes" in done.stdout


def test_stable_examples_are_reported_for_nothing(site: Any) -> None:
    write(site, "wrong", "result = ff.array([7.0, float('nan')])")
    write(site, "fails", "raise ValueError('always')")
    done = site.run("verify", "--repeat", "2", "--isolate")
    assert done.returncode == 1  # for what it always gives
    assert "each example ran 2 times: 0 flaky, 0 with other bytes\n" in done.stdout
    assert "in a process of its own: 0 with another verdict\n" in done.stdout
    assert not re.search("flaky [A-Z]|leaked-state|note ", done.stdout)
    shutil.rmtree(site.folder / "_build")
    for name in ("wrong", "fails"):
        (site.ops / f"{name}.yaml").unlink()
    done = site.run("verify", "--repeat", "2", "--isolate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^optabs: 1 verified, .*; executed 1, reused 0; ", done.stdout, re.MULTILINE)


def test_random_draws_are_the_same_in_every_run(site: Any) -> None:
    write(
        site, "draw", "import random\nprint(random.random())\nresult = [random.random(), ff.draw()]"
    )
    done = site.run("verify", "--repeat", "3", "--op", "Draw")
    assert "0 flaky, 0 with other bytes" in done.stdout


@pytest.mark.parametrize("times", ["1", "0", "-2", "many", ""])
def test_a_number_of_repeats_that_is_none_is_refused(site: Any, times: str) -> None:
    done = site.run("verify", f"--repeat={times}")
    assert done.returncode == 2
    assert "no number of runs above 1" in done.stderr


def test_what_cannot_be_run_again_is_counted(project: Callable[..., Any], tmp_path: Path) -> None:
    frameworks = tmp_path / "frameworks"
    shutil.copytree(Path(__file__).parent / "fake" / "frameworks" / "fake", frameworks / "fake")
    site = project(tmp_path / "site", frameworks)
    adapter = str(frameworks / "fake" / "adapter.py")
    damage = f"with open({adapter!r}, 'a') as file:\n    file.write('1 / 0')\n"
    write(site, "saw", f"{damage}result = ff.array([1.0, 2.0])")
    done = site.run("verify", "--repeat", "2", FRAMEWORKS="fake")
    assert "0 with other bytes; 1 could not be run again\n" in done.stdout, done.stderr
    assert "its adapter cannot be used: ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr


# --- a process for each example -------------------------------------------------------------------

LEAVE = "ff.left = [1.0, 2.0]\nresult = ff.array(ff.left)"
USE = "result = ff.array(ff.left)"


def test_an_example_that_rests_on_an_earlier_one_is_named(site: Any) -> None:
    write(site, "a", LEAVE)
    write(site, "b", USE)
    assert site.run("verify").returncode == 0
    done = site.run("verify", "--isolate")
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = list_lines(done.stdout, "leaked-state")
    assert re.match(
        PLACE.format("b") + "leaked-state B, fake, case basic on cpu: verified in the shared "
        "worker, failed in a process of its own: AttributeError: .*left",
        line,
    )
    assert "in a process of its own: 1 with another verdict\n" in done.stdout
    # It is not kept: the ordinary records stand.
    again = site.run("verify")
    assert again.returncode == 0
    assert "executed 0, reused 3" in again.stdout


def test_an_example_that_an_earlier_one_breaks_is_named(site: Any) -> None:
    write(site, "a", "ff.Array.__add__ = None\nresult = ff.array([1.0, 2.0])")
    write(site, "b", "result = ff.array([0.5, 1.0]) + ff.array([0.5, 1.0])")
    done = site.run("verify", "--isolate")
    assert done.returncode == 1
    (line,) = list_lines(done.stdout, "leaked-state")
    assert "failed in the shared worker, verified in a process of its own: TypeError" in line
    assert " B, fake" in line


def test_a_fresh_run_alone_does_not_hide_a_leak(site: Any) -> None:
    write(site, "a", LEAVE)
    write(site, "b", USE)
    assert site.run("verify").returncode == 0
    done = site.run("verify", "--op", "B", "--fresh")
    assert done.returncode == 1
    done = site.run("verify", "--isolate")  # runs all afresh, so that the leak shows again
    assert len(list_lines(done.stdout, "leaked-state")) == 1


# --- global state ---------------------------------------------------------------------------------


def test_a_change_of_global_state_is_a_note(site: Any) -> None:
    change = "import os\nos.umask(0)\nff.set_default_dtype('float64')\n"
    write(site, "changes", f"{change}result = ff.array([1.0, 2.0], 'float32')")
    for executed in (2, 0):  # it is known from the record, too
        done = site.run("verify")
        assert done.returncode == 0, done.stdout + done.stderr
        (line,) = list_lines(done.stdout, "note ")
        assert re.match(
            PLACE.format("changes") + "note changes-state Changes, fake, case basic on cpu: "
            "default dtype, umask$",
            line,
        )
        assert f"executed {executed}" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("optabs: 2 verified")


# --- records --------------------------------------------------------------------------------------

RECORD = Record(
    *("key", "claim", "Op", "case", "fake", "cpu", Outcome.OK, {}, "", "", None, 0.5, 60.0),
    *("1.0", "3.11.0", "processor", "highest", "2026-01-01T00:00:00Z"),
)


@pytest.mark.parametrize("changes", [(), ("default dtype", "umask")])
def test_records_keep_what_was_changed(tmp_path: Path, changes: tuple[str, ...]) -> None:
    record = replace(RECORD, changes=changes)
    assert Record.from_json(record.to_json()) == record
    with Ledger(tmp_path) as ledger:
        ledger.add(record)
        assert ledger.find(["key"]) == {"key": record}


@pytest.mark.parametrize("changes", ["umask", [1], None, {"umask": 1}])
def test_a_record_with_other_changes_is_none(changes: object) -> None:
    data = {**json.loads(RECORD.to_json()), "changes": changes}
    with pytest.raises(TypeError, match="no list of texts"):
        Record.from_json(json.dumps(data))
