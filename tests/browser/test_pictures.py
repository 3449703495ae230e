"""Pictures in a browser: the one of two that suits the mode, of a size that fits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]

SINE = """\
operation: Sine
std_args: [x]
cases:
  - {id: plot, inputs: {x: {linspace: [-3, 3]}}, expect: np.sin(x), grad: true, plot: curve}
variants:
  fake: {api: fakeframework.sin}
"""

CONF = """\
extensions = ["optabs"]
html_theme = %r
optabs_inventories = False
"""


@pytest.fixture(scope="module", params=["pydata_sphinx_theme", "alabaster"])
def page_file(request, environments, tmp_path_factory):
    """The page of a picture, in a theme with a dark mode and in one without."""
    source = tmp_path_factory.mktemp("pictures")
    (source / "ops").mkdir()
    (source / "conf.py").write_text(CONF % request.param)
    (source / "index.md").write_text("# Home\n\n```{ops}\n```\n")
    (source / "ops/sine.yaml").write_text(SINE)
    variables = {
        "PYTHONPATH": str(ROOT / "ext"),
        "OPTABS_FRAMEWORKS": str(ROOT / "tests/fake/frameworks"),
        "OPTABS_ENVIRONMENTS": str(environments),
        "FRAMEWORKS": "fake",
    }
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-b", "html", ".", "html"],
        cwd=source,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return request.param, source / "html/ops/sine.html"


def list_shown(page):
    """The pictures that are seen, by the last part of their mode's class."""
    return [
        image.get_attribute("src").split("-")[-2]
        for image in page.locator(".optabs-picture img").all()
        if image.is_visible()
    ]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_one_picture_is_seen_and_it_suits_the_mode(browser, page_file, mode):
    theme, file = page_file
    page = browser.new_page(color_scheme=mode, viewport={"width": 1100, "height": 800})
    page.goto(file.as_uri())
    has_dark = theme == "pydata_sphinx_theme"
    assert list_shown(page) == [mode if has_dark else "light"]
    image = page.locator(".optabs-picture img:visible")
    image.scroll_into_view_if_needed()
    page.wait_for_function(
        "[...document.querySelectorAll('.optabs-picture img')].some(i => i.naturalWidth > 0)"
    )
    # On the ground that it is drawn for: no theme puts a white one behind it, nor dims it.
    style = image.evaluate("i => [getComputedStyle(i).backgroundColor, getComputedStyle(i).filter]")
    assert style == ["rgba(0, 0, 0, 0)", "none"]
    page.emulate_media(media="print")
    assert list_shown(page) == ["light"]
    page.close()


def test_the_mode_may_be_changed_and_a_phone_is_wide_enough(browser, page_file):
    theme, file = page_file
    page = browser.new_page(viewport={"width": 360, "height": 700})
    page.goto(file.as_uri())
    if theme == "pydata_sphinx_theme":
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        assert list_shown(page) == ["dark"]
        page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert list_shown(page) == ["light"]
    image = page.locator(".optabs-picture img:visible")
    image.scroll_into_view_if_needed()
    page.wait_for_function(
        "[...document.querySelectorAll('.optabs-picture img')].some(i => i.naturalWidth > 0)"
    )
    assert image.bounding_box()["width"] <= 360
    assert image.get_attribute("alt").startswith("Sine over x: from −0.141 at −3 to 0.141 at 3")
    page.close()


def test_without_a_script_the_light_one_is_seen(browser, page_file):
    context = browser.new_context(java_script_enabled=False, color_scheme="dark")
    page = context.new_page()
    page.goto(page_file[1].as_uri())
    assert list_shown(page) == ["light"]
    context.close()
