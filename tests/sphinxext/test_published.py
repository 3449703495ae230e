"""What is published beside the pages: Markdown, data, badges, lists; and the page of no address."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from optabs.catalog.json_schema import write_schema

MIX = """
operation: Mix
aliases: [blend]
category: Arithmetic
description: |
  The sum $x + y$; see {op}`Sine`. It is "quick" & <short>.
std_args:
  - {name: x, type: "List<Tensor>", doc: a `shape`}
  - {name: y, default: 1.0}
return_type: Tensor
cases:
  - id: plain
    title: A plain case
    inputs: {x: [0.5, -1.0], y: [1.0, 2.0]}
    expect: x + y
    tolerance: {rtol: 1.0e-5, atol: 1.0e-6, reason: sums are rounded}
    source: The old book
variants:
  fake:
    api: fakeframework.add
    args: {y: null}
    example: |
      print("```")
      result = ff.add(x, y)
    notes: |
      ## Mind the gain

      Like {op}`the sine <Sine>`.
  numpy: {unsupported: No sum of such kind.}
see_also: [Sine]
"""

SINE = """
operation: Sine
std_args: [x]
cases:
  - {id: plain, inputs: {x: [0.5, -1.0]}, expect: np.sin(x)}
variants:
  fake: {api: fakeframework.sin}
"""

TWIN = """\
# Mix

`Mix(x: List<Tensor>, y=1.0) -> Tensor`

function, Arithmetic; also `blend`

Verdicts: 1 verified, 1 unsupported.

The sum $x + y$; see [`Sine`](../sine.md). It is "quick" & <short>.

## Parameters

- `x` (List<Tensor>): a `shape`
- `y` (any, default `1.0`)
- returns `Tensor`

## NumPy

- Verdict: unsupported: No sum of such kind.
- Strategy: Not supported

## Fake

