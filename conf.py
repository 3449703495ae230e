# The Optabs site.
import os
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
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
templates_path = ["_templates"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "site"
html_theme_path = ["_templates"]
html_title = "Optabs"
# Read the Docs says where the site is; elsewhere: -D html_baseurl=https://...
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "")
html_favicon = "_static/optabs.svg"
html_css_files = ["optabs-site.css"]
html_theme_options = {
    "collapse_navigation": True,
    "search_bar_text": "Search ops, APIs, notes ...",
    "show_prev_next": False,
    # The tabs of an op are its contents already.
    "secondary_sidebar_items": {"guide/*": ["page-toc"]},
}
html_sidebars = {
    "**": ["sidebar-nav-bs"],
    "index": [],
    "matrix": [],
    "differences": [],
    "health": [],
}
# Where the sources are, as https://.../owner/name: pages then lead to themselves there.
repository = os.environ.get("OPTABS_REPOSITORY", "")
if repository:
    optabs_edit_url = f"{repository}/edit/main/{{path}}"
    report = f"{repository}/issues/new?template=wrong-page.yml"
    optabs_report_url = f"{report}&title={{op}}&op={{op}}"
html_context = {"optabs_repository": repository}
