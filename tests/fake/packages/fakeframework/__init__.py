"""A tiny array framework for the tests: elementwise functions over nested lists, pure Python."""

import builtins
import itertools
import math
import random as _random
import struct
import time
import warnings

float32, float64, int32, int64, bool_ = "float32", "float64", "int32", "int64", "bool"

_default_dtype = float32
_default_device = "cpu"
_generator = _random.Random(0)


class Array:
    """An array of one dtype; `data` is a nested list, or a number for a 0-d array."""

    def __init__(self, data, dtype, origins=()):
        self.dtype = dtype
        self.device = _default_device
        self.origins = origins  # (array that it was made of, slope) pairs
        self.data = _map(lambda number: _round(number, dtype), data)

    @property
    def shape(self):
        shape, data = [], self.data
        while isinstance(data, list):
            shape.append(len(data))
            data = data[0] if data else 0
        return tuple(shape)

    def __repr__(self):
        return f"Array({self.data}, dtype={self.dtype})"

    def __add__(self, other):
        return add(self, other)


def array(value, dtype=None):
    """Make an array."""
    leaf = value
    while isinstance(leaf, list):
        leaf = leaf[0] if leaf else 0.0
    if dtype is None:
        dtype = {bool: bool_, int: int64}.get(type(leaf), _default_dtype)
    return Array(value, dtype)


def sin(x):
    return _apply(math.sin, x, math.cos)


def cos(x):
    return _apply(math.cos, x, lambda number: -math.sin(number))


def exp(x):
    return _apply(math.exp, x, math.exp)


def absolute(x):
    return _apply(builtins.abs, x)


abs = absolute  # noqa: A001


def add(x, y, *, alpha=1):
    """Return x + alpha * y."""
    if isinstance(x.data, list):
        pairs = zip(x.data, y.data, strict=True)
        data = [add(Array(a, x.dtype), Array(b, y.dtype), alpha=alpha).data for a, b in pairs]
    else:
        data = x.data + alpha * y.data
    slopes = (_map(lambda _: 1, x.data), _map(lambda _: alpha, y.data))
    return Array(data, x.dtype, tuple(zip((x, y), slopes, strict=True)))


def bend(x, slope=0.5, shift=0.0, top=None, limit=100, style=1, order="K", unit=None, tint=0.5):
    """Return x, times slope where it is negative, plus shift and top, at most limit; in float64."""

    def bend_one(number):
        return min(number * (slope if number < 0 else 1) + shift + (top or 0), limit)

    return Array(_map(bend_one, x.data), float64)


def sum(x):  # noqa: A001
    """Add up all elements."""
    return Array(math.fsum(_list_leaves(x.data)), x.dtype)


def move(x, device):
    """Return `x` on another device."""
    moved = Array(x.data, x.dtype)
    moved.device = device
    return moved


def detach(x):
    """Return `x` as a constant: no gradient goes through it."""
    return Array(x.data, x.dtype)


def wave(x):
    """Return the cosines of 0, 1, 2, ... in the shape of `x`."""
    numbers = itertools.count()
    return Array(_map(lambda _: math.cos(next(numbers)), x.data), x.dtype)


def pull_back(result, weights, x):
    """Return the gradient of the sum of `result` times `weights` for `x`."""
    total = _map(lambda _: 0.0, x.data) if result is not x else weights.data
    for source, slope in result.origins:
        inner = Array(_multiply(weights.data, slope), float64)
        total = add(Array(total, float64), pull_back(source, inner, x)).data
    return Array(total, x.dtype)


def slow(x):
    """Return `x`, after a minute."""
    time.sleep(60)
    return x


class Scale:
    """A layer that multiplies by a factor."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return _apply(lambda number: number * self.factor, x)


def set_default_dtype(dtype):
    global _default_dtype
    _default_dtype = dtype


def set_default_device(device):
    global _default_device
    _default_device = device


def seed(number):
    _generator.seed(number)


def draw():
    """Return a random number from the framework's own generator."""
    return Array(_generator.random(), float64)


def __getattr__(name):
    if name == "hidden":
        time.sleep(60)  # found after a minute
    if name == "old_sin":
        warnings.warn("old_sin is deprecated, use sin", DeprecationWarning, stacklevel=2)
        return sin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _apply(function, x, slope=None):
    origins = ((x, _map(slope, x.data)),) if slope else ()
    return Array(_map(function, x.data), x.dtype, origins)


def _multiply(data, other):
    if isinstance(data, list):
        return [_multiply(a, b) for a, b in zip(data, other, strict=True)]
    return data * other


def _map(function, data):
    return [_map(function, item) for item in data] if isinstance(data, list) else function(data)


def _list_leaves(data):
    return (
        [leaf for item in data for leaf in _list_leaves(item)] if isinstance(data, list) else [data]
    )


def _round(number, dtype):
    if dtype == float32:
        return struct.unpack("<f", struct.pack("<f", number))[0]
    return {float64: float, int32: int, int64: int, bool_: bool}[dtype](number)
