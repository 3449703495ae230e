"""The command line on a machine that seems to have CUDA, and Metal where METAL_FAKE is set.

CUDA_FAKE and METAL_FAKE hold the versions of the drivers.
"""

import os
import sys

from optabs.cli import main
from optabs.run import targets

find_own = targets.find_devices
pretended = {"cuda": targets.Device("Fake GPU", os.environ.get("CUDA_FAKE", ""))}
if "METAL_FAKE" in os.environ:
    pretended["metal"] = targets.Device("Fake M1", os.environ["METAL_FAKE"])
targets.find_devices = lambda: {**find_own(), **pretended}
sys.exit(main())
