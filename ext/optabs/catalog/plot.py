"""What of a case may be drawn."""

from __future__ import annotations

from optabs.catalog.inputs import measure_shape
from optabs.catalog.model import ArrayInput, Case, Input, LinspaceInput, NumberInput

_LARGEST_SIDE = 16


def find_curve_input(case: Case) -> Input | None:
    """Return the input that a curve is drawn over; None where it is the result's indices."""
    return next((item for item in case.inputs if isinstance(item.spec, LinspaceInput)), None)


def list_grid_inputs(case: Case) -> list[tuple[str, ArrayInput]]:
    """Return the inputs that are drawn as grids: literal arrays of one axis or more."""
    return [
        (item.name, item.spec)
        for item in case.inputs
        if isinstance(item.spec, ArrayInput) and isinstance(item.spec.values, list)
    ]


def find_grid_shape(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Return the rows and columns that an array is drawn with, None if it cannot be.

    Leading axes of length 1 are left out; one axis is a row.
    """
    rows, columns = (1, 1, *shape)[-2:]
    has_more = any(length != 1 for length in shape[:-2])
    fits = 0 < rows <= _LARGEST_SIDE and 0 < columns <= _LARGEST_SIDE
    return (rows, columns) if fits and not has_more else None


def find_plot_problem(case: Case) -> tuple[str, str] | None:
    """Return why the results of a case cannot be drawn (what is wrong, what to do), or None."""
    if case.plot is None:
        return None
    if case.is_random:
        return "the result is random", "draws are not drawn: remove `plot`"
    if case.is_curve:
        if len(case.expect) != 1:
            names = ", ".join(case.result_names)
            return f"the case has the results {names}", "a curve is that of a lone result"
        arrays = [item.name for item in case.inputs if isinstance(item.spec, NumberInput)]
        over = find_curve_input(case)
        if arrays != ([over.name] if over else []):
            return (
                f"the inputs {', '.join(f'`{name}`' for name in arrays)} are arrays",
                "a curve is drawn over one input {linspace: [-6, 6]}, or over the result's "
                "indices; other arrays may be {code: ...}",
            )
        return None
    found = list_grid_inputs(case)
    shapes = [measure_shape(spec.values, set()) for _, spec in found]
    if not found or not all(shape and find_grid_shape(shape) for shape in shapes):
        return (
            f"no input is a matrix of at most {_LARGEST_SIDE} rows and columns, or one is more",
            "a grid is drawn of small literal arrays",
        )
    return None
