"""JAX's glue for the worker: devices, defaults and values. Runs on Python 3.9 and newer.

The frameworks that stand on JAX build theirs on it, so it also knows JAX 0.4.
"""

from __future__ import annotations

import contextlib
from importlib import metadata
from typing import Any

import jax
import numpy as np
from jax._src.lib import cuda_versions as _cuda

jax.config.update("jax_default_matmul_precision", "highest")
_CONFIG = dict(jax.config.values)
_get_mesh = getattr(jax.sharding, "get_mesh", None)

_DEVICES = {"gpu": "cuda"}
_PLUGINS = {"tpu": ("libtpu",), "metal": ("jax-metal",)}

# Public names that examples must not replace for others.
NAMESPACES = (jax, jax.numpy, jax.lax, jax.nn, jax.random)


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
    """Put every configuration value back and choose the device.

    There is nothing to seed: JAX's random functions take their key as an argument.
    """
    if _get_mesh and not _get_mesh().empty:
        jax.set_mesh(None)
    _CONFIG["jax_default_device"] = _find_device(device)
    for name, value in jax.config.values.items():
        default = _CONFIG.setdefault(name, value)  # an import may have added an option
        if value != default:
            jax.config.update(name, default)


def describe_state() -> dict[str, Any]:
    """Return the settings that `reset` puts back, by name, to be compared."""
    found = dict(jax.config.values)
    if _get_mesh:
        found["mesh"] = _get_mesh()
    return found


def to_numpy(value: Any) -> tuple[str, Any] | None:
    """Return (dtype name, array) of an array or scalar, or None for anything else.

    Random keys and traced values have no values to show: None.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return _widen(value)
    if not isinstance(value, jax.Array) or isinstance(value, jax.core.Tracer):
        return None
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        return None
    return _widen(np.asarray(value))


def locate(value: Any) -> str | None:
    """Return the device that an array is on, or None for anything else."""
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
