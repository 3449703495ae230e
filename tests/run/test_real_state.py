"""Tests that changes of the real frameworks' settings are named, and put back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from optabs.frameworks import Registry
from optabs.records import Outcome
from optabs.run.environments import get_python
from optabs.run.pool import Batch, Finished, Job, Pool, Unavailable
from optabs.run.worker_process import WorkerSpec

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = Path(os.environ.get("OPTABS_ENVIRONMENTS", ROOT / ".environments"))

# Code, and the names of what it changes.
CHANGES = {
    "numpy": [
        ("import numpy as np\nnp.seterr(all='raise')", ["NumPy's error handling"]),
        ("import numpy as np\nnp.set_printoptions(precision=2)", ["NumPy's print options"]),
        ("import numpy as np\nnp.sin = np.cos", ["numpy.sin"]),
        ("import numpy as np\nnp.setbufsize(16000)", ["buffer size of ufuncs"]),
        (
            "import numpy as np\nnp.random.set_bit_generator(np.random.MT19937(3))",
            ["bit generator"],
        ),
        ("import numpy as np\nnp.random.seed(3)\nnp.random.rand(3)", []),
    ],
    "torch": [
        ("import torch\ntorch.set_default_dtype(torch.float64)", ["default dtype"]),
        ("import torch\ntorch.set_default_device('meta')", ["default device"]),
        ("import torch\ntorch.set_grad_enabled(False)", ["grad mode"]),
        ("import torch\ntorch.use_deterministic_algorithms(True)", ["deterministic algorithms"]),
        ("import torch\ntorch.set_float32_matmul_precision('high')", ["float32 precision"]),
        ("import torch\ntorch.set_printoptions(precision=2)", ["print options"]),
        ("import torch\ntorch.nn.functional.relu = torch.sin", ["torch.nn.functional.relu"]),
        ("import torch\ntorch.manual_seed(3)\ntorch.rand(3)", []),
        ("import torch\nwith torch.no_grad(): torch.nn.Linear(2, 2)", []),
    ],
    "jax": [
        ("import jax\njax.config.update('jax_enable_x64', True)", ["jax_enable_x64"]),
        ("import jax\njax.numpy.sin = jax.numpy.cos", ["jax.numpy.sin"]),
        (
            "import jax\njax.jit(jax.numpy.sin)(1.0)\njax.random.normal(jax.random.key(0))",
            [],
        ),
    ],
    "flax_nnx": [
        (
            "import flax\nflax.config.update('flax_profile', not flax.config.flax_profile)",
            ["flax_profile"],
        ),
        ("from flax import nnx\nnnx.Linear(2, 3, rngs=nnx.Rngs(0))", []),
    ],
    "paxml": [
        ("import jax\njax.config.update('jax_enable_x64', True)", ["jax_enable_x64"]),
    ],
    "mlx": [
        ("import mlx.core as mx\nmx.set_printoptions(precision=2)", ["print options"]),
        ("import mlx.core as mx\nmx.set_default_stream(mx.new_stream(mx.cpu))", ["default stream"]),
        ("import mlx.core as mx\nmx.random.seed(3)\nmx.eval(mx.random.normal((2,)))", []),
    ],
    "keras": [
        ("import keras\nkeras.config.set_floatx('float16')", ["floatx"]),
        ("import keras\nkeras.config.set_dtype_policy('mixed_float16')", ["dtype policy"]),
        (
            "import keras\nkeras.config.set_image_data_format('channels_first')",
            ["image data format"],
        ),
        (
            "import keras\nkeras.utils.set_random_seed(3)\nkeras.random.normal((2,))",
            [],
        ),
    ],
    "tensorflow": [
        (
            "import tensorflow as tf\ntf.config.run_functions_eagerly(True)",
            ["functions run eagerly"],
        ),
        (
            "import tensorflow as tf\ntf.config.optimizer.set_jit(True)",
            ["just-in-time compilation"],
        ),
        (
            "import tensorflow as tf\ntf.debugging.disable_traceback_filtering()",
            ["traceback filtering"],
        ),
        ("import tensorflow as tf\ntf.keras.backend.set_floatx('float16')", ["Keras's floatx"]),
        ("import tensorflow as tf\ntf.random.set_seed(3)\ntf.random.normal((2,))", []),
    ],
}


@pytest.mark.frameworks
@pytest.mark.parametrize("key", CHANGES)
def test_changed_settings_are_named_and_put_back(
    registry: Registry, tmp_path: Path, key: str
) -> None:
    framework = registry.frameworks[key]
    python = get_python(ENVIRONMENTS, framework.environment)
    if python is None:
        pytest.skip(f"no environment of {key}")
    spec = WorkerSpec(python, framework.adapter, "cpu", framework.variables, tmp_path / "cache")
    jobs = []
    for number, (code, _) in enumerate(CHANGES[key]):
        jobs.append(Job(f"{number}", "", key, "change", code, (), 60.0))
        # The next one must find everything as it was.
        jobs.append(Job(f"{number} next", "", key, "next", "result = 1", ("result",), 60.0))
    batch = Batch(key, "cpu", spec, "", "", "", tuple(jobs))
    events = list(Pool([batch]).run())
    assert not [event for event in events if isinstance(event, Unavailable)]
    records = {event.record.key: event.record for event in events if isinstance(event, Finished)}
    assert [each.error for each in records.values() if each.outcome is not Outcome.OK] == []
    for number, (code, changes) in enumerate(CHANGES[key]):
        assert list(records[f"{number}"].changes) == changes, code
        assert records[f"{number} next"].changes == (), code
