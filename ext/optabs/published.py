"""An export as somebody has written it (`optabs.json`): read back, and nothing in it trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from optabs.errors import OptabsError
from optabs.export import SCHEMA
from optabs.records import Verdict

VariantKey: TypeAlias = tuple[str, str]
"""An op's name and a framework's key."""
ResultKey: TypeAlias = tuple[str, str, str, str]
"""An op's name, a framework's key, a case and a device, each empty where there is none."""

_AGAIN = "write it anew: optabs verify --json FILE"


@dataclass(frozen=True)
class Api:
    """The API that a variant names. `exists` is None where it was not looked up."""

    name: str
    exists: bool | None


@dataclass(frozen=True)
class Result:
    """One verdict, and why it is none better."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class PublishedExport:
    """What an export says. Versions are by framework, empty where nothing is installed."""

    versions: Mapping[str, str] = field(default_factory=dict)
    apis: Mapping[VariantKey, Api] = field(default_factory=dict)
    results: Mapping[ResultKey, Result] = field(default_factory=dict)

    @property
    def operations(self) -> list[str]:
        """The names of its ops, in its order."""
        return list(dict.fromkeys(operation for operation, _framework in self.apis))


def read_export(file: Path) -> PublishedExport:
    """Read an export.

    Raises:
        OptabsError: it cannot be read, is no export, or is one of another schema.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptabsError(
            f"cannot read {file}: {error.strerror}", "name a file of `optabs verify --json`"
        ) from None
    except json.JSONDecodeError as error:
        place = f"{file}:{error.lineno}:{error.colno}"
        raise OptabsError(f"{place}: no JSON, or cut short: {error.msg}", _AGAIN) from None
    except (ValueError, RecursionError):
        raise OptabsError(f"{file} is no JSON document", _AGAIN) from None
    if not isinstance(document, dict) or "schema" not in document:
        raise OptabsError(f"{file} is no export of Optabs: it has no `schema`", _AGAIN)
    if document["schema"] != SCHEMA:
        raise OptabsError(
            f"{file} has the schema {document['schema']!r:.40}, and {SCHEMA} is what this version "
            "of Optabs reads",
            "write and read it with the same version of Optabs",
        )
    try:
        return _read_document(_Part(document, ""))
    except _OddPart as problem:
        raise OptabsError(f"{file} is no export of Optabs: {problem}", _AGAIN) from None


class _OddPart(Exception):  # noqa: N818 - it says what is the case
    """A part of the document is not what it should be; the text says where."""


@dataclass(frozen=True)
class _Part:
    """A part of the document, and where it stands there."""

    value: Any
    where: str

    def get(self, key: str) -> _Part:
        """Return the value of a key, None where there is none."""
        where = f"{self.where}.{key}" if self.where else key
        return _Part(self._expect(dict, "an object").get(key), where)

    def list_items(self) -> list[_Part]:
        items = self._expect(list, "a list")
        return [_Part(item, f"{self.where}[{number}]") for number, item in enumerate(items)]

    def list_values(self) -> list[tuple[str, _Part]]:
        return [(str(key), self.get(key)) for key in self._expect(dict, "an object")]

    def read_text(self, default: str | None = None) -> str:
        """Return a text; `default` stands for None, if it is given."""
        if self.value is None and default is not None:
            return default
        return str(self._expect(str, "a text"))

    def read_truth(self) -> bool | None:
        return None if self.value is None else bool(self._expect(bool, "true or false"))

    def read_verdict(self) -> Verdict:
        text = self.read_text()
        if text not in list(Verdict):
            raise _OddPart(f"`{self.where}` is {text!r:.40}, which is no verdict")
        return Verdict(text)

    def _expect(self, kind: type, words: str) -> Any:
        if not isinstance(self.value, kind):
            raise _OddPart(f"`{self.where or 'the document'}` is not {words}")
        return self.value


def _read_document(document: _Part) -> PublishedExport:
    versions = {
        each.get("key").read_text(): each.get("version").read_text("")
        for each in document.get("frameworks").list_items()
    }
    apis: dict[VariantKey, Api] = {}
    results: dict[ResultKey, Result] = {}
    for key, variant in _list_variants(document):
        apis[key] = Api(variant.get("api").read_text(""), variant.get("api_exists").read_truth())
        for each in variant.get("verdicts").list_items():
            case, device = each.get("case").read_text(""), each.get("device").read_text("")
            results[*key, case, device] = Result(
                each.get("verdict").read_verdict(), each.get("reason").read_text("")
            )
    return PublishedExport(versions, apis, results)


def _list_variants(document: _Part) -> Iterator[tuple[VariantKey, _Part]]:
    for op in document.get("ops").list_items():
        name = op.get("operation").read_text()
        for framework, variant in op.get("variants").list_values():
            yield (name, framework), variant
