"""Tests of the making of environments: real venvs, real pip, tiny packages from a local folder."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from optabs.errors import OptabsError
from optabs.run import environments
from optabs.run.environments import (
    EnvironmentSpec,
    EnvironmentStatus,
    Event,
    State,
    compute_fingerprint,
    describe_missing,
    get_python,
    list_specs,
    make_environments,
)

SOURCE = Path(environments.__file__).parents[2]
PATIENCE = 30.0
SCRIPT = """
import sys
from pathlib import Path
from optabs.run.environments import EnvironmentSpec, make_environments, show_progress

root, *pairs = sys.argv[1:]
specs = [EnvironmentSpec(n, "", (Path(p),)) for n, p in (pair.split("=", 1) for pair in pairs)]
try:
    with show_progress() as report:
        statuses = make_environments(specs, Path(root), report, jobs=1)
except KeyboardInterrupt as error:
    print(error, flush=True)
    sys.exit(130)
for status in statuses:
    print(status.name, "ok" if status.ok else status.reason, "made" if status.made else "kept")
"""
# A build backend without needs of its own that says its process number, then waits for a file.
BACKEND = """
import os, time, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    folder = {folder!r}
    with open(os.path.join(folder, "started.new"), "w") as file:
        file.write(str(os.getpid()))
    os.rename(os.path.join(folder, "started.new"), os.path.join(folder, "started"))
    while not os.path.exists(os.path.join(folder, "gate")):
        time.sleep(0.05)
    name = "slow-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as archive:
        for member, text in {members!r}.items():
            archive.writestr(member, text)
    return name
