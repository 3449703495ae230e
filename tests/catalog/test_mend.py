"""Mending: what has one right answer is mended in the text, and nothing else is touched."""

from __future__ import annotations

import json
import os
import random
import stat
from pathlib import Path

import pytest

from optabs.catalog.conventions import Conventions, list_entries, list_orders
from optabs.catalog.edits import order_keys
from optabs.catalog.mend import mend_file, mend_yaml
from optabs.catalog.source import parse_yaml
from optabs.cli import main
from optabs.errors import OptabsError
from optabs.frameworks import load_registry
from optabs.project import make_conventions

OPS = sorted((Path(__file__).parents[2] / "ops").glob("*.yaml"))
CONVENTIONS = Conventions(("torch", "numpy"), ("torch", "numpy", "stablehlo"))


def mend(text: str, conventions: Conventions | None = CONVENTIONS) -> tuple[str, list[str]]:
    mended, faults = mend_yaml(text.encode(), "f.yaml", conventions)
    return mended.decode(), [str(fault) for fault in faults]


def test_keys_are_ordered_with_their_comments() -> None:
    mended, faults = mend("""\
# About this file.

category: Elementwise  # where it stands
# Its name.
# In two lines.
operation: Square

variants:
    numpy:
        # Why not `power`.
        notes: |
          # no comment

          The end.

        # Its API.
        api: numpy.square
        # At the end.
    # The first tab.
    torch: {notes: 'a, {b}: c', api: torch.square}   # behind
cases:
- title: Both
  expect: x * x
  # The inputs.
  inputs: {y: [1], x: [2]}
  id: both
# The last line.
""")
    assert (
        mended
        == """\
# About this file.

# Its name.
# In two lines.
operation: Square

category: Elementwise  # where it stands
cases:
- id: both
  title: Both
  # The inputs.
  inputs: {y: [1], x: [2]}
  expect: x * x
# The last line.
variants:
    # The first tab.
    torch: {api: torch.square, notes: 'a, {b}: c'}   # behind
    numpy:
        # Its API.
        api: numpy.square
        # At the end.
        # Why not `power`.
        notes: |
          # no comment

          The end.

"""
    )
    assert faults == [
        "f.yaml:3:1: key-order the order is now operation, category, cases, variants",
        "f.yaml:9:5: framework-order the order is now torch, numpy",
        "f.yaml:11:9: key-order the order is now api, notes",
        "f.yaml:20:12: key-order the order is now api, notes",
        "f.yaml:22:3: key-order the order is now id, title, inputs, expect",
    ]
    assert mend(mended) == (mended, [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # A flow mapping over several lines keeps its breaks.
        (
            "std_args:\n  - {type: Tensor,\n     name: x, }\n",
            "std_args:\n  - {name: x,\n     type: Tensor, }\n",
        ),
        # No line break at the end of the file.
        ("variants: {}\noperation: A", "operation: A\nvariants: {}"),
        ("variants: {}\r\noperation: A", "operation: A\r\nvariants: {}"),
        ("variants: {}\r\noperation: A\r\n", "operation: A\r\nvariants: {}\r\n"),
        # Quotes, and an anchor that is still above its alias.
        ("'aliases': &a [b]\n\"operation\": A\n", "\"operation\": A\n'aliases': &a [b]\n"),
        # What an alias brings in again is ordered where it is written.
        (
            "variants:\n  torch: &t {notes: n, api: a}\n  numpy: *t\n",
            "variants:\n  torch: &t {api: a, notes: n}\n  numpy: *t\n",
        ),
        # In every entry of a list.
        (
            "- variants: {}\n  operation: A\n- variants: {}\n  operation: B\n",
            "- operation: A\n  variants: {}\n- operation: B\n  variants: {}\n",
        ),
        ("operation: A \nvariants: {}\t\n  \n", "operation: A\nvariants: {}\n\n"),
        # Space that YAML folds away, and space that it does not.
        ("description: 'one \n\n  two '\n", "description: 'one\n\n  two '\n"),
        ("\ufeffvariants: {}\noperation: A\n", "\ufeffoperation: A\nvariants: {}\n"),
    ],
)
def test_layout_stays(before: str, after: str) -> None:
    assert mend(before)[0] == after


