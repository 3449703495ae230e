"""The catalogue as readers look through it: by category, by letter, a line about each op."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from optabs.catalog.model import Op

WITHOUT = "Without a category"
LARGE = 100
"""More ops than this are shown by letter."""

_ROLE = re.compile(r"\{[\w:-]+\}`(?:([^`<]+?)\s*<[^`>]*>|([^`]*))`")
_LINK = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])")
_APPOSITION = re.compile(r",\s*\$[^$]+\$(?=\s*(?:[.:;]|$))")  # "..., $y = x^2$." can be left out
_FORMULA = re.compile(r"(?<![\\$])\$([^$]+)\$")
_EMPHASIS = re.compile(r"(?<!\w)(\*{1,2}|_{1,2})(?=\S)(.+?)(?<=\S)\1(?!\w)")
_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)[.:;](?=\s|$)")


@dataclass(frozen=True)
class Category:
    """The ops of one category, sorted by name. `anchor` is no other category's."""

    name: str
    anchor: str
    ops: tuple[Op, ...]

    @property
    def label(self) -> str:
        """The name, for readers."""
        return self.name or WITHOUT

    def list_by_letter(self) -> list[tuple[str, tuple[Op, ...]]]:
        """Return the ops under their letters where they are many, else under one without name."""
        return group_by_letter(self.ops) if len(self.ops) > LARGE else [("", self.ops)]

    def list_neighbours(self, op: Op | None) -> list[tuple[str, tuple[Op, ...]]]:
        """Return what to list beside an op: of several letters, only its own has its ops."""
        letters = self.list_by_letter()
        own = find_letter(op.operation) if op else None
        return [
            (letter, ops if len(letters) == 1 or letter == own else ()) for letter, ops in letters
        ]


def sort_ops(ops: Iterable[Op]) -> list[Op]:
    """Return ops by name, whatever their capitals."""
    return sorted(ops, key=lambda op: (op.operation.casefold(), op.place))


def list_categories(ops: Iterable[Op]) -> list[Category]:
    """Return the categories by name; what has none comes last."""
    found: dict[str, list[Op]] = {}
    for op in sort_ops(ops):
        found.setdefault(op.category, []).append(op)
    anchors: dict[str, str] = {}
    for name in sorted(found, key=lambda name: (not name, name.casefold(), name)):
        base = re.sub(r"[^\w]+", "-", (name or WITHOUT).lower()).strip("-_") or "category"
        anchor, number = base, 1
        while anchor in anchors.values():
            number += 1
            anchor = f"{base}-{number}"
        anchors[name] = anchor
    return [Category(name, anchor, tuple(found[name])) for name, anchor in anchors.items()]


def find_letter(name: str) -> str:
    """Return the letter under which a name stands; `#` for what begins with none."""
    first = name[:1].upper()
    return first if first.isalpha() else "#"


def group_by_letter(ops: Iterable[Op]) -> list[tuple[str, tuple[Op, ...]]]:
    """Return ops under their letters, `#` first."""

    def find(op: Op) -> str:
        return find_letter(op.operation)

    found = sorted(sort_ops(ops), key=lambda op: (find(op) != "#", find(op)))
    return [(letter, tuple(group)) for letter, group in groupby(found, find)]


def write_line(op: Op) -> str:
    """Return the first sentence of an op's description, code between backquotes, no markup else."""
    if not op.description:
        return ""
    text = re.split(r"\n\s*\n|\$\$|\n(?=[-*:`])", op.description.text.strip(), maxsplit=1)[0]
    text = _ROLE.sub(lambda found: found[1] or found[2], text)
    text = _LINK.sub(r"\1", text)
    text = _FORMULA.sub(r"`\1`", _APPOSITION.sub("", text))
    text = _EMPHASIS.sub(r"\2", text)
    text = re.sub(r"\s+", " ", text)
    end = _END.search(text)
    return text[: end.start()].rstrip() + "." if end else text
