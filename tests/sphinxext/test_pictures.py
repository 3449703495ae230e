"""Pictures on pages: drawn of verified results, in light and dark, and of nothing else."""

from __future__ import annotations

import pytest

SINE = """
operation: Sine
std_args: [{name: x, type: Tensor}]
cases:
  - id: plot
    title: One wave
    inputs: {x: {linspace: [-3, 3], count: 64}}
    expect: np.sin(x)
    grad: true
    plot: curve
    differences: [{frameworks: [fake_two], dtype: {result: float64}, reason: wide by nature}]
variants:
  fake: {api: fakeframework.sin}
  fake_two: {example: result = f2.sine(x)}
"""

ADD = """
operation: Add
std_args: [x, y]
cases:
  - id: cells
    inputs: {x: [[1.0, -2.5], [3.0, 4.0]], y: [[1.0, 1.0], [1.0, 1.0]]}
    expect: x + y
    plot: grid
variants:
  fake: {api: fakeframework.add}
"""


@pytest.fixture
def waves(site):
    """A project with a curve and a grid."""
    site.write("sine", SINE)
    site.write("add", ADD)
    return site


def list_images(site):
    folder = site.folder / "_build/html/_images"
    return {file.name: file.read_bytes() for file in folder.glob("*")}


def test_a_curve_is_drawn_of_the_record(waves):
    result = waves.build("-n")
    assert result.count("verified") == 4, result.output
    page = waves.parse("ops/sine.html")
    figure = page.select_one("figure.optabs-picture")
    light, dark = figure.select("img")
    assert light["class"] == ["optabs-light", "dark-light"]
    assert dark["class"] == ["optabs-dark", "dark-light"]
    assert light["alt"] == dark["alt"]
    assert light["alt"].startswith(
        "Sine over x: from −0.141 at −3 to 0.141 at 3; lowest −1 at −1.5"
    )
    assert "crosses 0 at 0. Gradient over x: from −0.99 at −3" in light["alt"]
    assert figure.get_text(" ", strip=True).startswith(
        "One wave, 64 points: verified results of Fake; also verified: Fake Two; largest error"
    )
    assert "Its gradient: verified results of Fake; largest error" in figure.get_text()
    images = list_images(waves)
    for image in (light, dark):
        name = image["src"].removeprefix("../_images/")
        assert b">Sine</text>" in images[name] and b">gradient</text>" in images[name]
    assert figure.find_next(class_="optabs-parameters") is not None  # it stands before them


def test_tabs_show_of_a_drawn_case_only_what_is_wrong(waves):
    waves.build()
    assert waves.panel("ops/sine.html", "fake").select(".optabs-case") == []
    waves.edit("sine", "expect: np.sin(x)", "expect: np.sin(x) * (1 + 1e-4 * np.sin(9 * x) / 9)")
    waves.edit(
        "sine",
        "    plot: curve",
        "    plot: curve\n    tolerance: "
        "{rtol: 0.0, atol: 2.0e-5, reason: so that only the gradient differs}",
    )
    waves.build()
    panel = waves.panel("ops/sine.html", "fake")
    assert [each["id"] for each in panel.select("h3")] == ["fake-plot-gradient"]
    code = panel.select_one("pre.highlight").get_text()
    assert "x = ff.array(np.linspace(-3.0, 3.0, 64), dtype=ff.float32)" in code
    assert "print" not in code
    caption = waves.parse("ops/sine.html").select_one("figcaption").get_text()
    assert "Its gradient is not drawn, since no framework's is verified." in caption
    assert "Gradient" not in waves.parse("ops/sine.html").select_one("figure img")["alt"]


def test_a_result_that_differs_is_not_drawn(waves):
    waves.edit("sine", "fakeframework.sin", "fakeframework.cos")
    waves.build()
    caption = waves.parse("ops/sine.html").figure.get_text().strip()
    assert caption.startswith("One wave, 64 points: verified results of Fake Two; largest error")
    waves.edit("sine", "f2.sine", "f2.exponential")
    (waves.folder / "_build/html/_images").rename(waves.folder / "before")
    waves.build()
    page = waves.parse("ops/sine.html")
    assert page.select("figure") == []
    reason = "One wave: there is no picture, since no framework's results are verified."
    assert page.find(string=reason) is not None
    assert not [name for name in list_images(waves) if name.startswith("sine")]


def test_what_has_not_been_run_is_not_drawn(waves):
    waves.build(FRAMEWORKS="none")
    assert waves.parse("ops/sine.html").select("figure") == []


