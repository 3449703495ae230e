"""The text of a new entry, in the order and the style of the catalogue's own."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from optabs.catalog.conventions import LONGEST_LINE
from optabs.catalog.importing import EntryDumper

_WIDTH = LONGEST_LINE - 10
_INDENT = "  "


class _Flow(dict[str, Any]):
    """A mapping whose values are written on lines of their own, lists and mappings in flow."""


class _FlowDumper(EntryDumper):
    """Writes what stands in a `_Flow` mapping in flow style."""


def _represent_flow(dumper: Any, mapping: _Flow) -> Any:
    node = dumper.represent_mapping("tag:yaml.org,2002:map", dict(mapping), flow_style=False)
    for _, value in node.value:
        if isinstance(value, yaml.CollectionNode):
            value.flow_style = not _is_long(value)
    return node


def _is_long(node: yaml.CollectionNode) -> bool:
    """Whether a mapping of names would take more than a line."""
    if not isinstance(node, yaml.MappingNode):
        return False
    scalars = [each for pair in node.value for each in pair if isinstance(each, yaml.ScalarNode)]
    return sum(len(each.value) + len(": ") for each in scalars) > _WIDTH - len("    args: ")


_FlowDumper.add_representer(_Flow, _represent_flow)


@dataclass(frozen=True)
class CaseText:
    """A case to be written; the comment stands above its `expect`."""

    id: str
    title: str
    inputs: Mapping[str, Any]
    comment: str
    expect: Any
    equal_nan: bool = False


@dataclass(frozen=True)
class EntryText:
    """What a new entry says. Comments are the drafter's words to whoever completes it."""

    head: Sequence[str]
    """Comments at the top."""
    operation: str
    category: str
    description: str
    std_args: Sequence[Mapping[str, Any]]
    cases: Sequence[CaseText]
    variants: Mapping[str, Mapping[str, Any]]
    absent: Mapping[str, str] = field(default_factory=dict)
    """Comments on frameworks that have no variant."""
    op_type: str = "function"
    return_type: str = "Tensor"
    reference: str = ""


def compose_entry(entry: EntryText) -> str:
    """Return the text of an entry."""
    parts = [f"# {line}\n" for line in entry.head]
    fields: dict[str, Any] = {"operation": entry.operation}
    if entry.category:
        fields["category"] = entry.category
    fields |= {"description": entry.description, "op_type": entry.op_type}
    parts.append(_dump(fields))
    parts.append("std_args:\n" if entry.std_args else "std_args: []\n")
    parts += [_item(_dump(each)) for each in entry.std_args]
    parts.append(_dump({"return_type": entry.return_type}))
    if entry.reference:
        parts.append(_dump({"reference": entry.reference}))
    if entry.cases:
        parts.append("cases:\n")
        parts += [_item(_compose_case(case)) for case in entry.cases]
    parts.append("variants:\n" if entry.variants else "variants: {}\n")
    for key, variant in entry.variants.items():
        parts.append(
            textwrap.indent(f"{key}:\n{textwrap.indent(_dump(variant), _INDENT)}", _INDENT)
        )
    parts += [_comment(f"{key}: {text}", _INDENT) for key, text in entry.absent.items()]
    return "".join(parts)


def _compose_case(case: CaseText) -> str:
    text = _dump({"id": case.id, "title": case.title})
    text += f"inputs:\n{textwrap.indent(_dump(case.inputs), _INDENT)}"
    text += _comment(case.comment, "") + _dump({"expect": case.expect})
    return text + (_dump({"equal_nan": True}) if case.equal_nan else "")


def _dump(fields: Mapping[str, Any]) -> str:
    text = yaml.dump(
        _Flow(fields), Dumper=_FlowDumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    return str(text)


def _comment(text: str, indent: str) -> str:
    lines = textwrap.wrap(text, LONGEST_LINE - 10 - len(indent))
    return "".join(f"{indent}# {line}\n" for line in lines)


def _item(text: str) -> str:
    """Return an item of a list, indented as the catalogue's are."""
    return f"{_INDENT}- {textwrap.indent(text, _INDENT * 2).lstrip(' ')}"
