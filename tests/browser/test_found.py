"""Who types a framework's name into the search lands on that framework's tab."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def search(open_page, text):
    page = open_page(f"search.html?q={text}")
    page.wait_for_function(
        "/finished|found/i.test(document.querySelector('.search-summary')?.textContent)"
    )
    return page


@pytest.mark.parametrize(
    ("text", "title", "key"),
    [
        ("fakeframework.add", "fakeframework.add", "fake"),
        ("ff.add", "ff.add", "fake"),
        ("torch.add", "torch.add", "torch"),
        ("sin", "fakeframework.sin", "fake"),
    ],
)
def test_name_of_an_api_leads_to_its_tab(open_page, text, title, key):
    # Another tab is what the reader has used last.
    page = search(open_page, text)
    page.evaluate("localStorage.setItem('optabs-framework', 'fake_two')")
    link = page.locator("ul.search a", has_text=title).first
    assert link.get_attribute("href").endswith(f"#{key}")
    link.click()
    page.wait_for_load_state()
    panel = page.locator(f".optabs-panel[data-framework={key}]")
    assert panel.is_visible()
    assert (
        page.locator(f"[role=tab][data-framework={key}]").get_attribute("aria-selected") == "true"
    )
    assert not page.locator(".optabs-panel[data-framework=fake_two]").is_visible()
    assert panel.bounding_box()["y"] < 900  # in sight


def test_op_comes_before_the_apis_that_are_called_so(open_page):
    page = search(open_page, "add")
    first = page.locator("ul.search a").first
    assert first.inner_text() == "Add"
    assert "ops/add.html" in first.get_attribute("href")


@pytest.mark.parametrize("text", ["x.undulation", "a.b.Undulation_", "x.undulation(0, 1)"])
def test_name_of_a_method_leads_to_the_op_that_is_called_so(open_page, text):
    first = search(open_page, text).locator("ul.search a").first
    assert first.inner_text() == "undulation"
    assert "ops/wave.html" in first.get_attribute("href")


def test_part_of_a_name_is_not_what_a_method_is_called(open_page):
    links = search(open_page, "x.undul").locator("ul.search a")
    assert "undulation" not in links.all_inner_texts()


def test_what_is_shown_of_a_page_is_what_it_says(open_page):
    page = search(open_page, "add")
    page.wait_for_selector("ul.search p.context")
    for shown in page.locator("ul.search p.context").all_inner_texts():
        assert "MarkdownJSONYAML" not in shown


def test_page_of_no_address_leads_on(open_page, address):
    page = open_page("404.html")
    page.evaluate("history.replaceState(null, '', '/a/b/c')")
    page.get_by_role("article").get_by_role("link", name="Index of ops").click()
    page.wait_for_load_state()
    assert page.url == f"{address}/op-index.html"
