"""Tests of the report about Python that must be changed by hand."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, fix
from ws4channels.migration.fixer import Severity
from ws4channels.migration.fixers import reported_code

FIXER = reported_code.fix


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
def test_other_classes_are_left(text: str) -> None:
    """Hooks that are called, and methods of other classes, get no word."""
    check_leaves(FIXER, text)


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


@pytest.mark.parametrize("owner", ["request.user", "user", "self.request.user", "current_user"])
@pytest.mark.parametrize("name", ["is_authenticated", "is_anonymous"])
def test_call_is_reported(owner: str, name: str) -> None:
    """A call on a user is said with its line; the file stays."""
    text = f"def view(request):\n    if not {owner}.{name}():\n        return\n"
    fixed = fix(FIXER, text)
    assert fixed.text == text
    (finding,) = fixed.findings
    assert (finding.line, finding.severity) == (2, Severity.MUST)


@pytest.mark.parametrize(
    "text",
    [
        "if request.user.is_authenticated:\n    pass\n",
        "user = request.user.is_anonymous\n",
        "class Auth(Authentication):\n    def is_authenticated(self, request):\n        return True\n",
        "auth.is_authenticated(request)\n",
        "auth.is_authenticated()\n",
        "is_authenticated()\n",
        "x = 'user.is_authenticated()'\n",
        "if callable(user.is_authenticated):\n    user.is_authenticated()\nelse:\n    user.is_authenticated\n",
    ],
)
def test_other_signed_in_lines_are_left(text: str) -> None:
    """Attributes, and methods of what is no user, get no word."""
    check_leaves(FIXER, text)


def test_call_beside_a_guard_is_reported() -> None:
    """Only what the guard guards is right on every Django."""
    text = "if callable(user.is_authenticated):\n    user.is_authenticated()\nelse:\n    user.is_authenticated()\n"
    assert [finding.line for finding in fix(FIXER, text).findings] == [4]
