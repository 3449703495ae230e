"""Tests of what is run again and what is not, and of the verdicts, through the command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SUMMARY = re.compile(
    r"optabs: (\d+) verified, (\d+) differs, (\d+) failed, (\d+) not run, (\d+) unsupported, "
    r"(\d+) untestable, (\d+) stale; executed (\d+), reused (\d+); (\d+\.\d) s"
)
NAMES = (
    *("verified", "differs", "failed", "not_run", "unsupported", "untestable", "stale"),
    *("executed", "reused"),
)
SIN = """
operation: Sin
description: The sine.
std_args: [x]
cases:
  - id: basic
    inputs: {x: [0.0, 0.5, 1.0]}
    expect: np.sin(x)
    differences:
      - frameworks: [fake_two]
        dtype: {result: float64}
        reason: It has no other dtype.
variants:
  fake: {api: fakeframework.sin}
  fake_two: {api: faketwo.sine}
"""
EXP = """
operation: Exp
std_args: [x]
cases:
  - id: basic
    inputs: {x: [0.0, 1.0]}
    expect: [1.0, 2.718281828459045]
variants:
  fake:
    api: fakeframework.exp
    notes: As ever.
  fake_two: {unsupported: The author had no time.}
"""


@dataclass(frozen=True)
class Verification:
    """What `optabs verify` said."""

    status: int
    stdout: str
    stderr: str
    counts: dict[str, int]
    export: dict[str, Any]

    def count(self, *names: str) -> tuple[int, ...]:
        return tuple(self.counts[name] for name in names)

    def find(self, operation: str, framework: str, case: str = "basic") -> dict[str, Any]:
        """Return the verdict on a variant in a case."""
        (op,) = [op for op in self.export["ops"] if op["operation"] == operation]
        verdicts = op["variants"][framework]["verdicts"]
        (found,) = [each for each in verdicts if each["case"] in (case, None)]
        return dict(found)


def verify(project: Any, *arguments: object, **variables: str | None) -> Verification:
    file = project.folder / "export.json"
    file.unlink(missing_ok=True)
    done = project.run("verify", "--json", file, *arguments, **variables)
    assert "Traceback" not in done.stderr, done.stderr
    match = SUMMARY.fullmatch(done.stdout.rstrip("\n").rpartition("\n")[2])
    assert match, (done.stdout, done.stderr)
    counts = dict(zip(NAMES, map(int, match.groups()[:9]), strict=True))
    return Verification(
        done.returncode, done.stdout, done.stderr, counts, json.loads(file.read_text())
    )


@pytest.fixture
def site(project: Callable[..., Any], tmp_path: Path) -> Any:
    """A project with two ops, in a folder whose name has a space."""
    made = project(tmp_path / "a site")
    made.write("sin", SIN)
    made.write("exp", EXP)
    return made


# --- what is run again ----------------------------------------------------------------------------


def test_a_second_run_executes_nothing(site: Any) -> None:
    first = verify(site)
    assert first.status == 0
    assert first.count("verified", "unsupported", "executed", "reused") == (3, 1, 3, 0)
    second = verify(site)
    assert second.status == 0
    assert second.count("verified", "unsupported", "executed", "reused") == (3, 1, 0, 3)
    assert second.export == first.export


def test_only_what_changed_is_run_again(site: Any) -> None:
    verify(site)
    site.edit("sin", "std_args: [x]", "category: Maths\nsee_also: [Exp]\nstd_args: [x]")
    site.edit("sin", "The sine.", "The *sine*.")
    site.edit("exp", "As ever.", "As **always**.")
    site.edit("sin", "id: basic", "id: basic\n    title: A title\n    source: a book")
    again = verify(site)
    assert again.count("verified", "executed", "reused") == (3, 0, 3)

    site.edit("exp", "{x: [0.0, 1.0]}", "{x: [1.0, 0.0]}")
    site.edit("exp", "[1.0, 2.718281828459045]", "[2.718281828459045, 1.0]")
    again = verify(site)
    assert again.count("verified", "executed", "reused") == (3, 1, 2)

    site.edit("sin", "{api: fakeframework.sin}", "{example: 'result = ff.sin(x)  # by hand'}")
    again = verify(site)
    assert again.count("verified", "executed", "reused") == (3, 1, 2)

    site.edit("sin", "'result = ff.sin(x)  # by hand'", "'result = ff.cos(x)'")
    again = verify(site)
    assert (again.status, *again.count("verified", "differs", "executed")) == (1, 2, 1, 1)
    site.edit("sin", "'result = ff.cos(x)'", "'result = ff.sin(x)  # by hand'")
    again = verify(site)
    assert (again.status, *again.count("verified", "executed", "reused")) == (0, 3, 0, 3)


def test_tolerance_changes_verdicts_and_runs_nothing(site: Any) -> None:
    site.edit("exp", "2.718281828459045]", "2.7183]")
    first = verify(site, "--op", "Exp")
    assert (first.status, *first.count("differs", "executed")) == (1, 1, 1)
    assert first.find("Exp", "fake")["tolerance_source"] == "float32 default"

    tolerance = "    tolerance: {rtol: 1.0e-4, atol: 1.0e-4, reason: it is but an estimate}\n"
    site.edit("exp", "variants:", f"{tolerance}variants:")
    second = verify(site, "--op", "Exp")
    assert (second.status, *second.count("verified", "executed", "reused")) == (0, 1, 0, 1)
    found = second.find("Exp", "fake")
    assert (found["rtol"], found["tolerance_source"]) == (1e-4, "set by the case")
    assert found["ran_at"] == first.find("Exp", "fake")["ran_at"]


def test_the_oracle_alone_changes_verdicts_and_runs_no_example(site: Any) -> None:
    verify(site)
    site.edit("sin", "expect: np.sin(x)", "expect: np.cos(x)")
    again = verify(site)
    assert (again.status, *again.count("differs", "executed", "reused")) == (1, 2, 0, 3)


def test_failures_are_reused(site: Any) -> None:
    site.edit("exp", "api: fakeframework.exp", "example: 1 / 0")
    first, second = verify(site), verify(site)
    assert (first.status, *first.count("failed", "executed")) == (1, 1, 3)
    assert (second.status, *second.count("failed", "executed", "reused")) == (1, 1, 0, 3)
    assert second.find("Exp", "fake") == first.find("Exp", "fake")


def test_fresh_runs_everything_again(site: Any) -> None:
    verify(site)
    again = verify(site, "--fresh")
    assert again.count("verified", "executed", "reused") == (3, 3, 0)


def test_a_longer_limit_gives_another_chance(site: Any) -> None:
    site.edit("exp", "api: fakeframework.exp", "example: import time; time.sleep(1); result = 1")
    first = verify(site, "--op", "Exp", "--time-limit", "0.2")
    assert first.count("failed", "executed") == (1, 1)
    assert first.find("Exp", "fake")["outcome"] == "timed_out"
    assert verify(site, "--op", "Exp", "--time-limit", "0.1").count("executed") == (0,)
    longer = verify(site, "--op", "Exp", "--time-limit", "9")
    assert longer.count("executed") == (1,)
    assert longer.find("Exp", "fake")["outcome"] == "ok"


def test_an_upgraded_framework_is_run_again_alone(
    project: Callable[..., Any], tmp_path: Path, install: Callable[[Path, Path], Path]
) -> None:
    folder, root = tmp_path / "frameworks", tmp_path / "environments"
    shutil.copytree(Path(__file__).parent / "fake" / "frameworks", folder)
    site = project(tmp_path, folder, install(folder, root))
    site.write("sin", SIN)
    first = verify(site)
    assert first.count("verified", "executed") == (2, 2)

    (folder / "fake" / "requirements.txt").write_text("fakeframework==1.1\n")
    install(folder, root)
    second = verify(site)
    assert second.count("verified", "executed", "reused") == (2, 1, 1)
    assert second.find("Sin", "fake")["framework_version"] == "1.1"

    # Another adapter can give other results, too, and so can what it imports.
    (folder / "shared").mkdir()
    (folder / "shared" / "more.py").touch()
    with (folder / "fake_two" / "adapter.py").open("a") as adapter:
        adapter.write("\nfrom ..shared import more\n")
    third = verify(site)
    assert third.count("verified", "executed", "reused") == (2, 1, 1)
    (folder / "shared" / "more.py").write_text("# changed\n")
    third = verify(site)
    assert third.count("verified", "executed", "reused") == (2, 1, 1)

    # Without its environment, what it once showed is stale, and no pass.
    shutil.rmtree(root / "fake")
    fourth = verify(site)
    assert fourth.count("verified", "stale", "executed", "reused") == (1, 1, 0, 1)
    found = fourth.find("Sin", "fake")
    assert found["verdict"] == "stale"
    assert found["reason"].startswith("last verified with version 1.1 on 20")
    assert "is not installed: run `optabs envs`" in found["reason"]
    assert found["framework_version"] == "1.1"
    assert fourth.status == 0

    # And so it is when a newer version cannot be installed any more.
    (folder / "fake" / "requirements.txt").write_text("fakeframework==9.9\n")
    with pytest.raises(AssertionError):
        install(folder, root)
    fifth = verify(site)
    assert "could not be made" in fifth.find("Sin", "fake")["reason"]


def test_other_ops_keep_their_records_when_one_is_named(site: Any) -> None:
    verify(site)
    assert verify(site, "--op", "Sin").count("executed", "reused") == (0, 2)
    assert verify(site, "--framework", "fake").count("verified", "executed") == (2, 0)
    assert verify(site).count("executed", "reused") == (0, 3)


def test_a_damaged_ledger_is_set_aside(site: Any) -> None:
    verify(site)
    ledger = site.folder / "_build" / "ledger" / "ledger.sqlite"
    ledger.write_bytes(b"no database" * 1000)
    again = verify(site)
    assert again.count("verified", "executed") == (3, 3)
    assert "optabs: the ledger was damaged" in again.stderr


# --- interruption ---------------------------------------------------------------------------------

SLOW_CASES = 8
SLOW = (
    "operation: Slow\nstd_args: [x]\ncases:\n"
    + "".join(
        f"  - {{id: case-{number}, inputs: {{x: {number}}}, expect: {number}}}\n"
        for number in range(SLOW_CASES)
    )
    + "variants:\n  fake:\n    example: |\n      import time\n      time.sleep(0.2)\n"
    "      result = x\n"
)


def count_records(site: Any) -> int:
    file = site.folder / "_build" / "ledger" / "ledger.sqlite"
    if not file.exists():
        return 0
    connection = sqlite3.connect(file)
    try:
        return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_what_has_finished_survives(
    site: Any,
    number: int,
    tmp_path: Path,
    find_processes: Callable[[Path], list[int]],
) -> None:
    site.write("slow", SLOW)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = site.start("verify", "--op", "Slow", TMPDIR=str(scratch))
    deadline = time.monotonic() + 30
    while count_records(site) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    kept = count_records(site)
    assert 3 <= kept < SLOW_CASES
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert errors.endswith("optabs: interrupted; what had finished is kept\n")
    elif number == signal.SIGTERM:
        assert process.returncode == 143
    else:
        assert process.returncode == -number
    assert "Traceback" not in errors
    # The workers end by themselves, at the latest with the example that they are in.
    deadline = time.monotonic() + 10
    while (find_processes(scratch) or list(scratch.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (find_processes(scratch), list(scratch.iterdir())) == ([], [])

    again = verify(site, "--op", "Slow")
    # Each value has the dtype of a Python integer.
    assert again.count("verified", "executed", "reused") == (
        SLOW_CASES,
        SLOW_CASES - kept,
        kept,
    )


def test_two_commands_at_once_agree(site: Any) -> None:
    processes = [site.start("verify") for _ in range(2)]
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "optabs: 3 verified, " in output
    assert verify(site).count("verified", "executed", "reused") == (3, 0, 3)


# --- verdicts -------------------------------------------------------------------------------------


def test_sine_against_cosine_differs(site: Any) -> None:
    site.edit("sin", "fakeframework.sin", "fakeframework.cos")
    found = verify(site)
    assert (found.status, *found.count("verified", "differs")) == (1, 2, 1)
    verdict = found.find("Sin", "fake")
    assert (verdict["verdict"], verdict["outcome"]) == ("differs", "ok")
    assert verdict["max_abs_error"] == pytest.approx(1.0)
    assert "`result[0]` is 1.0, expected 0.0: off by 1" in verdict["reason"]
    assert "ops/sin.yaml:13:15: differs Sin, fake, case basic on cpu: `result[0]`" in found.stdout


def test_dtype_and_shape_are_compared_first(site: Any) -> None:
    site.edit("exp", "api: fakeframework.exp", "example: result = ff.array([1.0], ff.float64)")
    reason = verify(site, "--op", "Exp").find("Exp", "fake")["reason"]
    assert reason.splitlines() == [
        "`result` has dtype float64, expected float32",
        "`result` has shape (1,), expected (2,)",
    ]


def test_a_missing_framework_is_not_run_with_the_reason(site: Any) -> None:
    site.edit("exp", "fake_two: {unsupported: The author had no time.}", "torch: {api: torch.exp}")
    found = verify(site, FRAMEWORKS="fake fake_two torch")
    assert (found.status, *found.count("verified", "not_run")) == (0, 3, 1)
    verdict = found.find("Exp", "torch")
    assert (verdict["verdict"], verdict["outcome"]) == ("not_run", None)
    assert "is not installed: run `optabs envs`" in verdict["reason"]
    assert 'optabs: not run: torch: the environment "torch" is not installed' in found.stdout


def test_a_framework_that_is_not_selected_is_not_run(site: Any) -> None:
    found = verify(site, FRAMEWORKS="fake_two")
    assert found.count("verified", "not_run", "executed") == (1, 2, 1)
    assert found.find("Sin", "fake")["reason"] == "not selected for this build (FRAMEWORKS)"
    # What is known of it is still shown.
    verify(site)
    found = verify(site, FRAMEWORKS="none")
    assert found.count("verified", "not_run", "executed", "reused") == (3, 0, 0, 3)


def test_unsupported_and_untestable_are_no_failures(site: Any) -> None:
    site.write(
        "odd",
        """
        operation: Odd
        std_args: [x]
        cases:
          - {id: basic, inputs: {x: 1.0}, expect: 1.0}
        variants:
          fake: {unsupported: "It has no odd numbers."}
          fake_two: {untestable: "It needs a printer."}
          stablehlo: {api: stablehlo.odd}
        """,
    )
    found = verify(site, "--op", "Odd")
    assert (found.status, *found.count("unsupported", "untestable")) == (0, 1, 2)
    assert found.find("Odd", "fake")["reason"] == "It has no odd numbers."
    assert found.find("Odd", "fake_two")["reason"] == "It needs a printer."


CRASHING = """
operation: Crashing
cases:
  - {id: before, inputs: {}, expect: 1}
  - {id: during, inputs: {}, expect: 1}
  - {id: after, inputs: {}, expect: 1}
