"""Names lead to pages, names of APIs to tabs: in the search, the indices, inventories and roles."""

from __future__ import annotations

import json
from urllib.parse import unquote, urldefrag

import pytest
from bs4 import BeautifulSoup
from sphinx.util.inventory import InventoryFile

ABS = """
operation: Abs
aliases: [absolute, magnitude]
category: Arithmetic
std_args: [x]
variants:
  flax_nnx: {api: jax.numpy.abs}
  jax: {api: jax.numpy.abs, notes: "With {op:api}`jax.lax.scan`."}
  paxml: {api: jax.numpy.abs}
  tensorflow: {api: tf.abs}
  numpy: {api: numpy.abs, unsupported: only for show}
  stablehlo: {api: stablehlo.abs}
  rdna: {api: "v_max x, -x"}
"""

# By file it comes before Scan, whose symbol `jax.lax.scan` is nevertheless.
CUMSUM = """
operation: CumSum
std_args: [x]
variants:
  jax: {api: jax.lax.scan}
  paxml: {api: jax.lax.scan}
see_also: [Scan]
"""

SCAN = """
operation: Scan
std_args: [x]
variants:
  flax_nnx: {api: flax.nnx.scan}
  jax: {api: jax.lax.scan}
"""

HOME = """
# Home

{op:api}`jax.numpy.abs` {op:api}`jnp.abs` {op:api}`the absolute value <tensorflow.abs>`
{op:api}`jax.lax.scan` {op:api}`jax.lax.scan (CumSum)` {any}`flax.nnx.scan` {any}`magnitude`
{ref}`op-index`

```{ops}
```
"""

TABS = {
    "jax.numpy.abs": "ops/abs.html#jax",
    "jnp.abs": "ops/abs.html#jax",
    "tf.abs": "ops/abs.html#tensorflow",
    "tensorflow.abs": "ops/abs.html#tensorflow",
    "stablehlo.abs": "ops/abs.html#stablehlo",
    "jax.lax.scan": "ops/scan.html#jax",
    "lax.scan": "ops/scan.html#jax",
    "jax.lax.scan (CumSum)": "ops/cumsum.html#jax",
    "lax.scan (CumSum)": "ops/cumsum.html#jax",
    "flax.nnx.scan": "ops/scan.html#flax-nnx",
    "nnx.scan": "ops/scan.html#flax-nnx",
}


@pytest.fixture(scope="module")
def site(make_site, tmp_path_factory):
    site = make_site(tmp_path_factory.mktemp("found") / "site")
    site.write("abs", ABS)
    site.write("cumsum", CUMSUM)
    site.write("scan", SCAN)
    site.write("index.md", HOME)
    for number in range(8):  # Sphinx reads fewer pages than ten one after the other
        site.write(f"more{number}", f"operation: More{number}\nvariants: {{numpy: null}}\n")
    site.configure(optabs_fail_on=[], nitpicky=True)
    site.build_cleanly("-W", "-j", "2")
    return site


def list_objects(site, builder="html"):
    data = (site.folder / "_build" / builder / "objects.inv").read_bytes()
    return InventoryFile.loads(data, uri="").data


def list_links(site, page, builder="html"):
    return [link["href"] for link in site.parse(page, builder).select("p a.reference.internal")]


def test_inventory_knows_the_tab_of_every_symbol(site):
    objects = list_objects(site)
    assert {name: item.uri for name, item in objects["op:api"].items()} == TABS
    assert objects["op:op"]["absolute"].uri == "ops/abs.html#op-abs"


def test_inventory_of_folders_leads_to_the_tabs_too(site):
    site.build_cleanly("-W", builder="dirhtml")
    found = {name: item.uri for name, item in list_objects(site, "dirhtml")["op:api"].items()}
    assert found == {name: uri.replace(".html", "/") for name, uri in TABS.items()}


def test_search_has_every_symbol_of_every_op(site):
    text = site.read("searchindex.js")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    found = {
        (f"{prefix}.{name}" if prefix else name, f"{index['filenames'][page]}#{anchor}")
        for prefix, items in index["objects"].items()
        for page, _kind, _rank, anchor, name in items
    }
    wanted = {(name.partition(" ")[0], uri.replace(".html", ".yaml")) for name, uri in TABS.items()}
    assert wanted <= found
    assert ("magnitude", "ops/abs.yaml#op-abs") in found
    assert [kind[2] for kind in index["objnames"].values()] == ["op", "API"]


