"""What contributors do wrong most often, and whether the message alone lets them mend it.

Each mistake is made in an entry that is right, and must be told once, at its line and column, with
what to write.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optabs.catalog.check import check_catalog
from optabs.catalog.conventions import Conventions
from optabs.catalog.load import load_bytes, make_catalog
from optabs.catalog.names import find_name_faults

FRAMEWORKS = ("fake", "torch", "jax")

ENTRY = """\
operation: Add
category: Elementwise
description: The sum of two arrays.
std_args:
  - {name: x, type: Tensor, doc: any shape}
  - {name: y, type: Tensor, doc: as `x`}
  - {name: factor, type: float, default: 1.0, doc: what `y` is multiplied by}
cases:
  - id: basic
    title: Small numbers
    inputs:
      x: [1.0, 2.0]
      y: [3.0, 4.0]
      factor: 2.0
    expect: x + factor * y
    tolerance: {rtol: 1e-5, atol: 1e-5, reason: "two roundings"}
  - id: wide
    title: Wide numbers
    inputs:
      x: {values: [1.0, 2.0], dtype: float64}
      y: {values: [3.0, 4.0], dtype: float64}
    expect: np.add(x, y)
variants:
  fake:
    api: fakeframework.add
    args: {factor: alpha}
    example:
      wide: |
        result = ff.add(x, y)
        print(result)
