"""From an entry to the code that readers see and workers run: imports, inputs, and the example.

The example is the contributor's, or it is synthesised from the variant's mapping, so that the
mapping itself is what is verified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from optabs.catalog.model import Case, CodeInput, Expected, Input, InputSpec, Op, Variant
from optabs.frameworks import Framework
from optabs.snippet.inputs import write_input, write_reference_input
from optabs.snippet.lines import (
    Line,
    NoSnippet,
    find_needed,
    is_future,
    is_standard,
    join_lines,
    split_imports,
    write_imports,
)
from optabs.snippet.synthesis import synthesise

__all__ = [
    "NoSnippet",
    "Snippet",
    "build_reference",
    "build_snippet",
    "list_reference_names",
    "reference_name",
]

InputWriter = Callable[[str, InputSpec, Framework], list[str]]


@dataclass(frozen=True)
class Snippet:
    """Complete code, and for each of its lines the line of the YAML file it comes from."""

    code: str
    yaml_lines: tuple[int, ...]


def build_snippet(op: Op, case: Case, variant: Variant, framework: Framework) -> Snippet:
    """Return the complete snippet of one case in one framework.

    Raises:
        NoSnippet: there is no example and none can be synthesised.
    """
    example = variant.find_example(case.id)
    if example is not None:
        body = [
            (text, example.find_line(row))
            for row, text in enumerate(example.text.rstrip("\n").split("\n"))
        ]
    else:
        place = (
            (variant.macro_place if variant.macro_template else variant.api_place)
            or variant.api_place
            or variant.place
        )
        body = [(text, place.line) for text in synthesise(op, case, variant, framework)]
    return _complete(body, case.inputs, framework, variant.place.line, write_input)


def build_reference(op: Op, case: Case, numpy: Framework) -> Snippet | None:
    """Return the NumPy code of a case's oracle, or None where all of it is literal.

    Floating inputs are rounded to their dtype and then widened to float64.

    Raises:
        NoSnippet: the oracle is no Python.
    """
    body: list[Line] = []
    for name, expected in _list_computed(case):
        expr = (expected.expr or "").rstrip()
        before = len(expr) - len(expr.lstrip())
        first = expr.count("\n", 0, before)
        rows = expr.lstrip().split("\n")
        if len(rows) > 1:
            body.append((f"{name} = (", expected.find_line(first)))
            body += [(text, expected.find_line(first + row)) for row, text in enumerate(rows)]
            body.append((")", expected.find_line(first + len(rows) - 1)))
        else:
            body.append((f"{name} = {rows[0]}", expected.find_line(first)))
    if not body:
        return None
    if op.reference:
        text, reference = op.reference.text.rstrip("\n"), op.reference
        body = [
            (each, reference.find_line(row)) for row, each in enumerate(text.split("\n"))
        ] + body
    return _complete(body, case.inputs, numpy, case.place.line, write_reference_input)


def _list_computed(case: Case) -> list[tuple[str, Expected]]:
    """Return (variable, expected result) for each computed part of a case's oracle."""
    named = [(reference_name(None, item.name), item) for item in case.expect]
    for number, difference in enumerate(case.differences):
        named += [(reference_name(number, item.name), item) for item in difference.expect]
    return [(name, item) for name, item in named if item.expr is not None]


def list_reference_names(case: Case) -> tuple[str, ...]:
    """Return the variables that hold a case's oracle in the code of `build_reference`."""
    return tuple(name for name, _ in _list_computed(case))


def reference_name(difference: int | None, name: str) -> str:
    """Return the variable that holds an expected result in the reference's code."""
    # No name begins with a digit, so that the two forms never meet.
    return f"expected_{name}" if difference is None else f"expected_{difference}_{name}"


def _complete(
    body: list[Line],
    inputs: tuple[Input, ...],
    framework: Framework,
    import_line: int,
    write: InputWriter,
) -> Snippet:
    """Put the inputs that `body` uses, and the imports that both need, in front of it."""
    own, rest = split_imports(body)
    prelude: list[Line] = []
    for item in _select_inputs(body, inputs):
        rows = write(item.name, item.spec, framework)
        lines = [(text, _find_input_line(item, row)) for row, text in enumerate(rows)]
        if isinstance(item.spec, CodeInput):
            statements, lines = split_imports(lines)
            own += [each for each in statements if each not in own]
            if len(lines) > 1:  # a function stands apart from what follows it
                lines.append(("", lines[-1][1]))
        prelude += lines
    while prelude and not prelude[-1][0]:
        prelude.pop()
    own.sort(key=lambda each: not is_future(each))
    needed = find_needed(
        [*(line for each in own for line in each), *prelude, *rest], framework.imports
    )
    names = [name for name in framework.imports if name in needed]
    ours = [[(text, import_line)] for text in write_imports(names, framework.imports)]
    # The standard library first, as everybody writes it, and `__future__` as Python wants it.
    statements = sorted(
        [*ours, *own], key=lambda each: (not is_future(each), not is_standard(each))
    )
    blocks = [[line for each in statements for line in each], prelude, rest]
    lines = []
    for block in filter(None, blocks):
        if lines:
            lines.append(("", lines[-1][1]))
        lines += block
    return Snippet(join_lines(lines) + "\n", tuple(line for _, line in lines))


def _select_inputs(body: list[Line], inputs: tuple[Input, ...]) -> list[Input]:
    """Return the inputs that `body` reads, and those that their code reads."""
    names = {item.name for item in inputs}
    used = find_needed(body, names)
    wanted: set[str] = set()
    waiting = [item for item in inputs if item.name in used]
    while waiting:
        item = waiting.pop()
        wanted.add(item.name)
        if isinstance(item.spec, CodeInput):
            used = find_needed([(item.spec.source, 0)], names)
            waiting += [each for each in inputs if each.name in used and each.name not in wanted]
    return [item for item in inputs if item.name in wanted]


def _find_input_line(item: Input, row: int) -> int:
    if isinstance(item.spec, CodeInput) and item.spec.text:
        return item.spec.text.find_line(row)
    return item.place.line
