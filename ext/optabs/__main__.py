"""``python -m optabs`` is the command ``optabs``."""

import sys

from optabs.cli import main

sys.exit(main())
