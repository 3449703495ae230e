"""Every bad file under bad/ gives exactly the faults in the text beside it, all at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from optabs.catalog.check import check_catalog
from optabs.catalog.load import load_catalog
from optabs.errors import Fault

BAD = Path(__file__).parent / "bad"
FRAMEWORKS = ("torch", "jax", "mlx", "flax_nnx", "tensorflow", "paxml", "keras", "numpy")
RUNTIMELESS = ("stablehlo",)
DEVICES = {"torch": ("cpu", "cuda", "metal"), "numpy": ("cpu",)}

# Python words its syntax errors differently from version to version.
_PYTHONS_WORDS = re.compile(r"(?<=this is no Python: ).*(?= \(mend the code\))")


def check_folder(folder: Path) -> list[Fault]:
    return check_catalog(load_catalog([folder], folder), FRAMEWORKS, RUNTIMELESS, DEVICES)


def write_entries(folder: Path, **entries: str) -> Path:
    for name, text in entries.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", sorted(file.stem for file in BAD.glob("*.yaml")))
def test_a_bad_file_gives_its_faults(
    name: str, compare_golden: Callable[[Path, str], None]
) -> None:
    file = BAD / f"{name}.yaml"
    faults = check_catalog(load_catalog([file], BAD), FRAMEWORKS, RUNTIMELESS, DEVICES)
    assert faults, "a bad file has a fault"
    lines = [_PYTHONS_WORDS.sub("...", str(fault)) for fault in faults]
    compare_golden(BAD / f"{name}.txt", "".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize("name", sorted(file.stem for file in BAD.glob("*.yaml")))
def test_a_fault_lies_in_its_file_and_says_what_to_do(name: str) -> None:
    file = BAD / f"{name}.yaml"
    text = file.read_bytes().decode("utf-8-sig", "replace")
    rows = text.split("\n")
    for fault in check_catalog(load_catalog([file], BAD), FRAMEWORKS, RUNTIMELESS, DEVICES):
        place = fault.place
        assert place.file == file.name
        assert 1 <= place.line <= len(rows)
        assert 1 <= place.column <= len(rows[place.line - 1]) + 1
        assert "\n" not in str(fault)
        assert len(fault.message) < 300
        assert re.fullmatch(r"[a-z0-9-]+", fault.code)


def test_every_golden_text_has_its_file() -> None:
    assert {file.stem for file in BAD.glob("*.txt")} == {file.stem for file in BAD.glob("*.yaml")}


def test_a_good_catalogue_has_no_fault(tmp_path: Path) -> None:
    folder = write_entries(
        tmp_path,
        abs="operation: Abs\nvariants: {torch: {api: torch.abs}}\nsee_also: [Absolute, Sign]\n",
        sign="operation: Sign\naliases: [Absolute]\nvariants: {}\nsee_also: [Abs]\n",
    )
    assert check_folder(folder) == []


def test_two_files_cannot_define_one_op(tmp_path: Path) -> None:
    folder = write_entries(
        tmp_path,
        one="# first\noperation: Same\nvariants: {}\n",
        two="operation: Same\nvariants: {}\n",
    )
    (fault,) = check_folder(folder)
    assert str(fault) == (
        "two.yaml:1:12: duplicate-op the op 'Same' is also defined at one.yaml:2:12 "
        "(rename or merge one)"
    )


def test_two_pages_cannot_differ_in_case_alone(tmp_path: Path) -> None:
    folder = write_entries(tmp_path, Softmax="operation: Softmax\nvariants: {}\n")
    (folder / "softmax.yaml").write_text("operation: SafeSoftmax\nvariants: {}\n")
    if len(list(folder.iterdir())) == 1:
        pytest.skip("this file system does not tell case apart")
    (fault,) = check_folder(folder)
    assert str(fault) == (
        "softmax.yaml:1:12: duplicate-page the page 'softmax' is also made by Softmax.yaml "
        "(rename one file; case alone does not tell pages apart)"
    )


def test_pages_of_two_folders_do_not_meet(tmp_path: Path) -> None:
    for number, folder in enumerate((tmp_path / "a", tmp_path / "b")):
        folder.mkdir()
        write_entries(folder, op=f"operation: Op{number}\nvariants: {{}}\n")
    assert check_folder(tmp_path) == []


@pytest.mark.parametrize("name", ["index", "Search", "with space", "größe", "a" * 101, "-option"])
def test_a_file_needs_the_name_of_a_page(tmp_path: Path, name: str) -> None:
    write_entries(tmp_path, **{name: "operation: Fine\nvariants: {}\n"})
    (fault,) = check_folder(tmp_path)
    assert fault.code == "unsafe-page"
    assert "rename the file" in fault.hint


def test_a_file_without_an_op_still_has_its_page_checked(tmp_path: Path) -> None:
    write_entries(tmp_path, index="")
    assert [fault.code for fault in check_folder(tmp_path)] == ["empty-file", "unsafe-page"]


def test_the_nearest_op_is_named(tmp_path: Path) -> None:
    folder = write_entries(
        tmp_path,
        a="operation: LogSumExp\nvariants: {}\n",
        b="operation: Softmax\nvariants: {}\nsee_also: [LogSumExpp]\n",
    )
    (fault,) = check_folder(folder)
    assert (fault.place.line, fault.place.column) == (3, 12)
    assert fault.hint == "did you mean 'LogSumExp'?"


def test_faults_of_all_files_come_sorted(tmp_path: Path) -> None:
    folder = write_entries(
        tmp_path,
        b="operation: B\nvariants: {torch: {apii: x}}\nkey: 1\n",
        a="operation: A\nkey: 1\nvariants: {pytorch: {}}\n",
    )
    faults = check_folder(folder)
    assert faults == sorted(faults)
    assert [(fault.place.file, fault.place.line) for fault in faults] == [
        ("a.yaml", 2),
        ("a.yaml", 3),
        ("b.yaml", 2),
        ("b.yaml", 3),
    ]
