"""Python code in an entry: whether it is Python, and which names it reads and binds."""

from __future__ import annotations

import ast
import contextlib
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from optabs.catalog.model import Text
from optabs.errors import Fault


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
    tree: ast.Module = _compile(code, "exec", ast.PyCF_ONLY_AST)
    return tree


def check_module(code: str) -> None:
    """Check that statements compile, which finds more than parsing them: a lone ``return``, say.

    Raises:
        BadCode: it is no Python.
    """
    _compile(code, "exec")


def check_expression(code: str) -> None:
    """Check that `code` is one expression, of one line or several.

    Raises:
        BadCode: it is none.
    """
    inner = code.strip()
    if "\n" in inner:
        # Places are off by the parenthesis: if it does not help, the bare text says what is wrong.
        with contextlib.suppress(BadCode):
            _compile(f"(\n{inner}\n)", "eval")
            return
    try:
        _compile(inner, "eval")
    except BadCode as error:
        if error.row is not None:
            before = code[: len(code) - len(code.lstrip())]
            if error.row == 0:
                error.offset += len(before) - before.rfind("\n") - 1
            error.row += before.count("\n")
        raise


def find_code_faults(text: Text, *, expression: bool = False) -> Iterator[Fault]:
    """Yield a fault if `text` is no Python, at the place in the file."""
    try:
        if not text.text.strip():
            raise BadCode("there is no code")
        (check_expression if expression else check_module)(text.text)
    except BadCode as error:
        place = text.place if error.row is None else text.find_place(error.row, error.offset)
        yield Fault(place, "bad-python", f"this is no Python: {error}", _find_hint(text, error))


def _find_hint(text: Text, error: BadCode) -> str:
    if "invalid character" in str(error):
        return "write it as on the keyboard: straight quotes, a plain minus sign"
    if str(error) == "invalid syntax" and text.source and text.source.style == ">":
        return "write | in place of >, which joins lines"
    return "mend the code"


def _compile(code: str, mode: str, flags: int = 0) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an escape such as "\d", Python warns when it runs
            return compile(code, "<entry>", mode, flags, dont_inherit=True)
    except SyntaxError as error:
        rows = code.split("\n")
        row = None if error.lineno is None else min(error.lineno, len(rows)) - 1
        offset = (error.offset or 0) - 1
        if row is not None and (offset < 0 or error.lineno != row + 1):
            offset = len(rows[row])  # the code ends too early
        raise BadCode(error.msg, row, max(offset, 0)) from error
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise BadCode(str(error) or type(error).__name__) from error


# --- names ----------------------------------------------------------------------------------------
#
# Python's own `symtable` would say the same, but not the same in every version: from 3.12 on the
# names of a comprehension are counted among those around it. Snippets must not depend on that.


def find_bound_names(code: str) -> frozenset[str]:
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
    return {name for name in among if name in _scan(code)[0]}


def find_free_names(code: str) -> frozenset[str]:
    """Return all names that statements read without having bound them before.

    Raises:
        BadCode: it is no Python.
    """
    return _scan(code)[0]


