"""What pictures show: the verified results of a case as curves or grids, and the words for them.

Nothing here draws. A case that no framework is verified in gives no picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from optabs.catalog.model import Case, Op
from optabs.catalog.plot import find_curve_input, find_grid_shape, list_grid_inputs
from optabs.compare import Array, Number
from optabs.expected import build_literal
from optabs.frameworks import Registry
from optabs.records import Verdict
from optabs.verify import Judgement, Report

Point = tuple[float, float]

# Between two points is a jump where they are this many times as far apart in height as their
# neighbours are (at an end, as the one neighbour is), or the other way, and by a twentieth of all.
_JUMP, _JUMP_AT_END, _LEAST_JUMP = 2.5, 20.0, 0.05
# Heights beyond the middle nine tenths are cut off where all would need this many times the room.
_CUT = 5.0


@dataclass(frozen=True)
class Curve:
    """A function at many points, in pieces: between two of them it jumps or is not finite."""

    label: str
    pieces: tuple[tuple[Point, ...], ...]

    @property
    def points(self) -> list[Point]:
        """All points, from left to right."""
        return [point for piece in self.pieces for point in piece]


@dataclass(frozen=True)
class Grid:
    """A matrix, with the text of each cell."""

    label: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """What a picture shows; without curves and grids there is none, and `caption` says why."""

    case: str
    caption: str
    alternative: str = ""
    """What is to be seen, for those who do not see it."""
    curves: tuple[Curve, ...] = ()
    axis: str = ""
    """What the horizontal axis of curves is."""
    is_continuous: bool = True
    """Whether there is something between the points."""
    heights: tuple[float, float] = (0.0, 1.0)
    """From where to where the vertical axis goes."""
    grids: tuple[Grid, ...] = ()

    @property
    def is_drawn(self) -> bool:
        """Whether there is anything to be seen."""
        return bool(self.curves or self.grids)


def make_pictures(op: Op, registry: Registry, report: Report) -> list[Picture]:
    """Return the pictures of an op, as far as its results are verified."""
    return [
        _make_curves(op, case, registry, report)
        if case.is_curve
        else _make_grids(op, case, registry, report)
        for case in op.cases
        if case.plot and not case.gradient
    ]


def _list_verified(op: Op, case: Case, registry: Registry, report: Report) -> dict[str, Judgement]:
    """Return the judgements that a picture may rest on, by framework in the order of tabs.

    Frameworks that are declared to give another result are left out.
    """
    found: dict[str, Judgement] = {}
    for key in registry.sort_keys(op.variants):
        if not any(item.expect for item in case.find_differences(key)):
            for each in report.list_variant(op, key):
                if each.case is case and each.verdict is Verdict.VERIFIED:
                    found.setdefault(key, each)
    return found


def _describe_proof(verified: dict[str, Judgement], registry: Registry) -> str:
    """Return the words that say whose results are drawn, and who else gave them."""
    first, *others = (registry.find_label(key) for key in verified)
    found = [each.comparison for each in verified.values() if each.comparison]
    largest = max((each.max_abs_error or 0.0 for each in found), default=0.0)
    agreeing = f"; also verified: {', '.join(others)}" if others else ""
    return f"verified results of {first}{agreeing}; largest error {largest:.2g}."


def _refuse(case: Case, reason: str) -> Picture:
    return Picture(case.id, f"{case.title or case.id}: there is no picture, {reason}.")


# --- grids ----------------------------------------------------------------------------------------


def _make_grids(op: Op, case: Case, registry: Registry, report: Report) -> Picture:
    verified = _list_verified(op, case, registry, report)
    if not verified:
        return _refuse(case, "since no framework's results are verified")
    results = next(iter(verified.values())).results
    named = [(name, build_literal(spec.values)) for name, spec in list_grid_inputs(case)]
    named += [(name, results[name]) for name in case.result_names]
    grids = []
    for name, found in named:
        shape = find_grid_shape(found.shape) if isinstance(found, Array) else None
        if not isinstance(found, Array) or shape is None:
            return _refuse(case, f"since `{name}` is no small matrix")
        cells = [_write_cell(value) for value in found.values]
        rows = (cells[start : start + shape[1]] for start in range(0, len(cells), shape[1]))
        grids.append(Grid(name, tuple(map(tuple, rows))))
    alternative = "; ".join(
        f"{grid.label}: {', '.join(f'[{chr(32).join(row)}]' for row in grid.rows)}"
        for grid in grids
    )
    caption = f"{case.title or case.id}: {_describe_proof(verified, registry)}"
    return Picture(case.id, caption, f"Cells of {alternative}.", grids=tuple(grids))


def _write_cell(value: Number) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("-", "−")


# --- curves ---------------------------------------------------------------------------------------


def _make_curves(op: Op, case: Case, registry: Registry, report: Report) -> Picture:
    verified = _list_verified(op, case, registry, report)
    if not verified:
        return _refuse(case, "since no framework's results are verified")
    (name,) = case.result_names
    over = find_curve_input(case)
    heights = _read_heights(next(iter(verified.values())), name)
    xs = over.spec.points if over else tuple(map(float, range(len(heights))))  # type: ignore[union-attr]
    if len(heights) != len(xs) or not any(map(math.isfinite, heights)):
        return _refuse(case, f"since `{name}` has no real number for each of {len(xs)} points")
    sources = [(op.operation, heights)]
    caption = f"{case.title or case.id}, {len(xs)} points: {_describe_proof(verified, registry)}"
    gradient = next((c for c in op.cases if c.gradient and c.gradient.case == case.id), None)
    if gradient and gradient.gradient and over:
        proved = _list_verified(op, gradient, registry, report)
        names = {of: result for result, of in gradient.gradient.inputs.items()}
        if proved:
            # What was differentiated is the sum of the results, the i-th one times cos(i).
            found = _read_heights(next(iter(proved.values())), names[over.name])
            slopes = [value / math.cos(number) for number, value in enumerate(found)]
            sources.append(("gradient", slopes))
            caption += f" Its gradient: {_describe_proof(proved, registry)}"
        else:
            caption += " Its gradient is not drawn, since no framework's is verified."
    curves = tuple(Curve(label, _split_curve(xs, found)) for label, found in sources)
    axis = over.name if over else "index"
    alternative = " ".join(_describe_curve(curve, axis) for curve in curves)
    return Picture(case.id, caption, alternative, curves, axis, bool(over), _join_heights(sources))


def _read_heights(judgement: Judgement, name: str) -> list[float]:
    """Return the values of a result as floats; none where it is no array of real numbers."""
    found = judgement.results.get(name)
    if not isinstance(found, Array) or any(isinstance(value, complex) for value in found.values):
        return []
    return [float(value) for value in found.values if not isinstance(value, complex)]


def _join_heights(sources: Sequence[tuple[str, Sequence[float]]]) -> tuple[float, float]:
    """Return from where to where the vertical axis goes; a gradient takes two thirds at most."""
    (low, high), *others = (_choose_heights(found) for _, found in sources)
    room = high - low or math.inf
    return (
        min([low, *(max(each, low - room) for each, _ in others)]),
        max([high, *(min(each, high + room) for _, each in others)]),
    )


def _choose_heights(found: Sequence[float]) -> tuple[float, float]:
    """Return which heights of a curve are shown: poles would leave no room for the rest."""
    ordered = sorted(filter(math.isfinite, found)) or [0.0]
    margin = len(ordered) // 20
    low, high = ordered[margin], ordered[-1 - margin]
    room = high - low
    if not room or ordered[-1] - ordered[0] <= _CUT * room:
        return ordered[0], ordered[-1]
    return max(low - room / 2, ordered[0]), min(high + room / 2, ordered[-1])


def _split_curve(xs: Sequence[float], found: Sequence[float]) -> tuple[tuple[Point, ...], ...]:
    """Return the pieces of a curve: what lies between two points is drawn where it is near both."""
    low, high = _choose_heights(found)
    # What is beyond the shown heights is not seen to be steep.
    steps = [b - a for a, b in pairwise(min(max(y, low), high) for y in found)]
    pieces: list[list[Point]] = [[]]
    for number, point in enumerate(zip(xs, found, strict=True)):
        if number and _is_jump(steps, number - 1, (high - low) * _LEAST_JUMP):
            pieces.append([])
        if math.isfinite(point[1]):
            pieces[-1].append(point)
        else:
            pieces.append([])
    return tuple(tuple(piece) for piece in pieces if piece)


def _is_jump(steps: list[float], number: int, least: float) -> bool:
    step, around = steps[number], steps[max(0, number - 1) : number] + steps[number + 1 :][:1]
    if not around or abs(step) <= least:
        return False
    is_reversed = len(around) == 2 and all(step * each < 0 for each in around)
    factor = _JUMP if len(around) == 2 else _JUMP_AT_END
    return is_reversed or abs(step) > factor * max(map(abs, around))


# --- words ----------------------------------------------------------------------------------------


def _describe_curve(curve: Curve, axis: str) -> str:
    """Return what is to be seen of a curve: its ends, extremes, zeros and jumps."""
    points = curve.points
    (first, start), (last, end) = points[0], points[-1]
    heights = [height for _, height in points]
    lowest, highest = min(heights), max(heights)
    room, width, write = highest - lowest, last - first, _write_number

    def at(point: Point) -> str:
        return f"{write(point[1], room)} at {write(point[0], width)}"

    label = curve.label[0].upper() + curve.label[1:]
    if not room:
        return f"{label}: {write(start, 0)} for {axis} from {first:g} to {last:g}."
    said = [f"from {at(points[0])} to {at(points[-1])}"]
    for word, extreme, is_inside in (
        ("lowest", lowest, lowest < min(start, end) - room / 1000),
        ("highest", highest, highest > max(start, end) + room / 1000),
    ):
        near = [n for n, y in enumerate(heights) if abs(y - extreme) < room / 1000]
        a, b = points[near[0]], points[near[-1]]
        if is_inside and len(near) == near[-1] - near[0] + 1 and b[0] - a[0] > width / 9:
            said.append(
                f"{word} {write(extreme, room)} from {write(a[0], width)} to {write(b[0], width)}"
            )
        elif is_inside:
            said.append(f"{word} {at(points[heights.index(extreme)])}")
    crossings, flat = _find_zeros(curve)
    said += [f"0 from {write(a, width)} to {write(b, width)}" for a, b in flat if b - a > width / 9]
    for word, places in (
        ("crosses 0 at", crossings),
        ("jumps at", [(a[-1][0] + b[0][0]) / 2 for a, b in pairwise(curve.pieces)]),
    ):
        if 0 < len(places) <= 6:
            said.append(f"{word} {', '.join(write(x, width) for x in places)}")
        elif places:
            said.append(f"{word} {len(places)} places")
    return f"{label} over {axis}: {'; '.join(said)}."


def _find_zeros(curve: Curve) -> tuple[list[float], list[tuple[float, float]]]:
    """Return where a curve crosses zero, and from where to where it is zero."""
    crossings, flat = [], []
    for piece in curve.pieces:
        for (x, a), (z, b) in pairwise(piece):
            if a * b < 0:
                crossings.append(x + (z - x) * a / (a - b))
        for is_zero, group in groupby(piece, key=lambda point: point[1] == 0):
            zeros = [x for x, _ in group]
            if is_zero and len(zeros) > 2:
                flat.append((zeros[0], zeros[-1]))
            elif is_zero and piece[0][0] < zeros[0] and zeros[-1] < piece[-1][0]:
                crossings.append(zeros[0])
    return sorted(crossings), flat


def _write_number(value: float, room: float) -> str:
    """Return a number to a thousandth of the `room` that all numbers of its kind take."""
    if room:
        value = round(value, 3 - math.floor(math.log10(room)))
    return f"{float(f'{value + 0.0:.3g}'):g}".replace("-", "−")
