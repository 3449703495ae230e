"""Tests of what is told about code: whether it is Python, and which names it needs."""

from __future__ import annotations

import pytest

from optabs.catalog.code import (
    BadCode,
    check_expression,
    check_module,
    find_bound_names,
    find_code_faults,
    find_needed_names,
)
from optabs.catalog.model import Text
from optabs.errors import Place

NAMES = ("x", "y", "z", "np", "f")


@pytest.mark.parametrize(
    ("code", "row", "offset"),
    [
        ("x = (", 0, 4),
        ("x = 1\ny = = 2", 1, 4),
        ("def f():\n    return 1\n  return 2", 2, None),
        ("x +", 0, 3),
        ("return x", 0, 0),
        ("x = 1\nbreak", 1, 0),
        ("def f(x, x): pass", 0, None),
        ("x = 1\nfrom __future__ import annotations", 1, 0),
        ("nonlocal x", 0, 0),
        ("x y", 0, 2),
        ("é = 'ü' ü", 0, 8),
    ],
)
def test_what_does_not_compile_is_told_at_its_place(
    code: str, row: int, offset: int | None
) -> None:
    with pytest.raises(BadCode) as caught:
        check_module(code)
    assert caught.value.row == row
    if offset is not None:
        assert caught.value.offset == offset


@pytest.mark.parametrize("code", ["", "x = 1", "# words", "import a.b\nasync def f(): await g()"])
def test_what_compiles_is_good(code: str) -> None:
    check_module(code)


def test_a_doubtful_escape_is_no_fault() -> None:
    check_module(r"pattern = '\d'")  # Python warns; warnings are errors in these tests
    check_expression(r"'\d'")
    assert find_bound_names(r"pattern = '\d'") == {"pattern"}


@pytest.mark.parametrize("code", ["x = '\0'", "(" * 5_000, "-" * 200_000 + "1"])
def test_what_no_parser_can_take_is_told(code: str) -> None:
    with pytest.raises(BadCode):
        check_module(code)


@pytest.mark.parametrize(
    "code", ["x", "  x + 1  ", "np.exp(\n  x)", "\n x\n + 1\n", "x  # why", "(x\n# why\n)"]
)
def test_an_expression_is_good(code: str) -> None:
    check_expression(code)


@pytest.mark.parametrize(
    ("code", "row", "offset"),
    [
        ("x = 1", 0, 2),
        ("  x y", 0, 4),
        ("x\n+ y z", None, None),
        ("np.exp(x", 0, 6),
        ("np.exp(\n  x) +/ 2", 1, 6),
        ("\n\n   x y", 2, 5),
        ("yield x", None, None),
        ("x; y", 0, 1),
    ],
)
def test_what_is_no_expression_is_told_at_its_place(
    code: str, row: int | None, offset: int | None
) -> None:
    with pytest.raises(BadCode) as caught:
        check_expression(code)
    if row is not None:
        assert (caught.value.row, caught.value.offset) == (row, offset)


