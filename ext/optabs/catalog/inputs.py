"""The inputs of a case, from their YAML forms to specifications."""

from __future__ import annotations

import ast
import keyword
from typing import Any

from optabs.catalog.model import (
    ArrayInput,
    CodeInput,
    InputSpec,
    PythonInput,
    RandomInput,
    SequenceInput,
)
from optabs.catalog.schema import (
    DROPPED,
    DTYPE,
    NUMBER,
    TEXT,
    WHOLE,
    Choice,
    Key,
    ListOf,
    Record,
    Reporter,
)
from optabs.catalog.source import KeyPath

DISTRIBUTIONS = {"normal": ("mean", "std"), "uniform": ("low", "high"), "integers": ("low", "high")}
MAX_ELEMENTS = 1_000_000

RANDOM = Record(
    "a random input",
    {
        "random": Key(Choice(tuple(DISTRIBUTIONS)), "The distribution.", "normal", required=True),
        "shape": Key(ListOf(WHOLE), "The shape.", [2, 3], required=True),
        "dtype": Key(DTYPE, "The dtype that the values are rounded to.", "float32"),
        "seed": Key(WHOLE, "The seed; by default the input's position.", 7),
        "mean": Key(NUMBER, "Mean of the normal distribution.", 0),
        "std": Key(NUMBER, "Standard deviation of the normal distribution.", 1),
        "low": Key(NUMBER, "Lower bound.", 0),
        "high": Key(NUMBER, "Upper bound (not included).", 1),
    },
)


def read_input(value: Any, path: KeyPath, position: int, report: Reporter) -> InputSpec | None:
    """Return the input that stands at `path`, or None after reporting what is wrong with it."""
    if isinstance(value, list):
        return _read_array(value, None, path, report)
    if not isinstance(value, dict):
        return PythonInput(_write_python(value))
    forms = {"values", "random", "python", "code", "tuple", "list"} & value.keys()
    if len(forms) != 1:
        report.note_fault(
            path,
            "bad-input",
            f"`{path[-1]}` has no single form",
            "write a number, a list, or exactly one of {values: ...}, {random: ...}, "
            "{python: ...}, {code: ...}, {tuple: [...]}, {list: [...]}",
        )
        return None
    form = forms.pop()
    if form == "random":
        return _read_random(value, path, position, report)
    allowed = {"values", "dtype"} if form == "values" else {form}
    for key in value.keys() - allowed:
        report.note_key_fault(
            (*path, key),
            "unknown-key",
            f"an input of the form {{{form}: ...}} has no key {key!r}",
            "it may have " + ", ".join(sorted(allowed)),
        )
    inner = (*path, form)
    if form == "values":
        dtype = value.get("dtype")
        if dtype is not None and DTYPE.check(dtype, (*path, "dtype"), report) is DROPPED:
            return None
        return _read_array(value["values"], dtype, path, report)
    if form == "python":
        return _read_python(value["python"], inner, report)
    if form == "code":
        return _read_code(value["code"], str(path[-1]), inner, report)
    if not isinstance(value[form], list):
        report.note_wrong_type(inner, value[form], "a list of inputs")
        return None
    items = [
        read_input(item, (*inner, index), position, report)
        for index, item in enumerate(value[form])
    ]
    if None in items:
        return None
    return SequenceInput(form, tuple(item for item in items if item is not None))


def _read_array(
    values: Any, dtype: str | None, path: KeyPath, report: Reporter
) -> ArrayInput | None:
    kinds: set[type] = set()
    shapes: set[tuple[int, ...] | None] = {measure_shape(values, kinds)}
    if None in shapes:
        report.note_fault(
            path,
            "ragged-array",
            f"the rows of `{path[-1]}` differ in length",
            "use {python: ...} for a nested list that is no array",
        )
        return None
    if not kinds <= {bool, int, float} and not (dtype or "").startswith("complex"):
        report.note_fault(
            path,
            "bad-input",
            f"`{path[-1]}` holds something that is no number",
            "use {python: ...} for other Python values",
        )
        return None
    if dtype is None:
        dtype = "bool" if kinds == {bool} else "int32" if kinds == {int} else "float32"
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


def _read_random(
    value: dict[str, Any], path: KeyPath, position: int, report: Reporter
) -> RandomInput | None:
    found = RANDOM.check(value, path, report)
    if found is DROPPED:
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
        return None
    elements = 1
    for length in found["shape"]:
        elements *= length
    if elements > MAX_ELEMENTS or min(found["shape"], default=0) < 0:
        report.note_fault(
            (*path, "shape"),
            "bad-shape",
            f"{elements} elements",
            f"use lengths from 0, and at most {MAX_ELEMENTS} elements",
        )
        return None
    parameters = {key: found[key] for key in allowed if key in found}
    if distribution == "integers":
        parameters = {"low": 0, "high": 10, **parameters}
    default = "int32" if distribution == "integers" else "float32"
    return RandomInput(
        distribution,
        tuple(found["shape"]),
        found.get("dtype", default),
        found.get("seed", position),
        parameters,
    )


def _write_python(value: Any) -> str:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f'float("{value}")'
    return repr(value)


def _read_python(value: Any, path: KeyPath, report: Reporter) -> PythonInput | None:
    if not isinstance(value, str):
        return PythonInput(_write_python(value))
    try:
        ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        report.note_fault(
            path,
            "bad-python",
            f"{value!r} is no Python literal",
            "write e.g. (2, 3), [1, 2], 'text', or use {code: ...}",
        )
        return None
    return PythonInput(value)


def _read_code(value: Any, name: str, path: KeyPath, report: Reporter) -> CodeInput | None:
    if TEXT.check(value, path, report) is DROPPED:
        return None
    try:
        tree = ast.parse(value)
    except (SyntaxError, ValueError, RecursionError) as error:
        report.note_fault(path, "bad-python", f"this is no Python: {error}", "mend the code")
        return None
    bound = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    bound |= {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    if name not in bound:
        report.note_fault(
            path,
            "bad-python",
            f"the code does not define `{name}`",
            f"begin it with `{name} = ` or `def {name}(`",
        )
        return None
    return CodeInput(value.rstrip("\n"))


def is_input_name(name: str) -> bool:
    """Whether `name` can be a variable of an example."""
    return name.isidentifier() and not keyword.iskeyword(name)
