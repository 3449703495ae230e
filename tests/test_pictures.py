"""What pictures show and say: pieces, heights, words; and the files that are drawn."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from optabs.drawing import DARK, LIGHT, MODES, draw_picture
from optabs.pictures import (
    Curve,
    Grid,
    Picture,
    _choose_heights,
    _describe_curve,
    _join_heights,
    _split_curve,
)

XS = [-6 + 12 * number / 127 for number in range(128)]


def make_curve(label, function):
    return Curve(label, _split_curve(XS, [function(x) for x in XS]))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (
            lambda x: x / (1 + math.exp(-x)),
            "Op over x: from −0.015 at −6 to 5.99 at 6; lowest −0.278 at −1.28; crosses 0 at 0.",
        ),
        (lambda x: max(x, 0.0), "Op over x: from 0 at −6 to 6 at 6; 0 from −6 to −0.05."),
        (
            lambda x: float(x > 0),
            "Op over x: from 0 at −6 to 1 at 6; 0 from −6 to −0.05; jumps at 0.",
        ),
        (
            lambda x: float(abs(x) < 3) / 6,
            "Op over x: from 0 at −6 to 0 at 6; highest 0.167 from −2.98 to 2.98; "
            "0 from −6 to −3.07; 0 from 3.07 to 6; jumps at −3.02, 3.02.",
        ),
        (lambda x: 2.5, "Op: 2.5 for x from -6 to 6."),
        (
            lambda x: -1 / x**2,
            "Op over x: from 0 at −6 to 0 at 6; lowest −448 at −0.05.",
        ),
        (
            lambda x: math.nan if x < 0 else math.sqrt(x),
            "Op over x: from 0.217 at 0.047 to 2.45 at 6.",
        ),
        (
            math.floor,
            "Op over x: from −6 at −6 to 6 at 6; jumps at 12 places.",
        ),
    ],
)
def test_what_is_seen_of_a_curve_is_said(function, words):
    assert _describe_curve(make_curve("op", function), "x") == words


@pytest.mark.parametrize(
    ("function", "count"),
    [
        (math.sin, 1),
        (math.exp, 1),
        (math.tanh, 1),
        (lambda x: max(x, 0.0), 1),  # a kink
        (lambda x: math.copysign(1.0, x), 2),
        (lambda x: 1 / x, 2),
        (lambda x: 1 / (x - 0.1), 2),
        (math.tan, 5),
        (lambda x: -1 / x**2, 1),
        (lambda x: math.inf if abs(x) < 1 else x, 2),
    ],
)
def test_a_line_is_drawn_only_where_nothing_jumps(function, count):
    curve = make_curve("op", function)
    assert len(curve.pieces) == count
    assert len(curve.points) == sum(math.isfinite(function(x)) for x in XS)


def test_poles_leave_room_for_the_rest():
    low, high = _choose_heights([1 / x for x in XS])
    assert -8 < low < -1
    assert 1 < high < 8
    assert _choose_heights([x * x for x in XS]) == (min(x * x for x in XS), 36.0)
    assert _choose_heights([0.5, math.nan, math.inf]) == (0.5, 0.5)


def test_the_gradient_leaves_room_for_its_function():
    assert _join_heights([("op", [0.0, 1.0]), ("gradient", [-0.5, 1.5])]) == (-0.5, 1.5)
    assert _join_heights([("op", [0.0, 1.0]), ("gradient", [-5.0, 50.0])]) == (-1.0, 2.0)
    assert _join_heights([("op", [1.0, 1.0]), ("gradient", [0.0, 0.0])]) == (0.0, 1.0)
    assert _join_heights([("op", [0.0, 1.0])]) == (0.0, 1.0)


SINE = Picture(
    "plain",
    "Sine.",
    curves=(make_curve("Sine", math.sin), make_curve("gradient", math.cos)),
    axis="x",
    heights=(-1.0, 1.0),
)
GRIDS = Picture(
    "cells",
    "Cells.",
    grids=(Grid("x", (("1", "0.25"), ("$a$", "1.23456"))), Grid("result", (("4",),))),
)


@pytest.mark.parametrize("picture", [SINE, GRIDS], ids=["curves", "grids"])
@pytest.mark.parametrize("form", ["svg", "pdf"])
def test_the_same_data_give_the_same_bytes(picture, form, tmp_path, monkeypatch):
    first = draw_picture(picture, "light", form, tmp_path / "a", "op")
    # In another process, on another day, with a style of the user's own.
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\nfont.size: 30\n")
    code = (
        "import sys; from pathlib import Path; from tests_pictures import *\n"
        "print(draw_picture(PICTURES[sys.argv[1]], 'light', sys.argv[2], Path('b'), 'op'))"
    )
    module = (
        "from optabs.drawing import draw_picture\n"
        "from optabs.pictures import Curve, Grid, Picture\n"
        f"PICTURES = {{'curves': {SINE!r}, 'grids': {GRIDS!r}}}\n"
    )
    (tmp_path / "tests_pictures.py").write_text(module)
    done = subprocess.run(
        [sys.executable, "-c", code, "curves" if picture is SINE else "grids", form],
        cwd=tmp_path,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1000000000", "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    second = tmp_path / done.stdout.strip()
    assert second.name == first.name
    assert second.read_bytes() == first.read_bytes()


def test_an_svg_is_small_and_says_all_in_text(tmp_path):
    svg = draw_picture(SINE, "dark", "svg", tmp_path, "op").read_text()
    assert len(svg) < 8_000
    assert ">Sine</text>" in svg and ">gradient</text>" in svg and ">x</text>" in svg
    assert svg.count("stroke-dasharray") == 2  # the gradient, and the gradient in the legend
    assert set(re.findall("#[0-9a-f]{6}", svg)) == set(DARK.values())
    cells = draw_picture(GRIDS, "light", "svg", tmp_path, "op").read_text()
    assert "DejaVu" not in svg + cells
    assert re.findall(">([^<>]+)</text>", cells) == [
        "x",
        "1",
        "0.25",
        "$a$",
        "1.23456",
        "result",
        "4",
    ]


def test_what_is_drawn_is_kept_and_not_drawn_again(tmp_path):
    file = draw_picture(SINE, "light", "svg", tmp_path, "op")
    file.write_text("kept")
    code = (
        "import sys; from pathlib import Path\n"
        "from optabs.drawing import draw_picture; from optabs.pictures import *\n"
        f"print(draw_picture({SINE!r}, 'light', 'svg', Path({str(tmp_path)!r}), 'op'))\n"
        "assert 'matplotlib' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == file
    assert file.read_text() == "kept"
    assert draw_picture(replace(SINE, caption="Other."), "light", "svg", tmp_path, "op") == file
    others = [
        draw_picture(replace(SINE, axis="y"), "light", "svg", tmp_path, "op"),
        draw_picture(SINE, "dark", "svg", tmp_path, "op"),
    ]
    assert len({file, *others}) == len(list(tmp_path.iterdir())) == 3


def measure_contrast(first: str, second: str) -> float:
    def measure(colour: str) -> float:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted([measure(first), measure(second)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("mode", "ground"), [("light", "#ffffff"), ("dark", "#14181e")])
def test_colours_can_be_read_on_their_ground(mode, ground):
    assert MODES == {"light": LIGHT, "dark": DARK}
    assert min(measure_contrast(each, ground) for each in MODES[mode].values()) >= 4.5
