"""The format as a JSON Schema (draft 7), for editors and for checks in other languages.

It says of each value its type, keys and words. Rules between values, and what code or a name
means, are left to `optabs check`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from optabs.catalog.schema import (
    OP,
    Anything,
    Choice,
    Key,
    Kind,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    Record,
    Scalar,
)

_DRAFT = "http://json-schema.org/draft-07/schema#"
_TYPES: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}


def make_schema() -> dict[str, Any]:
    """Return the schema of a catalogue file: an entry, or a list of entries."""
    entry = {"$ref": "#/definitions/entry"}
    return {
        "$schema": _DRAFT,
        "title": "An entry of an Optabs catalogue",
        "type": ["object", "array"],
        "if": {"type": "array"},
        "then": {"items": entry, "minItems": 1},
        "else": entry,
        "definitions": {"entry": describe(OP)},
    }


def write_schema() -> str:
    """Return the schema as text."""
    return json.dumps(make_schema(), indent=2) + "\n"


def describe(kind: Kind) -> dict[str, Any]:
    """Return the schema of one kind of value.

    Raises:
        TypeError: the kind is none that is known here.
    """
    if isinstance(kind, Anything):
        return {}
    if isinstance(kind, Scalar):
        return {"type": _name_types(kind.types), **kind.limits}
    if isinstance(kind, Choice):
        return {"enum": [*kind.words]}
    if isinstance(kind, Maybe):
        return _allow_null(describe(kind.kind))
    if isinstance(kind, ListOf):
        return {"type": "array", "items": describe(kind.item)}
    if isinstance(kind, MapOf):
        return {"type": "object", "additionalProperties": describe(kind.value)}
    if isinstance(kind, Record):
        return _describe_record(kind)
    if isinstance(kind, OneOf):
        return _describe_choice(kind)
    raise TypeError(f"no schema for {kind!r}")


def _describe_record(record: Record) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            name: {
                "description": _describe_key(key),
                "examples": [key.example],
                **describe(key.kind),
            }
            for name, key in record.keys.items()
        },
        "required": [*record.required],
        "additionalProperties": False,
    }


def _describe_key(key: Key) -> str:
    return f"{key.description} Without it: {key.default}." if key.default else key.description


def _describe_choice(choice: OneOf) -> dict[str, Any]:
    """Return the schemas of all types as one: a keyword says something of a single type alone."""
    merged: dict[str, Any] = {}
    for kind in choice.kinds.values():
        for keyword, value in describe(kind).items():
            if keyword != "type" and merged.setdefault(keyword, value) != value:
                raise TypeError(f"{keyword!r} would hold for several types of {choice!r}")
    return {"type": _name_types(choice.kinds), **merged}


def _name_types(types: Any) -> str | list[str]:
    names = [_TYPES[each] for each in types]
    if "number" in names and "integer" in names:
        names.remove("integer")
    return names[0] if len(names) == 1 else names


def _allow_null(schema: dict[str, Any]) -> dict[str, Any]:
    types = schema["type"]
    return {**schema, "type": [*([types] if isinstance(types, str) else types), "null"]}
