"""An op's page for programs: Markdown and data, made from the entry and the evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt

from optabs.catalog.model import Case, Op, Variant
from optabs.render import Context
from optabs.version import __version__

Resolve = Callable[[str, str], str | None]
"""Gives the address of an op (type ``op``) or an API (``api``) by its name, if there is one."""

FindCode = Callable[[Op, Case, Variant], str | None]
"""Gives the code of a case in a framework, if there is any."""

SCHEMA = 1

_ROLE = re.compile(r"\{([\w:.+-]+)\}(`+)(.+?)\2", re.DOTALL)
_TITLE_AND_TARGET = re.compile(r"(.+?)\s*<([^<>]+)>", re.DOTALL)


def make_twin_context(
    op: Op,
    head: Context,
    tabs: Sequence[Context],
    find_code: FindCode,
    resolve: Resolve,
) -> Context:
    """Return what the Markdown of an op's page shows.

    `head` and `tabs` are what the page itself shows.
    """
    cases = {case.id: case for case in op.cases}
    return {
        "op": head,
        "description": write_markdown(op.description.text, 2, resolve) if op.description else "",
        "tabs": [
            {
                **tab,
                "notes": write_markdown(variant.notes.text, 3, resolve) if variant.notes else "",
                "cases": [
                    {**case, "code": find_code(op, cases[case["id"]], variant)}
                    for case in tab["cases"]
                ],
            }
            for tab in tabs
            for variant in [op.variants[tab["key"]]]
        ],
        "crosscheck": head["crosscheck"],
        "see_also": [(name, resolve("op", name)) for name in op.see_also],
    }


def make_page_data(
    op: Op,
    exported: Mapping[str, Any],
    head: Context,
    tabs: Sequence[Context],
    find_code: FindCode,
) -> dict[str, Any]:
    """Return an op as data: its part of the export, how arguments are passed, and the code."""
    variants = {
        tab["key"]: {
            **exported["variants"][tab["key"]],
            "api_url": tab["api_url"],
            "mapping": tab["mapping"],
            "examples": {
                case.id: find_code(op, case, op.variants[tab["key"]])
                for case in op.cases
                if any(each["id"] == case.id for each in tab["cases"])
            },
        }
        for tab in tabs
    }
    kept = ("aliases", "op_type", "signature", "parameters", "return_type", "see_also")
    return {
        "schema": SCHEMA,
        "optabs_version": __version__,
        **exported,
        **{name: head[name] for name in kept},
        "description": op.description.text if op.description else "",
        "variants": variants,
    }


def write_markdown(text: str, level: int, resolve: Resolve) -> str:
    """Return MyST as Markdown that any reader knows; its highest headings get `level`."""
    lines = text.strip("\n").split("\n")
    headings = [
        token
        for token in MarkdownIt().parse("\n".join(lines))
        if token.type == "heading_open" and token.markup.startswith("#") and token.map
    ]
    shift = level - min((len(token.markup) for token in headings), default=level)
    for token in headings:
        assert token.map
        number = token.map[0]
        lines[number] = "#" * (len(token.markup) + shift) + lines[number].lstrip().lstrip("#")
    return _write_roles("\n".join(lines), resolve)


def write_span(text: str) -> str:
    """Return a text as code within a line of Markdown."""
    marks = "`" * _find_free_length(text, 1)
    space = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{marks}{space}{text}{space}{marks}"


def write_fence(text: str, language: str = "text") -> str:
    """Return a text as a block of code in Markdown."""
    marks = "`" * _find_free_length(text, 3)
    return f"{marks}{language}\n{text.rstrip()}\n{marks}"


def _find_free_length(text: str, least: int) -> int:
    """Return a number of backquotes that the text has nowhere in a row."""
    return max([least - 1, *map(len, re.findall("`+", text))]) + 1


def _write_roles(text: str, resolve: Resolve) -> str:
    def replace(found: re.Match[str]) -> str:
        role, _, content = found.groups()
        if role == "math":
            return f"${content}$"
        explicit = _TITLE_AND_TARGET.fullmatch(content)
        title, target = explicit.groups() if explicit else (f"`{content}`", content)
        address = resolve(role.rpartition(":")[2], target) if role.startswith("op") else None
        return f"[{title}]({address})" if address else title

    return _ROLE.sub(replace, text)
