"""Finds a CPython for a framework's environment, and fetches one through uv where none is there.

The interpreter that runs Optabs comes first. Then the newest that suits, among those on PATH,
pyenv's and uv's own. Each is really run: a name on PATH may be a shim with nothing behind it.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optabs.errors import InterpreterError

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

_MINORS = range(6, 40)  # of Python 3, to look for by name
_PATCHES = range(60)
_PROBE_SECONDS = 15.0
_PROBE = """
import importlib.util, json, platform, sys
print(json.dumps({
    "path": sys.executable,
    "version": platform.python_version(),
    "implementation": sys.implementation.name,
    "base_prefix": sys.base_prefix,
    "free_threaded": "t" in sys.abiflags,
    "has_venv": importlib.util.find_spec("venv") is not None,
}))
"""

RunCommand = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command that may take minutes; returns its exit status and its output."""

_search_lock = threading.Lock()


@dataclass(frozen=True)
class Interpreter:
    """What an interpreter said of itself; `path` is its own, not that of a shim before it."""

    path: Path
    version: str
    implementation: str
    base_prefix: Path
    free_threaded: bool
    has_venv: bool


@dataclass(frozen=True)
class _Search:
    """The interpreters of one search; `failures` maps those that did not run to the reason."""

    interpreters: tuple[Interpreter, ...]
    failures: dict[Path, str]


def clean_variables(environ: dict[str, str] | None = None) -> dict[str, str]:
    """Return a copy of the environment variables without what would steer another interpreter.

    Every `PYTHON*` variable goes, and what macOS sets for the executable that was started.
    """
    variables = os.environ if environ is None else environ
    return {
        name: value
        for name, value in variables.items()
        if not name.startswith("PYTHON") and name != "__PYVENV_LAUNCHER__"
    }


