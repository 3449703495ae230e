"""The pages for who ports code: what differs, and the names of a framework."""

from __future__ import annotations

import json
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest

INDEX = """\
# Home

```{ops}
```

```{toctree}
about/differences
about/from-fake
about/from-two
```
"""

SINE = """
operation: Sine
category: Trigonometry
std_args: [x]
cases:
  - id: plain
    title: A plain case
    inputs: {x: [0.5, -1.0]}
    expect: np.sin(x)
    differences:
      - {frameworks: [fake_two], dtype: {result: float64}, reason: "it has </script><b> `doubles`"}
variants:
  fake: {api: ff.sin, notes: Its own.}
  fake_two:
    api: faketwo.sine
    inject_args: {mode: "</script>"}
    example: |
      result = f2.sine(f2.vector([0.5, -1.0]))
      print("<b>doubles</b>", result)
"""

COSINE = """
operation: Cosine
std_args: [x]
cases:
  - {id: plain, inputs: {x: [0.5]}, expect: np.cos(x)}
variants:
  fake: {api: fakeframework.cos}
  fake_two: {unsupported: only </script><b> show}
"""

LATIN = """
operation: Both
std_args: [x]
cases:
  - {id: plain, inputs: {x: [0.5]}, expect: np.sin(np.cos(x))}
variants:
  fake:
    macro_template: |
      ff.sin(
        ff.cos({x}))
"""

DIFFERENCES, FAKE, TWO = (
    f"about/{name}.html" for name in ("differences", "from-fake", "from-two")
)  # fmt: skip


def fill(site) -> None:
    site.write("index.md", INDEX)
    site.write("about/differences.md", "# What differs\n\n```{differences}\n```\n")
    site.write("about/from-fake.md", "# Fake\n\n```{apis} fake\n```\n")
    site.write("about/from-two.md", "# Fake Two\n\n```{apis} fake_two\n```\n")
    for name, entry in [("sine", SINE), ("cosine", COSINE), ("both", LATIN)]:
        site.write(name, entry)


@pytest.fixture
def full(site):
    fill(site)
    return site


def read_names(site, page: str) -> list[tuple[str, ...]]:
    """The rows of all tables: texts, and the address."""
    return [
        (*(cell.get_text(" ", strip=True) for cell in row.select("th, td")), row.a["href"])
        for row in site.parse(page).select(".optabs-apis tbody tr")
    ]


def test_what_differs(full):
    full.build_cleanly("-W")
    page = full.parse(DIFFERENCES)
    root = page.select_one(".optabs-differs")
    assert "1 declared difference in 1 op" in root.p.get_text()
    (item,) = root.select("li[data-against]")
    assert (item["data-keys"], item["data-against"]) == ("fake_two", "fake")
    assert item.get_text() == (
        "Fake Two: result has dtype float64. It has </script><b> doubles"  # as code
    )
    assert item.find("code", string="doubles")
    op = item.find_parent("article")
    assert op.h3.a["href"] == "../ops/sine.html"
    assert op.details.summary.get_text() == "A plain case"
    link = op.details.p.a["href"]
    assert link == "../ops/sine.html#fake-two-plain"
    assert full.parse("ops/sine.html").find(id="fake-two-plain")
    outputs = {each["data-keys"]: each.pre.get_text() for each in op.select("details div")}
    assert outputs["fake_two"].startswith("<b>doubles</b> (0.479")
    assert "float32" in outputs["fake"]
    assert root.find(id=root.select_one("nav a")["href"][1:]).h2.get_text() == "Trigonometry 1"
    # Of no use without the script.
    assert root.form["hidden"] == ""
    changed = json.loads(root.script.string)
    assert changed[0][:3] == ["Trigonometry", "Sine", "../ops/sine.html#"]
    (row,) = changed[0][3]
    assert row["forms"] == [["fake", "", ""], ["fake_two", "mode='</script>'", ""]]
    assert row["changes"] == [["", "added"], ["dropped", ""]]
    for name in (DIFFERENCES, FAKE):
        head = full.parse(name).head
        assert [each for each in head.select("script") if "optabs.js" in each.get("src", "")]
        assert [each for each in head.select("link") if "optabs.css" in each.get("href", "")]


