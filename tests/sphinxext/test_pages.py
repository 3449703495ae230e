"""What a page says: claims from the entry, evidence from the records, nothing unescaped."""

from __future__ import annotations

import ast
import json
import re
import sqlite3

import pytest
from bs4 import Tag

HOSTILE = "</script><b>"

MIX = """
operation: Mix
aliases: [blend]
category: Arithmetic
description: |
  The sum $x + g y$, not </script><b>bold</b>; see {op}`Sine`.

  $$
  r = x + g y
  $$

  ## Torch

  A heading that wants the id of a tab.
std_args:
  - {name: x, type: Tensor, doc: "any `shape` </script><b>"}
  - {name: y, type: List<Tensor>}
  - {name: gain, type: float, default: 1.0}
  - {name: mode, type: str, default: fast}
return_type: Tensor
cases:
  - id: plain
    title: Plain </script><b>
    inputs: {x: [0.5, -1.0], y: [1.0, 2.0], gain: 2.0, mode: fast}
    expect: x + gain * y
    tolerance: {rtol: 1.0e-5, atol: 1.0e-6, reason: sums </script><b> are rounded}
    source: The book </script><b>
    differences:
      - frameworks: [fake_two]
        dtype: {result: float64}
        reason: Always `float64` </script><b>
  - id: second
    inputs: {x: [1.0], y: [2.0], gain: 1.0, mode: slow}
    expect: x + y
    differences:
      - {frameworks: [fake_two], dtype: {result: float64}, reason: always float64}
variants:
  fake:
    api: fakeframework.add
    args: {gain: alpha, mode: null}
    notes: |
      Adds </script><b>at once</b>, like {op}`Sine`.

      ### Notes may have headings

      And text after them.
  fake_two:
    example: |

      total = [a + gain * b for a, b in zip(x, y)]
      print("</script><b>\\tand\\x1b", "<i>" + mode)

      \t# a tab, and spaces at the end  \x20
      result = f2.vector(total)
  torch: {api: torch.add}
  numpy: {unsupported: no `sum` </script><b> here}
  jax:
    api: jax.numpy.add
    args: {mode: </script><b>}
    untestable: needs </script><b> hosts
  stablehlo: {api: "stablehlo.add</script><b>"}
  mlx: null
see_also: [Sine]
"""

SINE = """
operation: Sine
category: Trigonometry
std_args: [x]
cases:
  - id: plain
    inputs: {x: [0.5, -1.0]}
    expect: np.sin(x)
variants:
  fake: {api: fakeframework.sin}
"""

WRONG = """
operation: Wrong
cases:
  - id: plain
    inputs: {x: [0.5, -1.0]}
    expect: np.sin(x)
variants:
  fake:
    example:
      plain: |
        def call(value):
            raise ValueError("</script><b> is wrong")

        result = call(x)
  fake_two:
    example: |
      result = f2.exponential(x)
"""

INJECTED = """
operation: Injected
std_args:
  - {name: x, type: Tensor}
  - {name: y, type: Tensor}
cases:
  - id: plain
    inputs: {x: [0.5], y: [1.0]}
    expect: x - 2 * y
    differences:
      - {frameworks: [fake_two], dtype: {result: float64}, reason: always float64}
variants:
  fake:
    api: fakeframework.addd
    inject_args: {alpha: -2}
  fake_two:
    macro_template: "lambda x, y: f2.vector([a - 2 * b for a, b in zip(x, y)])"
"""


@pytest.fixture(scope="module")
def built(make_site, tmp_path_factory):
    """A site with a bit of everything, and what its build said."""
    site = make_site(tmp_path_factory.mktemp("pages") / "site")
    for name, text in [("mix", MIX), ("sine", SINE), ("wrong", WRONG), ("injected", INJECTED)]:
        site.write(name, text)
    return site, site.build("-n")


@pytest.fixture(scope="module")
def site(built):
    return built[0]


