# The Optabs site.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "ext"))

from optabs.version import __version__

project = "Optabs"
version = release = __version__
author = "the Optabs authors"
copyright = "the Optabs authors"

extensions = ["optabs", "optabs.sphinxext.mathml"]
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
    "logo": {"text": "Optabs"},
    "collapse_navigation": True,
    "navigation_depth": 2,
    "show_prev_next": False,
    "back_to_top_button": False,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": {"guide/*": ["page-toc"]},
    "article_footer_items": ["edit-this-page", "sourcelink"],
    "primary_sidebar_end": [],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"**": ["sidebar-nav-bs"], "index": []}
html_context = {"default_mode": "auto"}