def test_names_lead_to_their_tabs(full):
    full.build_cleanly("-W")
    assert read_names(full, FAKE) == [
        ("ff.cos fakeframework.cos", "Cosine", "", "verified", "../ops/cosine.html#fake"),
        ("ff.sin fakeframework.sin", "Sine", "Trigonometry", "verified", "../ops/sine.html#fake"),
        ("Both", "ff.sin(\n  ff.cos({x}))", "", "verified", "../ops/both.html#fake"),
    ]
    assert read_names(full, TWO) == [
        ("f2.sine faketwo.sine", "Sine", "Trigonometry", "verified", "../ops/sine.html#fake-two"),
        ("Cosine", "Only </script><b> show", "", "unsupported", "../ops/cosine.html#fake-two"),
    ]
    page = full.parse(TWO)
    for link in page.select(".optabs-apis > p a"):
        assert page.find(id=link["href"][1:])


def test_they_follow_verdicts_and_no_page_more_than_needed(full):
    full.build_cleanly()
    before = full.list_times()
    assert full.build_cleanly().count("executed") == 0
    assert full.list_times() == before
    full.edit("cosine", "fakeframework.cos", "ff.sin")
    full.build()
    assert read_names(full, FAKE)[0][:4] == ("ff.sin fakeframework.sin", "Cosine", "", "differs")
    after = full.list_times()
    assert after[DIFFERENCES] == before[DIFFERENCES]
    assert after[TWO] == before[TWO]
    full.edit("sine", "differences:", "differences:\n      - {frameworks: [fake], reason: so}")
    full.build()
    assert len(full.parse(DIFFERENCES).select("li[data-against]")) == 2


def test_an_output_that_is_not_verified_says_so(full, tmp_path):
    full.build_cleanly()
    full.build_cleanly(OPTABS_ENVIRONMENTS=str(tmp_path))
    outputs = full.parse(DIFFERENCES).select("details div")
    assert [each.span.get_text(strip=True) for each in outputs] == ["stale", "stale"]
    assert read_names(full, FAKE)[0][3] == "stale"


def test_a_name_that_is_no_framework(full):
    full.write("about/from-two.md", "# Fake Two\n\n```{apis} fake_too\n```\n")
    result = full.build("-n")
    (warning,) = result.warnings
    assert "from-two.md:3" in warning
    assert "'fake_too', which is no framework; did you mean 'fake_two'?" in warning


# --- other builders -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(make_site, tmp_path_factory):
    """A site, built once as HTML."""
    site = make_site(tmp_path_factory.mktemp("porting") / "site")
    fill(site)
    site.configure_for_all_builders()
    site.build_cleanly("-W")
    return site


def test_one_page_of_all(built):
    built.build_cleanly("-W", builder="singlehtml")
    page = built.parse("index.html", "singlehtml")
    links = [each["href"] for each in page.select(".optabs-overview a[href^='#']")]
    assert {"#op-sine-fake", "#op-sine-fake-two-plain", "#op-cosine-fake-two"} <= {*links}
    for link in links:
        assert page.find(id=link[1:]), link
    ids = [each["id"] for each in page.select("[id]")]
    assert len(ids) == len({*ids})


@pytest.mark.parametrize("builder", ["text", "man", "latex", "xml", "linkcheck"])
def test_plain_tables(built, builder):
    built.build_cleanly("-W", builder=builder)
    if builder == "linkcheck":
        return
    pages = ("about/differences", "about/from-fake", "about/from-two")
    files = {"man": ["fakes.1"], "latex": ["fakes.tex"]}.get(
        builder, [f"{page}.{'txt' if builder == 'text' else builder}" for page in pages]
    )
    text = " ".join(built.read(file, builder) for file in files)
    for each in (
        "A plain case",
        "result has dtype float64",
        "fakeframework.sin",
        "Not supported",
    ):
        assert each in text, each
    if builder == "text":
        assert '"ff.sin( ff.cos({x}))"' in text


def test_a_book(built):
    built.build_cleanly("-W", builder="epub")
    (file,) = (built.folder / "_build/epub").glob("*.epub")
    with ZipFile(file) as book:
        page = ElementTree.fromstring(book.read("about/differences.xhtml"))
    links = [each.get("href") for each in page.iter("{http://www.w3.org/1999/xhtml}a")]
    assert "../ops/sine.xhtml#fake-two-plain" in links
