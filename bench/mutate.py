"""Mutation testing: how many small faults, put into a module one at a time, its tests notice.

mutmut makes the faults and runs the tests. It knows packages under `src/` alone, so each module is
worked on in a copy of that layout, in `_build/mutation`. Run it with `make mutation`, or name
modules: `bench/mutate.py compare`. Survivors are named; `mutmut show` in that folder prints one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "_build" / "mutation"
# Only tests that take milliseconds: each mutant runs those that reach the function it is in.
TESTS = {
    "compare": ("compare", "crosscheck", "device_tolerances"),
    "verify": ("judging", "device_tolerances"),
    "ledger": ("ledger",),
}
# Those that start processes or damage thirty ledgers take seconds each.
SLOW = "processes or killed_writer or damage_within"
CONFIGURATION = """\
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/optabs/{module}.py"]
pytest_add_cli_args_test_selection = ["tests", "-k", "not ({slow})"]
use_git_change_detection = false

[tool.pytest.ini_options]
addopts = "--import-mode=importlib -p no:cacheprovider -p no:xdist"
"""
# As mutmut keeps them: the exit status of pytest, or its own.
KILLED = (1, 3)
TIMED_OUT = (36, 24, -24, 152, 255)


def prepare(module: str) -> Path:
    """Copy the package and the tests of a module into the layout that mutmut wants."""
    folder = WORK / module
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        ROOT / "ext" / "optabs",
        folder / "src" / "optabs",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (folder / "tests").mkdir()
    for name in TESTS[module]:
        shutil.copy(ROOT / "tests" / f"test_{name}.py", folder / "tests")
    (folder / "pyproject.toml").write_text(CONFIGURATION.format(module=module, slow=SLOW))
    return folder


def run(module: str) -> tuple[int, int, list[str]]:
    """Return how many mutants of a module were killed, of how many, and the names of the others."""
    folder = prepare(module)
    # One at a time: mutants that wait for each other time out, and would pass for killed.
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", "run", "--max-children", "1"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    found = folder / "mutants" / "src" / "optabs" / f"{module}.py.meta"
    statuses = json.loads(found.read_text())["exit_code_by_key"] if found.exists() else {}
    if done.returncode or not statuses or None in statuses.values():
        sys.exit(f"{done.stdout[-4000:]}\nmutate: the run of {module} did not end")
    print(f"{module}: {dict(Counter(statuses.values()))} by exit status", file=sys.stderr)
    killed = [name for name, status in statuses.items() if status in (*KILLED, *TIMED_OUT)]
    return len(killed), len(statuses), [name for name in statuses if name not in killed]


def main() -> int:
    """Run the modules that are named, else all."""
    for module in sys.argv[1:] or TESTS:
        killed, total, survivors = run(module)
        for name in survivors:
            print(f"survived: {name}")
        print(f"{module}: {killed} of {total} mutants killed ({killed / total:.1%})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
