"""The virtual environments that frameworks run in: made, kept up to date, looked up.

Each is a folder under a root, `.environments/`, with a stamp inside that says what it was made
from. The stamp is written last, so a folder with a stamp is whole. Whatever differs from its
stamp is made anew. Beside each folder lie its lock, its log and, after a failure, the reason.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from optabs.errors import OptabsError
from optabs.run.children import Children, StoppedError
from optabs.run.fingerprint import Fingerprint, compute_fingerprint
from optabs.run.interpreters import (
    Interpreter,
    clean_variables,
    find_interpreter,
    probe_interpreter,
)
from optabs.run.locks import FileLock
from optabs.run.pip_output import describe_line, find_reason
from optabs.run.progress import Event, Report, State, show_progress

__all__ = [
    "EnvironmentSpec",
    "EnvironmentStatus",
    "Event",
    "Fingerprint",
    "Report",
    "State",
    "compute_fingerprint",
    "describe_missing",
    "get_python",
    "list_specs",
    "make_environments",
    "show_progress",
]

_STAMP = "optabs-environment.json"
_STAMP_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SUFFIXES = (".lock", ".log", ".failed")  # of the files beside the environments
_MISSING_WIDTH = 300
_MISPLACING = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_DRY_RUN")


class FrameworkNeeds(Protocol):
    """What a framework tells about the environment it runs in."""

    @property
    def python(self) -> str:
        """PEP 440 specifier of the interpreters that can run it."""

    @property
    def environment(self) -> str:
        """Name of its environment; frameworks may share one."""

    @property
    def requirements(self) -> Path:
        """Its requirements file."""


@dataclass(frozen=True)
class EnvironmentSpec:
    """An environment as it should be. Raises OptabsError when the name cannot name a folder.

    With `newest` it gets the newest releases in place of the pinned ones, and is always made.
    """

    name: str
    python: str
    requirements: tuple[Path, ...]
    newest: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.endswith(_SUFFIXES):
            raise OptabsError(
                f"{self.name!r} cannot name an environment",
                "use letters, digits, '-' and '_' only",
            )


@dataclass(frozen=True)
class EnvironmentStatus:
    """What came of an environment; `made` when it was made just now, `reason` when not `ok`."""

    name: str
    ok: bool
    reason: str = ""
    seconds: float = 0.0
    made: bool = False


def list_specs(
    frameworks: Mapping[str, FrameworkNeeds],
    wanted: Iterable[str] | None = None,
    *,
    newest: bool = False,
) -> list[EnvironmentSpec]:
    """List the environments of the frameworks, by name.

    Frameworks that share an environment are united: all their requirements and all their Python
    specifiers. With `wanted`, only the environments of those frameworks are listed; each still
    holds what every framework in it needs, so it does not change with the selection.
    """
    keys = set(frameworks if wanted is None else wanted)
    names = {framework.environment for key, framework in frameworks.items() if key in keys}
    specs = []
    for name in sorted(names):
        sharing = [
            framework
            for _, framework in sorted(frameworks.items())
            if framework.environment == name
        ]
        pythons = dict.fromkeys(framework.python for framework in sharing if framework.python)
        requirements = dict.fromkeys(framework.requirements for framework in sharing)
        specs.append(EnvironmentSpec(name, ",".join(pythons), tuple(requirements), newest))
    return specs


def make_environments(
    specs: Sequence[EnvironmentSpec], root: Path, report: Report, jobs: int = 2
) -> list[EnvironmentStatus]:
    """Make what is missing or out of date under `root`, `jobs` at a time; return one status each.

    One that fails does not stop the others. On an interruption every child process is ended,
    what is finished stays, and KeyboardInterrupt is raised with a message; running it again goes
    on from there. SIGTERM and SIGHUP do the same with SystemExit.
    """
    root = root.resolve()
    if specs:
        _make_root(root)
    children, lock = Children(), threading.Lock()

    def report_in_turn(event: Event) -> None:
        with lock:
            report(event)

    pool = ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="optabs-environment")
    futures: list[Future[EnvironmentStatus]] = []
    with _exit_on_signals(), pool:
        try:
            futures += [
                pool.submit(_make_environment, spec, root, children, report_in_turn)
                for spec in specs
            ]
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            with suppress(KeyboardInterrupt):  # a second one only hurries the end
                _stop_making(children, pool)
            raise KeyboardInterrupt(_describe_interruption(specs, root)) from None
        except BaseException:
            _stop_making(children, pool)
            raise


def get_python(root: Path, name: str) -> Path | None:
    """Return the interpreter of a whole environment, or None. Looks at files only."""
    folder = root.resolve() / name
    stamp = _read_stamp(folder)
    python = folder / "bin" / "python"
    if stamp is None or stamp.get("folder") != str(folder) or not python.exists():
        return None
    return python


def describe_missing(root: Path, spec: EnvironmentSpec) -> str:
    """Say in one line why an environment cannot be used, for the pages that miss it."""
    subject = f'the environment "{spec.name}"'
    try:
        lines = (root / f"{spec.name}.failed").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    if lines:
        reason = "; ".join(line.strip() for line in lines)
        if len(reason) > _MISSING_WIDTH:
            reason = reason[:_MISSING_WIDTH].rstrip() + " …"
        return f"{subject} could not be made: {reason}"
    state = "is not whole" if (root / spec.name).exists() else "is not installed"
    return f"{subject} {state}: run `optabs envs`"


def _make_root(root: Path) -> None:
    """Make the folder of all environments, which neither git nor backups are to keep."""
    root.mkdir(parents=True, exist_ok=True)
    marks = {
        ".gitignore": "*\n",
        "CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55\n"
        "# The environments that Optabs makes for the frameworks. They can be made anew.\n",
    }
    for name, text in marks.items():
        if not (root / name).exists():
            _write_whole(root / name, text)


@contextmanager
def _exit_on_signals() -> Iterator[None]:
    """Turn the signals that would end this process at once into SystemExit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    changed = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in changed:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def _stop_making(children: Children, pool: ThreadPoolExecutor) -> None:
    children.stop()
    pool.shutdown(wait=True, cancel_futures=True)