def find_records(site) -> dict[tuple[str, str, str], dict]:
    file = site.folder / "_build" / "ledger" / "ledger.sqlite"
    with sqlite3.connect(file) as ledger:
        bodies = [json.loads(row[0]) for row in ledger.execute("SELECT body FROM records")]
    return {(each["operation"], each["framework"], each["case"]): each for each in bodies}


def find_text(tag: Tag, selector: str) -> str:
    found = tag.select_one(selector)
    assert found is not None, selector
    return found.get_text(" ", strip=True)


def test_build_succeeds_and_says_what_held(built):
    _, result = built
    assert result.status == 0
    assert result.summary.startswith(
        "optabs: 6 verified, 1 differs, 2 failed, 2 not run, 2 unsupported, 2 untestable, 0 stale; "
        "executed 9, reused 0; "
    )


def test_tab_names_framework_api_strategy(site):
    panel = site.panel("ops/mix.html", "fake")
    assert find_text(panel, "h2").startswith("Fake")
    link = panel.select_one("a.optabs-api")
    assert link.code.text == "fakeframework.add"
    assert link["href"] == "https://fake.invalid/fakeframework/add.html"
    assert "Direct mapping" in find_text(panel, "dl")
    assert find_text(panel, ".optabs-head .optabs-badge") == "verified"


def test_tabs_stand_in_the_frameworks_order(site):
    anchors = [panel["id"] for panel in site.parse("ops/mix.html").select("section.optabs-panel")]
    assert anchors == ["torch", "jax", "mlx", "numpy", "stablehlo", "fake", "fake-two"]


def list_arguments(site, page: str) -> list[list[str]]:
    """The table of arguments: heads, then a row per argument."""
    table = site.parse(page).select_one("table[data-pair=arguments]")
    return [
        [" ".join(cell.get_text(" ", strip=True).split()) for cell in row.select("th, td")]
        for row in table.select("tr")
    ]


def test_mapping_says_what_becomes_of_each_argument(site):
    def describe(page):
        return " ".join(site.panel(page, "fake").select("dd")[2].get_text().split())

    assert describe("ops/mix.html") == "x, y, gain → alpha, mode is dropped"
    assert describe("ops/injected.html") == "x, y, alpha=-2 is added"


def test_arguments_of_all_frameworks_stand_side_by_side(site):
    labels = ["PyTorch", "JAX (Core)", "Apple MLX", "NumPy", "StableHLO", "Fake", "Fake Two"]
    assert list_arguments(site, "ops/mix.html") == [
        ["Here", *labels],
        ["x", "x", "x", "", "", "x", "x", ""],
        ["y", "y", "y", "", "", "y", "y", ""],
        ["gain", "gain", "gain", "", "", "gain", "alpha = 1", ""],
        ["mode", "mode", HOSTILE, "", "", "mode", "dropped", ""],
    ]
    assert list_arguments(site, "ops/injected.html")[-1] == ["added", "alpha=-2", ""]


def test_parity_names_every_framework_and_leads_to_its_tab(site):
    strip = site.parse("ops/mix.html").select_one(".optabs-parity")
    assert [" ".join(item.get_text(" ", strip=True).split()) for item in strip.select("b, a")] == [
        "cpu",
        "PyTorch not run",
        "JAX (Core) untestable",
        "Apple MLX unsupported",
        "NumPy unsupported",
        "StableHLO untestable",
        "Fake verified",
        "Fake Two verified",
    ]
    for link in strip.select("a"):
        assert site.panel("ops/mix.html", link["href"].removeprefix("#"))


def test_declared_differences_stand_together(site):
    (first, second) = site.parse("ops/mix.html").select(".optabs-declared li")
    assert first["data-frameworks"] == "fake_two"
    assert HOSTILE in first.get_text()
    assert "always float64" in second.get_text().lower()


