"""The links at the head of an op's page: its other forms, and where to edit or to report it."""

from __future__ import annotations


def list_links(site, page: str, builder: str = "html") -> dict[str, str]:
    return {
        link.get_text(): link["href"]
        for link in site.parse(page, builder).select(".optabs-links a")
    }


def test_other_forms_are_there(sine):
    sine.build_cleanly()
    links = list_links(sine, "ops/sine.html")
    assert links == {"Markdown": "sine.md", "JSON": "sine.json", "YAML": "sine.yaml"}
    for address in links.values():
        assert (sine.folder / "_build/html/ops" / address).is_file()
    sine.build_cleanly(builder="dirhtml")
    links = list_links(sine, "ops/sine/index.html", "dirhtml")
    for address in links.values():
        assert (sine.folder / "_build/dirhtml/ops/sine" / address).resolve().is_file()


def test_other_builders_have_no_other_forms(sine):
    sine.build_cleanly(builder="singlehtml")
    assert list_links(sine, "index.html", "singlehtml") == {}


def test_editing_and_reporting_lead_where_the_project_says(sine):
    sine.configure(
        optabs_edit_url="https://example.org/edit/{path}",
        optabs_report_url="https://example.org/new?title={op}&labels=mismatch",
    )
    sine.build_cleanly()
    links = list_links(sine, "ops/sine.html")
    assert links["Edit"] == "https://example.org/edit/ops/sine.yaml"
    assert links["Report a mismatch"] == "https://example.org/new?title=Sine&labels=mismatch"