"""


@dataclass(frozen=True)
class Bench:
    """A root for environments, and a folder of packages that pip is configured to use."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / ".environments"

    @property
    def started(self) -> Path:
        """Holds the process number of the build of `slow`, once it runs."""
        return self.folder / "started"

    def open_gate(self) -> None:
        """Let the build of `slow` go on."""
        (self.folder / "gate").touch()

    def write_requirements(self, name: str, *lines: str) -> Path:
        path = self.folder / f"{name}.txt"
        path.write_text("\n".join(lines) + "\n")
        return path

    def write_spec(self, name: str, *lines: str) -> EnvironmentSpec:
        return EnvironmentSpec(name, "", (self.write_requirements(name, *lines),))

    def make(self, *specs: EnvironmentSpec) -> tuple[list[EnvironmentStatus], list[Event]]:
        events: list[Event] = []
        return make_environments(specs, self.root, events.append), events

    def start(self, *specs: EnvironmentSpec) -> subprocess.Popen[str]:
        """Make the environments in another process, one after the other."""
        pairs = [f"{spec.name}={spec.requirements[0]}" for spec in specs]
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, self.root, *pairs],
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_version(self, name: str, package: str) -> str:
        """Import the package in the environment and return its version."""
        python = get_python(self.root, name)
        assert python is not None
        done = subprocess.run(
            [python, "-I", "-c", f"import {package}; print({package}.version)"],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


def list_members(name: str, version: str, needs: tuple[str, ...] = ()) -> dict[str, str]:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    members = {
        f"{name}/__init__.py": f"version = '{version}'\n",
        f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    record = "".join(f"{member},,\n" for member in [*members, f"{info}/RECORD"])
    return members | {f"{info}/RECORD": record}


def build_wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for member, text in list_members(name, version, needs).items():
            archive.writestr(member, text)


def build_slow_source(folder: Path, gate_folder: Path) -> None:
    members = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n[project]\nname = "slow"\nversion = "1.0"\n',
        "PKG-INFO": "Metadata-Version: 2.1\nName: slow\nVersion: 1.0\n",
        "backend.py": BACKEND.format(folder=str(gate_folder), members=list_members("slow", "1.0")),
    }
    with tarfile.open(folder / "slow-1.0.tar.gz", "w:gz") as archive:
        for member, text in members.items():
            entry = tarfile.TarInfo(f"slow-1.0/{member}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    folder = tmp_path / "with a space"
    packages = folder / "packages"
    packages.mkdir(parents=True)
    for version in ("1.0", "2.0"):
        build_wheel(packages, "leaf", version)
    build_wheel(packages, "stem", "1.0", "leaf")
    build_slow_source(packages, folder)
    # The only source of packages: nothing installs unless pip's configuration reaches pip.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", packages.as_uri())
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    return Bench(folder)


@pytest.fixture
def commands() -> Iterator[list[str]]:
    """The commands that this process starts while the test runs."""
    started: list[str] = []
    _watchers.append(started.append)
    yield started
    _watchers.remove(started.append)


_watchers: list[Callable[[str], None]] = []


def _on_audit(event: str, arguments: tuple[object, ...]) -> None:
    if _watchers and event in ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.system"):
        for watcher in _watchers:
            watcher(f"{event} {arguments}")


sys.addaudithook(_on_audit)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.02)


def lives(process: int) -> bool:
    """Whether a process runs; one that is dead and not yet collected does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_environment_is_made_with_the_configured_pip(bench: Bench) -> None:
    spec = bench.write_spec("numpy", "stem==1.0", "leaf==1.0  # the old one")
    (status,), events = bench.make(spec)
    assert (status.name, status.ok, status.made, status.reason) == ("numpy", True, True, "")
    assert bench.read_version("numpy", "leaf") == "1.0"
    assert bench.read_version("numpy", "stem") == "1.0"
    states = list(dict.fromkeys(event.state for event in events))
    assert states == [State.SEARCHING, State.INSTALLING, State.READY]
    assert "Installing 2 distributions" in [event.text for event in events]
    assert (bench.root / ".gitignore").read_text() == "*\n"
    tag = (bench.root / "CACHEDIR.TAG").read_text()
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55")
    assert "Successfully installed" in (bench.root / "numpy.log").read_text()
    python = get_python(bench.root, "numpy")
    assert python is not None
    assert compute_fingerprint(python).distributions == {"leaf": "1.0", "stem": "1.0"}


def test_unchanged_starts_nothing(bench: Bench, commands: list[str]) -> None:
    spec = bench.write_spec("numpy", "leaf==1.0")
    bench.make(spec)
    assert commands, "the making itself must be seen"
    commands.clear()
    bench.write_requirements("numpy", "# a comment is no change", "", "leaf==1.0")
    (status,), events = bench.make(spec)
    assert (status.ok, status.made) == (True, False)
    assert [event.state for event in events] == [State.CURRENT]
    assert get_python(bench.root, "numpy") is not None
    assert commands == []


def test_changed_requirement_remakes_only_that_one(bench: Bench) -> None:
    specs = [bench.write_spec(name, "leaf==1.0") for name in ("jax", "torch")]
    bench.make(*specs)
    bench.write_requirements("torch", "leaf==2.0")
    statuses, events = bench.make(*specs)
    assert [status.made for status in statuses] == [False, True]
    assert Event("torch", State.SEARCHING, "its requirements changed") in [
        Event(event.name, event.state, event.text) for event in events
    ]
    assert bench.read_version("jax", "leaf") == "1.0"
    assert bench.read_version("torch", "leaf") == "2.0"


def test_included_requirements_count(bench: Bench) -> None:
    spec = bench.write_spec("numpy", "-r more.txt")
    bench.write_requirements("more", "leaf==1.0")
    bench.make(spec)
    bench.write_requirements("more", "leaf==2.0")
    (status,), _ = bench.make(spec)
    assert status.made
    assert bench.read_version("numpy", "leaf") == "2.0"


def test_failing_one_fails_alone_with_its_reason(bench: Bench) -> None:
    bad, good = bench.write_spec("bad", "leaf==9.0"), bench.write_spec("good", "leaf==1.0")
    statuses, events = bench.make(bad, good)
    assert [status.ok for status in statuses] == [False, True]
    reason = statuses[0].reason.splitlines()
    assert reason[-2] == "ERROR: No matching distribution found for leaf==9.0"
    assert reason[-1] == f"the whole log: {bench.root / 'bad.log'}"
    assert "No matching distribution" in (bench.root / "bad.log").read_text()
    assert State.FAILED in [event.state for event in events if event.name == "bad"]
    assert get_python(bench.root, "bad") is None
    said = describe_missing(bench.root, bad)
    assert said.startswith('the environment "bad" could not be made: ERROR: Could not find')
    assert "\n" not in said

    bench.write_requirements("bad", "leaf==2.0")
    statuses, _ = bench.make(bad, good)
    assert [(status.ok, status.made) for status in statuses] == [(True, True), (True, False)]
    assert not (bench.root / "bad.failed").exists()


def test_failed_replacement_leaves_nothing_good_and_is_tried_again(bench: Bench) -> None:
    spec = bench.write_spec("numpy", "leaf==1.0")
    bench.make(spec)
    bench.write_requirements("numpy", "leaf==3.0")
    assert not bench.make(spec)[0][0].ok
    assert get_python(bench.root, "numpy") is None
    build_wheel(bench.folder / "packages", "leaf", "3.0")
    assert bench.make(spec)[0][0].ok
    assert bench.read_version("numpy", "leaf") == "3.0"


def test_no_interpreter_is_a_reason(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    bench.make(EnvironmentSpec("numpy", "", ()))
    spec = EnvironmentSpec("numpy", "==3.5.*", ())
    (status,), _ = bench.make(spec)
    assert not status.ok
    assert status.reason.startswith("no CPython ==3.5.* that can make virtual environments")
    assert len(describe_missing(bench.root, spec)) < 400
    assert get_python(bench.root, "numpy") is None


def test_missing_requirements_file_is_a_reason(bench: Bench) -> None:
    spec = EnvironmentSpec("numpy", "", (bench.folder / "absent.txt",))
    (status,), _ = bench.make(spec)
    assert not status.ok
    assert "absent.txt: No such file or directory" in status.reason


def test_dead_ones_are_made_anew(bench: Bench) -> None:
    names = ("broken", "dangling", "half", "touched", "whole")
    specs = [EnvironmentSpec(name, "", ()) for name in names]
    bench.make(*specs)
    replace_interpreter(bench.root / "broken", "#!/bin/sh\nexit 1\n")
    (bench.root / "dangling" / "bin" / "python").unlink()
    (bench.root / "dangling" / "bin" / "python").symlink_to(bench.folder / "gone")
    (bench.root / "half" / "optabs-environment.json").unlink()
    same = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'  # another file, the same interpreter
    replace_interpreter(bench.root / "touched", same)
    assert get_python(bench.root, "dangling") is None
    assert get_python(bench.root, "half") is None
    assert "is not whole" in describe_missing(bench.root, specs[2])
    statuses, events = bench.make(*specs)
    assert all(status.ok for status in statuses)
    assert [status.made for status in statuses] == [True, True, True, False, False]
    reasons = [event.text for event in events if event.state is State.SEARCHING]
    assert sorted(reasons) == [
        "it was half made",
        "its interpreter does not run: exit status 1",
        "its interpreter is gone",
    ]
    assert all(get_python(bench.root, name) for name in names)
    statuses, _ = bench.make(*specs)
    assert not any(status.made for status in statuses)


def replace_interpreter(folder: Path, text: str) -> None:
    python = folder / "bin" / "python"
    python.unlink()
    python.write_text(text)
    python.chmod(0o755)


def test_moved_root_is_made_anew(bench: Bench) -> None:
    spec = EnvironmentSpec("numpy", "", ())
    bench.make(spec)
    moved = Bench(bench.folder / "moved")
    moved.folder.mkdir()
    shutil.move(bench.root, moved.root)
    assert get_python(moved.root, "numpy") is None
    (status,), events = moved.make(spec)
    assert status.made
    assert "it was moved" in [event.text for event in events]
    assert get_python(moved.root, "numpy") is not None


def test_python_variables_do_not_leak_in(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    poison = bench.folder / "poison"
    (poison / "pip").mkdir(parents=True)
    marker = bench.folder / "poisoned"
    for module in ("pip/__init__.py", "sitecustomize.py", "venv.py"):
        (poison / module).write_text(f"open({str(marker)!r}, 'w'); raise SystemExit(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(poison))
    monkeypatch.setenv("PYTHONHOME", str(poison))
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_TARGET", str(poison))
    monkeypatch.chdir(poison)
    (status,), _ = bench.make(bench.write_spec("numpy", "leaf"))
    assert (status.ok, status.reason) == (True, "")
    assert not marker.exists()
    monkeypatch.delenv("PYTHONHOME")
    assert bench.read_version("numpy", "leaf") == "2.0"


def test_host_without_pip_uses_the_environments_own(bench: Bench) -> None:
    host = bench.folder / "host"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", host], check=True)
    packages = next(Path(path) for path in sys.path if (Path(path) / "packaging").is_dir())
    shutil.copytree(packages / "packaging", bench.folder / "borrowed" / "packaging")
    spec = bench.write_spec("numpy", "leaf")
    done = subprocess.run(
        [host / "bin/python", "-c", SCRIPT, bench.root, f"numpy={spec.requirements[0]}"],
        env=os.environ | {"PYTHONPATH": f"{SOURCE}{os.pathsep}{bench.folder / 'borrowed'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "numpy ok made" in done.stdout.splitlines(), done.stdout + done.stderr
    python = get_python(bench.root, "numpy")
    assert python is not None
    assert compute_fingerprint(python).distributions == {"leaf": "2.0"}


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_interruption_keeps_what_is_finished(
    bench: Bench, number: signal.Signals, status: int
) -> None:
    quick, slow = bench.write_spec("quick", "leaf"), bench.write_spec("slow", "slow")
    maker = bench.start(quick, slow)
    wait_until(bench.started.exists)
    maker.send_signal(number)
    output, _ = maker.communicate(timeout=PATIENCE)
    assert maker.returncode == status, output
    assert not lives(int(bench.started.read_text()))
    assert "optabs: slow: interrupted" in output
    assert "Traceback" not in output
    if number == signal.SIGINT:
        assert "interrupted; ready: quick; still to make: slow" in output
    assert get_python(bench.root, "slow") is None

    bench.open_gate()
    statuses, _ = bench.make(quick, slow)
    assert [(status.ok, status.made) for status in statuses] == [(True, False), (True, True)]


def test_making_resumes_after_a_kill(bench: Bench) -> None:
    slow = bench.write_spec("slow", "slow")
    maker = bench.start(slow)
    wait_until(bench.started.exists)
    with maker:  # waits, and closes its pipes
        maker.kill()
    orphan = int(bench.started.read_text())
    assert lives(orphan), "the build must outlive its parent for this test to say anything"
    again = bench.start(slow)
    wait_until(lambda: not lives(orphan))
    bench.open_gate()
    output, _ = again.communicate(timeout=PATIENCE)
    assert f"waiting for another optabs (process {maker.pid})" in output
    assert "slow ok made" in output.splitlines()
    assert bench.read_version("slow", "slow") == "1.0"


def test_two_processes_at_once_share_the_work(bench: Bench) -> None:
    slow = bench.write_spec("slow", "slow")
    first = bench.start(slow)
    wait_until(bench.started.exists)
    second = bench.start(slow)
    assert second.stdout is not None
    waiting = second.stdout.readline()
    assert waiting == f"optabs: slow: waiting for another optabs (process {first.pid})\n"
    bench.open_gate()
    assert "slow ok made" in first.communicate(timeout=PATIENCE)[0].splitlines()
    assert second.communicate(timeout=PATIENCE)[0].splitlines() == ["slow ok kept"]
    assert bench.read_version("slow", "slow") == "1.0"


def test_frameworks_that_share_are_united() -> None:
    frameworks = {
        "torch": Framework(">=3.11", "torch", Path("torch/requirements.txt")),
        "jax": Framework(">=3.11", "jax", Path("jax/requirements.txt")),
        "flax_nnx": Framework("<3.15", "jax", Path("flax_nnx/requirements.txt")),
    }
    shared = EnvironmentSpec(
        "jax", "<3.15,>=3.11", (Path("flax_nnx/requirements.txt"), Path("jax/requirements.txt"))
    )
    torch = EnvironmentSpec("torch", ">=3.11", (Path("torch/requirements.txt"),))
    assert list_specs(frameworks) == [shared, torch]
    assert list_specs(frameworks, wanted=["jax"]) == [shared]


@dataclass(frozen=True)
class Framework:
    python: str
    environment: str
    requirements: Path


@pytest.mark.parametrize("name", ["../out", "", ".hidden", "a b", "x.lock"])
def test_name_that_is_no_folder_is_refused(name: str) -> None:
    with pytest.raises(OptabsError, match="cannot name an environment"):
        EnvironmentSpec(name, "", ())


def test_missing_one_is_described(tmp_path: Path) -> None:
    spec = EnvironmentSpec("torch", "", ())
    assert get_python(tmp_path, "torch") is None
    assert describe_missing(tmp_path, spec) == (
        'the environment "torch" is not installed: run `optabs envs`'
    )


def test_modules_import_with_the_standard_library_alone() -> None:
    code = "import optabs.run.environments, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"rich", "packaging", "uv"} & set(done.stdout.split())
