"""What contributors read and fill in: terms, changes, forms, and where a page reports itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from optabs.records import Outcome, Verdict
from optabs.version import __version__

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "guide"
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"
TERMS = (GUIDE / "terms.md").read_text(encoding="utf-8")
DEFINITION = re.compile(r"^(?P<term>[a-z][\w ]*)\n  (?P<text>.*(?:\n  .*)*)$", re.MULTILINE)
DEFINED = {found["term"]: found["text"] for found in DEFINITION.finditer(TERMS)}


@pytest.mark.parametrize(("kind", "words"), [("Verdict", Verdict), ("Outcome", Outcome)])
def test_the_glossary_has_the_words_of_the_code(kind: str, words: type[StrEnum]) -> None:
    assert kind.lower() in DEFINED
    named = [term for term, text in DEFINED.items() if text.startswith(f"{{term}}`{kind} <")]
    assert sorted(named) == sorted(words)


def test_a_term_is_defined_once() -> None:
    assert len(DEFINED) > 40
    assert len(DEFINITION.findall(TERMS)) == len(DEFINED)
    for page in GUIDE.glob("*.md"):
        # A word in bold at its first use would be a second definition.
        bold = re.findall(r"\*\*([\w ]+)\*\*", page.read_text(encoding="utf-8"))
        assert [word for word in bold if word in DEFINED] == [], page.name


def test_every_page_of_the_guide_is_in_its_contents() -> None:
    listed = re.findall(r"^([a-z-]+)$", (GUIDE / "index.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted({page.stem for page in GUIDE.glob("*.md")} - {"index"})


def test_the_links_of_the_files_at_the_root_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (ROOT / link).exists(), f"{name} leads to {link}"


def test_the_changes_know_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\S+)(?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    assert versions[0] == ("Unreleased", "")
    newest = versions[1][0] if versions[1:] else re.findall(r"This will be (\S+),", text)[0]
    assert newest == __version__
    assert all(day for _, day in versions[1:])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


# --- forms ----------------------------------------------------------------------------------------


def validate(file: Path, schema: str) -> subprocess.CompletedProcess[str]:
    """Hold a file against the schema that GitHub's forms have at schemastore.org."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    return subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file", sorted(FORMS.glob("*.yml")), ids=lambda file: file.stem)
def test_github_can_read_a_form(file: Path) -> None:
    is_config = file.stem == "config"
    done = validate(file, "github-issue-config" if is_config else "github-issue-forms")
    assert done.returncode == 0, done.stdout
    if not is_config:
        form = yaml.safe_load(file.read_text(encoding="utf-8"))
        ids = [item["id"] for item in form["body"] if item["type"] != "markdown"]
        assert len(ids) == len(set(ids)) > 2
        assert form["name"] and form["description"] and form["labels"]


def test_a_bad_form_is_refused(tmp_path: Path) -> None:
    form = yaml.safe_load((FORMS / "bug.yml").read_text(encoding="utf-8"))
    form["body"][0]["type"] = "text"
    (tmp_path / "bad.yml").write_text(yaml.safe_dump(form), encoding="utf-8")
    assert validate(tmp_path / "bad.yml", "github-issue-forms").returncode == 1


def test_a_page_reports_itself_with_its_form() -> None:
    code = "import runpy; c = runpy.run_path('conf.py'); print(c['optabs_report_url'])"
    address = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "OPTABS_REPOSITORY": "https://example.org/owner/name"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    parts = urlsplit(address)
    assert parts.path == "/owner/name/issues/new"
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    form = yaml.safe_load((FORMS / query.pop("template")).read_text(encoding="utf-8"))
    fields = {item.get("id") for item in form["body"]}
    assert query == {"title": "{op}", "op": "{op}"}
    assert "op" in fields


def test_the_form_names_every_framework() -> None:
    labels = [
        yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in (ROOT / "ext" / "optabs" / "frameworks").glob("*/framework.yaml")
    ]
    ordered = [each["label"] for each in sorted(labels, key=lambda each: each["order"])]
    form = yaml.safe_load((FORMS / "wrong-page.yml").read_text(encoding="utf-8"))
    (options,) = (
        item["attributes"]["options"] for item in form["body"] if item.get("id") == "framework"
    )
    assert options[1:] == ordered
