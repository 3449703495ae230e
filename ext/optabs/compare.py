"""Comparing actual results with expected ones: names, then dtype, then shape, then values.

Values are compared as Python numbers, which hold every float64 and every integer exactly.
The rule is ``|actual - expected| <= atol + rtol * |expected|``; the default tolerances are
those of `torch.testing.assert_close`.
"""

from __future__ import annotations

import base64
import math
import operator
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from optabs.distributions import (
    BOUND,
    MEANING,
    Distribution,
    bound_distance,
    measure_distance,
)

Number = bool | int | float | complex

DEFAULT_TOLERANCES: Mapping[str, tuple[float, float]] = {
    "float64": (1e-7, 1e-7),
    "complex128": (1e-7, 1e-7),
    "float32": (1.3e-6, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
}
"""(rtol, atol) by dtype; every other dtype is compared exactly."""

# The oracle of a gradient is a finite difference in float64: its error, of results of the size 1.
_DIFFERENCE_ERROR = 1e-9


@dataclass(frozen=True)
class DeviceDefaults:
    """(rtol, atol) by dtype that a framework itself is held to on a device, and why."""

    tolerances: Mapping[str, tuple[float, float]]
    source: str
    reason: str


DEVICE_DEFAULTS: Mapping[tuple[str, str], DeviceDefaults] = {
    ("torch", "metal"): DeviceDefaults(
        {
            "float32": (3e-5, 1e-4),
            "complex64": (3e-5, 1e-4),
            "float16": (1e-2, 2e-2),
            "bfloat16": (5e-2, 5e-2),
        },
        "PyTorch's own tests on MPS",
        "Metal's kernels round otherwise than the CPU's; to these tolerances PyTorch's own tests "
        "hold the less precise of its ops on MPS.",
    )
}
"""By framework and device. CUDA has none: in full precision the defaults hold there, too."""


_FORMATS = {
    "bool": "?",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
    "complex64": "f",
    "complex128": "d",
}
_SHOWN_FINDINGS = 3


@dataclass(frozen=True)
class Array:
    """An array: C-ordered values as Python numbers."""

    dtype: str
    shape: tuple[int, ...]
    values: Sequence[Number]


@dataclass(frozen=True)
class Other:
    """A result that is no array, text or container; `description` says what it is."""

    description: str


@dataclass(frozen=True)
class Sample:
    """Random draws, as far as they can be expected: never their values."""

    dtype: str
    shape: tuple[int, ...]
    distribution: Distribution


Tree = Array | Sample | Other | str | None | list["Tree"] | Mapping[str, "Tree"]
"""A result: an array, or arrays in lists (tuples count as lists) and mappings.

Only an expected one is ever a sample.
"""


@dataclass(frozen=True)
class Tolerance:
    """A tolerance in force, and where it comes from."""

    rtol: float
    atol: float
    source: str
    reason: str = ""


@dataclass(frozen=True)
class Defaults:
    """Default tolerances: (rtol, atol) by dtype, what they are called, and why they are so."""

    tolerances: Mapping[str, tuple[float, float]]
    name: str
    reason: str = ""


RESULTS = Defaults(DEFAULT_TOLERANCES, "default")
# Autodiff in float32 was found to be off by less than 1e-6 of the largest element, as results are:
# so gradients get no more room than results. The 2e-3 of JAX's own tests goes with finite
# differences in float32.
GRADIENTS = Defaults(
    {
        dtype: (max(rtol, _DIFFERENCE_ERROR), max(atol, _DIFFERENCE_ERROR))
        for dtype, (rtol, atol) in DEFAULT_TOLERANCES.items()
    },
    "gradient default",
)


@dataclass(frozen=True)
class Finding:
    """One thing in which actual and expected differ."""

    kind: str
    message: str


@dataclass
class Comparison:
    """What comparing gave. Errors are None where no number was compared."""

    findings: list[Finding] = field(default_factory=list)
    max_abs_error: float | None = None
    max_rel_error: float | None = None
    tolerance: Tolerance | None = None
    up_to: str = ""
    """Up to what results were compared, in words; empty if as they stand."""

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.findings

    def note_errors(self, absolute: float, relative: float | None) -> None:
        """Keep the largest errors."""
        self.max_abs_error = max(self.max_abs_error or 0.0, absolute)
        if relative is not None:
            self.max_rel_error = max(self.max_rel_error or 0.0, relative)

    def note_tolerance(self, tolerance: Tolerance) -> None:
        """Keep the loosest tolerance."""
        known = self.tolerance
        if known is None or (tolerance.rtol, tolerance.atol) > (known.rtol, known.atol):
            self.tolerance = tolerance


def compare_results(
    actual: Mapping[str, Tree],
    expected: Mapping[str, Tree],
    tolerance: Tolerance | None = None,
    *,
    equal_nan: bool = False,
    defaults: Defaults = RESULTS,
    device: DeviceDefaults | None = None,
) -> Comparison:
    """Compare results by name.

    Without a `tolerance` that of the looser dtype holds, on this device if it has one there.
    """
    comparison = Comparison()
    for name, tree in expected.items():
        if name in actual:
            comparer = _Comparer(comparison, tolerance, equal_nan, defaults, device)
            comparer.compare(actual[name], tree, name)
        else:
            comparison.findings.append(Finding("name", f"the example does not define `{name}`"))
    if not expected:
        comparison.findings.append(Finding("name", "the case names no result"))
    return comparison


class _Comparer:
    def __init__(
        self,
        comparison: Comparison,
        tolerance: Tolerance | None,
        equal_nan: bool,
        defaults: Defaults,
        device: DeviceDefaults | None = None,
    ) -> None:
        self.comparison = comparison
        self.tolerance = tolerance
        self.equal_nan = equal_nan
        self.defaults = defaults
        self.device = device

    def find(self, kind: str, message: str) -> None:
        self.comparison.findings.append(Finding(kind, message))

    def compare(self, actual: Tree, expected: Tree, name: str) -> None:
        if isinstance(expected, Array | Sample) and isinstance(actual, Array):
            self.compare_arrays(actual, expected, name)
        elif isinstance(expected, Mapping) and isinstance(actual, Mapping):
            if set(actual) != set(expected):
                self.find(
                    "structure",
                    f"`{name}` has the keys {_join(actual)}, expected {_join(expected)}",
                )
            for key in expected:
                if key in actual:
                    self.compare(actual[key], expected[key], f"{name}[{key!r}]")
        elif isinstance(expected, list) and isinstance(actual, list):
            if len(actual) != len(expected):
                self.find(
                    "structure", f"`{name}` has {len(actual)} items, expected {len(expected)}"
                )
            for number, (mine, other) in enumerate(zip(actual, expected, strict=False)):
                self.compare(mine, other, f"{name}[{number}]")
        elif describe_tree(actual) != describe_tree(expected):
            self.find(
                "structure",
                f"`{name}` is {describe_tree(actual)}, expected {describe_tree(expected)}",
            )
        elif isinstance(actual, Other):
            self.find("structure", f"`{name}` is {actual.description}, which cannot be compared")
        elif actual != expected:
            self.find("value", f"`{name}` is {actual!r}, expected {expected!r}")

    def compare_arrays(self, actual: Array, expected: Array | Sample, name: str) -> None:
        """Dtype and shape are findings of their own; values are compared where shapes agree."""
        if actual.dtype != expected.dtype:
            self.find("dtype", f"`{name}` has dtype {actual.dtype}, expected {expected.dtype}")
        if actual.shape != expected.shape:
            self.find("shape", f"`{name}` has shape {actual.shape}, expected {expected.shape}")
            return
        if isinstance(expected, Sample):
            self.compare_draws(actual, expected.distribution, name)
            return
        tolerance = (
            self.tolerance
            if self.tolerance and is_inexact(actual.dtype, expected.dtype)
            else choose_default(
                actual.dtype, expected.dtype, defaults=self.defaults, device=self.device
            )
        )
        self.comparison.note_tolerance(tolerance)
        self.compare_values(actual, expected, tolerance, name)

    def compare_draws(self, actual: Array, distribution: Distribution, name: str) -> None:
        """What lies outside the support is a finding of its own; nothing is measured then."""
        distribution = distribution.round_bounds(actual.dtype)
        draws: list[float] = []
        outside = []
        for index, draw in enumerate(actual.values):
            if not isinstance(draw, complex) and distribution.holds(draw):
                draws.append(draw)
            else:
                outside.append((index, draw))
        if outside:
            index, draw = outside[0]
            self.find(
                "support",
                f"`{name}{_write_index(index, actual.shape)}` is {draw!r}, expected a draw "
                f"from {distribution.support}; {len(outside)} of {len(actual.values)} are not",
            )
            return
        allowed = bound_distance(len(draws))
        distance = measure_distance(draws, distribution)
        self.comparison.note_tolerance(
            Tolerance(0.0, allowed, BOUND, MEANING.format(count=f"{len(draws):,}"))
        )
        self.comparison.note_errors(distance, None)
        if distance > allowed:
            self.find(
                "distribution",
                f"the draws of `{name}` are not distributed as expected, {distribution.name}: "
                f"the distribution functions are {distance:.3g} apart, allowed {allowed:.3g} "
                f"({BOUND})",
            )

    def compare_values(
        self, actual: Array, expected: Array, tolerance: Tolerance, name: str
    ) -> None:
        wrong = []
        for index, (mine, other) in enumerate(zip(actual.values, expected.values, strict=True)):
            absolute, relative = measure_error(mine, other, equal_nan=self.equal_nan)
            self.comparison.note_errors(absolute, relative)
            # No tolerance is wide enough for a NaN or an infinity on one side.
            if not (math.isfinite(absolute) and absolute <= _allow(tolerance, other)):
                wrong.append((index, mine, other, absolute, relative))
        for index, mine, other, absolute, relative in wrong[:_SHOWN_FINDINGS]:
            element = f"`{name}{_write_index(index, actual.shape)}`"
            if is_nan(mine) and is_nan(other) and not self.equal_nan:
                self.find(
                    "value",
                    f"{element} is {mine!r}, expected {other!r}: these are equal only where the "
                    "case has `equal_nan: true`",
                )
                continue
            self.find(
                "value",
                f"{element} is {mine!r}, expected "
                f"{other!r}: off by {absolute:.3g} ({relative:.3g} relative), allowed "
                f"{tolerance.atol:g} + {tolerance.rtol:g} * |expected| "
                f"({tolerance.source})",
            )
        if len(wrong) > _SHOWN_FINDINGS:
            self.find(
                "value", f"`{name}` is wrong in {len(wrong)} of {len(actual.values)} elements"
            )


def measure_error(
    actual: Number,
    expected: Number,
    *,
    equal_nan: bool = False,
) -> tuple[float, float]:
    """Return (absolute, relative) error. Equal values, infinities included, have none.

    A NaN, or an infinity on one side alone, has an infinite error, unless both are NaN and
    `equal_nan`. The parts of a complex number must be so each: what is finite has its error.
    Zeros are equal whatever their sign.
    """
    if actual == expected:
        return 0.0, 0.0
    if isinstance(actual, complex) or isinstance(expected, complex):
        mine, other = complex(actual), complex(expected)
        real = _subtract(mine.real, other.real, equal_nan)
        imag = _subtract(mine.imag, other.imag, equal_nan)
        absolute = math.hypot(real, imag)
    else:
        absolute = _subtract(actual, expected, equal_nan)
    if absolute == 0 or math.isinf(absolute):
        return absolute, absolute
    size = measure_size(expected)
    return absolute, absolute / size if size else math.inf


def _subtract(actual: float, expected: float, equal_nan: bool) -> float:
    """Return the distance of two real numbers; infinite where one of them alone is not finite."""
    if actual == expected or (equal_nan and is_nan(actual) and is_nan(expected)):
        return 0.0
    if not (is_finite(actual) and is_finite(expected)):
        return math.inf
    try:
        if isinstance(actual, int) != isinstance(expected, int):
            # Python would round the integer to a float, and find large ones equal.
            return float(abs(Fraction(actual) - Fraction(expected)))
        return float(abs(actual - expected))
    except OverflowError:
        return math.inf


def measure_size(number: Number) -> float:
    """Return the absolute value of what is finite in a number."""
    parts = (number.real, number.imag)
    try:
        size = math.hypot(*(part for part in parts if math.isfinite(part)))
    except OverflowError:  # an integer beyond all floats
        size = math.inf
    # Never infinite, or a relative tolerance would allow everything.
    return min(size, sys.float_info.max)


def is_finite(value: float) -> bool:
    """Whether a real number is finite, as every integer is."""
    return isinstance(value, int) or math.isfinite(value)


def is_nan(value: Number) -> bool:
    """Whether a number (or a part of a complex one) is NaN."""
    return value != value


def _allow(tolerance: Tolerance, expected: Number) -> float:
    if tolerance.rtol == 0:
        return tolerance.atol
    return tolerance.atol + tolerance.rtol * measure_size(expected)


def is_inexact(*dtypes: str) -> bool:
    """Whether any of the dtypes is compared with a tolerance at all."""
    return any(dtype in DEFAULT_TOLERANCES for dtype in dtypes)


def choose_default(
    *dtypes: str, defaults: Defaults = RESULTS, device: DeviceDefaults | None = None
) -> Tolerance:
    """Return the default tolerance of the loosest of some dtypes, on a device."""
    table = defaults.tolerances
    known = [
        Tolerance(
            *device.tolerances[dtype], f"{dtype} on this device: {device.source}", device.reason
        )
        if device and dtype in device.tolerances
        else Tolerance(*table[dtype], f"{dtype} {defaults.name}", defaults.reason)
        for dtype in dtypes
        if dtype in table
    ]
    return max(known, key=lambda each: (each.rtol, each.atol), default=Tolerance(0.0, 0.0, "exact"))


# --- trees ----------------------------------------------------------------------------------------


def decode_tree(data: Mapping[str, Any]) -> Tree:
    """Return a result from the form in which the worker encodes it.

    Raises:
        ValueError: the data is not of that form.
    """
    try:
        return _decode(data)
    except (KeyError, TypeError, AttributeError, struct.error) as error:
        raise ValueError(f"this is no result: {error}") from error


def _decode(data: Mapping[str, Any]) -> Tree:
    if "dtype" in data:
        shape = tuple(map(operator.index, data["shape"]))
        return Array(str(data["dtype"]), shape, _decode_values(data["stored"], shape, data["data"]))
    if "items" in data:
        return [_decode(item) for item in data["items"]]
    if "entries" in data:
        return {key: _decode(item) for key, item in data["entries"].items()}
    if "text" in data:
        return str(data["text"])
    if "none" in data:
        return None
    if "object" in data:
        return Other(f"an object of type {data['object']}")
    raise ValueError(f"this is no result: it has the keys {', '.join(data) or '(none)'}")


def _decode_values(stored: str, shape: Sequence[int], data: str) -> Sequence[Number]:
    raw = base64.b64decode(data, validate=True)
    if stored not in _FORMATS:
        raise ValueError(f"unknown dtype {stored!r}")
    code = _FORMATS[stored]
    numbers = struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw)
    if stored.startswith("complex"):
        numbers = tuple(complex(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True))
    if len(numbers) != math.prod(shape):
        raise ValueError(f"{len(numbers)} values for the shape {tuple(shape)}")
    return numbers


def describe_tree(tree: Tree) -> str:
    """Return what kind of thing a result is, for messages."""
    if isinstance(tree, Array | Sample):
        return "an array"
    if isinstance(tree, Other):
        return tree.description
    if isinstance(tree, str):
        return "text"
    if tree is None:
        return "None"
    if isinstance(tree, Mapping):
        return "a dict"
    return "a tuple or list"


def walk_arrays(tree: Tree) -> Iterator[Array]:
    """Yield the arrays of a tree."""
    if isinstance(tree, Array):
        yield tree
    elif isinstance(tree, Mapping):
        for item in tree.values():
            yield from walk_arrays(item)
    elif isinstance(tree, list):
        for item in tree:
            yield from walk_arrays(item)


def _join(keys: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, keys)) or "(none)"


def _write_index(flat: int, shape: tuple[int, ...]) -> str:
    """Return the index of an element, e.g. ``[1, 2]``; empty for a 0-d array."""
    if not shape:
        return ""
    parts = []
    for length in reversed(shape):
        flat, part = divmod(flat, length)
        parts.append(str(part))
    return f"[{', '.join(reversed(parts))}]"
