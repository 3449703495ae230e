"""The live site in Chromium: what is saved is seen, what is wrong said, what is edited run."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from optabs.run.environments import get_python

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = Path(os.environ.get("OPTABS_ENVIRONMENTS") or ROOT / ".environments")
SECONDS = 60_000

pytestmark = pytest.mark.browser

SINE = """\
operation: Sine
std_args: [x]
cases:
  - id: plain
    inputs: {x: [0.5, -1.0]}
    expect: np.sin(x)
    differences: [{frameworks: [fake_two], dtype: {result: float64}, reason: it is wide}]
  - id: other-one
    inputs: {x: [2.0]}
    expect: np.sin(x)
    differences: [{frameworks: [fake_two], dtype: {result: float64}, reason: it is wide}]
variants:
  fake: {api: fakeframework.sin}
  fake_two:
    example: |
      import math
      print("the first text")
      result = f2.vector([math.sin(each) for each in x])
"""


@pytest.fixture
def live(project, start_live, tmp_path):
    """A live site of one op."""
    made = project(tmp_path / "site")
    made.write("sine", SINE)
    filler = "\n\n".join(f"Paragraph {number}." for number in range(200))
    made.write("./guide.md", f"---\norphan: true\n---\n# Guide\n\nA first text.\n\n{filler}\n")
    with start_live(made) as found:
        yield found
    assert found.process.returncode == 0, found.lines


@pytest.fixture
def open_live(live, browser):
    """Open pages of the live site, in a browser without a past."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    context.set_default_timeout(SECONDS)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    complaints = []

    def open_(path):
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{live.address}/{path}")
        return page

    yield open_
    context.close()
    assert complaints == []


def find_example(page, name):
    return page.locator(f"article.optabs-case:has(#{name})")


def edit(page, name, code):
    """Open the editor of an example, and write."""
    example = find_example(page, name)
    example.get_by_role("button", name="Edit").click()
    example.get_by_role("textbox").fill(code)
    return example


def test_a_saved_example_appears_where_one_was(live, open_live):
    page = open_live("ops/sine.html")
    page.get_by_role("tab", name="Fake Two").click()
    page.evaluate("scrollTo(0, 150)")
    page.evaluate("window.isOld = true")
    live.project.edit("sine", "the first text", "another text")
    samp = page.locator("#fake-two .optabs-output").first
    expect(samp).to_contain_text("another text", timeout=SECONDS)
    expect(samp).to_be_visible()  # its tab is still the one that is shown
    page.wait_for_function("scrollY === 150")
    assert page.evaluate("window.isOld") is None
    expect(page.locator("#optabs-live")).to_be_hidden()


def test_a_page_of_prose_keeps_its_place(live, open_live):
    page = open_live("guide.html")
    page.evaluate("scrollTo(0, 2345)")
    guide = live.project.folder / "guide.md"
    guide.write_text(guide.read_text().replace("A first text", "Another text"))
    expect(page.get_by_text("Another text.")).to_have_count(1, timeout=SECONDS)
    page.wait_for_function("scrollY === 2345")


def test_other_pages_are_left_alone(live, open_live):
    page, other = open_live("guide.html"), open_live("ops/sine.html")
    page.evaluate("window.isOld = true")
    live.project.edit("sine", "the first text", "another text")
    expect(other.locator("#fake-two .optabs-output").first).to_contain_text(
        "another text", timeout=SECONDS
    )
    page.wait_for_timeout(500)
    assert page.evaluate("window.isOld")


def test_a_fault_is_shown_with_its_place_and_goes(live, open_live):
    page = open_live("ops/sine.html")
    banner = page.locator("#optabs-live")
    live.project.edit("sine", "std_args: [x]", "std_args: [x\n??? {")
    expect(banner.locator("b").first).to_contain_text("ops/sine.yaml:", timeout=SECONDS)
    expect(page.locator("body")).to_contain_text("cannot be shown")
    other = open_live("guide.html")
    other.get_by_text("about other pages").wait_for(state="attached")
    expect(other.locator("#optabs-live")).to_be_hidden()  # it is no fault of this page
    live.project.edit("sine", "std_args: [x\n??? {", "std_args: [x]")
    expect(page.locator("#fake-two")).to_have_count(1, timeout=SECONDS)
    expect(banner).to_be_hidden(timeout=SECONDS)


def test_a_fault_may_be_put_aside(live, open_live):
    page = open_live("ops/sine.html")
    banner = page.locator("#optabs-live")
    live.project.edit("sine", "std_args: [x]", "std_arg: [x]")
    expect(banner).to_contain_text("did you mean 'std_args'", timeout=SECONDS)
    banner.get_by_role("button", name="Hide").click()
    expect(banner).to_be_hidden()


