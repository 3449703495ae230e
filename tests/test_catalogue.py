"""The site's own catalogue, run in the real frameworks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from optabs.compare import Array, decode_tree
from optabs.frameworks import load_registry
from optabs.ledger import Ledger
from optabs.plan import Options, make_plan
from optabs.project import open_project
from optabs.run.environments import get_python
from optabs.run.targets import find_reference, find_targets

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = Path(os.environ.get("OPTABS_ENVIRONMENTS") or ROOT / ".environments").resolve()
RUN_SECONDS = 2400

pytestmark = [pytest.mark.frameworks, pytest.mark.timeout(RUN_SECONDS)]


def verify(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `optabs verify` in a folder, which has a ledger of its own."""
    variables = {"OPTABS_ENVIRONMENTS": str(ENVIRONMENTS), "PYTHONPATH": str(ROOT / "ext")}
    kept = {name: value for name, value in os.environ.items() if name != "FRAMEWORKS"}
    return subprocess.run(
        [sys.executable, "-m", "optabs", "verify", *arguments],
        cwd=folder,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


@pytest.fixture(scope="session")
def registry():
    return load_registry()


@pytest.fixture(scope="session")
def verified(registry, tmp_path_factory):
    """A copy of the catalogue after all of it has been run, and the export."""
    missing = [
        key
        for key, framework in registry.frameworks.items()
        if get_python(ENVIRONMENTS, framework.environment) is None
    ]
    if missing:
        leave = pytest.fail if os.environ.get("OPTABS_TESTS_COMPLETE") else pytest.skip
        leave(f"no environment of {', '.join(missing)}: run `optabs envs`")
    folder = tmp_path_factory.mktemp("catalogue")
    shutil.copytree(ROOT / "ops", folder / "ops")
    done = verify(folder, "--json", "export.json")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return folder, json.loads((folder / "export.json").read_text(encoding="utf-8")), done.stdout


def list_verdicts(export, operation=None):
    """Yield (op, framework, verdict) of an export."""
    for op in export["ops"]:
        if operation in (None, op["operation"]):
            for key, variant in op["variants"].items():
                for verdict in variant["verdicts"]:
                    yield op["operation"], key, verdict


def test_everything_that_can_run_was_run_and_holds(verified):
    _, export, output = verified
    bad = [
        (op, key, verdict["case"], verdict["verdict"], verdict["reason"])
        for op, key, verdict in list_verdicts(export)
        if verdict["verdict"] in ("failed", "differs", "not_run", "stale")
    ]
    assert bad == []
    assert ", 0 differs, 0 failed, 0 not run, " in output.splitlines()[-1]


def test_every_framework_is_proved_to_have_many_ops(verified, registry):
    _, export, _ = verified
    proved = Counter(
        key
        for op in export["ops"]
        for key, variant in op["variants"].items()
        if any(verdict["verdict"] == "verified" for verdict in variant["verdicts"])
    )
    assert {key: proved[key] for key in registry.frameworks if proved[key] < 200} == {}
    assert sum(proved.values()) >= 1300


def test_every_api_exists(verified):
    _, export, _ = verified
    unknown = [
        (op["operation"], key, variant["api"])
        for op in export["ops"]
        for key, variant in op["variants"].items()
        if variant["api"] and variant["api_exists"] is not True
    ]
    assert unknown == []


def test_proof_names_what_it_rests_on(verified, registry):
    _, export, _ = verified
    versions = {each["key"]: each["version"] for each in export["frameworks"]}
    assert set(versions) == set(registry.frameworks)
    for _, key, verdict in list_verdicts(export):
        if verdict["verdict"] == "verified":
            assert verdict["framework_version"] == versions[key]
            assert verdict["python_version"]
            assert verdict["ran_at"]
            assert verdict["outcome"] == "ok"
            assert verdict["rtol"] is not None


# --- the vector-Jacobian product ------------------------------------------------------------------


@pytest.fixture(scope="session")
def vjp(verified, registry):
    """The plan of the op `Vjp` with the records of the run."""
    folder, _, _ = verified
    project = open_project(folder)
    catalog, _ = project.load_catalog(registry)
    (op,) = [each for each in catalog.ops if each.operation == "Vjp"]
    targets = find_targets(registry, registry.frameworks, ENVIRONMENTS, project.cache)
    with Ledger(project.ledger) as ledger:
        return make_plan(
            [op], registry, targets, find_reference(registry, project.cache), ledger, Options()
        )


def find_result(plan, framework, case, name):
    (check,) = [
        check
        for check in plan.checks
        if check.variant.framework == framework and check.case and check.case.id == case
    ]
    return check, decode_tree(plan.known[check.key].results[name])


def flatten(tree):
    """The numbers of a tree of arrays."""
    if isinstance(tree, Array):
        return list(tree.values)
    return [number for item in tree for number in flatten(item)]


def test_vjp_of_the_jax_documentation(vjp):
    check, gradients = find_result(vjp, "jax", "sin-cos", "gradients")
    assert flatten(gradients) == pytest.approx([-0.61430776, -0.2524413], abs=1e-7)
    macro = check.variant.macro_template
    assert macro
    assert macro in check.snippet.code
    assert "-0.6143" in vjp.known[check.key].stdout


def test_vjp_of_the_adder_in_every_framework_that_has_one(vjp):
    frameworks = {check.variant.framework for check in vjp.checks if check.case and check.snippet}
    assert {"torch", "jax", "mlx", "flax_nnx", "tensorflow", "paxml", "keras"} <= frameworks
    for framework in frameworks:
        _, gradients = find_result(vjp, framework, "adder", "gradients")
        assert flatten(gradients) == [2.0, 2.0, 3.0, 3.0], framework


# --- a wrong claim --------------------------------------------------------------------------------


def test_wrong_claim_is_found_out(verified, tmp_path):
    (tmp_path / "ops").mkdir()
    text = (ROOT / "ops" / "exp.yaml").read_text(encoding="utf-8")
    assert "api: numpy.exp\n" in text
    wrong = text.replace("api: numpy.exp\n", "api: numpy.expm1\n")
    (tmp_path / "ops" / "exp.yaml").write_text(wrong, encoding="utf-8")
    done = verify(tmp_path, "--framework", "numpy", "--framework", "torch", "--json", "export.json")
    assert done.returncode == 1
    export = json.loads((tmp_path / "export.json").read_text(encoding="utf-8"))
    verdicts = {
        key: {verdict["verdict"] for _, name, verdict in list_verdicts(export) if name == key}
        for key in ("numpy", "torch")
    }
    assert "differs" in verdicts["numpy"]
    assert verdicts["torch"] == {"verified"}
    line = text[: text.index("api: numpy.exp\n")].count("\n") + 1
    assert f"ops/exp.yaml:{line}:" in done.stdout + done.stderr


# --- the site -------------------------------------------------------------------------------------

PAGE_BYTES = 60_000  # of an op, with eight tabs of examples: what a phone should have to fetch


def build(folder: Path, builder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Build the whole site from what has been run."""
    variables = {"OPTABS_ENVIRONMENTS": str(ENVIRONMENTS), "PYTHONPATH": str(ROOT / "ext")}
    kept = {name: value for name, value in os.environ.items() if name != "FRAMEWORKS"}
    command = [sys.executable, "-m", "sphinx", "-nW", "--keep-going", "-d", "_build/doctrees"]
    if builder == "gettext":  # it tracks texts in the doctrees, so it wants its own
        command[-1] += "-gettext"
    return subprocess.run(
        [*command, "-b", builder, *arguments, ".", f"_build/{builder}"],
        cwd=folder,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


@pytest.fixture(scope="session")
def site(verified):
    """The folder of the site's sources, after the pages have been built from what was run."""
    folder, pages = verified[0], [page.name for page in ROOT.glob("*.md")]
    for name in ("conf.py", "guide", "from", "_templates", "_static", *pages):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    (folder / "ext").symlink_to(ROOT / "ext")  # the guide shows some of it
    done = build(folder, "html")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    assert "executed 0, " in done.stdout
    return folder


def test_pages_are_light(site):
    pages = {file.name: file.stat().st_size for file in (site / "_build/html/ops").glob("*.html")}
    assert len(pages) > 200
    assert {name: size for name, size in pages.items() if size > PAGE_BYTES} == {}


@pytest.mark.parametrize(
    "builder", ["dirhtml", "text", "latex", "epub", "man", "gettext", "linkcheck"]
)
def test_other_builders_have_nothing_to_complain_of(site, builder):
    local_alone = ["-D", "linkcheck_ignore=https?://.*"] if builder == "linkcheck" else []
    done = build(site, builder, *local_alone)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
