"""What readers can do with the list of differences, and with the names of a framework."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

PAGE = "differences.html"
PAIR = "?from=fake&to=fake_two"
ALL = ["Wave", "Add", "Sine", "Sine"]


def read_shown(page):
    """The ops of the differences that are shown."""
    return page.evaluate(
        """[...document.querySelectorAll("li[data-against]")].filter(item => item.checkVisibility())
          .map(item => item.closest("article").querySelector("h3").textContent)"""
    )


def read_arguments(page):
    rows = page.locator("#differs-arguments tr").all()
    return [[*row.locator("th, td").all_text_contents()] for row in rows]


def read_status(page):
    return page.get_by_role("status").inner_text()


def choose(page, **choices):
    for name, key in choices.items():
        page.select_option(f".optabs-filters select[name={name}]", key)


def read_pair(page):
    return [page.input_value(f"select[name={name}]") for name in ("from", "to")]


def fits(page):
    return page.locator(".optabs-overview").evaluate(
        "e => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().right <= innerWidth"
    )


def test_two_frameworks_leave_what_differs_between_them(open_page):
    page = open_page(PAGE)
    assert read_shown(page) == ALL
    assert read_status(page) == "4 of 4 differences, in 3 ops"
    assert page.locator("#differs-arguments p").is_visible()
    choose(page, **{"from": "fake"})
    assert read_shown(page) == ["Wave", "Sine"]
    choose(page, to="fake_two")
    assert read_shown(page) == ["Add"]  # in another op both give the same, if for other reasons
    assert read_status(page) == "1 of 4 differences, in 1 op"
    assert not page.locator("h2", has_text="Trigonometry").is_visible()
    assert not page.locator("nav a", has_text="Trigonometry").is_visible()
    choose(page, **{"from": "torch"})
    assert read_shown(page) == ["Add"]
    choose(page, to="fake")
    assert read_shown(page) == []


def test_only_their_outputs_are_shown(open_page):
    page = open_page(PAGE)
    op = page.locator(".optabs-differs article", has_text="wide")
    op.locator("summary").press("Enter")
    outputs = op.locator("details > div:visible")
    assert [each.get_attribute("data-keys") for each in outputs.all()] == ["fake", "fake_two"]
    choose(page, **{"from": "torch", "to": "fake_two"})
    assert [each.get_attribute("data-keys") for each in outputs.all()] == ["fake_two"]


def test_changes_of_arguments_are_told(open_page):
    page = open_page(PAGE + PAIR)
    assert read_arguments(page) == [
        ["Op", "Fake", "Fake Two", "Change"],
        ["Without a category"],
        ["Add", "alpha = 1", "factor", "renamed"],
        ["mode", "–", "dropped"],
    ]
    link = page.locator("#differs-arguments th a")
    assert link.get_attribute("href") == "ops/add.html#fake-two"
    choose(page, **{"from": "fake_two", "to": "fake"})
    assert [row[-1] for row in read_arguments(page)[2:]] == ["renamed", "added"]
    page.get_by_label("Op or reason").fill("sine")
    assert not page.locator("#differs-arguments").is_visible()


def test_the_changes_are_those_of_the_ops_own_page(open_page):
    page = open_page("ops/add.html" + PAIR)
    rows = page.locator(".optabs-pair-body tr").all()
    own = [[*row.locator("td").all_text_contents()][-1] for row in rows[1:]]
    assert own == [row[-1] for row in read_arguments(open_page(PAGE + PAIR))[2:]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("turn", ["Wave"]),
        ("TRIGO", ["Wave"]),
        ("float64 wide", ["Add"]),
        ("sine another", ["Sine"]),
        ("nothing", []),
    ],
)
def test_text_is_looked_for(open_page, text, wanted):
    page = open_page(PAGE)
    page.get_by_label("Op or reason").type(text)
    assert read_shown(page) == wanted
    page.wait_for_function("location.search.startsWith('?find=')")
    page.reload()
    assert read_shown(page) == wanted
    page.get_by_role("button", name="Clear").press("Enter")
    assert read_shown(page) == ALL
    page.wait_for_function("location.search === ''")


def test_the_choice_is_that_of_the_pages_of_ops(open_page):
    page = open_page("ops/add.html")
    for name, key in [("from", "fake"), ("to", "fake_two")]:
        page.select_option(f".optabs-pair select[name={name}]", key)
    other = open_page(PAGE, context=page.context)
    assert read_pair(other) == ["fake", "fake_two"]
    assert read_shown(other) == ["Add"]
    choose(other, to="torch")
    other.wait_for_function("location.search === '?from=fake&to=torch'")
    back = open_page("ops/add.html", context=page.context)
    assert read_pair(back) == ["fake", "torch"]
    # A shared address shows its own pair, and leaves the reader's choice alone.
    shared = open_page(PAGE + "?from=torch&to=fake_two", context=page.context)
    assert read_pair(shared) == ["torch", "fake_two"]
    assert read_pair(open_page(PAGE, context=page.context)) == ["fake", "torch"]


def test_an_unknown_framework_is_no_obstacle(open_page):
    page = open_page(PAGE + "?from=%3Cb%3E&to=")
    assert read_shown(page) == ALL


def test_it_works_with_storage_blocked(open_page):
    block = "Object.defineProperty(window, 'localStorage', {get() { throw new Error(); }})"
    page = open_page(PAGE, script=block)
    choose(page, **{"from": "fake", "to": "fake_two"})
    assert read_shown(page) == ["Add"]
    open_page.complaints[:] = [each for each in open_page.complaints if "optabs.js" in each]


def test_without_javascript_all_is_there(open_page):
    page = open_page(PAGE, java_script_enabled=False)
    assert page.locator("li[data-against]:visible").count() == 4
    assert not page.locator(".optabs-filters").is_visible()
    assert page.locator("#differs-arguments p").is_visible()


@pytest.mark.parametrize("path", [PAGE, PAGE + PAIR, "from-fake.html"])
def test_on_a_phone(open_page, path):
    page = open_page(path, viewport={"width": 320, "height": 640})
    for summary in page.locator("summary:visible").all():
        if summary.evaluate("e => !!e.closest('.optabs-overview')"):
            summary.press("Enter")
    page.evaluate(
        """document.querySelectorAll(".optabs-overview :is(th, td) code").forEach(code => {
          code.textContent = "layers.embedding_softmax.RotaryPositionalEmbedding"; })"""
    )
    assert fits(page)


def test_names_lead_to_their_tab(open_page):
    page = open_page("from-fake.html")
    page.locator("th a", has_text="ff.add").click()
    assert page.url.endswith("/ops/add.html#fake")
    assert page.locator("[role=tab][data-framework=fake]").get_attribute("aria-selected") == "true"
