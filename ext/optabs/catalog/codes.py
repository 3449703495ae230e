"""What the faults mean that `optabs check` reports, by code. The guide has the same table."""

from __future__ import annotations

from collections.abc import Mapping

YAML_CODES: Mapping[str, str] = {
    "bad-alias": "A YAML alias stands for nothing, or stands within what it stands for.",
    "bad-number": "A number has no place in a float64, or has thousands of digits.",
    "control-character": "There is a character that YAML allows only as an escape.",
    "duplicate-key": "A mapping has the same key twice.",
    "empty-file": "The file has no entry in it.",
    "invalid-yaml": "The text is no YAML, or there is more than one document in the file.",
    "merge-key": "`<<` is a key; it does not merge mappings here.",
    "not-utf8": "The file is not encoded as UTF-8.",
    "tab": "A tab stands where YAML allows only spaces.",
    "too-deep": "Values are nested too deep.",
    "too-large": "Aliases stand for too many values.",
    "unreadable": "The file cannot be read.",
    "unsafe-tag": "A YAML tag asks for more than plain data.",
    "wrong-tag": "A YAML tag does not fit the value behind it.",
}
FORMAT_CODES: Mapping[str, str] = {
    "bad-case-id": "The id of a case is not made of a-z, 0-9 and hyphens.",
    "bad-input": "An input is given in no form that is known, or its values do not fit.",
    "bad-name": "The name of an input or a result cannot be a variable of an example.",
    "bad-python": "Code is no Python, or is more than it may be at its place.",
    "bad-shape": "The shape of an input is no shape, or is too large.",
    "bad-values": "A literal result does not have the dtype that it is said to have.",
    "contradiction": "Two keys exclude each other.",
    "duplicate-case": "Two cases have the same id, or one has the id of another's gradient.",
    "duplicate-op": "Two entries have the same name.",
    "duplicate-page": "Two files would make the same page.",
    "missing-file": "A framework's folder lacks a file.",
    "missing-key": "A key that must be there is missing.",
    "no-gradient": "A case has `grad`, but nothing that a gradient can be taken of.",
    "no-invariant": "All results of a case are compared up to their signs.",
    "no-name": "An expected result is given with its keys, but without its name.",
    "no-oracle": "A case does not say what the result must be, or says it twice.",
    "no-plot": "A case has `plot`, but nothing that can be drawn so.",
    "no-runtime": "There is an example for a framework that cannot be run.",
    "ragged-array": "The rows of an array have different lengths.",
    "unknown-case": "An example, or an exclusion in `not_on`, is for a case that is not there.",
    "unknown-device": "`not_on` names a device that no framework, or not this one, can use.",
    "unknown-framework": "A variant or a difference is for a framework that is not there.",
    "unknown-key": "A mapping has a key that the format does not know.",
    "unknown-op": "`see_also` names an op that is not in the catalogue.",
    "unknown-result": "A difference is about a result that the case does not have.",
    "unknown-word": "A value is none of those that its key may have.",
    "unsafe-name": "The name of an op cannot be the name of a page.",
    "unsafe-page": "The name of a file cannot be the name of a page.",
    "wrong-type": "A value is of another type than its key wants.",
}
CONVENTION_CODES: Mapping[str, str] = {
    "few-cases": "An entry has fewer than two cases.",
    "framework-order": "The variants stand in another order than their tabs.",
    "key-order": "The keys of a mapping stand in another order than in all other entries.",
    "long-line": "A line has more than 110 characters.",
    "many-cases": "An entry has more than five cases.",
    "missing-framework": "An entry says nothing of a framework.",
    "no-category": "An entry has no category.",
    "no-description": "An entry has no description.",
    "no-doc": "A standard argument has no `doc`.",
    "no-title": "A case has no title.",
    "no-type": "A standard argument has no `type`.",
    "trailing-space": "A line ends in space.",
    "unknown-category": "The category is none of those that there are.",
}
CODES = {**YAML_CODES, **FORMAT_CODES, **CONVENTION_CODES}