- Verdict: verified
- API: [`fakeframework.add`](https://fake.invalid/fakeframework/add.html)
- Strategy: Direct mapping
- Arguments: `x`, `y` is dropped

### Mind the gain

Like [the sine](../sine.md).

### Fake: A plain case

````python
import fakeframework as ff

x = ff.array([0.5, -1.0])
y = ff.array([1.0, 2.0])

print("```")
result = ff.add(x, y)
````

Output:

````text
```
````

Verified on cpu; Fake 1.0, """

TWIN_END = """\
 (set by the case). Why this tolerance: sums are rounded

Source of the expected result: The old book

## See also

- [Sine](../sine.md)

---

- [HTML](mix.html)
- [JSON](mix.json)
- [YAML](mix.yaml)
"""

MIX_FILES = ["ops/sums/mix.md", "ops/sums/mix.json", "ops/sums/mix.yaml"]
MIX_FILES += ["badges/sums/mix.svg", "badges/sums/mix.json"]


@pytest.fixture(scope="module")
def template(make_site, tmp_path_factory):
    site = make_site(tmp_path_factory.mktemp("published") / "site")
    site.write("ops/sums/mix.yaml", MIX)
    site.write("sine", SINE)
    result = site.build_cleanly("-W")
    assert result.output.count("no sitemap.xml, which needs html_baseurl") == 1
    shutil.copytree(site.folder, site.folder.with_name("saved"))
    return site


@pytest.fixture
def site(template):
    """The built site of two ops, as it was at first."""
    shutil.rmtree(template.folder)
    shutil.copytree(template.folder.with_name("saved"), template.folder)
    return template


def list_published(site, builder="html"):
    folder = site.folder / "_build" / builder
    return {
        file.relative_to(folder).as_posix(): file.stat().st_mtime_ns
        for suffix in ("md", "json", "yaml", "svg", "txt", "xml")
        for file in folder.rglob(f"*.{suffix}")
        if not {"_static", "_sources"} & set(file.parts)
    }


def read_color(site, name):
    return ElementTree.fromstring(site.read(f"badges/{name}.svg"))[2].get("fill")


def test_markdown_says_what_the_page_says(site):
    text = site.read("ops/sums/mix.md")
    text, count = re.subn(
        r"- Run with: Fake 1\.0, Python \S+, on cpu.*, \d{4}-\d\d-\d\d\n", "", text
    )
    assert count == 1
    assert text.startswith(TWIN)
    middle = text.removeprefix(TWIN).removesuffix(TWIN_END)
    assert middle != text.removeprefix(TWIN)
    assert "\n" not in middle
    assert "allowed 1e-06 + 1e-05 × |expected|" in middle


def test_data_of_an_op(site):
    data = json.loads(site.read("ops/sums/mix.json"))
    exported = json.loads(site.read("optabs.json"))["ops"]
    (own,) = [op for op in exported if op["operation"] == "Mix"]
    for name in ("operation", "docname", "category"):
        assert data[name] == own[name]
    for key, variant in own["variants"].items():
        assert data["variants"][key].items() >= variant.items()
    fake = data["variants"]["fake"]
    # The signature has an `x`; of `y` the entry says what becomes of it.
    assert fake["mapping"] == [
        {"standard": "x", "framework": "x", "change": "same", "value": None},
        {"standard": "y", "framework": None, "change": "dropped", "value": None},
    ]
    assert fake["examples"]["plain"].endswith("result = ff.add(x, y)\n")
    assert data["signature"] == "Mix(x: List<Tensor>, y=1.0) -> Tensor"
    assert data["parameters"][0]["doc"] == "a `shape`"


def test_entry_is_published_as_it_is_and_once(site):
    assert site.read("ops/sums/mix.yaml") == (site.folder / "ops/sums/mix.yaml").read_text()
    copies = [file.name for file in (site.folder / "_build/html/_sources").rglob("*")]
    assert copies == ["index.md.txt"]


def test_the_schema_of_entries_is_there_for_editors(site):
    assert site.read("_static/optabs.schema.json") == write_schema()


def test_badges(site):
    text = site.read("badges/sums/mix.svg")
    assert ElementTree.fromstring(text)[0].text == "Mix: 1 of 1 verified"
    assert read_color(site, "sums/mix") == "#1a7f37"
    assert json.loads(site.read("badges/sine.json"))["message"] == "1 of 1 verified"


def test_list_for_programs(site):
    assert site.read("llms.txt") == (
        "# Fakes\n\n"
        "> 2 machine-learning operations, each as it is in NumPy, Fake.\n\n"
        "Each link leads to an op's page as Markdown: its API in each framework, the examples, "
        "what they printed, and what running them proved, with which version and on which device. "
        "All verdicts as data: [optabs.json](optabs.json).\n\n"
        "## Arithmetic\n\n"
        "- [Mix](ops/sums/mix.md): The sum x + y. 1 of 1 verified.\n\n"
        "## Without a category\n\n"
        "- [Sine](ops/sine.md): 1 of 1 verified.\n\n"
        "## Optional\n\n"
        "- [Home](index.html)\n"
    )


def test_head_of_a_page(site):
    page = site.parse("ops/sums/mix.html")
    tags = {
        tag.get("name") or tag.get("property"): tag["content"]
        for tag in page.select("head meta[content]")
    }
    about = "The sum x + y. Mix in Fake: 1 of 1 verified."
    assert tags["description"] == tags["og:description"] == about
    assert tags["og:title"] == "Mix"
    assert "og:url" not in tags
    assert page.select("link[rel=canonical]") == []
    links = {link["type"]: link["href"] for link in page.select("link[rel=alternate]")}
    assert links == {
        "text/markdown": "mix.md",
        "application/json": "mix.json",
        "application/yaml": "mix.yaml",
    }
    assert "og:title" not in site.read("index.html")


def test_nothing_to_do(site):
    before = list_published(site)
    assert set(MIX_FILES) < set(before)
    site.build_cleanly()
    assert list_published(site) == before


def test_verdict_alone_changes_what_is_published(site, tmp_path):
    before = list_published(site)
    # Without its environment, what was verified is stale.
    site.build_cleanly(OPTABS_ENVIRONMENTS=str(tmp_path))
    assert read_color(site, "sine") == "#5f6670"
    assert json.loads(site.read("badges/sine.json"))["message"] == "0 of 1 verified, 1 stale"
    assert "- Verdict: stale" in site.read("ops/sine.md")
    data = json.loads(site.read("ops/sine.json"))
    assert data["variants"]["fake"]["verdicts"][0]["verdict"] == "stale"
    assert "0 of 1 verified, 1 stale." in site.read("llms.txt")
    assert "0 of 1 verified, 1 stale." in site.read("ops/sine.html")
    now = list_published(site)
    assert now["ops/sine.yaml"] == before["ops/sine.yaml"]
    assert list(now) == list(before)


def test_badge_goes_red(site):
    before = list_published(site)
    site.edit("sine", "np.sin(x)", "np.cos(x)")
    result = site.build()
    assert result.count("differs") == 1
    assert read_color(site, "sine") == "#b42318"
    shield = json.loads(site.read("badges/sine.json"))
    assert shield["message"] == "0 of 1 verified, 1 differs"
    assert (shield["color"], shield["isError"]) == ("b42318", True)
    now = list_published(site)
    assert {name for name in now if now[name] != before[name]} == {
        "ops/sine.md",
        "ops/sine.json",
        "ops/sine.yaml",
        "badges/sine.svg",
        "badges/sine.json",
        "llms.txt",
        "optabs.json",
    }


def test_lost_file_is_written_again(site):
    for name in MIX_FILES:
        (site.folder / "_build/html" / name).unlink()
    site.build_cleanly()
    assert set(MIX_FILES) < set(list_published(site))


def test_an_entry_that_is_removed_while_the_site_is_built_costs_no_more(site):
    entry = site.folder / "ops/sums/mix.yaml"
    entry.write_text(entry.read_text().replace("The sum", "A sum"))
    with (site.folder / "conf.py").open("a") as conf:
        conf.write(
            "\ndef remove(app):\n"
            "    (app.srcdir / 'ops/sums/mix.yaml').unlink(missing_ok=True)\n"
            "    return []\n"
            "\ndef setup(app):\n    app.connect('html-collect-pages', remove)\n"
        )
    assert site.build().status == 0
    assert not entry.exists()
    assert "Sine" in site.read("llms.txt")
    site.build_cleanly()
    assert not set(MIX_FILES) & set(list_published(site))
    assert not (site.folder / "_build/html/ops/sums/mix.html").exists()


def test_files_of_an_op_that_is_gone_are_removed(site):
    (site.folder / "ops/sums/mix.yaml").unlink()
    result = site.build_cleanly()
    assert result.count("verified") == 1
    assert not set(MIX_FILES) & set(list_published(site))
    assert "Mix" not in site.read("llms.txt")
    assert not (site.folder / "_build/html/ops/sums/mix.html").exists()
    assert (site.folder / "_build/html/ops/sine.html").exists()


@pytest.mark.parametrize("base", ["https://example.org/docs", "https://example.org/docs/"])
def test_addresses_are_absolute_where_the_site_has_one(site, base):
    site.write("some page.md", "---\norphan: true\n---\n# Some page\n")
    result = site.build_cleanly("-D", f"html_baseurl={base}", builder="dirhtml")
    assert "sitemap" not in result.output
    root = ElementTree.fromstring(site.read("sitemap.xml", "dirhtml"))
    assert [each[0].text for each in root] == [
        "https://example.org/docs/",
        "https://example.org/docs/ops/sine/",
        "https://example.org/docs/ops/sums/mix/",
        "https://example.org/docs/some%20page/",
    ]
    page = site.parse("ops/sums/mix/index.html", "dirhtml")
    own = "https://example.org/docs/ops/sums/mix/"
    assert page.select_one("link[rel=canonical]")["href"] == own
    assert page.select_one('meta[property="og:url"]')["content"] == own
    markdown = page.select_one('link[type="text/markdown"]')["href"]
    assert markdown == "../mix.md"
    assert f"- [HTML]({own})" in site.read("ops/sums/mix.md", "dirhtml")
    assert "[Sine](https://example.org/docs/ops/sine.md)" in site.read("llms.txt", "dirhtml")
    # Without an address again, there is none in what is published.
    site.build_cleanly(builder="dirhtml")
    published = list_published(site, "dirhtml")
    assert "sitemap.xml" not in published
    assert not [name for name in published if "example.org" in site.read(name, "dirhtml")]
    assert "- [HTML](mix/)" in site.read("ops/sums/mix.md", "dirhtml")


@pytest.mark.parametrize(
    ("builder", "base", "wanted"),
    [
        ("html", "", "/404.html"),
        ("html", "https://example.org/docs/", "/docs/404.html"),
        ("dirhtml", "https://example.org/docs", "/docs/404/"),
    ],
)
def test_page_for_lost_readers_works_at_any_depth(site, builder, base, wanted):
    from urllib.parse import urljoin

    site.build_cleanly("-E", "-D", f"html_baseurl={base}", builder=builder)
    page = site.parse("404.html", builder)
    first = page.select_one("head").select_one("base, link, script[src]")
    assert first.name == "base"
    assert first["href"] == wanted
    root = wanted.rpartition("404")[0]
    home, search, index = (link["href"] for link in page.select("div.body li a"))
    assert urljoin(wanted, home) in (root, f"{root}index.html")
    assert urljoin(wanted, search) in (f"{root}search/", f"{root}search.html")
    assert urljoin(wanted, index) in (f"{root}op-index/", f"{root}op-index.html")
    assert page.select("link[rel=canonical]") == []
    assert page.select_one("meta[name=robots]")["content"] == "noindex"


def test_page_for_lost_readers_names_what_there_is(site):
    site.configure(html_domain_indices=False)
    site.build_cleanly()
    assert [a.get_text() for a in site.parse("404.html").select("div.body li a")] == [
        "Home",
        "Search",
    ]


def test_what_a_project_publishes_itself_stands(site):
    for name in ("404.html", "llms.txt", "sitemap.xml"):
        site.write(f"extra/{name}", "own\n")
    site.configure(html_extra_path=["extra"], html_baseurl="https://example.org/")
    for _ in range(2):
        site.build_cleanly("-W")
        for name in ("404.html", "llms.txt", "sitemap.xml"):
            assert site.read(name) == "own\n"


def test_output_among_the_sources_is_no_source(site):
    for builder, output, *options in (
        ("html", "public"),
        ("html", "public", "-E"),
        ("singlehtml", "site/single"),
        ("dirhtml", "public"),
        ("text", "plain", "-E"),
    ):
        command = site.prepare(("-W", "-n", *options), builder, {})
        command["args"][-1] = output
        done = subprocess.run(**command, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), (builder, output)
    assert (site.folder / "public/ops/sine.md").exists()
    assert not (site.folder / "plain/public").exists()


def test_hostile_names_are_text(site):
    site.write(
        "hostile",
        'operation: "</script><b>"\ndescription: \'"><i>\'\nvariants: {numpy: null}\n',
    )
    site.build()
    page = BeautifulSoup(site.read("ops/hostile.html"), "html.parser")
    assert page.select("head b, head i") == []
    assert page.select_one("meta[name=description]")["content"] == '"><i>'
    title = ElementTree.fromstring(site.read("badges/hostile.svg"))[0].text
    assert title == "</script><b>: 0 of 0 verified"


def test_interrupted_build_leaves_nothing_wrong(site, tmp_path):
    # The first file of an op cannot be replaced, so that writing ends there.
    blocked = site.folder / "_build/html/ops/sums/mix.md.new"
    blocked.mkdir()
    assert site.build(OPTABS_ENVIRONMENTS=str(tmp_path)).status != 0
    blocked.rmdir()
    site.build_cleanly()
    for name in ("sine", "sums/mix"):
        assert "- Verdict: verified" in site.read(f"ops/{name}.md")
        assert read_color(site, name) == "#1a7f37"
