"""The command line on a machine that seems to have a CUDA device."""

import sys

from optabs.cli import main
from optabs.run import targets

find_own = targets.find_devices
targets.find_devices = lambda: {**find_own(), "cuda": targets.Device("Fake GPU", "driver 1.0")}
sys.exit(main())
