"""From an entry to the code that readers see and workers run: imports, inputs, and the example.

The example is the contributor's, or it is synthesised from the variant's mapping, so that the
mapping itself is what is verified.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from optabs.catalog.inputs import measure_shape
from optabs.catalog.model import (
    ArrayInput,
    Case,
    CodeInput,
    Input,
    InputSpec,
    Op,
    Parameter,
    PythonInput,
    RandomInput,
    SequenceInput,
    Variant,
)
from optabs.frameworks import Framework, ValueIdiom

LINE_LENGTH = 88

# A line of code, and the line of the YAML file that it comes from.
Line = tuple[str, int]


@dataclass(frozen=True)
class Snippet:
    """Complete code, and for each of its lines the line of the YAML file it comes from."""

    code: str
    yaml_lines: tuple[int, ...]


class NoSnippet(Exception):  # noqa: N818 - a result, not a failure: the tab says why
    """The variant's mapping gives no code that can be run; the text says why."""


def build_snippet(op: Op, case: Case, variant: Variant, framework: Framework) -> Snippet:
    """Return the complete snippet of one case in one framework.

    Raises:
        NoSnippet: there is no example and none can be synthesised.
    """
    example = variant.find_example(case.id)
    if example is not None:
        body = [
            (text, example.line + number)
            for number, text in enumerate(example.text.rstrip("\n").split("\n"))
        ]
    else:
        place = variant.api_place or variant.place
        body = [(text, place.line) for text in _synthesise(op, case, variant, framework)]
    return _complete(body, case.inputs, framework, variant.place.line)


def build_reference(op: Op, case: Case, numpy: Framework) -> Snippet | None:
    """Return the NumPy code of a case's oracle, or None where all of it is literal.

    Floating inputs are rounded to their dtype and then widened to float64.
    """
    expressions = _list_expressions(case)
    if not expressions:
        return None
    body: list[Line] = []
    if op.reference:
        body += [
            (text, op.reference.line + number)
            for number, text in enumerate(op.reference.text.rstrip("\n").split("\n"))
        ]
    for name, expr, line in expressions:
        text = expr.strip()
        assignment = f"{name} = ({text})" if "\n" in text else f"{name} = {text}"
        body += [(each, line) for each in assignment.split("\n")]
    return _complete(body, case.inputs, numpy, case.place.line, _write_reference_input)


def _list_expressions(case: Case) -> list[tuple[str, str, int]]:
    """Return (variable, expression, line) for each computed part of a case's oracle."""
    named = [(reference_name(None, item.name), item) for item in case.expect]
    for number, difference in enumerate(case.differences):
        named += [(reference_name(number, item.name), item) for item in difference.expect]
    return [(name, item.expr, item.place.line) for name, item in named if item.expr is not None]


def list_reference_names(case: Case) -> tuple[str, ...]:
    """Return the variables that hold a case's oracle in the code of `build_reference`."""
    return tuple(name for name, _, _ in _list_expressions(case))


def reference_name(difference: int | None, name: str) -> str:
    """Return the variable that holds an expected result in the reference's code."""
    return f"expected_{name}" if difference is None else f"expected_{name}_{difference}"


# --- completing -----------------------------------------------------------------------------------


def _complete(
    body: list[Line],
    inputs: tuple[Input, ...],
    framework: Framework,
    import_line: int,
    write: Any = None,
) -> Snippet:
    """Put the inputs that `body` uses, and the imports that both need, in front of it."""
    tree = _parse("\n".join(text for text, _ in body))
    used = _find_loaded(tree)
    wanted: list[Input] = []
    for item in reversed(inputs):
        if item.name in used:
            wanted.insert(0, item)
            if isinstance(item.spec, CodeInput):
                used |= _find_loaded(_parse(item.spec.source))
    writer = write or write_input
    prelude = [
        (text, item.place.line)
        for item in wanted
        for text in writer(item.name, item.spec, framework)
    ]
    head, rest = _split_imports(tree, body)
    code = _parse("\n".join(text for text, _ in [*head, *prelude, *rest]))
    bound = _find_bound(code)
    names = [name for name in framework.imports if name in _find_loaded(code) and name not in bound]
    lines = [(text, import_line) for text in write_imports(names, framework.imports)]
    future = [line for line in head if "__future__" in line[0]]
    lines = [*future, *lines, *(line for line in head if line not in future)]
    if lines and (prelude or rest):
        lines.append(("", lines[-1][1]))
    lines += prelude
    if prelude and len(rest) > 1:
        lines.append(("", lines[-1][1]))
    lines += rest
    return Snippet("\n".join(text for text, _ in lines) + "\n", tuple(line for _, line in lines))