def test_a_site_that_cannot_be_built_says_so_on_every_page(live, open_live):
    page = open_live("guide.html")
    banner = page.locator("#optabs-live")
    conf = live.project.folder / "conf.py"
    good = conf.read_text()
    conf.write_text(good + "\nraise ValueError('no settings today')\n")
    expect(banner).to_contain_text("no settings today", timeout=SECONDS)
    expect(banner).to_contain_text("The site cannot be built")
    box = banner.bounding_box()
    assert box["width"] > 1200 and box["height"] > 800  # what is behind is old
    conf.write_text(good)
    expect(banner).to_be_hidden(timeout=SECONDS)


def test_a_server_that_goes_and_comes_again(live, open_live, start_live):
    page = open_live("guide.html")
    live.stop()
    expect(page.locator("#optabs-live")).to_contain_text("not there any more", timeout=SECONDS)


def test_an_edited_example_is_run_and_judged(live, open_live):
    page = open_live("ops/sine.html#fake-two")
    example = edit(page, "fake-two-other-one", "print('so ' + 'it is')\nresult = f2.vector([0.25])")
    example.get_by_role("textbox").press("Control+Enter")
    result = example.locator(".optabs-live-result")
    expect(result.locator(".optabs-output")).to_contain_text("so it is", timeout=SECONDS)
    expect(result.locator("[data-verdict=differs]").first).to_contain_text("differs")
    example.get_by_role("textbox").fill("import math\nresult = f2.vector([math.sin(2.0)])")
    example.get_by_role("button", name="Run").click()
    expect(result.locator("[data-verdict=verified]")).to_have_text("verified", timeout=SECONDS)
    example.get_by_role("textbox").fill("nonsense")
    example.get_by_role("button", name="Run").click()
    expect(result).to_contain_text("NameError", timeout=SECONDS)
    # Nothing of it is in the site.
    assert "so it is" not in (live.output / "ops/sine.html").read_text()
    live.wait_for("ran ops/sine, fake_two: other-one: differs")


def test_the_verdict_on_what_prints_a_lot_is_in_sight(open_live):
    page = open_live("ops/sine.html")
    page.get_by_role("tab", name="Fake Two").click()
    example = edit(page, "fake-two-plain", "for each in range(1000):\n    print(each)\nresult = 1")
    example.get_by_role("button", name="Run").click()
    result = example.locator(".optabs-live-result")
    result.locator(".optabs-message").first.wait_for()
    assert result.bounding_box()["height"] < page.viewport_size["height"]
    output = result.locator(".optabs-output")
    output.focus()
    page.keyboard.press("End")
    page.wait_for_function("output => output.scrollTop > 1000", arg=output.element_handle())


def test_an_edited_example_can_be_copied_as_yaml_and_built(live, open_live):
    page = open_live("ops/sine.html#fake")
    example = edit(page, "fake-plain", "result = ff.sin(ff.array([0.5, -1.0]))\nprint('copied')")
    copy = example.get_by_role("button", name="Copy as YAML")
    expect(copy).to_be_disabled()
    example.get_by_role("button", name="Run").click()
    expect(copy).to_be_enabled(timeout=SECONDS)
    copy.click()
    expect(example.get_by_role("button", name="Copied")).to_be_visible()
    block = page.evaluate("navigator.clipboard.readText()")
    assert block.startswith("example:")
    indented = "\n".join(f"    {line}" for line in block.rstrip().splitlines())
    live.project.edit("sine", "  fake: {api: fakeframework.sin}", f"  fake:\n{indented}")
    # The page has what was in the editor, so that nothing is left to be edited.
    output = find_example(page, "fake-plain").locator(".optabs-output")
    load = page.get_by_role("button", name="Load it")
    expect(load.or_(output).first).to_be_visible(timeout=SECONDS)
    if load.is_visible():
        load.click()
    expect(output).to_contain_text("copied", timeout=SECONDS)
    expect(page.locator(".optabs-live-code")).to_have_count(0)


def wait_for_text(file, text):
    deadline = time.monotonic() + SECONDS / 1000
    while text not in file.read_text():
        assert time.monotonic() < deadline, f"no {text!r} in {file}"
        time.sleep(0.02)


def test_an_edit_outlasts_that_the_page_is_built_anew_until_it_is_reset(live, open_live):
    page = open_live("ops/sine.html#fake")
    before = find_example(page, "fake-plain").inner_text()
    edit(page, "fake-plain", "# not finished")
    live.project.edit("sine", "the first text", "another text")
    # Whoever writes is not disturbed.
    page.get_by_role("button", name="Load it").wait_for()
    expect(page.locator(":focus")).to_have_value("# not finished")
    # The lists, the search and the exports are written meanwhile; the page has nothing of it.
    wait_for_text(live.output / "ops/sine.json", "another text")
    expect(page.locator("#optabs-live [role=status]")).to_have_text(
        "This page was built anew. Load it"
    )
    page.get_by_role("button", name="Load it").click()
    example = find_example(page, "fake-plain")
    expect(page.locator("#optabs-live")).to_be_hidden()
    expect(example.get_by_role("textbox")).to_have_value("# not finished")
    expect(page.locator("#fake-two .optabs-output").first).to_contain_text("another text")
    example.get_by_role("button", name="Reset").click()
    assert example.inner_text() == before
    page.reload()
    expect(page.locator(".optabs-live-code")).to_have_count(0)