@pytest.mark.parametrize(
    "text",
    [
        # The alias would stand above its anchor.
        "variants:\n  numpy: &n {api: a}\n  torch: *n\n",
        # Comments among the keys of a flow mapping.
        "std_args:\n  - {type: Tensor, # a, b\n     name: x}\n",
        # Space that is part of a text.
        "operation: A\ndescription: |\n  one \n  two\n",
        # A key of which nothing is known has no place.
        "zzz: 1\ncategory: b\noperation: A\n",
        # Keys in the long form.
        "? variants\n: {}\n? operation\n: A\n",
        # No entry at all.
        "operation: [\n",
        "5\n",
        "",
    ],
)
def test_what_cannot_be_mended_safely_is_left(text: str) -> None:
    assert mend(text) == (text, [])


def test_one_change_too_many_does_not_stop_the_others() -> None:
    text = "description: |\n  a \noperation: A \nvariants: {}\n"
    mended, faults = mend(text)
    assert mended == "operation: A\ndescription: |\n  a \nvariants: {}\n"
    assert [fault.split()[1] for fault in faults] == ["key-order", "trailing-space"]


def test_names_of_keys_are_mended_everywhere() -> None:
    mended, faults = mend(
        """\
operation: A
catgory: Elementwise
std_args: [{name: x, 'defalt': 1}]
cases: [{id: a, Title: t, tolerence: {rtol: 1, atol: 1, reson: r}}]
variants:
  torch: &t {appi: a}  # appi
  numpy: *t
""",
        None,
    )
    assert (
        mended
        == """\
operation: A
category: Elementwise
std_args: [{name: x, 'default': 1}]
cases: [{id: a, title: t, tolerance: {rtol: 1, atol: 1, reason: r}}]
variants:
  torch: &t {api: a}  # appi
  numpy: *t
"""
    )
    assert faults[0] == ("f.yaml:2:1: unknown-key the key 'catgory' of an entry is now `category`")
    assert len(faults) == 6


@pytest.mark.parametrize(
    "text",
    [
        "operation: A\ntest_tol: 1\n",  # test_rtol or test_atol
        "operation: A\noperatoin: B\n",  # both are there
        "operation: A\ncatgory: B\ncategry: C\n",  # one of them, but which?
        "operation: A\nalias: B\n",  # aliases are a list
        "operation: A\nsomething: 1\n",
        "operation: A\nvariants: {troch: {api: a}}\n",  # a framework may be missing, too
    ],
)
def test_a_key_that_may_mean_something_else_is_left(text: str) -> None:
    assert mend(text, None) == (text, [])


def test_values_are_written_as_they_were_meant() -> None:
    mended, faults = mend(
        """\
operation: A
description: 3.10  # version
aliases: Abs
cases:
  - {id: a, inputs: {x: {values: [1.0], dtype: int32}}, plot: Curve, equal_nan: "yes", grad: No}
  - {id: b, title: 12, expect: 1, tolerance: {rtol: '1e-3', atol: 0, reason: r}}
variants:
  torch: {api: torch.abs, min_version: 2.10, args: {x: true}}
""",
        None,
    )
    assert (
        mended
        == """\
operation: A
description: "3.10"  # version
aliases: [Abs]
cases:
  - {id: a, inputs: {x: {values: [1.0], dtype: int32}}, plot: curve, equal_nan: true, grad: false}
  - {id: b, title: "12", expect: 1, tolerance: {rtol: 1e-3, atol: 0, reason: r}}
variants:
  torch: {api: torch.abs, min_version: "2.10", args: {x: "true"}}
"""
    )
    assert faults[:2] == [
        "f.yaml:2:14: wrong-type `description` is now the text '3.10'",
        "f.yaml:3:10: wrong-type `aliases` is now a list",
    ]
    assert len(faults) == 9


@pytest.mark.parametrize(
    "text",
    [
        "operation: A\ndescription:\n",  # what should it say?
        "operation: A\ncases: [{id: a, grad: perhaps}]\n",
        "operation: A\ncases: [{id: a, inputs: {x: {values: [1], dtype: float}}}]\n",
        "operation: A\ncases: [{id: a, tolerance: {rtol: about 1, atol: 0, reason: r}}]\n",
        "operation: A\ncases: [{id: a, tolerance: {rtol: -1, atol: 0, reason: r}}]\n",
        "operation: A\naliases: a, b\n",  # one name, or two?
        "operation: A\nvariants: {torch: {unsupported: true}}\n",  # why?
        "operation: A\nsee_also: [&o 1]\ncases: [{id: a, expect: *o}]\n",  # both would change
    ],
)
def test_a_value_that_may_mean_something_else_is_left(text: str) -> None:
    assert mend(text, None) == (text, [])


