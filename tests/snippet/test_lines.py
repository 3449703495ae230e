"""Tests of lines of code: imports, needed names, and the namespace of shared code."""

from __future__ import annotations

import pytest

from optabs.snippet.lines import (
    Line,
    NoSnippet,
    find_needed,
    is_future,
    is_standard,
    join_lines,
    parse_lines,
    replace_name,
    split_imports,
    write_imports,
)


def number(code: str) -> list[Line]:
    return [(text, row) for row, text in enumerate(code.split("\n"), 10)]


@pytest.mark.parametrize(
    ("code", "statements", "rest"),
    [
        ("x = 1", [], "x = 1"),
        ("import a", ["import a"], ""),
        ("import a\nimport b\nx = 1", ["import a", "import b"], "x = 1"),
        ("import a\n\n\nx = 1\nimport b", ["import a"], "x = 1\nimport b"),
        ("from a import (\n    b,\n)\nx", ["from a import (\n    b,\n)"], "x"),
        ("# why\nimport a\n\n# what\nx", ["# why\nimport a"], "# what\nx"),
        ("import a\n\n# why\nfrom b import c\nx", ["import a", "# why\nfrom b import c"], "x"),
        ("# only words\nx", [], "# only words\nx"),
        ("import a; x = a", [], "import a; x = a"),
        ("import a; import b\nx", [], "import a; import b\nx"),
        ("import a\nimport b; x = b\ny", ["import a"], "import b; x = b\ny"),
        ("'''Words.'''\nimport a", [], "'''Words.'''\nimport a"),
        ("", [], ""),
    ],
)
def test_leading_imports_are_split_off(code: str, statements: list[str], rest: str) -> None:
    found, left = split_imports(number(code))
    assert [join_lines(each) for each in found] == statements
    assert join_lines(left) == rest
    rows = code.split("\n")
    assert all(rows[row - 10] == text for each in found for text, row in each)
    assert all(rows[row - 10] == text for text, row in left)


@pytest.mark.parametrize(
    ("statement", "standard", "future"),
    [
        ("import math", True, False),
        ("import os.path, sys", True, False),
        ("from collections.abc import Mapping", True, False),
        ("from __future__ import annotations", True, True),
        ("import torch", False, False),
        ("import math, torch", False, False),
        ("from jax import numpy", False, False),
        ("from . import x", False, False),
        ("# why\nimport math", True, False),
    ],
)
def test_imports_of_the_standard_library(statement: str, standard: bool, future: bool) -> None:
    assert is_standard(number(statement)) is standard
    assert is_future(number(statement)) is future


def test_imports_are_written_as_people_do() -> None:
    imports = {"b": "b", "np": "numpy", "nn": "torch.nn", "F": "torch.nn.functional", "a": "a"}
    assert write_imports(imports, imports) == [
        "import a",
        "import b",
        "import numpy as np",
        "import torch.nn.functional as F",
        "from torch import nn",
    ]
    assert write_imports(["np"], imports) == ["import numpy as np"]
    assert write_imports([], imports) == []


def test_needed_names_are_found() -> None:
    assert find_needed(number("x = y\nz = x"), ["x", "y", "q"]) == {"y"}


def test_what_is_no_python_gives_no_snippet() -> None:
    for give in (lambda lines: find_needed(lines, ["x"]), parse_lines, split_imports):
        with pytest.raises(NoSnippet, match="the code is no Python: "):
            give(number("x = ("))


@pytest.mark.parametrize(
    ("code", "replaced"),
    [
        ("xp.sin(x)", "torch.sin(x)"),
        ("xp", "torch"),
        ("a.xp + xp.a", "a.xp + torch.a"),
        ("a. xp", "a. xp"),
        ("(a\n  .xp)", "(a\n  .xp)"),
        ("'xp' + \"xp\" + '''xp\nxp''' + xp", "'xp' + \"xp\" + '''xp\nxp''' + torch"),
        ("f'{xp}'", "f'{xp}'"),
        ("f'{1}' + xp + f\"{f'{xp}'}\" + xp", "f'{1}' + torch + f\"{f'{xp}'}\" + torch"),
        ("xpx + _xp + x_xp", "xpx + _xp + x_xp"),
        ("f(xp=1, a=xp)", "f(xp=1, a=torch)"),
        ("f(xp == 1)", "f(torch == 1)"),
        ("xp.f(xp.g(xp))", "torch.f(torch.g(torch))"),
        ("ä = 'ö'; xp.f()", "ä = 'ö'; torch.f()"),
        ("# xp\nxp  # xp", "# xp\ntorch  # xp"),
        (
            "def f(x):\n    return xp.sum(x[xp.newaxis])",
            "def f(x):\n    return torch.sum(x[torch.newaxis])",
        ),
        ("y = x", "y = x"),
    ],
)
def test_the_namespace_is_replaced_where_it_is_a_variable(code: str, replaced: str) -> None:
    assert replace_name(code, "xp", "torch") == replaced
