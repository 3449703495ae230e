"""The inputs of a case, from their YAML forms to specifications."""

from __future__ import annotations

import ast
import json
import keyword
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from optabs.catalog.code import find_bound_names, find_code_faults, parse_module
from optabs.catalog.model import (
    ArrayInput,
    CodeInput,
    InputSpec,
    LinspaceInput,
    PythonInput,
    RandomInput,
    SequenceInput,
    Text,
)
from optabs.catalog.schema import (
    ANY,
    DROPPED,
    DTYPE,
    NATURAL,
    NUMBER,
    WORDS,
    Choice,
    Key,
    ListOf,
    Record,
    Reporter,
    shorten,
)
from optabs.catalog.source import KeyPath
from optabs.errors import suggest_name

DISTRIBUTIONS = {"normal": ("mean", "std"), "uniform": ("low", "high"), "integers": ("low", "high")}
MAX_ELEMENTS = 1_000_000

# Signs that look like a minus, as word processors and web pages have them.
_MINUSES = ("\u2212", "\u2013", "\u2012")
_CALL = re.compile(r"(np|numpy|torch|jnp|jax|tf|mx)(\.\w+)+\(")

_LARGEST_FLOATS = {
    "float16": 65504.0,
    "bfloat16": 3.3895313892515355e38,
    "float32": 3.4028234663852886e38,
    "complex64": 3.4028234663852886e38,
}

RANDOM = Record(
    "a random input",
    {
        "random": Key(Choice(tuple(DISTRIBUTIONS)), "The distribution.", "normal", required=True),
        "shape": Key(ListOf(NATURAL), "The shape of the array.", [2, 3], required=True),
        "dtype": Key(
            DTYPE,
            "The dtype that the numbers are rounded to.",
            "float64",
            default="`float32`, of integers `int32`",
        ),
        "seed": Key(NATURAL, "The seed.", 7, default="the position of the input, counted from 0"),
        "mean": Key(NUMBER, "The mean, of `normal`.", 5, default="0"),
        "std": Key(NUMBER, "The standard deviation, of `normal`.", 0.1, default="1"),
        "low": Key(NUMBER, "The lower bound, of `uniform` and `integers`.", -1, default="0"),
        "high": Key(
            NUMBER, "The upper bound of these; it is never drawn.", 1, default="1, of `integers` 10"
        ),
    },
    doc="An array drawn by NumPy's generator from a seed, the same in all frameworks.",
)

MAX_POINTS = 1_000

LINSPACE = Record(
    "an evenly spaced input",
    {
        "linspace": Key(
            ListOf(NUMBER),
            "The first and the last of evenly spaced numbers.",
            [-6, 6],
            required=True,
        ),
        "count": Key(NATURAL, "How many numbers there are.", 64, default="128"),
    },
    doc="Evenly spaced numbers, both ends included, as for a curve that is drawn.",
)


FORMS: Mapping[str, Record] = {
    "values": Record(
        "a typed input",
        {
            "values": Key(ANY, "A number, or nested lists of numbers.", [1, 2], required=True),
            "dtype": Key(
                DTYPE,
                "The dtype of the array.",
                "int64",
                default="`bool`, `int32` or `float32`, as the values are",
            ),
        },
        doc="An array of a dtype. `{values: 0.5}` is an array with no axes.",
    ),
    "random": RANDOM,
    "linspace": LINSPACE,
    "python": Record(
        "a Python input",
        {"python": Key(ANY, "A literal of Python.", "(2, 3)", required=True)},
        doc="Any Python value that can be written down.",
    ),
    "code": Record(
        "an input given as code",
        {
            "code": Key(
                WORDS,
                "Code that defines the input's name. `xp` stands for the framework's namespace.",
                "def fun(x): return xp.sin(x)",
                required=True,
            )
        },
        doc="What only code can say: a function to be differentiated, for instance.",
    ),
    "tuple": Record(
        "a tuple of inputs",
        {"tuple": Key(ListOf(ANY), "Its items, each an input.", [[1.0], [2.0]], required=True)},
        doc="A Python tuple of arrays or other inputs.",
    ),
    "list": Record(
        "a list of inputs",
        {"list": Key(ListOf(ANY), "Its items, each an input.", [[1.0], [2.0]], required=True)},
        doc="A Python list of arrays or other inputs; a plain YAML list is one array.",
    ),
}
"""The forms of an input that are mappings, each by the key that it is told by."""


