"""The frameworks: one folder each, with `framework.yaml`, `requirements.txt` and `adapter.py`.

Nothing here imports a framework. Adding one means adding a folder. What stands on JAX builds its
adapter on JAX's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from optabs.adapters import BUILT_IN, check_adapter
from optabs.catalog.schema import (
    DROPPED,
    DTYPES,
    TEXT,
    TEXTS,
    WHOLE,
    Choice,
    Key,
    ListOf,
    MapOf,
    Record,
    Reporter,
    Scalar,
)
from optabs.catalog.source import read_yaml
from optabs.errors import CatalogError, Fault, OptabsError, Place, suggest_name


def _make_pattern(*fields: str) -> Scalar:
    """Return the kind of a text with some {fields}, of which the first must be there."""

    def is_pattern(text: str) -> bool:
        try:
            filled = text.format(**dict.fromkeys(fields, "?"))
        except (KeyError, IndexError, ValueError, AttributeError):
            return False
        return f"{{{fields[0]}}}" in text and "?" in filled

    named = " and ".join(f"{{{field}}}" for field in fields)
    return Scalar((str,), f"a text with {named} and no other brace", is_pattern)


_VALUES = Record(
    "values",
    {
        "array": Key(
            _make_pattern("value"),
            "How an array is written where its literals alone give the dtype.",
            "torch.tensor({value})",
            required=True,
        ),
        "typed": Key(
            _make_pattern("value", "dtype"),
            "How an array of a given dtype is written; `{dtype}` is what `dtype` makes of it.",
            "torch.tensor({value}, dtype={dtype})",
            required=True,
        ),
        "dtype": Key(
            _make_pattern("dtype"), "How a dtype is written.", "torch.{dtype}", required=True
        ),
        "dtypes": Key(
            MapOf(TEXT), "Dtypes that are written in another way.", {"bool": "jnp.bool_"}
        ),
        "implied": Key(
            MapOf(Choice(DTYPES)),
            "The dtype that `array` gives to literals, by their kind: `bool`, `int`, `float`, "
            "`complex`.",
            {"int": "int64", "float": "float32"},
            default="`typed` is written for all of them",
        ),
    },
    doc="How the framework's users write arrays. Dtypes have NumPy's names: `float32`, `bool`.",
)

_GRADIENT_FIELDS = ("call", "input", "inputs", "group", "numbers", "gradient", "gradients")


def _is_gradient(text: str) -> bool:
    try:
        text.format(**dict.fromkeys(_GRADIENT_FIELDS, "?"))
    except (KeyError, IndexError, ValueError, AttributeError):
        return False
    return "{call}" in text and ("{gradient}" in text or "{gradients}" in text)


_GRADIENT = Scalar(
    (str,),
    "code with {call} and {gradients} (or {gradient}), and no other names in braces than "
    + ", ".join(_GRADIENT_FIELDS),
    _is_gradient,
)

_DOCS = Record(
    "docs",
    {
        "inventory": Key(
            TEXT, "The address of its Sphinx inventory.", "https://example.org/objects.inv"
        ),
        "page": Key(
            TEXT,
            "A pattern for an API's page: `{api}`, `{name}` (its last part), `{path}` (with "
            "slashes), `{rest}` (the path without its first part).",
            "https://example.org/{api}.html",
        ),
    },
    doc="Where links from API names lead.",
)

FRAMEWORK = Record(
    "a framework",
    {
        "label": Key(TEXT, "The name on the tab.", "PyTorch", required=True),
        "order": Key(WHOLE, "Its place among the tabs, smallest first.", 10, required=True),
        "python": Key(
            TEXT,
            "The versions of Python that it runs on. An interpreter is looked for, or fetched.",
            ">=3.11,<3.15",
            required=True,
        ),
        "environment": Key(
            TEXT,
            "The virtual environment, if it shares another framework's.",
            "jax",
            default="one of its own, named after its key",
        ),
        "distributions": Key(
            TEXTS,
            "The names that it is distributed under; the first one installed gives the version.",
            ["torch"],
            required=True,
        ),
        "devices": Key(
            TEXTS,
            "The devices that it can use on any machine: `cpu`, `cuda`, `metal`, `tpu`.",
            ["cpu", "cuda"],
            required=True,
        ),
        "precision": Key(
            TEXT,
            "The precision of matrix products that `reset` sets; it is part of a record.",
            "highest",
            default="`default`",
        ),
        "lacks": Key(
            MapOf(ListOf(Choice(DTYPES))),
            "Dtypes that the framework has, but not on this device.",
            {"metal": ["float64", "complex128"]},
        ),
        "imports": Key(
            MapOf(TEXT),
            "Names that examples may use without importing them: the snippet then begins with the "
            "import.",
            {"np": "numpy"},
            required=True,
        ),
        "namespace": Key(
            TEXT, "What `xp` stands for in code that cases share.", "torch", required=True
        ),
        "modules": Key(
            TEXTS,
            "Where `optabs new` looks for functions by name, the likeliest first; layers' last.",
            ["torch", "torch.nn.functional"],
            default="the module of `namespace`",
        ),
        "variables": Key(
            MapOf(TEXT),
            "Environment variables of the worker; `{cache}` is a folder kept between builds.",
            {"TF_CPP_MIN_LOG_LEVEL": "3"},
        ),
        "values": Key(
            _VALUES,
            "How its users write arrays and dtypes.",
            {"array": "np.array({value})"},
            required=True,
        ),
        "gradient": Key(
            _GRADIENT,
            "The code around a call that gives its gradient. A line with `{input}` or `{gradient}` "
            "is written once for each input.",
            "{gradients} = jax.grad(...)({inputs})",
            default="the framework has no automatic differentiation",
        ),
        "docs": Key(
            _DOCS,
            "Where the documentation of an API is.",
            {"page": "https://example.org/{api}.html"},
        ),
    },
    doc="What is known of a framework without running it.",
)

_RUNTIMELESS = MapOf(
    Record(
        "a key without a runtime",
        {
            "label": Key(TEXT, "The name that readers see.", "StableHLO", required=True),
            "order": Key(WHOLE, "The order of the tabs.", 200, required=True),
        },
    )
)


@dataclass(frozen=True)
class ValueIdiom:
    """How the framework's users write arrays and dtypes."""

    array: str
    typed: str
    dtype: str
    dtypes: Mapping[str, str]
    implied: Mapping[str, str]

    def write_dtype(self, dtype: str) -> str:
        """Return the source text of a dtype."""
        return self.dtypes.get(dtype) or self.dtype.format(dtype=dtype)


