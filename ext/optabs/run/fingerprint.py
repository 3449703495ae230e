"""The fingerprint of an environment: which distributions, which versions, which Python.

It comes from installed metadata. No framework is imported, and a virtual environment's
interpreter is not even started.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from optabs.errors import InterpreterError
from optabs.run.interpreters import clean_variables

_LEFT_OUT = frozenset({"pip", "setuptools", "wheel"})
_LIST_SECONDS = 120.0
_LIST_INSTALLED = """
import json, platform
from importlib.metadata import distributions
print(json.dumps({
    "python_version": platform.python_version(),
    "distributions": [(each.metadata["Name"], each.version) for each in distributions()],
}))
"""


@dataclass(frozen=True)
class Fingerprint:
    """What an environment resolved to; `digest` is the SHA-256, in hexadecimal, of the rest.

    `distributions` maps normalised names to versions, without pip, setuptools and wheel.
    """

    distributions: Mapping[str, str] = field(hash=False)
    python_version: str
    digest: str


def compute_fingerprint(python: Path) -> Fingerprint:
    """Return the fingerprint of the environment that this interpreter belongs to.

    A virtual environment's is read from its files. Any other interpreter is run once, to list
    what it has installed. Raises InterpreterError when it is not there or does not run.
    """
    python = python.absolute()
    folder = python.parent.parent
    config = _read_config(folder / "pyvenv.cfg")
    version = config.get("version") or config.get("version_info", "")
    shared = config.get("include-system-site-packages", "").lower() == "true"
    match = re.match(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version)
    if match is None or shared or not os.path.lexists(python):
        return _list_by_running(python)
    minor = ".".join(match[0].split(".")[:2])
    return _build_fingerprint(
        match[0],
        (
            installed
            for library in ("lib", "lib64")
            for installed in _scan_distributions(
                folder / library / f"python{minor}" / "site-packages"
            )
        ),
    )


def _read_config(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _scan_distributions(folder: Path) -> Iterable[tuple[str, str]]:
    """Yield name and version of what is installed in a `site-packages` folder."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        stem, suffix = os.path.splitext(name)
        # What pip has set aside to remove begins with a tilde.
        if suffix != ".dist-info" or stem.startswith("~"):
            continue
        if os.path.isfile(folder / name / "METADATA"):
            distribution, _, version = stem.rpartition("-")
            yield distribution, version


def _list_by_running(python: Path) -> Fingerprint:
    try:
        done = subprocess.run(
            [python, "-c", _LIST_INSTALLED],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=clean_variables(),
            cwd=os.path.sep,  # the working folder is on the interpreter's path
            text=True,
            errors="replace",
            timeout=_LIST_SECONDS,
            check=False,
        )
        if done.returncode == 0:
            found = json.loads(done.stdout)
            return _build_fingerprint(found["python_version"], found["distributions"])
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, KeyError, TypeError):
        reason = "it answers as no Python does"
    except subprocess.TimeoutExpired:
        reason = f"no answer within {_LIST_SECONDS:g} s"
    raise InterpreterError(
        f"{python} does not list what is installed: {reason}",
        "name a Python interpreter, 3.9 or newer, that runs on this machine",
    )


def _build_fingerprint(
    python_version: str, installed: Iterable[tuple[str | None, str | None]]
) -> Fingerprint:
    versions: dict[str, str] = {}
    for name, version in installed:
        if name and version:  # both are missing where an installation was cut short
            versions.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    kept = {name: versions[name] for name in sorted(versions.keys() - _LEFT_OUT)}
    text = json.dumps([python_version, kept], separators=(",", ":"))
    return Fingerprint(kept, python_version, hashlib.sha256(text.encode()).hexdigest())
