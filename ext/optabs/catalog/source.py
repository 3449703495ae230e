"""YAML text to plain data, with the place of every key and value.

Only what YAML 1.2's core schema knows is read: null, true/false, numbers and text. Dates,
`yes`/`no` and sexagesimal numbers stay text, and `1e-5` is a number.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from optabs.catalog.positions import Source
from optabs.errors import Fault, Place

KeyPath = tuple[str | int, ...]

# Values that aliases bring in again. An honest entry has a few; an alias bomb has billions.
MAX_COPIES = 20_000
MAX_DEPTH = 60
_SHOWN_CHARACTERS = 20

_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# What YAML calls printable, the byte order mark left out.
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")

_SECOND_DOCUMENT = "a second document begins"
_ONE_DOCUMENT = "one entry a file: move it into a file of its own, or remove the '---'"

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Spot(NamedTuple):
    """Where a list or a mapping stands, and what it holds. A scalar's spot is its event."""

    event: Any
    items: list[Any] | None = None
    entries: dict[Any, tuple[Any, Any]] | None = None
    """Event of the key, and spot of the value."""
    end: Any = None
    """Event that a mapping ends with."""


class Layout(NamedTuple):
    """How a mapping is written; numbers are those of characters of the text."""

    is_flow: bool
    keys: dict[str, int]
    """Where each key begins, in the order of the text."""
    end: int
    """Where the closing brace stands, or what follows the mapping."""


@dataclass
class YamlDocument:
    """One file: its data, where each part of it stands, and what is wrong with it."""

    file: str
    text: str = ""
    data: Any = None
    faults: list[Fault] = field(default_factory=list)
    fault_paths: list[KeyPath] = field(default_factory=list)
    """The path of what each fault is about."""
    root: Any = None

    def note_fault(self, fault: Fault, path: KeyPath = ()) -> None:
        """Record a fault of what stands at `path`."""
        self.faults.append(fault)
        self.fault_paths.append(path)

    def find_faults(self, path: KeyPath) -> tuple[Fault, ...]:
        """Return the faults of what stands at `path` and within it."""
        if not self.faults:
            return ()
        return tuple(
            fault
            for fault, at in zip(self.faults, self.fault_paths, strict=True)
            if at[: len(path)] == path
        )

    def find_place(self, path: KeyPath) -> Place:
        """Return the place of the value at `path`, or of the nearest thing around it."""
        spot = self._find_spot(path)
        return self._place(spot) if spot else Place(self.file)

    def find_key_place(self, path: KeyPath) -> Place:
        """Return the place of the key that `path` ends in, or of the value there."""
        around = self._find_spot(path[:-1])
        if type(around) is _Spot and around.entries and path[-1] in around.entries:
            return self._place(around.entries[path[-1]][0])
        return self.find_place(path)

    def find_source(self, path: KeyPath) -> Source | None:
        """Return how the text at `path` is written; None if there is no text."""
        event = self._find_spot(path, exact=True)
        if not isinstance(event, ScalarEvent):
            return None
        start: Any = event.start_mark
        end: Any = event.end_mark
        raw, index = self.text[start.index : end.index], start.index
        line, column = start.line + 1, start.column + 1
        if event.anchor or event.tag:
            found = _PROPERTIES.match(raw)
            before = found.end() if found else 0
            line += raw.count("\n", 0, before)
            column = (
                column + before if line == start.line + 1 else before - raw.rfind("\n", 0, before)
            )
            raw, index = raw[before:], index + before
        return Source(event.style or "", index, line, column, raw)

    def find_layout(self, path: KeyPath) -> Layout | None:
        """Return how the mapping at `path` is written; None if there is none."""
        spot = self._find_spot(path, exact=True)
        if type(spot) is not _Spot or spot.entries is None:
            return None
        keys = {key: event.start_mark.index for key, (event, _) in spot.entries.items()}
        return Layout(bool(spot.event.flow_style), keys, spot.end.start_mark.index)

    def _find_spot(self, path: KeyPath, *, exact: bool = False) -> Any:
        spot = self.root
        for part in path:
            inner = None
            if type(spot) is _Spot:
                if spot.entries is not None:
                    inner = spot.entries.get(part, (None, None))[1]
                elif spot.items and isinstance(part, int) and part < len(spot.items):
                    inner = spot.items[part]
            if inner is None:
                return None if exact else spot
            spot = inner
        return spot

    def _place(self, spot: Any) -> Place:
        mark = (spot.event if type(spot) is _Spot else spot).start_mark
        return Place(self.file, mark.line + 1, mark.column + 1)


