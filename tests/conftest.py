"""Fixtures with the fake frameworks: tiny packages in real environments, run by real workers."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from optabs import frameworks
from optabs.frameworks import Registry, load_registry
from optabs.run.environments import get_python, list_specs, make_environments
from optabs.run.worker_process import WorkerSpec

FAKE = Path(__file__).parent / "fake"
FAKE_FRAMEWORKS = FAKE / "frameworks"
FAKE_KEYS = ("fake", "fake_two")
SOURCE = Path(frameworks.__file__).parents[2]
CHECKOUT = Path(__file__).parent.parent
COMMAND_SECONDS = 120.0


def build_wheel(folder: Path, package: str, version: str) -> None:
    """Pack a package of tests/fake/packages into a wheel, by hand."""
    info = f"{package}-{version}.dist-info"
    source = FAKE / "packages" / package
    members = {f"{package}/{file.name}": file.read_text() for file in source.glob("*.py")}
    members[f"{package}/version.py"] = f"version = {version!r}\n"
    members[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    members[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    members[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*members, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{package}-{version}-py3-none-any.whl", "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels: fakeframework 1.0 and 1.1, faketwo 1.0."""
    folder = tmp_path_factory.mktemp("packages")
    build_wheel(folder, "fakeframework", "1.0")
    build_wheel(folder, "fakeframework", "1.1")
    build_wheel(folder, "faketwo", "1.0")
    return folder


@pytest.fixture(scope="session")
def install(packages: Path) -> Callable[[Path, Path], Path]:
    """Make the environments of a folder of fake frameworks under a root, with the real pip."""

    def make(folder: Path, root: Path) -> Path:
        keys = [file.parent.name for file in folder.glob("*/framework.yaml")]
        specs = list_specs(load_registry([folder]).frameworks, keys)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PIP_NO_INDEX", "1")
            patch.setenv("PIP_FIND_LINKS", packages.as_uri())
            patch.setenv("PIP_NO_CACHE_DIR", "1")
            statuses = make_environments(specs, root, lambda event: None)
        assert all(status.ok for status in statuses), statuses
        return root

    return make


