"""From one framework to another: the pair that a reader who ports code puts side by side."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def choose(page, **choices):
    for name, key in choices.items():
        page.select_option(f".optabs-pair select[name={name}]", key)


def read_sides(page):
    return page.locator(".optabs-pair-sides .optabs-pair-name").all_text_contents()


def test_nothing_is_compared_until_both_are_chosen(open_page):
    page = open_page()
    assert page.locator(".optabs-pair-choice").is_visible()
    assert page.locator(".optabs-pair-body").count() == 0
    choose(page, **{"from": "fake"})
    assert page.locator(".optabs-pair-body").count() == 0
    choose(page, to="fake_two")
    assert read_sides(page) == ["Fake", "Fake Two"]


def test_the_pair_shows_what_ran_and_marks_what_differs(open_page):
    page = open_page("ops/add.html?from=fake&to=fake_two")
    sides = page.locator(".optabs-pair-sides > .optabs-card")
    for number, anchor in enumerate(["fake", "fake-two"]):
        original = page.locator(f"#{anchor} .optabs-case").first
        code = sides.nth(number).locator("pre.highlight")
        assert code.text_content() == original.locator("pre.highlight").text_content()
        assert sides.nth(number).locator("mark").count() > 0
        assert "verified" in sides.nth(number).locator(".optabs-proof").inner_text()
    marked = "".join(sides.nth(1).locator("mark").all_text_contents())
    assert "total = [a + b" in marked


def test_changes_of_arguments_are_told(open_page):
    page = open_page("ops/add.html?from=fake&to=fake_two")
    rows = page.locator(".optabs-pair-body tr").all()
    assert [row.locator("th, td").all_text_contents() for row in rows] == [
        ["Fake", "Fake Two", "Change"],
        ["alpha = 1", "factor", "renamed"],
        ["mode", "dropped", "dropped"],
    ]
    page.get_by_role("button", name="Swap").click()
    rows = page.locator(".optabs-pair-body tr").all()
    assert rows[2].locator("td").all_text_contents() == ["dropped", "mode", "added"]


def test_nothing_is_said_of_arguments_where_a_mapping_names_none(open_page):
    page = open_page("ops/sine.html?from=fake&to=fake_two")
    assert "No argument" not in page.locator(".optabs-pair-body").inner_text()


def test_differences_of_results_are_told(open_page):
    page = open_page("ops/add.html?from=fake&to=fake_two")
    text = page.locator(".optabs-pair-body").inner_text()
    assert "A plain case (cpu): no difference" in text
    assert "result has dtype float64" in text
    page.select_option(".optabs-pair-body select", "wide")
    assert "failed" in page.locator(".optabs-pair-sides").inner_text()


def test_the_choice_is_stored_and_can_be_shared(open_page):
    page = open_page()
    choose(page, **{"from": "fake", "to": "fake_two"})
    assert "from=fake&to=fake_two" in page.url
    other = open_page("ops/sine.html", context=page.context)
    assert read_sides(other) == ["Fake", "Fake Two"]
    # A shared address shows its own pair, and leaves the reader's choice alone.
    shared = open_page("ops/add.html?from=fake_two&to=fake", context=page.context)
    assert read_sides(shared) == ["Fake Two", "Fake"]
    assert read_sides(open_page("ops/sine.html", context=page.context)) == ["Fake", "Fake Two"]


def test_swapping_turns_the_pair_round(open_page):
    page = open_page("ops/add.html?from=fake&to=fake_two")
    page.get_by_role("button", name="Swap").press("Enter")
    assert read_sides(page) == ["Fake Two", "Fake"]
    assert "from=fake_two&to=fake" in page.url


def test_a_framework_that_the_op_does_not_name_is_no_obstacle(open_page):
    page = open_page("ops/sine.html?from=torch&to=fake")
    assert page.locator(".optabs-pair-body").count() == 0
    page = open_page("ops/sine.html?from=%3Cb%3E&to=fake")
    assert page.locator(".optabs-pair-body").count() == 0


def test_the_pair_keeps_ids_unique_and_its_links_open_tabs(open_page):
    page = open_page("ops/add.html?from=fake&to=fake_two")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(ids) == len(set(ids))
    page.locator(".optabs-pair-name").nth(1).click()
    assert page.locator("#fake-two").is_visible()


def test_the_pair_works_with_storage_blocked(open_page):
    block = "Object.defineProperty(window, 'localStorage', {get() { throw new Error(); }})"
    page = open_page(script=block)
    choose(page, **{"from": "fake", "to": "fake_two"})
    assert read_sides(page) == ["Fake", "Fake Two"]
    # The theme's own scripts may complain of it.
    open_page.complaints[:] = [each for each in open_page.complaints if "optabs.js" in each]


def test_on_a_phone_the_pair_stands_one_below_the_other(open_page):
    page = open_page("ops/add.html?from=fake&to=fake_two", viewport={"width": 320, "height": 640})
    first, second = page.locator(".optabs-pair-sides > .optabs-card").all()
    assert second.bounding_box()["y"] > first.bounding_box()["y"] + first.bounding_box()["height"]
    box = page.locator(".optabs-pair").bounding_box()
    assert box["x"] + box["width"] <= 320
    assert page.locator(".optabs-pair").evaluate("pair => pair.scrollWidth <= pair.clientWidth")
