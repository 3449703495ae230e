"""The fake framework's glue. It has no NumPy, so it gives what looks like an array."""

from __future__ import annotations

import struct

import fakeframework as ff

NAMESPACES = (ff,)

_CODES = {"float32": "f", "float64": "d", "int32": "i", "int64": "q", "bool": "?"}


class _Dtype:
    byteorder = "<"

    def __init__(self, name):
        self.name = name
        self.kind = "b" if name == "bool" else name[0]


class _Dense:
    def __init__(self, array):
        self.dtype = _Dtype(array.dtype)
        self.shape = array.shape
        leaves = ff._list_leaves(array.data)
        self._data = struct.pack(f"<{len(leaves)}{_CODES[array.dtype]}", *leaves)
        self.nbytes = len(self._data)

    def tobytes(self):
        return self._data


def devices():
    return {"cpu": ""}


def drivers(device):
    return {} if device == "cpu" else {"Runtime": "7.1"}


def reset(device, seed):
    ff.set_default_dtype(ff.float32)
    ff.set_default_device(device)
    ff.seed(seed)


def describe_state():
    return {"default dtype": ff._default_dtype}


def to_numpy(value):
    return (value.dtype, _Dense(value)) if isinstance(value, ff.Array) else None


def locate(value):
    return value.device if isinstance(value, ff.Array) else None


def synchronize():
    pass
