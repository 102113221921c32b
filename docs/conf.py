"""Sphinx: `make docs` builds these pages."""

import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "ws4channels"

project = "ws4channels"
author = "The ws4channels authors"
copyright = f"2026 {author}"
# Read, not imported: building the pages needs none of the package's dependencies.
release = re.search(r'^__version__ = "(.+)"$', (PACKAGE / "__init__.py").read_text("utf-8"), re.M).group(1)
version = release

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
# So that a link may lead to a section of a page.
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"ws4channels {release}"
