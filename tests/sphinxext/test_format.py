"""The page of the format: each key that the checks know is on it, in every builder."""

from __future__ import annotations

import re
from typing import Any

import pytest

from optabs.catalog.format import Chapter, list_chapters
from optabs.catalog.inputs import FORMS
from optabs.catalog.model import Case, Parameter, Variant
from optabs.catalog.schema import CASE, OP, PARAMETER, VARIANT, Record
from optabs.errors import Place
from optabs.frameworks import FRAMEWORK

PAGE = """\
# The format

```{format}
```

See {ref}`format-case` and {ref}`the gradient <format-case-grad>`.
"""
PLACE = Place("f")


@pytest.fixture
def page(site: Any) -> Any:
    """A project with the page of the format."""
    site.write("format.md", PAGE)
    site.write("index.md", "# Home\n\n```{toctree}\nformat\n```\n")
    return site


def list_keys(chapters: list[Chapter]) -> list[tuple[str, str]]:
    return [(chapter.title, key) for chapter in chapters for key in chapter.record.keys]


def test_every_record_is_listed_once() -> None:
    records = [chapter.record for chapter in list_chapters()]
    assert records[0] is OP
    assert len({record.name for record in records}) == len(records)
    assert all(record in records for record in (CASE, PARAMETER, VARIANT, *FORMS.values()))
    assert all(chapter.places for chapter in list_chapters()[1:])
    assert all(record.doc.endswith(".") for record in records)


def test_the_page_has_every_key_with_all_that_is_known_of_it(page: Any) -> None:
    page.build_cleanly()
    html = page.parse("format.html")
    found = []
    for section in html.select("section section"):
        title = section.find(["h2"]).find(string=True)
        for entry in section.select("dl.optabs-key"):
            name = entry.select_one("dt .descname").get_text()
            found.append((str(title), name))
            link = entry.select_one("dt a.headerlink")["href"]
            assert link == f"#{entry.select_one('dt')['id']}"
            example = entry.select("dl.field-list dd")[-1].get_text(strip=True)
            assert example.startswith(f"{name}:")
    assert found == list_keys(list_chapters())
    case = html.select_one("dt#format-case-grad").find_parent("dl").get_text(" ", strip=True)
    for text in (
        CASE.keys["grad"].description.split("`")[0],
        "true or false",
        "Without it : false",
    ):
        assert text in re.sub(r"\s+", " ", case)
    required = html.select_one("dt#format-case-id").get_text()
    assert "required" in required
    assert "required" not in html.select_one("dt#format-case-title").get_text()
    linked = html.select_one("dt#format-case-tolerance").find_parent("dl")
    assert linked.select_one('a[href="#format-tolerance"]')
    assert [link["href"] for link in html.select("p a.reference.internal")][-2:] == [
        "#format-case",
        "#format-case-grad",
    ]
    assert any("optabs.css" in link["href"] for link in html.select("link[rel=stylesheet]"))


def test_a_new_key_appears_by_itself(page: Any) -> None:
    with (page.folder / "conf.py").open("a", encoding="utf-8") as conf:
        conf.write(
            "from optabs.catalog.schema import BOOL, OP, Key\n"
            'OP.keys["shiny"] = Key(BOOL, "Whether the op shines.", True, default="`false`")\n'
        )
    page.build_cleanly()
    entry = page.parse("format.html").select_one("dt#format-entry-shiny").find_parent("dl")
    text = re.sub(r"\s+", " ", entry.get_text(" ", strip=True))
    assert "Whether the op shines. Type : true or false Without it : false" in text


def test_the_keys_of_a_framework_have_a_page_too(page: Any) -> None:
    page.write("frameworks.md", "# Frameworks\n\n```{format} framework\n```\n")
    page.edit("index.md", "format\n", "format\nframeworks\n")
    page.build_cleanly()
    html = page.parse("frameworks.html")
    found = [each["id"] for each in html.select("dl.optabs-key > dt")]
    assert len(found) == sum(len(chapter.record.keys) for chapter in list_chapters(FRAMEWORK))
    assert {"format-framework-imports", "format-values-implied", "format-docs-page"} <= {*found}


def test_a_record_that_is_not_there_is_told(page: Any) -> None:
    page.write("format.md", "# The format\n\n```{format} frameworks\n```\n")
    (warning,) = page.build().warnings
    assert "`format` takes entry or framework, not 'frameworks'" in warning


@pytest.mark.parametrize("builder", ["text", "latex", "singlehtml", "man", "epub"])
def test_every_builder_has_the_keys(page: Any, builder: str) -> None:
    page.configure_for_all_builders()
    page.build_cleanly(builder=builder)
    names = {"text": "format.txt", "latex": "fakes.tex", "man": "fakes.1", "epub": "format.xhtml"}
    text = page.read(names.get(builder, "index.html"), builder).replace(r"\sphinxhyphen{}", "-")
    text = text.replace(r"\_", "_").replace(r"\-", "-")
    missing = [key for _, key in list_keys(list_chapters()) if key not in text]
    assert missing == []
    assert "finite differences" in text


@pytest.mark.parametrize(
    ("record", "made"),
    [
        (CASE, Case("a", PLACE)),
        (PARAMETER, Parameter("x")),
        (VARIANT, Variant("torch", PLACE)),
    ],
)
def test_what_is_said_to_hold_without_a_key_does_hold(record: Record, made: object) -> None:
    for name, key in record.keys.items():
        value = getattr(made, name, None)
        literal = re.fullmatch(r"`(\w+)`", key.default)
        if literal and value is not None:
            assert literal[1] == (str(value).lower() if isinstance(value, bool) else value)
        elif isinstance(value, bool):
            pytest.fail(f"say of `{name}` what holds without it")
