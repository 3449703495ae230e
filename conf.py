# The Optabs site.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "ext"))

from optabs.version import __version__

project = "Optabs"
version = release = __version__
author = "the Optabs authors"
copyright = "the Optabs authors"

extensions = ["optabs"]
exclude_patterns = [
    "_build",
    ".*",
    "tests",
    "bench",
    "ext",
    "README.md",
]
templates_path = ["_templates"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "pydata_sphinx_theme"
html_title = "Optabs"
html_static_path = []
html_theme_options = {
    "collapse_navigation": True,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"matrix": [], "differences": [], "health": []}
html_context = {"default_mode": "auto"}
