"""Python code in an entry: whether it is Python, and which names it reads and binds."""

from __future__ import annotations

import ast
import re
import symtable
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from optabs.catalog.model import Text
from optabs.errors import Fault

_UPDATE = re.compile(r"(?:\*\*|//|>>|<<|[-+*/%&|^@])=")
# What `compile` and `ast` raise for text that is no Python, or that no parser can take.
_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)


class BadCode(Exception):  # noqa: N818 - what is wrong with it becomes a fault
    """Text that is no Python. `row` and `offset` count from 0; None where Python does not say."""

    def __init__(self, message: str, row: int | None = None, offset: int = 0) -> None:
        super().__init__(message)
        self.row = row
        self.offset = offset


def parse_module(code: str) -> ast.Module:
    """Return the syntax tree of statements.

    Raises:
        BadCode: it is no Python.
    """
    with _explain(code):
        return ast.parse(code)


def check_module(code: str) -> None:
    """Check that statements compile, which finds more than parsing them: a lone ``return``, say.

    Raises:
        BadCode: it is no Python.
    """
    with _explain(code):
        compile(code, "<entry>", "exec", dont_inherit=True)


def check_expression(code: str) -> None:
    """Check that `code` is one expression, of one line or several.

    Raises:
        BadCode: it is none.
    """
    inner = code.lstrip()
    rows_before = code[: len(code) - len(inner)].count("\n")
    indent = len(code) - len(inner) - (code.rfind("\n", 0, len(code) - len(inner)) + 1)
    inner = inner.rstrip()
    if "\n" in inner:
        try:
            with _explain(inner):
                compile(f"(\n{inner}\n)", "<entry>", "eval", dont_inherit=True)
        except BadCode:
            pass  # its places are off by the parenthesis: let the bare text say what is wrong
        else:
            return
    try:
        with _explain(inner):
            compile(inner, "<entry>", "eval", dont_inherit=True)
    except BadCode as error:
        if error.row is not None:
            error.offset += indent if error.row == 0 else 0
            error.row += rows_before
        raise


def find_code_faults(text: Text, *, expression: bool = False) -> Iterator[Fault]:
    """Yield a fault if `text` is no Python, at the place in the file."""
    try:
        if not text.text.strip():
            raise BadCode("there is no code")
        (check_expression if expression else check_module)(text.text)
    except BadCode as error:
        place = text.place if error.row is None else text.find_place(error.row, error.offset)
        yield Fault(place, "bad-python", f"this is no Python: {error}", "mend the code")


@contextmanager
def _explain(code: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an escape such as "\d", Python warns when it runs
            yield
    except SyntaxError as error:
        rows = code.split("\n")
        row = None if error.lineno is None else min(error.lineno, len(rows)) - 1
        offset = (error.offset or 0) - 1
        if row is not None and (offset < 0 or error.lineno != row + 1):
            offset = len(rows[row])  # the code ends too early
        raise BadCode(error.msg, row, max(offset, 0)) from error
    except _ERRORS as error:
        raise BadCode(str(error) or type(error).__name__) from error


# --- names ----------------------------------------------------------------------------------------


def find_bound_names(code: str) -> set[str]:
    """Return the names that statements bind at the module's level.

    Raises:
        BadCode: it is no Python.
    """
    return _scan(code)[1]


def find_needed_names(code: str, among: Collection[str]) -> set[str]:
    """Return those of some names that statements read without having bound them before.

    Raises:
        BadCode: it is no Python.
    """
    read, bound = _scan(code)
    read &= set(among)
    needed = read - bound
    doubtful = read & bound
    if not doubtful:
        return needed
    seen: set[str] = set()
    tree = parse_module(code)
    for statement in tree.body:
        read, bound = _scan(_cut(code, statement))
        needed |= (read & doubtful) - seen - _find_header_names(code, statement)
        # What a branch or a loop binds may be unbound after it.
        if not isinstance(
            statement, ast.If | ast.For | ast.While | ast.Try | ast.TryStar | ast.Match
        ):
            seen |= bound
    return needed


def _find_header_names(code: str, statement: ast.stmt) -> set[str]:
    """Return the names that ``for`` and ``with`` bind for their body, and do not read before."""
    pairs: list[tuple[ast.expr | None, ast.expr]]
    if isinstance(statement, ast.For):
        pairs = [(statement.target, statement.iter)]
    elif isinstance(statement, ast.With):
        pairs = [(item.optional_vars, item.context_expr) for item in statement.items]
    else:
        return set()
    names = {
        node.id
        for target, _ in pairs
        if target
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for _, source in pairs:
        names -= _scan(f"({ast.get_source_segment(code, source)})")[0]
    return names


def _cut(code: str, statement: ast.stmt) -> str:
    decorators = getattr(statement, "decorator_list", [])
    if decorators:
        lines = code.split("\n")
        return "\n".join(lines[decorators[0].lineno - 1 : statement.end_lineno])
    return ast.get_source_segment(code, statement) or ""


def _scan(code: str) -> tuple[set[str], set[str]]:
    """Return the names that `code` reads from its module and those that it binds there."""
    with _explain(code):
        table = symtable.symtable(code, "<entry>", "exec")
        read: set[str] = set()
        bound: set[str] = set()
        for symbol in table.get_symbols():
            if symbol.is_referenced():
                read.add(symbol.get_name())
            if symbol.is_assigned() or symbol.is_imported():
                bound.add(symbol.get_name())
        if _UPDATE.search(code):
            read |= _find_updated(ast.parse(code).body)
        tables = list(table.get_children())
        while tables:
            inner = tables.pop()
            for symbol in inner.get_symbols():
                if symbol.is_global() and symbol.is_referenced():
                    read.add(symbol.get_name())
                if symbol.is_declared_global() and symbol.is_assigned():
                    bound.add(symbol.get_name())
            tables += inner.get_children()
        return read, bound


def _find_updated(statements: list[ast.stmt]) -> set[str]:
    """Return the names that ``x += 1`` reads, which a symbol table counts as written only."""
    found: set[str] = set()
    waiting: list[ast.AST] = [*statements]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)
    return found