@pytest.fixture(scope="session")
def environments(
    tmp_path_factory: pytest.TempPathFactory, install: Callable[[Path, Path], Path]
) -> Path:
    """The root of the fake frameworks' environments. Do not change them: all tests share them."""
    return install(FAKE_FRAMEWORKS, tmp_path_factory.mktemp("fake") / "environments")


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The built-in frameworks and the fake ones."""
    return load_registry([FAKE_FRAMEWORKS])


@pytest.fixture
def fake_spec(environments: Path, registry: Registry, tmp_path: Path) -> WorkerSpec:
    """How a worker of the first fake framework is started."""
    fake = registry.frameworks["fake"]
    python = get_python(environments, fake.environment)
    assert python is not None
    return WorkerSpec(python, fake.adapter, "cpu", fake.variables, tmp_path / "cache")


@dataclass(frozen=True)
class Project:
    """A folder with a catalogue in `ops/`, in which the command line can be run."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def ops(self) -> Path:
        return self.folder / "ops"

    def write(self, name: str, text: str) -> Path:
        """Write an entry, or another file; its text is dedented."""
        path = self.folder / (name if "/" in name else f"ops/{name}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in an entry."""
        path = self.ops / f"{name}.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def prepare(self, arguments: Sequence[object], **variables: str | None) -> dict[str, Any]:
        """Return how the command line is started."""
        changed = {**self.variables, **variables}
        kept = {name: value for name, value in os.environ.items() if name not in changed}
        kept |= {name: value for name, value in changed.items() if value is not None}
        command = [sys.executable, "-m", "optabs", *map(str, arguments)]
        return {"args": command, "cwd": self.folder, "env": kept, "text": True}

    def run(self, *arguments: object, **variables: str | None) -> subprocess.CompletedProcess[str]:
        """Run the command line to its end. A variable that is None is not set."""
        return subprocess.run(
            **self.prepare(arguments, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def start(self, *arguments: object, **variables: str | None) -> subprocess.Popen[str]:
        """Start the command line in a process group of its own."""
        return subprocess.Popen(
            **self.prepare(arguments, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


@pytest.fixture(scope="session")
def project(environments: Path) -> Callable[..., Project]:
    """Make a project with the fake frameworks; by default their shared environments."""

    def make(
        folder: Path, frameworks: Path = FAKE_FRAMEWORKS, root: Path = environments
    ) -> Project:
        (folder / "ops").mkdir(parents=True, exist_ok=True)
        return Project(
            folder,
            {
                "PYTHONPATH": str(SOURCE),
                "OPTABS_FRAMEWORKS": str(frameworks),
                "OPTABS_ENVIRONMENTS": str(root),
                "FRAMEWORKS": " ".join(FAKE_KEYS),
            },
        )

    return make


@dataclass(frozen=True)
class Live:
    """A running `optabs live`."""

    project: Project
    process: subprocess.Popen[str]
    lines: list[str]
    """What it has said."""
    port: int

    @property
    def address(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        """Where its pages are."""
        return self.project.folder / "_build/live"

    def wait_for(self, text: str, count: int = 1, seconds: float = 60) -> None:
        """Wait until so many lines with a text have been said."""
        deadline = time.monotonic() + seconds
        while sum(text in line for line in self.lines) < count:
            assert time.monotonic() < deadline, f"no {text!r} in {self.lines}"
            assert self.process.poll() is None, self.lines
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """End it, as Ctrl-C does, and return the seconds that this took."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(COMMAND_SECONDS)
        return time.monotonic() - started


LIVE_CONF = """\
project = "Fakes"
extensions = ["optabs"]
html_theme = "alabaster"
optabs_inventories = False
"""


@pytest.fixture(scope="session")
def start_live() -> Callable[..., AbstractContextManager[Live]]:
    """Start `optabs live` in a project, which gets what it lacks for pages; it ends in the end."""

    @contextmanager
    def start(project: Project, *, wait: bool = True, **variables: str) -> Iterator[Live]:
        for name, text in [("conf.py", LIVE_CONF), ("index.md", "# Home\n\n```{ops}\n```\n")]:
            if not (project.folder / name).exists():
                project.write(f"./{name}", text)
        process = project.start("live", "--port", 0, **variables)
        assert process.stdout and process.stderr
        lines: list[str] = []
        readers = [
            threading.Thread(target=lines.extend, args=[stream], daemon=True)
            for stream in (map(str.rstrip, process.stdout), map(str.rstrip, process.stderr))
        ]
        for reader in readers:
            reader.start()
        live = Live(project, process, lines, 0)
        try:
            live.wait_for("http://")
            found = re.search(r"http://127.0.0.1:(\d+)/", lines[0])
            assert found
            live = replace(live, port=int(found[1]))
            if wait:
                live.wait_for("built the site")
            yield live
        finally:
            if process.poll() is None:
                live.stop()
            for reader in readers:
                reader.join(10)
            process.stdout.close()
            process.stderr.close()

    return start


@pytest.fixture
def cuda_frameworks(tmp_path: Path) -> Path:
    """Copies of the fake frameworks; the first has a CUDA device where CUDA_FAKE is set.

    Likewise Metal and METAL_FAKE. Both compute on the CPU: no evidence of them is worth anything.
    """
    folder = Path(shutil.copytree(FAKE_FRAMEWORKS, tmp_path / "frameworks"))
    for name, old, new in (
        (
            "framework.yaml",
            "devices: [cpu]",
            "devices: [cpu, cuda, metal]\nlacks: {metal: [float64]}",
        ),
        (
            "adapter.py",
            'return {"cpu": ""}',
            """names = {"cuda": "Fake GPU", "metal": "Fake M1"}
    usable = [key for key in names if f"{key.upper()}_FAKE" in os.environ]
    return {"cpu": "", **{key: names[key] for key in usable}}""",
        ),
        ("adapter.py", "import struct\n", "import os\nimport struct\n"),
    ):
        file = folder / "fake" / name
        text = file.read_text()
        assert text.count(old) == 1
        file.write_text(text.replace(old, new))
    return folder


@pytest.fixture
def cuda_machine(
    cuda_frameworks: Path, project: Callable[..., Project], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line with entries of a catalogue on a machine with a CUDA device."""

    def run(
        ops: Path, *arguments: object, **variables: str | None
    ) -> subprocess.CompletedProcess[str]:
        machine = project(tmp_path / "machine", cuda_frameworks)
        shutil.copytree(ops, machine.ops, dirs_exist_ok=True)
        started = machine.prepare(arguments, **{"CUDA_FAKE": "driver 1.0", **variables})
        started["args"][1:3] = [str(FAKE / "with_cuda.py")]
        return subprocess.run(**started, capture_output=True, timeout=COMMAND_SECONDS, check=False)

    return run


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which workers get their scratch folders; it must be empty in the end."""
    folder = tmp_path / "scratch with a space"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def find_zombies() -> Callable[[], list[str]]:
    """Find the children of this process that have ended and that nobody has waited for."""

    def find() -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue  # it is gone
            if state == "Z" and parent == str(os.getpid()):
                found.append(process.name)
        return found

    return find


@pytest.fixture
def find_processes() -> Callable[[Path], list[int]]:
    """Find the processes that run in, or have variables of, a folder (Linux only)."""

    def find(folder: Path) -> list[int]:
        mark = str(folder).encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and mark in (process / "environ").read_bytes():
                    found.append(int(process.name))
            except OSError:
                continue
        return [process for process in found if process != os.getpid()]

    return find


@pytest.fixture(autouse=True)
def _no_running_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let tests run loops of their own: Playwright's is marked as running until it ends."""
    running = asyncio._get_running_loop()
    if request.node.get_closest_marker("browser") or running is None:
        yield
        return
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(running)


@pytest.fixture(autouse=True)
def _default_interrupt() -> Iterator[None]:
    """Undo what a parent shell may have done: a background job ignores SIGINT."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project with an installation that is ready, and no op but those to come."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "conf.py", "ext", "guide"):
        _copy(CHECKOUT / name, tmp_path / name)
    for file in [
        *CHECKOUT.glob("*.md"),
        *(CHECKOUT / name for name in ("from", "_templates", "_static")),
    ]:
        _copy(file, tmp_path / file.name)
    (tmp_path / "ops").mkdir()
    for name in ("index.md", "schema.json"):
        shutil.copyfile(CHECKOUT / "ops" / name, tmp_path / "ops" / name)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, start in (("python", ""), ("optabs", " -m optabs")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{start} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    (tmp_path / ".venv" / "installed").touch()
    return tmp_path


def _copy(source: Path, target: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    if source.is_dir():
        shutil.copytree(source, target, ignore=ignore)
    else:
        shutil.copyfile(source, target)
