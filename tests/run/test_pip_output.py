"""Tests of the reading of pip's output."""

from __future__ import annotations

import pytest

from optabs.run.pip_output import describe_line, find_reason


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "  Downloading torch-2.5.1-cp311-cp311-manylinux1_x86_64.whl (906.4 MB)",
            "Downloading torch (906.4 MB)",
        ),
        ("  Downloading torch-2.5.1-cp311-none-any.whl.metadata (28 kB)", ""),
        ("  Using cached numpy-2.0-cp311-none-any.whl (16 MB)", "Using cached numpy (16 MB)"),
        ("Processing ./packages/leaf-1.0-py3-none-any.whl", "Processing leaf"),
        ("Processing ./slow-1.0.tar.gz (from -r slow.txt (line 1))", "Processing slow-1.0.tar.gz"),
        ("Collecting jax==0.10.2 (from -r jax.txt (line 1))", "Collecting jax==0.10.2"),
        ("  Building wheel for slow (pyproject.toml): started", "Building slow"),
        ("Installing collected packages: a, b, c", "Installing 3 distributions"),
        ("Installing collected packages: a", "Installing 1 distribution"),
        ("Requirement already satisfied: numpy in /somewhere", ""),
        ("", ""),
    ],
)
def test_line_is_told_briefly(line: str, expected: str) -> None:
    assert describe_line(line) == expected


def test_reason_is_the_last_errors() -> None:
    lines = [
        "Collecting a",
        "ERROR: Cannot install a and b because these package versions conflict.",
        "",
        "The conflict is caused by:",
        "    a 1.0 depends on c<2",
        "WARNING: something else",
        "ERROR: ResolutionImpossible: for help visit the documentation",
        "[notice] A new release of pip is available",
    ]
    assert find_reason(lines).splitlines() == [
        "ERROR: Cannot install a and b because these package versions conflict.",
        "The conflict is caused by:",
        "    a 1.0 depends on c<2",
        "ERROR: ResolutionImpossible: for help visit the documentation",
    ]


def test_reason_tells_of_an_index_out_of_reach() -> None:
    lines = [
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError("
        "'<pip.HTTPSConnection object at 0x7f>: Failed to establish a new connection: "
        "[Errno 111] Connection refused')': /simple/leaf/",
        "ERROR: Could not find a version that satisfies the requirement leaf (from versions: none)",
        "ERROR: No matching distribution found for leaf",
    ]
    assert find_reason(lines).splitlines()[1:] == [
        "ERROR: No matching distribution found for leaf",
        "a package index could not be reached: NewConnectionError('Failed to establish a new "
        "connection: [Errno 111] Connection refused')",
    ]


def test_reason_without_errors_is_what_was_said_last() -> None:
    assert find_reason(["one", "two", "", "three", "Killed"]) == "two\nthree\nKilled"
    assert find_reason([]) == "pip said nothing"