def _describe_interruption(specs: Sequence[EnvironmentSpec], root: Path) -> str:
    ready = [spec.name for spec in specs if get_python(root, spec.name)]
    missing = [spec.name for spec in specs if spec.name not in ready]
    return (
        f"interrupted; ready: {', '.join(ready) or 'none'}; "
        f"still to make: {', '.join(missing) or 'none'}; run it again to go on"
    )


def _make_environment(
    spec: EnvironmentSpec, root: Path, children: Children, report: Report
) -> EnvironmentStatus:
    """Bring one environment up to date, unless it is. Never raises for what is wrong with it."""
    started = time.monotonic()
    folder, failed = root / spec.name, root / f"{spec.name}.failed"

    def tell(state: State, text: str = "") -> None:
        report(Event(spec.name, state, text, time.monotonic() - started))

    def end(state: State, reason: str = "") -> EnvironmentStatus:
        tell(state, reason)
        ok = state in (State.CURRENT, State.READY)
        seconds = time.monotonic() - started
        return EnvironmentStatus(spec.name, ok, reason, seconds, made=state is State.READY)

    log = root / f"{spec.name}.log"
    try:
        if not _find_change(folder, spec):
            failed.unlink(missing_ok=True)
            return end(State.CURRENT)
        lock = FileLock(root / f"{spec.name}.lock")
        if not lock.acquire(children.stopped, lambda text: tell(State.WAITING, text)):
            raise StoppedError("interrupted")
        with lock:
            change = _find_change(folder, spec)  # another process may have made it meanwhile
            if not change:
                failed.unlink(missing_ok=True)
                return end(State.CURRENT)
            _Making(spec, folder, log, children, lock, tell).run(change)
            failed.unlink(missing_ok=True)
        return end(State.READY)
    except StoppedError:
        return end(State.INTERRUPTED)
    except (OptabsError, OSError) as error:
        reason = str(error) if isinstance(error, OptabsError) else _describe_os_error(error)
        with suppress(OSError):  # a full disk must not hide the reason
            _write_whole(failed, reason + "\n")
        return end(State.FAILED, f"{reason}\nthe whole log: {log}")


