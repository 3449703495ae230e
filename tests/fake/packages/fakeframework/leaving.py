"""A module that ends the interpreter when it is imported."""

import sys

sys.exit("leaving needs a licence")
