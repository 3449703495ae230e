"""What executing examples through Optabs costs, against the same code in one bare process.

The floor is one Python process that imports PyTorch and `exec`s all examples. Optabs does the same
start to finish: it reads the catalogue, makes the plan, starts a worker, runs, compares and stores.
Both are run in turn; the figures are medians, the ratio is taken pair by pair. Run it with
`make bench`; options: `--examples 400 --runs 5`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".environments" / "torch" / "bin" / "python"

ENTRY = """\
operation: Op{number}
category: Bench
description: A generated example.
cases:
  - id: only
    inputs:
      x: [[1.0, 2.0, 3.5], [4.0, 5.0, {number}.25]]
    expect:
      total: {{values: {total}, dtype: float32}}
variants:
  torch:
    example: |
{code}
"""

CODE = """\
weights = torch.linspace(0.0, 1.0, 3)
scaled = x * weights
shifted = scaled + {number}
lengths = shifted.square().sum(dim=1).sqrt()
normalised = shifted / lengths[:, None]
print(normalised)
values, indices = torch.sort(normalised, dim=1)
total = (x * weights).sum()
"""

FLOOR = """\
import sys, pathlib, torch
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    exec(compile(file.read_text(), str(file), "exec"), {"__name__": "__main__"})
"""


@dataclass(frozen=True)
class Run:
    """Wall seconds and peak memory (MiB, summed over all processes, shared pages split)."""

    seconds: float
    memory: float


def write_examples(folder: Path, count: int) -> None:
    """Write the same examples as catalogue entries and as plain files."""
    (folder / "ops").mkdir()
    (folder / "plain").mkdir()
    for number in range(count):
        code = CODE.format(number=number)
        indented = "".join(f"      {line}\n" for line in code.splitlines())
        total = (2.0 * 0.5 + 3.5) + (5.0 * 0.5 + number + 0.25)
        entry = ENTRY.format(number=number, code=indented.rstrip("\n"), total=total)
        (folder / "ops" / f"op{number:05}.yaml").write_text(entry)
        inputs = f"import torch\n\nx = torch.tensor([[1.0, 2.0, 3.5], [4.0, 5.0, {number}.25]])\n\n"
        (folder / "plain" / f"op{number:05}.py").write_text(inputs + code)


def measure(command: list[str | Path], folder: Path) -> Run:
    """Run a command in `folder`; raises if it fails."""
    variables = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPTABS_ENVIRONMENTS": str(PYTHON.parent.parent.parent),
        "PYTHONPATH": str(ROOT / "ext"),
    }
    started = time.perf_counter()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum_memory(process.pid))
            time.sleep(0.05)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{(folder / 'output').read_text()[-2000:]}")
    return Run(seconds, peak)


def sum_memory(pid: int) -> float:
    """Return the memory of a process and its descendants in MiB (proportional set size)."""
    try:
        proc = Path("/proc") / str(pid)
        lines = (proc / "smaps_rollup").read_text().splitlines()
        own = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
        children = (proc / "task" / str(pid) / "children").read_text().split()
        threads = [each for each in (proc / "task").iterdir() if each.name != str(pid)]
        for thread in threads:
            children += (thread / "children").read_text().split()
    except (OSError, StopIteration):
        return 0.0
    return own + sum(sum_memory(int(child)) for child in set(children))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=400)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    if not PYTHON.exists():
        raise SystemExit("the PyTorch environment is missing: make envs")
    floors, ours = [], []
    with tempfile.TemporaryDirectory(prefix="optabs-bench-") as name:
        folder = Path(name)
        write_examples(folder, arguments.examples)
        floor: list[str | Path] = [PYTHON, "-c", FLOOR, folder / "plain"]
        verify: list[str | Path] = [
            sys.executable, "-m", "optabs", "verify", "ops", "--fresh", "--framework", "torch",
        ]  # fmt: skip
        measure(floor, folder)
        measure(verify, folder)
        for _ in range(arguments.runs):
            floors.append(measure(floor, folder))
            ours.append(measure(verify, folder))
    print(f"{arguments.examples} PyTorch examples, {arguments.runs} runs each, in turn")
    for label, runs in (("one bare process", floors), ("optabs verify", ours)):
        seconds = statistics.median(run.seconds for run in runs)
        memory = statistics.median(run.memory for run in runs)
        print(f"{label:18} {seconds:6.2f} s  {memory:6.0f} MiB")
    pairs = list(zip(ours, floors, strict=True))
    time_ratio = statistics.median(mine.seconds / floor.seconds for mine, floor in pairs)
    memory_ratio = statistics.median(mine.memory / floor.memory for mine, floor in pairs)
    print(f"{'ratio':18} {time_ratio:6.2f}    {memory_ratio:6.2f}")


if __name__ == "__main__":
    main()
