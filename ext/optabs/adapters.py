"""A framework's adapter as a file: what it has to define, and which files it is made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from optabs.catalog.code import BadCode, find_bound_names, parse_module
from optabs.errors import CatalogError, Fault, Place

BUILT_IN = Path(__file__).parent / "frameworks"

# What the worker calls, with what it passes.
_FUNCTIONS = {
    "devices": "()",
    "reset": "(device, seed)",
    "to_numpy": "(value)",
    "synchronize": "()",
}


def check_adapter(file: Path) -> None:
    """Check that an adapter defines what the worker calls, and that what it imports is there.

    Raises:
        CatalogError: it does not, or is no Python.
    """
    imports = _read_imports(file)
    bound = find_bound_names(file.read_text(encoding="utf-8"))
    faults = [
        Fault(
            Place(str(file)),
            "no-function",
            f"the adapter has no `{name}`",
            f"define `{name}{signature}`",
        )
        for name, signature in _FUNCTIONS.items()
        if name not in bound
    ]
    for source, listed in imports.items():
        for node, found in listed:
            if found is None:
                name = "." * node.level + (node.module or "")
                fault = Fault(
                    Place(str(source), node.lineno, node.col_offset + 1),
                    "missing-file",
                    f"no framework's folder has `{name}`",
                    "name a folder and its module: from ..jax import adapter",
                )
                faults.append(fault)
    if faults:
        raise CatalogError(faults)


def list_sources(file: Path) -> list[Path]:
    """Return an adapter and what it imports of the frameworks' folders, and these of them.

    Raises:
        CatalogError: one of them is no Python.
    """
    return [*_read_imports(file)]


_Import = tuple[ast.ImportFrom, Path | None]
"""A relative import, and the file that the worker would find."""


def _read_imports(adapter: Path) -> dict[Path, list[_Import]]:
    """Return the files of an adapter, itself first, each with its relative imports."""
    imports: dict[Path, list[_Import]] = {}
    sources = [adapter]
    for source in sources:  # which grows meanwhile
        imports[source] = [*_find_imports(source, adapter)]
        found = {path for _, path in imports[source] if path}
        sources += sorted(found - {*sources})
    return imports


def _find_imports(source: Path, adapter: Path) -> Iterator[_Import]:
    for node in ast.walk(_parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            roots = [source.parent] if node.level == 1 else [adapter.parent.parent, BUILT_IN]
            module = (node.module or "").replace(".", "/")
            for name in node.names:
                files = [
                    file
                    for root in roots
                    for file in (root / module / f"{name.name}.py", root / f"{module}.py")
                ]
                yield node, next(filter(Path.is_file, files), None)


def _parse(file: Path) -> ast.Module:
    """Return the syntax tree of a file of Python.

    Raises:
        CatalogError: it is none.
    """
    try:
        return parse_module(file.read_text(encoding="utf-8"))
    except (BadCode, UnicodeDecodeError) as error:
        at = Place(str(file), (getattr(error, "row", None) or 0) + 1)
        fault = Fault(at, "bad-python", f"this is no Python: {error}", "mend the code")
        raise CatalogError([fault]) from error
