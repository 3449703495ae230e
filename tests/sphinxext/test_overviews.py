"""The matrix and the health page: what they say, and that they follow every verdict."""

from __future__ import annotations

import csv
import json
import re
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest

INDEX = """\
# Home

```{ops}
```

```{toctree}
about/matrix
about/health
```
"""

ENTRY = """
operation: {name}
category: Trigonometry
aliases: [{name}-alias]
std_args: [x]
cases:
  - id: plain
    inputs: {{x: [0.5, -1.0]}}
    expect: np.{function}(x)
variants:
  fake: {{api: fakeframework.{function}}}
"""

FLAT = """
operation: Flat
cases:
  - {id: plain, inputs: {x: [0.5]}, expect: x}
variants:
  fake: {example: result = x}
  fake_two: {unsupported: only </script><b> show}
"""

MATRIX, HEALTH = "about/matrix.html", "about/health.html"


def fill(site) -> None:
    site.write("index.md", INDEX)
    site.write("about/matrix.md", "# Matrix\n\n```{matrix}\n```\n")
    site.write("about/health.md", "# Health\n\n```{health}\n```\n")
    for name, function in [("Sine", "sin"), ("Cosine", "cos")]:
        site.write(name.lower(), ENTRY.format(name=name, function=function))
    site.write("flat", FLAT)


@pytest.fixture
def full(site):
    fill(site)
    return site


def read_cells(site) -> dict[str, list[tuple[str, str]]]:
    """Every op's cells: text and address."""
    rows = site.parse(MATRIX).select(".optabs-matrix tbody tr")
    return {
        row.th.get_text(): [
            (cell.get_text(), cell.a["href"] if cell.a else "") for cell in row.select("td")[1:]
        ]
        for row in rows
    }


def test_all_is_well(full):
    full.build_cleanly("-W")
    assert read_cells(full) == {
        "Cosine": [("verified", "../ops/cosine.html#fake"), ("", "")],
        "Flat": [
            ("verified", "../ops/flat.html#fake"),
            ("unsupported", "../ops/flat.html#fake-two"),
        ],
        "Sine": [("verified", "../ops/sine.html#fake"), ("", "")],
    }
    page = full.parse(MATRIX)
    assert [each.get_text() for each in page.select(".optabs-matrix thead th")] == [
        *("Op", "Category", "Fake", "Fake Two"),
    ]
    assert page.find("a", string="Sine")["href"] == "../ops/sine.html"
    assert page.select_one("form")["hidden"] == ""  # of no use without the script
    counts = [row.get_text(" ", strip=True) for row in page.select(".optabs-tally tbody tr")]
    assert counts == ["unsupported 0 1", "verified 3 0", "no entry 0 2"]
    health = full.parse(HEALTH).select_one(".optabs-overview").get_text(" ", strip=True)
    assert health.startswith("All is well:")
    assert "Fake 1.0 on cpu" in health
    for name in (MATRIX, HEALTH):
        head = full.parse(name).head
        assert [each for each in head.select("script") if "optabs.js" in each.get("src", "")]
        assert [each for each in head.select("link") if "optabs.css" in each.get("href", "")]


def test_a_cell_is_light(full):
    """Thousands of ops make one page: nothing is said in a cell but its verdict and its address."""
    full.build_cleanly()
    cells = re.findall(r"<td.*?</td>", full.read(MATRIX).partition("<tbody>")[2])
    rows = [cell for cell in cells if "Trigonometry" not in cell and "href" in cell]
    assert len(rows) == 4
    for cell in rows:
        assert re.fullmatch(r'<td class="\w"><a href="[^"]+">[\w ]+</a></td>', cell)


