"""Where examples can run: each selected framework, on each device that this machine seems to have.

Nothing is imported here. Whether a framework can really use a device is for its worker to say.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path

from optabs.adapters import list_sources
from optabs.errors import InterpreterError
from optabs.frameworks import Framework, Registry
from optabs.records import hash_parts
from optabs.run.environments import compute_fingerprint, describe_missing, get_python, list_specs
from optabs.run.worker_process import WORKER, ClusterSpec, WorkerSpec

REFERENCE = "reference"
"""Stands in the place of a framework's key for the NumPy code of oracles."""

_GOOGLE = "0x1ae0"
_TPUS = ("0x0027", "0x0056", "0x005e", "0x0062", "0x0063", "0x006f", "0x0076")
"""TPUs on the PCI bus, as JAX knows them."""


@dataclass(frozen=True)
class Target:
    """One framework on one device. `spec` is None where it cannot be run; `reason` says why."""

    framework: str
    device: str
    precision: str
    identity: str | None
    """A hash of all that can change a result beside the code; None where nothing is installed."""
    framework_version: str = ""
    python_version: str = ""
    spec: WorkerSpec | ClusterSpec | None = None
    reason: str = ""
    method: str = ""
    """A hash of how examples are run, the same on every machine: worker, adapter, settings."""
    wanted_version: str = ""
    """The version that evidence must be of: the one installed, else the one that is pinned."""
    is_elsewhere: bool = False
    """Whether only other machines have the device."""
    driver: str = ""
    """The device's driver with its version, where it has one."""

    @property
    def local_spec(self) -> WorkerSpec | None:
        """How its worker is started here, if it can be."""
        return self.spec.local if isinstance(self.spec, ClusterSpec) else self.spec


@dataclass(frozen=True)
class Device:
    """What can be known of a device without any framework: its class, and its driver."""

    model: str
    driver: str = ""


def find_devices(root: Path = Path("/")) -> dict[str, Device]:
    """Return the devices that this machine seems to have. `root` holds its `proc` and `sys`."""
    devices = {"cpu": Device(platform.machine())}
    nvidia = root / "proc/driver/nvidia"
    if (nvidia / "version").exists():
        found = re.search(r"\d+\.\d+[.\d]*", (nvidia / "version").read_text(errors="replace"))
        models = [
            model.strip()
            for file in sorted(nvidia.glob("gpus/*/information"))
            for model in re.findall(r"^Model:(.*)$", file.read_text(errors="replace"), re.MULTILINE)
        ]
        version = found[0] if found else "of unknown version"
        devices["cuda"] = Device(", ".join(models), f"driver {version}")
    for vendor in root.glob("sys/bus/pci/devices/*/vendor"):
        if vendor.read_text().strip() == _GOOGLE:
            model = vendor.with_name("device").read_text().strip()
            if model in _TPUS:
                devices["tpu"] = Device(model)
    if sys.platform == "darwin" and platform.machine() == "arm64":
        devices["metal"] = Device("Apple silicon", f"macOS {platform.mac_ver()[0]}")
    return devices


def find_targets(
    registry: Registry,
    selected: Collection[str],
    environments: Path,
    cache: Path,
    python: Path | None = None,
) -> list[Target]:
    """Return a target for every framework and device.

    With `python`, that interpreter stands for every framework's environment. A framework that is
    not selected or not installed has one target, without a worker.
    """
    devices = find_devices()
    targets = []
    for framework in registry.frameworks.values():
        if python is None:
            interpreter = get_python(environments, framework.environment)
            missing = (
                ""
                if interpreter
                else describe_missing(
                    environments, list_specs(registry.frameworks, [framework.key])[0]
                )
            )
        else:
            interpreter, missing = python, ""
        reason = "" if framework.key in selected else "not selected for this build (FRAMEWORKS)"
        method, pinned = _hash_method(framework), _find_pinned(framework)
        targets += [
            replace(target, method=method, wanted_version=target.framework_version or pinned)
            for target in _find_for(framework, interpreter, devices, cache, reason or missing)
        ]
    return targets


def _hash_method(framework: Framework) -> str:
    return hash_parts(
        framework.precision,
        dict(framework.variables),
        _hash_worker(),
        _hash_adapter(framework.adapter),
    )


def _find_pinned(framework: Framework) -> str:
    """Return the version of a framework that its `requirements.txt` pins, or an empty text."""
    text = framework.requirements.read_text(encoding="utf-8")
    pins = re.findall(r"^\s*([\w.-]+)(?:\[[^]]*\])?\s*==\s*([\w.!+]+)", text, re.MULTILINE)
    versions = {normalise(name): version for name, version in pins}
    names = map(normalise, framework.distributions)
    return next(filter(None, map(versions.get, names)), "")


def _find_for(
    framework: Framework,
    python: Path | None,
    devices: Mapping[str, Device],
    cache: Path,
    reason: str,
) -> list[Target]:
    if python is None:
        return [Target(framework.key, "cpu", framework.precision, None, reason=reason)]
    try:
        fingerprint = compute_fingerprint(python)
    except InterpreterError as error:
        return [Target(framework.key, "cpu", framework.precision, None, reason=error.message)]
    names = [normalise(name) for name in framework.distributions]
    version = next(filter(None, map(fingerprint.distributions.get, names)), None)
    if version is None:
        missing = f"{framework.distributions[0]} is not installed for {python}"
        return [Target(framework.key, "cpu", framework.precision, None, reason=reason or missing)]
    targets = []
    for device, found in devices.items():
        if device in framework.devices:
            identity = hash_parts(
                framework.key,
                fingerprint.digest,
                device,
                found.model,
                found.driver,
                framework.precision,
                dict(framework.variables),
                _hash_worker(),
                _hash_adapter(framework.adapter),
            )
            spec = (
                None
                if reason
                else WorkerSpec(
                    python, framework.adapter, device, framework.variables, cache / framework.key
                )
            )
            targets.append(
                Target(
                    framework.key,
                    device,
                    framework.precision,
                    identity,
                    version,
                    fingerprint.python_version,
                    spec,
                    reason,
                    driver=found.driver,
                )
            )
    return targets


def find_reference(registry: Registry, cache: Path) -> Target:
    """Return the target that computes oracles: NumPy, in the interpreter that runs Optabs."""
    numpy = registry.frameworks["numpy"]
    try:
        version = metadata.version("numpy")
    except metadata.PackageNotFoundError:
        return Target(
            REFERENCE,
            "cpu",
            "float64",
            None,
            reason="NumPy is not installed beside "
            "Optabs, so no oracle can be computed: pip install numpy",
        )
    identity = hash_parts(
        REFERENCE,
        version,
        platform.python_version(),
        platform.machine(),
        _hash_worker(),
        _hash_adapter(numpy.adapter),
    )
    spec = WorkerSpec(Path(sys.executable), numpy.adapter, "cpu", {}, cache / REFERENCE)
    return Target(REFERENCE, "cpu", "float64", identity, version, platform.python_version(), spec)


def normalise(distribution: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def forget_texts() -> None:
    """Have the worker and adapters read anew: in a process that lives long they may change."""
    for read in (_hash_worker, _hash_adapter, _hash_file):
        read.cache_clear()


@cache
def _hash_worker() -> str:
    return hash_parts([[file.name, _hash_file(file)] for file in sorted(WORKER.glob("*.py"))])


@cache
def _hash_adapter(file: Path) -> str:
    return hash_parts([_hash_file(source) for source in list_sources(file)])


@cache
def _hash_file(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
