"""Finding an op: pages of categories, the A-Z, the navigation, the home page."""

from __future__ import annotations

import pytest

ENTRY = """\
operation: {name}
category: {category}
description: Takes the {{op}}`{name}` of `x`, e.g. quickly. More of it.
std_args: [x]
cases:
  - {{id: plain, inputs: {{x: [0.5, -1.0]}}, expect: np.sin(x)}}
variants:
  fake: {{api: {api}}}
  fake_two: {{unsupported: for show}}
"""


@pytest.fixture
def two(site):
    """Two categories with two ops and one op, listed in a document of their own."""
    for name, category, api in (
        ("Sine", "Trigo & more", "fakeframework.sin"),
        ("Anti", "Trigo & more", "fakeframework.sin"),
        ("Wrong", "", "fakeframework.cos"),
    ):
        site.write(name.lower(), ENTRY.format(name=name, category=category or "''", api=api))
    site.edit("conf.py", '"alabaster"', '"pydata_sphinx_theme"')
    site.configure(optabs_fail_on=[], version="1", release="1")
    site.write("ops/index.md", "# All\n\n```{ops}\n```\n")
    site.write(
        "index.md", "# Home\n\n```{summary}\n:ops: Sine\n```\n\n```{toctree}\nops/index\n```\n"
    )
    return site


def list_links(part):
    return [(each.get_text().strip(), each["href"]) for each in part.select("a")]


def test_ops_are_found_by_category(two):
    two.build_cleanly("-W")
    assert list_links(two.parse("ops/index.html").select_one("article .optabs-ops")) == [
        ("From A to Z", "a-z.html"),
        ("Trigo & more", "category/trigo-more.html"),
        ("Anti", "anti.html"),
        ("Sine", "sine.html"),
        ("Without a category", "category/without-a-category.html"),
        ("Wrong", "wrong.html"),
    ]
    page = two.parse("ops/category/trigo-more.html")
    assert page.select_one("h1").get_text() == "Trigo & more"
    lines = [each.get_text(" ", strip=True) for each in page.select(".optabs-lines li")]
    assert lines == [
        f"{name} Takes the {name} of x , e.g. quickly. 1 verified 1 unsupported"
        for name in ("Anti", "Sine")
    ]
    assert list_links(page.select_one(".optabs-lines"))[0] == ("Anti", "../anti.html")
    letters = two.parse("ops/a-z.html")
    assert [each.get_text() for each in letters.select("article h2")] == ["A", "S", "W"]


def test_navigation_holds_the_categories_and_the_ops_of_one(two):
    two.build_cleanly("-W")
    page = two.parse("ops/sine.html")
    nav = page.select_one("#pst-primary-sidebar nav.optabs-nav")
    assert list_links(nav) == [
        ("All ops", "index.html"),
        ("A–Z", "a-z.html"),
        ("Trigo & more", "category/trigo-more.html"),
        ("Anti", "anti.html"),
        ("Sine", "#"),
        ("Without a category", "category/without-a-category.html"),
    ]
    assert [each.get_text() for each in nav.select("[aria-current=page]")] == ["Sine"]
    path = page.select_one("nav[aria-label=Breadcrumb]")
    assert list_links(path)[-2:] == [
        ("All", "index.html"),
        ("Trigo & more", "category/trigo-more.html"),
    ]
    # No other page's navigation leads to every op, either.
    assert "Wrong" not in page.select_one("#pst-primary-sidebar").get_text()


def test_navigation_follows_the_catalogue(two):
    two.build_cleanly("-W")
    before = two.list_times()
    two.write("tangent", ENTRY.format(name="Tangent", category="''", api="fakeframework.sin"))
    two.build_cleanly()
    now = two.list_times()
    assert two.parse("ops/wrong.html").select_one("nav.optabs-nav").find("a", string="Tangent")
    # What does not show it stays.
    assert now["ops/sine.html"] == before["ops/sine.html"]


