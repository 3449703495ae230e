"""The catalogue as data: ops, their cases and their variants. Claims only, no evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from optabs.catalog.positions import Source
from optabs.catalog.source import KeyPath
from optabs.errors import Fault, Place

LONE_RESULT = "result"
"""The name of the result where `expect` names none."""


@dataclass(frozen=True)
class Text:
    """Text from an entry with its place; `line` is the line of its first character."""

    text: str
    place: Place
    line: int
    source: Source | None = None
    """How it is written in the file; without it, rows are taken to follow each other there."""

    def find_line(self, row: int) -> int:
        """Return the line of the file that holds row `row` (from 0) of the text."""
        return self.source.find_row(self.text, row) if self.source else self.line + row

    def find_place(self, row: int, offset: int) -> Place:
        """Return where a character of the text stands in the file; both count from 0."""
        if self.source is None:
            return Place(self.place.file, self.line + row, offset + 1)
        return Place(self.place.file, *self.source.find(self.text, row, offset))


@dataclass(frozen=True)
class Parameter:
    """A standard argument. `default` is Python source, or None where there is no default."""

    name: str
    type: str = ""
    default: str | None = None
    kind: str = "positional_or_keyword"
    is_variadic: bool = False
    doc: str = ""


@dataclass(frozen=True)
class ArrayInput:
    """An array given by its values (nested lists, or one number for a 0-d array)."""

    values: Any
    dtype: str


@dataclass(frozen=True)
class RandomInput:
    """An array drawn by NumPy's `default_rng(seed)` and rounded to `dtype`."""

    distribution: str
    shape: tuple[int, ...]
    dtype: str
    seed: int
    parameters: Mapping[str, float]


@dataclass(frozen=True)
class LinspaceInput:
    """Evenly spaced numbers, both ends included, by NumPy's `linspace`, rounded to `dtype`."""

    low: float
    high: float
    count: int
    dtype: str = "float32"

    @property
    def points(self) -> tuple[float, ...]:
        """The numbers, in double precision."""
        step = (self.high - self.low) / (self.count - 1)
        return tuple(self.low + step * number for number in range(self.count))


@dataclass(frozen=True)
class PythonInput:
    """A Python value, as source text."""

    source: str


@dataclass(frozen=True)
class CodeInput:
    """Code that defines the input; `xp` stands for the framework's array namespace."""

    source: str
    text: Text | None = None
    """The code with its place, where the entry gives it."""


@dataclass(frozen=True)
class SequenceInput:
    """A Python tuple or list of inputs."""

    kind: str
    items: tuple[InputSpec, ...]


NumberInput = ArrayInput | RandomInput | LinspaceInput
"""The inputs that are arrays of a known dtype."""

InputSpec = NumberInput | PythonInput | CodeInput | SequenceInput


@dataclass(frozen=True)
class Input:
    """A named input of a case."""

    name: str
    spec: InputSpec
    place: Place


@dataclass(frozen=True)
class Expected:
    """What a result must be: literal `values`, or the NumPy expression `expr`.

    Of random draws these hold the parameters of their `distribution`, and their shape, by name.
    """

    name: str
    place: Place
    values: Any = None
    expr: str | None = None
    dtype: str | None = None
    up_to: str | None = None
    """What the mathematics leaves open: column-signs or row-signs."""
    text: Text | None = None
    """The expression with its place, where there is one."""
    distribution: str | None = None

    def find_line(self, row: int) -> int:
        """Return the line of the file that holds row `row` (from 0) of the expression."""
        return self.text.find_line(row) if self.text else self.place.line


@dataclass(frozen=True)
class Tolerance:
    """A tolerance that an entry asks for, with the reason that readers see."""

    rtol: float
    atol: float
    reason: str


@dataclass(frozen=True)
class Difference:
    """How some frameworks legitimately differ in a case."""

    frameworks: tuple[str, ...]
    reason: str
    dtype: Mapping[str, str] = field(default_factory=dict)
    expect: tuple[Expected, ...] = ()
    places: tuple[Place, ...] = ()
    """Where each framework is named."""


