"""Tests of the report about subscribers."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, fix
from ws4channels.migration.fixer import Severity
from ws4channels.migration.fixers.subscribers import SubscribersFixer

FIXER = SubscribersFixer()


@pytest.mark.parametrize("method", ["parse_response", "get_file_descriptor"])
@pytest.mark.parametrize("base", ["RedisSubscriber", "subscriber.RedisSubscriber", "MySubscriber"])
def test_method_that_is_not_called_is_reported(method: str, base: str) -> None:
    """The method's line is named, and the class stays as it is."""
    text = f"class Own({base}):\n    x = 1\n\n    def {method}(self):\n        return 1\n"
    fixed = fix(FIXER, text)
    assert fixed.text == text
    (finding,) = fixed.findings
    assert (finding.line, finding.severity) == (4, Severity.MUST)
    assert finding.what == f"Own.{method}() is not called."


@pytest.mark.parametrize(
    "text",
    [
        "class Own(RedisSubscriber):\n    def set_pubsub_channels(self, request, channels):\n        pass\n",
        "class Own(RedisSubscriber):\n    def send_persisted_messages(self, websocket):\n        pass\n",
        "class Parser(object):\n    def parse_response(self):\n        pass\n",
        "class Client(HttpClient):\n    def parse_response(self):\n        pass\n",
        "def parse_response():\n    pass\n",
        "class Own(RedisSubscriber):\n    def f(self):\n        def parse_response():\n            pass\n",
        "response.parse_response()\n",
    ],
)
def test_others_are_left(text: str) -> None:
    """Hooks that are called, and methods of other classes, get no word."""
    check_leaves(FIXER, text)
