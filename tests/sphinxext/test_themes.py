"""Op pages in themes of others, and what a project may replace."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("theme", ["pydata_sphinx_theme", "classic"])
def test_op_page_in_a_theme(sine, theme):
    sine.edit("conf.py", '"alabaster"', f'"{theme}"')
    sine.configure(version="1", release="1")
    sine.build_cleanly("-W")
    page = sine.parse("ops/sine.html")
    (script,) = [each for each in page.select("script[src]") if "optabs.js" in each["src"]]
    # Before the panels, so that no wrong tab is ever painted.
    assert script.find_parent("head") is not None
    assert not script.has_attr("defer")
    assert [each for each in page.select("head link") if "optabs.css" in each.get("href", "")]
    assert sine.panel("ops/sine.html", "fake").select_one("a.optabs-api")
    # Every panel is part of the page's own navigation.
    assert page.find("a", href="#fake")


def test_project_may_replace_a_template_and_the_style(sine):
    sine.configure(templates_path=["_templates"], html_static_path=["_static"])
    sine.write(
        "_templates/optabs/tab.html",
        '<p class="own" id="{{ tab.anchor }}">{{ tab.heading }}: {{ tab.verdict }}</p>\n',
    )
    sine.write("_static/optabs.css", "/* ours */\n")
    sine.build_cleanly("-W")
    own = sine.parse("ops/sine.html").select_one("p.own")
    assert own["id"] == "fake"
    assert own.get_text().endswith(": verified")
    assert sine.read("_static/optabs.css") == "/* ours */\n"
    assert "customElements" in sine.read("_static/optabs.js")


def test_faulty_template_is_named(sine):
    sine.configure(templates_path=["_templates"])
    sine.write("_templates/optabs/tab.html", "{{ tab.nothing.at.all }}\n")
    result = sine.build()
    assert result.status == 2
    assert "nothing" in "".join(result.warnings)
