"""A module that changes global state when it is imported, as parts of real frameworks do."""

import os
import sys
import warnings

import fakeframework

os.environ["MEDDLING"] = "1"
sys.path.append("/meddling")
warnings.simplefilter("ignore", BytesWarning)
fakeframework.exp = fakeframework.cos
fakeframework.set_default_dtype("float64")