@pytest.mark.parametrize("case", ["plain", "second"])
def test_snippet_is_byte_for_byte_what_ran(site, case):
    # The claim of a record is a hash of the framework, the code, the names and the device.
    from optabs.records import hash_parts

    for framework, anchor in [("fake", "fake"), ("fake_two", "fake-two")]:
        panel = site.panel("ops/mix.html", anchor)
        heading = panel.find(id=f"{anchor}-{case}")
        code = heading.find_parent("article").select_one("pre.highlight").get_text()
        ast.parse(code)
        record = find_records(site)["Mix", framework, case]
        assert record["claim"] == hash_parts(framework, code, ["result"], "cpu")
        assert record["outcome"] == "ok"


def test_output_is_what_was_printed(site):
    (first, second) = site.panel("ops/mix.html", "fake-two").select(".optabs-output samp")
    assert first.text == f"{HOSTILE}\tand␛ <i>fast\n"
    assert second.text == f"{HOSTILE}\tand␛ <i>slow\n"


def test_tab_says_what_ran_and_each_case_what_held(site):
    panel = site.panel("ops/mix.html", "fake")
    record = find_records(site)["Mix", "fake", "plain"]
    run = " ".join(panel.select("dd")[3].get_text().split())
    name = f" ({record['device_name']})" if record["device_name"] else ""
    python, day = record["python_version"], record["ran_at"][:10]
    assert run == f"Fake 1.0, Python {python}, on cpu{name}, {day}"
    first, second = (
        panel.find(id=f"fake-{case}").find_parent("article") for case in ("plain", "second")
    )
    assert re.fullmatch(
        r"verified · largest error \S+, allowed 1e-06 \+ 1e-05 × \|expected\| "
        r"\(.*\)",
        find_text(first, ".optabs-proof"),
    )
    assert f"sums {HOSTILE} are rounded" in find_text(first, ".optabs-reason")
    assert find_text(second, ".optabs-proof").startswith(
        "verified · largest error 0, allowed 1e-05 + 1.3e-06 × |expected| (float32"
    )


def test_case_shows_declared_difference_and_source(site):
    panel = site.panel("ops/mix.html", "fake-two")
    assert "result has dtype float64" in find_text(panel, ".optabs-differences")
    assert HOSTILE in find_text(panel, ".optabs-differences")
    assert not site.panel("ops/mix.html", "fake").select(".optabs-differences")
    assert f"The book {HOSTILE}" in find_text(panel, ".optabs-source")


def test_failing_tab_folds_a_traceback_with_the_lines_of_the_entry(site):
    panel = site.panel("ops/wrong.html", "fake")
    assert find_text(panel, ".optabs-head .optabs-badge") == "failed"
    assert find_text(panel, ".optabs-message") == f"ValueError: {HOSTILE} is wrong"
    details = panel.select_one("details")
    assert details.summary.text == "Traceback"
    assert not details.has_attr("open")
    call, raised = (
        site.find_line("wrong", text) for text in ("result = call(x)", "raise ValueError")
    )
    frames = re.findall(r'File "(.+)", line (\d+)', details.pre.text)
    assert frames == [("ops/wrong.yaml", str(call)), ("ops/wrong.yaml", str(raised))]


def test_differing_tab_says_actual_and_expected(site):
    panel = site.panel("ops/wrong.html", "fake-two")
    assert find_text(panel, ".optabs-head .optabs-badge") == "differs"
    message = find_text(panel, ".optabs-message")
    assert message.startswith("result has dtype float64, expected float32 ")
    assert "is 1.6487212707001282, expected 0.479425538604203" in message


def test_failures_are_warnings_at_their_lines(built):
    site, result = built
    folder = f"{site.folder}/ops/"
    lines = {
        "raise": site.find_line("wrong", "result = call(x)"),
        "differs": site.find_line("wrong", "    example: |"),
        "api": site.find_line("injected", "fakeframework.addd"),
    }
    starts = [
        f"wrong.yaml:{lines['raise']}: WARNING: failed Wrong, fake, case plain on cpu: "
        f"ValueError: {HOSTILE} is wrong",
        f"wrong.yaml:{lines['differs']}: WARNING: differs Wrong, fake_two, case plain on cpu: ",
        f"injected.yaml:{lines['api']}: WARNING: failed Injected, fake, case plain on cpu: ",
        f"injected.yaml:{lines['api']}: WARNING: no-such-api Injected: 'fakeframework.addd' "
        "does not exist",
    ]
    for start in starts:
        assert any(each.startswith(folder + start) for each in result.warnings), start
    assert len(result.warnings) == len(starts), result.warnings