def test_page_does_not_grow_with_the_ops(two):
    """Of a large category only the letter of the op is open."""
    two.build_cleanly()
    small = len(two.read("ops/sine.html"))
    for number in range(110):
        name, category = f"B{number}", "Trigo & more" if number > 5 else "Other"
        text = f"operation: {name}\ncategory: {category}\nvariants: {{fake: null}}\n"
        two.write(name.lower(), text)
    two.build("-q", FRAMEWORKS="none")
    nav = two.parse("ops/sine.html").select_one("nav.optabs-nav")
    assert nav.find("a", string="Sine") and nav.find("a", string="B")
    assert not nav.find("a", string="B7")
    assert len(two.read("ops/sine.html")) - small < 1_000
    category = two.parse("ops/category/trigo-more.html")
    assert len(category.select(".optabs-lines li")) == 106
    letter = nav.find("a", string="B")["href"].partition("#")[2]
    assert category.find(id=letter).get_text() == "B"


def test_home_says_what_is_proved(two):
    two.build_cleanly("-W")
    home = two.parse("index.html").select_one(".optabs-home")
    figures = {each.dt.get_text(): each.dd.get_text() for each in home.select("dl > div")}
    assert figures.pop("last run")
    assert figures == {"ops": "3", "framework": "1", "verified examples": "2", "differs": "1"}
    (row,) = home.select("tbody tr")
    assert row.get_text(" ", strip=True).startswith("Fake 1.0 ")
    assert home.select_one("form[role=search]")["action"] == "search.html"
    assert list_links(home.select_one(".optabs-known")) == [("Sine", "ops/sine.html")]
    assert ("Trigo & more", "ops/category/trigo-more.html") in list_links(home)


def test_home_follows_the_evidence(two):
    two.build_cleanly("-W")
    before = two.list_times()
    assert "executed 0" in two.build_cleanly().summary
    assert two.list_times() == before
    two.edit("wrong", "fakeframework.cos", "fakeframework.sin")
    two.build_cleanly()
    assert "differs" not in two.parse("index.html").select_one("dl").get_text()
    page = two.parse("ops/category/without-a-category.html")
    assert "1 verified" in page.select_one(".optabs-lines li").get_text(" ", strip=True)


def test_unknown_op_of_the_home_page_is_named(two):
    two.edit("index.md", ":ops: Sine", ":ops: Sine Sinus")
    result = two.build()
    assert any("index.md" in each and "no op 'Sinus'" in each for each in result.warnings)


@pytest.mark.parametrize("builder", ["text", "singlehtml", "latex", "epub"])
def test_other_builders_list_the_ops_plainly(two, builder):
    two.configure(copyright="nobody")
    two.build_cleanly(builder=builder)
    folder = two.folder / "_build" / builder
    text = "".join(
        file.read_text(encoding="utf-8")
        for file in folder.rglob("*")
        if file.suffix in (".txt", ".html", ".tex", ".xhtml")
    )
    assert "3 ops, 2 verified examples" in text
    assert "Without a category" in text


def test_formulas_are_mathml(two):
    two.configure(extensions=["optabs", "optabs.sphinxext.mathml"])
    two.write(
        "formula",
        r"""
        operation: Formula
        description: |
          It is $\sin x$ and $\unknown{x}$, with

          $$y = \frac{1}{x}$$
        variants: {fake: null}
        """,
    )
    (warning,) = two.build().warnings
    assert "unknown" in warning and "formula.yaml:3" in warning
    page = two.parse("ops/formula.html")
    block, inline = page.select_one("div.math math"), page.select_one("p > math")
    assert block["display"] == "block" and block.select_one("mfrac")
    assert "sin" in inline.get_text()
    assert page.find("code", string=r"\unknown{x}")
    assert not [each for each in page.select("script[src]") if "mathjax" in each["src"].lower()]
