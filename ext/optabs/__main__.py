"""``python -m optabs`` is the command ``optabs``."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - a checkout is run by any Python
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"optabs: {sys.executable} is Python {version}, too old for Optabs", file=sys.stderr)
    print(
        "run Optabs with 3.11 or newer; the interpreter with the framework may be older: --python",
        file=sys.stderr,
    )
    sys.exit(2)

try:
    from optabs.cli import main

    status = main()
except ModuleNotFoundError as error:  # in a source checkout not everything need be installed
    package = (error.name or "optabs").partition(".")[0]
    if package == "optabs":
        raise
    package = {"yaml": "pyyaml"}.get(package, package)
    print(f"optabs: {package} is not installed for {sys.executable}", file=sys.stderr)
    print(f"install it there: pip install {package}", file=sys.stderr)
    status = 2
sys.exit(status)
