"""Bad files with the faults expected in them beside them; `--update-golden` writes those anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what is found as what is expected; look at the difference before you keep it",
    )


@pytest.fixture
def compare_golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a file, or write the file if that was asked for."""
    update = request.config.getoption("--update-golden", default=False)

    def compare(file: Path, found: str) -> None:
        if update:
            file.write_text(found, encoding="utf-8")
        assert file.is_file(), f"{file.name} is not there: run with --update-golden"
        assert found == file.read_text(encoding="utf-8")

    return compare
