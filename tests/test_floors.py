"""Who may import whom: each floor imports those below it alone, and few import much."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import optabs

PACKAGE = Path(optabs.__file__).parent

# From the lowest floor to the highest. What stands on one floor may import its neighbours there.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "version"),
    ("catalog", "adapters", "frameworks"),
    (
        "compare",
        "alignment",
        "distributions",
        "records",
        "ledger",
        "evidence",
        "run",
        "snippet",
        "expected",
        "fetch",
    ),
    (
        "plan",
        "verify",
        "apis",
        "render",
        "pictures",
        "drawing",
        "export",
        "overview",
        "porting",
        "project",
        "background",
        "crosscheck",
        "stability",
        "curation",
        "symbols",
        "badge",
        "twin",
        "categories",
        "draft",
        "summary",
        "formats",
        "trial",
        "published",
        "news",
        "bulletin",
        "repository",
    ),
    ("live",),
    ("sphinxext", "cli", "__main__", "__init__"),
)
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}

SPHINX = {"sphinx", "docutils", "myst_parser", "sphinxcontrib", "pydata_sphinx_theme"}
FRAMEWORKS = {
    "numpy", "torch", "jax", "jaxlib", "flax", "mlx", "tensorflow", "keras", "praxis", "paxml",
    "optax", "scipy", "ml_dtypes",
}  # fmt: skip

CLUSTER = {"distributed", "dask"}

FILES = sorted(
    file for file in PACKAGE.rglob("*.py") if "__pycache__" not in file.relative_to(PACKAGE).parts
)
# What runs in the frameworks' environments.
ADAPTERS = list((PACKAGE / "frameworks").glob("*/*.py"))
LIBRARY = [
    file
    for file in FILES
    if file not in ADAPTERS and file.relative_to(PACKAGE).parts[0] != "worker"
]


def name_of(file: Path) -> str:
    """Return the part of the house that a file belongs to."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def list_imports(file: Path, *, for_types: bool = True) -> set[str]:
    """Return the full names of the modules that a file imports, wherever in it.

    Without `for_types`, what only the type checker imports is left out.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if not for_types and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    package = ["optabs", *file.relative_to(PACKAGE).parts[:-1]]
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                base = package[: len(package) - node.level + 1]
                module = ".".join([*base, module]).rstrip(".")
            found.add(module)
            if module in ("optabs", "."):
                found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def list_tops(file: Path) -> set[str]:
    return {module.partition(".")[0] for module in list_imports(file)}


def show(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def test_every_module_has_its_floor() -> None:
    parts = {name_of(file) for file in FILES} - {"worker"}
    assert parts <= set(FLOOR_OF), "a new module needs a floor: add it to FLOORS"


@pytest.mark.parametrize("file", LIBRARY, ids=show)
def test_a_module_imports_downward(file: Path) -> None:
    floor = FLOOR_OF[name_of(file)]
    for module in list_imports(file):
        parts = module.split(".")
        if parts[0] != "optabs" or len(parts) == 1:
            continue
        # The package's own __init__ only wires the extension up.
        assert FLOOR_OF[parts[1]] <= floor, f"{show(file)} imports {module}"


def test_the_lowest_floors_import_little() -> None:
    assert not {module for module in list_imports(PACKAGE / "errors.py") if "optabs" in module}
    for file in PACKAGE.glob("catalog/*.py"):
        inside = {module for module in list_imports(file) if module.startswith("optabs")}
        assert all(module.startswith(("optabs.catalog", "optabs.errors")) for module in inside)


@pytest.mark.parametrize("file", LIBRARY, ids=show)
def test_only_the_extension_imports_sphinx(file: Path) -> None:
    found = list_tops(file) & SPHINX
    if name_of(file) == "__init__":
        tops = {module.partition(".")[0] for module in list_imports(file, for_types=False)}
        found = tops & SPHINX
    assert not found or name_of(file) == "sphinxext"


@pytest.mark.parametrize("file", FILES, ids=show)
def test_only_the_catalogue_imports_yaml(file: Path) -> None:
    assert not list_tops(file) & {"yaml", "ruamel"} or name_of(file) == "catalog"


@pytest.mark.parametrize("file", FILES, ids=show)
def test_only_machines_of_a_cluster_import_its_library(file: Path) -> None:
    """All others import it where it is asked for, and say what to install where it is not there."""
    assert not list_tops(file) & CLUSTER or show(file) == "run/cluster/worker.py"
    named = any(f'import_module("{name}")' in file.read_text(encoding="utf-8") for name in CLUSTER)
    assert not named or show(file) == "run/cluster/connection.py"


@pytest.mark.parametrize("file", LIBRARY, ids=show)
def test_only_adapters_import_frameworks(file: Path) -> None:
    assert not list_tops(file) & FRAMEWORKS


@pytest.mark.parametrize("file", [f for f in FILES if name_of(f) == "worker"], ids=show)
def test_the_worker_imports_the_standard_library_and_itself(file: Path) -> None:
    for module in list_imports(file):
        # `optabs_worker` is the name that it gives itself in a framework's environment.
        is_own = module.startswith(("optabs.worker", "optabs_worker."))
        assert is_own or module.partition(".")[0] in sys.stdlib_module_names, module
    # Under the package's name it could not be imported there.
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert not [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and not node.level
        and (node.module or "").partition(".")[0] == "optabs"
    ]


@pytest.mark.parametrize("file", ADAPTERS, ids=show)
def test_an_adapter_imports_nothing_of_ours_but_adapters(file: Path) -> None:
    ours = {module for module in list_imports(file) if module.partition(".")[0] == "optabs"}
    assert all(module.startswith("optabs.frameworks.") for module in ours)
    assert not list_tops(file) & (SPHINX | {"yaml"})


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); {code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "module",
    [
        "optabs",
        "optabs.cli",
        "optabs.background",
        "optabs.project",
        "optabs.render",
        "optabs.overview",
        "optabs.porting",
        "optabs.snippet",
        "optabs.live.serve",
        "optabs.run.cluster.connection",
    ],
)
def test_importing_a_module_brings_neither_sphinx_nor_a_framework(module: str) -> None:
    code = f"import {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = set(run_python(code).split())
    assert "optabs" in loaded
    assert not loaded & (SPHINX | FRAMEWORKS | CLUSTER)


def test_the_package_itself_brings_next_to_nothing() -> None:
    """Every worker start and every `python -m optabs` pays for it."""
    code = "import optabs; print(*(name for name in sys.modules if name.startswith('optabs')))"
    assert set(run_python(code).split()) == {"optabs", "optabs.version"}


def test_no_module_is_named_for_what_it_is_not() -> None:
    vague = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "backend"}
    assert not {file.stem for file in FILES} & vague