@dataclass(frozen=True)
class Framework:
    """What is known of a framework without running it."""

    key: str
    folder: Path
    label: str
    order: int
    python: str
    environment: str
    distributions: tuple[str, ...]
    devices: tuple[str, ...]
    lacks: Mapping[str, tuple[str, ...]]
    """Dtypes that it has, but not on some devices, by device."""
    precision: str
    imports: Mapping[str, str]
    namespace: str
    modules: tuple[str, ...]
    """Where functions are looked for by name, the likeliest first."""
    variables: Mapping[str, str]
    values: ValueIdiom
    gradient: str | None
    """How the gradient of a call is taken, or None where there is no autodiff."""
    inventory: str | None
    page: str | None

    @property
    def requirements(self) -> Path:
        """The pins of what has to be installed."""
        return self.folder / "requirements.txt"

    @property
    def adapter(self) -> Path:
        """The glue that the worker runs in the framework's environment."""
        return self.folder / "adapter.py"

    @cached_property
    def prefixes(self) -> tuple[tuple[str, str], ...]:
        """(module, alias) pairs, the longest module first."""
        pairs = ((module, alias) for alias, module in self.imports.items())
        return tuple(sorted(pairs, key=lambda pair: -len(pair[0])))

    def expand_api(self, api: str) -> str:
        """Return an API name with its alias written out: ``tf.abs`` -> ``tensorflow.abs``."""
        root, dot, rest = api.partition(".")
        return f"{self.imports[root]}{dot}{rest}" if root in self.imports else api

    def shorten_api(self, api: str) -> str:
        """Return an API name as examples write it: ``jax.numpy.abs`` -> ``jnp.abs``."""
        full = self.expand_api(api)
        for module, alias in self.prefixes:
            if full == module or full.startswith(f"{module}."):
                return f"{alias}{full[len(module) :]}"
        return api

    def write_link(self, api: str) -> str | None:
        """Return the address of an API's documentation by the framework's pattern."""
        if self.page is None:
            return None
        full = self.expand_api(api)
        path = full.replace(".", "/")
        return self.page.format(
            api=full, path=path, rest=path.partition("/")[2], name=full.rpartition(".")[2]
        )


