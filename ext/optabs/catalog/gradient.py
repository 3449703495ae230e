"""Cases of gradients: what `grad: true` gives besides the case itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from optabs.catalog.model import (
    Case,
    Difference,
    Expected,
    Gradient,
    NumberInput,
)
from optabs.catalog.schema import DTYPES

FLOATS = tuple(dtype for dtype in DTYPES if "float" in dtype)


def name_gradient_case(case_id: str) -> str:
    """Return the id of the case that verifies a case's gradient."""
    return f"{case_id}-gradient"


def find_gradient_problem(case: Case, standard: Collection[str]) -> tuple[str, str] | None:
    """Return why a case can have no gradient (what is wrong, what to do), or None.

    `standard` are the names of the op's standard arguments.
    """
    if not _list_dtypes(case, standard):
        return (
            "no standard argument of the case is an array of floats",
            "a gradient is taken for such inputs; remove `grad`",
        )
    if len(case.expect) != 1:
        names = ", ".join(case.result_names)
        return f"the case has the results {names}", "a gradient is that of a lone result"
    if any(expected.distribution for expected in case.all_expected):
        return "the result is random", "remove `grad`: draws have no gradient to compare with"
    if any(expected.expr is None for expected in case.all_expected):
        return (
            "a gradient needs an expression: a literal oracle cannot be differentiated",
            "write `expect` as a NumPy expression over the inputs",
        )
    dtypes = [expected.dtype for expected in case.all_expected if expected.dtype]
    dtypes += [dtype for item in case.differences for dtype in item.dtype.values()]
    for dtype in dtypes:
        if dtype not in FLOATS:
            return f"the result is {dtype}", "a gradient needs a floating result"
    return None


def derive_gradient(case: Case, standard: Collection[str]) -> Case:
    """Return the case that verifies the gradient of a case for each of its floating inputs.

    Its results are named `gradient`, or `gradient_<input>` where there are several. What they must
    be is still written as the expression of the result that is differentiated; each has the dtype
    of its input, unless a framework is declared to give the result another one.
    """
    dtypes = _list_dtypes(case, standard)
    inputs = {f"gradient_{name}" if len(dtypes) > 1 else "gradient": name for name in dtypes}

    def differentiate(expected: Expected, dtype: str | None = None) -> tuple[Expected, ...]:
        return tuple(
            replace(expected, name=name, dtype=dtype or dtypes[of]) for name, of in inputs.items()
        )

    def carry(difference: Difference) -> Difference:
        (dtype,) = difference.dtype.values() or (None,)
        return replace(
            difference,
            dtype=dict.fromkeys(inputs, dtype) if dtype else {},
            expect=tuple(
                each
                for expected in difference.expect
                for each in differentiate(expected, expected.dtype)
            ),
        )

    (expected,) = case.expect
    return replace(
        case,
        id=name_gradient_case(case.id),
        title=f"Gradient: {case.title or case.id}",
        expect=differentiate(expected),
        grad=False,
        gradient=Gradient(case.id, inputs),
        differences=tuple(map(carry, case.differences)),
        source="",
    )


def _list_dtypes(case: Case, standard: Collection[str]) -> dict[str, str]:
    """Return the dtype of each input that a gradient is taken for, by name."""
    return {
        item.name: item.spec.dtype
        for item in case.inputs
        if item.name in standard
        and isinstance(item.spec, NumberInput)
        and item.spec.dtype in FLOATS
    }