def read_yaml(path: Path, file: str) -> YamlDocument:
    """Read `path`; its places name the file as `file`. Never raises for bad content: see `faults`.

    Raises:
        OSError: the file cannot be read at all.
    """
    return parse_yaml(path.read_bytes(), file)


def parse_yaml(raw: bytes, file: str) -> YamlDocument:
    """Parse the bytes of one YAML file."""
    document = YamlDocument(file)
    try:
        document.text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        document.note_fault(_explain_encoding(raw, file))
        return document
    for fault in _find_unprintable(document.text, file):
        document.note_fault(fault)
    if document.faults:
        return document
    try:
        events = _read_events(document)
    except yaml.YAMLError as error:
        document.note_fault(_explain_yaml_error(error, document.text, file))
        return document
    if not document.faults:
        _Reader(document, events).read_root()
    return document


def _read_events(document: YamlDocument) -> list[Any]:
    """Return the events of the only document in a file, from its first value on.

    The depth is watched here, before anything recurses.
    """
    events: list[Any] = []
    loader = _Loader(document.text)
    documents = depth = 0
    try:
        while True:
            event = loader.get_event()
            events.append(event)
            if type(event) is ScalarEvent:
                continue
            if isinstance(event, CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    _note_event(
                        document,
                        event,
                        "too-deep",
                        f"nested deeper than {MAX_DEPTH} levels",
                        "write it flatter",
                    )
                    return []
            elif isinstance(event, CollectionEndEvent):
                depth -= 1
            elif isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    _note_event(
                        document,
                        event,
                        "invalid-yaml",
                        _SECOND_DOCUMENT,
                        _ONE_DOCUMENT,
                    )
            elif isinstance(event, StreamEndEvent):
                break
    finally:
        loader.dispose()
    if not documents:
        document.note_fault(
            Fault(
                Place(document.file),
                "empty-file",
                "the file is empty",
                "write an entry or delete the file",
            )
        )
    return events[2:]


def _note_event(
    document: YamlDocument,
    event: Any,
    code: str,
    message: str,
    hint: str,
    path: KeyPath = (),
) -> None:
    mark = event.start_mark
    place = Place(document.file, mark.line + 1, mark.column + 1)
    document.note_fault(Fault(place, code, message, hint), path)


class _Reader:
    """Turns events into data and spots, following aliases within a budget."""

    def __init__(self, document: YamlDocument, events: list[Any]) -> None:
        self.document = document
        self.events = events
        self.index = 0
        self.path: list[str | int] = []
        self.anchors: dict[str, int] = {}
        self.open_anchors: set[int] = set()
        self.copying = 0
        self.copies_left = MAX_COPIES
        self.usable = True

    def read_root(self) -> None:
        try:
            data, self.document.root = self.read()
        except _Stop:
            return
        if self.usable:
            self.document.data = data

    def note(self, event: NodeEvent, code: str, message: str, hint: str) -> None:
        _note_event(self.document, event, code, message, hint, tuple(self.path))

    def read(self) -> tuple[Any, Any]:
        """Return the next value and its spot."""
        start = self.index
        event = self.events[start]
        self.index = start + 1
        if self.copying:
            self.count_copy(event)
        if type(event) is ScalarEvent:
            if event.anchor:
                self.anchors[event.anchor] = start
            if event.tag is None and not event.implicit[0]:
                return event.value, event
            return self.read_scalar(event), event
        if type(event) is AliasEvent:
            return self.read_alias(event)
        if event.anchor:
            self.anchors[event.anchor] = start
        if len(self.path) > MAX_DEPTH:
            self.note(
                event, "too-deep", f"nested deeper than {MAX_DEPTH} levels", "write it flatter"
            )
            raise _Stop
        self.open_anchors.add(start)
        found = (
            self.read_mapping(event)
            if type(event) is MappingStartEvent
            else self.read_sequence(event)
        )
        self.open_anchors.discard(start)
        return found

    def count_copy(self, event: NodeEvent) -> None:
        self.copies_left -= 1
        if self.copies_left < 0:
            self.note(
                event,
                "too-large",
                f"aliases stand for more than {MAX_COPIES} values",
                "write the values out, or split the entry",
            )
            raise _Stop

    def read_alias(self, event: AliasEvent) -> tuple[Any, Any]:
        name = str(event.anchor)
        start = self.anchors.get(name)
        if start is None or start in self.open_anchors:
            self.note(
                event,
                "bad-alias",
                f"the alias *{name} "
                + ("stands for nothing" if start is None else "stands within itself"),
                f"put &{name} before a value above it, or quotes around the text",
            )
            self.usable = False
            return None, event
        after, self.index = self.index, start
        self.copying += 1
        found = self.read()
        self.copying -= 1
        self.index = after
        return found

    def read_mapping(self, event: NodeEvent) -> tuple[dict[str, Any], _Spot]:
        self.check_tag(event, "map")
        data: dict[str, Any] = {}
        entries: dict[str, tuple[Any, Any]] = {}
        path, events = self.path, self.events
        while type(key_event := events[self.index]) is not MappingEndEvent:
            key = self.read_key(key_event)
            path.append("" if key is None else key)
            value, spot = self.read()
            if key is None:
                pass
            elif key in entries:
                line = entries[key][0].start_mark.line + 1
                self.note(
                    key_event,
                    "duplicate-key",
                    f"the key {key!r} stands here twice",
                    f"first in line {line}; keep one",
                )
            elif key == "<<" and not getattr(key_event, "style", None):
                self.note(
                    key_event,
                    "merge-key",
                    "`<<` does not merge mappings here",
                    "write the keys out",
                )
            else:
                data[key] = value
                entries[key] = (key_event, spot)
            path.pop()
        end = events[self.index]
        self.index += 1
        return data, _Spot(event, None, entries, end)

    def read_key(self, event: NodeEvent) -> str | None:
        """Return the key that comes next, as text; None if it cannot be one."""
        target = event
        if type(event) is AliasEvent and event.anchor in self.anchors:
            target = self.events[self.anchors[event.anchor]]
        if type(target) is ScalarEvent:
            if target is event and event.anchor:
                self.anchors[event.anchor] = self.index
            self.index += 1
            if target.tag is not None:
                self.check_tag(target, "str")
            return target.value
        self.note(event, "wrong-type", "a key is a list or a mapping", "use text")
        self.read()
        return None

    def read_sequence(self, event: NodeEvent) -> tuple[list[Any], _Spot]:
        self.check_tag(event, "seq")
        data: list[Any] = []
        spots: list[Any] = []
        path = self.path
        while type(self.events[self.index]) is not SequenceEndEvent:
            path.append(len(data))
            value, spot = self.read()
            path.pop()
            data.append(value)
            spots.append(spot)
        self.index += 1
        return data, _Spot(event, spots)

    def read_scalar(self, event: ScalarEvent) -> Any:
        text: str = event.value
        tag = event.tag
        if tag is None:
            return self.read_plain(event, text) if event.implicit[0] else text
        kind = tag.removeprefix(_TAG)
        if kind in ("str", "!"):
            return text
        if kind in ("null", "bool", "int", "float"):
            value = self.read_plain(event, text)
            if kind == "float" and type(value) is int:
                return float(value)
            if type(value).__name__.replace("NoneType", "null") == kind:
                return value
            self.note(event, "wrong-tag", f"!!{kind} does not fit {text!r}", "remove the tag")
            return text
        self.check_tag(event, "str")
        return text

    def read_plain(self, event: ScalarEvent, text: str) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in "-+.0123456789":
            return text
        if _INT.fullmatch(text):
            try:
                return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
            except ValueError:
                self.note(
                    event,
                    "bad-number",
                    f"a whole number with {len(text)} digits is too large",
                    "write a smaller one, or quote it as text",
                )
                return 0
        if _FLOAT.fullmatch(text):
            # YAML writes .inf and .nan where Python writes inf and nan.
            named = text[-1] in "fFnN"
            number = float(text.replace(".", "")) if named else float(text)
            if not named and (math.isinf(number) or (number == 0 and _has_digits(text))):
                self.note(
                    event,
                    "bad-number",
                    f"{text} is too {'large' if number else 'small'} for a float64",
                    "write .inf for infinity" if number else "write 0.0",
                )
                return 0.0
            return number
        return text

    def check_tag(self, event: NodeEvent, plain: str) -> None:
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", _TAG + plain):
            self.note(
                event,
                "unsafe-tag",
                f"the tag {tag.replace(_TAG, '!!')} is not allowed",
                "entries are plain data: remove the tag",
            )


class _Stop(Exception):  # noqa: N818 - not an error of its own: the fault is recorded
    """Reading ends here; the fault says why."""


def _has_digits(number: str) -> bool:
    """Whether a number that became zero was written as something else."""
    return bool(re.search(r"[1-9]", re.split("[eE]", number)[0]))


def _find_position(text: str, index: int) -> tuple[int, int]:
    before = text[:index]
    return before.count("\n") + 1, index - before.rfind("\n")


def _explain_encoding(raw: bytes, file: str) -> Fault:
    text = raw.decode("utf-8-sig", "surrogateescape")
    wrong = [index for index, character in enumerate(text) if "\ud800" <= character <= "\udfff"]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return Fault(
        Place(file, *_find_position(text, wrong[0])),
        "not-utf8",
        f"byte 0x{ord(text[wrong[0]]) - 0xDC00:02x} is not UTF-8{more}",
        "save the file as UTF-8",
    )


def _find_unprintable(text: str, file: str) -> list[Fault]:
    return [
        Fault(
            Place(file, *_find_position(text, found.start())),
            "control-character",
            f"the character U+{ord(found[0]):04X} cannot stand in YAML",
            "remove it, or write it as an escape in double quotes",
        )
        for found, _ in zip(_UNPRINTABLE.finditer(text), range(_SHOWN_CHARACTERS), strict=False)
    ]


# A key whose value follows it without a space; a value that goes on after its bracket or quote.
_GLUED = re.compile(r"[ -]*([A-Za-z_]\w*):(?=\S)")
_CLOSED = re.compile(r"[ -]*\w+: +(?:([{\[]).*[}\]]|(['\"]).*\2) *[^ #,}\]]")
# What PyYAML says where something stands that could stand elsewhere.
_MISPLACED = ("mapping values are not allowed", "did not find expected key", "'-' indicator")
# What is seldom seen and breaks the lines below it. The group is where to look.
_CULPRITS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"(<{7}|={7}|>{7})(?: |$)"),
        "Git's mark of a conflict is still here",
        "keep the lines that are right, and remove the marks",
    ),
    (
        re.compile(r"[ -]*(?:\w+:)?([\u00a0\u2000-\u200b\u202f\u3000])"),
        "a space that is none in YAML, such as a no-break space",
        "type the spaces of this line again",
    ),
    (
        re.compile(r"[ -]*\w+(：)"),
        "the colon '：' is none in YAML",
        "write ': '",
    ),
    (
        re.compile(r" *(-)[A-Za-z_]\w*:(?: |$)"),
        "a space is missing after the dash",
        "write '- ' before the key",
    ),
)
_BEGINNING = re.compile(r" *(?P<dashes>(?:- +)*)(?=[^ #])")


