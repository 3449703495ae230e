"""The targets of the Makefile: each is listed, each that takes its time says so, each leads on."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
RULE = re.compile(r"^(?P<name>[a-z-]+):[^=\n]*?(?:## (?P<doc>.*))?\n(?P<recipe>(?:\t.*\n)*)", re.M)
RULES = {rule["name"]: rule for rule in RULE.finditer(MAKEFILE)}
# Whatever runs long by itself and does not say so.
LONG = ("pytest", "bench/")


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(folder / "ext"), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_lists_every_target_with_what_it_does(checkout: Path) -> None:
    done = make(checkout, "help")
    listed = dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", done.stdout, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    assert [*listed] == [*RULES] == phony[1].split()
    assert listed == {name: rule["doc"] for name, rule in RULES.items()}


@pytest.mark.parametrize("name", sorted(RULES.keys() - {"help", "live"}))
def test_a_target_says_what_to_do_next(name: str) -> None:
    *steps, last = RULES[name]["recipe"].splitlines()
    assert last.startswith("\t$(call next,")
    for before, step in zip(["", *steps], steps, strict=False):
        if any(word in step for word in LONG) and not any(word in before for word in LONG):
            assert before.startswith('\t@echo "optabs: '), f"say before it that this runs: {step}"


def test_what_follows_leads_to_targets_and_files_that_are_there() -> None:
    texts = re.findall(r"\$\(call next,(.*)\)$", MAKEFILE, re.MULTILINE)
    assert len(texts) > 8
    for text in texts:
        assert set(re.findall(r"make ([a-z-]+)", text)) <= RULES.keys()
        files = [file for file in re.findall(r"[\w/]+\.\w+", text) if "_build" not in file]
        assert all((ROOT / file).is_file() for file in files), text


def test_a_check_that_finds_nothing_leads_on(checkout: Path) -> None:
    (checkout / "ops" / "index.md").unlink()
    done = make(checkout, "check")
    assert (done.returncode, done.stdout) == (0, "optabs: 0 entries, 0 faults\n")
    assert done.stderr.startswith("next: make verify ")


def test_a_check_that_finds_something_does_not(checkout: Path) -> None:
    (checkout / "ops" / "bad.yaml").write_text("operation: Bad\n", encoding="utf-8")
    done = make(checkout, "check")
    assert done.returncode == 2
    assert "missing-key" in done.stdout
    assert "next: " not in done.stderr


def test_cleaning_removes_what_was_built(checkout: Path) -> None:
    (checkout / "_build" / "html").mkdir(parents=True)
    done = make(checkout, "clean")
    assert done.stderr == "next: make html runs everything again\n"
    assert not (checkout / "_build").exists()
    assert (checkout / ".venv").is_dir()
    make(checkout, "distclean")
    assert not (checkout / ".venv").exists()