def test_missing_api_has_no_link_and_names_the_nearest(site):
    panel = site.panel("ops/injected.html", "fake")
    assert panel.select_one("a.optabs-api") is None
    note = find_text(panel, ".optabs-api-note")
    assert "no such name in the installed Fake" in note
    assert note.endswith("nearest: fakeframework.add")


@pytest.mark.parametrize(
    ("anchor", "verdict", "reason"),
    [
        ("numpy", "unsupported", f"No sum {HOSTILE} here"),
        ("jax", "untestable", f"Needs {HOSTILE} hosts"),
        ("stablehlo", "untestable", "It has no Python runtime"),
        ("mlx", "unsupported", "has no such operation"),
        ("torch", "not run", "Not selected for this build (FRAMEWORKS)"),
    ],
)
def test_tab_without_a_run_says_why(site, anchor, verdict, reason):
    panel = site.panel("ops/mix.html", anchor)
    assert find_text(panel, ".optabs-head .optabs-badge") == verdict
    assert reason in panel.get_text(" ", strip=True).replace("  ", " ")
    assert not panel.select("[data-verdict=verified]")
    assert not re.search(r"\d{4}-\d\d-\d\d|Python 3", panel.get_text())


def test_macro_is_shown_as_strategy(site):
    panel = site.panel("ops/injected.html", "fake-two")
    assert "Macro 'lambda x, y: f2.vector(" in panel.get_text()


def test_description_is_myst(site):
    page = site.parse("ops/mix.html")
    assert [each.text for each in page.select(".math")][:1] == [r"\(x + g y\)"]
    assert "r = x + g y" in page.select_one("div.math").text
    links = [
        link["href"] for link in page.select("article a, .body a") if link.get_text() == "Sine"
    ]
    assert links == ["sine.html"] * 3  # description, notes, see also
    notes = site.panel("ops/mix.html", "fake").select_one(".optabs-notes")
    assert "And text after them." in notes.text
    assert notes.find(re.compile("h[3-6]")).text.startswith("Notes may have headings")


def test_signature_and_parameters(site):
    page = site.parse("ops/mix.html")
    assert find_text(page, ".optabs-signature-line").replace(" (", "(") == (
        "Mix( x: Tensor, y: List<Tensor>, gain: float = 1.0, mode: str = 'fast') -> Tensor"
    ).replace("( x", "(x")
    assert "also blend" in find_text(page, ".optabs-meta")
    table = find_text(page, ".optabs-parameters")
    assert f"any shape {HOSTILE}" in table.replace("  ", " ")
    assert "List<Tensor>" in table


def test_ids_are_unique(site):
    for page in ("mix", "sine", "wrong", "injected"):
        ids = [tag["id"] for tag in site.parse(f"ops/{page}.html").find_all(id=True)]
        assert len(ids) == len(set(ids)), page
        assert all(ids)
        assert not any(re.search(r"\s", each) for each in ids)


def test_nothing_of_an_entry_is_markup(site):
    for page in ("mix", "wrong", "injected"):
        html = site.read(f"ops/{page}.html")
        body = site.parse(f"ops/{page}.html").select_one("div.body")
        assert HOSTILE not in html
        assert all(
            each.find_parent(class_=["optabs-signature", "optabs-proof"])
            or "optabs-icon" in each.get("class", [])
            for each in body.select("b, i")
        )
    # The texts are there nevertheless.
    assert site.parse("ops/mix.html").select_one("div.body").get_text().count(HOSTILE) >= 12


