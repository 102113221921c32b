"""Tests of removing unused imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ws4channels.migration.texts import without_unused_imports

NAMES = {"gevent.socket", "redis.connection", "django.conf.settings"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import gevent.socket\nimport os\n", "import os\n"),
        ("import os, gevent.socket\n", "import os\n"),
        ("import gevent.socket, redis.connection\nx = 1\n", "x = 1\n"),
        ("from django.conf import settings\nx = 1\n", "x = 1\n"),
        ("from django.conf import settings, urls\n", "from django.conf import urls\n"),
        ("import os; import gevent.socket\n", "import os\n"),
    ],
)
def test_unused_import_is_dropped(before: str, after: str) -> None:
    """A named import that nothing reads is removed, and an empty line as well."""
    assert without_unused_imports(before, NAMES) == after


@pytest.mark.parametrize(
    "text",
    [
        "import gevent.socket\ngevent.socket.create()\n",
        "from django.conf import settings\nprint(settings.X)\n",
        "from django.conf import settings\ndef f():\n    return settings\n",
        "import os\n",
        "from django.conf import *\n",
        "from .conf import settings\n",
        "import gevent\n",
        "import gevent.pool\n",
    ],
)
def test_others_are_left(text: str) -> None:
    """What is used, and what was not named, stays."""
    assert without_unused_imports(text, NAMES) == text


def test_imports_are_removed_where_daphne_was_loaded() -> None:
    """Django's command has Daphne's zope.interface in its process, which puts attributes on LibCST's classes."""
    name = without_unused_imports.__module__
    code = f"import zope.interface\nfrom {name} import *\nprint(without_unused_imports('import os', ['os']) == '')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("True\n", "")
