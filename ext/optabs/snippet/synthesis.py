"""Calls made from a variant's mapping: API, renamed, dropped and added arguments, macros."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from itertools import takewhile

from optabs.catalog.code import BadCode, check_module
from optabs.catalog.inputs import write_python
from optabs.catalog.model import Case, Op, Parameter, Variant
from optabs.frameworks import Framework
from optabs.snippet.inputs import write_sequence
from optabs.snippet.lines import NoSnippet, parse_lines

# `{x}`, or `{x.shape}`; doubled braces stand for one.
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^\W\d]\w*)((?:\.\w+|\[\w+\])*)\}")


def synthesise(op: Op, case: Case, variant: Variant, framework: Framework) -> list[str]:
    """Return the lines of a call made from the variant's mapping.

    Raises:
        NoSnippet: the mapping is none that a single call or macro can follow.
    """
    lines, expression = write_call(op, case, variant, framework)
    lines += assign_results(case.result_names, expression, variant.output_select_index)
    lines += print_results(case)
    return check_lines(lines)


def write_call(op: Op, case: Case, variant: Variant, framework: Framework) -> tuple[list[str], str]:
    """Return the lines before a call made from the variant's mapping, and the call.

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
    given = {item.name for item in case.inputs}
    lines = [*variant.required_imports]
    if variant.transformation_type == "infix":
        expression = _write_infix(variant, op.parameters, given)
    elif variant.macro_template:
        setup, expression = _write_macro(op, variant.macro_template.strip(), given)
        lines += setup
    elif variant.api:
        callee = framework.shorten_api(variant.api)
        if callee.partition(".")[0] not in framework.imports:
            lines += _import_api(variant.api)
        expression = f"{callee}({_write_arguments(variant, op.parameters, given)})"
        if (variant.op_type or op.op_type) == "class":
            standard = {item.name for item in op.parameters}
            called = [item.name for item in case.inputs if item.name not in standard]
            if called:
                expression = f"{expression}({', '.join(called)})"
    else:
        raise NoSnippet("the entry gives neither an API nor a macro nor an example")
    return lines, expression


def check_lines(lines: list[str]) -> list[str]:
    """Return the lines of some code, of which an item may hold several.

    Raises:
        NoSnippet: it is no Python.
    """
    code = "\n".join(lines)
    try:
        check_module(code)
    except BadCode as error:
        raise NoSnippet(f"the code is no Python: {error}") from error
    return code.split("\n")


def assign_results(names: tuple[str, ...], expression: str, index: int | None) -> list[str]:
    """Return the statements that leave what `expression` gives under `names`."""
    statements = parse_lines([(expression, 0)]).body
    last = statements[-1] if statements else None
    lines = [ast.get_source_segment(expression, each) or "" for each in statements]
    if isinstance(last, ast.Expr):
        value = lines.pop()
        if index is not None and not isinstance(
            last.value, ast.Call | ast.Name | ast.Attribute | ast.Subscript
        ):
            value = f"({value})"
    elif isinstance(last, ast.Assign):  # a template such as "{x} = jnp.sin({x})"
        value = ast.unparse(last.targets[0])
    elif isinstance(last, ast.AugAssign | ast.AnnAssign):
        value = ast.unparse(last.target)
    else:
        raise NoSnippet(f"{expression!r} gives no result")
    if index is not None:
        value = f"{value}[{index}]"
    target = ", ".join(names)
    return lines if value == target else [*lines, f"{target} = {value}"]


def print_results(case: Case) -> list[str]:
    """Return the line that shows the results, each on lines of its own; none for a curve."""
    if case.is_curve:
        return []
    names = case.result_names
    separator = ', sep="\\n"' if len(names) > 1 else ""
    return [f"print({', '.join(names)}{separator})"]


def _import_api(api: str) -> list[str]:
    """Return the import of an API's module: the parts before the first that looks like a class."""
    module = [*takewhile(str.islower, api.split(".")[:-1])]
    return [f"import {'.'.join(module)}"] if module else []


