"""A second build does what has changed, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup

ENTRY = """
operation: {name}
category: Trigonometry
description: The first description of {name}.
std_args: [x]
cases:
  - id: plain
    inputs: {{x: [0.5, {number}]}}
    expect: np.{function}(x)
variants:
  fake: {{api: fakeframework.{function}}}
"""

# Whatever is run or imported by a build that has nothing to do would be noticed.
WATCH = """
import sys

HEAVY = ("numpy", "torch", "jax", "fakeframework", "faketwo", "keras", "tensorflow")

def watch(app, exception):
    import subprocess
    print("imported:", [name for name in HEAVY if name in sys.modules])
    print("started:", STARTED)

STARTED = []

def note(event, arguments):
    if event in ("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork"):
        STARTED.append(arguments[0])

sys.addaudithook(note)

READ = []

def setup(app):
    app.connect("build-finished", watch, priority=900)
    app.connect("source-read", lambda app, name, text: READ.append(name))
    app.connect("build-finished", lambda app, exception: print("read:", READ))
"""


def write_ops(site) -> None:
    for number, (name, function) in enumerate(
        [("Sine", "sin"), ("Cosine", "cos"), ("Power", "exp")]
    ):
        site.write(name.lower(), ENTRY.format(name=name, function=function, number=number + 1.0))


PAGES = {"sine": "ops/sine.html", "cosine": "ops/cosine.html", "power": "ops/power.html"}


@pytest.fixture(scope="module")
def template(make_site, tmp_path_factory):
    """A built site of three ops; each test finds it again as it was."""
    site = make_site(tmp_path_factory.mktemp("incremental") / "site")
    write_ops(site)
    with (site.folder / "conf.py").open("a") as conf:
        conf.write(WATCH)
    result = site.build_cleanly()
    assert result.count("executed") == 3
    shutil.copytree(site.folder, site.folder.with_name("saved"))
    return site


@pytest.fixture
def built(template):
    """The built site, and what was written when."""
    # In its place, since Sphinx reads all again in another folder.
    shutil.rmtree(template.folder)
    shutil.copytree(template.folder.with_name("saved"), template.folder)
    return template, template.list_times()


def find_written(site, before) -> set[str]:
    """The op pages that were written since."""
    now = site.list_times()
    return {name for name, page in PAGES.items() if now.get(page) != before.get(page)}


def test_nothing_to_do(built):
    site, before = built
    export = (site.folder / "_build/html/optabs.json").stat().st_mtime_ns
    site.write("data/other file [1].yaml", "a: 1\n")
    result = site.build_cleanly()
    assert "imported: []" in result.output
    assert "started: []" in result.output
    assert "read: []" in result.output
    assert (result.count("executed"), result.count("reused")) == (0, 3)
    assert site.list_times() == before
    assert (site.folder / "_build/html/optabs.json").stat().st_mtime_ns == export


def test_no_interpreter_is_needed_where_nothing_is_run(built, install, tmp_path):
    # The frameworks' interpreters are replaced by one that leaves a mark.
    site, before = built
    root = tmp_path / "environments"
    shutil.copytree(site.variables["OPTABS_ENVIRONMENTS"], root, symlinks=True)
    mark = tmp_path / "mark"
    for stamp in root.glob("*/optabs-environment.json"):
        text = stamp.read_text().replace(site.variables["OPTABS_ENVIRONMENTS"], str(root))
        stamp.write_text(text)
        python = stamp.parent / "bin" / "python"
        python.unlink()
        python.write_text(f"#!/bin/sh\necho run >> {mark}\nexit 1\n")
        python.chmod(0o755)
    result = site.build_cleanly(OPTABS_ENVIRONMENTS=str(root))
    assert (result.count("executed"), result.count("reused")) == (0, 3)
    assert find_written(site, before) == set()
    assert not mark.exists()
    # It would be noticed:
    site.edit("sine", "0.5", "0.75")
    result = site.build(OPTABS_ENVIRONMENTS=str(root))
    assert mark.exists()
    assert result.count("not run") == 1


def test_editing_prose_runs_nothing(built):
    site, before = built
    site.edit("sine", "The first", "The second")
    result = site.build_cleanly()
    assert "read: ['index', 'ops/sine']" in result.output
    assert "started: []" in result.output
    assert (result.count("executed"), result.count("reused")) == (0, 3)
    assert find_written(site, before) == {"sine"}
    assert "The second description" in site.read("ops/sine.html")
    site.edit("sine", "category: Trigonometry", "category: Circles")
    assert "started: []" in site.build_cleanly().output
    headings = [each.text for each in site.parse("index.html").select(".optabs-group h2 a")]
    assert headings == ["Circles", "Trigonometry"]


def test_editing_an_example_runs_that_example(built):
    site, before = built
    site.edit("sine", "0.5", "0.75")
    result = site.build_cleanly()
    assert (result.count("executed"), result.count("reused")) == (1, 2)
    assert find_written(site, before) == {"sine"}
    assert "0.75" in site.read("ops/sine.html")


def test_editing_a_tolerance_judges_anew_and_runs_nothing(built):
    site, before = built
    site.edit(
        "sine",
        "    expect: np.sin(x)\n",
        "    expect: np.sin(x) + 0.5\n    tolerance: {rtol: 0.0, atol: 1.0, reason: to see}\n",
    )
    result = site.build_cleanly()
    assert result.count("executed") == 0
    assert result.count("verified") == 3
    assert find_written(site, before) == {"sine"}
    assert "to see" in site.read("ops/sine.html")


def test_lost_ledger_is_made_again(built):
    site, before = built
    shutil.rmtree(site.folder / "_build/ledger")
    result = site.build_cleanly()
    assert (result.count("executed"), result.count("reused")) == (3, 0)
    assert "read: []" in result.output
    assert find_written(site, before) <= set(PAGES)


def test_a_framework_that_goes_makes_its_pages_stale(built, tmp_path):
    site, _ = built
    site.write("other", "operation: Other\nvariants:\n  fake: {untestable: It has no cases.}\n")
    site.build_cleanly()
    before = site.list_times()
    result = site.build_cleanly(OPTABS_ENVIRONMENTS=str(tmp_path))
    assert "read: []" in result.output
    assert (result.count("executed"), result.count("stale")) == (0, 3)
    assert find_written(site, before) == set(PAGES)
    assert site.list_times()["ops/other.html"] == before["ops/other.html"]
    tab = site.panel("ops/sine.html", "fake").get_text(" ", strip=True)
    assert "Last verified with version 1.0" in tab
    assert 'now the environment "fake" is not installed' in tab
    result = site.build_cleanly()
    assert (result.count("executed"), result.count("verified")) == (0, 3)


def test_upgraded_framework_that_breaks_an_example(built, tmp_path, packages, install):
    # The sine of version 1.1 is another function; the sources of the pages do not change.
    from optabs.run.environments import get_python

    site, before = built
    frameworks = tmp_path / "frameworks"
    shutil.copytree(site.variables["OPTABS_FRAMEWORKS"], frameworks)
    pins = frameworks / "fake" / "requirements.txt"
    pins.write_text(pins.read_text().replace("1.0", "1.1"))
    root = install(frameworks, tmp_path / "environments")
    python = get_python(root, "fake")
    (module,) = python.parent.parent.glob("lib/python*/site-packages/fakeframework/__init__.py")
    module.write_text(module.read_text() + "\ncos = None\n")
    result = site.build(OPTABS_FRAMEWORKS=str(frameworks), OPTABS_ENVIRONMENTS=str(root))
    assert result.status == 0
    assert "read: []" in result.output
    assert result.count("executed") == 3
    assert (result.count("verified"), result.count("failed")) == (2, 1)
    assert find_written(site, before) == set(PAGES)
    assert "TypeError" in site.panel("ops/cosine.html", "fake").get_text()
    for page in ("ops/sine.html", "ops/power.html"):
        assert "Fake 1.1" in site.panel(page, "fake").get_text()


def test_new_entry_is_listed_and_deleted_entry_is_not(built):
    site, before = built
    index = site.list_times()["index.html"]
    site.write("absolute", ENTRY.format(name="Absolute", function="sin", number=-2.0))
    site.edit("sine", "description:", "see_also: [Absolute]\ndescription:")
    result = site.build_cleanly()
    assert result.count("executed") == 1
    assert "Absolute" in site.read("index.html")
    assert site.list_times()["index.html"] != index
    assert find_written(site, before) == {"sine"}
    (site.folder / "ops/absolute.yaml").unlink()
    result = site.build("-n")
    assert "Absolute" not in site.read("index.html")
    line = site.find_line("sine", "see_also")
    (warning,) = result.warnings
    assert f"ops/sine.yaml:{line}: WARNING: unknown-op `see_also` names 'Absolute'" in warning
    page = site.parse("ops/sine.html")
    assert page.find("a", string="Absolute") is None
    assert "This entry has errors" in page.get_text()


def test_reference_follows_an_op_that_comes_and_goes(built):
    site, _ = built
    site.edit("sine", "The first", "Unlike {op}`Later`, the first")
    line = site.find_line("sine", "Later")
    (warning,) = site.build().warnings
    assert warning.endswith(f"ops/sine.yaml:{line}: WARNING: there is no op 'Later' [ref.op]")
    site.write("later", ENTRY.format(name="Later", function="sin", number=-2.0))
    result = site.build_cleanly()
    assert "read: ['index', 'ops/later']" in result.output
    link = BeautifulSoup(site.read("ops/sine.html"), "html.parser").find("a", string="Later")
    assert link["href"] == "later.html"
    (site.folder / "ops/later.yaml").unlink()
    (warning,) = site.build().warnings
    assert "there is no op 'Later'" in warning
    page = BeautifulSoup(site.read("ops/sine.html"), "html.parser")
    assert page.find("a", string="Later") is None


def test_changed_template_and_style_write_pages_again(built):
    site, before = built
    site.configure(templates_path=["_templates"])
    site.build_cleanly()
    before = site.list_times()
    site.write("_templates/optabs/signature.html", '<p class="mine">{{ op.signature }}</p>\n')
    result = site.build_cleanly()
    assert "read: []" in result.output
    assert find_written(site, before) == set(PAGES)
    assert site.parse("ops/sine.html").select_one("p.mine").text == "Sine(x)"
    assert site.panel("ops/sine.html", "fake").select_one(".optabs-proof")
    before = site.list_times()
    site.edit("_templates/optabs/signature.html", "mine", "ours")
    site.build_cleanly()
    assert find_written(site, before) == set(PAGES)
    assert site.parse("ops/sine.html").select_one("p.ours")


STOP = """