def _parse(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError as error:
        raise NoSnippet(f"the code is no Python: {error.msg}") from error


def _find_loaded(tree: ast.AST) -> set[str]:
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)
    }


def _find_bound(tree: ast.AST) -> set[str]:
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
    return bound


def _split_imports(tree: ast.Module, body: list[Line]) -> tuple[list[Line], list[Line]]:
    """Split `body` after its leading import statements; blank lines between go with neither."""
    end = 0
    for node in tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            break
        end = node.end_lineno or node.lineno
    head = [line for line in body[:end] if line[0].strip()]
    rest = body[end:]
    while head and rest and not rest[0][0].strip():
        rest = rest[1:]
    return head, rest


def write_imports(names: Iterable[str], imports: Mapping[str, str]) -> list[str]:
    """Return the import statements that bind `names`, in the order of the `imports` table."""
    lines = []
    for name in names:
        module = imports[name]
        parent, _, last = module.rpartition(".")
        if module == name:
            lines.append(f"import {module}")
        elif last == name and parent:
            lines.append(f"from {parent} import {name}")
        else:
            lines.append(f"import {module} as {name}")
    return sorted(lines, key=lambda line: (line.startswith("from"), line))


# --- inputs ---------------------------------------------------------------------------------------


def write_input(name: str, spec: InputSpec, framework: Framework) -> list[str]:
    """Return the lines that make an input in the framework's own idiom."""
    if isinstance(spec, CodeInput):
        return replace_name(spec.source, "xp", framework.namespace).split("\n")
    return _wrap(f"{name} = ", write_value(spec, framework.values))


def write_value(spec: InputSpec, idiom: ValueIdiom) -> str:
    """Return the expression for an input (not for a CodeInput)."""
    if isinstance(spec, PythonInput):
        return spec.source
    if isinstance(spec, SequenceInput):
        items = [write_value(item, idiom) for item in spec.items]
        return _write_sequence(spec.kind, items)
    if isinstance(spec, ArrayInput):
        literal = write_literal(spec.values, spec.dtype)
        if idiom.implied.get(_find_kind(spec)) == spec.dtype:
            return idiom.array.format(value=literal)
        return idiom.typed.format(value=literal, dtype=idiom.write_dtype(spec.dtype))
    if isinstance(spec, RandomInput):
        return idiom.typed.format(value=_write_draw(spec), dtype=idiom.write_dtype(spec.dtype))
    raise TypeError(spec)


def _write_reference_input(name: str, spec: InputSpec, numpy: Framework) -> list[str]:
    if isinstance(spec, CodeInput):
        return write_input(name, spec, numpy)
    return _wrap(f"{name} = ", _write_wide(spec, numpy.values))


def _write_wide(spec: InputSpec, idiom: ValueIdiom) -> str:
    if isinstance(spec, SequenceInput):
        return _write_sequence(spec.kind, [_write_wide(item, idiom) for item in spec.items])
    if isinstance(spec, PythonInput | CodeInput):
        return write_value(spec, idiom)
    if spec.dtype == "bfloat16":
        # NumPy has no bfloat16: round float32 to its upper half, ties to even.
        narrow = write_value(_with_dtype(spec, "float32"), idiom)
        return (
            f"(lambda b: ((b + 0x7FFF + ((b >> 16) & 1)) & 0xFFFF0000).astype(np.uint32)"
            f".view(np.float32).astype(np.float64))"
            f"(np.asarray({narrow}).view(np.uint32).astype(np.uint64))"
        )
    narrow = write_value(spec, idiom)
    wide = {"f": "float64", "c": "complex128"}.get(spec.dtype[0])
    return f"{narrow}.astype(np.{wide})" if wide else narrow


