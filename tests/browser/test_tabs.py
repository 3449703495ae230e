"""What readers can do with the tabs of an op's page."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

KEYS = ["torch", "numpy", "fake", "fake_two"]
ANCHORS = ["torch", "numpy", "fake", "fake-two"]
STORE = "optabs-framework"

# The part of a page that concerns tabs, as assistive technology and eyes find it.
STATE = """() => [...document.querySelectorAll(".optabs")].map(group => ({
  selected: [...group.querySelectorAll("[role=tab]")]
    .filter(tab => tab.getAttribute("aria-selected") === "true").map(tab => tab.dataset.framework),
  reachable: [...group.querySelectorAll("[role=tab]")]
    .filter(tab => tab.tabIndex === 0).map(tab => tab.dataset.framework),
  visible: [...group.querySelectorAll(".optabs-panel")]
    .filter(panel => panel.checkVisibility() && !panel.hasAttribute("hidden"))
    .map(panel => panel.dataset.framework),
}))"""


def check_selected(page, key):
    """In every group exactly this tab is chosen, shown and reached by the Tab key."""
    groups = page.evaluate(STATE)
    assert groups
    for group in groups:
        assert group == {"selected": [key], "reachable": [key], "visible": [key]}


def find_tab(page, key):
    return page.locator(f"[role=tab][data-framework={key}]").first


def read_stored(page):
    return page.evaluate(f"localStorage.getItem('{STORE}')")


def read_hash(page):
    return page.evaluate("location.hash")


def test_tabs_are_what_they_look_like(open_page):
    page = open_page()
    tabs = page.get_by_role("tablist", name="Frameworks").get_by_role("tab")
    assert [tab.get_attribute("data-framework") for tab in tabs.all()] == KEYS
    assert [tab.inner_text().split("\n")[0] for tab in tabs.all()]
    names = [" ".join(tab.text_content().split()) for tab in tabs.all()]
    assert names == [
        "PyTorch (not run)",
        "NumPy (unsupported)",
        "Fake (verified)",
        "Fake Two (failed)",
    ]
    for tab, anchor in zip(tabs.all(), ANCHORS, strict=True):
        assert tab.evaluate("tab => tab.tagName + tab.type") == "BUTTONbutton"
        assert tab.get_attribute("aria-controls") == anchor
        panel = page.locator(f"[id='{anchor}']")
        assert panel.get_attribute("role") == "tabpanel"
        assert panel.get_attribute("aria-labelledby") == tab.get_attribute("id")
    check_selected(page, "torch")


def test_ids_are_unique_and_references_lead_somewhere(open_page):
    lost = """names => names.flatMap(
      name => [...document.querySelectorAll(`.optabs [${name}]`)].map(e => e.getAttribute(name))
    ).filter(id => !document.getElementById(id))"""
    for path in ("ops/add.html", "ops/sine.html", "single/index.html"):
        page = open_page(path)
        ids = page.evaluate("[...document.querySelectorAll('.bd-article [id]')].map(e => e.id)")
        assert len(ids) == len(set(ids)), path
        names = ["aria-controls", "aria-labelledby", "aria-describedby"]
        assert page.evaluate(lost, names) == [], path


def test_click_chooses_and_is_remembered(open_page):
    page = open_page()
    find_tab(page, "fake").click()
    check_selected(page, "fake")
    assert read_hash(page) == "#fake"
    assert read_stored(page) == "fake"
    # Neither this page again nor another one asks anew.
    for path in ("ops/add.html", "ops/sine.html"):
        check_selected(open_page(path, context=page.context), "fake")


def test_choice_does_not_fill_the_history(open_page):
    page = open_page("index.html")
    page.goto(page.url.replace("index.html", "ops/add.html"))
    for key in ("fake", "numpy", "fake_two"):
        find_tab(page, key).click()
    page.go_back()
    assert page.url.endswith("index.html")


def test_keys(open_page):
    page = open_page()
    find_tab(page, "torch").focus()
    for key, wanted in [
        ("ArrowRight", "numpy"),
        ("ArrowRight", "fake"),
        ("ArrowLeft", "numpy"),
        ("End", "fake_two"),
        ("ArrowRight", "torch"),
        ("ArrowLeft", "fake_two"),
        ("Home", "torch"),
        ("ArrowDown", "torch"),
    ]:
        page.keyboard.press(key)
        check_selected(page, wanted)
        assert page.evaluate("document.activeElement.dataset.framework") == wanted
    assert read_stored(page) == "torch"
    page.keyboard.press("Control+ArrowRight")
    check_selected(page, "torch")
    # From the tabs, the Tab key leads into the panel that is shown.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "torch"


def test_keys_follow_the_direction_of_writing(open_page):
    page = open_page()
    page.evaluate("document.documentElement.dir = 'rtl'")
    find_tab(page, "torch").focus()
    page.keyboard.press("ArrowLeft")
    check_selected(page, "numpy")
    page.keyboard.press("ArrowRight")
    check_selected(page, "torch")


def test_focus_can_be_seen(open_page):
    page = open_page()
    find_tab(page, "torch").focus()
    page.keyboard.press("ArrowRight")
    style = find_tab(page, "numpy").evaluate("tab => getComputedStyle(tab).outlineStyle")
    assert style == "solid"


def test_order_of_what_decides(open_page):
    remember = f"localStorage.setItem('{STORE}', 'fake')"
    check_selected(open_page(), "torch")
    check_selected(open_page(script=remember), "fake")
    check_selected(open_page("ops/add.html?framework=numpy", script=remember), "numpy")
    check_selected(open_page("ops/add.html?framework=numpy#fake-two", script=remember), "fake_two")
    # What a page does not have decides nothing.
    check_selected(open_page("ops/add.html?framework=nothing", script=remember), "fake")
    unknown = f"localStorage.setItem('{STORE}', 'nothing')"
    check_selected(open_page("ops/add.html#nothing-%E0%A4%A", script=unknown), "torch")


def test_link_into_a_panel_opens_it(open_page):
    page = open_page("ops/add.html#fake-two-wide")
    check_selected(page, "fake_two")
    heading = page.locator("[id='fake-two-wide']")
    assert heading.bounding_box()["y"] < 900
    assert page.evaluate("document.querySelector('#fake-two-wide').getBoundingClientRect().y") >= 0
    assert read_stored(page) is None


def test_links_on_the_page_open_panels_and_are_no_choice(open_page):
    page = open_page()
    link = page.locator("a[href='#fake']").first
    link.evaluate("link => link.click()")
    page.wait_for_function("location.hash === '#fake'")
    check_selected(page, "fake")
    assert read_stored(page) is None
    find_tab(page, "numpy").click()
    page.go_back()
    # The same link once more, though the address has it already.
    page.evaluate("location.hash = '#fake'")
    page.wait_for_function("location.hash === '#fake'")
    check_selected(page, "fake")
    find_tab(page, "numpy").click()
    page.evaluate("history.replaceState(null, '', '#fake')")
    link.evaluate("link => link.click()")
    check_selected(page, "fake")


def test_blocked_storage_is_no_obstacle(open_page):
    page = open_page(
        script="Object.defineProperty(window, 'localStorage', "
        "{get() { throw new DOMException('denied', 'SecurityError') }})"
    )
    check_selected(page, "torch")
    find_tab(page, "fake").click()
    check_selected(page, "fake")
    # The theme's own scripts may complain of it.
    open_page.complaints[:] = [each for each in open_page.complaints if "optabs.js" in each]


def test_choice_holds_for_all_groups_of_a_page(open_page):
    page = open_page("single/index.html")
    assert page.locator(".optabs").count() == 3
    find_tab(page, "fake_two").click()
    check_selected(page, "fake_two")
    assert read_hash(page) == "#op-add-fake-two"


def test_found_text_opens_its_panel(open_page):
    page = open_page()
    assert page.locator("[id='fake']").get_attribute("hidden") == "until-found"
    page.locator("[id='fake']").evaluate("panel => panel.dispatchEvent(new Event('beforematch'))")
    check_selected(page, "fake")
    assert read_stored(page) is None


def test_no_wrong_panel_is_ever_painted(open_page):
    watch = """
      window.frames_ = [];
      const look = () => {
        const panels = [...document.querySelectorAll(".optabs-panel:not([hidden])")];
        frames_.push(panels.filter(panel => panel.checkVisibility()).map(panel => panel.id));
        requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    """
    page = open_page("ops/add.html#fake-two", script=watch)
    page.wait_for_timeout(300)
    seen = page.evaluate("frames_.filter(ids => ids.length)")
    assert seen
    assert {tuple(ids) for ids in seen} == {("fake-two",)}


def test_without_scripts_everything_is_there(open_page):
    page = open_page(java_script_enabled=False)
    for anchor in ANCHORS:
        panel = page.locator(f"section[id='{anchor}']")
        assert panel.is_visible()
        assert panel.locator("h2").is_visible()
    links = page.locator(".optabs-list a")
    assert [link.get_attribute("href") for link in links.all()] == [f"#{each}" for each in ANCHORS]
    assert page.locator(".optabs button").count() == 0
    links.nth(3).click()
    assert page.locator("section[id='fake-two']").bounding_box()["y"] < 900


def test_print_shows_everything(open_page):
    page = open_page()
    page.emulate_media(media="print")
    for anchor in ANCHORS:
        panel = page.locator(f"section[id='{anchor}']")
        assert panel.is_visible()
        assert panel.bounding_box()["height"] > 60
    assert not page.get_by_role("tablist").is_visible()
    assert not page.locator(".optabs-copy").first.is_visible()
    code = page.locator("#fake-two pre.highlight").first
    assert code.evaluate("pre => pre.scrollWidth <= pre.clientWidth")


def test_phone(open_page):
    page = open_page(
        "ops/add.html#fake-two", viewport={"width": 360, "height": 740}, has_touch=True
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tabs = page.get_by_role("tablist")
    assert tabs.evaluate("bar => bar.scrollWidth > bar.clientWidth")
    bar, tab = tabs.bounding_box(), find_tab(page, "fake_two").bounding_box()
    assert tab["x"] >= bar["x"] - 1
    assert tab["x"] + tab["width"] <= bar["x"] + bar["width"] + 1
    # Long lines move in their own box, which the keyboard reaches.
    code = page.locator("#fake-two pre.highlight").first
    box = code.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert code.evaluate("pre => pre.scrollWidth > pre.clientWidth")
    assert code.evaluate("pre => (pre.scrollLeft = 200, pre.scrollLeft)") == 200
    assert code.get_attribute("tabindex") == "0"


def test_copy_gives_exactly_the_snippet(open_page, site):
    page = open_page("ops/add.html#fake-two", permissions=["clipboard-read", "clipboard-write"])
    case = page.locator("#fake-two article").first
    button = case.get_by_role("button", name="Copy")
    assert page.get_by_role("button", name="Copy", description="A plain case").count() >= 1
    button.click()
    case.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == case.locator("pre.highlight").text_content()
    assert copied.startswith("import faketwo as f2\n")
    assert "# a <b>line</b> that" in copied
    assert "\t# with a tab\n" in copied
    assert copied.endswith("result = f2.vector(total)\n")
    assert page.get_by_role("status").first.text_content() == "Copied"
    button.wait_for(timeout=5000)  # and back


def test_copy_works_without_the_clipboard_interface(open_page):
    # Plain http has none.
    page = open_page(
        "ops/add.html#fake-two",
        script="""
          Object.defineProperty(navigator, "clipboard", {value: undefined});
          document.addEventListener("copy", event => { window.copied = event.target.value });
        """,
    )
    case = page.locator("#fake-two article").first
    case.get_by_role("button", name="Copy").click()
    case.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("copied") == case.locator("pre.highlight").text_content()


def test_traceback_is_folded_and_opens(open_page):
    page = open_page("ops/add.html#fake-two")
    details = page.locator("#fake-two details").first
    assert not details.locator("pre").is_visible()
    details.locator("summary").press("Enter")
    assert "no matrices here" in details.locator("pre").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_both_schemes(open_page, scheme):
    page = open_page("ops/add.html#fake-two", color_scheme=scheme)
    contrasts = page.evaluate(
        """() => {
          const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1});
          const context = canvas.getContext("2d", {willReadFrequently: true});
          const paint = (...colours) => {
            context.clearRect(0, 0, 1, 1);
            for (const colour of colours) {
              context.fillStyle = colour;
              context.fillRect(0, 0, 1, 1);
            }
            return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
          };
          const grounds = element => {
            const found = [];
            for (let each = element; each; each = each.parentElement) {
              found.unshift(getComputedStyle(each).backgroundColor);
            }
            return found;
          };
          const luminance = rgb => rgb
            .map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
          const found = {};
          const wanted = ".optabs-tab, .optabs-badge, .optabs-label, .optabs-proof,"
            + " .optabs-proof b,"
            + " .optabs-message, .optabs-copy, .optabs-facts dt, .optabs-meta, .optabs-api,"
            + " .optabs-details summary, .optabs-output samp, .optabs-parity small";
          for (const element of document.querySelectorAll(wanted)) {
            if (!element.checkVisibility()) continue;
            const under = grounds(element);
            const ground = luminance(paint(...under));
            const text = luminance(paint(...under, getComputedStyle(element).color));
            const ratio = (Math.max(ground, text) + .05) / (Math.min(ground, text) + .05);
            const name = element.className || element.tagName;
            found[name] = Math.min(found[name] ?? 99, ratio);
          }
          return found;
        }"""
    )
    assert len(contrasts) >= 8
    assert {name: ratio for name, ratio in contrasts.items() if ratio < 4.5} == {}