def _explain_yaml_error(error: yaml.YAMLError, text: str, file: str) -> Fault:
    """Return the fault for what PyYAML could not parse, in words a contributor can act on."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or error)
    if mark is None:
        return Fault(Place(file), "invalid-yaml", problem, "check the quotes and brackets")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    line = lines[mark.line] if mark.line < len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent or line[mark.column : mark.column + 1] == "\t":
        column = indent.find("\t") if "\t" in indent else mark.column
        return Fault(
            Place(file, mark.line + 1, column + 1),
            "tab",
            "a tab stands where only spaces can",
            "indent and separate with spaces",
        )
    context = str(getattr(error, "context", None) or "")
    begun = getattr(error, "context_mark", None)
    if culprit := _find_culprit(lines, mark.line, begun.line if begun else mark.line):
        row, column, message, hint = culprit
        return Fault(Place(file, row + 1, column), "invalid-yaml", message, hint)
    if begun and (found := _explain_beginning(problem, context, begun, mark, lines)):
        column, message, hint = found
        return Fault(Place(file, begun.line + 1, column), "invalid-yaml", message, hint)
    if any(words in problem for words in _MISPLACED) and (found := _explain_line(lines, mark)):
        column, message, hint = found
        return Fault(Place(file, mark.line + 1, column), "invalid-yaml", message, hint)
    message = f"{problem}{f' {context}' if context else ''}"
    if begun and begun.line < mark.line:
        message += f" that begins in line {begun.line + 1}"
    if "cannot start any token" in problem:
        message = f"{line[mark.column : mark.column + 1]!r} cannot begin a value"
    if "<document start>" in problem:
        message = _SECOND_DOCUMENT
    place = Place(file, mark.line + 1, mark.column + 1)
    return Fault(place, "invalid-yaml", message, _hint_for(problem))


def _find_culprit(lines: list[str], row: int, begun: int) -> tuple[int, int, str, str] | None:
    """Return row, column, message and hint of a sign that looks right, or None.

    It may stand where parsing fails, where that which fails begins, or in the line above.
    """
    above = next((each for each in range(row - 1, -1, -1) if lines[each].strip()), row)
    for each in sorted({row, begun, above}):
        line = lines[each] if each < len(lines) else ""
        for sign, message, hint in _CULPRITS:
            if found := sign.match(line):
                return each, found.start(1) + 1, message, hint
    return None


def _explain_beginning(
    problem: str, context: str, begun: Any, mark: Any, lines: list[str]
) -> tuple[int, str, str] | None:
    """Return column, message and hint of what is wrong where PyYAML's context begins, if it is."""
    line = lines[begun.line] if begun.line < len(lines) else ""
    sign, column = line[begun.column : begun.column + 1], begun.column + 1
    if "found unexpected end of stream" in problem:
        return column, "the quoted text that begins here never ends", "close the quote"
    if "simple key" in context and (glued := _GLUED.match(line)):
        rest = line[glued.end() :].strip()
        return glued.end(), "a space is missing after the colon", f"write `{glued[1]}: {rest}`"
    if "simple key" in context:
        return column, "a key has no colon", "write `key: value`, or indent it below its own key"
    if "scanning an alias" in context or "scanning an anchor" in context:
        return column, f"{sign!r} means something else in YAML", "put quotes around the whole value"
    if "parsing a flow" in context:
        if sign == ",":
            return column, "nothing stands before ','", "remove it, or write what is missing"
        at = f"before line {mark.line + 1}, column {mark.column + 1}"
        hint = f"look at what stands {at}, and put quotes around texts with signs"
        return column, f"{sign!r} is not closed, or a comma is missing", hint
    return None