@dataclass(frozen=True)
class _Making:
    """The making of one environment, under its lock."""

    spec: EnvironmentSpec
    folder: Path
    log_path: Path
    children: Children
    lock: FileLock
    tell: Callable[[State, str], None]

    def run(self, change: str) -> None:
        """Make it from nothing. Raises OptabsError or OSError with the reason why not."""
        # Without its stamp the old one counts for nothing, whatever happens from here on.
        (self.folder / _STAMP).unlink(missing_ok=True)
        requirements = _hash_requirements(self.spec)
        with self.log_path.open("w", encoding="utf-8") as log:
            self.tell(State.SEARCHING, change)
            base = self._find_base(log)
            self.tell(State.INSTALLING, f"Python {base.version}")
            _remove_folder(self.folder)
            self._make_folder(base, log)
            self._install(log)
        _write_stamp(self.folder, _describe_made(self.folder, self.spec, requirements, base))

    def _find_base(self, log: TextIO) -> Interpreter:
        def fetch(command: Sequence[str]) -> tuple[int, str]:
            lines: list[str] = []

            def on_line(line: str) -> None:
                lines.append(line)
                self.tell(State.SEARCHING, line.strip())

            self.tell(State.SEARCHING, "fetching one with uv")
            return self._run(command, log, on_line), "\n".join(lines)

        path = find_interpreter(self.spec.python, fetch)
        base = probe_interpreter(path)
        if isinstance(base, str):
            raise OptabsError(f"{path} {base}")
        return base

    def _make_folder(self, base: Interpreter, log: TextIO) -> None:
        command = [str(base.path), "-I", "-m", "venv", str(self.folder)]
        if _has_own_pip():
            command.insert(-1, "--without-pip")
        lines: list[str] = []
        if self._run(command, log, lines.append):
            raise OptabsError(
                "\n".join([f"{base.path} cannot make a virtual environment", *lines[-3:]])
            )

    def _install(self, log: TextIO) -> None:
        python = str(self.folder / "bin" / "python")
        if _has_own_pip():
            # -P: a pip.py in the working folder is not pip.
            command = [sys.executable, "-P", "-m", "pip", "--python", python]
        else:
            command = [python, "-I", "-m", "pip"]
        command += ["--no-input", "--disable-pip-version-check", "install", "--progress-bar=off"]
        for path in self._list_files():
            command += ["-r", str(path.absolute())]
        lines: list[str] = []

        def on_line(line: str) -> None:
            lines.append(line)
            doing = describe_line(line)
            if doing:
                self.tell(State.INSTALLING, doing)

        if self.spec.requirements and self._run(command, log, on_line):
            raise OptabsError(find_reason(lines))

    def _list_files(self) -> Sequence[Path]:
        if not self.spec.newest:
            return self.spec.requirements
        from optabs.run.newest import loosen_requirements

        lines = [line for path in self.spec.requirements for line in _list_requirements(path)]
        file = self.folder / "newest-requirements.txt"
        _write_whole(file, "\n".join(loosen_requirements(lines)) + "\n")
        return [file]

    def _run(self, command: Sequence[str], log: TextIO, on_line: Callable[[str], None]) -> int:
        print("$", *command, file=log, flush=True)
        try:
            return self.children.run(
                command,
                variables=_list_variables(),
                on_line=on_line,
                log=log,
                keep_open=(self.lock.descriptor,),
                on_start=self.lock.note_group,
            )
        finally:
            self.lock.note_group(0)