def test_a_fault_stands_at_the_place_in_the_file() -> None:
    text = Text("x = 1\ny = = 2\n", Place("f.yaml", 7, 12), 8)
    (fault,) = find_code_faults(text)
    assert (fault.place, fault.code) == (Place("f.yaml", 9, 5), "bad-python")
    assert list(find_code_faults(Text("x = 1\n", Place("f.yaml"), 1))) == []
    (fault,) = find_code_faults(Text(" \n", Place("f.yaml", 3, 4), 3))
    assert (
        str(fault) == "f.yaml:3:4: bad-python this is no Python: there is no code (mend the code)"
    )


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("x", {"x"}),
        ("x = 1", set()),
        ("x = 1\nx", set()),
        ("y = x", {"x"}),
        ("x = x + 1", {"x"}),
        ("x += 1", {"x"}),
        ("x[0] = y", {"x", "y"}),
        ("x.y = z", {"x", "z"}),
        ("del x", set()),
        ("y = z\nx = y\ny = x", {"z"}),
        ("print(f'{x} {y!r:>{z}}')", {"x", "y", "z"}),
        ("'x'", set()),
        ("y.x", {"y"}),
        ("g(x=y)", {"y"}),
        ("def f(x): return x", set()),
        ("def f(y=x): return y", {"x"}),
        ("def f(): return x", {"x"}),
        ("def f():\n    x = 1\n    x += 1\n    return x", set()),
        ("def f():\n    global x\n    x = 1\nf()\nx", set()),
        ("def f():\n    def g(): return x\n    x = 1\n    return g", set()),
        ("def f(x: np.ndarray) -> y: pass", {"np", "y"}),
        ("lambda x: x + y", {"y"}),
        ("[x for x in y]", {"y"}),
        ("{x: y for x in z if np}", {"y", "z", "np"}),
        ("class f(x):\n    y = z", {"x", "z"}),
        ("@x\ndef f(): pass", {"x"}),
        ("import np\nnp.x", set()),
        ("import np.linalg\nnp.x", set()),
        ("import numpy as np\nnp.x", set()),
        ("from numpy import x as y\nx, y", {"x"}),
        ("for x in y: pass", {"y"}),
        ("if z:\n    x = 1\nx", {"x", "z"}),
        ("for x in y: print(x)", {"y"}),
        ("for x in x: pass", {"x"}),
        ("for x in [\n    y]: x", {"y"}),
        ("with f() as x: x", {"f"}),
        ("with f() as x, x as y: y", {"f"}),
        ("[y for x in z for y in x]", {"z"}),
        ("[x for x in [y := 1]]; y", set()),
        ("def f():\n    [y := x for x in z]\n    return y", {"z"}),
        ("class f:\n    x = 1\n    def g(self): return x", {"x"}),
        ("class f:\n    x = 1\n    y = x", set()),
        ("class f:\n    x = 1\n    y = [x for z in ()]", {"x"}),
        (
            "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x += 1\n    return g",
            set(),
        ),
        ("def f(x):\n    def g():\n        global x\n        return x\n    return g", {"x"}),
        ("def f(*x, **y): return x, y", set()),
        ("lambda *x, y=z: (x, y)", {"z"}),
        ("x: int", set()),
        ("x: y = z\nx", {"y", "z"}),
        ("while x:\n    y = 1\nelse:\n    z = y", {"x", "y"}),
        ("try: pass\nexcept f as x: x\nfinally: y", {"f", "y"}),
        ("match x:\n    case {'a': y, **z}: y, z\n    case f(np=y) if y: np", {"x", "f", "np"}),
        ("import x.y\nx", set()),
        ("async def f():\n    async for x in y: x\n    async with z as x: x", {"y", "z"}),
        ("try:\n    x = 1\nexcept y: pass\nx", {"x", "y"}),
        ("(x := 1)\nx", set()),
        ("match z:\n    case [x, *y]: pass", {"z"}),
        ("x; x = 1", {"x"}),
        ("x = 1; x", set()),
        ("def f(): return x\nx = 1", {"x"}),
        ("@y\ndef f(x):\n    return x\nx = f", {"y"}),
    ],
)
def test_names_that_code_needs(code: str, needed: set[str]) -> None:
    assert find_needed_names(code, NAMES) == needed


def test_other_names_are_left_out() -> None:
    assert find_needed_names("print(x, len(y))", ["x"]) == {"x"}


@pytest.mark.parametrize(
    ("code", "bound"),
    [
        ("x = y = 1", {"x", "y"}),
        ("def f(x): y = 1", {"f"}),
        ("class f: x = 1", {"f"}),
        ("import a.b as x, np.y", {"x", "np"}),
        ("def f():\n    global x\n    x = 1", {"f", "x"}),
        ("x, *y = z", {"x", "y"}),
        ("x.y = 1", set()),
        ("[x for x in y]", set()),
    ],
)
def test_names_that_code_binds(code: str, bound: set[str]) -> None:
    assert find_bound_names(code) == bound


def test_names_of_no_python_are_not_known() -> None:
    for find in (find_bound_names, lambda code: find_needed_names(code, NAMES)):
        with pytest.raises(BadCode):
            find("x = (")
