"""What `optabs check` costs, against PyYAML's own C parser over the same entries.

The catalogue is that of `ops/`, its entries repeated under further names. It is checked as files
that are new, as files that have not changed since, and as the items of one long list. Each is a
process from start to end, in turn with the floor: a process that reads the same text with
`yaml.CSafeLoader`. Figures are medians, ratios are taken run by run. Options: `--ops 2000` and
`--runs 5`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from render import ROOT, write_catalogue

FLOOR = """\
import pathlib, sys, yaml
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")):
    yaml.load(file.read_text(), yaml.CSafeLoader)
"""
VARIABLES = {**os.environ, "PYTHONPATH": str(ROOT / "ext")}


def write_list(folder: Path, catalogue: Path) -> None:
    """Write the entries of a catalogue as one list."""
    folder.mkdir()
    with (folder / "ops.yaml").open("w") as file:
        for entry in sorted(catalogue.glob("*.yaml")):
            text = "\n".join(
                line for line in entry.read_text().splitlines() if not line.startswith("#")
            )
            file.write(f"- {textwrap.indent(text, '  ')[2:]}\n")


def measure(command: list[str], folder: Path) -> float:
    """Return the seconds of a command in `folder`; raises if it cannot be run."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=VARIABLES, capture_output=True, text=True)
    if done.returncode not in (0, 1):  # 1: repeated entries lack what only one op can have
        raise SystemExit(f"{command} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - started


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ops", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    check = [sys.executable, "-m", "optabs", "check"]
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="optabs-bench-") as name:
        folder = Path(name)
        write_catalogue(folder / "ops", arguments.ops)
        write_list(folder / "list", folder / "ops")
        for _ in range(arguments.runs):
            shutil.rmtree(folder / "_build", ignore_errors=True)
            (folder / "_build").mkdir()  # where what was read is kept
            for label, command in [
                ("parsed by PyYAML", [sys.executable, "-c", FLOOR, "ops"]),
                ("checked, new", [*check, "ops"]),
                ("checked, unchanged", [*check, "ops"]),
                ("checked, one list", [*check, "list"]),
            ]:
                taken.setdefault(label, []).append(measure(command, folder))
    print(f"{arguments.ops} entries, {arguments.runs} runs each, in turn")
    floors = taken["parsed by PyYAML"]
    for label, seconds in taken.items():
        ratio = statistics.median(each / floor for each, floor in zip(seconds, floors, strict=True))
        print(f"{label:20} {statistics.median(seconds):6.2f} s  ratio {ratio:5.2f}")


if __name__ == "__main__":
    main()
