"""News of an export as text, as Markdown for a comment, and as JSON.

Whatever stands in an export may have been made up, by the author of a pull request say. In
Markdown it stands in code spans alone, where nothing of it is markup, a link or a mention.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from optabs.news import Change, Kind, News
from optabs.records import Verdict

MARK = "<!-- optabs-report -->"
"""What a comment begins with, so that it is found again."""
LONGEST = 60_000
"""Characters of the Markdown; GitHub takes 65,536 in a comment."""

_LONGEST_CELL = 160
_OPEN_KINDS = (Kind.FAILED, Kind.DIFFERS, Kind.NOT_RUN, Kind.STALE, Kind.API_GONE)
_SIGNS = {
    Verdict.VERIFIED: "ok",
    Verdict.UNSUPPORTED: "-",
    Verdict.UNTESTABLE: "untested",
}


@dataclass(frozen=True)
class _Table:
    """A table with a heading. Cells that are texts of an export are listed in `code`."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    code: frozenset[int] = frozenset()
    is_open: bool = True


def write_text(news: News) -> str:
    """Return the tables as aligned columns, each under its heading."""
    parts = [_headline(news)]
    for table in _list_tables(news):
        lines = [[_flatten(cell) for cell in row] for row in (table.head, *table.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        parts += ["", *([f"{table.title} ({len(table.rows)})"] if table.title else [])]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            parts.append("  ".join(cells).rstrip())
    return "\n".join(parts) + "\n"


def write_markdown(news: News) -> str:
    """Return the tables for a comment, what is not urgent folded.

    It has `LONGEST` characters at most, and says where rows were left out for that.
    """
    text = f"{MARK}\n### Optabs: {_headline(news)}\n"
    tables = list(_list_tables(news))
    for number, table in enumerate(tables):
        # Each has its share, and what those before it have left.
        text += _write_table(table, (LONGEST - len(text)) // (len(tables) - number))
    return text


def write_json(news: News) -> str:
    """Return an object with `worse`, the number of changes for the worse, and all `changes`."""
    changes = None if news.changes is None else [asdict(change) for change in news.changes]
    counts = {
        framework: {verdict.value: count[verdict] for verdict in Verdict}
        for framework, count in news.count_verdicts().items()
    }
    document = {"worse": news.worse, "changes": changes, "verdicts": counts}
    return json.dumps(document, indent=1) + "\n"


FORMATS: Mapping[str, Callable[[News], str]] = {
    "text": write_text,
    "markdown": write_markdown,
    "json": write_json,
}


def _headline(news: News) -> str:
    operations = len(news.export.operations)
    ops = f"{operations} {'op' if operations == 1 else 'ops'}"
    if news.changes is None:
        return f"{ops}, {len(news.list_wrong())} failed or differ"
    if not news.changes:
        return f"{ops}, nothing changed"
    worse = f"{news.worse} got worse" if news.worse else "nothing got worse"
    return f"{ops}, {worse}, {len(news.changes)} changed"


def _list_tables(news: News) -> Iterator[_Table]:
    yield _Table(
        "",
        ["framework", "version", *(verdict.words for verdict in Verdict)],
        [
            [
                framework,
                news.export.versions.get(framework, ""),
                *(str(count[verdict] or "") for verdict in Verdict),
            ]
            for framework, count in news.count_verdicts().items()
        ],
        frozenset({0, 1}),
    )
    for kind in Kind:
        if changes := news.list_kind(kind):
            yield _list_changes(kind, changes)
    if news.changes is None and (wrong := news.list_wrong()):
        yield _Table(
            "Failed or differs",
            ["op", "framework", "case", "device", "verdict", "why"],
            [[*key, result.verdict.words, result.reason] for key, result in wrong],
            frozenset({0, 1, 2, 3, 5}),
        )
    yield _list_ops(news)


def _list_changes(kind: Kind, changes: Sequence[Change]) -> _Table:
    """Return a table of the columns in which anything stands."""
    columns = [
        (name, [str(getattr(change, attribute)) for change in changes])
        for name, attribute in (
            ("op", "operation"),
            ("framework", "framework"),
            ("case", "case"),
            ("device", "device"),
            ("was", "old"),
            ("is", "new"),
            ("why", "reason"),
        )
    ]
    if kind.name in Verdict.__members__:
        columns = [(name, cells) for name, cells in columns if name != "is"]
    columns = [(name, cells) for name, cells in columns if any(cells)]
    rows = list(zip(*(cells for _name, cells in columns), strict=True))
    return _Table(
        kind.value,
        [name for name, _cells in columns],
        rows,
        frozenset(range(len(columns))),
        kind in _OPEN_KINDS,
    )


def _list_ops(news: News) -> _Table:
    """Return the verdicts of each op in each framework, the worst with how often it is had."""
    frameworks = list(news.count_verdicts())
    found: dict[tuple[str, str], list[Verdict]] = {}
    for (operation, framework, _case, _device), result in news.export.results.items():
        found.setdefault((operation, framework), []).append(result.verdict)
    rows = [
        [operation, *(_write_cell(found.get((operation, each), [])) for each in frameworks)]
        for operation in news.export.operations
    ]
    return _Table("All verdicts", ["op", *frameworks], rows, frozenset({0}), is_open=False)


_WORST_FIRST = (
    Verdict.FAILED,
    Verdict.DIFFERS,
    Verdict.NOT_RUN,
    Verdict.STALE,
    Verdict.VERIFIED,
    Verdict.UNTESTABLE,
    Verdict.UNSUPPORTED,
)


def _write_cell(verdicts: Sequence[Verdict]) -> str:
    worst = next((each for each in _WORST_FIRST if each in verdicts), None)
    if worst is None:
        return ""
    count = f" {verdicts.count(worst)}" if worst is not Verdict.UNSUPPORTED else ""
    return f"{_SIGNS.get(worst, worst.words)}{count}"


def _write_table(table: _Table, room: int) -> str:
    """Return a table as Markdown of at most `room` characters; says how many rows it lacks."""
    head = "| " + " | ".join(map(_write_head, table.head)) + " |"
    if not table.title:
        title, end = "", "\n"
    elif table.is_open:
        title, end = f"\n#### {table.title} ({len(table.rows)})\n", "\n"
    else:
        summary = f"{table.title} ({len(table.rows)})"
        title, end = f"\n<details><summary>{summary}</summary>\n", "\n\n</details>\n"
    text = f"{title}\n{head}\n|{' --- |' * len(table.head)}"
    note = "\n\nLeft out, as a comment holds no more: {} rows."
    room -= len(end) + len(note) + 10  # digits
    for number, row in enumerate(table.rows):
        cells = (
            _write_code(cell) if column in table.code else cell for column, cell in enumerate(row)
        )
        line = "\n| " + " | ".join(cells) + " |"
        if len(text) + len(line) > room:
            shown = text if number else title
            return f"{shown}{note.format(len(table.rows) - number)}{end}"
        text += line
    return text + end


def _write_head(text: str) -> str:
    """Return a word of ours as it is, and the key of a framework, if it is odd, as code."""
    return text if re.fullmatch("[a-z][a-z_ ]*", text) else _write_code(text)


def _write_code(text: str) -> str:
    """Return a text as a code span that may stand in a table, cut where it is long."""
    text = _flatten(text)
    if not text:
        return ""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def _flatten(text: str) -> str:
    """Return a text in one line, without what a terminal would obey, cut where it is long."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(shown.split())
    return line if len(line) <= _LONGEST_CELL else f"{line[: _LONGEST_CELL - 2]} …"
