"""Where each character of a YAML text stands in its file.

A text is not written in the file as it reads: block scalars are indented, folded ones are joined,
quoted ones have escapes. Faults and tracebacks need the way back.
"""

from __future__ import annotations

from dataclasses import dataclass

Position = tuple[int, int]
"""Line and column, from 1."""

_SPACE = " \t\r\n\x85\u2028\u2029"
_ESCAPED_SPACE = {"t": "\t", "\t": "\t", "n": "\n", "r": "\r", " ": " "} | {
    "N": "\x85",
    "L": "\u2028",
    "P": "\u2029",
}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


@dataclass(frozen=True)
class Source:
    """How a scalar is written: its characters in the file, and where they begin."""

    style: str
    """``|``, ``>``, ``'``, ``"`` or, for a plain scalar, nothing."""
    start: int
    """The number of the first character in the text."""
    line: int
    column: int
    raw: str

    def find_row(self, text: str, row: int) -> int:
        """Return the line of the file that holds row `row` (from 0) of `text`."""
        if self.style == "|":
            return self.line + 1 + row
        return self.find(text, row, 0)[0] if "\n" in self.raw else self.line

    def find(self, text: str, row: int, offset: int) -> Position:
        """Return where the character `offset` of row `row` (both from 0) of `text` stands."""
        rows = text.split("\n")
        row = min(max(row, 0), len(rows) - 1)
        offset = min(max(offset, 0), len(rows[row]))
        if self.style == "|":
            return self.line + 1 + row, self._measure_indent(rows) + offset + 1
        return self._find_folded(rows, row, offset)

    def _measure_indent(self, rows: list[str]) -> int:
        written = self.raw.splitlines()[1:]
        for shown, line in zip(rows, written, strict=False):
            if shown.strip():
                return line.find(shown.strip()) - (len(shown) - len(shown.lstrip()))
        return 0

    def _find_folded(self, rows: list[str], row: int, offset: int) -> Position:
        # Folding changes white space only, so the n-th other character is the same in both.
        visible = self._list_visible()
        before = sum(_count_visible(each) for each in rows[:row])
        left = rows[row][:offset]
        number = before + _count_visible(left)
        if offset < len(rows[row]) and rows[row][offset] not in _SPACE and number < len(visible):
            return visible[number]
        if left.strip(_SPACE):
            line, column = visible[number - 1]
            return line, column + len(left) - len(left.rstrip(_SPACE)) + 1
        if number < len(visible) and rows[row].strip(_SPACE):
            line, column = visible[number]
            indent = len(rows[row]) - len(rows[row].lstrip(_SPACE))
            return line, max(column - indent + offset, 1)
        return visible[number - 1] if number else (self.line, self.column)

    def _list_visible(self) -> list[Position]:
        """Return the position of each character that is no white space."""
        found: list[Position] = []
        raw, quote = self.raw, self.style if self.style in ("'", '"') else ""
        end = len(raw) - 1 if quote else len(raw)
        index = raw.find("\n") + 1 if self.style == ">" else 1 if quote else 0
        line = self.line + raw.count("\n", 0, index)
        start = raw.rfind("\n", 0, index) + 1
        shift = 1 - start if start else self.column
        while index < end:
            character, width = raw[index], 1
            if character == "\n":
                line, shift = line + 1, -index
            elif quote == "'" and character == "'":
                width = 2
            elif quote == '"' and character == "\\":
                character, width = _read_escape(raw, index)
            if character not in _SPACE:
                found.append((line, index + shift))
            index += width
        return found


def _count_visible(text: str) -> int:
    return sum(character not in _SPACE for character in text)


def _read_escape(raw: str, index: int) -> tuple[str, int]:
    """Return the character that the escape at `index` stands for, and the escape's length."""
    kind = raw[index + 1]
    if kind in _HEX_DIGITS:
        width = 2 + _HEX_DIGITS[kind]
        return chr(int(raw[index + 2 : index + width], 16)), width
    if kind in "\r\n":
        return " ", 1  # the line break that it hides is counted next
    return _ESCAPED_SPACE.get(kind, "x"), 2