def read_input(value: Any, path: KeyPath, position: int, report: Reporter) -> InputSpec | None:
    """Return the input that stands at `path`, or None after reporting what is wrong with it."""
    if isinstance(value, list):
        return _read_array(value, None, path, report)
    if not isinstance(value, dict):
        if isinstance(value, str) and (hint := _find_lost_type(value, path, report)):
            name = _find_name(path)
            report.note_fault(
                path, "bad-input", f"`{name}` is the text {shorten(repr(value))}", hint
            )
            return None
        return PythonInput(write_python(value))
    forms = FORMS.keys() & value.keys()
    if len(forms) != 1:
        _report_form(value, path, report)
        return None
    form = forms.pop()
    if form == "random":
        return _read_random(value, path, position, report)
    if form == "linspace":
        return _read_linspace(value, path, report)
    inner = (*path, form)
    for key in value.keys() - FORMS[form].keys.keys():
        report.note_key_fault(
            (*path, key),
            "unknown-key",
            f"an input of the form {{{form}: ...}} has no key {shorten(repr(key))}",
            suggest_name(key, FORMS[form].keys) or "it may have " + ", ".join(FORMS[form].keys),
        )
    if form == "values":
        dtype = value.get("dtype")
        if "dtype" in value and DTYPE.check(dtype, (*path, "dtype"), report) is DROPPED:
            return None
        return _read_array(value["values"], dtype, inner, report)
    if form == "python":
        return _read_python(value["python"], inner, report)
    if form == "code":
        return _read_code(value["code"], _find_name(path), inner, report)
    if not isinstance(value[form], list):
        report.note_wrong_type(inner, value[form], "a list of inputs")
        return None
    items = [
        _read_item(item, (*inner, index), position, report)
        for index, item in enumerate(value[form])
    ]
    found = tuple(item for item in items if item is not None)
    return SequenceInput(form, found) if len(found) == len(items) else None


def _find_lost_type(text: str, path: KeyPath, report: Reporter) -> str:
    """Return what to write for a text that was meant as Python's, having no quotes."""
    source = report.document.find_source(path)
    if source is None or source.style or path in report.document.fault_paths:
        return ""
    if text == "None":
        return "write null, or put quotes around the text"
    if text.lower().lstrip("+-") in ("nan", "inf"):
        return "write .nan, .inf or -.inf, or put quotes around the text"
    if text[:1] in _MINUSES and text[1:2].isdigit():
        return f"write -{text[1:]}, with the minus sign of the keyboard, or put quotes around it"
    if _CALL.match(text):
        return "write the values or {random: ..., shape: [...]}, or put quotes around the text"
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
    return f"write {{python: {json.dumps(text)}}}, or put quotes around the text"


def _read_item(value: Any, path: KeyPath, position: int, report: Reporter) -> InputSpec | None:
    if isinstance(value, dict) and "code" in value:
        report.note_key_fault(
            (*path, "code"),
            "bad-input",
            "code cannot stand in a sequence",
            "make it an input of its own",
        )
        return None
    return read_input(value, path, position, report)


def _report_form(value: dict[str, Any], path: KeyPath, report: Reporter) -> None:
    known = FORMS.keys() & value.keys()
    name = _find_name(path)
    hint = (
        "write a number, a list, or exactly one of {values: ...}, {random: ...}, {linspace: ...}, "
        "{python: ...}, {code: ...}, {tuple: [...]}, {list: [...]}"
    )
    if known:
        named = " and ".join(sorted(known))
        report.note_fault(path, "bad-input", f"`{name}` has more than one form: {named}", hint)
        return
    for key in value:
        nearest = suggest_name(key, FORMS)
        if nearest and key not in (*RANDOM.keys, *LINSPACE.keys):
            report.note_key_fault(
                (*path, key),
                "unknown-key",
                f"the input `{name}` has no key {shorten(repr(key))}",
                nearest,
            )
            return
    report.note_fault(path, "bad-input", f"`{name}` has no form that is known", hint)


def _find_name(path: KeyPath) -> str:
    """Return the name of the input that `path` lies in."""
    return str(path[path.index("inputs") + 1] if "inputs" in path else path[-1])


# --- arrays ---------------------------------------------------------------------------------------


