"""What is wrong in an entry is said at its place, and costs no more than it must."""

from __future__ import annotations

import pytest

GOOD = """
operation: Good
cases:
  - {id: plain, inputs: {x: [0.5]}, expect: np.sin(x)}
variants:
  fake: {api: fakeframework.sin}
std_args: [x]
"""

INVALID = """
operation: Invalid
description: [unclosed
variants:
  fake: {api: fakeframework.sin}
"""

NOT_AN_ENTRY = "- 1\n- two\n"

FAULTY_VARIANT = """
operation: HalfBroken
std_args: [x]
cases:
  - {id: plain, inputs: {x: [0.5]}, expect: np.sin(x)}
variants:
  fake: {api: fakeframework.sin}
  fake_two:
    exmaple: result = f2.sine(x)
"""

FAULTY_CASE = """
operation: CaseBroken
std_args: [x]
cases:
  - {id: plain, inputs: {x: [0.5]}, expect: np.sin(x)}
  - {id: Not An Id, inputs: {x: [0.5]}, expect: np.sin(x)}
variants:
  fake: {api: fakeframework.sin}
"""

BAD_MYST = """
operation: BadText
description: |
  Good text.

  A {nosuchrole}`role`, and {op}`NoSuchOp`.
variants:
  fake:
    untestable: only text here
    notes: |
      One line.

      ```{nosuchdirective}
      ```
"""

HOSTILE = """
operation: </script><b>
aliases: ["</script><b>too"]
category: </script><b>
op_type: function
std_args:
  - {name: </script><b>, type: </script><b>, default: "</script><b>"}
return_type: </script><b>
variants:
  fake: {api: </script><b>.sin, args: {</script><b>: </script><b>}, untestable: why}
  </script><b>: {api: x}
see_also: [</script><b>more]
"""

LIST = """
- operation: First
  variants: {fake: {untestable: why}}
- operation: Second
  variants: {fake: {untestable: why}}
"""


@pytest.fixture(scope="module")
def built(make_site, tmp_path_factory):
    """A site in which nearly everything is wrong."""
    site = make_site(tmp_path_factory.mktemp("faults") / "site")
    site.write("good", GOOD)
    site.write("invalid", INVALID)
    site.write("nothing", NOT_AN_ENTRY)
    site.write("empty", "")
    site.write("halfbroken", FAULTY_VARIANT)
    site.write("casebroken", FAULTY_CASE)
    site.write("badtext", BAD_MYST)
    site.write("list", LIST)
    site.write("hostile", HOSTILE)
    site.write("twin", GOOD.replace("Good", "Twin"))
    site.write("twintoo", GOOD.replace("Good", "Twin"))
    (site.folder / "ops/latin.yaml").write_bytes("operation: Größe\n".encode("latin-1"))
    return site, site.build()


@pytest.fixture(scope="module")
def site(built):
    return built[0]


def find_warnings(built, name: str) -> list[str]:
    site, result = built
    start = f"{site.folder}/ops/{name}.yaml:"
    return [each.removeprefix(start) for each in result.warnings if each.startswith(start)]


def read_notice(site, page: str) -> str:
    notice = site.parse(f"ops/{page}.html").select_one(".optabs-notice")
    assert notice is not None
    return notice.get_text(" ", strip=True)


def test_build_succeeds_and_every_warning_has_its_place(built):
    site, result = built
    assert result.status == 0
    for warning in result.warnings:
        assert warning.startswith(f"{site.folder}/ops/"), warning
        assert ".yaml:" in warning


def test_good_entries_are_unaffected(site):
    for page in ("good", "casebroken"):
        badge = site.panel(f"ops/{page}.html", "fake").select_one(".optabs-badge")
        assert badge["data-verdict"] == "verified"
    assert site.parse("ops/good.html").select_one(".optabs-notice") is None


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("invalid", 2, "ops/invalid.yaml:"),
        ("nothing", 1, "an entry is a mapping"),
        ("empty", 1, "ops/empty.yaml:1"),
        ("latin", 1, "UTF-8"),
    ],
)
def test_unreadable_entry_has_a_page_that_says_so(built, name, line, said):
    site, _ = built
    warnings = find_warnings(built, name)
    assert warnings
    assert int(warnings[0].partition(":")[0]) in (line, line + 1)
    notice = read_notice(site, name)
    assert "This entry has errors and cannot be shown" in notice
    assert said in notice
    # The page says what the warning says.
    assert warnings[0].partition("WARNING: ")[2].rpartition(" [")[0].split(" (")[0] in notice
    assert site.parse(f"ops/{name}.html").select_one("h1").get_text().startswith(name)


