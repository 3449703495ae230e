"""Tests of which cases may be drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from optabs.catalog.load import load_file

ENTRY = """\
operation: Op
std_args: [x, y]
cases:
  - id: a
    inputs: {inputs}
    expect: {expect}
    plot: {plot}
variants: {{}}
"""


def load(folder: Path, inputs: str, expect: str, plot: str):
    file = folder / "op.yaml"
    file.write_text(ENTRY.format(inputs=inputs, expect=expect, plot=plot))
    (entry,) = load_file(file, folder)
    assert entry.op is not None
    return entry


@pytest.mark.parametrize(
    ("inputs", "expect", "plot"),
    [
        ("{x: {linspace: [-1, 1]}, y: 2}", "x * y", "curve"),
        ("{x: {linspace: [-1, 1]}, y: {code: y = xp.sin(x)}}", "x * y", "curve"),
        ("{x: 5}", "np.arange(x)", "curve"),
        ("{x: [1.0, 2.0]}", "x", "grid"),
        ("{x: [[[[1, 2], [3, 4]]]], y: 2}", "x", "grid"),
        ("{x: [1.0], y: {random: normal, shape: [5, 5, 5]}}", "{a: x, b: x}", "grid"),
    ],
)
def test_what_may_be_drawn(tmp_path: Path, inputs: str, expect: str, plot: str) -> None:
    entry = load(tmp_path, inputs, expect, plot)
    assert entry.faults == ()
    assert entry.op.cases[0].plot == plot


@pytest.mark.parametrize(
    ("inputs", "expect", "plot", "words"),
    [
        ("{x: [1.0, 2.0]}", "x", "curve", "the inputs `x` are arrays"),
        ("{x: {linspace: [-1, 1]}, y: [1]}", "x", "curve", "the inputs `x`, `y` are arrays"),
        ("{x: {linspace: [0, 1]}, y: {linspace: [0, 1]}}", "x", "curve", "`x`, `y` are arrays"),
        ("{x: {linspace: [-1, 1]}}", "{a: x, b: x}", "curve", "the case has the results a, b"),
        ("{x: 5}", "x", "grid", "no input is a matrix of at most 16 rows and columns"),
        ("{x: [[[1], [2]], [[3], [4]]]}", "x", "grid", "or one is more"),
        (f"{{x: {[*range(17)]}}}", "x", "grid", "or one is more"),
        ("{x: []}", "x", "grid", "or one is more"),
        ("{x: 5}", "x", "curved", "'curved'"),
        (
            "{x: 5}",
            "{a: {distribution: bernoulli, p: 0.5, shape: [5000]}}",
            "curve",
            "the result is random",
        ),
    ],
)
def test_what_may_not(tmp_path: Path, inputs: str, expect: str, plot: str, words: str) -> None:
    entry = load(tmp_path, inputs, expect, plot)
    (fault,) = entry.faults
    assert words in str(fault)
    assert fault.place.line == 7
    assert entry.op.cases == ()  # what is wrong is not run either
