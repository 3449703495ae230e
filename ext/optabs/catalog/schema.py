"""The catalogue format: which keys an entry may have, what they hold, and what they mean.

One description serves the checks here, the guide and the editors' JSON Schema. A kind's `check`
returns the value without its faulty parts, so that one bad key costs no more than that key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import yaml

from optabs.catalog.source import KeyPath, YamlDocument
from optabs.errors import Fault, suggest_name

# Returned by `check` for a value of which nothing can be used.
DROPPED: Any = object()

_SHOWN_LENGTH = 60
_QUOTES = ("'", '"')


def describe_value(value: object) -> str:
    """Return what a contributor calls a value, e.g. ``the number 5``."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"the number {shorten(str(value))}"
    if isinstance(value, str):
        return f"the text {shorten(repr(value))}"
    return "a list" if isinstance(value, list) else "a mapping"


def shorten(text: str) -> str:
    """Return `text` at a length that fits in a message."""
    if len(text) <= _SHOWN_LENGTH:
        return text
    return f"{text[:_SHOWN_LENGTH]}...{text[-1] if text[-1] in _QUOTES else ''}"


class Reporter:
    """Collects the faults of one document."""

    def __init__(self, document: YamlDocument) -> None:
        self.document = document

    def note_fault(self, path: KeyPath, code: str, message: str, hint: str = "") -> None:
        """Record a fault at the value that stands at `path`."""
        place = self.document.find_place(path)
        self.document.note_fault(Fault(place, code, message, hint), path)

    def note_key_fault(self, path: KeyPath, code: str, message: str, hint: str = "") -> None:
        """Record a fault at the key that `path` ends in."""
        place = self.document.find_key_place(path)
        self.document.note_fault(Fault(place, code, message, hint), path)

    def note_wrong_type(self, path: KeyPath, value: object, wanted: str, hint: str = "") -> Any:
        """Record that `value` is not what was wanted; returns DROPPED.

        Says nothing of a value that is already known to be faulty.
        """
        if path in self.document.fault_paths:
            return DROPPED
        name = next((f"`{part}` " for part in reversed(path) if isinstance(part, str)), "")
        self.note_fault(
            path, "wrong-type", f"{name}wants {wanted}, found {describe_value(value)}", hint
        )
        return DROPPED


class Kind(Protocol):
    """What a value may be."""

    @property
    def wanted(self) -> str:
        """What a contributor should write, e.g. ``a list``."""

    def check(self, value: Any, path: KeyPath, report: Reporter) -> Any:
        """Return the usable part of `value` (or DROPPED) and report the rest."""


SAID = dict.fromkeys(("y", "yes", "on", "true"), "true") | dict.fromkeys(
    ("n", "no", "off", "false"), "false"
)
"""Texts that stand for a truth value, and how it is written."""


@dataclass(frozen=True)
class Scalar:
    """A single value of one of some types."""

    types: tuple[type, ...]
    wanted: str
    rule: Callable[[Any], bool] = field(default=lambda value: True)
    """Which values of these types are good; `wanted` says it in words."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """The same in words of JSON Schema, as far as these go."""
    is_reason: bool = False
    """Whether it says why: then neither `true` nor a number becomes right in quotes."""

    def check(self, value: Any, path: KeyPath, report: Reporter) -> Any:
        """See Kind. `true` is no number."""
        if type(value) in self.types and self.rule(value):
            return value
        return report.note_wrong_type(path, value, self.wanted, self._find_hint(value))

    def _find_hint(self, value: Any) -> str:
        if value is None:
            quotes = ", or put quotes around the word" if str in self.types else ""
            return f"fill it in, or remove it{quotes}"
        if str in self.types and isinstance(value, bool | int | float):
            return "write the reason" if self.is_reason else "put quotes around it"
        if not isinstance(value, str):
            return ""
        if bool in self.types and (meant := SAID.get(value.lower())):
            return f"write {meant}"
        number = _read_number(value)
        if number is not None and type(number) in self.types:
            return f"write {number}"
        return ""


def _read_number(text: str) -> int | float | None:
    """Return the number that a text was meant to be, e.g. one in quotes."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


