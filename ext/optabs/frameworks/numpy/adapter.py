"""NumPy's glue for the worker: devices, defaults and values. Runs on Python 3.9 and newer."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

_random: Any = np.random
_polynomial: Any = np.polynomial

_BIT_GENERATOR = _random.get_bit_generator()
_BUFFER_SIZE = np.getbufsize()
_PRINT_STYLE = "ascii" if os.name == "nt" else "unicode"  # NumPy's own choice

# Public names that examples must not replace for others.
NAMESPACES = (np, np.linalg, np.random, np.fft)


def devices() -> dict[str, str]:
    """Return the usable devices and their names; an empty name means the processor's."""
    return {"cpu": ""}


def reset(device: str, seed: int) -> None:
    """Put back what the worker does not: the bit generator, the ufunc buffer, polynomial printing.

    The worker itself resets NumPy's seed, error state and print options.
    """
    if _random.get_bit_generator() is not _BIT_GENERATOR:
        _random.set_bit_generator(_BIT_GENERATOR)
        _random.seed(seed)
    np.setbufsize(_BUFFER_SIZE)
    _polynomial.set_default_printstyle(_PRINT_STYLE)


def describe_state() -> dict[str, Any]:
    """Return what `reset` puts back, by name, to be compared; the worker looks after the rest."""
    return {
        "bit generator": _random.get_bit_generator(),
        "buffer size of ufuncs": np.getbufsize(),
    }


def to_numpy(value: Any) -> tuple[str, Any] | None:
    """Return (dtype name, array) of an array or scalar, or None for anything else.

    Masked arrays are not dense values: None.
    """
    if isinstance(value, np.ma.MaskedArray):
        return None
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.name, value
    return None


def synchronize() -> None:
    """Wait for queued work: NumPy queues none."""