def _read_array(
    values: Any, dtype: str | None, path: KeyPath, report: Reporter
) -> ArrayInput | None:
    name = _find_name(path)
    kinds: set[type] = set()
    shape = measure_shape(values, kinds)
    if shape is None:
        report.note_fault(
            path,
            "ragged-array",
            f"the rows of `{name}` differ in length",
            "make them equally long, or use {python: ...} for a nested list that is no array",
        )
        return None
    if math.prod(shape) > MAX_ELEMENTS:
        report.note_fault(
            path, "bad-shape", f"`{name}` has {math.prod(shape)} elements", "use {random: ...}"
        )
        return None
    if dtype is None:
        if bool in kinds and len(kinds) > 1:
            report.note_fault(
                path,
                "bad-input",
                f"`{name}` mixes true/false with numbers",
                "write one or the other",
            )
            return None
        dtype = "bool" if kinds == {bool} else "int32" if kinds == {int} else "float32"
    for where, value in _walk_leaves(values, path):
        problem = _find_problem(value, dtype)
        if problem:
            report.note_fault(where, "bad-input", f"`{name}` holds {problem[0]}", problem[1])
            return None
    return ArrayInput(values, dtype)


def measure_shape(values: Any, kinds: set[type]) -> tuple[int, ...] | None:
    """Return the shape of nested lists (None if ragged), adding their leaves' types to `kinds`."""
    if not isinstance(values, list):
        kinds.add(type(values))
        return ()
    shapes = {measure_shape(item, kinds) for item in values}
    if len(shapes) > 1 or None in shapes:
        return None
    return (len(values), *(shapes.pop() or ())) if shapes else (0,)


