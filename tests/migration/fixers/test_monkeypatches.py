"""Tests of the report about replaced parts."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, fix
from ws4channels.migration.fixer import Severity
from ws4channels.migration.fixers.monkeypatches import MonkeypatchesFixer

FIXER = MonkeypatchesFixer()


@pytest.mark.parametrize(
    ("text", "name", "severity"),
    [
        (
            "from ws4redis import settings\nsettings.WS4REDIS_PROCESS_REQUEST = f\n",
            "settings.WS4REDIS_PROCESS_REQUEST",
            Severity.CHECK,
        ),
        (
            "import ws4redis.settings\nws4redis.settings.WS4REDIS_EXPIRE = 3\n",
            "settings.WS4REDIS_EXPIRE",
            Severity.CHECK,
        ),
        ("from ws4channels import settings as s\ns.WS4REDIS_EXPIRE = 3\n", "settings.WS4REDIS_EXPIRE", Severity.CHECK),
        (
            "from ws4redis.wsgi_server import WebsocketWSGIServer as W\nW.process_request = f\n",
            "wsgi_server.WebsocketWSGIServer.process_request",
            Severity.MUST,
        ),
        (
            "from ws4redis.publisher import RedisPublisher\nRedisPublisher.publish_message = f\n",
            "publisher.RedisPublisher.publish_message",
            Severity.MUST,
        ),
    ],
)
def test_replacement_is_reported(text: str, name: str, severity: Severity) -> None:
    """What is replaced is named in full, with its line; the file stays."""
    fixed = fix(FIXER, text)
    assert fixed.text == text
    (finding,) = fixed.findings
    assert (finding.line, finding.what, finding.severity) == (2, f"ws4redis.{name} is replaced at run time.", severity)


@pytest.mark.parametrize(
    "text",
    [
        "from django.conf import settings\nsettings.WS4REDIS_EXPIRE = 3\n",
        "from ws4redis.publisher import RedisPublisher\npublisher = RedisPublisher()\n",
        "from ws4redis import settings\nx = settings.WS4REDIS_EXPIRE\n",
        "from ws4redis.publisher import RedisPublisher\nself.publisher = RedisPublisher\n",
        "# ws4redis\na.b = 3\n",
        "from ws4redis import settings\nsettings = 3\n",
    ],
)
def test_other_assignments_are_left(text: str) -> None:
    """Assignments to what is the site's own get no word."""
    check_leaves(FIXER, text)
