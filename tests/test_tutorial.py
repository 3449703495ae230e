"""The tutorial, done to the letter: files are written, commands run, what they print compared."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from optabs.frameworks import load_registry
from optabs.run.environments import get_python

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = Path(os.environ.get("OPTABS_ENVIRONMENTS") or ROOT / ".environments").resolve()
PAGE = ROOT / "guide" / "first-op.md"
RUN_SECONDS = 900
BLOCK = re.compile(r"^```(?P<kind>.*)\n(?P<body>(?:.*\n)*?)```$", re.MULTILINE)


@dataclass(frozen=True)
class File:
    """A file to be written, or lines of it from `first` on to be replaced."""

    name: str
    lines: list[str]
    first: int | None


@dataclass(frozen=True)
class Command:
    """A command, and what the page says that it prints; `...` stands for any lines."""

    line: str
    output: list[str] = field(default_factory=list)


def read_steps(page: str) -> Iterator[File | Command]:
    """Yield what the page tells its reader to do, in order.

    Raises:
        ValueError: there is a block that cannot be followed.
    """
    for block in BLOCK.finditer(page):
        kind, lines = block["kind"], block["body"].splitlines()
        if kind == "console":
            yield from read_commands(lines)
        elif kind == "{code-block} yaml":
            options = dict(re.findall(r"^:([\w-]+): ?(.*)$", block["body"], re.MULTILINE))
            first = options.get("lineno-start")
            name = options["caption"]
            yield File(name, lines[lines.index("") + 1 :], int(first) if first else None)
        else:
            raise ValueError(f"a block of the kind {kind!r} cannot be followed")


def read_commands(lines: list[str]) -> list[Command]:
    found: list[Command] = []
    for line in lines:
        if line.startswith("$ "):
            found.append(Command(line.removeprefix("$ ")))
        else:
            found[-1].output.append(line)
    return found


def write_file(folder: Path, file: File) -> None:
    path = folder / file.name
    if file.first is None:
        assert not path.exists(), f"{file.name} is there already: the tutorial wants another op"
        path.write_text("\n".join([*file.lines, ""]), encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    begin = file.first - 1
    old = lines[begin : begin + len(file.lines)]
    # The reader finds the line by what it begins with.
    assert [indent(line) for line in old] == [indent(line) for line in file.lines], file
    lines[begin : begin + len(file.lines)] = file.lines
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def matches(said: list[str], printed: list[str]) -> bool:
    """Whether lines are those that the page has; seconds may be others."""
    pattern = "".join(
        r"(?:.*\n)*" if line == "..." else re.escape(mask(line)) + r"\n" for line in said
    )
    return re.fullmatch(pattern, "".join(f"{mask(line)}\n" for line in printed)) is not None


def mask(line: str) -> str:
    return re.sub(r"\d+\.\d s$", "N s", line.rstrip())


def test_only_what_the_page_says_matches() -> None:
    assert matches(["a", "...", "b; 1.5 s"], ["a", "b; 20.0 s"])
    assert matches(["a", "...", "b"], ["a", "x", "y", "b"])
    assert not matches(["a"], ["a", "b"])
    assert not matches(["a", "b"], ["a"])
    assert not matches(["1 fault"], ["2 faults"])


@pytest.mark.frameworks
@pytest.mark.timeout(RUN_SECONDS)
def test_the_tutorial_does_what_it_says(checkout: Path) -> None:
    frameworks = load_registry().frameworks
    for key in ("numpy", "torch"):
        if get_python(ENVIRONMENTS, frameworks[key].environment) is None:
            leave = pytest.fail if os.environ.get("OPTABS_TESTS_COMPLETE") else pytest.skip
            leave(f"no environment of {key}: run `optabs envs`")
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        "PYTHONPATH": str(checkout / "ext"),
        "OPTABS_ENVIRONMENTS": str(ENVIRONMENTS),
    }
    steps = [*read_steps(PAGE.read_text(encoding="utf-8"))]
    assert sum(isinstance(step, Command) for step in steps) > 8
    for step in steps:
        if isinstance(step, File):
            write_file(checkout, step)
        elif setting := re.fullmatch(r'export (\w+)="(.*)"', step.line):
            variables[setting[1]] = setting[2]
        else:
            done = subprocess.run(
                ["bash", "-c", step.line],
                cwd=checkout,
                env=variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=RUN_SECONDS,
                check=False,
            )
            printed = done.stdout.splitlines()
            assert matches(step.output, printed), f"$ {step.line}\n{done.stdout}"
    page = (checkout / "_build/html/ops/rot90.html").read_text(encoding="utf-8")
    assert page.count('data-verdict="verified"') >= 2
