"""A site of fake ops in the theme of our own site, and a browser to read it with."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]

CONF = """\
project = "Fakes"
extensions = ["optabs"]
html_theme = "pydata_sphinx_theme"
html_context = {"default_mode": "auto"}
optabs_inventories = False
optabs_fail_on = []
"""

INDEX = """\
# Home

```{ops}
```

```{toctree}
matrix
health
differences
from-fake
```
"""

ADD = """\
operation: Add
std_args: [x, y, gain, mode]
cases:
  - id: plain
    title: A plain case
    inputs: {x: [0.5, -1.0], y: [1.0, 2.0]}
    expect: x + y
    differences: [{frameworks: [fake_two], dtype: {result: float64}, reason: wide}]
  - id: wide
    inputs: {x: [[0.5, 1.5], [2.5, 3.5]], y: [[1.0, 2.0], [3.0, 4.0]]}
    expect: x + y
variants:
  torch: {api: torch.add}
  fake: {api: fakeframework.add, args: {y: y, gain: alpha}}
  fake_two:
    args: {gain: factor, mode: null}
    example:
      plain: |

        total = [a + b for a, b in zip(x, y)]  # a <b>line</b> that runs out of any phone's screen

        \t# with a tab
        print("&amp; so on")
        result = f2.vector(total)
      wide: |
        raise ValueError("no matrices here")
  numpy: {unsupported: only for show}
see_also: [Sine]
"""

SINE = """\
operation: Sine
std_args: [x]
cases:
  - id: plain
    inputs: {x: [0.5, -1.0]}
    expect: np.sin(x)
    differences:
      - {frameworks: [fake], dtype: {result: float32}, reason: one reason}
      - {frameworks: [fake_two], dtype: {result: float32}, reason: another reason}
variants:
  fake: {api: fakeframework.sin}
  fake_two: {untestable: for show}
"""

# Its mapping is wrong: the cosine for the sine.
WAVE = """\
operation: Wave
aliases: [undulation]
category: Trigonometry
std_args: [x]
cases:
  - id: plain
    inputs: {x: [0.5, -1.0]}
    expect: np.sin(x)
    differences: [{frameworks: [fake], dtype: {result: float32}, reason: it turns}]
variants:
  fake: {api: ff.cos}
  fake_two: {unsupported: for show}
"""

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def site(environments, tmp_path_factory):
    """The folder of the built pages; those of one page are in `single/`."""
    source = tmp_path_factory.mktemp("browser") / "source"
    (source / "ops").mkdir(parents=True)
    (source / "conf.py").write_text(CONF)
    (source / "index.md").write_text(INDEX)
    (source / "matrix.md").write_text("# Matrix\n\n```{matrix}\n```\n")
    (source / "health.md").write_text("# Health\n\n```{health}\n```\n")
    (source / "differences.md").write_text("# What differs\n\n```{differences}\n```\n")
    (source / "from-fake.md").write_text("# Fake\n\n```{apis} fake\n```\n")
    (source / "ops/add.yaml").write_text(ADD)
    (source / "ops/sine.yaml").write_text(SINE)
    (source / "ops/wave.yaml").write_text(WAVE)
    variables = {
        "PYTHONPATH": str(ROOT / "ext"),
        "OPTABS_FRAMEWORKS": str(ROOT / "tests/fake/frameworks"),
        "OPTABS_ENVIRONMENTS": str(environments),
        "FRAMEWORKS": "fake fake_two",
    }
    for builder, output in [("html", "html"), ("singlehtml", "html/single")]:
        done = subprocess.run(
            [sys.executable, "-m", "sphinx", "-n", "-d", "trees", "-b", builder, ".", output],
            cwd=source,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    return source / "html"


@pytest.fixture(scope="session")
def address(site):
    """Where the pages are served."""
    handler = functools.partial(_QuietHandler, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def browser():
    """A running Chromium."""
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = shutil.which("chromium") or (own if Path(own).exists() else None)
        if found is None:
            leave = pytest.fail if os.environ.get("OPTABS_TESTS_COMPLETE") else pytest.skip
            leave("there is no Chromium: install it, or run `playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, address):
    """Open a page in a browser without a past; it must not complain of anything."""
    contexts, complaints = [], []

    def open_(path="ops/add.html", script=None, context=None, **options):
        if context is None:
            options.setdefault("viewport", {"width": 1300, "height": 900})
            context = browser.new_context(**options)
            contexts.append(context)
            context.route("**/*", lambda route: _answer(route, address))
            if script:
                context.add_init_script(script)
        page = context.new_page()
        page.on("console", lambda message: _note(message, complaints))
        page.on("pageerror", lambda error: complaints.append(f"{error} {error.stack}"))
        page.goto(f"{address}/{path}")
        return page

    open_.complaints = complaints
    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def _answer(route, address):
    url = route.request.url
    # There is no icon; and the theme wants a search where Sphinx makes none.
    missing = url.endswith(("/favicon.ico", "/single/searchindex.js"))
    if url.startswith(address) and not missing:
        route.continue_()
    else:
        route.fulfill(status=200, body="")  # nothing of the network is needed


def _note(message, complaints):
    if message.type in ("error", "warning"):
        complaints.append(f"{message.text} ({message.location})")
