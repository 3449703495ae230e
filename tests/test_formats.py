"""The formats in which `optabs check` says what it has found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from optabs.cli import main
from optabs.errors import Fault, Place
from optabs.formats import FORMATS, Findings

ENTRY = """\
operation: Square
variants: {numpy: {api: numpy.square}}
"""
ODD = Fault(
    Place("ops/naïve, 100%: a b.yaml", 3, 7), "unknown-key", "50%\nno key: 'é', none", "did you"
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an entry that has two faults."""
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "a.yaml").write_text(f"{ENTRY}titel: x\nsee_also: [Cube]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_text_is_the_default(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 1
    plain = capsys.readouterr()
    assert plain.out.splitlines()[1:] == [
        "ops/a.yaml:4:12: unknown-op `see_also` names 'Cube', which is not in the catalogue "
        "(add the op, or remove the name)",
        "optabs: 1 entry, 2 faults",
    ]
    assert main(["check", "--format", "text"]) == 1
    assert capsys.readouterr() == plain


@pytest.mark.parametrize("name", ["json", "sarif"])
def test_a_document_stands_alone(name: str, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--format", name]) == 1
    found = capsys.readouterr()
    assert json.loads(found.out)
    assert found.err == "optabs: 1 entry, 2 faults\n"


@pytest.mark.parametrize("name", FORMATS)
def test_no_fault_is_no_failure(name: str, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "ops" / "a.yaml").write_text(ENTRY)
    assert main(["check", "--format", name]) == 0
    found = capsys.readouterr()
    assert "optabs: 1 entry, 0 faults\n" in found.out + found.err
    assert "a.yaml" not in found.out


def test_json_has_every_part_of_a_fault() -> None:
    assert json.loads(FORMATS["json"](Findings(7, [ODD]))) == {
        "entries": 7,
        "faults": [
            {
                "file": "ops/naïve, 100%: a b.yaml",
                "line": 3,
                "column": 7,
                "code": "unknown-key",
                "message": "50%\nno key: 'é', none",
                "hint": "did you",
            }
        ],
        "mended": [],
    }


def test_github_reads_one_command_for_each_fault() -> None:
    assert FORMATS["github"](Findings(1, [ODD])) == (
        "::error file=ops/naïve%2C 100%25%3A a b.yaml,line=3,col=7,title=unknown-key"
        "::50%25%0Ano key: 'é', none (did you)\n"
    )


def read_sarif(*faults: Fault) -> dict[str, Any]:
    log = json.loads(FORMATS["sarif"](Findings(1, faults)))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    return run


def test_sarif_names_rule_place_and_message() -> None:
    other = Fault(Place("/elsewhere/b c.yaml"), "tab", "a tab")
    run = read_sarif(ODD, other, ODD)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["tab", "unknown-key"]
    assert rules[0]["shortDescription"]["text"].startswith("A tab stands where")
    first, second, third = run["results"]
    assert first == third
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "unknown-key"
    assert first["message"] == {"text": "50%\nno key: 'é', none (did you)"}
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "ops/na%C3%AFve%2C%20100%25%3A%20a%20b.yaml"},
                "region": {"startLine": 3, "startColumn": 7},
            }
        }
    ]
    assert run["columnKind"] == "unicodeCodePoints"
    location = second["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "file:///elsewhere/b%20c.yaml"
    assert second["message"] == {"text": "a tab"}


def test_sarif_of_nothing_is_still_a_run() -> None:
    assert read_sarif()["results"] == []