@dataclass(frozen=True)
class Gradient:
    """What a case of a gradient is about."""

    case: str
    """The id of the case whose result is differentiated."""
    inputs: Mapping[str, str]
    """By name of the result, the input that it is the gradient for."""


@dataclass(frozen=True)
class Case:
    """Inputs and oracle, with a stable id."""

    id: str
    place: Place
    title: str = ""
    inputs: tuple[Input, ...] = ()
    expect: tuple[Expected, ...] = ()
    tolerance: Tolerance | None = None
    equal_nan: bool = False
    grad: bool = False
    gradient: Gradient | None = None
    """What makes this the case of a gradient, which a case with `grad` gives besides itself."""
    plot: str | None = None
    """How its results are drawn, once verified: `curve` or `grid`."""
    differences: tuple[Difference, ...] = ()
    not_on: Mapping[str, str] = field(default_factory=dict)
    """Devices on which no framework runs it, each with the reason."""
    not_on_places: Mapping[str, Place] = field(default_factory=dict)
    time_limit: float | None = None
    source: str = ""

    @property
    def result_names(self) -> tuple[str, ...]:
        """The names that an example must leave defined."""
        return tuple(expected.name for expected in self.expect)

    @property
    def all_expected(self) -> tuple[Expected, ...]:
        """What is expected of results, also where frameworks differ by declaration."""
        own = (expected for item in self.differences for expected in item.expect)
        return (*self.expect, *own)

    @property
    def is_random(self) -> bool:
        """Whether a result is random: then frameworks draw other values."""
        return any(expected.distribution for expected in self.expect)

    @property
    def is_curve(self) -> bool:
        """Whether its results are the many points of a curve, or of the curve's gradient."""
        return self.plot == "curve"

    def find_differences(self, framework: str) -> tuple[Difference, ...]:
        """Return the declared differences of one framework."""
        return tuple(item for item in self.differences if framework in item.frameworks)


@dataclass(frozen=True)
class Variant:
    """One framework's entry in an op."""

    framework: str
    place: Place
    api: str | None = None
    api_place: Place | None = None
    args: Mapping[str, str | None] = field(default_factory=dict)
    argument_places: Mapping[str, Place] = field(default_factory=dict)
    """Where each name of `args` and `inject_args` is written."""
    inject_args: Mapping[str, Any] = field(default_factory=dict)
    pack_to_tuple: str | None = None
    pack_as: str = "Tuple"
    output_select_index: int | None = None
    macro_template: str | None = None
    macro_place: Place | None = None
    transformation_type: str | None = None
    operator: str | None = None
    requires_plugin: str | None = None
    required_imports: tuple[str, ...] = ()
    op_type: str | None = None
    not_synthesised: tuple[str, ...] = ()
    """ODL keys that a synthesised call would ignore; such a variant needs an example."""
    examples: Mapping[str | None, Text] = field(default_factory=dict)
    """Code by case id; the key None holds the code for all cases."""
    unsupported: str | None = None
    untestable: str | None = None
    not_on: Mapping[str, Mapping[str | None, str]] = field(default_factory=dict)
    """By device, why cases are not run there, by id; the key None holds the reason for all."""
    not_on_places: Mapping[str, Place] = field(default_factory=dict)
    notes: Text | None = None
    faults: tuple[Fault, ...] = ()
    """What is wrong in this variant; it costs this tab alone."""

    def find_example(self, case_id: str) -> Text | None:
        """Return the hand-written code for a case, if there is any."""
        return self.examples.get(case_id) or self.examples.get(None)

    def find_own_example(self, case: Case) -> Text | None:
        """Return the hand-written code for a case: for a gradient, only code of its own."""
        return self.examples.get(case.id) if case.gradient else self.find_example(case.id)

    def list_exclusions(self, case: Case | None) -> dict[str, str]:
        """Return the devices on which a case (None: any case) is not run, each with the reason.

        A gradient is not run where the case that it belongs to is not.
        """
        ids: list[str | None] = [None]
        if case is not None:
            ids = [case.id, *([case.gradient.case] if case.gradient else ()), None]
        found = {
            device: next(filter(None, map(reasons.get, ids)), "")
            for device, reasons in self.not_on.items()
        }
        return {device: reason for device, reason in found.items() if reason}

    @property
    def strategy(self) -> str:
        """How the framework's way differs from a plain call, for the reader."""
        if self.unsupported is not None:
            return "Not supported"
        if self.requires_plugin:
            return f"Plugin ({self.requires_plugin})"
        if self.transformation_type == "infix":
            return f"Infix ({self.operator or '?'})"
        if self.transformation_type == "inline_lambda":
            return "Inline lambda"
        if self.macro_template:
            return f"Macro {self.macro_template!r}"
        if self.api:
            return "Direct mapping"
        return "Custom / partial"


