"""Tests of the way back from a text to its characters in the file."""

from __future__ import annotations

import pytest

from optabs.catalog.source import parse_yaml

# Every character that is no white space is found where the same character stands in the file.
TEXTS = {
    "plain": "key: one two  three\n",
    "plain in several lines": "key: one\n  two\n\n  three four\nother: 1\n",
    "plain in a flow": "{a: 1, key: one two, b: 2}\n",
    "single-quoted": "key: 'it''s one''  two'\n",
    "single-quoted in several lines": "key: 'it''s\n  one\n\n   two'\n",
    "double-quoted": 'key: "one two"\n',
    "double-quoted in several lines": 'key: "one\n  two\n\n   three"\n',
    "double-quoted with hidden line breaks": 'key: "one\\\n  two \\\n  three"\n',
    "literal": "key: |\n  one\n    two\n\n  three\n",
    "literal, stripped": "key: |-\n  one\n  two\n\n\n",
    "literal, kept, with a comment": "key: |+  # why\n  one\n  two\n\n\n",
    "literal with blank lines before": "key: |\n\n\n  one\n\n  two\n",
    "literal with an indentation": "key: |2\n    one\n  two\n",
    "folded": "key: >\n  one\n  two\n\n  three\n    four\n  five\n",
    "folded, stripped": "key: >-\n  one\n  two\n",
    "folded with blank lines before": "key: >\n\n  one\n  two\n",
    "deep": "a:\n  - b:\n      - key: |\n          one\n            two\n",
    "after an anchor and a tag": "key: &name !!str |\n  one\n  two\n",
    "plain after an anchor": "key: &name one two\n",
    "quoted in the line after a tag": "key: !!str\n  'one two'\n",
    "accents and other planes": "ö: 1\nkey: 'ä 𝔵 日本 one'\n",
    "Windows' line ends": "a: 1\r\nkey: |\r\n  one\r\n    two\r\n\r\n  three\r\n",
    "Windows' line ends, folded": "key: >\r\n  one\r\n  two\r\n\r\n  three\r\n",
    "Windows' line ends, quoted": 'key: "one\r\n  two \\\r\n  three"\r\n',
    "a byte order mark": "\ufeffkey: one two\n",
}


def find_text(raw: str) -> tuple[str, object]:
    """Return the text under `key`, and how it is written."""
    document = parse_yaml(raw.encode(), "file.yaml")
    assert document.faults == []
    data, path = document.data, ()
    while "key" not in data:
        step = "a" if "a" in data else next(iter(data)) if isinstance(data, dict) else 0
        data, path = data[step], (*path, step)
    source = document.find_source((*path, "key"))
    assert source is not None
    return data["key"], source


@pytest.mark.parametrize("name", TEXTS)
def test_a_character_is_found_in_the_file(name: str) -> None:
    raw = TEXTS[name]
    text, source = find_text(raw)
    lines = raw.removeprefix("\ufeff").split("\n")
    seen = []
    for row, shown in enumerate(text.split("\n")):
        for offset, character in enumerate(shown):
            if character.isspace():
                continue
            line, column = source.find(text, row, offset)
            assert lines[line - 1][column - 1] == character, (row, offset)
            assert source.find_row(text, row) <= line
            seen.append((line, column))
    assert seen == sorted(set(seen)), "in order, each at a place of its own"
    assert len(seen) == len("".join(text.split()))


@pytest.mark.parametrize(
    ("raw", "row", "offset", "line", "column"),
    [
        # Escapes: what follows one is found behind all of its characters.
        (r'key: "a\tb"', 0, 2, 1, 10),
        (r'key: "\x41b"', 0, 1, 1, 11),
        (r'key: "\u00e9b"', 0, 1, 1, 13),
        (r'key: "\U0001F600b"', 0, 1, 1, 17),
        (r'key: "\"b"', 0, 1, 1, 9),
        (r'key: "\\b"', 0, 1, 1, 9),
        (r'key: "a\nb"', 1, 0, 1, 10),
        (r'key: "a\n\nb c"', 2, 2, 1, 14),
        (r'key: "\x20\x20b"', 0, 2, 1, 15),
        # White space and ends: counted from the character before.
        ("key: one two\n", 0, 3, 1, 9),
        ("key: one\n", 0, 3, 1, 9),
        ("key: one\n", 0, 99, 1, 9),
        ("key: |\n  one\n\n    two\n", 0, 3, 2, 6),
        ("key: |\n  one\n\n    two\n", 1, 0, 3, 3),
        ("key: |\n  one\n\n    two\n", 2, 0, 4, 3),
        ("key: |\n  one\n\n    two\n", 99, 0, 5, 3),
        ("key: ''\n", 0, 0, 1, 6),
        ("key: ' '\n", 0, 1, 1, 6),
        ("key: >\n  one\n  two\n", 0, 4, 3, 3),
    ],
)
def test_places_beside_characters(raw: str, row: int, offset: int, line: int, column: int) -> None:
    text, source = find_text(raw)
    assert source.find(text, row, offset) == (line, column)


def test_rows_of_a_text_have_lines_of_their_own() -> None:
    text, source = find_text('key: "a\\nb\\n\n  c\n\n  d"\n')
    assert text == "a\nb\n c\nd"
    assert [source.find_row(text, row) for row in range(4)] == [1, 1, 2, 4]
    text, source = find_text("key: |\n\n  a\n\n  b\n")
    assert [source.find_row(text, row) for row in range(4)] == [2, 3, 4, 5]
