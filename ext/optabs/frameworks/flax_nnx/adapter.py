"""Flax NNX's glue for the worker: devices, defaults and values. Runs on Python 3.9 and newer."""

from __future__ import annotations

from typing import Any

import flax
import jax
import numpy as np
from flax import nnx

jax.config.update("jax_default_matmul_precision", "highest")
_CONFIG = dict(jax.config.values)
_FLAX_CONFIG = {
    name: getattr(flax.config, name)
    for name, flag in vars(type(flax.config)).items()
    if isinstance(flag, property)
}

# Public names that examples must not replace for others.
NAMESPACES = (jax, jax.numpy, jax.lax, jax.nn, nnx)


def devices() -> dict[str, str]:
    """Return the usable devices and their names; an empty name means the processor's."""
    found = {"cpu": ""}
    for kind in ("cuda", "tpu"):
        try:
            found[kind] = jax.devices(kind)[0].device_kind
        except RuntimeError:
            continue
    return found


def reset(device: str, seed: int) -> None:
    """Put every configuration value of JAX and Flax back and choose the device.

    There is nothing to seed: random functions take their key, and modules their Rngs, as an
    argument.
    """
    if not jax.sharding.get_mesh().empty:
        jax.set_mesh(None)
    _CONFIG["jax_default_device"] = jax.devices(device)[0]
    for name, value in jax.config.values.items():
        default = _CONFIG.setdefault(name, value)  # an import may have added an option
        if value != default:
            jax.config.update(name, default)
    for name, value in _FLAX_CONFIG.items():
        flax.config.update(name, value)


def describe_state() -> dict[str, Any]:
    """Return the settings that `reset` puts back, by name, to be compared."""
    found = dict(jax.config.values)
    found["mesh"] = jax.sharding.get_mesh()
    found.update({name: getattr(flax.config, name) for name in _FLAX_CONFIG})
    return found


def to_numpy(value: Any) -> tuple[str, Any] | None:
    """Return (dtype name, array) of an array, scalar or variable, or None for anything else.

    Random keys and traced values have no values to show: None.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return _widen(value)
    if isinstance(value, nnx.Variable):
        return to_numpy(value.get_value())
    if not isinstance(value, jax.Array) or isinstance(value, jax.core.Tracer):
        return None
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        return None
    return _widen(np.asarray(value))


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