"""

# What it is, what is written, what is written instead, what is told.
MISTAKES: list[tuple[str, str, str, str]] = [
    (
        "a misspelt key",
        "title: Small",
        "titel: Small",
        "10:5: unknown-key a case has no key 'titel' (did you mean 'title'?)",
    ),
    (
        "a line that is not far enough in",
        "    title: Small",
        "   title: Small",
        "10:4: invalid-yaml the line begins in column 4, which fits no line above it "
        "(begin it in column 1 or 3 or 5, or mend those)",
    ),
    (
        "a line that is too far in",
        "    title: Small",
        "      title: Small",
        "10:7: invalid-yaml the line begins in column 7, which fits no line above it "
        "(begin it in column 1 or 3 or 5, or mend those)",
    ),
    (
        "`expect` among the inputs",
        "    expect: x +",
        "      expect: x +",
        "9:5: no-oracle the case 'basic' has no oracle "
        "(`expect` stands among its inputs: indent it as `inputs` is)",
    ),
    (
        "a tab",
        "    title: Small",
        "\ttitle: Small",
        "10:1: tab a tab stands where only spaces can (indent and separate with spaces)",
    ),
    (
        "no space after a colon",
        "title: Small",
        "title:Small",
        "10:10: invalid-yaml a space is missing after the colon (write `title: Small numbers`)",
    ),
    (
        "a colon in a text",
        "description: The sum",
        "description: Add: the sum",
        "3:17: invalid-yaml mapping values are not allowed in this context "
        "(quote the text if it contains ': ', or check the indentation)",
    ),
    (
        "a text that begins with a sign",
        "title: Small",
        "title: *small*",
        "10:12: invalid-yaml '*' means something else in YAML (put quotes around the whole value)",
    ),
    (
        "code that begins with a brace",
        "args: {factor: alpha}",
        "macro_template: {x} + {y}",
        "26:21: invalid-yaml text follows what { begins and ends "
        "(put quotes around the whole value)",
    ),
    (
        "an apostrophe in quotes",
        "title: Small numbers",
        "title: 'Small's numbers'",
        "10:12: invalid-yaml text follows what ' begins and ends (write it twice within the text)",
    ),
    (
        "a bracket that is not closed",
        "x: [1.0, 2.0]",
        "x: [1.0, 2.0",
        "12:10: invalid-yaml '[' is not closed, or a comma is missing "
        "(look at what stands before line 13, column 8, and put quotes around texts with signs)",
    ),
    (
        "`yes` for `true`",
        "factor * y\n",
        "factor * y\n    grad: yes\n",
        "16:11: wrong-type `grad` wants true or false, found the text 'yes' (write true)",
    ),
    (
        "`null` for a text",
        "title: Small numbers",
        "title: null",
        "10:12: wrong-type `title` wants text, found nothing "
        "(fill it in, or remove it, or put quotes around the word)",
    ),
    (
        "a number for a text",
        "title: Small numbers",
        "title: 2",
        "10:12: wrong-type `title` wants text, found the number 2 (put quotes around it)",
    ),
    (
        "Python's None for null",
        "factor: 2.0",
        "factor: None",
        "14:15: bad-input `factor` is the text 'None' (write null, or put quotes around the text)",
    ),
    (
        "a tuple as Python writes it",
        "x: [1.0, 2.0]",
        "x: (1.0, 2.0)",
        "12:10: bad-input `x` is the text '(1.0, 2.0)' "
        '(write {python: "(1.0, 2.0)"}, or put quotes around the text)',
    ),
    (
        "a NaN as Python writes it",
        "factor: 2.0",
        "factor: nan",
        "14:15: bad-input `factor` is the text 'nan' "
        "(write .nan, .inf or -.inf, or put quotes around the text)",
    ),
    (
        "a key that stands there twice",
        "    title: Small numbers\n",
        "    title: Small numbers\n    title: Small\n",
        "11:5: duplicate-key the key 'title' stands here twice (first in line 10; keep one)",
    ),
    (
        "an input that is not there",
        "expect: x + factor",
        "expect: x + faktor",
        "15:17: unknown-name `result` is computed from 'faktor', which is not there "
        "(did you mean 'factor'?)",
    ),
    (
        "a misspelt input that nothing else uses",
        "      y: {values: [3.0, 4.0], dtype: float64}\n",
        "      y: {values: [3.0, 4.0], dtype: float64}\n      facter: 1.0\n",
        "22:7: unused-input nothing uses the input 'facter' (did you mean 'factor'?)",
    ),
    (
        "a function of NumPy without `np.`",
        "expect: np.add",
        "expect: add",
        "22:13: unknown-name `result` is computed from 'add', which is not there "
        "(there are x, y, np; NumPy's functions begin with `np.`)",
    ),
    (
        "a case without an id",
        "  - id: basic\n    title",
        "  - title",
        "9:5: missing-key a case has no `id` (add it, e.g. `id: negative-axis`)",
    ),
    (
        "an id that is none",
        "id: basic",
        "id: Basic case",
        "9:9: bad-case-id 'Basic case' is no case id "
        "(use at most 60 of a-z, 0-9 and hyphens, e.g. negative-axis)",
    ),
    (
        "an example that does not define the result",
        "        result = ff",
        "        total = ff",
        "28:13: no-result the example does not define `result` "
        "(begin the line that computes it with `result = `)",
    ),
    (
        "an example for a case that is not there",
        "      wide: |",
        "      wied: |",
        "28:7: unknown-case an example is for the case 'wied', which is not there "
        "(did you mean 'wide'?)",
    ),
    (
        "a framework's name for its key",
        "  fake:",
        "  pytorch:",
        "24:3: unknown-framework 'pytorch' is an example for a framework that is not there "
        "(did you mean 'torch'?)",
    ),
    (
        "an argument that the op does not have",
        "args: {factor: alpha}",
        "args: {faktor: alpha}",
        "26:12: unknown-argument the op has no standard argument 'faktor' (did you mean 'factor'?)",
    ),
    (
        "a tolerance without its reason",
        ', reason: "two roundings"',
        "",
        "16:16: missing-key a tolerance has no `reason` "
        "(add it, e.g. `reason: the sum runs over 10,000 terms`)",
    ),
    (
        "a dtype as NumPy writes it",
        "[1.0, 2.0], dtype: float64",
        "[1.0, 2.0], dtype: np.float64",
        "20:38: unknown-word `dtype` does not know 'np.float64' (did you mean 'float64'?)",
    ),
    (
        "an expression that is no Python",
        "expect: x + factor * y",
        "expect: x + (factor * y",
        "15:17: bad-python this is no Python: '(' was never closed (mend the code)",
    ),
    (
        "quotes of a word processor",
        "expect: np.add(x, y)",
        "expect: “np.add(x, y)”",
        "22:13: bad-python this is no Python: invalid character '“' (U+201C) "
        "(write it as on the keyboard: straight quotes, a plain minus sign)",
    ),
    (
        "a minus sign of a word processor",
        "factor: 2.0",
        "factor: −2.0",
        "14:15: bad-input `factor` is the text '−2.0' "
        "(write -2.0, with the minus sign of the keyboard, or put quotes around it)",
    ),
    (
        "NumPy code for an input",
        "x: [1.0, 2.0]\n",
        "x: np.ones((1, 3))\n",
        "12:10: bad-input `x` is the text 'np.ones((1, 3))' "
        "(write the values or {random: ..., shape: [...]}, or put quotes around the text)",
    ),
    (
        "a shape in parentheses",
        "x: [1.0, 2.0]\n",
        "x:\n        random: normal\n        shape: (2, 3)\n",
        "14:16: wrong-type `shape` wants a list, found the text '(2, 3)' (write [2, 3])",
    ),
    (
        "an example in a case",
        "    title: Small numbers\n",
        "    title: Small numbers\n    example: result = x\n",
        "11:5: unknown-key a case has no key 'example' (it is a key of a variant)",
    ),
    (
        "an API in place of a variant",
        "variants:\n",
        "variants:\n  torch: torch.add\n",
        "24:10: wrong-type `torch` wants a mapping, or null where the framework has no such op, "
        "found the text 'torch.add' (write {api: torch.add})",
    ),
    (
        "no word on why",
        "variants:\n",
        "variants:\n  torch: {unsupported: true}\n",
        "24:24: wrong-type `unsupported` wants text that is not empty, found `true` "
        "(write the reason)",
    ),
    (
        "arguments as Python writes them",
        "args: {factor: alpha}",
        "args: factor=alpha",
        "26:11: wrong-type `args` wants a mapping, found the text 'factor=alpha' "
        "(write {name: value, ...})",
    ),
    (
        "code whose lines YAML joins",
        "wide: |",
        "wide: >",
        "30:9: bad-python this is no Python: invalid syntax "
        "(write | in place of >, which joins lines)",
    ),
    (
        "code that is no Python",
        "        result = ff.add(x, y)",
        "        result = ff.add(x, y))",
        "29:30: bad-python this is no Python: unmatched ')' (mend the code)",
    ),
]


# What is told besides, for a key or a case that is misspelt is not there.
CONSEQUENCES = {"missing-framework", "no-title", "unknown-case", "framework-order"}


def list_faults(text: str) -> list[str]:
    """Return what `optabs check --conventions` tells of an entry, but for having few cases."""
    path = Path("add.yaml")
    conventions = Conventions(["fake"], FRAMEWORKS)
    catalog = make_catalog(load_bytes(text.encode(), path, Path(), conventions.check))
    names = [fault for op in catalog.ops for fault in find_name_faults(op)]
    faults = [*check_catalog(catalog, FRAMEWORKS), *names]
    return [str(fault).removeprefix("add.yaml:") for fault in faults]


def test_the_entry_is_right() -> None:
    assert list_faults(ENTRY) == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [each[1:] for each in MISTAKES],
    ids=[each[0] for each in MISTAKES],
)
def test_a_mistake_is_told_where_it_is_and_with_what_to_write(
    right: str, wrong: str, told: str
) -> None:
    assert ENTRY.count(right) == 1
    found = list_faults(ENTRY.replace(right, wrong))
    assert told in found
    assert {each.split()[1] for each in found if each != told} <= CONSEQUENCES


def test_the_command_tells_names_that_are_not_there(
    project: Callable[..., Any], tmp_path: Path
) -> None:
    made = project(tmp_path)
    made.write("add", ENTRY.replace("x + factor", "x + faktor"))
    for _ in range(2):  # the second time, the entry comes from the cache
        done: subprocess.CompletedProcess[str] = made.run("check")
        assert done.stdout.startswith("ops/add.yaml:15:17: unknown-name ")
        assert done.returncode == 1
        (tmp_path / "_build").mkdir(exist_ok=True)


def test_words_that_older_yaml_takes_for_others_are_texts() -> None:
    text = ENTRY.replace("Small numbers", "no").replace("operation: Add", "operation: on")
    assert list_faults(text) == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (
            "fakeframework.add",
            "fakeframework.ad",
            "ops/add.yaml:25:10: no-such-api Add: 'fakeframework.ad' does not exist in the "
            "installed Fake (nearest: fakeframework.add)",
        ),
        (
            "np.add(x, y)",
            "np.added(x, y)",
            "ops/add.yaml:22:13: failed Add, fake, case wide on cpu: the oracle of `result` could "
            "not be computed: module 'numpy' has no attribute 'added'",
        ),
        (
            "alpha}",
            "alfa}",
            "ops/add.yaml:26:20: no-such-argument Add, fake: 'fakeframework.add' has no parameter "
            "'alfa' (nearest: alpha)",
        ),
    ],
    ids=[
        "an API that is not there",
        "a function that NumPy lacks",
        "an argument that the API does not have",
    ],
)
def test_a_mistake_about_the_framework_is_told_when_it_is_run(
    project: Callable[..., Any], tmp_path: Path, right: str, wrong: str, told: str
) -> None:
    made = project(tmp_path)
    made.write("add", ENTRY.replace(right, wrong))
    done: subprocess.CompletedProcess[str] = made.run("verify", "--framework", "fake")
    assert told in done.stdout.splitlines()
    assert done.returncode == 1