variants:
  fake:
    example:
      before: result = 1
      during: |
        # The line that does it is the next but one.
        import os
        os.abort()
      after: result = 2 - 1
"""


def test_a_crash_costs_one_example_and_is_named(site: Any) -> None:
    site.write("crashing", CRASHING)
    found = verify(site, "--op", "Crashing")
    assert (found.status, *found.count("verified", "failed", "executed")) == (1, 2, 1, 3)
    verdict = found.find("Crashing", "fake", "during")
    assert (verdict["verdict"], verdict["outcome"]) == ("failed", "crashed")
    assert verdict["reason"] == (
        "Crash: the worker was killed by SIGABRT while it ran this example"
    )
    assert 'File "ops/crashing.yaml", line 13, in <module>' in verdict["error"]
    assert "ops/crashing.yaml:13:1: failed Crashing, fake, case during on cpu" in found.stdout
    assert verify(site, "--op", "Crashing").count("failed", "executed") == (1, 0)


def test_traceback_lines_are_those_of_the_yaml_file(site: Any) -> None:
    site.write(
        "raising",
        """
        operation: Raising
        std_args: [x]
        cases:
          - id: basic
            inputs: {x: [1.0]}
            expect: x
        variants:
          fake:
            example: |
              def inner(value):
                  return value / 0

              result = inner(x)
        """,
    )
    found = verify(site, "--op", "Raising")
    verdict = found.find("Raising", "fake")
    assert verdict["reason"].startswith("TypeError: unsupported operand")
    assert '  File "ops/raising.yaml", line 13, in <module>\n' in verdict["error"]
    assert '  File "ops/raising.yaml", line 11, in inner\n' in verdict["error"]
    assert "ops/raising.yaml:13:1: failed Raising, fake, case basic on cpu" in found.stdout


def test_a_framework_that_fails_to_import_costs_itself_alone(
    project: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "frameworks"
    shutil.copytree(Path(__file__).parent / "fake" / "frameworks", folder)
    adapter = folder / "fake" / "adapter.py"
    adapter.write_text(f"{adapter.read_text()}raise ImportError('libcuda is too old')\n")
    site = project(tmp_path, folder)
    site.write("sin", SIN)
    found = verify(site)
    assert (found.status, *found.count("verified", "not_run")) == (0, 1, 1)
    assert found.find("Sin", "fake")["reason"] == (
        "its adapter cannot be used: ImportError: libcuda is too old"
    )


def test_an_oracle_that_fails_is_told_at_its_case(site: Any) -> None:
    site.edit("sin", "expect: np.sin(x)", "expect: np.sine(x)")
    found = verify(site, "--op", "Sin")
    assert found.status == 1
    for framework in ("fake", "fake_two"):
        verdict = found.find("Sin", framework)
        assert verdict["verdict"] in ("failed", "not_run")
        assert "oracle" in verdict["reason"]
        assert "sine" in verdict["reason"]


def test_an_api_that_does_not_exist_is_told_with_the_nearest(site: Any) -> None:
    site.edit(
        "sin", "{api: fakeframework.sin}", "{api: fakeframework.sinn, example: result = ff.sin(x)}"
    )
    found = verify(site)
    assert (found.status, *found.count("verified")) == (1, 3)
    assert "no-such-api Sin: 'fakeframework.sinn' does not exist" in found.stdout
    assert "nearest: fakeframework.sin" in found.stdout
    (op,) = [op for op in found.export["ops"] if op["operation"] == "Sin"]
    assert op["variants"]["fake"]["api_exists"] is False
    assert op["variants"]["fake_two"]["api_exists"] is True


def test_a_class_is_constructed_and_called(site: Any) -> None:
    site.write(
        "scale",
        """
        operation: Scale
        op_type: class
        std_args: [factor]
        cases:
          - {id: basic, inputs: {factor: 2.0, x: [1.0, 2.0]}, expect: factor * x}
        variants:
          fake: {api: fakeframework.Scale}
        """,
    )
    assert verify(site, "--op", "Scale").count("verified") == (1,)


def test_examples_do_not_see_each_other(site: Any) -> None:
    code = """
                import os
                assert "leaked" not in globals() and "LEAKED" not in os.environ
                leaked = os.environ["LEAKED"] = "1"
                result = {}
    """
    site.write(
        "leak",
        f"""
        operation: Leak
        cases:
          - {{id: first, inputs: {{}}, expect: 1}}
          - {{id: second, inputs: {{}}, expect: 2}}
        variants:
          fake:
            example:
              first: |{code.format(1)}
              second: |{code.format(2)}
        """,
    )
    assert verify(site, "--op", "Leak").count("verified", "executed") == (2, 2)


def test_verify_needs_neither_sphinx_nor_a_terminal(site: Any) -> None:
    # The command must work on a machine with a GPU that builds no pages.
    done = subprocess.run(
        **site.prepare(
            ["verify"], PYTHONPATH=os.pathsep.join([make_trap(site), site.variables["PYTHONPATH"]])
        ),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def make_trap(site: Any) -> str:
    """Make a folder with modules that fail to import, named as those that must not be."""
    folder = site.folder / "trap"
    folder.mkdir()
    for name in ("sphinx", "docutils", "myst_parser", "jinja2"):
        (folder / f"{name}.py").write_text("raise ImportError('this must not be imported')\n")
    return str(folder)
