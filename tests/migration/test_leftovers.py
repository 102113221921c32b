"""Tests of reporting lines that still name the original."""

from __future__ import annotations

import pytest

from ws4channels.migration.leftovers import leftovers_in
from ws4channels.migration.source import SourceFile


def lines(path: str, text: str, reported: set[int] | None = None) -> list[int]:
    """Return the lines of a file that are left."""
    file = SourceFile(path, text)
    return [finding.line for finding in leftovers_in(file, file, reported or set())]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "x = ws4redis.thing\n"),
        ("a.py", "__import__('ws4redis')\n"),
        ("a.py", "LOGGING = {'ws4redis': {}}\n"),
        ("fab.py", "run('pip install django-websocket-redis')\n"),
        ("a.cfg", "packages = ws4redis\n"),
        ("fab.sh", "pip install django-websocket-redis\n"),
    ],
)
def test_line_that_names_the_original_is_left(path: str, text: str) -> None:
    """It is reported before it fails."""
    assert lines(path, text) == [1]
    assert lines(path, text, {1}) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "# ws4redis\n"),
        ("a.py", '"""Uses ws4redis."""\n'),
        ("a.py", "session['ws4redis:memberof'] = []\n"),
        ("a.py", "import ws4redis_extras\n"),
        ("a.py", "WS4REDIS_PREFIX = 'x'\n"),
        ("a.html", "<script src=\"{% static 'js/ws4redis.js' %}\">WS4Redis()</script>\n"),
        ("a.html", "var ws4redis = WS4Redis({});\n"),
        ("README.md", "django-websocket-redis\n"),
        ("a.conf", "# ws4redis\nalias /srv/ws4redis/static/;\n"),
    ],
)
def test_what_keeps_its_name_is_not(path: str, text: str) -> None:
    """Comments, prose, the browser client, session keys, settings and paths are right as they are."""
    assert lines(path, text) == []