def test_faulty_entries_are_listed_apart(site):
    home = site.parse("index.html").select_one("div.body")
    assert [each.text for each in home.select("h2 a")][1:] == ["Without a category"]
    assert [each.text for each in home.select("p.rubric")] == ["Entries with errors"]
    items = [item.get_text() for item in home.select("ul")[-1].select("li")]
    assert items == ["empty", "invalid", "latin", "nothing"]
    assert [link["href"] for link in home.select("ul")[-1].select("a")] == [
        f"ops/{name}.html" for name in ("empty", "invalid", "nothing")
    ]


def test_faulty_variant_costs_one_tab(built):
    site, _ = built
    line = site.find_line("halfbroken", "exmaple")
    (warning, failure) = find_warnings(built, "halfbroken")
    assert warning.startswith(f"{line}: WARNING: unknown-key ")
    assert "did you mean 'example'?" in warning
    assert "the entry has errors here" in failure
    page = "ops/halfbroken.html"
    assert "exmaple" in site.panel(page, "fake-two").select_one(".optabs-message").text
    assert f"ops/halfbroken.yaml:{line}" in site.panel(page, "fake-two").text
    assert "exmaple" not in site.panel(page, "fake").text
    assert site.panel(page, "fake").select_one(".optabs-badge")["data-verdict"] == "verified"
    assert site.panel(page, "fake-two").select_one(".optabs-badge")["data-verdict"] == "failed"
    # It is said once on the page.
    assert site.parse(page).select_one(".optabs-notice") is None


def test_faulty_case_costs_that_case(built):
    site, _ = built
    (warning,) = find_warnings(built, "casebroken")
    assert "'Not An Id' is no case id" in warning
    assert "'Not An Id' is no case id" in read_notice(site, "casebroken")
    assert len(site.panel("ops/casebroken.html", "fake").select(".optabs-case")) == 1


def test_two_ops_of_one_name_have_a_page_each(built):
    site, _ = built
    warnings = find_warnings(built, "twin") + find_warnings(built, "twintoo")
    assert len(warnings) == 1
    assert "duplicate-op" in warnings[0]
    for page in ("twin", "twintoo"):
        badge = site.panel(f"ops/{page}.html", "fake").select_one(".optabs-badge")
        assert badge["data-verdict"] == "verified"
    links = site.parse("index.html").select("div.body li a")
    assert [link["href"] for link in links if link.text == "Twin"] == [
        "ops/twin.html",
        "ops/twintoo.html",
    ]


def test_myst_warnings_have_the_lines_of_the_entry(built):
    site, _ = built
    warnings = find_warnings(built, "badtext")
    wanted = [
        (site.find_line("badtext", "nosuchrole"), "nosuchrole"),
        (site.find_line("badtext", "nosuchdirective"), "nosuchdirective"),
        (site.find_line("badtext", "NoSuchOp"), "there is no op 'NoSuchOp'"),
    ]
    for line, text in wanted:
        assert [each for each in warnings if each.startswith(f"{line}: ") and text in each], text
    assert len(warnings) == len(wanted), warnings


def test_list_of_entries_shows_its_first_and_says_so(built):
    site, _ = built
    (warning,) = find_warnings(built, "list")
    assert warning.startswith(f"{site.find_line('list', 'Second')}: WARNING: no-page 'Second'")
    assert site.parse("ops/list.html").select_one("h1").get_text().startswith("First")
    assert "'Second' is not the first op of its file" in read_notice(site, "list")


def test_nothing_of_a_faulty_entry_is_markup(built):
    site, _ = built
    assert find_warnings(built, "hostile")
    for page in ("ops/hostile.html", "index.html", "genindex.html"):
        assert "</script><b>" not in site.read(page)
    assert "</script><b>" in site.parse("ops/hostile.html").select_one("h1").get_text()
    assert "</script><b>" in site.parse("index.html").select_one("div.body").get_text()


def test_mended_entry_is_shown(built):
    site, _ = built
    (site.folder / "ops/latin.yaml").write_text("operation: Size\nvariants: {fake: null}\n")
    site.write("empty", "operation: Full\nvariants: {fake: null}\n")
    site.build()
    assert site.parse("ops/latin.html").select_one("h1").get_text().startswith("Size")
    assert site.parse("ops/empty.html").select_one("h1").get_text().startswith("Full")
    names = [each.get_text() for each in site.parse("index.html").select(".optabs-names a")]
    assert {"Size", "Full"} <= {*names}
