"""Results as JSON: a tree of arrays, texts, tuples and dicts."""

from __future__ import annotations

import base64
import struct
import sys

MAX_BYTES = 4 << 20
MAX_ITEMS = 10_000
MAX_DEPTH = 20

_SCALARS = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}


def clean_text(text):
    """Return `text` without what UTF-8 cannot hold (half surrogate pairs)."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def encode_value(value, to_numpy, name):
    """Return `value` as a JSON tree.

    A leaf is ``{"dtype", "shape", "stored", "data"}``: C-ordered little-endian bytes of dtype
    `stored`, in base64. Raises ValueError for what is too large.
    """
    return _Encoder(to_numpy, name).encode(value, 0)


class _Encoder:
    def __init__(self, to_numpy, name):
        self.to_numpy = to_numpy
        self.name = name
        self.bytes_left = MAX_BYTES
        self.items_left = MAX_ITEMS

    def encode(self, value, depth):
        self.items_left -= 1
        if self.items_left < 0 or depth > MAX_DEPTH:
            raise ValueError(
                "the result `{}` has too many parts to be kept: reduce it in the example".format(
                    self.name
                )
            )
        if value is None:
            return {"none": True}
        if isinstance(value, str):
            self._spend(len(value))
            return {"text": clean_text(value)}
        if type(value) in _SCALARS:
            return _encode_scalar(value)
        converted = self.to_numpy(value)
        if converted is not None:
            return self._encode_array(*converted)
        if isinstance(value, (tuple, list)):
            return {"items": [self.encode(item, depth + 1) for item in value]}
        if isinstance(value, dict):
            return {
                "entries": {
                    clean_text(str(key)): self.encode(item, depth + 1)
                    for key, item in value.items()
                }
            }
        kind = type(value)
        return {"object": "{}.{}".format(kind.__module__, kind.__qualname__)}

    def _spend(self, size):
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise ValueError(
                "the result `{}` is larger than {} MiB: reduce it in the example".format(
                    self.name, MAX_BYTES >> 20
                )
            )

    def _encode_array(self, dtype, array):
        self._spend(array.nbytes)
        if array.dtype.kind in "OSUMm" or getattr(array.dtype, "names", None):
            return {"object": "array of {}".format(array.dtype)}
        if array.dtype.kind == "V" or array.dtype.name == "bfloat16":
            array = array.astype("float32")  # ml_dtypes' narrow floats, exactly
        order = array.dtype.byteorder
        if order == ">" or (order == "=" and sys.byteorder == "big"):
            array = array.astype(array.dtype.newbyteorder("<"))
        return {
            "dtype": dtype,
            "shape": list(array.shape),
            "stored": array.dtype.name,
            "data": base64.b64encode(array.tobytes()).decode("ascii"),
        }


def _encode_scalar(value):
    if isinstance(value, int) and not isinstance(value, bool) and not -(1 << 63) <= value < 1 << 63:
        return {"text": str(value)}
    code = {bool: "<?", int: "<q", float: "<d"}.get(type(value))
    data = struct.pack(code, value) if code else struct.pack("<dd", value.real, value.imag)
    dtype = _SCALARS[type(value)]
    return {
        "dtype": dtype,
        "shape": [],
        "stored": dtype,
        "data": base64.b64encode(data).decode("ascii"),
    }