@dataclass(frozen=True)
class Choice:
    """One of some fixed words."""

    words: tuple[str, ...]

    @property
    def wanted(self) -> str:
        """See Kind."""
        return "one of " + ", ".join(self.words)

    def check(self, value: Any, path: KeyPath, report: Reporter) -> Any:
        """See Kind."""
        if not isinstance(value, str):
            return report.note_wrong_type(path, value, self.wanted)
        if value in self.words:
            return value
        report.note_fault(
            path,
            "unknown-word",
            f"`{path[-1]}` does not know {shorten(repr(value))}",
            suggest_name(value, self.words) or f"write {self.wanted}",
        )
        return DROPPED


@dataclass(frozen=True)
class Maybe:
    """A value that null stands for the lack of, as in data written by ODL's own tools."""

    kind: Kind

    @property
    def wanted(self) -> str:
        """See Kind."""
        return f"{self.kind.wanted} or null"

    def check(self, value: Any, path: KeyPath, report: Reporter) -> Any:
        """See Kind. Null is dropped without a word."""
        return DROPPED if value is None else self.kind.check(value, path, report)


@dataclass(frozen=True)
class Anything:
    """Any YAML value."""

    wanted: str = "any value"

    def check(self, value: Any, path: KeyPath, report: Reporter) -> Any:
        """See Kind."""
        return value


@dataclass(frozen=True)
class ListOf:
    """A list of one kind. With `gaps`, faulty items stay as DROPPED, so that indices hold."""

    item: Kind
    wanted: str = "a list"
    gaps: bool = False

    def check(self, value: Any, path: KeyPath, report: Reporter) -> Any:
        """See Kind."""
        if not isinstance(value, list):
            return report.note_wrong_type(path, value, self.wanted, self._find_hint(value))
        checked = [
            self.item.check(item, (*path, index), report) for index, item in enumerate(value)
        ]
        return checked if self.gaps else [item for item in checked if item is not DROPPED]

    def _find_hint(self, value: Any) -> str:
        if isinstance(value, str) and value.startswith("("):
            whole = value.endswith(")")
            return f"write [{shorten(value[1:-1])}]" if whole else "write square brackets: [2, 3]"
        return f"write [{shorten(str(value))}]" if isinstance(value, str | int | float) else ""


@dataclass(frozen=True)
class MapOf:
    """A mapping whose keys the contributor chooses."""

    value: Kind
    wanted: str = "a mapping"

    def check(self, value: Any, path: KeyPath, report: Reporter) -> Any:
        """See Kind."""
        if not isinstance(value, dict):
            hint = "write {name: value, ...}" if value is not None else "fill it in, or remove it"
            return report.note_wrong_type(path, value, self.wanted, hint)
        checked = {key: self.value.check(item, (*path, key), report) for key, item in value.items()}
        return {key: item for key, item in checked.items() if item is not DROPPED}


@dataclass(frozen=True)
class Key:
    """One key of a record."""

    kind: Kind
    description: str
    example: Any
    required: bool = False
    default: str = ""
    """What holds without the key, in words; empty where that goes without saying."""