def test_home_lists_the_ops_by_category(site):
    body = site.parse("index.html").select_one("div.body")
    assert [each.text for each in body.select("h2")] == [
        "Arithmetic 1",
        "Trigonometry 1",
        "Without a category 2",
    ]
    assert [link["href"] for link in body.select("h2 a")] == [
        f"ops/category/{name}.html" for name in ("arithmetic", "trigonometry", "without-a-category")
    ]
    assert [each.get_text() for each in body.select("li")] == ["Mix", "Sine", "Injected", "Wrong"]
    assert [link["href"] for link in body.select("li a")] == [
        f"ops/{name}.html" for name in ("mix", "sine", "injected", "wrong")
    ]


def test_style_and_script_come_where_they_are_needed(site):
    page = site.parse("ops/mix.html")
    (script,) = [each for each in page.select("script[src]") if "optabs.js" in each["src"]]
    assert script.find_parent("head") is not None
    assert not script.has_attr("defer")
    (style,) = [each for each in page.select("link[href]") if "optabs.css" in each["href"]]
    for address in (script["src"], style["href"]):
        assert (site.folder / "_build/html/ops" / address.partition("?")[0]).resolve().is_file()
    for name in ("genindex.html", "search.html"):
        assert "optabs.css" not in site.read(name)
    assert "optabs.js" not in site.read("index.html")
    assert "optabs.css" in site.read("index.html")  # it lists the ops


def test_inventory_and_search_know_the_ops(site):
    from sphinx.util.inventory import InventoryFile

    data = (site.folder / "_build/html/objects.inv").read_bytes()
    objects = InventoryFile.loads(data, uri="").data["op:op"]
    assert {name: item.uri for name, item in objects.items()} == {
        "Mix": "ops/mix.html#op-mix",
        "blend": "ops/mix.html#op-mix",
        "Sine": "ops/sine.html#op-sine",
        "Wrong": "ops/wrong.html#op-wrong",
        "Injected": "ops/injected.html#op-injected",
    }
    assert '"op:op"' in site.read("searchindex.js")


KEYS = {
    "case",
    "device",
    "verdict",
    "outcome",
    "reason",
    "framework_version",
    "python_version",
    "device_name",
    "drivers",
    "elsewhere",
    "is_evidence",
    "ran_at",
    "seconds",
    "max_abs_error",
    "max_rel_error",
    "rtol",
    "atol",
    "tolerance_source",
    "error",
}


def test_export_has_the_keys_of_the_design(site):
    export = json.loads(site.read("optabs.json"))
    assert list(export) == ["schema", "optabs_version", "frameworks", "ops"]
    for framework in export["frameworks"]:
        assert set(framework) == {"key", "name", "version", "devices"}
    for op in export["ops"]:
        assert set(op) == {"operation", "docname", "category", "variants"}
        for variant in op["variants"].values():
            assert set(variant) == {"strategy", "api", "api_exists", "verdicts"}
            assert variant["verdicts"]
            for verdict in variant["verdicts"]:
                assert set(verdict) == KEYS
    fake = next(each for each in export["frameworks"] if each["key"] == "fake")
    assert fake == {"key": "fake", "name": "Fake", "version": "1.0", "devices": ["cpu"]}


def test_export_agrees_with_the_pages(site):
    export = json.loads(site.read("optabs.json"))
    assert {op["operation"]: op["docname"] for op in export["ops"]} == {
        "Mix": "ops/mix",
        "Sine": "ops/sine",
        "Wrong": "ops/wrong",
        "Injected": "ops/injected",
    }
    for op in export["ops"]:
        for key, variant in op["variants"].items():
            panel = site.panel(f"{op['docname']}.html", key.replace("_", "-"))
            shown = [
                word.get_text(strip=True).replace(" ", "_")
                for word in panel.select(".optabs-proof b")
            ]
            said = [each["verdict"] for each in variant["verdicts"] if each["case"]]
            assert shown == said
            if variant["api"]:
                assert find_text(panel, ".optabs-api").startswith(variant["api"])
            for verdict in variant["verdicts"]:
                if verdict["ran_at"]:
                    assert verdict["ran_at"][:10] in panel.get_text()
