"""Lines of code with their origin: what they import, and which names they need."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Collection, Iterable, Mapping

from optabs.catalog.code import BadCode, find_needed_names, parse_module

# A line of code, and the line of the YAML file that it comes from.
Line = tuple[str, int]

_LAYOUT = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT)


class NoSnippet(Exception):  # noqa: N818 - a result, not a failure: the tab says why
    """The variant's mapping gives no code that can be run; the text says why."""


def join_lines(lines: Iterable[Line]) -> str:
    """Return the code without the origin of its lines."""
    return "\n".join(text for text, _ in lines)


def find_needed(lines: list[Line], among: Collection[str]) -> set[str]:
    """Return those of some names that code reads without having bound them.

    Raises:
        NoSnippet: it is no Python.
    """
    try:
        return find_needed_names(join_lines(lines), among)
    except BadCode as error:
        raise NoSnippet(f"the code is no Python: {error}") from error


def parse_lines(lines: Iterable[Line]) -> ast.Module:
    """Return the syntax tree of code.

    Raises:
        NoSnippet: it is no Python.
    """
    try:
        return parse_module(join_lines(lines))
    except BadCode as error:
        raise NoSnippet(f"the code is no Python: {error}") from error


def split_imports(body: list[Line]) -> tuple[list[list[Line]], list[Line]]:
    """Split `body` into its leading import statements and the rest, without blank lines between."""
    statements: list[list[Line]] = []
    end = 0
    for node in parse_lines(body).body:
        if node.lineno <= end:
            # `import a; b = a.c` is one line, so it stays whole.
            statements.pop()
            end = node.lineno - 1
            break
        if not isinstance(node, ast.Import | ast.ImportFrom):
            break
        # Comments above an import stay with it.
        above = [line for line in body[end : node.lineno - 1] if line[0].strip()]
        last = node.end_lineno or node.lineno
        statements.append([*above, *body[node.lineno - 1 : last]])
        end = last
    rest = body[end:]
    while statements and rest and not rest[0][0].strip():
        rest = rest[1:]
    return statements, rest


def is_future(statement: list[Line]) -> bool:
    """Whether an import statement changes the language, so that Python wants it first."""
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__"
        for node in parse_lines(statement).body
    )


def is_standard(statement: list[Line]) -> bool:
    """Whether an import statement is of the standard library alone."""
    return all(
        name.partition(".")[0] in sys.stdlib_module_names
        for node in parse_lines(statement).body
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    )


def write_imports(names: Iterable[str], imports: Mapping[str, str]) -> list[str]:
    """Return the import statements that bind `names`, in the order of the `imports` table."""
    lines = []
    for name in names:
        module = imports[name]
        parent, _, last = module.rpartition(".")
        if module == name:
            lines.append(f"import {module}")
        elif last == name and parent:
            lines.append(f"from {parent} import {name}")
        else:
            lines.append(f"import {module} as {name}")
    return sorted(lines, key=lambda line: (line.startswith("from"), line))


def replace_name(code: str, name: str, replacement: str) -> str:
    """Return `code` with the variable `name` written as `replacement`, layout kept.

    Attributes and keywords of that name stay, and so does what stands in strings.
    """
    lines = code.split("\n")
    significant = [
        token
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
        if token.type not in _LAYOUT
    ]
    depth = strings = 0
    found = []
    for number, token in enumerate(significant):
        kind = tokenize.tok_name[token.type]
        # From Python 3.12 on an f-string is no longer one token.
        strings += (kind == "FSTRING_START") - (kind == "FSTRING_END")
        depth += (token.string in ("(", "[", "{")) - (token.string in (")", "]", "}"))
        if token.type != tokenize.NAME or token.string != name or strings:
            continue
        is_attribute = number > 0 and significant[number - 1].string == "."
        is_keyword = (
            depth > 0
            and significant[number + 1 : number + 2]
            and (significant[number + 1].string == "=")
        )
        if not is_attribute and not is_keyword:
            found.append(token.start)
    for row, column in reversed(found):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + replacement + line[column + len(name) :]
    return "\n".join(lines)
