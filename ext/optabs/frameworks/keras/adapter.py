"""Keras's glue for the worker, on JAX: devices, defaults and values. Runs on Python 3.9+."""

from __future__ import annotations

import contextlib
from importlib import metadata
from typing import Any

import jax
import keras
import numpy as np
from jax._src.lib import cuda_versions as _cuda

jax.config.update("jax_default_matmul_precision", "highest")
_CONFIG = dict(jax.config.values)

# Keras's settings outside the session, as (write, default).
_SETTINGS = [
    (keras.config.set_floatx, keras.config.floatx()),
    (keras.config.set_epsilon, keras.config.epsilon()),
    (keras.config.set_image_data_format, keras.config.image_data_format()),
    (keras.config.set_max_epochs, keras.config.max_epochs()),
    (keras.config.set_max_steps_per_epoch, keras.config.max_steps_per_epoch()),
]
_READ = {
    "floatx": keras.config.floatx,
    "epsilon": keras.config.epsilon,
    "image data format": keras.config.image_data_format,
    "limit of epochs": keras.config.max_epochs,
    "limit of steps": keras.config.max_steps_per_epoch,
}

_DEVICES = {"gpu": "cuda"}
_PLUGINS = {"tpu": ("libtpu",), "metal": ("jax-metal",)}

# Public names that examples must not replace for others.
NAMESPACES = (keras, keras.ops, keras.layers, keras.activations, keras.losses)


def devices() -> dict[str, str]:
    """Return the usable devices and their names; an empty name means the processor's."""
    found = {"cpu": ""}
    for kind in ("cuda", "tpu", "metal"):
        try:
            device = _find_device(kind)
            if jax.device_put(1.0, device) + 1 == 2:
                found[kind] = device.device_kind
        except RuntimeError:
            continue
    return found


def _find_device(kind: str) -> Any:
    return jax.devices("METAL" if kind == "metal" else kind)[0]


def drivers(device: str) -> dict[str, str]:
    """Return the versions of what stands between JAX and a device, by name."""
    found = {}
    if device == "cuda" and _cuda:
        runtime, cudnn = _cuda.cuda_runtime_get_version(), _cuda.cudnn_get_version()
        found["CUDA"] = f"{runtime // 1_000}.{runtime % 1_000 // 10}"
        unit = 10_000 if cudnn >= 90_000 else 1_000
        found["cuDNN"] = f"{cudnn // unit}.{cudnn % unit // 100}"
    for name in _PLUGINS.get(device, ()):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def reset(device: str, seed: int) -> None:
    """Put every setting of Keras and JAX back, choose the device, seed Keras's generators."""
    if not jax.sharding.get_mesh().empty:
        jax.set_mesh(None)
    _CONFIG["jax_default_device"] = _find_device(device)
    for name, value in jax.config.values.items():
        default = _CONFIG.setdefault(name, value)  # an import may have added an option
        if value != default:
            jax.config.update(name, default)
    # The session holds the dtype policy, the names given so far, the distribution and the like.
    keras.utils.clear_session(free_memory=False)
    for write, default in _SETTINGS:
        write(default)
    keras.saving.get_custom_objects().clear()
    keras.utils.set_random_seed(seed)


def describe_state() -> dict[str, Any]:
    """Return the settings that `reset` puts back, by name, to be compared."""
    found = dict(jax.config.values)
    found["mesh"] = jax.sharding.get_mesh()
    for name, read in _READ.items():
        found[name] = read()
    found["dtype policy"] = keras.config.dtype_policy().name
    found["custom objects"] = list(keras.saving.get_custom_objects())
    return found


def to_numpy(value: Any) -> tuple[str, Any] | None:
    """Return (dtype name, array) of an array, scalar or variable, or None for anything else.

    Symbolic tensors, random keys and traced values have no values to show: None.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return _widen(value)
    if isinstance(value, keras.Variable):
        return to_numpy(value.value)
    if not isinstance(value, jax.Array) or isinstance(value, jax.core.Tracer):
        return None
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        return None
    return _widen(np.asarray(value))


def locate(value: Any) -> str | None:
    """Return the device that an array or variable is on, or None for anything else."""
    if isinstance(value, keras.Variable):
        value = value.value
    if not isinstance(value, jax.Array) or isinstance(value, jax.core.Tracer):
        return None
    platform = next(iter(value.devices())).platform.lower()
    return _DEVICES.get(platform, platform)


def _widen(array: Any) -> tuple[str, Any]:
    """Return (dtype name, array), dtypes that NumPy lacks (bfloat16, int4) as wider ones."""
    name = array.dtype.name
    if array.dtype.isbuiltin == 2:  # registered with NumPy by another package
        array = array.astype(np.int8 if "int" in name else np.float32)
    return name, array


def synchronize() -> None:
    """Wait for queued work: side effects, and every array that is still in use."""
    jax.effects_barrier()
    for array in jax.live_arrays():
        array.block_until_ready()
