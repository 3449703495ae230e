"""MLX's glue for the worker: devices, defaults and values. Runs on Python 3.9 and newer."""

from __future__ import annotations

import contextlib
from importlib import metadata
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

_KINDS = [kind for kind in (mx.cpu, mx.gpu) if mx.is_available(kind)]
_STREAMS = [mx.default_stream(kind) for kind in _KINDS]
_DIGITS = mx.get_printoptions().precision

# Public names that examples must not replace for others.
NAMESPACES = (mx, nn)

# A limit can only be read by setting it.
_MEMORY_LIMIT = mx.set_memory_limit(1 << 40)
_CACHE_LIMIT = mx.set_cache_limit(1 << 40)


def devices() -> dict[str, str]:
    """Return the usable devices and their names; an empty name means the processor's."""
    found = {"cpu": ""}
    if mx.metal.is_available() and _can_compute():
        found["metal"] = str(mx.device_info(mx.gpu)["device_name"])
    if mx.cuda.is_available() and _can_compute():
        found["cuda"] = str(mx.device_info(mx.gpu)["device_name"])
    return found


def _can_compute() -> bool:
    try:
        return bool(mx.sum(mx.ones(2, stream=mx.gpu), stream=mx.gpu).item() == 2)
    except (RuntimeError, ValueError):
        return False


def drivers(device: str) -> dict[str, str]:
    """Return the versions of what stands between MLX and a device, by name."""
    found = {}
    for name in ("mlx-metal",) if device == "metal" else ("mlx-cuda-12", "mlx-cuda-13"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {} if device == "cpu" else found


def reset(device: str, seed: int) -> None:
    """Put every global setting back, choose the device, seed the generator.

    TF32 is forbidden by the environment variable MLX_ENABLE_TF32, which MLX reads once.
    """
    for stream in _STREAMS:
        mx.set_default_stream(stream)
    mx.set_default_device(mx.cpu if device == "cpu" else mx.gpu)
    mx.set_printoptions(precision=_DIGITS)
    mx.enable_compile()
    mx.set_memory_limit(_MEMORY_LIMIT)
    mx.set_cache_limit(_CACHE_LIMIT)
    mx.random.seed(seed)


def describe_state() -> dict[str, Any]:
    """Return the settings that `reset` puts back and that can be read, by name, to be compared."""
    return {
        "default device": mx.default_device(),
        "default stream": [mx.default_stream(kind) for kind in _KINDS],
        "print options": mx.get_printoptions().precision,
    }


def to_numpy(value: Any) -> tuple[str, Any] | None:
    """Return (dtype name, array) of an array or scalar, or None for anything else."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.name, value
    if not isinstance(value, mx.array):
        return None
    name = str(value.dtype).rpartition(".")[2]
    return name, np.array(value.astype(mx.float32) if value.dtype == mx.bfloat16 else value)


def synchronize() -> None:
    """Wait for queued work on every device.

    There is no `locate`: an array of MLX is on no device, for they share the memory.
    """
    for stream in _STREAMS:
        mx.synchronize(stream)
