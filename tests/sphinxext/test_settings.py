"""Settings, variables, folders: what they change, and what is said where they are wrong."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess


def find_badge(site, anchor="fake", page="ops/sine.html"):
    return site.panel(page, anchor).select_one(".optabs-badge")["data-verdict"]


def check_error(result, *parts: str) -> None:
    """The build was ended by an error for a person."""
    assert result.status == 2
    (error,) = result.warnings
    assert error.startswith("ERROR: optabs: ")
    for part in parts:
        assert part in error
    assert "Traceback" not in error
    assert "Traceback" not in result.output


# --- FRAMEWORKS and environments ------------------------------------------------------------------


def test_frameworks_narrow_the_set(sine):
    sine.edit("sine", "variants:", "variants:\n  fake_two: {api: faketwo.sine}")
    sine.edit(
        "sine",
        "    expect: np.sin(x)",
        "    expect: np.sin(x)\n"
        "    differences: [{frameworks: [fake_two], dtype: {result: float64}, reason: wide}]",
    )
    result = sine.build_cleanly(FRAMEWORKS="none")
    assert (result.count("executed"), result.count("not run")) == (0, 2)
    assert find_badge(sine) == "not_run"
    result = sine.build_cleanly(FRAMEWORKS="fake")
    assert (result.count("executed"), result.count("not run")) == (1, 1)
    assert find_badge(sine) == "verified"
    assert find_badge(sine, "fake-two") == "not_run"
    assert "Not selected for this build" in sine.panel("ops/sine.html", "fake-two").get_text()
    assert "not run: fake_two: not selected for this build (FRAMEWORKS)" in result.output
    # Those that are not selected keep what is known of them.
    result = sine.build_cleanly(FRAMEWORKS="fake_two")
    assert (result.count("executed"), result.count("verified")) == (1, 2)


def test_unknown_framework(sine):
    check_error(sine.build(FRAMEWORKS="fake fkae"), "'fkae'", "did you mean 'fake'?")
    assert not (sine.folder / "_build/html").exists() or not list(
        (sine.folder / "_build/html").rglob("*.html")
    )


def test_missing_environment_is_said_and_breaks_nothing(sine, tmp_path):
    result = sine.build_cleanly("-W", OPTABS_ENVIRONMENTS=str(tmp_path / "none"))
    reason = 'the environment "fake" is not installed: run `optabs envs`'
    assert result.count("not run") == 1
    assert f"optabs: not run: fake: {reason}" in result.output
    assert find_badge(sine) == "not_run"
    said = sine.panel("ops/sine.html", "fake").get_text(" ", strip=True)
    assert 'The environment "fake" is not installed: run optabs envs' in said


def test_broken_environment_is_said_and_breaks_nothing(sine, tmp_path):
    root = tmp_path / "environments"
    shutil.copytree(sine.variables["OPTABS_ENVIRONMENTS"], root, symlinks=True)
    for stamp in root.glob("*/optabs-environment.json"):
        text = stamp.read_text().replace(sine.variables["OPTABS_ENVIRONMENTS"], str(root))
        stamp.write_text(text)
        for package in stamp.parent.glob("lib/python*/site-packages/fakeframework"):
            shutil.rmtree(package)
    result = sine.build_cleanly(OPTABS_ENVIRONMENTS=str(root))
    assert result.count("not run") == 1
    assert "No module named 'fakeframework'" in result.output
    assert "No module named 'fakeframework'" in sine.panel("ops/sine.html", "fake").get_text()


def test_framework_of_the_project_itself(make_site, tmp_path):
    site = make_site(tmp_path / "site")
    shutil.copytree(site.variables["OPTABS_FRAMEWORKS"], site.folder / "more")
    site.edit("conf.py", "optabs_inventories", 'optabs_frameworks = ["more"]\noptabs_inventories')
    site.write(
        "sine",
        "operation: Sine\nstd_args: [x]\n"
        "cases: [{id: plain, inputs: {x: [0.5]}, expect: np.sin(x)}]\n"
        "variants:\n  fake: {api: fakeframework.sin}\n",
    )
    assert site.build_cleanly(OPTABS_FRAMEWORKS=None).count("verified") == 1


def test_time_limit(sine):
    sine.write(
        "slow",
        """
        operation: Slow
        cases:
          - {id: plain, inputs: {x: [0.5]}, expect: x}
        variants:
          fake:
            example: |
              import time
              time.sleep(60)
              result = x
        """,
    )
    sine.configure(optabs_time_limit=0.5, optabs_fail_on=[])
    assert sine.build_cleanly().count("failed") == 1
    assert "it ran longer than 0.5 s" in sine.panel("ops/slow.html", "fake").get_text()
    sine.configure(optabs_time_limit=0)
    check_error(sine.build(), "optabs_time_limit is 0", "seconds")


# --- the catalogue's folder -----------------------------------------------------------------------


def test_yaml_outside_the_catalogue_is_never_claimed(sine):
    for name in (
        "openapi.yaml",
        "data/numbers.yaml",
        "data/sub/a b [1] (x)?*.yaml",
        "data/ops/inner.yaml",
        "opsy/entry.yaml",
        "_static/kept.yaml",
        "ops/_drafts/draft.yaml",
        "ops/_template.yaml",
        "ops/.hidden.yaml",
        "ops/excluded/later.yaml",
    ):
        path = sine.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("operation: [not, an, entry\n")
    sine.configure(html_static_path=["_static"], html_extra_path=["data"])
    sine.configure(exclude_patterns=["ops/excluded"])
    result = sine.build_cleanly("-W")
    assert result.count("verified") == 1
    pages = {path for path in sine.list_times() if not path.startswith("_static")}
    lists = {"ops/a-z.html", "ops/category/trigonometry.html"}
    assert pages - lists == {"index.html", "ops/sine.html"}
    assert "later" not in sine.read("index.html")
    # They are served where the project wants them served.
    html = sine.folder / "_build/html"
    assert (html / "_static/kept.yaml").exists()
    assert (html / "numbers.yaml").exists()
    assert (html / "sub/a b [1] (x)?*.yaml").exists()


def test_catalogue_in_subfolders_and_of_another_name(sine):
    (sine.folder / "ops").rename(sine.folder / "catalogue of ops")
    deep = sine.folder / "catalogue of ops/deep er"
    deep.mkdir()
    (sine.folder / "catalogue of ops/sine.yaml").rename(deep / "sine.yaml")
    sine.configure(optabs_catalog="catalogue of ops")
    assert sine.build_cleanly("-W").count("verified") == 1
    assert find_badge(sine, page="catalogue of ops/deep er/sine.html") == "verified"
    assert "catalogue%20of%20ops/deep%20er/sine.html" in sine.read("index.html")


def test_catalogue_behind_a_link(sine, tmp_path):
    (sine.folder / "ops").rename(tmp_path / "elsewhere")
    (sine.folder / "ops").symlink_to(tmp_path / "elsewhere")
    assert sine.build_cleanly("-W").count("verified") == 1
    assert find_badge(sine) == "verified"


def test_missing_and_misplaced_catalogue(sine):
    shutil.rmtree(sine.folder / "ops")
    check_error(sine.build(), f"there is no catalogue at {sine.folder}/ops", "optabs_catalog")
    sine.configure(optabs_catalog="../elsewhere")
    check_error(sine.build(), "'../elsewhere', outside of", "source folder")


def test_empty_catalogue(sine):
    (sine.folder / "ops/sine.yaml").unlink()
    result = sine.build_cleanly("-W")
    assert result.summary.startswith("optabs: 0 verified, 0 differs")


def test_folders_with_spaces_and_other_letters(make_site, tmp_path):
    site = make_site(tmp_path / "ein Ordner – größer 日本")
    site.write(
        "größe",
        "operation: Sine\nstd_args: [x]\n"
        "cases: [{id: plain, title: 正弦, inputs: {x: [0.5]}, expect: np.sin(x)}]\n"
        "variants:\n"
        "  fake: {api: fakeframework.sin}\n"
        '  fake_two:\n    example: |\n      raise ValueError("größer 日本")\n',
    )
    result = site.build()
    assert result.status == 0
    line = site.find_line("größe", "raise")
    # A file's name must suit addresses everywhere; its page is made nevertheless.
    assert sorted(each.partition("WARNING: ")[2].split()[0] for each in result.warnings) == [
        "failed",
        "unsafe-page",
    ]
    assert any(
        each.startswith(f"{site.folder}/ops/größe.yaml:{line}: WARNING: failed")
        for each in result.warnings
    )
    assert find_badge(site, page="ops/größe.html") == "verified"
    assert "正弦" in site.read("ops/größe.html")
    assert "größer 日本" in site.panel("ops/größe.html", "fake-two").get_text()


# --- folders that cannot be written ---------------------------------------------------------------


def obey_permissions() -> None:
    """Let root, too, write only where permissions allow it: without CAP_DAC_OVERRIDE."""
    if os.geteuid() == 0:
        assert ctypes.CDLL(None).prctl(24, 1, 0, 0, 0) == 0


def test_source_that_cannot_be_written(sine, tmp_path):
    output = tmp_path / "output"
    output.mkdir()

    def build():
        command = sine.prepare((), "html", {"FRAMEWORKS": "none"})
        command["args"][-1] = str(output / "html")
        command["args"][command["args"].index("_build/doctrees")] = str(output / "doctrees")
        return subprocess.run(
            **command, preexec_fn=obey_permissions, capture_output=True, check=False
        )

    sine.folder.chmod(0o555)
    try:
        done = build()
        assert done.returncode == 2
        assert f"ERROR: optabs: cannot open the ledger {sine.folder}/_build/ledger" in done.stderr
        assert "Traceback" not in done.stderr
        # The way out that it names:
        assert "optabs_build" in done.stderr
        sine.configure(optabs_build=str(output / "optabs"))
        done = build()
        assert (done.returncode, done.stderr) == (0, "")
        assert (output / "optabs/ledger/ledger.sqlite").exists()
    finally:
        sine.folder.chmod(0o755)


def test_ledger_where_a_file_is(sine):
    (sine.folder / "_build").mkdir()
    (sine.folder / "_build/ledger").write_text("in the way")
    check_error(sine.build(), "cannot open the ledger", "optabs_build")


def test_damaged_ledger_is_set_aside(sine):
    (sine.folder / "_build/ledger").mkdir(parents=True)
    (sine.folder / "_build/ledger/ledger.sqlite").write_bytes(b"no database" * 1000)
    result = sine.build()
    (warning,) = result.warnings
    assert "the ledger was damaged" in warning
    assert result.count("verified") == 1
    assert sine.build_cleanly().count("reused") == 1