def _with_dtype(spec: ArrayInput | RandomInput, dtype: str) -> InputSpec:
    if isinstance(spec, ArrayInput):
        return ArrayInput(spec.values, dtype)
    return RandomInput(spec.distribution, spec.shape, dtype, spec.seed, spec.parameters)


def _write_sequence(kind: str, items: list[str]) -> str:
    if kind == "list":
        return f"[{', '.join(items)}]"
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _write_draw(spec: RandomInput) -> str:
    shape = f"({', '.join(map(str, spec.shape))}{',' if len(spec.shape) == 1 else ''})"
    parameters = dict(spec.parameters)
    if spec.distribution == "normal":
        method, renamed = "normal", {"mean": "loc", "std": "scale"}
    elif spec.distribution == "uniform":
        method, renamed = "uniform", {}
    else:
        method, renamed = "integers", {}
    arguments = "".join(f"{renamed.get(key, key)}={value!r}, " for key, value in parameters.items())
    return f"np.random.default_rng({spec.seed}).{method}({arguments}size={shape})"


def _find_kind(spec: ArrayInput) -> str:
    """Return what kind of literal Python sees in an array: ``bool``, ``int``, ``float``, ..."""
    kinds: set[type] = set()
    shape = measure_shape(spec.values, kinds)
    if shape is None or 0 in shape:
        return "float"  # of an empty list every framework makes floats
    if spec.dtype.startswith("complex"):
        return "complex" if str in kinds else "float"
    return "float" if "float" in spec.dtype else "bool" if spec.dtype == "bool" else "int"


def write_literal(values: Any, dtype: str) -> str:
    """Return nested lists as Python source; the numbers are written as their dtype's kind."""
    if isinstance(values, list):
        return f"[{', '.join(write_literal(item, dtype) for item in values)}]"
    if isinstance(values, str):
        return values
    if dtype.startswith(("float", "bfloat")):
        number = float(values)
        if number != number or number in (float("inf"), float("-inf")):
            return f'float("{number}")'
        return repr(number)
    return repr(values)


def _wrap(target: str, expression: str) -> list[str]:
    """Return an assignment, a row of the array on a line of its own where one line is too long."""
    if len(target) + len(expression) <= LINE_LENGTH or "[[" not in expression:
        return [target + expression]
    start = expression.index("[[")
    depth = 0
    rows, row_start = [], start + 1
    for position in range(start, len(expression)):
        character = expression[position]
        depth += (character == "[") - (character == "]")
        if depth == 1 and character == ",":
            rows.append(expression[row_start:position].strip())
            row_start = position + 1
        elif depth == 0:
            rows.append(expression[row_start:position].strip())
            tail = expression[position:]
            break
    return [f"{target}{expression[:start]}[", *(f"    {row}," for row in rows), tail]


def replace_name(code: str, name: str, replacement: str) -> str:
    """Return `code` with the variable `name` written as `replacement`, layout kept."""
    lines = code.split("\n")
    found = [
        token
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
        if token.type == tokenize.NAME and token.string == name
    ]
    for token in reversed(found):
        row, column = token.start
        line = lines[row - 1]
        if line[:column].rstrip().endswith("."):
            continue  # an attribute of that name
        lines[row - 1] = line[:column] + replacement + line[column + len(name) :]
    return "\n".join(lines)


# --- synthesis ------------------------------------------------------------------------------------


