"""The second fake framework's glue."""

from __future__ import annotations

import struct

import faketwo


class _Dtype:
    name, kind, byteorder = "float64", "f", "<"


class _Dense:
    dtype = _Dtype

    def __init__(self, vector):
        self.shape = (len(vector),)
        self.nbytes = 8 * len(vector)
        self._data = struct.pack(f"<{len(vector)}d", *vector)

    def tobytes(self):
        return self._data


def devices():
    return {"cpu": ""}


def reset(device, seed):
    pass


def to_numpy(value):
    return ("float64", _Dense(value)) if isinstance(value, faketwo.Vector) else None


def synchronize():
    pass
