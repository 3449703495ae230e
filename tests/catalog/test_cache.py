"""A file that has not changed is not read again; one that has, is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from optabs.catalog.cache import EntryCache
from optabs.catalog.load import load_file
from optabs.catalog.model import Entry
from optabs.catalog.source import YamlDocument
from optabs.cli import main

ENTRY = "operation: A\nvariants: {torch: {example: 'result = x'}}\ntitel: a\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "ops").mkdir()
    file = tmp_path / "ops" / "a.yaml"
    file.write_text(ENTRY)
    return file


@pytest.fixture
def load(file: Path) -> Callable[..., tuple[list[Entry], int]]:
    """A function that loads the entry, and says how many files were read for that."""

    def load_entries(rules: str = "") -> tuple[list[Entry], int]:
        read: list[YamlDocument] = []
        cache = EntryCache(file.parents[1] / "kept", rules)
        found = [*cache.load_files([file], file.parents[1], lambda each: read.append(each) or ())]
        return found, len(read)

    return load_entries


def test_it_is_read_once(file: Path, load: Callable[..., tuple[list[Entry], int]]) -> None:
    fresh = load_file(file, file.parents[1])
    assert fresh[0].faults
    assert load() == (fresh, 1)
    assert load() == (fresh, 0)
    (kept,) = (file.parents[1] / "kept").iterdir()
    assert kept.is_file()


def test_it_is_read_again_when_it_changes(
    file: Path, load: Callable[..., tuple[list[Entry], int]]
) -> None:
    load()
    file.write_text(ENTRY.replace("titel: a\n", ""))
    (entry,), count = load()
    assert (entry.faults, count) == ((), 1)
    file.write_text(ENTRY)
    assert load() == (load_file(file, file.parents[1]), 1)


def test_it_is_read_again_under_other_rules(load: Callable[..., tuple[list[Entry], int]]) -> None:
    load()
    assert load("others")[1] == 1


@pytest.mark.parametrize("keep", [0, 10, 16, 100, -1])
def test_what_was_kept_may_be_broken(
    keep: int, file: Path, load: Callable[..., tuple[list[Entry], int]]
) -> None:
    load()
    (kept,) = (file.parents[1] / "kept").iterdir()
    kept.write_bytes(kept.read_bytes()[:keep])
    assert load() == (load_file(file, file.parents[1]), 1)
    assert load()[1] == 0


def test_it_need_not_be_possible_to_keep(
    file: Path, load: Callable[..., tuple[list[Entry], int]]
) -> None:
    (file.parents[1] / "kept").write_text("a file, no folder")
    assert [load()[1], load()[1]] == [1, 1]


def test_a_file_that_cannot_be_read_is_a_fault(
    file: Path, load: Callable[..., tuple[list[Entry], int]]
) -> None:
    load()
    file.unlink()
    (entry,), _ = load()
    assert [fault.code for fault in entry.faults] == ["unreadable"]


def test_a_check_keeps_entries_only_beside_what_was_built(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = file.parents[1]
    monkeypatch.chdir(site)
    assert main(["check"]) == 1
    said = capsys.readouterr().out
    assert [each.name for each in site.iterdir()] == ["ops"]
    (site / "_build").mkdir()
    assert [main(["check"]), main(["check"])] == [1, 1]
    assert capsys.readouterr().out == said * 2
    assert len([*site.glob("_build/cache/entries/*")]) == 1
    assert main(["check", "--conventions"]) == 1
    assert "no-category" in capsys.readouterr().out
    assert main(["check"]) == 1
    assert capsys.readouterr().out == said