def _synthesise(op: Op, case: Case, variant: Variant, framework: Framework) -> list[str]:
    """Return the lines of a call made from the variant's mapping.

    Raises:
        NoSnippet: the mapping is none that a single call or macro can follow.
    """
    if variant.requires_plugin:
        raise NoSnippet(
            f"the plugin {variant.requires_plugin!r} cannot be run; it needs an example"
        )
    if variant.not_synthesised:
        raise NoSnippet(f"`{variant.not_synthesised[0]}` is not synthesised; it needs an example")
    if variant.transformation_type == "strip_context":
        raise NoSnippet("a stripped context leaves nothing to run; it needs an example")
    names = {item.name for item in case.inputs}
    parameters = [item for item in op.parameters if item.name in names]
    lines = [*variant.required_imports]
    if variant.transformation_type == "infix":
        expression = _write_infix(variant, parameters)
    elif variant.macro_template:
        setup, expression = _write_macro(variant, parameters, op)
        lines += setup
    elif variant.api:
        callee = framework.shorten_api(variant.api)
        if callee == variant.api and variant.api.partition(".")[0] not in framework.imports:
            lines += _import_api(variant.api)
        expression = f"{callee}({_write_arguments(variant, parameters)})"
        if (variant.op_type or op.op_type) == "class":
            called = [
                item.name
                for item in case.inputs
                if item.name not in {each.name for each in op.parameters}
            ]
            expression = f"{expression}({', '.join(called)})"
    else:
        raise NoSnippet("the entry gives neither an API nor a macro nor an example")
    if variant.output_select_index is not None:
        expression = f"{expression}[{variant.output_select_index}]"
    return [*lines, *_assign(case.result_names, expression)]


def _assign(names: tuple[str, ...], expression: str) -> list[str]:
    # A template such as "{x} = jnp.sin({x})" is a statement of its own.
    tree = _parse(expression)
    if len(tree.body) == 1 and isinstance(tree.body[0], ast.Assign):
        target = tree.body[0].targets[0]
        return [expression, f"{', '.join(names)} = {ast.unparse(target)}"]
    return [f"{', '.join(names)} = {expression}"]


def _import_api(api: str) -> list[str]:
    parts = api.split(".")
    module = [part for part in parts[:-1] if part.islower()]
    return [f"import {'.'.join(module)}"] if module else []


def _write_infix(variant: Variant, parameters: list[Parameter]) -> str:
    if not variant.operator:
        raise NoSnippet("an infix op without `operator`")
    names = [item.name for item in parameters]
    if len(names) == 1:
        return f"{variant.operator}{names[0]}"
    return f" {variant.operator} ".join(names)


def _write_macro(variant: Variant, parameters: list[Parameter], op: Op) -> tuple[list[str], str]:
    template = (variant.macro_template or "").strip()
    if template.startswith("lambda"):
        name = f"{op.operation.lower()}_macro" if op.operation.isidentifier() else "macro"
        arguments = ", ".join(item.name for item in parameters)
        return [f"{name} = {template}"], f"{name}({arguments})"
    values = {item.name: item.default for item in op.parameters if item.default is not None}
    values |= {item.name: item.name for item in parameters}
    try:
        return [], template.format(**values)
    except (KeyError, IndexError, ValueError) as error:
        raise NoSnippet(f"the macro {template!r} cannot be filled in: {error}") from error


def _write_arguments(variant: Variant, parameters: list[Parameter]) -> str:
    """Return the text between the parentheses of the call.

    The first argument is positional; one that `args` names is passed by that name, the others
    by position until then and by their standard name after it.
    """
    written: list[str] = []
    keywords = False
    for position, parameter in enumerate(parameters):
        name = parameter.name
        target = variant.args.get(name, name)
        if target is None:
            continue
        if variant.pack_to_tuple and position == 1:
            rest = [item.name for item in parameters[1:]]
            written.append(f"{variant.pack_to_tuple}={_pack(variant, parameters[1:], rest)}")
            break
        if parameter.is_variadic and not keywords:
            written.append(f"*{name}")
            continue
        by_name = name in variant.args and position > 0
        keywords = keywords or by_name or parameter.kind == "keyword_only"
        written.append(f"{target}={name}" if keywords else name)
    written += [f"{name}={value!r}" for name, value in variant.inject_args.items()]
    return ", ".join(written)


def _pack(variant: Variant, parameters: list[Parameter], names: list[str]) -> str:
    if len(parameters) == 1:
        # One argument that is a tuple already; a variadic one is given as one, too.
        return names[0]
    return _write_sequence(variant.pack_as.lower(), names)
