"""Drawing pictures with Matplotlib, as files that are kept between builds.

Matplotlib is imported when something has to be drawn that has not been drawn before.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optabs.pictures import Grid, Picture
from optabs.records import hash_parts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Text and lines: at least 4.5:1 on white, and on the dark ground of themes.
LIGHT: Mapping[str, str] = {"ink": "#24292f", "faint": "#57606a", "0": "#0b5f8a", "1": "#a0410d"}
DARK: Mapping[str, str] = {"ink": "#e6eaef", "faint": "#a3adb8", "0": "#6cb6e0", "1": "#ffa873"}
MODES = {"light": LIGHT, "dark": DARK}
WIDTH = 4.6
"""Of a picture, in inches; the text is then as large as that of a page."""
_HEIGHT, _CELL = 2.6, 0.42
_STYLES = ("solid", (0, (5, 2.5)))
_RC: Mapping[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,
    "svg.hashsalt": "optabs",
    "font.family": "DejaVu Sans",  # which Matplotlib brings along
    "font.size": 9,
}
_NO_DATE: Mapping[str, Mapping[str, None]] = {
    "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
    "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer")),
}


def draw_picture(picture: Picture, mode: str, form: str, folder: Path, name: str) -> Path:
    """Return the file of a picture, drawn unless `folder` has it.

    `mode` is light or dark, `form` svg or pdf; `name` begins the file's name.
    """
    style = [Path(__file__).read_text(encoding="utf-8"), version("matplotlib")]
    shown = asdict(replace(picture, caption="", alternative=""))
    digest = hash_parts(shown, mode, form, style)[:12]
    file = folder / f"{name}-{mode}-{digest}.{form}"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(file, _draw(picture, MODES[mode], form))
    return file


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that another build finds all of it or nothing."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def _draw(picture: Picture, colours: Mapping[str, str], form: str) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # A user's own style must not show: the same data give the same bytes everywhere.
    with mpl.rc_context():
        mpl.rcdefaults()
        for key, value in _RC.items():
            mpl.rcParams[key] = value
        figure = Figure()
        if picture.grids:
            _draw_grids(figure, picture.grids, colours)
        else:
            _draw_curves(figure, picture, colours)
        buffer = BytesIO()
        figure.savefig(buffer, format=form, transparent=True, metadata=_NO_DATE[form])
    found = buffer.getvalue()
    return _shorten(found.decode()).encode() if form == "svg" else found


def _shorten(svg: str) -> str:
    """Return an SVG without what does not show: a tenth of a point is fine enough for a place."""

    def round_places(tag: re.Match[str]) -> str:
        return re.sub(r"\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", tag[0])

    svg = re.sub("<[^>]*>", round_places, svg)  # not the numbers that are text
    svg = svg.replace("font-family: 'DejaVu Sans'; ", "").replace("font-size: 9px; ", "")
    svg = f'<svg style="font: 9px system-ui, sans-serif"{svg[svg.index("<svg") + 4 :]}'
    svg = re.sub(r'<path d="[^"]*" style="fill: none"/>', "", svg)
    svg = re.sub(r' (transform="rotate\(-0 [^"]*"|id="\w+_\d+")', "", svg)
    svg = re.sub(r"\s+", " ", svg).replace("> <", "><")
    return svg.replace("<g></g>", "").strip() + "\n"


def _draw_curves(figure: Figure, picture: Picture, colours: Mapping[str, str]) -> None:
    figure.set_size_inches(WIDTH, _HEIGHT)
    figure.set_layout_engine("constrained")
    axes: Axes = figure.subplots()
    for number, curve in enumerate(picture.curves):
        for part, piece in enumerate(curve.pieces):
            axes.plot(
                [x for x, _ in piece],
                [y for _, y in piece],
                color=colours[str(number)],
                linestyle=_STYLES[number] if picture.is_continuous else "none",
                linewidth=1.6,
                marker="" if picture.is_continuous and len(piece) > 1 else "o",
                markersize=3,
                label="" if part else curve.label,
            )
    low, high = picture.heights
    margin = (high - low or 1.0) * 0.05
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlabel(picture.axis, color=colours["ink"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(colours["faint"])
    axes.tick_params(length=3, color=colours["faint"], labelcolor=colours["ink"])
    axes.locator_params(nbins=7, steps=[1, 2, 5, 10])
    if low < 0 < high:
        axes.axhline(0, color=colours["faint"], linewidth=0.6)
    axes.legend(frameon=False, labelcolor=colours["ink"], handlelength=3)


def _draw_grids(figure: Figure, grids: tuple[Grid, ...], colours: Mapping[str, str]) -> None:
    """Draw grids beside each other, or below each other where that would be too wide."""
    sizes = [(len(grid.rows), len(grid.rows[0])) for grid in grids]
    is_wide = sum(columns + 1 for _, columns in sizes) * _CELL > WIDTH * 1.4
    x = y = 0.0
    axes: Axes = figure.add_axes((0, 0, 1, 1))
    for grid, (rows, columns) in zip(grids, sizes, strict=True):
        axes.text(x, -y + 0.25, grid.label, color=colours["ink"], weight="bold")
        axes.hlines(
            [-y - row for row in range(rows + 1)], x, x + columns, colours["faint"], linewidths=0.8
        )
        axes.vlines(
            [x + column for column in range(columns + 1)],
            -y - rows,
            -y,
            colours["faint"],
            linewidths=0.8,
        )
        for row, cells in enumerate(grid.rows):
            for column, text in enumerate(cells):
                axes.text(
                    *(x + column + 0.5, -y - row - 0.5),
                    text,
                    color=colours["ink"],
                    ha="center",
                    va="center_baseline",
                    fontsize=9 if len(text) < 6 else 7,
                )
        x, y = (0.0, y + rows + 1) if is_wide else (x + columns + 1, 0.0)
    width = max(c for _, c in sizes) if is_wide else x - 1
    height = y - 1 if is_wide else max(rows for rows, _ in sizes)
    axes.set_xlim(-0.1, width + 0.1)
    axes.set_ylim(-height - 0.1, 0.8)
    axes.set_axis_off()
    figure.set_size_inches((width + 0.2) * _CELL, (height + 0.9) * _CELL)