def stop(app, page, *rest):
    if page == "ops/power":
        raise OSError("the disk is full")

setup_before = setup

def setup(app):
    setup_before(app)
    app.connect("html-page-context", stop)
"""


def test_pages_are_written_again_after_writing_failed(built, tmp_path):
    # Evidence changes, and the build that would show it ends while pages are written.
    site, _ = built
    conf = (site.folder / "conf.py").read_text()
    site.write("conf.py", conf + STOP)
    result = site.build(OPTABS_ENVIRONMENTS=str(tmp_path))
    assert result.status != 0
    assert "the disk is full" in "".join(result.warnings)
    assert "stale" in site.read("ops/cosine.html")
    # Back to what it was: pages that say "stale" meanwhile must not stay.
    site.write("conf.py", conf)
    site.build_cleanly()
    for page in PAGES.values():
        assert site.panel(page, "fake").select_one(".optabs-badge")["data-verdict"] == "verified"


def test_second_output_folder_is_complete(built):
    site, _ = built
    result = site.build_cleanly(builder="dirhtml")
    assert "read: []" in result.output
    assert result.count("executed") == 0
    for name in PAGES:
        assert "verified" in site.read(f"ops/{name}/index.html", "dirhtml")
    before = site.list_times("dirhtml")
    site.build_cleanly(builder="dirhtml")
    assert site.list_times("dirhtml") == before


def test_building_one_page_does_not_forget_the_others(built, tmp_path):
    site, before = built
    command = site.prepare((), "html", {"OPTABS_ENVIRONMENTS": str(tmp_path)})
    command["args"].append("ops/sine.yaml")
    done = subprocess.run(**command, capture_output=True, check=False)
    assert done.returncode == 0
    assert find_written(site, before) == {"sine"}
    before = site.list_times()
    site.build_cleanly(OPTABS_ENVIRONMENTS=str(tmp_path))
    assert find_written(site, before) == {"cosine", "power"}


TWICE = """
import sys
from pathlib import Path
from sphinx.application import Sphinx

app = Sphinx(".", ".", "_build/html", "_build/doctrees", "html", warningiserror=True)
app.build()
entry = Path("ops/sine.yaml")
entry.write_text(entry.read_text().replace("0.5", "0.625"))
Path("ops/more.yaml").write_text(entry.read_text().replace("Sine", "More").replace("5", "75"))
Path("data").mkdir()
Path("data/other.yaml").write_text("a: 1")
app.build()
"""


def test_building_twice_in_one_process(built):
    site, _ = built
    command = site.prepare((), "html", {})
    command["args"] = [sys.executable, "-c", TWICE]
    done = subprocess.run(**command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "executed 0, reused 3" in done.stdout
    assert "executed 2, reused 2" in done.stdout
    for page, number in [("ops/sine.html", "0.625"), ("ops/more.html", "0.6275")]:
        assert number in site.panel(page, "fake").select_one("pre.highlight").get_text()
    assert "More" in site.read("index.html")
    assert not (site.folder / "_build/html/data").exists()
    # What it leaves behind suits the command.
    site.build_cleanly()