def test_a_wrong_op_is_seen_in_both(full):
    full.build_cleanly()
    full.edit("cosine", "fakeframework.cos", "fakeframework.sin")
    before = full.list_times()
    full.build()
    assert read_cells(full)["Cosine"][0] == ("differs", "../ops/cosine.html#fake")
    page = full.parse(HEALTH).select_one(".optabs-overview")
    assert "Of 4 verdicts: 1 differs ." in page.p.get_text(" ", strip=True)
    assert "All is well" not in page.get_text()
    row = page.select_one("section tbody tr")
    assert row.a["href"] == "../ops/cosine.html#fake-plain"
    assert row.a.get_text() == "Cosine plain"
    said = [cell.get_text(strip=True) for cell in row.select("td")]
    assert said[1:3] == ["Fake", "cpu"]
    assert "result" in said[3]
    assert full.parse("ops/cosine.html").find(id="fake-plain")
    # And back again.
    full.edit("cosine", "fakeframework.sin", "fakeframework.cos")
    full.build_cleanly("-W")
    assert read_cells(full)["Cosine"][0][0] == "verified"
    assert "All is well" in full.read(HEALTH)
    assert full.list_times()["ops/sine.html"] == before["ops/sine.html"]


def test_they_are_written_when_verdicts_alone_change(full, tmp_path):
    full.build_cleanly()
    before = full.list_times()
    assert full.build_cleanly().count("executed") == 0
    assert full.list_times() == before
    csv_before = (full.folder / "_build/html/matrix.csv").stat().st_mtime_ns
    full.build_cleanly(OPTABS_ENVIRONMENTS=str(tmp_path))  # the sources are the same
    assert read_cells(full)["Sine"][0][0] == "stale"
    page = full.parse(HEALTH)
    (group,) = page.select("#health-stale tbody tr")
    assert [each.get_text(" ", strip=True) for each in group.select("li")] == [
        *("Cosine plain", "Flat plain", "Sine plain"),
    ]
    assert "Last verified with version 1.0" in group.get_text()
    assert (full.folder / "_build/html/matrix.csv").stat().st_mtime_ns != csv_before
    full.build_cleanly()
    assert read_cells(full)["Sine"][0][0] == "verified"
    assert "All is well" in full.read(HEALTH)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_they_follow_ops_that_come_and_go(full, jobs):
    for number in range(12):  # Sphinx reads fewer one after the other
        full.write(f"op{number}", ENTRY.format(name=f"Op{number}", function="sin"))
    full.build_cleanly("-j", jobs)
    assert len(read_cells(full)) == 15
    full.write("more", ENTRY.format(name="More", function="cos"))
    (full.folder / "ops/op3.yaml").unlink()
    full.build_cleanly("-j", jobs)
    cells = read_cells(full)
    assert "More" in cells
    assert "Op3" not in cells
    # A page that shows them no longer is not written for verdicts' sake.
    full.write("about/matrix.md", "# Matrix\n\nIt is gone.\n")
    full.build_cleanly("-j", jobs)
    before = full.list_times()
    full.edit("sine", "fakeframework.sin", "fakeframework.cos")
    full.build("-j", jobs)
    assert full.list_times()[MATRIX] == before[MATRIX]
    assert full.list_times()[HEALTH] != before[HEALTH]


def test_faults_of_entries_are_no_good_health(full):
    full.edit("flat", "cases:", "see_also: [Nothing]\ncases:")
    full.write("broken", "operation: [\n")
    full.edit("sine", "api: fakeframework.sin", "api: fakeframework.sinn")
    full.build()
    page = full.parse(HEALTH)
    faults = [each.get_text() for each in page.select("#health-faults li")]
    assert [fault.partition(":")[0] for fault in faults] == [
        *("ops/broken.yaml", "ops/flat.yaml", "ops/sine.yaml"),
    ]
    assert "fakeframework.sinn" in faults[2]
    failed = page.select_one("#health-failed tbody tr")
    assert failed.a["href"] == "../ops/sine.html#fake-plain"


