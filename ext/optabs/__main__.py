"""``python -m optabs`` is the command ``optabs``."""

import sys

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