def test_the_editor_indents_and_can_be_left_by_keyboard(open_live):
    page = open_live("ops/sine.html#fake")
    example = edit(page, "fake-plain", "if x:\n")
    area = example.get_by_role("textbox")
    area.press("Control+End")
    area.press("Tab")
    area.press_sequentially("pass")
    expect(area).to_have_value("if x:\n    pass")
    area.press("Shift+Tab")
    expect(area).to_have_value("if x:\npass")
    area.press("Control+z")
    expect(area).to_have_value("if x:\n    pass")
    height = area.bounding_box()["height"]
    area.press_sequentially("\n\n\n")
    assert area.bounding_box()["height"] > height
    area.press("Escape")
    area.press("Tab")
    expect(example.get_by_role("button", name="Run")).to_be_focused()


def test_the_editor_is_named_and_explained(open_live):
    page = open_live("ops/sine.html#fake")
    example = edit(page, "fake-plain", "x")
    area = example.get_by_role("textbox", name="plain")
    expect(area).to_have_accessible_description(
        "Ctrl+Enter runs it. Tab indents; press Escape first to leave with Tab."
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_editor_and_banner_are_accessible(live, open_live, scheme):
    live.project.edit("sine", "np.sin(x)", "np.cos(x)")
    live.wait_for("differs Sine, fake, case plain")
    page = open_live("ops/sine.html#fake")
    page.emulate_media(color_scheme=scheme)
    example = edit(page, "fake-plain", "nonsense")
    example.get_by_role("button", name="Run").click()
    expect(example.locator(".optabs-live-result")).to_contain_text("NameError", timeout=SECONDS)
    expect(page.locator("#optabs-live li").first).to_be_visible()
    ours = {"include": [["#optabs-live"], [".optabs-live-editor"], [".optabs-live-edit"]]}
    found = Axe().run(page, context=ours, options={"preload": False}).response
    assert {each["id"]: each["nodes"] for each in found["violations"]} == {}
    assert "color-contrast" in {each["id"] for each in found["passes"]}


STEAL = """async ([address, body]) => {
  const token = (await (await fetch("/")).text()).match(/data-token="([^"]*)"/)?.[1] ?? "";
  const reply = await fetch(address + "/_live/run", {
    method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" }, body,
  }).catch((error) => ({ type: String(error) }));
  return [token, reply.type];
}"""


def test_a_page_of_another_site_can_neither_read_nor_run(live, open_live, address, browser):
    page = browser.new_page()
    page.goto(f"{address}/index.html")
    body = '{"page":"ops/sine","framework":"fake","case":"plain","device":"cpu","code":"print(1)"}'
    token, kind = page.evaluate(STEAL, [live.address, body])
    assert (token, kind) == ("", "TypeError: Failed to fetch")
    for path in ("/", "/_live/live.js", "/optabs.json", "/_live/events?since=0"):
        said = page.evaluate(
            "address => fetch(address).then((reply) => reply.text(), (error) => String(error))",
            live.address + path,
        )
        assert "TypeError" in said
    page.close()
    assert not [line for line in live.lines if "ran " in line]


NUMPY = """\
operation: Double
std_args: [x]
cases:
  - {id: plain, inputs: {x: [0.5, -1.0]}, expect: 2 * x}
variants:
  numpy: {example: "result = x + x  # the first text"}
"""


@pytest.mark.frameworks
def test_with_a_real_framework(project, start_live, browser, tmp_path):
    if get_python(ENVIRONMENTS, "numpy") is None:
        leave = pytest.fail if os.environ.get("OPTABS_TESTS_COMPLETE") else pytest.skip
        leave("the environment of numpy is not installed: run `optabs envs`")
    made = project(tmp_path / "site", root=ENVIRONMENTS)
    made.write("double", NUMPY)
    with start_live(made, FRAMEWORKS="numpy") as live:
        page = browser.new_page()
        page.goto(f"{live.address}/ops/double.html")
        made.edit("double", "x + x  # the first text", "x * 3")
        proof = page.locator("#numpy .optabs-proof b")
        expect(proof).to_have_text("differs", timeout=SECONDS)
        expect(page.locator("#optabs-live")).to_contain_text("ops/double.yaml:6")
        example = edit(page, "numpy-plain", "import numpy as np\nresult = np.float32([1, -2])")
        example.get_by_role("button", name="Run").click()
        expect(example.locator("[data-verdict=verified]")).to_have_count(1, timeout=SECONDS)
        page.close()