def run_captured(command: Sequence[str]) -> tuple[int, str]:
    """Run a command to its end; return its exit status and its output, both streams together."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=clean_variables(),
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout


def probe_interpreter(path: Path) -> Interpreter | str:
    """Run the interpreter once and return what it is, or in a few words why it does not run."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=clean_variables(),
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"does not answer within {_PROBE_SECONDS:.0f} s"
    except OSError as error:
        return f"does not run: {error.strerror or error}"
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return f"does not run: {said[0] if said else f'exit status {done.returncode}'}"
    try:
        fields = json.loads(done.stdout)
        return Interpreter(
            path=Path(fields["path"]),
            version=fields["version"].rstrip("+"),
            implementation=fields["implementation"],
            base_prefix=Path(fields["base_prefix"]),
            free_threaded=fields["free_threaded"],
            has_venv=fields["has_venv"],
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return "does not answer as a Python interpreter"


_probe_once = functools.cache(probe_interpreter)


def find_interpreter(specifier: str, run: RunCommand = run_captured) -> Path:
    """Return a CPython whose version satisfies the PEP 440 specifier and that can make venvs.

    The running interpreter is taken when it suits, else the newest that does. No prerelease and
    no free-threaded build is taken. Where none is found, uv is asked to fetch one, with `run`.
    Raises InterpreterError, saying what was looked for, where, and what was found instead.
    """
    wanted = _parse_specifier(specifier)
    running = _describe_running()
    if not _find_fault(running, wanted):
        return running.path
    with _search_lock:  # a second environment waits for the first one's fetch, then finds it
        minors = _list_minors(wanted)
        search = _search_interpreters(_list_candidates(minors))
        chosen = _choose_newest(search, wanted)
        if chosen:
            return chosen.path
        fetched, trouble = _fetch_interpreter(specifier, run)
        if fetched:
            search = _search_interpreters(_list_managed(minors))
            chosen = _choose_newest(search, wanted)
            if chosen:
                return chosen.path
            trouble = "uv fetched one, but it does not suit"
        others = _search_interpreters(_list_candidates(list(_MINORS))).interpreters
    found = _Search((running, *others), search.failures)
    raise InterpreterError(
        _describe_search(specifier, found, wanted, trouble),
        f"install one, with `uv python install '{specifier}'`, pyenv or the system's packages",
    )


def _parse_specifier(specifier: str) -> SpecifierSet:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(specifier)
    except InvalidSpecifier:
        raise InterpreterError(
            f"{specifier!r} says no Python versions", 'write them as in ">=3.11,<3.15"'
        ) from None


def _describe_running() -> Interpreter:
    return Interpreter(
        path=Path(sys.executable),
        version=platform.python_version().rstrip("+"),
        implementation=sys.implementation.name,
        base_prefix=Path(sys.base_prefix),
        free_threaded="t" in sys.abiflags,
        has_venv=importlib.util.find_spec("venv") is not None,
    )


def _find_fault(interpreter: Interpreter, wanted: SpecifierSet) -> str:
    """Return why the interpreter does not suit, or an empty string."""
    from packaging.version import InvalidVersion, Version

    try:
        version = Version(interpreter.version)
    except InvalidVersion:
        return "has no usual version"
    if interpreter.implementation != "cpython":
        return f"is {interpreter.implementation}, not CPython"
    if version.is_prerelease:
        return "is a prerelease"
    if not wanted.contains(version):
        return "is another version"
    if interpreter.free_threaded:
        return "is a free-threaded build"
    if not interpreter.has_venv:
        return "has no venv module"
    return ""


def _list_minors(wanted: SpecifierSet) -> list[int]:
    """List the minors of Python 3 of which some patch release could satisfy the specifier."""
    return [
        minor
        for minor in _MINORS
        if any(wanted.contains(f"3.{minor}.{patch}") for patch in _PATCHES)
    ]


def _list_candidates(minors: Sequence[int]) -> list[Path]:
    """List the interpreters of these minors on this machine, each file once."""
    return _drop_repeated([*_list_on_path(minors), *_list_pyenv(minors), *_list_managed(minors)])


def _list_on_path(minors: Sequence[int]) -> Iterator[Path]:
    for folder in os.get_exec_path():
        if os.path.isabs(folder):
            yield from _list_executables(Path(folder), minors)


def _list_pyenv(minors: Sequence[int]) -> Iterator[Path]:
    for folder in _list_pyenv_folders():
        for version in sorted(folder.glob("*"), reverse=True):
            yield from _list_executables(version / "bin", minors)


def _list_managed(minors: Sequence[int]) -> Iterator[Path]:
    folder = _find_managed_folder()
    if folder:
        for version in sorted(folder.glob("cpython-*"), reverse=True):
            yield from _list_executables(version / "bin", minors)


def _list_executables(folder: Path, minors: Sequence[int]) -> Iterator[Path]:
    for minor in minors:
        path = folder / f"python3.{minor}"
        if path.is_file() and os.access(path, os.X_OK):
            yield path


def _drop_repeated(paths: Iterable[Path]) -> list[Path]:
    # The name counts too: the shims of some version managers all link to one program.
    by_file: dict[tuple[Path, str], Path] = {}
    for path in paths:
        by_file.setdefault((path.resolve(), path.name), path)
    return list(by_file.values())


def _list_pyenv_folders() -> list[Path]:
    roots = [Path(os.environ["PYENV_ROOT"])] if os.environ.get("PYENV_ROOT") else []
    roots.append(Path(os.path.expanduser("~/.pyenv")))
    folders = [root / "versions" for root in roots if (root / "versions").is_dir()]
    if not folders and shutil.which("pyenv"):
        said = _ask_quickly(["pyenv", "root"])
        if said and (Path(said) / "versions").is_dir():
            folders.append(Path(said) / "versions")
    return list(dict.fromkeys(folders))


def _find_managed_folder() -> Path | None:
    uv = _find_uv()
    said = _ask_quickly([uv, "python", "dir"]) if uv else ""
    return Path(said) if said and Path(said).is_dir() else None


def _find_uv() -> str:
    """Return the path of uv: the installed package's own, else the one on PATH, else ''."""
    try:
        import uv
    except ImportError:
        pass
    else:
        try:
            return str(uv.find_uv_bin())
        except FileNotFoundError:
            pass
    return shutil.which("uv") or ""


def _ask_quickly(command: Sequence[str]) -> str:
    """Return the line that a command prints, or an empty string when it fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _search_interpreters(paths: Iterable[Path]) -> _Search:
    """Run all the candidates, several at a time."""
    paths = list(paths)
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(_probe_once, paths))
    return _Search(
        interpreters=tuple(answer for answer in answers if isinstance(answer, Interpreter)),
        failures={
            path: answer
            for path, answer in zip(paths, answers, strict=True)
            if isinstance(answer, str)
        },
    )


def _choose_newest(search: _Search, wanted: SpecifierSet) -> Interpreter | None:
    from packaging.version import Version

    suitable = [each for each in search.interpreters if not _find_fault(each, wanted)]
    return max(suitable, key=lambda each: Version(each.version), default=None)


def _fetch_interpreter(specifier: str, run: RunCommand) -> tuple[bool, str]:
    """Have uv fetch an interpreter into its own folder; return whether it did, else the reason."""
    uv = _find_uv()
    if not uv:
        return False, "uv, which fetches interpreters, is not installed"
    status, output = run([uv, "python", "install", "--no-progress", "--no-bin", specifier])
    if status == 0:
        return True, ""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [lines[0], *lines[-1:]] if len(lines) > 1 else lines or [f"exit status {status}"]
    return False, "uv could not fetch one: " + "; ".join(telling)


def _describe_search(specifier: str, found: _Search, wanted: SpecifierSet, trouble: str) -> str:
    """Say, one thing a line, what was looked for, why not fetched, where, and what was there."""
    places = ["the running interpreter", "PATH", *map(str, _list_pyenv_folders())]
    managed = _find_managed_folder()
    if managed:
        places.append(str(managed))
    faults = {
        each.path.resolve(): f"{each.version} ({each.path}) {_find_fault(each, wanted)}"
        for each in reversed(found.interpreters)
    }
    lines = [
        f"no CPython {specifier} that can make virtual environments was found",
        trouble,
        f"looked at: {', '.join(places)}",
        *(f"found: {fault}" for fault in reversed(faults.values())),
        *(f"passed over: {path} {reason}" for path, reason in found.failures.items()),
    ]
    return "\n".join(lines)
