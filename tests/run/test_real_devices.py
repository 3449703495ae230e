"""Tests that the real frameworks' adapters say where values are, and what is usable here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from optabs.adapters import BUILT_IN
from optabs.catalog.code import find_bound_names
from optabs.frameworks import Framework, load_registry
from optabs.run.environments import get_python
from optabs.run.targets import find_devices

ROOT = Path(__file__).parents[2]
WITH_CUDA = ROOT / "tests" / "fake" / "with_cuda.py"
ENVIRONMENTS = Path(os.environ.get("OPTABS_ENVIRONMENTS", ROOT / ".environments"))
FRAMEWORKS = load_registry().frameworks

# What is on a device; NumPy's arrays, numbers and shapes never are.
VALUES = {
    "torch": "torch.ones(2), torch.nn.Linear(2, 2).weight, torch.zeros((), dtype=torch.bfloat16)",
    "jax": "jax.numpy.ones(2), jax.jit(jax.numpy.sin)(1.0)",
    "flax_nnx": "jax.numpy.ones(2), nnx.Param(jax.numpy.ones(2))",
    "paxml": "jax.numpy.ones(2)",
    "keras": "keras.ops.ones(2), keras.Variable([1.0])",
    "tensorflow": "tf.ones(2), tf.Variable(1.0), keras.Variable([1.0]), tf.shape(tf.ones(2))",
}
LOAD = f"""
import sys
sys.path.insert(0, {str(BUILT_IN.parent)!r})
from worker.adapter import load_adapter
del sys.path[0]
"""
SCRIPT = """
import numpy
adapter = load_adapter({adapter!r})
adapter.reset("cpu", 0)
found = adapter.devices()
assert found == {{"cpu": ""}}, found
assert adapter.drivers("cpu") == {{}}
scope = {{"np": numpy, **vars(adapter)}}
values = eval({values!r}, scope)
assert [adapter.locate(each) for each in values] == ["cpu"] * len(values)
others = eval("np.ones(2), np.float32(1), 1.0, (2, 3), None, 'text'", scope)
assert [adapter.locate(each) for each in others] == [None] * len(others)
"""


def run_script(framework: Framework, script: str, cache: Path) -> subprocess.CompletedProcess[str]:
    python = get_python(ENVIRONMENTS, framework.environment)
    if python is None:
        pytest.skip(f"there is no environment for {framework.label}")
    variables = {name: value.format(cache=cache) for name, value in framework.variables.items()}
    return subprocess.run(
        [python, "-B", "-c", LOAD + script],
        env={**os.environ, "PYTHONPATH": "", **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.frameworks
@pytest.mark.skipif(
    bool(find_devices().keys() - {"cpu"}), reason="this machine has more than a processor"
)
@pytest.mark.parametrize("key", sorted(VALUES))
def test_values_are_found_on_their_device(key: str, tmp_path: Path) -> None:
    framework = FRAMEWORKS[key]
    script = SCRIPT.format(adapter=str(framework.adapter), values=f"({VALUES[key]},)")
    done = run_script(framework, script, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def test_who_says_nothing_of_places_has_none() -> None:
    """NumPy has one device; an array of MLX is in memory that its devices share."""
    silent = {
        key
        for key, each in FRAMEWORKS.items()
        if "locate" not in find_bound_names(each.adapter.read_text())
    }
    assert silent == {"numpy", "mlx"}


@pytest.mark.frameworks
def test_metal_of_pytorch_tells_of_every_fall_back(tmp_path: Path) -> None:
    """The warning is given once per process, unless it is asked for always."""
    script = f"""
import torch
adapter = load_adapter({str(FRAMEWORKS["torch"].adapter)!r})
torch.mps.manual_seed = lambda seed: None  # there is none here
torch.set_default_device = lambda device: None
adapter.reset("metal", 0)
assert torch.is_warn_always_enabled()
state = adapter.describe_state()
adapter.reset("metal", 0)
assert adapter.describe_state() == state
adapter.reset("cpu", 0)
assert not torch.is_warn_always_enabled()
"""
    done = run_script(FRAMEWORKS["torch"], script, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


PRETENDING = """

_reset = reset

def devices():
    return {"cpu": "", "cuda": "a GPU that is none"}

def drivers(device):
    return {}

def reset(device, seed):
    _reset("cpu", seed)
"""


@pytest.mark.frameworks
@pytest.mark.parametrize("key", sorted(VALUES))
def test_what_ran_on_the_cpu_is_no_proof_of_cuda(key: str, tmp_path: Path) -> None:
    """The adapter pretends to have a GPU; all else of it is as it is."""
    if get_python(ENVIRONMENTS, FRAMEWORKS[key].environment) is None:
        pytest.skip(f"there is no environment for {key}")
    folder = shutil.copytree(FRAMEWORKS[key].folder, tmp_path / "frameworks" / key)
    with (folder / "adapter.py").open("a") as adapter:
        adapter.write(PRETENDING)
    (tmp_path / "ops").mkdir()
    shutil.copy(ROOT / "ops" / "softmax.yaml", tmp_path / "ops")
    done = subprocess.run(
        [sys.executable, WITH_CUDA, "verify", "--framework", key, "--json", "found.json"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "ext"),
            "OPTABS_ENVIRONMENTS": str(ENVIRONMENTS),
            "OPTABS_FRAMEWORKS": str(tmp_path / "frameworks"),
            "CUDA_FAKE": "driver 1.0",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    (op,) = json.loads((tmp_path / "found.json").read_text())["ops"]
    found = op["variants"][key]["verdicts"]
    assert {each["verdict"] for each in found if each["device"] == "cpu"} == {"verified"}
    elsewhere = [each for each in found if each["device"] == "cuda"]
    assert elsewhere
    for each in elsewhere:
        assert each["verdict"] == "not_run"
        assert each["reason"].endswith("computed on the CPU, not on cuda")
        assert set(each["elsewhere"].values()) == {"cpu"}