def test_roles_lead_to_tabs(site):
    assert list_links(site, "index.html")[:8] == [
        "ops/abs.html#jax",
        "ops/abs.html#jax",
        "ops/abs.html#tensorflow",
        "ops/scan.html#jax",
        "ops/cumsum.html#jax",
        "ops/scan.html#flax-nnx",
        "ops/abs.html",
        "op-index.html",
    ]
    notes = site.panel("ops/abs.html", "jax").select_one(".optabs-notes a.reference")
    assert notes["href"] == "scan.html#jax"


def test_general_index_leads_to_pages_and_tabs(site):
    page = site.parse("genindex.html")
    found = {(link.get_text(), link["href"]) for link in page.select("table.genindextable a")}
    assert {
        ("Abs", "ops/abs.html#op-abs"),
        ("magnitude", "ops/abs.html#op-abs"),
        ("jax.numpy.abs", "ops/abs.html#jax"),
        ("tf.abs", "ops/abs.html#tensorflow"),
    } <= found
    scan = {link for text, link in found if text in ("jax.lax.scan", "[1]")}
    assert scan == {"ops/scan.html#jax", "ops/cumsum.html#jax"}


def test_index_of_ops_is_from_a_to_z(site):
    page = site.parse("op-index.html")
    rows = [
        (link.get_text(), link["href"], row.select_one("em").get_text(strip=True))
        for row in page.select("table.indextable tr")
        if (link := row.select_one("a[href]"))
    ]
    assert rows[:4] == [
        ("Abs", "ops/abs.html#op-abs", "Arithmetic"),
        ("absolute", "ops/abs.html#op-abs", "see Abs"),
        ("CumSum", "ops/cumsum.html#op-cumsum", ""),
        ("magnitude", "ops/abs.html#op-abs", "see Abs"),
    ]
    letters = [each.get_text(strip=True) for each in page.select("tr.cap strong")]
    assert letters == ["A", "C", "M", "S"]


def check_links(folder):
    """Every link within the site leads to a file, and to an id in it."""
    pages = {
        file.resolve(): BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")
        for file in folder.rglob("*.html")
    }
    ids = {file: {tag["id"] for tag in page.select("[id]")} for file, page in pages.items()}
    lost = []
    for file, page in pages.items():
        base = page.select_one("base")
        for tag in page.select("a[href], link[href], script[src], img[src]"):
            address = tag.get("href") or tag.get("src")
            fragment = urldefrag(address)[1]
            path = urldefrag(address)[0].partition("?")[0]
            if "://" in address or address.startswith("mailto:") or (base and not path):
                continue
            target = (file.parent / unquote(path) if path else file).resolve()
            target = target / "index.html" if target.is_dir() else target
            known = ids.get(target, {fragment})
            if not target.exists() or (fragment and unquote(fragment) not in known):
                lost.append((file.name, address))
    assert pages
    return lost


def test_every_link_within_the_site_leads_somewhere(site):
    folder = site.folder / "_build/html"
    assert check_links(folder) == []
    # It would be noticed:
    page = folder / "ops/scan.html"
    text = page.read_text()
    page.write_text(text.replace('<a href="cumsum', '<a href="no').replace('"#jax"', '"#no"'))
    assert check_links(folder) != []
    page.write_text(text)


def test_other_builders_know_the_tabs(site):
    site.build_cleanly("-W", builder="singlehtml")
    page = site.parse("index.html", "singlehtml")
    links = [link["href"] for link in page.select("section#home > p a.reference")]
    assert links[:2] == ["#op-abs-jax", "#op-abs-jax"]
    assert all(page.find(id=link[1:]) for link in links[:6])
    for builder in ("text", "latex", "linkcheck"):
        result = site.build_cleanly("-W", "-D", "linkcheck_ignore=https?://.*", builder=builder)
        assert "broken" not in result.output


def test_reference_follows_its_api(site):
    before = site.list_times()
    site.edit("scan", "  jax: {api: jax.lax.scan}", "  jax: null")
    site.build_cleanly()
    assert list_links(site, "index.html")[3] == "ops/cumsum.html#jax"
    assert site.list_times()["index.html"] != before["index.html"]
    site.edit("cumsum", "jax.lax.scan}", "jax.lax.map}")
    warnings = site.build("-n").warnings
    assert any("no op has the API 'jax.lax.scan'" in each for each in warnings)
    assert "jax.lax.scan" not in site.read("genindex.html")
    assert "jax.lax.scan" not in list_objects(site)["op:api"]
    (site.folder / "ops/abs.yaml").unlink()
    site.write("index.md", "# Home\n\n```{ops}\n```\n")
    site.build_cleanly()
    assert "jax.numpy.abs" not in site.read("genindex.html")
    assert "jnp.abs" not in list_objects(site)["op:api"]
    assert '"jax.numpy"' not in site.read("searchindex.js")
