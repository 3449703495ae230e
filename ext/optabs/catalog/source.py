"""YAML text to plain data, with the place of every key and value.

Only what YAML 1.2's core schema knows is read: null, true/false, numbers and text. Dates,
`yes`/`no` and sexagesimal numbers stay text, and `1e-5` is a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from optabs.errors import Fault, Place

KeyPath = tuple[str | int, ...]

# Nodes after aliases are followed. An honest entry has a few hundred; an alias bomb has billions.
MAX_NODES = 200_000
MAX_DEPTH = 60

_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class _CoreLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's (C) loader with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


for _name, _pattern, _first in (
    ("null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    ("int", _INT, list("-+0123456789")),
    (
        "float",
        re.compile(rf"{_FLOAT.pattern}|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        list("-+0123456789."),
    ),
):
    _CoreLoader.add_implicit_resolver(
        _TAG + _name, re.compile(rf"(?:{_pattern.pattern})\Z"), _first
    )


@dataclass
class YamlDocument:
    """One file: its data and where each part of it stands."""

    file: str
    data: Any = None
    places: dict[KeyPath, Place] = field(default_factory=dict)
    key_places: dict[KeyPath, Place] = field(default_factory=dict)
    text_lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def find_place(self, path: KeyPath) -> Place:
        """Return the place of the value at `path`, or of the nearest thing around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.file))


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
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before) - before.rfind(b"\n")
        document.faults.append(
            Fault(
                Place(file, line, column),
                "not-utf8",
                f"byte 0x{raw[error.start]:02x} is not UTF-8",
                "save the file as UTF-8",
            )
        )
        return document
    try:
        loader = _CoreLoader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        document.faults.append(_explain_yaml_error(error, text, file))
        return document
    if node is None:
        document.faults.append(
            Fault(
                Place(file), "empty-file", "the file is empty", "write an entry or delete the file"
            )
        )
        return document
    _Reader(document).read_root(node)
    return document


class _Reader:
    """Turns composed nodes into data, following aliases within a budget."""

    def __init__(self, document: YamlDocument) -> None:
        self.document = document
        self.nodes_left = MAX_NODES
        self.open_nodes: set[int] = set()

    def read_root(self, node: yaml.Node) -> None:
        try:
            self.document.data = self.read(node, ())
        except _Stop:
            self.document.data = None

    def place(self, node: yaml.Node) -> Place:
        mark = node.start_mark
        return Place(self.document.file, mark.line + 1, mark.column + 1)

    def fault(self, node: yaml.Node, code: str, message: str, hint: str = "") -> None:
        self.document.faults.append(Fault(self.place(node), code, message, hint))

    def read(self, node: yaml.Node, path: KeyPath) -> Any:
        self.nodes_left -= 1
        if self.nodes_left < 0:
            self.fault(
                node,
                "too-large",
                f"aliases expand to more than {MAX_NODES} values",
                "write the values out, or split the entry",
            )
            raise _Stop
        if len(path) > MAX_DEPTH or id(node) in self.open_nodes:
            self.fault(
                node,
                "too-deep",
                f"nested deeper than {MAX_DEPTH} levels",
                "an alias must not contain itself",
            )
            raise _Stop
        self.document.places[path] = self.place(node)
        self.open_nodes.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.read_mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return self.read_sequence(node, path)
            assert isinstance(node, yaml.ScalarNode)
            return self.read_scalar(node, path)
        finally:
            self.open_nodes.discard(id(node))

    def read_mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[Any, Any]:
        self.check_tag(node, "map")
        data: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.fault(key_node, "wrong-type", "a key is a list or a mapping", "use text")
                continue
            key = key_node.value
            if key in data:
                first = self.document.key_places[(*path, key)]
                self.fault(
                    key_node,
                    "duplicate-key",
                    f"the key {key!r} stands here twice",
                    f"first in line {first.line}; keep one",
                )
                continue
            self.document.key_places[(*path, key)] = self.place(key_node)
            data[key] = self.read(value_node, (*path, key))
        return data

    def read_sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[Any]:
        self.check_tag(node, "seq")
        return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]

    def read_scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind in ("str", "null", "bool", "int", "float"):
            if kind == "str":
                block = node.style in ("|", ">")
                self.document.text_lines[path] = node.start_mark.line + (2 if block else 1)
                return text
            try:
                return _CONVERT[kind](text)
            except ValueError:  # only with an explicit tag, as in `!!int abc`
                pass
        self.check_tag(node, "str")
        return text

    def check_tag(self, node: yaml.Node, plain: str) -> None:
        if node.tag != _TAG + plain:
            tag = node.tag.replace(_TAG, "!!")
            self.fault(
                node,
                "unsafe-tag",
                f"the tag {tag} is not allowed",
                "entries are plain data: remove the tag",
            )


class _Stop(Exception):  # noqa: N818 - not an error of its own: the fault is recorded
    """Reading ends here; the fault says why."""


def _read_int(text: str) -> int:
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


def _read_float(text: str) -> float:
    # YAML writes .inf and .nan where Python writes inf and nan.
    return float(re.sub(r"\.(?=[iInN])", "", text))


_CONVERT = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": _read_int,
    "float": _read_float,
}


def _explain_yaml_error(error: yaml.YAMLError, text: str, file: str) -> Fault:
    """Return the fault for what PyYAML could not parse, in words a contributor can act on."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        position = getattr(error, "position", 0) or 0
        before = text[:position]
        return Fault(
            Place(file, before.count("\n") + 1, position - before.rfind("\n")),
            "invalid-yaml",
            f"{getattr(error, 'reason', None) or error}",
            "remove the control character",
        )
    place = Place(file, mark.line + 1, mark.column + 1)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1] or line[mark.column : mark.column + 1] == "\t":
        column = line.index("\t") + 1
        return Fault(
            Place(file, mark.line + 1, column),
            "tab",
            "a tab is used for indentation",
            "YAML allows only spaces there",
        )
    problem = getattr(error, "problem", None) or str(error)
    context = getattr(error, "context", None)
    return Fault(
        place, "invalid-yaml", f"{problem}{f' {context}' if context else ''}", _hint_for(problem)
    )


def _hint_for(problem: str) -> str:
    if "mapping values are not allowed" in problem:
        return "quote the text if it contains ': '"
    if "expected <block end>" in problem or "could not find expected ':'" in problem:
        return "check the indentation, and the line above"
    if "undefined alias" in problem:
        return "define the anchor with &name first"
    if "but found another document" in problem or "expected a single document" in problem:
        return "one entry a file: remove the second '---'"
    return "check the quotes and brackets near it"
