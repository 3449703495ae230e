"""Reading and writing side by side gives the same pages."""

from __future__ import annotations

import re

import pytest

NAMES = [f"op{number:02}" for number in range(14)]  # Sphinx reads fewer one after the other


def write_ops(site) -> None:
    for number, name in enumerate(NAMES):
        site.write(
            name,
            f"""
            operation: {name.title()}
            aliases: [alias-{name}]
            category: {"AB"[number % 2]}
            description: About $x^{number}$ and {{op}}`{NAMES[number - 1].title()}`.
            std_args: [x]
            cases:
              - {{id: plain, inputs: {{x: [0.5, {number}.0]}}, expect: np.sin(x)}}
            variants:
              fake: {{api: fakeframework.sin, notes: "Like {{op}}`alias-{NAMES[number - 2]}`."}}
            see_also: [{NAMES[number - 3].title()}]
            """,
        )
    site.write("latin1", "")
    (site.folder / "ops/latin1.yaml").write_bytes(b"operation: Gr\xf6\xdfe\n")


def read_pages(site) -> dict[str, str]:
    folder = site.folder / "_build/html"
    times = re.compile(r" · under 0\.01 s| · \d+\.\d\d s")
    return {
        file.relative_to(folder).as_posix(): times.sub("", file.read_text())
        for file in sorted(folder.rglob("*.html"))
    }


@pytest.fixture(scope="module")
def built(make_site, tmp_path_factory):
    """A project that was built side by side, and what was said."""
    site = make_site(tmp_path_factory.mktemp("parallel") / "site")
    write_ops(site)
    return site, site.build("-n", "-j", "2")


def test_parallel_build_equals_serial_build(built, make_site, tmp_path):
    other, parallel = built
    site = make_site(tmp_path / "site")
    write_ops(site)
    serial = site.build("-n", "-j", "1")
    assert serial.status == parallel.status == 0
    assert re.search(r"reading sources.* ops/op\d+ \.\. ops/op\d+", parallel.output)
    (first,), (second,) = serial.warnings, parallel.warnings
    assert first.replace(str(site.folder), str(other.folder)) == second
    assert (serial.count("verified"), parallel.count("verified")) == (14, 14)
    pages = read_pages(site)
    assert len(pages) >= 17
    assert read_pages(other) == pages
    for name in ("objects.inv", "searchindex.js"):
        files = [each.folder / "_build/html" / name for each in (site, other)]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_parallel_build_knows_what_it_has_done(built):
    site, _ = built
    before = site.list_times()
    del before["ops/latin1.html"]  # Sphinx cannot read it, so every build writes it
    second = site.build("-j", "2")
    assert (second.count("executed"), second.count("reused")) == (0, 14)
    now = site.list_times()
    assert {name: now[name] for name in before} == before
    site.edit("op03", "About", "Now about")
    site.edit("op04", "0.5", "0.25")
    third = site.build("-j", "2")
    assert (third.count("executed"), third.count("reused")) == (1, 13)
    now = site.list_times()
    changed = {name for name in before if now[name] != before[name]}
    lists = {"index.html", "ops/a-z.html", "ops/category/a.html", "ops/category/b.html"}
    assert changed == {"ops/op03.html", "ops/op04.html", *lists}
    (site.folder / "ops/op05.yaml").unlink()
    fourth = site.build("-j", "2")
    assert fourth.count("executed") == 0
    assert any("there is no op 'Op05'" in each for each in fourth.warnings)
    assert any("there is no op 'alias-op05'" in each for each in fourth.warnings)
