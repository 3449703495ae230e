"""PaxML's glue for the worker: devices, defaults and values. Runs on Python 3.9 and newer."""

from __future__ import annotations

from typing import Any

import jax
from praxis import layers as layers  # loaded before the defaults are read

from ..flax_nnx.settings import describe_settings, reset_settings
from ..jax import adapter as on_jax

devices, drivers, synchronize = on_jax.devices, on_jax.drivers, on_jax.synchronize
to_numpy, locate = on_jax.to_numpy, on_jax.locate

# Public names that examples must not replace for others.
NAMESPACES = (jax, jax.numpy, jax.lax, jax.nn, layers)


def reset(device: str, seed: int) -> None:
    """Put every configuration value of JAX and Flax back and choose the device.

    There is nothing to seed: random functions take their key, and layers their keys, as an
    argument.
    """
    on_jax.reset(device, seed)
    reset_settings()


def describe_state() -> dict[str, Any]:
    """Return the settings that `reset` puts back, by name, to be compared."""
    return on_jax.describe_state() | describe_settings()