@dataclass(frozen=True)
class Record:
    """A mapping with a fixed set of keys. Their order is that in which entries should have them."""

    name: str
    keys: Mapping[str, Key]
    rule: Callable[[dict[str, Any], KeyPath, Reporter], None] | None = field(default=None)
    doc: str = ""
    """What it is for, in a sentence or two."""

    @property
    def wanted(self) -> str:
        """See Kind."""
        return f"a mapping with the keys of {self.name}"

    @property
    def bare_name(self) -> str:
        """The name without its article."""
        return re.sub(r"^an? ", "", self.name)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The keys that must be there."""
        return tuple(key for key, spec in self.keys.items() if spec.required)

    def check(self, value: Any, path: KeyPath, report: Reporter) -> Any:
        """See Kind. A record that lacks a required key is dropped."""
        if not isinstance(value, dict):
            hint = f"its keys are {', '.join(self.keys)}"
            return report.note_wrong_type(path, value, self.wanted, hint)
        checked = {}
        for key, item in value.items():
            spec = self.keys.get(key)
            if spec is None:
                report.note_key_fault(
                    (*path, key),
                    "unknown-key",
                    f"{self.name} has no key {shorten(repr(key))}",
                    _find_owner(key)
                    or suggest_name(key, self.keys)
                    or "it may have " + ", ".join(self.keys),
                )
                continue
            kept = spec.kind.check(item, (*path, key), report)
            if kept is not DROPPED:
                checked[key] = kept
        complete = True
        for key in self.required:
            complete = complete and key in checked
            if key not in value:
                report.note_fault(
                    path,
                    "missing-key",
                    f"{self.name} has no `{key}`",
                    f"add it, e.g. `{write_line(key, self.keys[key].example)}`",
                )
        if not complete:
            return DROPPED
        if self.rule and len(checked) == len(value):
            self.rule(checked, path, report)
        return checked


def write_line(key: str, value: Any) -> str:
    """Return a key and its value as a line of YAML."""
    is_flow = isinstance(value, list | dict)
    line = yaml.safe_dump({key: value}, default_flow_style=is_flow, width=math.inf, sort_keys=False)
    return line.strip()[1:-1] if is_flow else line.strip()


@dataclass(frozen=True)
class OneOf:
    """A value of one of several kinds, chosen by its YAML type."""

    kinds: Mapping[type, Kind]
    wanted: str

    def check(self, value: Any, path: KeyPath, report: Reporter) -> Any:
        """See Kind."""
        kind = self.kinds.get(type(value))
        if kind is None:
            record = self.kinds.get(dict)
            hint = "fill it in, or remove it" if value is None else ""
            if isinstance(value, str) and isinstance(record, Record):
                hint = f"write {{{next(iter(record.keys))}: {shorten(value)}}}"
            return report.note_wrong_type(path, value, self.wanted, hint)
        return kind.check(value, path, report)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


TEXT = Scalar((str,), "text")
WORDS = Scalar(
    (str,), "text that is not empty", lambda value: bool(value.strip()), {"pattern": r"\S"}
)
REASON = replace(WORDS, is_reason=True)
BOOL = Scalar((bool,), "true or false")
NUMBER = Scalar((int, float), "a finite number", _is_finite)
TOLERABLE = Scalar(
    (int, float),
    "a finite number from 0",
    lambda value: _is_finite(value) and value >= 0,
    {"minimum": 0},
)
SECONDS = Scalar(
    (int, float),
    "a number of seconds above 0",
    lambda value: _is_finite(value) and value > 0,
    {"exclusiveMinimum": 0},
)
WHOLE = Scalar((int,), "a whole number")
NATURAL = Scalar((int,), "a whole number from 0", lambda value: value >= 0, {"minimum": 0})
NULL = Scalar((type(None),), "null")
TEXT_OR_NULL = Scalar((str, type(None)), "text or null")
MAYBE_TEXT = Maybe(TEXT)
ANY = Anything()
TEXTS = ListOf(TEXT, "a list of texts")

DTYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
)
DTYPE = Choice(DTYPES)

PARAMETER = Record(
    "a standard argument",
    {
        "name": Key(
            WORDS,
            "Its standard name: cases give inputs by it, and `args` of a variant renames it.",
            "x",
            required=True,
        ),
        "type": Key(
            MAYBE_TEXT, "Its type, as readers should see it; nothing is checked by it.", "Tensor"
        ),
        "default": Key(
            ANY,
            "Its default value, for readers; a case that leaves the argument out does not pass it.",
            -1,
        ),
        "kind": Key(
            Choice(
                (
                    "positional_only",
                    "positional_or_keyword",
                    "keyword_only",
                    "var_positional",
                    "var_keyword",
                )
            ),
            "How it may be passed.",
            "positional_or_keyword",
            default="`positional_or_keyword`",
        ),
        "is_variadic": Key(
            BOOL, "Whether it stands for any number of arguments.", True, default="`false`"
        ),
        "doc": Key(
            MAYBE_TEXT,
            "What it means, its shape, and the values that it may take.",
            "logits, any shape",
        ),
        "rank": Key(ANY, "Its number of axes (ODL).", 2),
        "options": Key(ANY, "The values it may take (ODL).", ["mean", "sum"]),
        "min": Key(ANY, "Its smallest value (ODL).", 0),
        "max": Key(ANY, "Its largest value (ODL).", 1),
        "shape_spec": Key(ANY, "Its shape, as text (ODL).", "(B, C)"),
        "dtype": Key(ANY, "Its dtype (ODL).", "float32"),
    },
    doc="One argument of the op, in the words of no framework. A name, or a pair of name and type, "
    "will do.",
)

TOLERANCE = Record(
    "a tolerance",
    {
        "rtol": Key(
            TOLERABLE,
            "The relative part: what may be off, as a share of the expected value.",
            1e-5,
            required=True,
        ),
        "atol": Key(TOLERABLE, "The absolute part, which is added.", 1e-6, required=True),
        "reason": Key(
            REASON,
            "Why it is needed, which is what loses the digits. Readers see it.",
            "the sum runs over 10,000 terms",
            required=True,
        ),
    },
    doc="How far actual may be from expected: |actual - expected| <= atol + rtol * |expected|.",
)

PARAMETER_VALUE = OneOf(
    {int: NUMBER, float: NUMBER, str: WORDS}, "a finite number, or a NumPy expression"
)

EXPECTED_DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "normal": ("mean", "std"),
    "truncated_normal": ("mean", "std", "low", "high"),
    "bernoulli": ("p",),
    "categorical": ("probabilities",),
    "integers": ("low", "high"),
    "gumbel": ("location", "scale"),
    "exponential": ("rate",),
}
"""The parameters of each distribution that random draws may be held against."""


def _check_oracle(found: Mapping[str, Any], path: KeyPath, report: Reporter) -> None:
    if len({"values", "expr", "distribution"} & found.keys()) != 1:
        report.note_fault(
            path,
            "no-oracle",
            "an expected result needs exactly one of `values`, `expr` and `distribution`",
            "e.g. {expr: np.exp(x), dtype: float32}",
        )
        return
    kind = found.get("distribution")
    wanted = (*EXPECTED_DISTRIBUTIONS[kind], "shape") if kind else ()
    what = f"the distribution {kind!r}" if kind else "a result that is not random"
    for key in wanted:
        if key not in found:
            report.note_fault(path, "missing-key", f"{what} has no `{key}`", "add it")
    allowed = {"values", "expr", "distribution", "dtype", *wanted, *(() if kind else ("up_to",))}
    for key in found.keys() - allowed:
        report.note_key_fault(
            (*path, key),
            "unknown-key",
            f"{what} has no {key!r}",
            "it has " + ", ".join(wanted) if wanted else "remove it, or add `distribution`",
        )


def _make_parameter(doc: str, example: Any) -> Key:
    return Key(PARAMETER_VALUE, f"{doc}, as a number or a NumPy expression.", example)


EXPECTED = Record(
    "an expected result",
    {
        "values": Key(ANY, "The result itself: a number, or nested lists.", [1.0, 2.0]),
        "expr": Key(
            WORDS, "A NumPy expression over the inputs, which are widened to float64.", "np.exp(x)"
        ),
        "distribution": Key(
            Choice(tuple(EXPECTED_DISTRIBUTIONS)), "The distribution of random draws.", "normal"
        ),
        "mean": _make_parameter("The mean, before truncation", 0),
        "std": _make_parameter("The standard deviation, before truncation", 1),
        "low": _make_parameter("The lower bound", 0),
        "high": _make_parameter("The upper bound, not included but by truncation", 1),
        "p": _make_parameter("The probability of 1", 0.3),
        "probabilities": Key(
            OneOf({list: ListOf(NUMBER), str: WORDS}, "a list of numbers, or a NumPy expression"),
            "The probabilities of 0, 1, 2, ...",
            [0.2, 0.3, 0.5],
        ),
        "location": _make_parameter("Where the density is largest", 0),
        "scale": _make_parameter("The scale", 1),
        "rate": _make_parameter("The reciprocal of the mean", 2),
        "shape": Key(
            OneOf({list: ListOf(NATURAL), str: WORDS}, "a list of lengths, or a NumPy expression"),
            "The shape of the draws.",
            [5000],
        ),
        "dtype": Key(
            DTYPE,
            "The dtype that the result must have, checked before its values.",
            "int64",
            default="of floats the widest among the inputs, of whole numbers `int64`, else `bool`",
        ),
        "up_to": Key(
            Choice(("column-signs", "row-signs")),
            "What the mathematics leaves open: the sign of each column or row, as of eigenvectors; "
            "if complex, its phase.",
            "column-signs",
        ),
    },
    rule=_check_oracle,
    doc="What one result must be: exactly one of `values`, `expr` and `distribution`. The keys "
    "from `mean` to `shape` are for a distribution.",
)

EXPECTED_RESULT = OneOf(
    {
        dict: EXPECTED,
        str: TEXT,
        list: ANY,
        int: ANY,
        float: ANY,
        bool: ANY,
    },
    "a value, a NumPy expression, or {values|expr|distribution, dtype, up_to}",
)

EXPECT = OneOf(
    {
        dict: MapOf(EXPECTED_RESULT),
        str: TEXT,
        list: ANY,
        int: ANY,
        float: ANY,
        bool: ANY,
    },
    "a value, a NumPy expression, or a mapping from names to them",
)

DIFFERENCE = Record(
    "a difference",
    {
        "frameworks": Key(
            TEXTS, "The keys of the frameworks that differ.", ["jax", "flax_nnx"], required=True
        ),
        "dtype": Key(MapOf(DTYPE), "Their dtype, by the name of the result.", {"result": "int32"}),
        "expect": Key(
            EXPECT,
            "Their own result, as under `expect` of a case; others are as everywhere.",
            {"result": [0, 1]},
        ),
        "reason": Key(
            REASON,
            "Why they differ by design. Readers see it.",
            "integers are 32-bit by default",
            required=True,
        ),
    },
    doc="What some frameworks do otherwise by design. They are held to it, and pages show it.",
)

PLOTS = ("curve", "grid")
"""How the verified results of a case may be drawn."""

CASE = Record(
    "a case",
    {
        "id": Key(
            TEXT,
            "A stable name, unique in the entry: a-z, 0-9 and hyphens.",
            "negative-axis",
            required=True,
        ),
        "title": Key(TEXT, "What the case shows, in a few words.", "Along a negative axis"),
        "inputs": Key(
            MapOf(ANY),
            "The inputs by name: standard arguments, and whatever else examples need. A number, a "
            "text, `true`, `false` and `null` are those Python values, a list is an array; the "
            "other forms are mappings.",
            {"x": [1.0, 2.0], "axis": -1},
        ),
        "expect": Key(
            EXPECT,
            "The oracle: what the result must be. A text is a NumPy expression over the inputs; a "
            "mapping names several results. A lone one is called `result`. Every case has it.",
            "np.exp(x)",
        ),
        "equal_nan": Key(
            BOOL, "Whether NaN is right where the oracle has NaN.", True, default="`false`"
        ),
        "grad": Key(
            BOOL,
            "Whether the gradient is verified, too, against finite differences of `expect`.",
            True,
            default="`false`",
        ),
        "plot": Key(
            Choice(PLOTS),
            "How the page draws the verified results: `curve` over a `linspace` input, or over the "
            "result's indices where no input is an array; `grid` for small arrays with their "
            "numbers in cells. With `grad: true` the curve of the gradient is drawn, too.",
            "curve",
        ),
        "tolerance": Key(
            TOLERANCE,
            "A tolerance for this case alone.",
            {"rtol": 1e-5, "atol": 1e-6, "reason": "..."},
            default="that of the entry, else that of the dtype",
        ),
        "differences": Key(
            ListOf(DIFFERENCE, gaps=True),
            "How frameworks differ here by design.",
            [{"frameworks": ["jax"], "dtype": {"result": "int32"}, "reason": "..."}],
        ),
        "not_on": Key(
            MapOf(REASON),
            "Devices on which no framework runs this case, each with the reason; readers see it.",
            {"metal": "needs float64"},
        ),
        "time_limit": Key(
            SECONDS,
            "Seconds that an example may run.",
            120,
            default="the setting `optabs_time_limit`",
        ),
        "source": Key(TEXT, "Where literal figures come from.", "DLMF 4.2"),
    },
    doc="Inputs and what must come of them. The op is run on each case in each framework.",
)

NOT_SYNTHESISED: tuple[tuple[str, str, Any], ...] = (
    ("arg_values", "translation of argument values", {"reduction": {"mean": "'avg'"}}),
    ("kwargs_map", "translation of keyword arguments", {"dim": "axis"}),
    ("casts", "casts of arguments", {"x": "int32"}),
    ("dispatch_rules", "choice of an API by argument", []),
    ("layout_map", "change of array layouts", {"x": "NCHW->NHWC"}),
    ("output_adapter", "change of the output by a function", "lambda x: x[0]"),
    ("output_cast", "cast of the output", "jnp.int64"),
)
"""ODL keys of a variant that change its code in ways that a synthesised call does not follow."""

IMPORT = Record(
    "an import",
    {
        "module": Key(WORDS, "The name of the module.", "jax.numpy", required=True),
        "alias": Key(MAYBE_TEXT, "The name that it gets in the code.", "jnp"),
    },
    doc="A module that code imports. A text such as `import jax` will do.",
)

VARIANT = Record(
    "a variant",
    {
        "api": Key(TEXT_OR_NULL, "The framework's full name for the op.", "torch.softmax"),
        "op_type": Key(
            Choice(("function", "class", "decorator", "context")),
            "What the API is in this framework.",
            "class",
            default="as in the entry",
        ),
        "args": Key(
            Maybe(MapOf(TEXT_OR_NULL)),
            "From standard names to the framework's; `null` drops the argument.",
            {"axis": "dim"},
        ),
        "inject_args": Key(
            Maybe(MapOf(ANY)),
            "Arguments that the framework needs besides, with their values.",
            {"axis": 2},
        ),
        "pack_to_tuple": Key(
            MAYBE_TEXT, "The keyword that takes all further arguments as one tuple.", "perm"
        ),
        "pack_as": Key(
            Choice(("Tuple", "List")), "What `pack_to_tuple` packs into.", "List", default="`Tuple`"
        ),
        "output_select_index": Key(
            Maybe(WHOLE), "Which item of what is returned is the result, counted from 0.", 0
        ),
        "macro_template": Key(
            MAYBE_TEXT,
            "Code in place of a call: a lambda over the standard arguments, "
            "or a template with {argument} placeholders.",
            "{x} * {scalar}",
        ),
        "transformation_type": Key(
            MAYBE_TEXT,
            "A special way to write the op: infix, macro, inline_lambda, strip_context.",
            "infix",
        ),
        "operator": Key(MAYBE_TEXT, "The operator, where `transformation_type` is `infix`.", "<<"),
        "requires_plugin": Key(
            MAYBE_TEXT,
            "The ODL plugin that rewrites this op; cannot be run here.",
            "einsum_normalizer",
        ),
        "required_imports": Key(
            Maybe(ListOf(OneOf({str: WORDS, dict: IMPORT}, "text or {module, alias}"))),
            "Imports that the code needs, beyond the names that the framework's snippets know.",
            ["import jax"],
        ),
        "min_version": Key(
            MAYBE_TEXT, "The first version of the framework that this holds for.", "2.0"
        ),
        "max_version": Key(
            MAYBE_TEXT, "The last version of the framework that this holds for.", "2.9"
        ),
        "example": Key(
            OneOf({str: WORDS, dict: MapOf(WORDS)}, "code, or a mapping from case id to code"),
            "The code that is shown and run, for all cases or by case id. It may use the inputs by "
            "name, and defines the results that `expect` names.",
            "result = torch.softmax(x, dim=axis)",
            default="a call is made from the other keys of the variant",
        ),
        "unsupported": Key(
            REASON, "That the framework has no such op, and why.", "MLX has no complex sort."
        ),
        "untestable": Key(REASON, "That the example cannot be run, and why.", "needs two hosts"),
        "not_on": Key(
            MapOf(OneOf({str: REASON, dict: MapOf(REASON)}, "a reason, or reasons by case id")),
            "Devices on which the framework does not do this, each with the reason (for all cases, "
            "or by case id); readers see it.",
            {"metal": "computed on the CPU alone"},
        ),
        "notes": Key(
            TEXT,
            "How the framework differs from the others, in MyST Markdown.",
            "The default axis is 0.",
        ),
        "missing_message": Key(
            MAYBE_TEXT, "What ODL tools say where the mapping fails.", "no such op"
        ),
        **{
            key: Key(
                ANY,
                f"ODL's {meaning}; not synthesised: such a variant needs an `example`.",
                example,
            )
            for key, meaning, example in NOT_SYNTHESISED
        },
    },
    doc="How one framework has the op. `null` in place of the mapping says that it has no such op.",
)

OP = Record(
    "an entry",
    {
        "operation": Key(
            WORDS, "The op's name, unique in the catalogue.", "Softmax", required=True
        ),
        "aliases": Key(TEXTS, "Other names by which people look for the op.", ["softargmax"]),
        "category": Key(TEXT, "The group in which the op stands in the navigation.", "Activations"),
        "description": Key(
            MAYBE_TEXT,
            "What is computed, in MyST Markdown with `$math$`; true for every framework.",
            "The softmax of `x`.",
        ),
        "op_type": Key(
            Choice(("function", "class", "decorator", "context")),
            "What the op is. A class is constructed with the standard arguments, and the object "
            "called with the other inputs.",
            "class",
            default="`function`",
        ),
        "std_args": Key(
            ListOf(
                OneOf(
                    {
                        str: WORDS,
                        dict: PARAMETER,
                        list: ListOf(WORDS, "a [name, type] pair", gaps=True),
                    },
                    "a name, a [name, type] pair or a mapping",
                ),
                gaps=True,
            ),
            "The standard arguments, in their order. The first one is passed by position.",
            [{"name": "x", "type": "Tensor"}],
        ),
        "return_type": Key(TEXT_OR_NULL, "What the op returns, for readers.", "Tensor"),
        "reference": Key(
            TEXT, "NumPy code that the expressions of all cases may use.", "def softmax(x): ..."
        ),
        "tolerance": Key(
            TOLERANCE,
            "A tolerance for all cases.",
            {"rtol": 1e-5, "atol": 1e-6, "reason": "..."},
            default="that of the dtype",
        ),
        "cases": Key(
            ListOf(CASE, gaps=True),
            "What the op is run on. Without cases, nothing is run.",
            [{"id": "basic", "inputs": {"x": [1.0]}, "expect": "np.exp(x)"}],
        ),
        "variants": Key(
            MapOf(
                OneOf(
                    {dict: VARIANT, type(None): NULL},
                    "a mapping, or null where the framework has no such op",
                )
            ),
            "How each framework has the op, by the framework's key.",
            {"torch": {"api": "torch.softmax"}},
            required=True,
        ),
        "see_also": Key(TEXTS, "The names of ops that readers may rather want.", ["LogSumExp"]),
        **{
            key: Key(ANY, f"{meaning} (ODL).", example)
            for key, meaning, example in (
                ("scaffold_plugins", "Plugins to generate", []),
                ("is_inplace", "Whether the op changes its first argument", False),
                ("test_rtol", "The ODL verifier's relative tolerance; not used here", 1e-3),
                ("test_atol", "The ODL verifier's absolute tolerance; not used here", 1e-4),
                ("verification_mode", "The ODL verifier's mode; not used here", "approx"),
                ("skip_fuzzing", "Whether the ODL fuzzer skips the op", False),
                ("nondeterministic", "Whether results vary between runs", False),
                ("differentiable", "Whether the op has a derivative", True),
                ("deprecated", "Whether the op is deprecated", False),
                ("replaced_by", "The op that replaces a deprecated one", "Softmax"),
                ("documentation_url", "Documentation of the abstract op", "https://data-apis.org"),
                ("device_constraints", "Devices that ODL allows", ["cpu", "gpu"]),
                ("output_shape_calc", "A lambda from input to output shape", "lambda x: x.shape"),
                ("complexity", "Cost of the op", "O(N)"),
            )
        },
    },
    doc="One op: what it computes, how that is checked, and how each framework has it. A file "
    "holds an entry, or a list of them.",
)


def _find_owner(key: str) -> str:
    """Return where a key belongs that stands where it does not, as a hint; may be empty."""
    owners = [record.name for record in (OP, CASE, VARIANT) if key in record.keys]
    return f"it is a key of {' or of '.join(owners)}" if owners else ""