def _walk_leaves(values: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(values, list):
        for index, item in enumerate(values):
            yield from _walk_leaves(item, (*path, index))
    else:
        yield path, values


def _find_problem(value: Any, dtype: str) -> tuple[str, str] | None:
    """Return why a value cannot be an element of an array (what it is, what to do), or None."""
    shown = shorten(repr(value))
    if dtype.startswith("complex"):
        number = read_complex(value)
        if number is None:
            return f"{shown}, which is no complex number", "write e.g. '1+2j'"
        value = number
    elif isinstance(value, str) and value.lower().lstrip("+-.") in ("nan", "inf", "infinity"):
        return f"the text {shown}", "write .nan, .inf or -.inf"
    elif not isinstance(value, bool | int | float):
        hint = "use {python: ...} for other Python values"
        if read_complex(value) is not None:
            hint = "write it without quotes and underscores; complex ones need dtype: complex64"
        return f"{shown}, which is no number", hint
    if dtype == "bool":
        return None if value in (0, 1) else (f"{shown}, which is no bool", "write true or false")
    if "int" in dtype:
        bits = int(dtype.lstrip("uint"))
        low, high = (
            (0, 2**bits - 1) if dtype[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
        if not math.isfinite(value) or value != int(value):
            return f"{shown}, which is no whole number", "use a floating dtype"
        return (
            None
            if low <= value <= high
            else (f"{shown}, which {dtype} cannot hold", "use {values: ..., dtype: int64}")
        )
    largest = _LARGEST_FLOATS.get(dtype, math.inf)
    try:
        parts = (complex(value).real, complex(value).imag)
        fits = not any(math.isfinite(part) and abs(part) > largest for part in parts)
    except OverflowError:
        fits = False
    return None if fits else (f"{shown}, which {dtype} cannot hold", "use a wider dtype, or .inf")


def read_complex(value: Any) -> complex | None:
    """Return the complex number that a YAML value stands for, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return complex(value)
    except (ValueError, OverflowError):
        return None


# --- random arrays --------------------------------------------------------------------------------


def _read_random(
    value: dict[str, Any], path: KeyPath, position: int, report: Reporter
) -> RandomInput | None:
    before = len(report.document.faults)
    found = RANDOM.check(value, path, report)
    if found is DROPPED or len(report.document.faults) > before:
        return None
    distribution = found["random"]
    allowed = DISTRIBUTIONS[distribution]
    for key in found.keys() & {"mean", "std", "low", "high"} - set(allowed):
        report.note_key_fault(
            (*path, key),
            "unknown-key",
            f"a {distribution} distribution has no {key!r}",
            "it has " + " and ".join(allowed),
        )
    elements = math.prod(found["shape"])
    if elements > MAX_ELEMENTS:
        report.note_fault(
            (*path, "shape"),
            "bad-shape",
            f"{shorten(str(elements))} elements",
            f"use at most {MAX_ELEMENTS}",
        )
    parameters = {key: found[key] for key in allowed if key in found}
    if distribution == "integers":
        parameters = {"low": 0, "high": 10, **parameters}
    dtype = found.get("dtype", "int32" if distribution == "integers" else "float32")
    problem = _find_draw_problem(distribution, parameters, dtype)
    if problem:
        key, message, hint = problem
        report.note_fault((*path, key), "bad-input", message, hint)
    if len(report.document.faults) > before:
        return None
    return RandomInput(
        distribution, tuple(found["shape"]), dtype, found.get("seed", position), parameters
    )


def _find_draw_problem(
    distribution: str, parameters: dict[str, Any], dtype: str
) -> tuple[str, str, str] | None:
    """Return what is wrong (at which key, what, what to do) with how numbers are drawn."""
    low, high = parameters.get("low", 0), parameters.get("high", 1)
    if distribution == "integers":
        for key in ("low", "high"):
            if not isinstance(parameters[key], int):
                return key, f"`{key}` wants a whole number", "integers are drawn"
        for key, bound in (("low", low), ("high", high - 1)):
            if _find_problem(bound, dtype):
                return key, f"{dtype} cannot hold {bound}", "use another bound or dtype"
    elif "float" not in dtype and "complex" not in dtype:
        return (
            "dtype",
            f"a {distribution} distribution gives no {dtype}",
            "use a floating dtype, or {random: integers}",
        )
    if low >= high:
        return (
            "high",
            f"`high` is not above `low`, which is {low}",
            "the upper bound is never drawn",
        )
    if parameters.get("std", 1) < 0:
        return "std", "a standard deviation is not negative", "write it without the sign"
    return None


def _read_linspace(value: dict[str, Any], path: KeyPath, report: Reporter) -> LinspaceInput | None:
    before = len(report.document.faults)
    found = LINSPACE.check(value, path, report)
    if found is DROPPED or len(report.document.faults) > before:
        return None
    ends, count = found["linspace"], found.get("count", 128)
    if len(ends) != 2 or not ends[0] < ends[1] or max(map(abs, ends)) > _LARGEST_FLOATS["float32"]:
        report.note_fault(
            (*path, "linspace"),
            "bad-input",
            "`linspace` wants two numbers, the smaller one first",
            "write e.g. [-6, 6]",
        )
        return None
    if not 2 <= count <= MAX_POINTS:
        report.note_fault(
            (*path, "count"), "bad-input", f"{count} points", f"use 2 to {MAX_POINTS}"
        )
        return None
    return LinspaceInput(float(ends[0]), float(ends[1]), count)


# --- Python ---------------------------------------------------------------------------------------


def write_python(value: Any) -> str:
    """Return a YAML value as Python source, which `repr` does not for infinities and NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, list):
        return f"[{', '.join(map(write_python, value))}]"
    if isinstance(value, dict):
        items = (f"{key!r}: {write_python(item)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    return repr(value)


def _read_python(value: Any, path: KeyPath, report: Reporter) -> PythonInput | None:
    if not isinstance(value, str):
        return PythonInput(write_python(value))
    source = value.strip()
    try:
        ast.literal_eval(source)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        report.note_fault(
            path,
            "bad-python",
            f"{shorten(repr(source))} is no Python literal",
            "write e.g. (2, 3), [1, 2], 'text', or use {code: ...}",
        )
        return None
    return PythonInput(source)


def _read_code(value: Any, name: str, path: KeyPath, report: Reporter) -> CodeInput | None:
    if WORDS.check(value, path, report) is DROPPED:
        return None
    document = report.document
    place = document.find_place(path)
    text = Text(value.rstrip(), place, place.line, document.find_source(path))
    faults = list(find_code_faults(text))
    for fault in faults:
        document.note_fault(fault, path)
    if faults:
        return None
    if name not in find_bound_names(text.text):
        report.note_fault(
            path,
            "bad-python",
            f"the code does not define `{name}`",
            f"begin it with `{name} = ` or `def {name}(`",
        )
        return None
    if _formats_namespace(text.text):
        report.note_fault(
            path,
            "bad-python",
            "`xp` stands in an f-string, where it is not replaced",
            "give the value a name before",
        )
        return None
    return CodeInput(text.text, text)


def _formats_namespace(code: str) -> bool:
    return "xp" in code and any(
        isinstance(inner, ast.Name) and inner.id == "xp"
        for node in ast.walk(parse_module(code))
        if isinstance(node, ast.JoinedStr)
        for inner in ast.walk(node)
    )


def is_input_name(name: str) -> bool:
    """Whether `name` can be a variable of an example, spelt as Python itself spells it.

    What snippets bind themselves cannot: NumPy, the namespace, the generator of random inputs.
    """
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and name not in ("np", "xp", "rng")
        and unicodedata.normalize("NFKC", name) == name
    )
