"""What readers can do with the matrix, and what the health page shows them."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.browser

ALL = ["Add", "Sine", "Wave"]
COUNT = 2_000


def list_ops(page):
    """The ops that are shown, in their order."""
    return page.evaluate(
        """[...document.querySelectorAll(".optabs-matrix tbody tr")]
          .filter(row => row.checkVisibility()).map(row => row.cells[0].textContent)"""
    )


def read_status(page):
    return page.get_by_role("status").inner_text()


def find_search(page):
    return page.get_by_label("Name or API")


def find_choice(page, label):
    return page.get_by_role("combobox", name=label, exact=True)


def find_sort(page, name):
    return page.locator(".optabs-matrix thead").get_by_role("button", name=name, exact=True)


def wait_for_query(page, query):
    page.wait_for_function("query => location.search === query", arg=query)


# --- filters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sin", ["Sine"]),
        ("UNDULATION", ["Wave"]),
        ("cos", ["Wave"]),
        ("fakeframework.", ALL),
        ("fakeframework", []),
        ("fakeframework.add", ["Add"]),
        ("ff.", ALL),
        ("ff.c", ["Wave"]),
        ("torch.add", ["Add"]),
        ("wave cos", ["Wave"]),
        ("wave add", []),
    ],
)
def test_search_over_names_aliases_and_apis(open_page, text, wanted):
    page = open_page("matrix.html")
    assert list_ops(page) == ALL
    find_search(page).type(text)
    assert list_ops(page) == wanted
    assert read_status(page) == f"{len(wanted)} of 3 ops"


@pytest.mark.parametrize(
    ("choices", "wanted"),
    [
        ({"Category": "Trigonometry"}, ["Wave"]),
        ({"Category": "none"}, ["Add", "Sine"]),
        ({"Framework": "PyTorch"}, ["Add"]),
        ({"Verdict": "unsupported"}, ["Add", "Wave"]),
        ({"Verdict": "differs"}, ["Wave"]),
        ({"Verdict": "no entry"}, ["Sine", "Wave"]),
        ({"Framework": "Fake Two", "Verdict": "unsupported"}, ["Wave"]),
        ({"Framework": "PyTorch", "Verdict": "no entry"}, ["Sine", "Wave"]),
        ({"Framework": "NumPy", "Verdict": "differs"}, []),
    ],
)
def test_filters(open_page, choices, wanted):
    page = open_page("matrix.html")
    for label, choice in choices.items():
        find_choice(page, label).select_option(label=choice)
    assert list_ops(page) == wanted
    assert read_status(page) == f"{len(wanted)} of 3 ops"
    page.get_by_role("button", name="Clear").click()
    assert list_ops(page) == ALL
    assert find_search(page).evaluate("field => field === document.activeElement")
    wait_for_query(page, "")


# --- sorting --------------------------------------------------------------------------------------


def test_columns_sort_and_say_so(open_page):
    page = open_page("matrix.html")
    heads = page.locator(".optabs-matrix thead th")
    assert heads.first.get_attribute("aria-sort") == "ascending"
    for name, at, orders in [
        ("Fake", 4, [["Wave", "Add", "Sine"], ["Add", "Sine", "Wave"]]),
        ("Category", 1, [["Add", "Sine", "Wave"], ["Wave", "Add", "Sine"]]),
        ("Fake Two", 5, [["Add", "Sine", "Wave"], ["Wave", "Sine", "Add"]]),
        ("Op", 0, [["Add", "Sine", "Wave"], ["Wave", "Sine", "Add"]]),
    ]:
        for direction, wanted in zip(("ascending", "descending"), orders, strict=True):
            find_sort(page, name).click()
            assert list_ops(page) == wanted, (name, direction)
            states = [head.get_attribute("aria-sort") for head in heads.all()]
            assert states == [direction if n == at else None for n in range(6)]
    # What is hidden stays so.
    find_search(page).type("a")
    find_sort(page, "Op").click()
    assert list_ops(page) == ["Add", "Wave"]


def test_all_by_keyboard(open_page):
    page = open_page("matrix.html")
    find_search(page).focus()
    page.keyboard.type("wav")
    page.keyboard.press("Enter")  # leads nowhere
    assert list_ops(page) == ["Wave"]
    focused = "document.activeElement.name || document.activeElement.textContent.trim()"
    for wanted in ("category", "framework", "verdict", "Clear"):
        page.keyboard.press("Tab")
        assert page.evaluate(focused) == wanted
    page.keyboard.press("Enter")
    assert list_ops(page) == ALL
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")  # the box, which arrow keys scroll
    assert page.evaluate("document.activeElement.className") == "optabs-grid"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Op"
    page.keyboard.press("Space")
    assert list_ops(page) == ALL[::-1]


# --- the address ----------------------------------------------------------------------------------


def test_state_is_in_the_address(open_page):
    page = open_page("matrix.html?kept=1")
    find_search(page).type("e")
    find_choice(page, "Framework").select_option("fake")
    find_choice(page, "Category").select_option("-")
    find_sort(page, "Op").click()
    query = "?kept=1&find=e&category=-&framework=fake&sort=-op"
    wait_for_query(page, query)
    other = open_page(f"matrix.html{query}")
    assert list_ops(other) == ["Sine"]
    assert find_search(other).input_value() == "e"
    assert find_choice(other, "Framework").input_value() == "fake"
    assert other.locator("[aria-sort]").inner_text().startswith("Op")
    other = open_page("matrix.html?verdict=differs")
    assert list_ops(other) == ["Wave"]


def test_address_that_means_nothing_shows_all(open_page):
    page = open_page("matrix.html?category=no&framework=%3Cb%3E&verdict=x&sort=-%22")
    assert list_ops(page) == ALL
    assert find_choice(page, "Framework").input_value() == ""
    assert read_status(page) == "3 of 3 ops"


def test_typing_does_not_fill_the_history(open_page):
    page = open_page("index.html")
    page.goto(page.url.replace("index", "matrix"))
    find_search(page).type("wave")
    wait_for_query(page, "?find=wave")
    page.go_back()
    assert page.url.endswith("index.html")


def test_a_cell_leads_to_its_tab(open_page):
    page = open_page("matrix.html")
    page.get_by_role("link", name="differs").click()
    assert page.url.endswith("/ops/wave.html#fake")
    assert page.locator("[role=tab][aria-selected=true]").get_attribute("data-framework") == "fake"


# --- what it is made of ---------------------------------------------------------------------------


def test_table_is_one_for_assistive_technology(open_page):
    """Its rows are laid out as grids, which must not cost them their meaning."""
    page = open_page("matrix.html")
    client = page.context.new_cdp_session(page)
    nodes = client.send("Accessibility.getFullAXTree")["nodes"]
    by_id = {node["nodeId"]: node for node in nodes}

    def find_all(node, role):
        own = [node] if node.get("role", {}).get("value") == role else []
        children = [by_id[each] for each in node.get("childIds", ())]
        return own + [found for child in children for found in find_all(child, role)]

    (region,) = [
        node
        for node in nodes
        if node.get("role", {}).get("value") == "region"
        and node["name"]["value"] == "Verdicts by op and framework"
    ]
    (table,) = find_all(region, "table")
    rows = find_all(table, "row")
    assert len(rows) == 4
    assert len(find_all(rows[0], "columnheader")) == 6
    for row in rows[1:]:
        assert len(find_all(row, "rowheader")) == 1
        assert len(find_all(row, "cell")) == 5
    names = [each["name"]["value"] for each in find_all(table, "link")]
    assert names[:5] == ["Add", "not run", "unsupported", "verified", "failed"]


def test_without_javascript(open_page):
    page = open_page("matrix.html", java_script_enabled=False)
    assert page.locator(".optabs-matrix tbody tr").count() == 3
    assert not page.locator(".optabs-filters").is_visible()
    assert page.locator(".optabs-matrix button").count() == 0
    assert page.get_by_role("link", name="differs").get_attribute("href") == "ops/wave.html#fake"
    assert page.get_by_role("link", name="CSV").get_attribute("href") == "matrix.csv"


def test_every_verdict_has_its_own_icon(open_page):
    """Never by colour alone: word and shape."""
    page = open_page("matrix.html")
    found = page.evaluate(
        """[...document.querySelectorAll(".optabs-matrix td > a")].map(link => [
          link.textContent, getComputedStyle(link, "::before").maskImage])"""
    )
    icons = dict(found)
    assert len(icons) == len(set(icons.values())) == len({tuple(each) for each in found}) >= 5
    assert all(icon.startswith('url("data:image/svg+xml') for icon in icons.values())
    # They are those of the tabs.
    for word, shape in page.evaluate(
        """[...document.querySelectorAll(".optabs-tally th[data-verdict]")].filter(
          head => head.querySelector("path")).map(head => [head.textContent.trim(),
          head.querySelector("path").getAttribute("d")])"""
    ):
        assert f"d='{shape}'" in icons[word]


CONTRAST = """(scheme) => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const read = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = colour => read(colour).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  return [..."fdsntuv"].map(mark => {
    const cell = document.querySelector(".optabs-matrix tbody td:last-child");
    cell.className = mark;
    cell.innerHTML = "<b>word</b>";
    return ratio(light(getComputedStyle(cell.firstChild).color),
                 light(getComputedStyle(cell).backgroundColor));
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(open_page, scheme):
    page = open_page("matrix.html", color_scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert min(page.evaluate(CONTRAST, scheme)) >= 4.5


def test_on_a_phone(open_page):
    page = open_page("matrix.html", viewport={"width": 320, "height": 640})
    assert fits(page)
    box = page.locator(".optabs-grid")
    box.scroll_into_view_if_needed()
    size = box.evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert size[0] > size[1]
    box.evaluate("box => box.scrollTo(500, 0)")
    left = box.bounding_box()["x"]
    for cell in page.locator(".optabs-matrix tr > :first-child").all():
        assert abs(cell.bounding_box()["x"] - left) < 2
    # The verdicts come first, the category after them.
    box.evaluate("box => box.scrollTo(0, 0)")
    category, verdict = (page.locator(f".optabs-matrix tbody td:nth-child({n})") for n in (2, 3))
    assert verdict.first.bounding_box()["x"] < category.first.bounding_box()["x"]


def fits(page):
    """Whether all of ours is as wide as the screen, or scrolls in a box of its own."""
    return page.locator(".optabs-overview").evaluate(
        "e => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().right <= innerWidth"
    )


def make_big(open_page, width):
    """The matrix with its rows repeated until there are thousands."""
    repeat = f"""document.addEventListener("DOMContentLoaded", () => {{
      const body = document.querySelector(".optabs-matrix tbody");
      const rows = [...body.rows];
      for (let n = rows.length; n < {COUNT}; n++) {{
        const row = rows[n % rows.length].cloneNode(true);
        row.cells[0].firstChild.textContent += n;
        body.append(row);
      }}
    }}, {{once: true}})"""
    return open_page("matrix.html", script=repeat, viewport={"width": width, "height": 800})


def test_thousands_of_rows_are_filtered(open_page):
    page = make_big(open_page, 320)
    assert read_status(page) == f"{COUNT} of {COUNT} ops"
    page.fill(".optabs-filters input", "wave1")
    shown = sum(name.startswith("Wave1") for name in list_ops(page))
    assert 0 < shown < COUNT
    assert read_status(page) == f"{shown} of {COUNT} ops"


def test_heads_stay_in_sight(open_page):
    page = make_big(open_page, 1300)
    box = page.locator(".optabs-grid")
    box.evaluate("box => box.scrollTo(0, 9000)")
    top = box.bounding_box()["y"]
    head = page.locator(".optabs-matrix thead th").nth(2)
    assert abs(head.bounding_box()["y"] - top) < 3
    at = "([x, y]) => document.elementFromPoint(x, y).closest('th')?.scope"
    place = head.bounding_box()
    head.scroll_into_view_if_needed()
    place = head.bounding_box()
    point = [place["x"] + 20, place["y"] + place["height"] / 2]
    assert page.evaluate(at, point) == "col"


def test_on_paper_all_rows_are_there(open_page):
    page = open_page("matrix.html")
    page.emulate_media(media="print")
    assert not page.locator(".optabs-filters").is_visible()
    assert page.locator(".optabs-grid").evaluate("e => getComputedStyle(e).overflowY") == "visible"


# --- health ---------------------------------------------------------------------------------------


def test_health_leads_to_what_is_wrong(open_page):
    page = open_page("health.html")
    said = page.locator(".optabs-overview > p").first.inner_text()
    assert re.match(r"Of \d+ verdicts: 1 failed, 1 differs, 2 not run\.", said.strip()), said
    heads = [each.inner_text() for each in page.locator(".optabs-overview h2").all()]
    assert [head.split("\n")[0].split()[0] for head in heads] == ["Failed", "Differs", "Not", "By"]
    page.get_by_role("link", name="Wave plain").click()
    assert page.url.endswith("/ops/wave.html#fake-plain")
    page.locator("[id=fake-plain]").wait_for()


def test_health_on_a_phone(open_page):
    page = open_page("health.html", viewport={"width": 320, "height": 640})
    assert fits(page)
