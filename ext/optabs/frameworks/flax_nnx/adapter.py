"""Flax NNX's glue for the worker: devices, defaults and values. Runs on Python 3.9 and newer."""

from __future__ import annotations

from typing import Any

import jax
from flax import nnx

from ..jax import adapter as on_jax
from .settings import describe_settings, reset_settings

devices, drivers, synchronize = on_jax.devices, on_jax.drivers, on_jax.synchronize

# Public names that examples must not replace for others.
NAMESPACES = (jax, jax.numpy, jax.lax, jax.nn, nnx)


def reset(device: str, seed: int) -> None:
    """Put every configuration value of JAX and Flax back and choose the device.

    There is nothing to seed: random functions take their key, and modules their Rngs, as an
    argument.
    """
    on_jax.reset(device, seed)
    reset_settings()


def describe_state() -> dict[str, Any]:
    """Return the settings that `reset` puts back, by name, to be compared."""
    return on_jax.describe_state() | describe_settings()


def to_numpy(value: Any) -> tuple[str, Any] | None:
    """Return (dtype name, array) of an array, scalar or variable, or None for anything else.

    Random keys and traced values have no values to show: None.
    """
    return on_jax.to_numpy(_unwrap(value))


def locate(value: Any) -> str | None:
    """Return the device that an array or variable is on, or None for anything else."""
    return on_jax.locate(_unwrap(value))


def _unwrap(value: Any) -> Any:
    return value.get_value() if isinstance(value, nnx.Variable) else value