def _write_infix(variant: Variant, parameters: Iterable[Parameter], given: set[str]) -> str:
    if not variant.operator:
        raise NoSnippet("an infix op without `operator`")
    names = [
        item.name
        for item in parameters
        if item.name in given and variant.args.get(item.name, "") is not None
    ]
    if not names:
        raise NoSnippet(f"the case gives the operator {variant.operator!r} nothing to work on")
    if len(names) == 1:
        space = " " if variant.operator[-1].isalpha() else ""
        return f"{variant.operator}{space}{names[0]}"
    return f" {variant.operator} ".join(names)


def _write_macro(op: Op, template: str, given: set[str]) -> tuple[list[str], str]:
    """Return the statements before the expression, and the expression."""
    if re.match(r"lambda\b", template):
        name = f"{op.operation.lower()}_macro" if op.operation.isidentifier() else "macro"
        arguments = ", ".join(_list_lambda_arguments(op, template, given))
        return [f"{name} = {template}"], f"{name}({arguments})"
    values = {item.name: item.default for item in op.parameters if item.default is not None}
    values |= {item.name: item.name for item in op.parameters if item.name in given}

    def fill(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0][0]
        if found[1] not in values:
            raise NoSnippet(
                f"the macro {template!r} cannot be filled in: "
                f"the case gives no {found[1]!r}, and it has no default"
            )
        return f"{values[found[1]]}{found[2]}"

    return [], _PLACEHOLDER.sub(fill, template)


def _list_lambda_arguments(op: Op, template: str, given: set[str]) -> list[str]:
    """Return what a lambda is called with: arguments in between that are not given by default."""
    tree = parse_lines([(template, 0)]).body[0]
    names = [item.name for item in op.parameters if item.name in given]
    if not isinstance(tree, ast.Expr) or not isinstance(tree.value, ast.Lambda):
        raise NoSnippet(f"the macro {template!r} is no lambda")
    last = max(
        (number for number, item in enumerate(op.parameters) if item.name in given), default=-1
    )
    filled = [
        item.name if item.name in given else item.default for item in op.parameters[: last + 1]
    ]
    wanted = tree.value.args
    has_room = wanted.vararg is not None or len(filled) <= len(wanted.posonlyargs + wanted.args)
    complete = [each for each in filled if each is not None]
    return complete if has_room and len(complete) == len(filled) else names


def _write_arguments(variant: Variant, parameters: tuple[Parameter, ...], given: set[str]) -> str:
    """Return the text between the parentheses of the call.

    The first argument is positional; one that `args` names is passed by that name, the others
    by position until then and by their standard name after it. Behind an argument that the case
    does not give, positions no longer hold: what follows goes by name.
    """
    positional: list[str] = []
    named: list[str] = []
    pack_from = len(parameters)
    if variant.pack_to_tuple:
        variadic = (number for number, item in enumerate(parameters) if _is_variadic(item))
        pack_from = next(variadic, 1)
    by_name = False
    for position, parameter in enumerate(parameters[:pack_from]):
        name = parameter.name
        if name not in given:
            by_name = True
            continue
        target = variant.args.get(name, name)
        if target is None:
            continue
        by_name = (
            by_name or (name in variant.args and position > 0) or parameter.kind == "keyword_only"
        )
        if parameter.kind == "var_keyword":
            named.append(f"**{name}")
        elif parameter.kind == "positional_only":
            positional.append(name)
        elif by_name:
            named.append(f"{target}={name}")
        else:
            positional.append(f"*{name}" if _is_variadic(parameter) else name)
    packed = [item for item in parameters[pack_from:] if item.name in given]
    if packed:
        named.append(f"{variant.pack_to_tuple}={_pack(variant, packed)}")
    named += [f"{name}={write_python(value)}" for name, value in variant.inject_args.items()]
    return ", ".join([*positional, *named])


def _is_variadic(parameter: Parameter) -> bool:
    return parameter.is_variadic or parameter.kind == "var_positional"


def _pack(variant: Variant, parameters: list[Parameter]) -> str:
    if len(parameters) == 1:
        # One argument that is a tuple already; a variadic one is given as one, too.
        name = parameters[0].name
        return f"list({name})" if variant.pack_as == "List" else name
    names = [f"*{item.name}" if _is_variadic(item) else item.name for item in parameters]
    return write_sequence(variant.pack_as.lower(), names)
