"""The addresses of the admin's pages, and what their responses show."""

from __future__ import annotations

import html
import re
from typing import Any

ROOT = "/admin/ws4channels/websockets/"
PUBLISH = f"{ROOT}publish/"
CLOSE = f"{ROOT}close/"
LIVE = f"{ROOT}live/"
PROCESSES = f"{ROOT}processes/"
KEYS = f"{ROOT}keys/"
EXPLAIN = f"{ROOT}explain/"
TICKET = f"{ROOT}ticket/"


def text_of(response: Any) -> str:
    """Return what a page shows: its content without tags."""
    content = response.content.decode().partition('<div id="content-main"')[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", content)).split())
