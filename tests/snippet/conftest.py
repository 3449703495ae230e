"""Making ops of entries, and snippets of ops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from optabs.catalog.load import load_file
from optabs.catalog.model import Op
from optabs.frameworks import Registry, load_registry
from optabs.snippet import Snippet, build_snippet


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry()


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Op]:
    """Make an op of an entry's text."""

    def make(text: str) -> Op:
        file = tmp_path / "entry.yaml"
        file.write_text(text, encoding="utf-8")
        (entry,) = load_file(file, tmp_path)
        assert [str(fault) for fault in entry.faults] == []
        assert entry.op is not None
        return entry.op

    return make


@pytest.fixture
def build(registry: Registry) -> Callable[..., Snippet]:
    """Build the snippet of a case in a framework; it compiles, and each line has its origin."""

    def make(op: Op, framework: str, case: int = 0) -> Snippet:
        found = registry.frameworks[framework]
        snippet = build_snippet(op, op.cases[case], op.variants[framework], found)
        compile(snippet.code, "<snippet>", "exec", dont_inherit=True)
        assert snippet.code.endswith("\n")
        assert len(snippet.yaml_lines) == snippet.code.count("\n")
        return snippet

    return make


@pytest.fixture
def make_entry() -> Callable[..., str]:
    """Write an entry with one case: ten lines, the variants from the eighth on."""

    def make(
        variants: str,
        std_args: str = "[x, axis]",
        inputs: str = "{x: [1.0, 2.0], axis: 0}",
        expect: str = "1.0",
    ) -> str:
        return (
            f"operation: Thing\nstd_args: {std_args}\n"
            f"cases:\n  - id: one\n    inputs: {inputs}\n    expect: {expect}\n"
            f"variants:\n{variants}"
        )

    return make