@lru_cache(maxsize=20_000)
def _scan(code: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that code needs, and those that it binds at the module's level."""
    scanner = _Scanner()
    scanner.visit_all(parse_module(code).body)
    return frozenset(scanner.needed), frozenset(scanner.bound)


_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class _Scanner(ast.NodeVisitor):
    """Follows statements in the order in which Python runs them; functions run where they stand."""

    def __init__(self) -> None:
        self.needed: set[str] = set()
        self.bound: set[str] = set()
        self.seen: set[str] = set()
        """What is surely bound by now, at the module's level."""
        self.in_module = True
        self.hidden: frozenset[str] = frozenset()
        """Names of the scopes around, which are not those of the module."""
        self.hidden_in_functions: frozenset[str] = frozenset()
        """The same, as functions within see it: they do not see the names of a class."""

    def visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def bind(self, name: str) -> None:
        if self.in_module:
            self.bound.add(name)
            self.seen.add(name)

    def read(self, name: str) -> None:
        if name not in self.hidden and name not in self.seen:
            self.needed.add(name)

    # --- statements ---

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit_all([node.value, *node.targets])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit_all([node.annotation, node.value])
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read(node.target.id)
        self.visit_all([node.value, node.target])

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit_all([node.value, node.target])

    def visit_alias(self, node: ast.alias) -> None:
        self.bind((node.asname or node.name).partition(".")[0])

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.visit_branches([node.target, *node.body], node.orelse)

    visit_AsyncFor = visit_For  # noqa: N815

    def visit_If(self, node: ast.If | ast.While) -> None:
        self.visit(node.test)
        self.visit_branches(node.body, node.orelse)

    visit_While = visit_If  # noqa: N815

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        self.visit_branches([*node.body, *node.orelse], *([each] for each in node.handlers))
        self.visit_all(node.finalbody)

    visit_TryStar = visit_Try  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.visit_all([node.type])
        if node.name:
            self.bind(node.name)
        self.visit_all(node.body)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self.visit_branches(*([each] for each in node.cases))

    def visit_branches(self, *branches: list[Any]) -> None:
        """Visit what may or may not run: what it binds may be unbound after it."""
        before = set(self.seen)
        for branch in branches:
            self.seen = set(before)
            self.visit_all(branch)
        self.seen = before

    def generic_visit(self, node: ast.AST) -> None:
        # Patterns bind names that are no `Name` nodes.
        for field in ("name", "rest"):
            name = getattr(node, field, None)
            if isinstance(node, ast.pattern) and isinstance(name, str):
                self.bind(name)
        super().generic_visit(node)

    # --- scopes ---

    def visit_FunctionDef(self, node: _Function) -> None:
        self.visit_all(node.decorator_list)
        self.visit_signature(node.args)
        self.visit_all([node.returns])
        self.bind(node.name)
        self.visit_function(node.args, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit_signature(node.args)
        self.visit_function(node.args, [node.body])

    def visit_signature(self, arguments: ast.arguments) -> None:
        """Visit what of a signature is evaluated outside of the function."""
        self.visit_all([*arguments.defaults, *arguments.kw_defaults])
        self.visit_all(each.annotation for each in _list_arguments(arguments))

    def visit_function(self, arguments: ast.arguments, body: Sequence[ast.AST]) -> None:
        own, shared = _find_locals(body)
        own |= {each.arg for each in _list_arguments(arguments)}
        self.bound |= shared & own
        self.seen |= shared & own
        own -= shared
        hidden = (self.hidden_in_functions - shared) | own
        self.visit_scope(body, hidden, hidden)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.visit_all([*node.decorator_list, *node.bases, *(each.value for each in node.keywords)])
        self.bind(node.name)
        own, _ = _find_locals(node.body)
        self.visit_scope(node.body, self.hidden | own, self.hidden_in_functions)

    def visit_comprehension_like(self, node: _Comprehension) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        targets = {
            inner.id
            for each in node.generators
            for inner in ast.walk(each.target)
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
        }
        parts = [
            *(each.iter for each in others),
            *(test for each in node.generators for test in each.ifs),
        ]
        values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for inner in ast.walk(node):  # `:=` binds outside of a comprehension
            if isinstance(inner, ast.NamedExpr):
                self.bind(inner.target.id)
        hidden = self.hidden_in_functions | targets
        self.visit_scope([*parts, *values], hidden, hidden)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = (  # noqa: N815
        visit_comprehension_like
    )

    def visit_scope(
        self, nodes: Sequence[ast.AST], hidden: frozenset[str], in_functions: frozenset[str]
    ) -> None:
        around = (self.in_module, self.hidden, self.hidden_in_functions)
        self.in_module, self.hidden, self.hidden_in_functions = False, hidden, in_functions
        self.visit_all(nodes)
        self.in_module, self.hidden, self.hidden_in_functions = around


def _list_arguments(arguments: ast.arguments) -> list[ast.arg]:
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return found + [each for each in (arguments.vararg, arguments.kwarg) if each is not None]


def _find_locals(body: Sequence[ast.AST]) -> tuple[set[str], set[str]]:
    """Return the names that a function's body binds, and those that it declares global."""
    bound: set[str] = set()
    shared: set[str] = set()
    outer: set[str] = set()
    waiting: list[ast.AST] = [*body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                bound.add(node.id)
        elif isinstance(node, _Function | ast.ClassDef):
            bound.add(node.name)
            continue
        elif isinstance(node, ast.Lambda):
            continue
        elif isinstance(node, _Comprehension):
            bound |= {each.target.id for each in ast.walk(node) if isinstance(each, ast.NamedExpr)}
            continue
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Global):
            shared |= {*node.names}
        elif isinstance(node, ast.Nonlocal):
            outer |= {*node.names}
        elif isinstance(node, ast.ExceptHandler | ast.pattern):
            names = (getattr(node, "name", None), getattr(node, "rest", None))
            bound |= {name for name in names if isinstance(name, str)}
        waiting += ast.iter_child_nodes(node)
    return bound - outer, shared
