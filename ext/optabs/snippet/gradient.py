"""The gradient of a synthesised call in a framework's own idiom, and its oracle.

Both differentiate the same number: the sum over the result's elements, the i-th of them (from 0,
in C order) multiplied by cos(i), so that no two elements may be mistaken for each other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from optabs.catalog.model import LONE_RESULT, Case, Expected, Gradient, Op, Variant
from optabs.frameworks import Framework
from optabs.snippet.lines import Line, NoAutodiff, NoSnippet, parse_lines
from optabs.snippet.synthesis import assign_results, check_lines, print_results, write_call

# Central differences, in float64, at two steps: Richardson's extrapolation leaves an error of the
# step to the 4th power. With steps of cbrt(2.2e-16) = 6e-6 of the input's scale that vanishes
# beside rounding, 1e-10 of the result's scale. The slopes on the two sides differ in proportion to
# the step where the result is curved, and by a constant where it has a kink.
_DIFFERENTIATE = '''\
def _differentiate(name, x, compute):
    """Return the gradient of the weighted result that `compute` reads off `x`, shape of `x`."""
    point, gradient = x.copy(), np.zeros(x.shape)
    found = compute()
    middle = np.array(found)
    if isinstance(found, (tuple, list)) or middle.dtype.kind != "f":
        raise TypeError("a gradient needs a result that is one array of floats")
    if not (np.isfinite(point).all() and np.isfinite(middle).all()):
        raise ArithmeticError(f"a gradient needs finite numbers in `{name}` and in the result")
    weights = np.cos(np.arange(middle.size)).reshape(middle.shape)
    for index in np.ndindex(x.shape):
        step = np.cbrt(np.finfo(np.float64).eps) * max(1.0, abs(point[index]))
        slopes = []
        for move in (-step, step, -step / 2, step / 2):
            x[...] = point
            x[index] += move
            slopes.append(((compute() - middle) * weights).sum() / (x[index] - point[index]))
        x[...] = point
        far_left, far_right, left, right = slopes
        kink = 2 * (right - left) - (far_right - far_left)
        if not abs(kink) <= 1e-3 * max(1.0, abs(left), abs(right)):
            raise ArithmeticError(
                f"at `{name}{list(index) or ''}` there is no derivative: "
                f"the slopes to its left and right are {left:.6g} and {right:.6g}"
            )
        gradient[index] = (2 * (left + right) - (far_left + far_right) / 2) / 3
    return gradient
'''


def synthesise_gradient(op: Op, case: Case, variant: Variant, framework: Framework) -> list[str]:
    """Return the lines that take the gradient of a call made from the variant's mapping.

    Raises:
        NoAutodiff: the framework takes no gradients.
        NoSnippet: the mapping gives no single expression.
    """
    assert case.gradient
    if framework.gradient is None:
        raise NoAutodiff(f"{framework.label} has no automatic differentiation")
    if variant.find_example(case.gradient.case) is not None:
        raise NoSnippet("the gradient of a hand-written example is not synthesised")
    setup, expression = write_call(op, case, variant, framework)
    lines = assign_results((LONE_RESULT,), expression, variant.output_select_index)
    if len(lines) != 1:
        raise NoSnippet("the gradient of a macro with several statements is not synthesised")
    call = lines[0].removeprefix(f"{LONE_RESULT} = ")
    _check_names(fill_gradient(framework.gradient, "0", case.gradient.inputs), case)
    body = fill_gradient(framework.gradient, call, case.gradient.inputs)
    return check_lines([*setup, *body, *print_results(case)])


def fill_gradient(template: str, call: str, inputs: Mapping[str, str]) -> list[str]:
    """Return the lines of a framework's `gradient`, filled in.

    `inputs` are the inputs by name of the gradient. Lines that name a single one are repeated for
    each.
    """
    names, numbers = tuple(inputs.values()), ", ".join(map(str, range(len(inputs))))
    several = len(names) > 1
    fields = {
        "inputs": ", ".join(names),
        "group": f"({', '.join(names)})" if several else names[0],
        "numbers": f"({numbers})" if several else numbers,
        "gradients": ", ".join(inputs),
    }
    lines = []
    for line in template.rstrip().split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        fields["call"] = call.replace("\n", f"\n{indent}")
        if "{input}" in line or "{gradient}" in line:
            lines += [
                line.format(input=name, gradient=gradient, **fields)
                for gradient, name in inputs.items()
            ]
        else:
            lines.append(line.format(**fields))
    return lines


def _check_names(body: list[str], case: Case) -> None:
    """Raise NoSnippet where the lines take the name of an input for themselves."""
    bound = {
        node.name if isinstance(node, ast.FunctionDef) else node.id
        for node in ast.walk(parse_lines((line, 0) for line in body))
        if isinstance(node, ast.FunctionDef)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }
    for item in case.inputs:
        if item.name in bound:
            raise NoSnippet(
                f"the code of a gradient has a variable {item.name!r} of its own, "
                "which would hide the input of that name"
            )


def write_finite_differences(
    computed: Iterable[tuple[str, Expected]], gradient: Gradient
) -> list[Line]:
    """Return NumPy code that leaves central finite differences in float64 under some names.

    `computed` holds (name, expected gradient) pairs; the expression of each is the result's.
    """
    lines: list[Line] = []
    for name, expected in computed:
        place = expected.place.line
        if not lines:
            lines += [(text, place) for text in _DIFFERENTIATE.split("\n")]
        expr = expected.expr or ""
        lines += [("def _compute():", place), ("    return (", place)]
        lines += [
            (text, expected.find_line(row)) for row, text in enumerate(expr.rstrip().split("\n"))
        ]
        of = gradient.inputs[expected.name]
        lines += [("    )", place), (f"{name} = _differentiate({of!r}, {of}, _compute)", place)]
    return lines
