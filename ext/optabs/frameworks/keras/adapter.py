"""Keras's glue for the worker, on JAX: devices, defaults and values. Runs on Python 3.9+."""

from __future__ import annotations

from typing import Any

import keras

from ..jax import adapter as on_jax

devices, drivers, synchronize = on_jax.devices, on_jax.drivers, on_jax.synchronize

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

# Public names that examples must not replace for others.
NAMESPACES = (keras, keras.ops, keras.layers, keras.activations, keras.losses)


def reset(device: str, seed: int) -> None:
    """Put every setting of Keras and JAX back, choose the device, seed Keras's generators."""
    on_jax.reset(device, seed)
    # The session holds the dtype policy, the names given so far, the distribution and the like.
    keras.utils.clear_session(free_memory=False)
    for write, default in _SETTINGS:
        write(default)
    keras.saving.get_custom_objects().clear()
    keras.utils.set_random_seed(seed)


def describe_state() -> dict[str, Any]:
    """Return the settings that `reset` puts back, by name, to be compared."""
    found = on_jax.describe_state()
    for name, read in _READ.items():
        found[name] = read()
    found["dtype policy"] = keras.config.dtype_policy().name
    found["custom objects"] = list(keras.saving.get_custom_objects())
    return found


def to_numpy(value: Any) -> tuple[str, Any] | None:
    """Return (dtype name, array) of an array, scalar or variable, or None for anything else.

    Symbolic tensors, random keys and traced values have no values to show: None.
    """
    return on_jax.to_numpy(_unwrap(value))


def locate(value: Any) -> str | None:
    """Return the device that an array or variable is on, or None for anything else."""
    return on_jax.locate(_unwrap(value))


def _unwrap(value: Any) -> Any:
    return value.value if isinstance(value, keras.Variable) else value