def _has_own_pip() -> bool:
    """Whether the interpreter that runs Optabs can lend its pip; uv's environments have none."""
    return importlib.util.find_spec("pip") is not None


def _list_variables() -> dict[str, str]:
    """List the variables of the child processes: pip's own are kept, but for its target."""
    variables = clean_variables()
    for name in _MISPLACING:
        variables.pop(name, None)
    return variables | {"PIP_USER": "0"}


def _remove_folder(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _find_change(folder: Path, spec: EnvironmentSpec) -> str:
    """Return why the environment must be made, or an empty string when it is as it should be.

    No process is started, unless the file of its interpreter is another one than it was.
    """
    if not folder.exists():
        return "new"
    if spec.newest:
        return "there may be newer releases"
    stamp = _read_stamp(folder)
    if stamp is None or stamp.get("format") != _STAMP_FORMAT:
        return "it was half made"
    if stamp.get("folder") != str(folder) or stamp.get("platform") != _describe_platform():
        return "it was moved"
    if stamp.get("requirements") != _hash_requirements(spec):
        return "its requirements changed"
    if stamp.get("python") != spec.python:
        return "its range of Python versions changed"
    python = folder / "bin" / "python"
    if not python.exists() or not Path(str(stamp.get("base_prefix"))).is_dir():
        return "its interpreter is gone"
    if not _find_home(folder).is_dir():
        return "its interpreter is gone"
    if stamp.get("file") != _identify_file(python):
        found = probe_interpreter(python)
        if isinstance(found, str):
            return f"its interpreter {found}"
        if [found.version, str(found.base_prefix)] != [stamp["version"], stamp["base_prefix"]]:
            return f"its interpreter is now Python {found.version}"
        _write_stamp(folder, stamp | {"file": _identify_file(python)})
    return ""


def _describe_made(
    folder: Path, spec: EnvironmentSpec, requirements: str, base: Interpreter
) -> dict[str, Any]:
    return {
        "format": _STAMP_FORMAT,
        "folder": str(folder),
        "platform": _describe_platform(),
        "requirements": requirements,
        "python": spec.python,
        "version": base.version,
        "base_prefix": str(base.base_prefix),
        "file": _identify_file(folder / "bin" / "python"),
    }


def _describe_platform() -> str:
    return f"{sys.platform}-{os.uname().machine}"


def _identify_file(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _find_home(folder: Path) -> Path:
    """Return the folder of the interpreter that the environment was made from."""
    try:
        text = (folder / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    match = re.search(r"^home\s*=\s*(.+)$", text, re.MULTILINE)
    return Path(match[1].strip()) if match else folder / "no-home"


def _read_stamp(folder: Path) -> dict[str, Any] | None:
    try:
        stamp = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def _write_stamp(folder: Path, stamp: Mapping[str, Any]) -> None:
    _write_whole(folder / _STAMP, json.dumps(stamp, indent=2) + "\n")


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that readers find all of it or what was there before."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _hash_requirements(spec: EnvironmentSpec) -> str:
    """Return the SHA-256 of what the requirements say: comments and blank lines do not count."""
    lines = [_list_requirements(path) for path in spec.requirements]
    if spec.newest:
        lines.append(["newest releases"])
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def _list_requirements(path: Path, within: tuple[Path, ...] = ()) -> list[str]:
    """List the lines of a requirements file and of the files it includes.

    `within` are the files that include it. Raises OptabsError when one cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise OptabsError(f"{path}: {reason}", "a framework needs a requirements file") from None
    lines = []
    for written in text.splitlines():
        line = re.sub(r"(^|\s+)#.*$", "", written).strip()
        if not line:
            continue
        lines.append(line)
        match = re.match(r"(?:-r|-c|--requirement|--constraint)[ =]*(?P<path>\S.*)$", line)
        included = path.parent / match["path"] if match and "://" not in match["path"] else None
        if included and included not in (path, *within):
            lines += _list_requirements(included, (path, *within))
    return lines


def _describe_os_error(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
