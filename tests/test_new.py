"""Tests of `optabs new`: what it drafts, what it says of it, and what it refuses."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optabs.apis import ApiFact, ApiParameter
from optabs.catalog.compose import EntryText, compose_entry
from optabs.catalog.conventions import LONGEST_LINE
from optabs.draft.calls import Argument, Form, Way
from optabs.draft.choice import Choice
from optabs.draft.lookup import Api
from optabs.draft.names import Glossary, name_operation, read_glossary, spell_name
from optabs.draft.options import NEVER_OPTIONS, find_options
from optabs.errors import OptabsError
from optabs.project import Project, open_project
from optabs.run.environments import get_python

ROOT = Path(__file__).parent.parent
COSINE = """
operation: Cosine
aliases: [Cos]
category: Waves
std_args:
  - {name: x, type: Tensor, doc: an angle}
  - {name: axis, type: int, default: 0}
reference: |
  def cosine(x):
      return np.cos(x)
cases:
  - id: angles
    title: Two angles
    inputs: {x: [0.5, 1.0]}
    expect: cosine(x)
  - id: zero
    title: The top
    inputs: {x: {values: [0.0], dtype: float64}}
    expect: [1.0]
variants:
  fake: {api: fakeframework.cos}
  fake_two: {api: faketwo.cosine, args: {axis: dim}}
