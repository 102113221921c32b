"""Tests of the report about gevent."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, fix
from ws4channels.migration.fixers.gevent_patches import GeventPatchesFixer

FIXER = GeventPatchesFixer()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("from gevent import monkey\nmonkey.patch_all()\n", "gevent.monkey.patch_all() changes the whole process."),
        (
            "import gevent.monkey\ngevent.monkey.patch_socket()\n",
            "gevent.monkey.patch_socket() changes the whole process.",
        ),
        ("from gevent.monkey import patch_all as p\np()\n", "gevent.monkey.patch_all() changes the whole process."),
        (
            "import gevent.socket, redis\nredis.connection.socket = gevent.socket\n",
            "redis.connection.socket is replaced by gevent.socket.",
        ),
    ],
)
def test_patch_is_reported(text: str, what: str) -> None:
    """Each patch is said with its line; the file stays."""
    fixed = fix(FIXER, text)
    assert fixed.text == text
    (finding,) = fixed.findings
    assert (finding.line, finding.what) == (2, what)


@pytest.mark.parametrize(
    "text",
    [
        "import gevent\ngevent.spawn(f)\n",
        "# needs no gevent\nmonkey.patch_all()\n",
        "from gevent import monkey\n",
        "import gevent.pool\npool = gevent.pool.Pool(3)\n",
        "import gevent.socket\nself.socket = gevent.socket\n",
    ],
)
def test_other_uses_are_left(text: str) -> None:
    """What a site does with gevent of its own accord gets no word."""
    check_leaves(FIXER, text)