def _explain_line(lines: list[str], mark: Any) -> tuple[int, str, str] | None:
    """Return column, message and hint where it can be seen how a line does not fit those above."""
    line = lines[mark.line] if mark.line < len(lines) else ""
    if closed := _CLOSED.match(line):
        sign = closed[1] or closed[2]
        hint = (
            "write it twice within the text" if sign == "'" else "put quotes around the whole value"
        )
        column = closed.start(1 if closed[1] else 2) + 1
        return column, f"text follows what {sign} begins and ends", hint
    own = _BEGINNING.match(line)
    key = line[own.end() : mark.column] if own else " "
    wanted = _list_columns(lines[: mark.line])
    if own is None or not wanted or " " in key or own.start("dashes") + 1 in wanted:
        return None
    column = own.start("dashes") + 1
    message = f"the line begins in column {column}, which fits no line above it"
    return column, message, f"begin it in column {' or '.join(map(str, wanted))}, or mend those"


def _list_columns(lines: list[str]) -> list[int]:
    """Return the columns in which a line may begin after some others, the innermost last."""
    found: list[int] = []
    for line in reversed(lines):
        if begins := _BEGINNING.match(line):
            dash, key = begins.start("dashes") + 1, begins.end() + 1
            for column in dict.fromkeys((key, dash)):
                if not found or column < found[0]:
                    found.insert(0, column)
    return found


def _hint_for(problem: str) -> str:
    if "<document start>" in problem:
        return _ONE_DOCUMENT
    if "mapping values are not allowed" in problem:
        return "quote the text if it contains ': ', or check the indentation"
    if "cannot start any token" in problem:
        return "put quotes around the text"
    if "unknown escape character" in problem:
        return "use single quotes, or write the backslash twice"
    if "did not find expected key" in problem or "'-' indicator" in problem:
        return "check the indentation, and the quotes and brackets above"
    return "check the quotes and brackets near it"