"""


@pytest.fixture
def site(project: Callable[..., Any], tmp_path: Path) -> Any:
    made = project(tmp_path / "site")
    made.write("cosine", COSINE)
    return made


def draft(site: Any, *arguments: object, **variables: str | None) -> str:
    """Draft an op; returns what was said on standard output."""
    done = site.run("new", *arguments, **variables)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return str(done.stdout)


def refuse(site: Any, *arguments: object, **variables: str | None) -> str:
    """Ask for a draft that is refused; returns the message. Nothing may be written."""
    before = sorted(site.folder.glob("ops/**/*"))
    done = site.run("new", *arguments, **variables)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    assert sorted(site.folder.glob("ops/**/*")) == before
    return str(done.stderr)


def read_section(said: str, title: str) -> str:
    """Return what stands below a title."""
    assert f"\n{title}:\n" in said, said
    return said.partition(f"\n{title}:\n")[2].partition("\n\n")[0]


# --- what is drafted ------------------------------------------------------------------------------


def test_what_exists_is_written_run_and_told_from_what_is_guessed(site: Any) -> None:
    said = draft(site, "absolute")
    assert said.startswith("ops/absolute.yaml: a draft of Absolute\n")
    sure = read_section(said, "sure, since it was looked up and run").splitlines()
    assert " ".join(sure[-2].split()) == (
        "fake fakeframework.absolute exists; its own output is the oracle in 2 of 2 cases"
    )
    assert sure[-1].split() == ["fake_two", "-", "nothing", "of", "the", "name"]
    guessed = read_section(said, "guessed, so check it")
    assert "the oracle of `signs`, `not-finite`: what fake gave" in guessed
    assert "the inputs of `signs`, `not-finite`" in guessed
    assert "fake_two: nothing of the name" in read_section(said, "yours to write")
    assert "optabs verify ops/absolute.yaml" in read_section(said, "next")

    text = (site.ops / "absolute.yaml").read_text()
    assert (
        "# A guess, for a person to check: what fake gave.\n    expect: [[1.5, 0.25, 3.0]" in text
    )
    assert "  fake:\n    api: fakeframework.absolute\n" in text
    assert "  # fake_two: nothing of the name" in text
    assert "equal_nan: true" in text


def test_a_draft_passes_check_and_verify(site: Any) -> None:
    draft(site, "add", "--category", "Elementwise")
    assert site.run("check").returncode == 0
    done = site.run("check", "--conventions", "ops/add.yaml")
    codes = {line.split()[1] for line in done.stdout.splitlines()[:-1]}
    assert codes == {"missing-framework", "unfinished"}, done.stdout
    done = site.run("verify", "ops/add.yaml")
    assert done.returncode == 0, done.stdout
    assert "2 verified, 0 differs" in done.stdout


def test_two_tensors_differ_so_that_their_order_is_seen(site: Any) -> None:
    assert "the standard arguments: x (Tensor), y (Tensor)" in draft(site, "Add")
    text = (site.ops / "add.yaml").read_text()
    assert "      x: [[-1.5, 0.25, 3.0], [0.5, -2.0, 1.0]]\n      y: [[0.5, " in text


def test_a_reduction_is_told_by_its_shape(site: Any) -> None:
    site.edit("cosine", "category: Waves", "category: Reductions")
    assert "the category: Reductions" in draft(site, "Sum")


def test_the_modeline_is_written_where_there_is_a_schema(site: Any) -> None:
    draft(site, "sin")
    assert "$schema" not in (site.ops / "sin.yaml").read_text()
    site.write("more/schema.json", "{}")
    draft(site, "exp", "--into", "more")
    text = (site.folder / "more/exp.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")


def test_a_category_is_taken_as_it_is_given(site: Any) -> None:
    draft(site, "sin", "--category", "Waves")
    assert "category: Waves\n" in (site.ops / "sin.yaml").read_text()
    done = site.run("new", "exp", "--category", "Curves of growth")
    assert done.returncode == 0
    assert "the category 'Curves of growth' is new" in done.stderr


def test_another_spelling_is_found(site: Any) -> None:
    assert "fakeframework.set_default_dtype" in site.run("new", "SetDefaultDtype").stderr
    draft(site, "SIN")
    assert "api: fakeframework.sin" in (site.ops / "sin.yaml").read_text()


def test_what_warns_is_told(site: Any) -> None:
    said = draft(site, "old_sin")
    assert "fake: the API, which warns: old_sin is deprecated" in said
    assert "operation: OldSin" in (site.ops / "oldsin.yaml").read_text()


def test_ops_with_the_same_api_are_named(site: Any) -> None:
    site.edit("cosine", "api: fakeframework.cos}", "api: ff.sin}")
    said = draft(site, "sin")
    assert "Cosine (ops/cosine.yaml): fakeframework.sin" in read_section(
        said, "other ops have the same APIs"
    )


def test_a_class_that_needs_arguments_is_left_to_the_contributor(site: Any) -> None:
    said = draft(site, "Scale")
    assert "fakeframework.Scale is a class: write an example" in said
    assert "there is no case: no inputs were found" in said
    text = (site.ops / "scale.yaml").read_text()
    assert "write `cases`" in text
    assert "variants: {}\n" in text
    assert site.run("check", "ops/scale.yaml").returncode == 0


def test_a_function_that_takes_nothing_is_left_to_the_contributor(site: Any) -> None:
    assert "fakeframework.draw takes other arguments: write an example" in draft(site, "draw")
    assert "api:" not in (site.ops / "draw.yaml").read_text()


def test_arguments_that_cannot_be_invented_are_left_out(site: Any) -> None:
    site.edit("cosine", "{name: axis, type: int, default: 0}", "{name: dtype, type: dtype}")
    site.edit("cosine", "{axis: dim}", "{dtype: dtype}")
    said = draft(site, "set_default_dtype")
    assert "the standard arguments: none" in said
    assert "there is no case: no inputs were found" in said
    assert "std_args: []\n" in (site.ops / "setdefaultdtype.yaml").read_text()


def test_what_raises_is_kept_and_told(site: Any) -> None:
    said = draft(site, "sin", "--like", "Cosine", "--category", "Waves")
    assert "not verified" not in said
    site.edit("cosine", "inputs: {x: [0.5, 1.0]}", "inputs: {x: [0.5, .inf]}")
    (site.ops / "sin.yaml").unlink()
    said = draft(site, "sin", "--like", "Cosine")
    assert "in 1 of 1 case\n" in said  # of the other case nothing came
    site.edit("cosine", "inputs: {x: {values: [0.0], dtype: float64}}", "inputs: {x: [.inf]}")
    (site.ops / "sin.yaml").unlink()
    said = draft(site, "sin", "--like", "Cosine")
    failed = read_section(said, "not verified")
    assert "fake in `angles`, `zero`: failed, ValueError: " in failed
    assert "api: fakeframework.sin" in (site.ops / "sin.yaml").read_text()


def test_one_framework_alone_is_looked_into(site: Any) -> None:
    said = draft(site, "exponential", "--framework", "fake_two")
    assert (
        "fake "
        not in read_section(said, "sure, since it was looked up and run")
        .replace("not looked up", "")
        .splitlines()[-1]
    )
    assert "api: faketwo.exponential" in (site.ops / "exponential.yaml").read_text()


# --- optional arguments ---------------------------------------------------------------------------


def test_options_that_signatures_share_are_drafted_and_run(site: Any) -> None:
    said = draft(site, "bend")
    text = (site.ops / "bend.yaml").read_text()
    assert (
        "  - name: slope\n    type: float\n    default: 0.5\n"
        "    doc: Write here what it does.\n" in text
    )
    assert text.count("    args: {slope: slope, shift: shift, top: top, limit: limit}\n") == 2
    assert "  - id: options\n    title: With slope, shift, top given\n" in text
    assert "      slope: 0.25\n      shift: 0.75\n      top: 0.875\n" in text
    # One framework alone has `tint`, types of `style` differ, `order` is not of what is computed.
    assert not re.search("tint|style|order", text)

    guessed = read_section(said, "guessed, so check it")
    assert "the standard arguments: x (Tensor)\n" in guessed
    assert (
        "run in `options`: slope (float, 0.5), shift (float, 0.0), top (float | None, None)"
        in " ".join(guessed.split())
    )
    assert "the type of `top`: it takes a number, but no default is one" in guessed
    assert "in no case: limit (float, 100.0)\n" in guessed
    assert "the default of `limit`: 100.0; 50.0 in fake_two" in guessed
    assert "default: 100.0\n    doc: Write here what it does; the default is 50.0 in " in text
    assert "without `unit`, which signatures share: no default tells the type" in guessed
    done = site.run("verify", "ops/bend.yaml")
    assert done.returncode == 0, done.stdout
    assert "6 verified" in done.stdout
    faults = site.run("check", "--conventions", "ops/bend.yaml").stdout
    assert faults.count("a draft's 'Write here' is still there") == 6  # of each argument


def test_what_another_framework_gave_is_told_from_the_oracle_of_its_own(site: Any) -> None:
    sure = read_section(draft(site, "bend"), "sure, since it was looked up and run").splitlines()
    assert [line.split("exists; ")[1] for line in sure[-2:]] == [
        "its own output is the oracle in 3 of 3 cases",
        "agrees with the oracle in 3 of 3 cases",
    ]


def describe(name: str, parameters: str | None, framework: str = "") -> Way:
    """Return a way whose API has a signature such as ``x, n=1``, or none that can be read."""
    signature = None
    if parameters is not None:
        code = ast.parse(f"lambda {parameters}: 0", mode="eval").body
        assert isinstance(code, ast.Lambda)
        listed = code.args.args
        defaults = [None] * len(listed) + [ast.unparse(each) for each in code.args.defaults]
        signature = tuple(
            ApiParameter(each.arg, "positional_or_keyword", default)
            for each, default in zip(listed, defaults[-len(listed) :], strict=True)
        )
    return Way(framework, Api(name, ApiFact(True, signature, (), None)), {"api": name})


def test_options_are_of_the_type_and_the_default_that_most_have() -> None:
    ways = {
        "a": describe(
            "a.f", "x, rate=1, kind='soft', size=None, keep=False, all=None, each=None, rng=None"
        ),
        "b": describe("b.f", "y, rate=0.5, kind=True, size=3, keep=False, x=1"),
        "c": describe(
            "c.f", "x, rate=1.0, kind=True, size=None, keep=..., all=None, each=None, rng=None"
        ),
        "d": describe("c.f", "x, rate=1.0, kind=True, size=None, keep=..., all=None, only=1"),
        "e": describe("e.f", None),
        "f": describe("f.f", "y, x=1"),
    }
    form = Form((), (Argument("x", "Tensor"),), ())
    found = find_options(Choice(form, ways, ()), Glossary({"each": "Tensor"}, {}, {}))
    assert [(each.name, each.type, each.default, each.is_typed) for each in found] == [
        ("rate", "float", 1.0, True),
        ("kind", "bool", True, True),
        ("size", "int | None", None, True),
        ("keep", "bool", False, True),
        ("all", "float | None", None, False),
        ("each", " | None", None, False),
    ]
    rate, kind, size, keep, _, _ = found
    assert rate.other_defaults == "0.5 in b"
    assert size.other_defaults == "3 in b"
    assert kind.misfits == {"a": "'soft'"}
    assert kind.names == {"a": None, "b": "kind", "c": "kind", "d": "kind", "f": None}
    assert keep.names["c"] == "keep"
    assert [each.vary() for each in found] == [[0.5, 1.0], [False], [1], [True], [0.5], []]


def test_many_arguments_are_not_written_on_one_line() -> None:
    names = [f"a_long_argument_{number}" for number in range(5)]
    variants = {"fake": {"api": "f.f", "args": {name: name for name in names}}}
    text = compose_entry(EntryText([], "Op", "", "Something.", [], [], variants))
    assert "    args:\n      a_long_argument_0: a_long_argument_0\n" in text
    assert max(map(len, text.splitlines())) <= LONGEST_LINE


def test_what_is_never_an_option_is_none_in_the_catalogue() -> None:
    project = open_project(ROOT)
    catalog, _ = project.load_catalog(project.load_registry())
    plain = re.compile(r"(int|float|bool|str)( \| None)?")
    options = {
        each.name
        for op in catalog.ops
        for each in op.parameters
        if each.default is not None and plain.fullmatch(each.type)
    }
    assert "keepdims" in options
    assert not options & NEVER_OPTIONS


def test_one_framework_alone_speaks_for_no_option(site: Any) -> None:
    draft(site, "add")
    assert "alpha" not in (site.ops / "add.yaml").read_text()


# --- like another op ------------------------------------------------------------------------------


def test_another_op_gives_arguments_inputs_and_category(site: Any) -> None:
    said = draft(site, "sin", "--like", "cos")
    assert "in 2 of 2 cases" in said
    text = (site.ops / "sin.yaml").read_text()
    assert "category: Waves\n" in text
    assert "    doc: an angle\n" in text
    assert "    title: The top\n    inputs:\n      x: {values: [0.0], dtype: float64}\n" in text
    assert "expect: [0.47942555, 0.84147096]" in text  # of float32
    assert "    args: {axis: null}\n" in text  # which its signature does not have
    assert site.run("verify", "ops/sin.yaml").returncode == 0


def test_a_name_that_nobody_has_is_drafted_like_another(site: Any) -> None:
    said = draft(site, "sinusoid", "--like", "Cosine")
    assert "the oracle of `angles`, `zero`: this is still what Cosine expects" in said
    text = (site.ops / "sinusoid.yaml").read_text()
    assert "# A guess, for a person to check: this is still what Cosine expects.\n" in text
    assert "    expect: cosine(x)\n" in text
    assert "reference: |\n  def cosine(x):" in text
    assert site.run("check").returncode == 0


# --- what is refused ------------------------------------------------------------------------------


def test_a_name_that_nobody_has_gets_suggestions(site: Any) -> None:
    said = refuse(site, "absolut")
    assert "no framework has anything called 'absolut', so nothing was written" in said
    assert "did you mean 'absolute'?" in said
    assert "--like OTHER" in said


@pytest.mark.parametrize("name", ["Cosine", "cosine", "COS", "cos"])
def test_what_the_catalogue_has_is_not_drafted_again(site: Any, name: str) -> None:
    said = refuse(site, name)
    assert "already, at ops/cosine.yaml:1:12" in said
    assert "edit that entry instead" in said
    assert ("another name of Cosine" in said) == (name.lower() == "cos")


def test_a_file_is_not_overwritten(site: Any) -> None:
    site.write("sin", "operation: Other\nvariants: {}\n")
    said = refuse(site, "sin")
    assert "ops/sin.yaml is there already, so nothing was written" in said
    assert "--into DIR" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["torch.sin"], "name the op, not an API: sin"),
        (["a b"], "'a b' cannot be the name of an op"),
        (["../x"], "cannot be the name of an op"),
        (["index"], "is none of index"),
        (["sin", "--like", "Cosin"], "there is no op 'Cosin'\ndid you mean 'Cosine'?"),
        (["sin", "--category", "Wave"], "there is no category 'Wave'\ndid you mean 'Waves'?"),
        (["sin", "--framework", "fakee"], "did you mean 'fake'?"),
        (["sin", "--into", "ops/cosine.yaml"], "is no folder"),
    ],
)
def test_a_wrong_word_is_named(site: Any, arguments: list[str], message: str) -> None:
    assert message in refuse(site, *arguments)


def test_a_catalogue_is_needed_or_a_folder(site: Any) -> None:
    shutil.rmtree(site.ops)
    said = refuse(site, "sin")
    assert "there is no catalogue at" in said
    assert "--into DIR" in said
    draft(site, "sin", "--into", "new/entries")
    assert (site.folder / "new/entries/sin.yaml").is_file()


def test_a_folder_that_cannot_be_made_is_named(site: Any) -> None:
    assert "cannot write" in refuse(site, "sin", "--into", "ops/cosine.yaml/more")


def test_an_op_with_faults_is_no_model(site: Any) -> None:
    site.edit("cosine", "title: The top", "titel: The top")
    said = refuse(site, "sin", "--like", "Cosine")
    assert "--like: ops/cosine.yaml has faults" in said
    assert "did you mean 'title'?" in said


# --- environments ---------------------------------------------------------------------------------


def test_frameworks_that_are_not_installed_are_named(site: Any) -> None:
    done = site.run("new", "sin", FRAMEWORKS="fake keras")
    assert done.returncode == 0, done.stderr
    assert 'keras is not looked into: the environment "keras" is not installed' in done.stderr
    assert "make envs" in done.stderr
    assert "keras       -                  not looked up" in done.stdout


def test_without_any_environment_nothing_is_drafted(site: Any) -> None:
    said = refuse(site, "sin", FRAMEWORKS="keras")
    assert "no framework can be looked into, so nothing was written" in said
    assert "make envs" in said


@pytest.mark.parametrize(
    ("op", "line"), [("hidden", "looking Hidden up"), ("slow", "trying calls")]
)
def test_an_interruption_leaves_no_file(site: Any, op: str, line: str) -> None:
    running = site.start("new", op)
    assert running.stderr
    while line not in running.stderr.readline():
        assert running.poll() is None
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert f"ops/{op}.yaml was not written" in said
    assert "Traceback" not in said
    assert [file.name for file in site.ops.iterdir()] == ["cosine.yaml"]


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "operation"),
    [("heaviside", "Heaviside"), ("log_softmax", "LogSoftmax"), ("FFT", "FFT"), ("i0", "I0")],
)
def test_an_op_is_named_in_camel_case(name: str, operation: str) -> None:
    assert name_operation(name) == operation


def test_a_name_is_spelt_as_frameworks_do() -> None:
    assert spell_name("LogAddExp") == ("logaddexp", "log_add_exp", "LogAddExp")
    assert "relu6" in spell_name("ReLU6")
    assert "hard_shrink" in spell_name("hard_shrink")
    with pytest.raises(OptabsError, match="not an API: sin"):
        name_operation("math.sin")


def test_what_arguments_are_called_is_read_from_the_catalogue() -> None:
    project: Project = open_project(ROOT)
    catalog, _ = project.load_catalog(project.load_registry())
    glossary: Glossary = read_glossary(catalog.ops)
    assert glossary.find_kind("axis") == "int"
    assert glossary.find_kind("x") == "Tensor"
    assert glossary.find_kind("never-heard-of") == "Tensor"
    assert glossary.list_names("torch", "axis")[0] == "dim"
    assert glossary.standardise("torch", "dim") == "axis"


# --- the real frameworks --------------------------------------------------------------------------


@pytest.fixture
def real(project: Callable[..., Any], tmp_path: Path) -> Any:
    """A project with this catalogue, but for some ops, and NumPy and PyTorch."""
    root = Path(os.environ.get("OPTABS_ENVIRONMENTS", ROOT / ".environments")).absolute()
    for key in ("numpy", "torch"):
        if get_python(root, key) is None:
            pytest.skip(f"the environment of {key} is not made")
    made = project(tmp_path / "real", root=root)
    shutil.copytree(ROOT / "ops", made.ops, dirs_exist_ok=True)
    for name in ("cumsum", "std"):
        (made.ops / f"{name}.yaml").unlink()
    made.variables["FRAMEWORKS"] = "numpy torch"
    made.variables["OPTABS_FRAMEWORKS"] = ""
    return made


@pytest.mark.frameworks
def test_an_axis_is_found_and_named_as_each_framework_names_it(real: Any) -> None:
    said = draft(real, "cumsum")
    assert said.count("in 2 of 2 cases") == 2
    text = (real.ops / "cumsum.yaml").read_text()
    assert "    api: torch.cumsum\n    args: {axis: dim}\n" in text
    assert "expect: np.cumsum(x, axis=axis)\n" in text
    assert "# A guess, for a person to check: what NumPy's own function gives." in text
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    verified: subprocess.CompletedProcess[str] = real.run("verify", "ops/cumsum.yaml")
    assert verified.returncode == 0, verified.stdout
    assert "4 verified" in verified.stdout


@pytest.mark.frameworks
def test_options_are_named_and_run_as_each_framework_has_them(real: Any) -> None:
    root = Path(real.variables["OPTABS_ENVIRONMENTS"])
    if get_python(root, "jax") is None:
        pytest.skip("the environment of jax is not made")
    real.variables["FRAMEWORKS"] = "numpy torch jax"
    said = draft(real, "std")
    text = (real.ops / "std.yaml").read_text()
    assert "  - name: keepdims\n    type: bool\n    default: false\n" in text
    # The signature of torch cannot be read: what ran is its name.
    assert re.search(r"api: torch.std\n    args: .*axis: dim, .*keepdims: keepdim", text)
    assert "expect: np.std(x, axis=axis" in text
    assert "run in `options`: axis (int | None, None)" in said
    assert "its own output is the oracle in 3 of 3 cases" in said

    draft(real, "nan_to_num")
    text = (real.ops / "nantonum.yaml").read_text()
    assert text.count("    args: {nan: nan, posinf: posinf, neginf: neginf}\n") == 3
    assert "      nan: 0.5\n      posinf: 0.75\n      neginf: 0.875\n" in text
    verified = real.run("verify", "ops/nantonum.yaml")
    assert "9 verified, 0 differs, 0 failed" in verified.stdout


@pytest.mark.frameworks
def test_integers_are_tried_where_floats_do_not_do(real: Any) -> None:
    said = draft(real, "gcd")
    assert "the inputs of `integers`, `single`" in said
    assert (
        "expect: {result: {expr: 'np.gcd(x1, x2)', dtype: int32}}"
        in (real.ops / "gcd.yaml").read_text()
    )


@pytest.mark.frameworks
def test_without_numpy_agreed_numbers_are_the_oracle(real: Any) -> None:
    said = draft(real, "erfc")
    assert "numpy  -" in said.replace("numpy     ", "numpy")
    assert "the oracle of `signs`, `not-finite`: what torch gave" in said


@pytest.mark.frameworks
def test_a_framework_that_disagrees_is_kept_and_told(real: Any) -> None:
    said = draft(real, "std")
    assert "torch in `" in read_section(said, "not verified")
    text = (real.ops / "std.yaml").read_text()
    assert "api: torch.std" in text
    assert "np.std(x" in text


@pytest.mark.frameworks
def test_several_results_are_left_to_be_named(real: Any) -> None:
    said = draft(real, "frexp")
    assert "one result, but torch, numpy gave several: name each under `expect`" in said
    text = (real.ops / "frexp.yaml").read_text()
    assert "# The calls give several results: write `cases`" in text
    assert "cases:\n" not in text


def test_a_category_that_is_given_is_no_guess(site: Any) -> None:
    assert "the category" in draft(site, "add")
    assert "the category" not in draft(site, "sin", "--category", "Elementwise")