def test_without_conventions_only_faults_of_the_format_are_mended() -> None:
    text = "variants: {}\noperation: A \n"
    assert mend(text, None) == (text, [])


@pytest.mark.parametrize("file", OPS[::20], ids=lambda file: file.stem)
def test_a_shuffled_entry_becomes_what_it_was(file: Path) -> None:
    conventions = make_conventions(load_registry())
    chance = random.Random(file.stem)
    text = file.read_text(encoding="utf-8")
    document = parse_yaml(text.encode(), file.name)
    before = json.dumps(document.data, sort_keys=True)
    shuffled = text
    paths = [
        at
        for path, entry in list_entries(document.data)
        for at, *_ in list_orders(path, entry, conventions.order)
    ]
    for path in paths:
        layout = document.find_layout(path)
        assert layout
        keys = chance.sample([*layout.keys], len(layout.keys))
        edit = order_keys(document, path, keys)
        assert edit, path
        changed = shuffled[: edit.start] + edit.text + shuffled[edit.end :]
        moved = parse_yaml(changed.encode(), file.name)
        if not moved.faults:  # else an alias stands above its anchor now
            shuffled, document = changed, moved
            assert json.dumps(document.data, sort_keys=True) == before
    assert shuffled != text
    mended, faults = mend_yaml(shuffled.encode(), file.name, conventions)
    assert mended.decode() == text
    assert faults


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "a.yaml").write_text("operation: A\nvarients: {}\n")
    (tmp_path / "ops" / "b.yaml").write_text("operation: B\nvariants: {}\nsee_also: [C]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_says_what_it_mended(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--fix"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "ops/a.yaml:2:1: mended unknown-key the key 'varients' of an entry is now `variants`",
        "ops/b.yaml:3:12: unknown-op `see_also` names 'C', which is not in the catalogue "
        "(add the op, or remove the name)",
        "optabs: 2 entries, 1 fault, 1 mended",
    ]
    assert (site / "ops" / "a.yaml").read_text() == "operation: A\nvariants: {}\n"
    assert main(["check", "--fix", "ops/a.yaml"]) == 0
    assert capsys.readouterr().out == "optabs: 1 entry, 0 faults\n"


def test_programs_hear_of_it_too(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--fix", "--format", "json", "ops/a.yaml"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [fault["code"] for fault in found["mended"]] == ["unknown-key"]
    (site / "ops" / "a.yaml").write_text("operation: A\nvarients: {}\n")
    assert main(["check", "--fix", "--format", "github", "ops/a.yaml"]) == 0
    assert capsys.readouterr().out.startswith("::notice file=ops/a.yaml,line=2,col=1,title=")


def test_without_fix_nothing_is_written(site: Path) -> None:
    before = (site / "ops" / "a.yaml").read_bytes()
    assert main(["check"]) == 1
    assert (site / "ops" / "a.yaml").read_bytes() == before


def test_a_file_that_is_right_is_not_touched(site: Path) -> None:
    file = site / "ops" / "b.yaml"
    os.utime(file, (1, 1))
    assert main(["check", "--fix"]) == 1
    assert file.stat().st_mtime == 1


def test_mode_and_link_of_a_file_stay(site: Path) -> None:
    file, link = site / "ops" / "a.yaml", site / "ops" / "link.yaml"
    file.rename(site / "real.yaml")
    (site / "real.yaml").chmod(0o640)
    link.symlink_to(site / "real.yaml")
    assert mend_file(link, site, None)
    assert link.is_symlink()
    assert stat.S_IMODE((site / "real.yaml").stat().st_mode) == 0o640
    assert "variants" in link.read_text()
    assert sorted(path.name for path in site.iterdir()) == ["ops", "real.yaml"]


def test_a_file_that_cannot_be_replaced_stays_whole(site: Path) -> None:
    file = site / "ops" / "a.yaml"
    (site / "ops" / ".a.yaml.new").mkdir()  # nothing can be written under this name
    before = file.read_bytes()
    with pytest.raises(OptabsError, match=r"cannot write .*/\.a\.yaml\.new"):
        mend_file(file, site, None)
    assert file.read_bytes() == before