@dataclass(frozen=True)
class Runtimeless:
    """A key of the catalogue that has no Python runtime."""

    key: str
    label: str
    order: int


@dataclass(frozen=True)
class Registry:
    """All frameworks and keys without a runtime, in tab order."""

    frameworks: Mapping[str, Framework]
    runtimeless: Mapping[str, Runtimeless]

    def find_label(self, key: str) -> str:
        """Return the name that readers see; an unknown key stands for itself."""
        found = self.frameworks.get(key) or self.runtimeless.get(key)
        return found.label if found else key

    def sort_keys(self, keys: Iterable[str]) -> list[str]:
        """Return catalogue keys in tab order; unknown ones last."""
        order = {
            **{key: item.order for key, item in self.frameworks.items()},
            **{key: item.order for key, item in self.runtimeless.items()},
        }
        return sorted(keys, key=lambda key: (order.get(key, 10_000), key))

    def select(self, names: str | None, source: str = "FRAMEWORKS") -> tuple[str, ...]:
        """Return the framework keys that a text such as ``"numpy jax"`` or ``"none"`` names.

        None and empty text mean all. `source` is where the text comes from, for messages.

        Raises:
            OptabsError: a name is not known.
        """
        words = (names or "").replace(",", " ").split()
        if not words:
            return tuple(self.frameworks)
        if words == ["none"]:
            return ()
        for word in words:
            if word not in self.frameworks:
                known = ", ".join(self.frameworks)
                raise OptabsError(
                    f"{source} names {word!r}, which is no framework",
                    suggest_name(word, self.frameworks) or f"known are {known}",
                )
        return tuple(key for key in self.frameworks if key in words)


def load_registry(extra: Iterable[Path] = ()) -> Registry:
    """Load the built-in frameworks and those in `extra` folders (each a folder of frameworks).

    A framework of an extra folder takes the place of a built-in one with the same key.

    Raises:
        CatalogError: a `framework.yaml` has faults.
        OptabsError: an extra folder does not exist.
    """
    frameworks: dict[str, Framework] = {}
    for root in (BUILT_IN, *extra):
        if not root.is_dir():
            raise OptabsError(f"there is no folder of frameworks at {root}", "check the path")
        for file in sorted(root.glob("*/framework.yaml")):
            frameworks[file.parent.name] = _load_framework(file)
    found = _read_record(BUILT_IN / "runtimeless.yaml", _RUNTIMELESS)
    return Registry(
        dict(sorted(frameworks.items(), key=lambda item: item[1].order)),
        {key: Runtimeless(key, item["label"], item["order"]) for key, item in found.items()},
    )


def _read_record(file: Path, kind: Record | MapOf) -> dict[str, Any]:
    try:
        document = read_yaml(file, str(file))
    except OSError as error:
        fault = Fault(
            Place(str(file)), "unreadable", f"cannot be read: {error.strerror}", "check it"
        )
        raise CatalogError([fault]) from error
    found = DROPPED if document.faults else kind.check(document.data, (), Reporter(document))
    if document.faults or found is DROPPED:
        raise CatalogError(sorted(document.faults))
    checked: dict[str, Any] = found
    return checked


def _load_framework(file: Path) -> Framework:
    found = _read_record(file, FRAMEWORK)
    for name in ("adapter.py", "requirements.txt"):
        if not (file.parent / name).is_file():
            place = Place(str(file.parent / name))
            raise CatalogError([Fault(place, "missing-file", f"a framework needs its {name}")])
    check_adapter(file.parent / "adapter.py")
    values, docs = found["values"], found.get("docs", {})
    space = found["namespace"]
    return Framework(
        key=file.parent.name,
        folder=file.parent,
        label=found["label"],
        order=found["order"],
        python=found["python"],
        environment=found.get("environment", file.parent.name),
        distributions=tuple(found["distributions"]),
        devices=tuple(found["devices"]),
        lacks={device: tuple(dtypes) for device, dtypes in found.get("lacks", {}).items()},
        precision=found.get("precision", "default"),
        imports=found["imports"],
        namespace=found["namespace"],
        modules=tuple(found.get("modules") or [found["imports"].get(space, space)]),
        variables=found.get("variables", {}),
        values=ValueIdiom(
            values["array"],
            values["typed"],
            values["dtype"],
            values.get("dtypes", {}),
            values.get("implied", {}),
        ),
        gradient=found.get("gradient"),
        inventory=docs.get("inventory"),
        page=docs.get("page"),
    )
