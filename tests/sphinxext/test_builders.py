"""Every builder of Sphinx shows all that is known of an op, without a complaint."""

from __future__ import annotations

import zipfile
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

MIX = """
operation: Mix
aliases: [blend]
category: Arithmetic
description: |
  The sum $x + g y$; see {op}`Sine` and the footnote[^1].

  $$
  r = x + g y
  $$

  [^1]: A note at the foot.
std_args:
  - {name: x, type: Tensor, doc: a `shape`}
  - {name: y, type: List<Tensor>}
  - {name: gain, type: float, default: 1.0}
  - {name: mode, type: str, default: fast}
return_type: Tensor
cases:
  - id: plain
    title: A plain case
    inputs: {x: [0.5, -1.0], y: [1.0, 2.0], gain: 2.0, mode: fast}
    expect: x + gain * y
    tolerance: {rtol: 1.0e-5, atol: 1.0e-6, reason: sums are rounded}
    source: The old book
    differences:
      - {frameworks: [fake_two], dtype: {result: float64}, reason: Wide by nature.}
variants:
  fake:
    api: fakeframework.add
    args: {gain: alpha, mode: null}
    inject_args: {}
    notes: |
      ## Mind the gain

      Adds at once, like {op}`Sine`.
  fake_two:
    example: |
      print("printed <text> & more", "\\x1b[1m")
      result = f2.vector([a + gain * b for a, b in zip(x, y)])
  torch: {api: torch.add}
  numpy: {unsupported: No sum of such kind.}
  jax: {api: jax.numpy.add, untestable: Needs two hosts.}
see_also: [Sine]
"""

SINE = """
operation: Sine
cases:
  - {id: plain, inputs: {x: [0.5, -1.0]}, expect: np.sin(x)}
std_args: [x]
variants:
  fake: {api: fakeframework.sin}
  fake_two:
    example: |
      raise ValueError("not <today>")
"""

# What any page of Mix must say, in whatever form.
CONTENT = (
    "Mix",
    "blend",
    "List<Tensor>",
    "r = x + g y",
    "A note at the foot",
    "A plain case",
    "sums are rounded",
    "The old book",
    "Wide by nature.",
    "Mind the gain",
    "fakeframework.add",
    "alpha",
    "ff.add(x, y, alpha=gain)",
    "printed <text> & more ␛[1m",
    "No sum of such kind.",
    "Needs two hosts.",
    "selected for this build (FRAMEWORKS)",
    "Direct mapping",
    "verified",
    "untestable",
    "Python 3.",
    "1e-05",
    "ValueError: not <today>",
    "Traceback (most recent call last)",
)


@pytest.fixture(scope="module")
def site(make_site, tmp_path_factory):
    site = make_site(tmp_path_factory.mktemp("builders") / "site")
    site.write("mix", MIX)
    site.write("sine", SINE)
    site.configure(
        optabs_fail_on=[],
        myst_enable_extensions=["dollarmath"],
        linkcheck_ignore=[r"https?://.*"],
    )
    site.configure_for_all_builders()
    site.build_cleanly()  # what the others need not run
    return site


def squeeze(text: str) -> str:
    return " ".join(text.split())


def read_html(site, builder, *pages):
    return squeeze(" ".join(site.parse(page, builder).get_text() for page in pages))


def test_html(site):
    text = read_html(site, "html", "ops/mix.html", "ops/sine.html")
    for each in CONTENT:
        assert each in text


def test_html_in_folders(site):
    result = site.build_cleanly("-W", builder="dirhtml")
    assert result.count("executed") == 0
    text = read_html(site, "dirhtml", "ops/mix/index.html", "ops/sine/index.html")
    for each in CONTENT:
        assert each in text
    assert (site.folder / "_build/dirhtml/optabs.json").exists()


