"""Tests of fingerprints: read from an environment's files, or listed by a bare interpreter."""

from __future__ import annotations

import os
import pickle
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from optabs.errors import InterpreterError
from optabs.run.fingerprint import compute_fingerprint


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "an environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder


def find_site_packages(environment: Path) -> Path:
    (found,) = (environment / "lib").glob("python3.*/site-packages")
    return found


def add_distribution(environment: Path, name: str, version: str) -> None:
    folder = find_site_packages(environment) / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_distributions_are_listed_by_normalised_name(environment: Path) -> None:
    for name, version in [
        ("ml_dtypes", "0.5.1"),
        ("Keras.Hub", "1.0"),
        ("torch", "2.5.1+cpu"),
        ("pip", "25.0"),
        ("setuptools", "80.0"),
        ("wheel", "0.45"),
        ("~orch", "2.5.0"),
    ]:
        add_distribution(environment, name, version)
    (find_site_packages(environment) / "cut_short-1.0.dist-info").mkdir()
    found = compute_fingerprint(environment / "bin" / "python")
    assert found.distributions == {"keras-hub": "1.0", "ml-dtypes": "0.5.1", "torch": "2.5.1+cpu"}
    assert found.python_version == platform.python_version()
    assert pickle.loads(pickle.dumps(found)) == found
    assert hash(found) == hash(compute_fingerprint(environment / "bin" / "python3"))


def test_digest_follows_versions_and_python(environment: Path) -> None:
    python = environment / "bin" / "python"
    empty = compute_fingerprint(python)
    add_distribution(environment, "torch", "2.5.1")
    filled = compute_fingerprint(python)
    config = environment / "pyvenv.cfg"
    config.write_text(config.read_text().replace(platform.python_version(), "3.11.99"))
    assert config.read_text().count("3.11.99")
    newer = compute_fingerprint(python)
    assert newer.python_version == "3.11.99"
    assert len({empty.digest, filled.digest, newer.digest}) == 3
    assert len(filled.digest) == 64


def test_files_and_interpreter_agree(environment: Path, tmp_path: Path) -> None:
    add_distribution(environment, "ml_dtypes", "0.5.1")
    read = compute_fingerprint(environment / "bin" / "python")
    # Through a link the folder of the environment is out of sight, so the interpreter is run.
    link = tmp_path / "elsewhere" / "bin" / "python"
    link.parent.mkdir(parents=True)
    link.write_text(f'#!/bin/sh\nexec "{environment}/bin/python" "$@"\n')
    link.chmod(0o755)
    assert compute_fingerprint(link) == read


def test_environment_is_not_run(environment: Path) -> None:
    python = environment / "bin" / "python"
    python.unlink()
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    assert compute_fingerprint(python).python_version == platform.python_version()


def test_config_of_other_tools_is_read(environment: Path) -> None:
    config = environment / "pyvenv.cfg"
    config.write_text("home = /usr/bin\nversion_info = 3.11.4.final.0\n")
    assert compute_fingerprint(environment / "bin" / "python").python_version == "3.11.4"


def test_shared_site_packages_are_listed_by_running(environment: Path) -> None:
    config = environment / "pyvenv.cfg"
    config.write_text(config.read_text().replace("packages = false", "packages = true"))
    alone = compute_fingerprint(Path(os.path.realpath(sys.executable)))
    assert compute_fingerprint(environment / "bin" / "python") == alone


def test_missing_interpreter_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InterpreterError, match="does not list what is installed"):
        compute_fingerprint(tmp_path / "bin" / "python")


def test_other_program_is_an_error() -> None:
    with pytest.raises(InterpreterError, match="true does not list what is installed"):
        compute_fingerprint(Path("/usr/bin/true"))
