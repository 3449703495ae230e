"""Tests of places, faults and exceptions as a person reads them."""

from __future__ import annotations

import pickle

import pytest

from optabs.errors import (
    CatalogError,
    Fault,
    InterpreterError,
    LedgerError,
    OptabsError,
    Place,
    suggest_name,
)

FIRST = Fault(Place("ops/a.yaml", 3, 7), "unknown-key", "an entry has no key 'x'", "add it")
SECOND = Fault(Place("ops/b.yaml"), "empty-file", "the file is empty")


def test_a_fault_is_one_line_that_editors_can_follow() -> None:
    assert str(FIRST) == "ops/a.yaml:3:7: unknown-key an entry has no key 'x' (add it)"
    assert str(SECOND) == "ops/b.yaml:1:1: empty-file the file is empty"
    assert FIRST.text == "unknown-key an entry has no key 'x' (add it)"


def test_faults_are_sorted_by_place() -> None:
    places = [Place("b", 1, 1), Place("a", 10, 1), Place("a", 9, 2), Place("a", 9, 1)]
    faults = [Fault(place, "code", "message") for place in places]
    assert [fault.place for fault in sorted(faults)] == places[::-1]


def test_an_error_says_what_and_what_to_do() -> None:
    assert str(OptabsError("it broke", "mend it")) == "it broke\nmend it"
    assert str(OptabsError("it broke")) == "it broke"


def test_a_catalogue_error_lists_its_faults() -> None:
    error = CatalogError(iter([FIRST, SECOND]))
    assert error.faults == (FIRST, SECOND)
    assert str(error) == f"{FIRST}\n{SECOND}"


@pytest.mark.parametrize("kind", [CatalogError, InterpreterError, LedgerError])
def test_every_error_is_one_that_commands_expect(kind: type[OptabsError]) -> None:
    assert issubclass(kind, OptabsError)


@pytest.mark.parametrize(
    "error", [CatalogError([FIRST, SECOND]), OptabsError("a", "b"), LedgerError("a")]
)
def test_errors_and_faults_can_be_sent_to_another_process(error: OptabsError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert pickle.loads(pickle.dumps(FIRST)) == FIRST


def test_places_and_faults_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        FIRST.place.line = 5  # type: ignore[misc]
    assert len({FIRST, FIRST, SECOND}) == 2


@pytest.mark.parametrize(
    ("name", "known", "suggestion"),
    [
        ("axs", ["axis", "args"], "did you mean 'axis'?"),
        ("SOFTMAX", ["Softmax", "Softmin"], "did you mean 'Softmax'?"),
        ("xyz", ["axis"], ""),
        ("", ["axis"], ""),
        (5, ["5x"], "did you mean '5x'?"),
        (None, ["None"], "did you mean 'None'?"),
    ],
)
def test_the_nearest_name_is_suggested(name: object, known: list[str], suggestion: str) -> None:
    assert suggest_name(name, known) == suggestion
