"""Changes to the text of an entry that leave all else as it is written.

A YAML library that keeps comments would still write the rest anew: indentation, breaks, anchors
that nothing refers to. Here pieces of the text are moved and replaced as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from optabs.catalog.source import KeyPath, Layout, YamlDocument


class Edit(NamedTuple):
    """The characters from `start` to `end` become `text`."""

    start: int
    end: int
    text: str


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """Return `text` after some edits, which must not overlap."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def select_disjoint(edits: Iterable[Edit]) -> list[Edit]:
    """Return edits of which no two overlap; of one within another, the inner one."""
    chosen: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.end, -edit.start)):
        if not chosen or chosen[-1].end <= edit.start:
            chosen.append(edit)
    return chosen


def rename_key(document: YamlDocument, path: KeyPath, name: str) -> Edit | None:
    """Return the edit that gives the key that `path` ends in another name."""
    layout, key = document.find_layout(path[:-1]), str(path[-1])
    if layout is None or key not in layout.keys:
        return None
    start = layout.keys[key]
    start += document.text[start] in "'\""
    return Edit(start, start + len(key), name) if document.text.startswith(key, start) else None


def strip_lines(document: YamlDocument) -> Iterator[Edit]:
    """Yield the edits that remove the space at the ends of lines."""
    for found in re.finditer(r"[ \t]+(?=\r?\n|\Z)", document.text):
        yield Edit(found.start(), found.end(), "")


def order_keys(document: YamlDocument, path: KeyPath, wanted: Sequence[str]) -> Edit | None:
    """Return the edit that brings the keys of the mapping at `path` into an order.

    Comments above a key move with it. None where the text is written in a way that pieces of it
    cannot be moved.
    """
    layout = document.find_layout(path)
    if layout is None or layout.keys.keys() != set(wanted):
        return None
    order = [[*layout.keys].index(key) for key in wanted]
    return (_order_flow if layout.is_flow else _order_block)(document.text, layout, order)


def _order_flow(text: str, layout: Layout, order: Sequence[int]) -> Edit | None:
    starts = [*layout.keys.values()]
    bodies, gaps = [], []
    for start, end in zip(starts, [*starts[1:], layout.end], strict=True):
        piece = text[start:end]
        if re.search(r"\s#", piece):  # a comment may hold commas, and ends its line
            return None
        body = piece.rstrip().removesuffix(",").rstrip()
        bodies.append(body)
        gaps.append(piece[len(body) :])
    moved = "".join(bodies[number] + gap for number, gap in zip(order, gaps, strict=True))
    return Edit(starts[0], layout.end, moved)


def _order_block(text: str, layout: Layout, order: Sequence[int]) -> Edit | None:
    starts = [*layout.keys.values()]
    indent = starts[0] - _find_line(text, starts[0])
    margin = " " * indent
    if any(text[_find_line(text, start) : start] != margin for start in starts[1:]):
        return None
    bounds = [_find_comments(text, _find_line(text, start), margin) for start in starts]
    if text[_find_line(text, starts[0]) : starts[0]] != margin or not indent:
        # Behind a hyphen; or the comment above is about the file as a whole.
        bounds[0] = _find_line(text, starts[0])
    bounds.append(_find_end(text, layout.end, indent))
    ending = "\r\n" if "\r\n" in text else "\n"
    pieces = [text[start + indent : end] for start, end in pairwise(bounds)]
    is_open = not pieces[-1].endswith("\n")
    if is_open:
        pieces[-1] += ending
    moved = margin.join(pieces[number] for number in order)
    return Edit(bounds[0] + indent, bounds[-1], moved.removesuffix(ending) if is_open else moved)


def _find_line(text: str, index: int) -> int:
    """Return where the line begins that a character stands in."""
    return text.rfind("\n", 0, index) + 1


def _find_comments(text: str, line: int, margin: str) -> int:
    """Return where the comments begin that stand right above a line, indented like it."""
    while line and text.startswith(f"{margin}#", above := _find_line(text, line - 1)):
        line = above
    return line


def _find_end(text: str, end: int, indent: int) -> int:
    """Return where a mapping ends: before blank lines, and comments on what stands around it."""
    line = _find_line(text, end)
    if text[line:end].strip():
        return end
    while line:
        above = _find_line(text, line - 1)
        bare = text[above:line].lstrip(" ")
        if bare.strip() and not (bare.startswith("#") and line - above - len(bare) < indent):
            break
        line = above
    return line
