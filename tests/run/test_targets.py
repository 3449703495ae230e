"""Tests of where examples can run: environments, devices, and what makes a record out of date."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from optabs.frameworks import Registry, load_registry
from optabs.run import targets as targets_module
from optabs.run.environments import get_python
from optabs.run.targets import (
    REFERENCE,
    Device,
    Target,
    find_devices,
    find_reference,
    find_targets,
)


def find(
    registry: Registry,
    environments: Path,
    selected: tuple[str, ...] = ("fake", "fake_two"),
    python: Path | None = None,
) -> dict[str, Target]:
    found = find_targets(registry, selected, environments, environments / "cache", python)
    keys = [(target.framework, target.device) for target in found]
    assert len(set(keys)) == len(keys)
    return {target.framework: target for target in found if target.device == "cpu"}


def test_an_installed_framework_can_run(registry: Registry, environments: Path) -> None:
    found = find(registry, environments)
    fake = found["fake"]
    assert fake.framework_version == "1.0"
    assert fake.python_version == sys.version.split()[0]
    assert (fake.device, fake.precision, fake.reason) == ("cpu", "highest", "")
    assert fake.spec is not None
    assert fake.spec.python == get_python(environments, "fake")
    assert fake.spec.adapter == registry.frameworks["fake"].adapter
    assert fake.spec.cache == environments / "cache" / "fake"
    assert fake.spec.variables == {"FAKE_CACHE": "{cache}/compiled"}
    assert fake.identity
    assert found["fake_two"].identity not in (None, fake.identity)


def test_every_framework_has_a_target(registry: Registry, environments: Path) -> None:
    assert set(find(registry, environments)) == set(registry.frameworks)


def test_a_framework_without_an_environment_says_so(registry: Registry, environments: Path) -> None:
    torch = find(registry, environments, ("torch", "fake"))["torch"]
    assert (torch.spec, torch.identity) == (None, None)
    assert torch.reason == 'the environment "torch" is not installed: run `optabs envs`'


def test_a_framework_that_failed_to_install_says_why(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "torch.failed").write_text("No matching distribution found for torch==99\n")
    torch = find(registry, tmp_path, ("torch",))["torch"]
    assert torch.reason == (
        'the environment "torch" could not be made: No matching distribution found for torch==99'
    )


def test_a_framework_that_is_not_selected_keeps_its_identity(
    registry: Registry, environments: Path
) -> None:
    # So that what is known of it is still shown.
    all_of_them, none = find(registry, environments), find(registry, environments, ())
    assert none["fake"].spec is None
    assert none["fake"].identity == all_of_them["fake"].identity
    assert none["fake"].reason == "not selected for this build (FRAMEWORKS)"


def test_identity_is_stable_and_follows_what_matters(
    environments: Path,
    tmp_path: Path,
    packages: Path,
    install: Callable[[Path, Path], Path],
    registry: Registry,
) -> None:
    before = find(registry, environments)["fake"].identity
    assert find(registry, environments)["fake"].identity == before

    folder = tmp_path / "frameworks"
    shutil.copytree(registry.frameworks["fake"].folder, folder / "fake")

    def identify(root: Path = environments) -> str | None:
        targets_module.forget_texts()
        return find(load_registry([folder]), root, ("fake",))["fake"].identity

    assert identify() == before

    description = folder / "fake" / "framework.yaml"
    text = description.read_text()
    description.write_text(text.replace("label: Fake", "label: Other"))
    assert identify() == before
    description.write_text(text.replace("precision: highest", "precision: lowest"))
    assert identify() != before
    description.write_text(text.replace("/compiled", "/other"))
    assert identify() != before
    description.write_text(text)

    adapter = folder / "fake" / "adapter.py"
    code = adapter.read_text()
    adapter.write_text(f"{code}\n# changed\n")
    assert identify() != before
    adapter.write_text(code)
    assert identify() == before

    (folder / "fake" / "requirements.txt").write_text("fakeframework==1.1\n")
    newer = identify(install(folder, tmp_path / "environments"))
    assert newer not in (None, before)


def test_a_named_interpreter_stands_for_every_framework(
    registry: Registry, environments: Path
) -> None:
    python = get_python(environments, "fake")
    found = find(registry, environments / "none", ("fake", "fake_two"), python)
    assert found["fake"].framework_version == "1.0"
    assert found["fake"].spec is not None
    assert found["fake"].spec.python == python
    assert found["fake_two"].spec is None
    assert found["fake_two"].reason == f"faketwo is not installed for {python}"


def test_a_named_interpreter_that_is_none(registry: Registry, tmp_path: Path) -> None:
    found = find(registry, tmp_path, ("fake",), tmp_path / "no python")
    assert found["fake"].spec is None
    assert str(tmp_path / "no python") in found["fake"].reason


def test_devices_are_guessed_without_any_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = find_devices()
    assert devices["cpu"].model
    assert devices["cpu"].driver == ""
    assert set(devices) <= {"cpu", "cuda", "metal", "tpu"}
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setattr("platform.mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    assert find_devices()["metal"] == Device("Apple silicon", "macOS 15.1")


def test_devices_are_read_from_what_their_drivers_say(tmp_path: Path) -> None:
    def write(name: str, text: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    assert set(find_devices(tmp_path)) <= {"cpu", "metal"}
    write("proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64  570.86.15  Jan 2025\n")
    assert find_devices(tmp_path)["cuda"] == Device("", "driver 570.86.15")
    for number, model in enumerate(("NVIDIA H200", "NVIDIA L4")):
        write(f"proc/driver/nvidia/gpus/{number}/information", f"Model: \t\t {model}\nIRQ: 1\n")
    assert find_devices(tmp_path)["cuda"] == Device("NVIDIA H200, NVIDIA L4", "driver 570.86.15")

    for number, (vendor, model) in enumerate((("0x1ae0", "0x9999"), ("0x10de", "0x0063"))):
        write(f"sys/bus/pci/devices/{number}/vendor", f"{vendor}\n")
        write(f"sys/bus/pci/devices/{number}/device", f"{model}\n")
    assert "tpu" not in find_devices(tmp_path)  # neither Google's network card nor a GPU is one
    write("sys/bus/pci/devices/0/device", "0x0063\n")
    assert find_devices(tmp_path)["tpu"] == Device("0x0063")


def test_a_target_for_each_device_that_the_framework_can_use(
    registry: Registry, environments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_devices(driver: str, model: str = "a GPU") -> dict[str, Device]:
        return {"cpu": Device("x86_64"), "cuda": Device(model, driver)}

    monkeypatch.setattr(targets_module, "find_devices", lambda: list_devices("555.1"))
    monkeypatch.setitem(registry.frameworks["fake"].__dict__, "devices", ("cpu", "cuda", "metal"))

    def identify() -> dict[str, str | None]:
        return {
            target.device: target.identity
            for target in find_targets(registry, ("fake",), environments, environments)
            if target.framework == "fake"
        }

    found = identify()
    assert list(found) == ["cpu", "cuda"]
    assert found["cpu"] != found["cuda"]
    for changed in (list_devices("560.2"), list_devices("555.1", "another GPU")):
        monkeypatch.setattr(targets_module, "find_devices", lambda found=changed: found)
        newer = identify()
        assert newer["cpu"] == found["cpu"]
        assert newer["cuda"] != found["cuda"]


def test_oracles_run_beside_optabs(registry: Registry, tmp_path: Path) -> None:
    reference = find_reference(registry, tmp_path)
    assert (reference.framework, reference.device) == (REFERENCE, "cpu")
    assert reference.spec is not None
    assert reference.spec.python == Path(sys.executable)
    assert reference.spec.adapter == registry.frameworks["numpy"].adapter
    assert reference.framework_version.count(".") == 2