def test_a_framework_with_a_result_of_its_own_is_not_drawn(waves):
    waves.edit(
        "sine",
        "differences: [",
        "differences: [{frameworks: [fake], expect: {result: np.cos(x)}, reason: it is its own}, ",
    )
    waves.edit("sine", "fakeframework.sin", "fakeframework.cos")
    result = waves.build()
    assert "differs" not in "".join(
        each for each in result.warnings if "sine" in each and ", fake," in each
    )
    caption = waves.parse("ops/sine.html").figure.get_text().strip()
    assert caption.startswith("One wave, 64 points: verified results of Fake Two; largest error")


def test_a_grid_shows_inputs_and_result(waves):
    waves.build()
    figure = waves.parse("ops/add.html").select_one("figure")
    assert (
        figure.img["alt"]
        == "Cells of x: [1 −2.5], [3 4]; y: [1 1], [1 1]; result: [2 −1.5], [4 5]."
    )
    assert "cells: verified results of Fake; largest error 0." in figure.get_text()


def test_builds_give_the_same_bytes_and_a_build_without_changes_draws_nothing(
    waves, make_site, tmp_path
):
    waves.build_cleanly()
    images = list_images(waves)
    assert len(images) == 4
    cache = waves.folder / "_build/optabs-pictures"
    assert {file.name: file.read_bytes() for file in cache.iterdir()} == images
    times = {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    again = waves.build_cleanly("-j", "2")
    assert again.count("executed") == 0
    assert {file: file.stat().st_mtime_ns for file in cache.iterdir()} == times
    # A page that is written again takes what was drawn.
    for file in cache.iterdir():
        file.write_bytes(images[file.name].replace(b"</svg>", b"<!-- kept --></svg>"))
    waves.build_cleanly("-E", "-j", "2")
    assert all(b"kept" in content for content in list_images(waves).values())
    other = make_site(tmp_path / "other")
    other.write("sine", SINE)
    other.write("add", ADD)
    other.build_cleanly("-j", "2")
    assert list_images(other) == images


def test_without_a_picture_nothing_is_imported_to_draw(site):
    site.write("sine", SINE.replace("    plot: curve\n", ""))
    conf = site.folder / "conf.py"
    conf.write_text(
        conf.read_text() + "import sys\n"
        "def check(app, exception):\n    assert 'matplotlib' not in sys.modules\n"
        "def setup(app):\n    app.connect('build-finished', check)\n"
    )
    assert site.build().status == 0
    assert not (site.folder / "_build/optabs-pictures").exists()


def test_a_changed_picture_is_written(waves):
    waves.build()
    before = waves.list_times()
    waves.edit("sine", "One wave", "A wave")
    waves.build()
    after = waves.list_times()
    assert before["ops/sine.html"] != after["ops/sine.html"]
    assert before["ops/add.html"] == after["ops/add.html"]
    assert waves.parse("ops/sine.html").figure.get_text().strip().startswith("A wave, 64 points")


def test_latex_has_the_picture(waves):
    waves.build_cleanly(builder="latex")
    folder = waves.folder / "_build/latex"
    tex = next(folder.glob("*.tex")).read_text()
    (name,) = [file.name for file in folder.glob("sine-plot-light-*.pdf")]
    assert name.removesuffix(".pdf") in tex
    assert (folder / name).read_bytes().startswith(b"%PDF")


def test_epub_has_the_picture(waves):
    waves.build(builder="epub")
    names = [file.name for file in (waves.folder / "_build/epub/_images").iterdir()]
    assert len([name for name in names if name.startswith("sine-plot")]) == 2


@pytest.mark.parametrize("builder", ["text", "man", "texinfo"])
def test_other_builders_have_the_words(waves, builder):
    waves.configure(man_pages=[("index", "a", "b", "", 1), ("ops/sine", "sine", "b", "", 1)])
    waves.configure(texinfo_documents=[("index", "a", "a", "a", "a", "b", "c")])
    waves.build(builder=builder)
    folder = waves.folder / "_build" / builder
    text = " ".join("".join(f.read_text() for f in folder.rglob("*") if f.is_file()).split())
    assert "One wave, 64 points: verified results of Fake;" in text
    assert "Sine over x: from" in text


def test_one_page_of_all_has_every_picture(waves):
    waves.build_cleanly(builder="singlehtml")
    figures = waves.parse("index.html", "singlehtml").select("figure.optabs-picture")
    assert len({figure["id"] for figure in figures}) == 2
