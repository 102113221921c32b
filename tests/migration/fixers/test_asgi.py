"""Tests of the fixer of an existing asgi.py."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, check_rewrites, fix
from ws4channels.migration.fixer import Severity
from ws4channels.migration.fixers import asgi

FIXER = asgi.fix
PATH = "mysite/asgi.py"
SITE = {"manage.py": "", "mysite/settings.py": "INSTALLED_APPS = ['ws4redis']\n", "mysite/wsgi.py": ""}
DJANGOS = "from django.core.asgi import get_asgi_application\napplication = get_asgi_application()\n"
OURS = "from ws4channels.asgi import get_asgi_application\napplication = get_asgi_application()\n"


def test_djangos_application_gets_websockets() -> None:
    """The file that startproject makes needs one other import."""
    assert list(check_rewrites(FIXER, DJANGOS, OURS, PATH, SITE).findings) == []


def test_router_is_reported() -> None:
    """A site that has Channels already must add the URLs to its router."""
    text = f"{DJANGOS}from channels.routing import ProtocolTypeRouter\napplication = ProtocolTypeRouter({{}})\n"
    fixed = fix(FIXER, text, PATH, SITE)
    assert fixed.text == text
    assert [(finding.line, finding.severity) for finding in fixed.findings] == [(1, Severity.MUST)]


@pytest.mark.parametrize(
    ("path", "text", "others"),
    [
        (PATH, OURS, SITE),
        (PATH, DJANGOS, {**SITE, "mysite/settings.py": "INSTALLED_APPS = ['a']\n"}),
        ("mysite/other.py", DJANGOS, SITE),
        ("other/asgi.py", DJANGOS, SITE),
        (PATH, "from django.core.asgi import *\n", SITE),
    ],
)
def test_others_are_left(path: str, text: str, others: dict[str, str]) -> None:
    """ASGI modules of other sites, and ours, stay."""
    check_leaves(FIXER, text, path, others)