def test_singlehtml_keeps_each_ops_tabs_together(site):
    site.build_cleanly("-W", builder="singlehtml")
    text = read_html(site, "singlehtml", "index.html")
    for each in CONTENT:
        assert each in text
    page = site.parse("index.html", "singlehtml")
    groups = page.select("div.optabs")
    expected = [
        [f"op-mix-{key}" for key in ("torch", "jax", "numpy", "fake", "fake-two")],
        [f"op-sine-{key}" for key in ("fake", "fake-two")],
    ]
    for group, panels in zip(groups, expected, strict=True):
        assert [panel["id"] for panel in group.select("section.optabs-panel")] == panels
        assert [link["href"] for link in group.select("a.optabs-tab")] == [f"#{i}" for i in panels]
        assert [link["href"] for link in group.select(".optabs-head a.headerlink")] == [
            f"#{each}" for each in panels
        ]
    ids = [tag["id"] for tag in page.select("div.body [id]")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("builder", "files"),
    [
        ("text", ["ops/mix.txt", "ops/sine.txt"]),
        ("pseudoxml", ["ops/mix.pseudoxml", "ops/sine.pseudoxml"]),
    ],
)
def test_plain_text(site, builder, files):
    site.build_cleanly("-W", builder=builder)
    text = squeeze(" ".join(site.read(file, builder) for file in files))
    for each in CONTENT:
        assert squeeze(each) in text.replace('"', "") or each in text, each


def test_xml_is_well_formed(site):
    site.build_cleanly("-W", builder="xml")
    roots = [
        ElementTree.fromstring(site.read(f"ops/{name}.xml", "xml")) for name in ("mix", "sine")
    ]
    text = squeeze(" ".join("".join(root.itertext()) for root in roots))
    for each in CONTENT:
        assert each in text


def test_latex(site):
    site.build_cleanly("-W", builder="latex")
    text = site.read("fakes.tex", "latex")
    for each in ("A plain case", "No sum of such kind.", "verified", r"\PYG{n}{add}\PYG{p}{(}"):
        assert each in text
    assert text.count("{Fake Two}") == 2


def test_manual_page(site):
    site.build_cleanly("-W", builder="man")
    text = site.read("fakes.1", "man")
    for each in (
        "A plain case",
        "No sum of such kind.",
        "Needs two hosts.",
        "printed <text> & more",
    ):
        assert each in text


def test_epub_holds_well_formed_pages_and_no_script_of_ours(site):
    result = site.build_cleanly("-W", builder="epub")
    assert result.count("executed") == 0
    (file,) = (site.folder / "_build/epub").glob("*.epub")
    with zipfile.ZipFile(file) as book:
        names = book.namelist()
        pages = {name: book.read(name).decode() for name in names if name.endswith(".xhtml")}
        package = book.read("content.opf").decode()
    for page in pages.values():
        ElementTree.fromstring(page)
    text = squeeze(
        " ".join(
            BeautifulSoup(pages[f"ops/{name}.xhtml"], "html.parser").get_text()
            for name in ("mix", "sine")
        )
    )
    for each in CONTENT:
        assert each in text
    assert "optabs.json" not in package
    assert "optabs.js" not in pages["ops/mix.xhtml"]
    assert "optabs.css" in pages["ops/mix.xhtml"]


def test_gettext_collects_claims_and_no_evidence(site):
    site.build_cleanly("-W", builder="gettext")
    text = "".join(
        file.read_text(encoding="utf-8") for file in (site.folder / "_build/gettext").rglob("*.pot")
    )
    assert 'msgid "Mind the gain"' in text
    assert "The sum" in text
    assert "verified" not in text
    assert "Traceback" not in text
    line = site.find_line("mix", "Adds at once")
    assert f"ops/mix.yaml:{line}" in text
    assert ".yaml:0" not in text


def test_translation_replaces_texts_of_an_entry(site, tmp_path):
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo

    catalog = Catalog(locale="de")
    catalog.add("Adds at once, like {op}`Sine`.", "Addiert sofort, wie {op}`Sine`.")
    catalog.add("Mind the gain", "Auf den Faktor achten")
    folder = tmp_path / "locales/de/LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "ops.mo").open("wb") as file:
        write_mo(file, catalog)
    site.build_cleanly(
        "-D",
        "language=de",
        "-D",
        f"locale_dirs={tmp_path / 'locales'}",
        "-d",
        "_build/german",
        builder="dirhtml",
    )
    notes = site.parse("ops/mix/index.html", "dirhtml").select_one("#fake .optabs-notes")
    assert "Addiert sofort, wie Sine" in notes.get_text()
    assert notes.find("h3").get_text().startswith("Auf den Faktor achten")


def test_links_hold(site):
    result = site.build_cleanly("-W", builder="linkcheck")
    assert result.count("executed") == 0
    assert "broken" not in result.output
