"""Every code that a check can report has its meaning, and a line in the guide."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import optabs
from optabs.catalog.codes import CODES, CONVENTION_CODES, FORMAT_CODES, YAML_CODES

PACKAGE = Path(optabs.__file__).parent
ROOT = Path(__file__).parents[2]
BAD = Path(__file__).parent / "bad"

# Who reports faults to `optabs check`: the catalogue, but for importing, and the frameworks' files.
MODULES = [
    *(
        file
        for file in (PACKAGE / "catalog").glob("*.py")
        if file.stem not in ("codes", "importing")
    ),
    PACKAGE / "adapters.py",
    PACKAGE / "frameworks" / "__init__.py",
]
REPORTERS = {"Fault": 1, "note_fault": 1, "note_key_fault": 1, "note": 1, "_note_event": 2}
# Texts with a hyphen that are no codes. A new one belongs here, or into CODES.
NO_CODES = {
    "column-signs", "row-signs", "negative-axis", "py-modindex", "utf-8", "utf-8-sig", "1e-05",
}  # fmt: skip


def list_codes(file: Path) -> set[str]:
    """Return what is given as a code in a module, or looks like one."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", node.value):
                found.add(node.value)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            number = REPORTERS.get(name, 99)
            if number < len(node.args) and isinstance(node.args[number], ast.Constant):
                found.add(node.args[number].value)
    return {code for code in found if isinstance(code, str)} - NO_CODES


def test_every_code_has_its_meaning() -> None:
    reported = {code for file in MODULES for code in list_codes(file)}
    assert len(reported) > 50
    assert reported - CODES.keys() == set(), "say in catalog/codes.py what it means"
    # "tab" is given to Fault, too; nothing is listed that cannot be reported.
    assert CODES.keys() - reported == set()


def test_every_code_of_the_bad_files_has_its_meaning() -> None:
    found = {
        line.split()[1]
        for file in BAD.glob("*.txt")
        for line in file.read_text(encoding="utf-8").splitlines()
    }
    assert len(found) > 30
    assert found <= CODES.keys()


def test_a_code_has_one_meaning() -> None:
    assert len(CODES) == len(YAML_CODES) + len(FORMAT_CODES) + len(CONVENTION_CODES)


@pytest.mark.parametrize("codes", [YAML_CODES, FORMAT_CODES, CONVENTION_CODES])
def test_the_guide_has_the_table(codes: dict[str, str]) -> None:
    rows = "".join(f"| `{code}` | {meaning} |\n" for code, meaning in codes.items())
    table = f"| code | what it means |\n| --- | --- |\n{rows}"
    guide = (ROOT / "guide" / "checks.md").read_text(encoding="utf-8")
    assert f"\n{table}\n" in f"{guide}\n", f"guide/checks.md wants this table:\n{table}"
    assert list(codes) == sorted(codes)