@dataclass(frozen=True)
class Op:
    """One operation: what it is, how it is checked, and how each framework has it."""

    operation: str
    place: Place
    path: Path
    description: Text | None = None
    op_type: str = "function"
    parameters: tuple[Parameter, ...] = ()
    return_type: str | None = None
    category: str = ""
    aliases: tuple[str, ...] = ()
    reference: Text | None = None
    cases: tuple[Case, ...] = ()
    """Those without a fault."""
    tolerance: Tolerance | None = None
    variants: Mapping[str, Variant] = field(default_factory=dict)
    see_also: tuple[str, ...] = ()
    see_also_places: tuple[Place, ...] = ()

    @property
    def page(self) -> str:
        """The page's name: that of its file."""
        return self.path.stem

    def has(self, framework: str) -> bool:
        """Whether a framework has the op: there is a variant, which is not unsupported."""
        variant = self.variants.get(framework)
        return variant is not None and variant.unsupported is None

    @cached_property
    def signature(self) -> str:
        """The abstract signature, e.g. ``Softmax(x: Tensor, axis: int = -1) -> Tensor``."""
        parts = []
        starred = False
        for parameter in self.parameters:
            star = {"var_positional": "*", "var_keyword": "**"}.get(parameter.kind, "")
            star = star or "*" * parameter.is_variadic
            if parameter.kind == "keyword_only" and not starred:
                parts.append("*")
            starred = starred or parameter.kind == "keyword_only" or star == "*"
            annotation = f": {parameter.type}" if parameter.type else ""
            default = ""
            if parameter.default is not None:
                default = f" = {parameter.default}" if annotation else f"={parameter.default}"
            parts.append(f"{star}{parameter.name}{annotation}{default}")
        returns = f" -> {self.return_type}" if self.return_type else ""
        return f"{self.operation}({', '.join(parts)}){returns}"


@dataclass(frozen=True)
class Entry:
    """What one file (or one item of a list file) gave: an op, or only faults."""

    path: Path
    file: str
    op: Op | None
    faults: tuple[Fault, ...] = ()
    data: Any = None
    """The entry as plain data, with nothing left out."""


@dataclass(frozen=True)
class Catalog:
    """All entries that were read, in the order of their paths."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...] = ()

    @cached_property
    def ops(self) -> tuple[Op, ...]:
        """The ops that could be read."""
        return tuple(entry.op for entry in self.entries if entry.op is not None)

    @cached_property
    def by_name(self) -> Mapping[str, Op]:
        """Ops by name; aliases too, where no op has that name."""
        names = {alias: op for op in self.ops for alias in op.aliases}
        return {**names, **{op.operation: op for op in self.ops}}

    @cached_property
    def by_path(self) -> Mapping[Path, Entry]:
        """Entries by file (the first one of a list file)."""
        return {entry.path: entry for entry in reversed(self.entries)}


__all__ = [
    "LONE_RESULT",
    "ArrayInput",
    "Case",
    "Catalog",
    "CodeInput",
    "Difference",
    "Entry",
    "Expected",
    "Gradient",
    "Input",
    "InputSpec",
    "KeyPath",
    "LinspaceInput",
    "NumberInput",
    "Op",
    "Parameter",
    "PythonInput",
    "RandomInput",
    "SequenceInput",
    "Text",
    "Tolerance",
    "Variant",
]
