"""Tests of the frameworks' folders, and of what is said of a faulty one."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from optabs.adapters import BUILT_IN, list_sources
from optabs.catalog.schema import DTYPES
from optabs.errors import CatalogError, OptabsError
from optabs.frameworks import Framework, Registry, load_registry

REGISTRY = load_registry()
KEYS = tuple(REGISTRY.frameworks)

GOOD = """\
label: Good
order: 5
python: ">=3.11"
distributions: [good]
devices: [cpu]
imports: {g: good, gnp: good.numpy, lin: good.linalg}
namespace: gnp
values:
  array: "g.array({value})"
  typed: "g.array({value}, {dtype})"
  dtype: "g.{dtype}"
"""

ADAPTER = "".join(
    f"def {name}(): ...\n" for name in ("devices", "reset", "to_numpy", "synchronize")
)


def write_framework(folder: Path, text: str = GOOD, key: str = "good") -> Path:
    (folder / key).mkdir(parents=True)
    (folder / key / "framework.yaml").write_text(text)
    (folder / key / "adapter.py").write_text(ADAPTER)
    (folder / key / "requirements.txt").write_text("")
    return folder


def load_faults(folder: Path) -> list[str]:
    """Return the faults, each as ``line:column code message``."""
    with pytest.raises(CatalogError) as caught:
        load_registry([folder])
    return [
        f"{fault.place.line}:{fault.place.column} {fault.text}" for fault in caught.value.faults
    ]


# --- the built-in ones ----------------------------------------------------------------------------


def test_the_order_is_that_of_the_tabs() -> None:
    assert KEYS == ("torch", "jax", "mlx", "flax_nnx", "tensorflow", "paxml", "keras", "numpy")
    assert set(REGISTRY.runtimeless) == {"stablehlo", "sass", "rdna", "latex_dsl", "html"}
    assert REGISTRY.sort_keys(["unknown", "html", "numpy", "stablehlo", "torch", "another"]) == [
        "torch",
        "numpy",
        "stablehlo",
        "html",
        "another",
        "unknown",
    ]


def test_labels() -> None:
    assert REGISTRY.find_label("torch") == "PyTorch"
    assert REGISTRY.find_label("stablehlo") == "StableHLO"
    assert REGISTRY.find_label("unknown") == "unknown"


@pytest.mark.parametrize("key", KEYS)
def test_a_framework_is_a_folder_of_three_files(key: str) -> None:
    framework = REGISTRY.frameworks[key]
    assert framework.folder == BUILT_IN / key
    files = {file for file in framework.folder.iterdir() if file.is_file()}
    names = {file.name for file in files - {*list_sources(framework.adapter)}}
    assert names == {"framework.yaml", "requirements.txt"}
    assert framework.adapter.is_file()
    assert framework.requirements.is_file()


@pytest.mark.parametrize("key", KEYS)
def test_an_adapter_has_the_functions_that_the_worker_calls(key: str) -> None:
    sources = reversed(list_sources(REGISTRY.frameworks[key].adapter))  # its own takes the place
    found = {
        node.name: node
        for source in sources
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    for name, count in [("devices", 0), ("reset", 2), ("to_numpy", 1), ("synchronize", 0)]:
        assert len(found[name].args.args) == count, name


@pytest.mark.parametrize("key", KEYS)
def test_requirements_are_pinned(key: str) -> None:
    framework = REGISTRY.frameworks[key]
    lines = [
        line.partition("#")[0].strip() for line in framework.requirements.read_text().split("\n")
    ]
    pins = [Requirement(line) for line in lines if line]
    assert pins or framework.environment != key
    for pin in pins:
        (specifier,) = pin.specifier
        assert specifier.operator == "==", pin


@pytest.mark.parametrize("key", KEYS)
def test_what_a_framework_says_of_itself_fits_together(key: str) -> None:
    framework = REGISTRY.frameworks[key]
    SpecifierSet(framework.python)
    assert "cpu" in framework.devices
    assert set(framework.devices) <= {"cpu", "cuda", "metal", "tpu"}
    assert framework.environment in KEYS
    assert framework.namespace.partition(".")[0] in framework.imports
    assert framework.imports["np"] == "numpy"
    for name, module in framework.imports.items():
        assert name.isidentifier()
        assert all(part.isidentifier() for part in module.split("."))
    for value in framework.variables.values():
        fields = {field for _, field, _, _ in string.Formatter().parse(value) if field}
        assert fields <= {"cache"}


@pytest.mark.parametrize("key", KEYS)
def test_what_a_framework_lacks_it_lacks_on_a_device_of_its_own(key: str) -> None:
    framework = REGISTRY.frameworks[key]
    assert framework.lacks.keys() <= set(framework.devices) - {"cpu"}
    assert all(framework.lacks.values())


def test_metal_has_no_double_precision() -> None:
    lacks = {key: set(REGISTRY.frameworks[key].lacks.get("metal", ())) for key in ("torch", "mlx")}
    assert lacks == {"torch": {"float64", "complex128"}, "mlx": {"float64"}}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_of_all_dtypes_can_be_written(key: str, dtype: str) -> None:
    values = REGISTRY.frameworks[key].values
    written = values.typed.format(value="[1]", dtype=values.write_dtype(dtype))
    assert dtype in written
    ast.parse(written)
    ast.parse(values.array.format(value="[1]"))
    assert set(values.implied) <= {"bool", "int", "float", "complex"}
    assert set(values.implied.values()) <= set(DTYPES)


@pytest.mark.parametrize(
    ("key", "api", "full", "short"),
    [
        ("torch", "torch.abs", "torch.abs", "torch.abs"),
        ("torch", "torch.nn.functional.relu", "torch.nn.functional.relu", "F.relu"),
        ("torch", "F.relu", "torch.nn.functional.relu", "F.relu"),
        ("torch", "torch.nn", "torch.nn", "nn"),
        ("torch", "torch.nnx.abs", "torch.nnx.abs", "torch.nnx.abs"),
        ("torch", "torch", "torch", "torch"),
        ("jax", "jax.numpy.abs", "jax.numpy.abs", "jnp.abs"),
        ("jax", "jnp.linalg.det", "jax.numpy.linalg.det", "jnp.linalg.det"),
        ("jax", "jax.scipy.special.erf", "jax.scipy.special.erf", "jsp.special.erf"),
        ("tensorflow", "tf.abs", "tensorflow.abs", "tf.abs"),
        ("mlx", "mlx.utils.tree_map", "mlx.utils.tree_map", "tree_map"),
        ("numpy", "scipy.special.erf", "scipy.special.erf", "scipy.special.erf"),
        ("numpy", "abs", "abs", "abs"),
    ],
)
def test_api_names_are_expanded_and_shortened(key: str, api: str, full: str, short: str) -> None:
    framework = REGISTRY.frameworks[key]
    assert (framework.expand_api(api), framework.shorten_api(api)) == (full, short)


@pytest.mark.parametrize("key", KEYS)
def test_links_hold_the_name(key: str) -> None:
    framework = REGISTRY.frameworks[key]
    alias = next(iter(framework.imports))
    link = framework.write_link(f"{alias}.some.thing")
    assert link is not None
    assert re.fullmatch(r"https://\S+", link)
    assert "thing" in link
    assert "{" not in link


# --- choosing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (None, KEYS),
        ("", KEYS),
        ("  ", KEYS),
        ("none", ()),
        ("numpy", ("numpy",)),
        ("numpy torch", ("torch", "numpy")),
        ("numpy,torch , jax", ("torch", "jax", "numpy")),
        ("torch torch", ("torch",)),
    ],
)
def test_frameworks_are_chosen_by_name(names: str | None, keys: tuple[str, ...]) -> None:
    assert REGISTRY.select(names) == keys


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        ("pytorch", "did you mean 'torch'?"),
        ("numpy Torch", "did you mean 'torch'?"),
        ("none torch", "known are torch, jax"),
        ("stablehlo", "known are torch, jax"),
    ],
)
def test_an_unknown_framework_is_told(names: str, hint: str) -> None:
    with pytest.raises(OptabsError) as caught:
        REGISTRY.select(names)
    assert hint in str(caught.value)
    assert repr(names.split()[-1] if "none" not in names else "none") in str(caught.value)


# --- further ones ---------------------------------------------------------------------------------


def test_a_further_framework_is_a_folder(tmp_path: Path) -> None:
    registry = load_registry([write_framework(tmp_path)])
    assert tuple(registry.frameworks) == ("good", *KEYS)
    good = registry.frameworks["good"]
    assert isinstance(good, Framework)
    assert (good.label, good.environment, good.precision) == ("Good", "good", "default")
    assert (good.inventory, good.page, good.write_link("g.abs")) == (None, None, None)
    assert good.values.write_dtype("int8") == "g.int8"
    assert good.shorten_api("good.numpy.abs") == "gnp.abs"


def test_a_further_framework_may_take_the_place_of_a_built_in_one(tmp_path: Path) -> None:
    registry = load_registry([write_framework(tmp_path, key="torch")])
    assert len(registry.frameworks) == len(KEYS)
    assert registry.frameworks["torch"].label == "Good"


def test_a_folder_without_frameworks_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    assert tuple(load_registry([tmp_path]).frameworks) == KEYS


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OptabsError, match="there is no folder of frameworks at "):
        load_registry([tmp_path / "nowhere"])


@pytest.mark.parametrize("name", ["adapter.py", "requirements.txt"])
def test_a_framework_needs_its_files(tmp_path: Path, name: str) -> None:
    write_framework(tmp_path)
    (tmp_path / "good" / name).unlink()
    assert load_faults(tmp_path) == [f"1:1 missing-file a framework needs its {name}"]


@pytest.mark.parametrize(
    ("adapter", "told"),
    [
        (
            ADAPTER.replace("synchronize", "synchronise"),
            "1:1 no-function the adapter has no `synchronize` (define `synchronize()`)",
        ),
        ("import numpy\ndef devices(:\n", "2:1 bad-python this is no Python: ... (mend the code)"),
        (
            f"{ADAPTER}\nif True:\n    from ..jaks import adapter\n",
            f"{len(ADAPTER.splitlines()) + 3}:5 missing-file no framework's folder has `..jaks` "
            "(name a folder and its module: from ..jax import adapter)",
        ),
    ],
)
def test_an_adapter_that_cannot_be_one_is_told(tmp_path: Path, adapter: str, told: str) -> None:
    write_framework(tmp_path)
    (tmp_path / "good" / "adapter.py").write_text(adapter)
    (fault,) = load_faults(tmp_path)
    assert re.sub("(no Python: )[^(]* ", r"\1... ", fault) == told


def test_what_an_adapter_is_made_of(tmp_path: Path) -> None:
    """Its own folder, those beside it, and the built-in ones: as the worker finds them."""
    good = load_registry([write_framework(tmp_path)]).frameworks["good"]
    with good.adapter.open("a") as adapter:
        adapter.write("from ..jax.adapter import drivers\nfrom .more import a, b\n")
    (tmp_path / "good" / "more.py").write_text("from ..fine import c, d\na = b = 0\n")
    (tmp_path / "fine").mkdir()
    for name in "cd":
        (tmp_path / "fine" / f"{name}.py").touch()
    assert list_sources(good.adapter) == [
        good.adapter,
        *sorted([tmp_path / "good/more.py", BUILT_IN / "jax/adapter.py"]),
        tmp_path / "fine/c.py",
        tmp_path / "fine/d.py",
    ]


def test_all_faults_of_a_framework_come_at_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace("order: 5", "order: first")
        .replace("label: Good", "labell: Good")
        .replace("{value}, {dtype}", "{value}, {type}")
        .replace('"g.array({value})"', '"g.array(value)"')
    )
    assert load_faults(write_framework(tmp_path, text)) == [
        "1:1 missing-key a framework has no `label` (add it, e.g. `label: PyTorch`)",
        "1:1 unknown-key a framework has no key 'labell' (did you mean 'label'?)",
        "2:8 wrong-type `order` wants a whole number, found the text 'first'",
        "9:10 wrong-type `array` wants a text with {value} and no other brace, "
        "found the text 'g.array(value)'",
        "10:10 wrong-type `typed` wants a text with {value} and {dtype} and no other brace, "
        "found the text 'g.array({value}, {type})'",
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty-file"),
        ("[]", "wrong-type"),
        ("a: [", "invalid-yaml"),
        ("label: [a]", "wrong-type"),
    ],
)
def test_a_file_that_is_no_framework_is_told(tmp_path: Path, text: str, code: str) -> None:
    assert any(code in fault for fault in load_faults(write_framework(tmp_path, text)))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    write_framework(tmp_path)
    (tmp_path / "good" / "framework.yaml").unlink()
    (tmp_path / "good" / "framework.yaml").mkdir()
    assert load_faults(tmp_path) == ["1:1 unreadable cannot be read: Is a directory (check it)"]


def test_a_registry_can_be_made_by_hand() -> None:
    registry = Registry({"torch": REGISTRY.frameworks["torch"]}, {})
    assert registry.select(None) == ("torch",)
    assert registry.sort_keys(["jax", "torch"]) == ["torch", "jax"]
