"""The inputs of a case as code, in the idiom of a framework's users."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from optabs.catalog.inputs import measure_shape, read_complex, write_python
from optabs.catalog.model import (
    ArrayInput,
    CodeInput,
    InputSpec,
    LinspaceInput,
    PythonInput,
    RandomInput,
    SequenceInput,
)
from optabs.frameworks import Framework, ValueIdiom
from optabs.snippet.lines import replace_name

# What fits beside the navigation of a page without scrolling.
LINE_LENGTH = 72

# NumPy's names for the parameters of a distribution.
_PARAMETERS = {"mean": "loc", "std": "scale"}


def write_input(name: str, spec: InputSpec, framework: Framework) -> list[str]:
    """Return the lines that make an input in the framework's own idiom."""
    if isinstance(spec, CodeInput):
        return replace_name(spec.source, "xp", framework.namespace).split("\n")
    if isinstance(spec, RandomInput):
        draw = _write_draw(spec, "rng")
        value = framework.values.typed.format(
            value=draw, dtype=framework.values.write_dtype(spec.dtype)
        )
        return [f"rng = np.random.default_rng({spec.seed})", f"{name} = {value}"]
    target = f"{name} = "
    return (target + write_value(spec, framework.values, LINE_LENGTH - len(target))).split("\n")


def write_value(spec: InputSpec, idiom: ValueIdiom, room: int | None = None) -> str:
    """Return the expression for an input (not for a CodeInput), in several lines beyond `room`."""
    if isinstance(spec, PythonInput):
        return spec.source
    if isinstance(spec, SequenceInput):
        return write_sequence(spec.kind, [write_value(item, idiom) for item in spec.items], room)
    if isinstance(spec, RandomInput):
        draw = _write_draw(spec, f"np.random.default_rng({spec.seed})")
        return idiom.typed.format(value=draw, dtype=idiom.write_dtype(spec.dtype))
    if isinstance(spec, LinspaceInput):
        points = f"np.linspace({spec.low!r}, {spec.high!r}, {spec.count})"
        return idiom.typed.format(value=points, dtype=idiom.write_dtype(spec.dtype))
    if isinstance(spec, ArrayInput):
        is_implied = idiom.implied.get(_find_kind(spec)) == spec.dtype
        pattern = idiom.array if is_implied else idiom.typed
        dtype = idiom.write_dtype(spec.dtype)
        written = pattern.format(value=write_literal(spec.values, spec.dtype), dtype=dtype)
        if room is None or len(written) <= room or not isinstance(spec.values, list):
            return written
        literal = "\n".join(_break_literal(spec.values, spec.dtype, ""))
        return pattern.format(value=literal, dtype=dtype)
    raise TypeError(spec)


def write_reference_input(name: str, spec: InputSpec, numpy: Framework) -> list[str]:
    """Return the lines that make an input for the oracle: rounded to its dtype, then widened."""
    if isinstance(spec, CodeInput):
        return write_input(name, spec, numpy)
    target = f"{name} = "
    return (target + _write_wide(spec, numpy.values, LINE_LENGTH - len(target))).split("\n")


def _write_wide(spec: InputSpec, idiom: ValueIdiom, room: int | None = None) -> str:
    if isinstance(spec, SequenceInput):
        return write_sequence(spec.kind, [_write_wide(item, idiom) for item in spec.items], room)
    if isinstance(spec, PythonInput | CodeInput):
        return write_value(spec, idiom)
    if spec.dtype == "bfloat16":
        # NumPy has no bfloat16: round float32 to its upper half, ties to even.
        narrow = write_value(replace(spec, dtype="float32"), idiom, room)
        return (
            f"(lambda b: ((b + 0x7FFF + ((b >> 16) & 1)) & 0xFFFF0000).astype(np.uint32)"
            f".view(np.float32).astype(np.float64))"
            f"(np.asarray({narrow}).view(np.uint32).astype(np.uint64))"
        )
    wide = {"f": ".astype(np.float64)", "c": ".astype(np.complex128)"}.get(spec.dtype[0], "")
    return write_value(spec, idiom, room and room - len(wide)) + wide


def write_sequence(kind: str, items: list[str], room: int | None = None) -> str:
    """Return a Python tuple or list of expressions, an item a line beyond `room`."""
    opening, closing = ("[", "]") if kind == "list" else ("(", ")")
    comma = "," if kind == "tuple" and len(items) == 1 else ""
    written = f"{opening}{', '.join(items)}{comma}{closing}"
    if room is None or len(written) <= room or not items:
        return written
    return "\n".join([opening, *(f"    {item}," for item in items), closing])


def _write_draw(spec: RandomInput, generator: str) -> str:
    shape = f"({', '.join(map(str, spec.shape))}{',' if len(spec.shape) == 1 else ''})"
    arguments = "".join(
        f"{_PARAMETERS.get(key, key)}={value!r}, " for key, value in spec.parameters.items()
    )
    return f"{generator}.{spec.distribution}({arguments}size={shape})"


def _find_kind(spec: ArrayInput) -> str:
    """Return what kind of literal Python sees in an array: ``bool``, ``int``, ``float``, ..."""
    kinds: set[type] = set()
    shape = measure_shape(spec.values, kinds)
    if shape is None or 0 in shape:
        return "float"  # of an empty list every framework makes floats
    if spec.dtype.startswith("complex"):
        return "complex" if str in kinds else "float"
    return "float" if "float" in spec.dtype else "bool" if spec.dtype == "bool" else "int"


def write_literal(values: Any, dtype: str) -> str:
    """Return nested lists as Python source; the numbers are written as their dtype's kind."""
    if isinstance(values, list):
        return f"[{', '.join(write_literal(item, dtype) for item in values)}]"
    if dtype.startswith("complex"):
        return _write_complex(values)
    if "float" in dtype:
        return write_python(float(values))
    return repr(bool(values) if dtype == "bool" else int(values))


def _write_complex(value: Any) -> str:
    number = read_complex(value)
    if number is None or not isinstance(value, str):
        return write_python(value)
    if number - number == 0:  # finite
        return repr(number).strip("()")
    return f"complex({write_python(number.real)}, {write_python(number.imag)})"


def _break_literal(values: list[Any], dtype: str, indent: str) -> list[str]:
    """Return a list as lines: an item on each where items are lists, else as many as fit."""
    inner = f"{indent}    "
    lines = ["["]
    for item in values:
        written = f"{write_literal(item, dtype)},"
        if not isinstance(item, list):
            if len(lines) > 1 and len(f"{lines[-1]} {written}") <= LINE_LENGTH:
                lines[-1] += f" {written}"
            else:
                lines.append(inner + written)
        elif len(inner + written) <= LINE_LENGTH:
            lines.append(inner + written)
        else:
            first, *others = _break_literal(item, dtype, inner)
            lines += [inner + first, *others]
            lines[-1] += ","
    return [*lines, f"{indent}]"]
