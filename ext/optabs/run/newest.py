"""Requirements without their exact pins, for environments with the newest releases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

_INCLUDING = re.compile("-r|-c|--requirement|--constraint")


def loosen_requirements(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of requirements files with `==` and hashes taken out.

    Bounds, extras and markers stay. Lines that include a file are left out: its own are among
    `lines`. pip's options and what it alone understands, as paths, stay as they are.
    """
    for line in lines:
        if _INCLUDING.match(line):
            continue
        try:
            requirement = Requirement(re.split(r"\s--hash\b", line)[0])
        except InvalidRequirement:
            yield line
            continue
        bounds = (str(each) for each in requirement.specifier if not each.operator.startswith("=="))
        requirement.specifier = SpecifierSet(",".join(bounds))
        yield str(requirement)
