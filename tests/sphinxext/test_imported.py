"""Tests of a site made of imported entries: they have no cases, and say so."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

LIST = """
- operation: GLU
  description: Definition for GLU
  std_args: [x]
  variants:
    fake: {api: ff.sin, args: {x: x}}
    fake_two: {api: faketwo.sinee}
    stablehlo: {api: stablehlo.sine}
    torch: null
- operation: Glu
  description: It differs in case.
  std_args: [x]
  variants:
    fake: {api: ff.old_sin}
- operation: Index
  description: It has the name of another page.
  std_args: [x, y]
  variants:
    fake: {api: ff.add, args: {y: other}}
"""


@pytest.fixture(scope="module")
def imported(make_site: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The site, and how its build ended."""
    site = make_site(tmp_path_factory.mktemp("imported") / "site")
    (site.folder / "list.yaml").write_text(LIST)
    subprocess.run(
        [sys.executable, "-m", "optabs", "import", "list.yaml", "--into", "ops"],
        cwd=site.folder,
        env=site.prepare((), "html", {})["env"],
        check=True,
        capture_output=True,
    )
    return site, site.build()


def test_each_entry_has_its_page(imported: tuple[Any, Any]) -> None:
    site, result = imported
    assert result.status == 0, result.output
    pages = {file.stem for file in (site.folder / "_build/html/ops").glob("*.html")}
    assert pages == {"a-z", "glu", "glu-2", "op-index"}
    assert [
        site.parse(f"ops/{page}.html").h1.get_text()[:5] for page in sorted(pages - {"a-z"})
    ] == [
        "GLU¶",
        "Glu¶",
        "Index",
    ]


def test_nothing_is_a_pass_without_a_case(imported: tuple[Any, Any]) -> None:
    site, result = imported
    assert (result.count("verified"), result.count("not run"), result.count("executed")) == (
        *(0, 4),
        0,
    )
    for anchor in ("fake", "fake-two"):
        panel = site.panel("ops/glu.html", anchor)
        assert panel.select_one(".optabs-verdict, [data-verdict]") is not None
        assert "no case yet" in panel.get_text().casefold()
    assert "verified" not in site.panel("ops/glu.html", "fake").get_text()


def test_tabs_have_their_frameworks_and_mark_what_is_missing(imported: tuple[Any, Any]) -> None:
    site, _ = imported
    panels = site.parse("ops/glu.html").select("section.optabs-panel")
    assert {panel["id"] for panel in panels} == {"torch", "fake", "fake-two", "stablehlo"}
    note = site.panel("ops/glu.html", "fake-two").select_one(".optabs-api-note")
    assert "nearest: faketwo.sine" in note.get_text()
    assert site.panel("ops/glu.html", "fake").select_one(".optabs-api-note") is None


def test_deprecated_names_and_wrong_arguments_are_noted(imported: tuple[Any, Any]) -> None:
    site, result = imported
    note = site.panel("ops/glu-2.html", "fake").select_one(".optabs-api-note").get_text()
    assert note == "the framework warns: old_sin is deprecated, use sin"
    note = site.panel("ops/op-index.html", "fake").select_one(".optabs-api-note").get_text()
    assert note == "it has no parameter 'other' (it has x, y, alpha)"
    line = site.find_line("op-index", "y: other")
    wanted = f"op-index.yaml:{line}: WARNING: no-such-argument Index, fake: 'ff.add' has no param"
    assert any(wanted in each for each in result.warnings), result.warnings
    assert not any("deprecated" in each for each in result.warnings)


def test_the_export_tells_names_from_missing_ones(imported: tuple[Any, Any]) -> None:
    site, _ = imported
    ops = json.loads(site.read("optabs.json"))["ops"]
    exists = {
        (op["operation"], key): variant["api_exists"]
        for op in ops
        for key, variant in op["variants"].items()
    }
    assert exists == {
        ("GLU", "torch"): None,
        ("GLU", "fake"): True,
        ("GLU", "fake_two"): False,
        ("GLU", "stablehlo"): None,
        ("Glu", "fake"): True,
        ("Index", "fake"): True,
    }
