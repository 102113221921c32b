"""Sphinx configuration: MyST pages, the furo theme, warnings as errors (`make docs`)."""

import re
from pathlib import Path

project = "ws4channels"
author = "The ws4channels authors"
copyright = "2026, the ws4channels authors"
_package = (Path(__file__).parent.parent / "ws4channels/__init__.py").read_text(encoding="utf-8")
release = version = re.findall(r'^__version__ = "(.+)"$', _package, re.M)[0]

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "deployment"]
html_theme = "furo"
html_title = f"ws4channels {version}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