def test_files_for_machines(full):
    full.build_cleanly("-W")
    links = [full.parse(name).find_all("a", string=re.compile("^(CSV|JSON)$")) for name in
             (MATRIX, HEALTH)]  # fmt: skip
    for found in links:
        assert {each["href"] for each in found} == {"../matrix.csv", "../optabs.json"}
    assert list(csv.reader(full.read("matrix.csv").splitlines())) == [
        ["op", "category", "page", "fake", "fake_two"],
        ["Cosine", "Trigonometry", "ops/cosine", "verified", ""],
        ["Flat", "", "ops/flat", "verified", "unsupported"],
        ["Sine", "Trigonometry", "ops/sine", "verified", ""],
    ]
    assert json.loads(full.read("optabs.json"))["ops"]


def test_names_are_escaped(full):
    full.edit("flat", "operation: Flat", "operation: Flat\naliases: ['\"><b>&']")
    full.edit("flat", "example: result = x", "example: raise ValueError('<b>a</b> `code`')")
    full.edit("flat", "variants:", 'category: "<i>"\nvariants:')
    full.build()
    row = full.parse(MATRIX).find("a", string="Flat").find_parent("tr")
    assert '"><b>&' in row["data-words"]
    assert row.td.get_text() == "<i>"
    assert "<b>a</b>" not in full.read(HEALTH)
    assert full.parse(HEALTH).find("code", string="code")


# --- other builders -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trouble(make_site, tmp_path_factory):
    """A site in which something differs, built once as HTML."""
    site = make_site(tmp_path_factory.mktemp("overviews") / "site")
    fill(site)
    site.edit("cosine", "fakeframework.cos", "fakeframework.sin")
    site.configure(optabs_fail_on=[])
    site.configure_for_all_builders()
    site.build_cleanly("-W")
    return site


def test_one_page_of_all_ops(trouble):
    trouble.build_cleanly("-W", builder="singlehtml")
    page = trouble.parse("index.html", "singlehtml")
    links = page.select(".optabs-overview a[href^='#']")
    assert "#op-cosine-fake" in [each["href"] for each in links]
    for link in links:
        assert page.find(id=link["href"][1:]), link
    assert page.find("a", string="CSV")["href"] == "matrix.csv"


def test_pages_in_folders(trouble):
    trouble.build_cleanly("-W", builder="dirhtml")
    page = trouble.parse("about/matrix/index.html", "dirhtml")
    assert page.find("a", string="differs")["href"] == "../../ops/cosine/#fake"
    assert page.find("a", string="CSV")["href"] == "../../matrix.csv"


@pytest.mark.parametrize("builder", ["text", "man", "latex", "xml", "linkcheck"])
def test_plain_tables(trouble, builder):
    trouble.build_cleanly("-W", builder=builder)
    if builder == "linkcheck":
        return
    files = {
        "text": ["about/matrix.txt", "about/health.txt"],
        "man": ["fakes.1"],
        "latex": ["fakes.tex"],
        "xml": ["about/matrix.xml", "about/health.xml"],
    }
    text = " ".join(trouble.read(file, builder) for file in files[builder])
    for each in ("Cosine", "Trigonometry", "differs", "unsupported", "Differs: 1", "(plain)"):
        assert each in text, each
    if builder == "latex":
        assert r"{\detokenize{ops/cosine:fake}}" in text
        assert r"\label{\detokenize{ops/cosine:fake}}" in text


def test_a_book_has_tables_whose_links_lead_somewhere(trouble):
    trouble.build_cleanly("-W", builder="epub")
    (file,) = (trouble.folder / "_build/epub").glob("*.epub")
    with ZipFile(file) as book:
        page = ElementTree.fromstring(book.read("about/matrix.xhtml"))
        other = book.read("ops/cosine.xhtml").decode()
        assert "matrix.csv" not in book.namelist()
    links = [each.get("href") for each in page.iter("{http://www.w3.org/1999/xhtml}a")]
    assert "../ops/cosine.xhtml#fake" in links
    assert 'id="fake"' in other
    assert "differs" in "".join(page.itertext())


def test_translators_get_no_verdicts(trouble):
    trouble.build_cleanly("-W", builder="gettext")
    assert "differs" not in trouble.read("about.pot", "gettext")
