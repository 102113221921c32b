"""Tests of `ws4channels.consumers`: handshakes that are refused, that fail, and that are granted in part."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import pytest
from channels.exceptions import DenyConnection
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404

from tests.sockets import Socket, connected
from tests.visitors import signed_in
from tests.waiting import TIMEOUT
from ws4channels.consumers import FacilityConsumer
from ws4channels.counters import counts


class AuthenticationFailed(Exception):
    """An error as Django REST framework and token libraries raise them."""

    status_code = 401


class Forbidden(Exception):
    """An error that is given its status code."""

    def __init__(self, status_code: Any) -> None:
        super().__init__("Not you.")
        self.status_code = status_code


REFUSALS = [
    PermissionDenied("Not you."),
    SuspiciousOperation("Not you."),
    Http404("Not you."),
    DenyConnection("Not you."),
    AuthenticationFailed("Not you."),
    Forbidden(403),
    Forbidden(404),
    Forbidden(HTTPStatus.FORBIDDEN),
]
FAILURES = [LookupError("secret"), Forbidden(500), Forbidden(429), Forbidden("401"), Forbidden(None)]


def hook_that_raises(error: Exception) -> Any:
    """Return a hook of a site."""

    def hook(*args: Any) -> None:
        raise error

    return hook


@pytest.mark.parametrize("error", REFUSALS, ids=repr)
@pytest.mark.parametrize("setting", ["WS4REDIS_ALLOWED_CHANNELS", "WS4REDIS_PROCESS_REQUEST"])
async def test_refusing_exception_means_403_and_one_line(
    settings: Any, caplog: pytest.LogCaptureFixture, setting: str, error: Exception
) -> None:
    """What says that a client may not is a refusal, whatever its class: status 403, one line, no traceback."""
    setattr(settings, setting, hook_that_raises(error))
    before = counts["refused"]
    socket = Socket("/ws/f?subscribe-broadcast")
    assert await socket.is_refused()
    await socket.leave(1006)
    assert caplog.messages == [f"Refused a websocket to /ws/f: {type(error).__name__}: Not you."]
    assert caplog.records[0].exc_info is None
    assert counts["refused"] == before + 1


@pytest.mark.parametrize("error", REFUSALS, ids=repr)
async def test_refusing_exception_can_be_told_to_javascript(settings: Any, error: Exception) -> None:
    """With WS4CHANNELS_CLOSE_CODE_ON_REFUSAL all refusals are close code 4403."""
    settings.WS4REDIS_PROCESS_REQUEST = hook_that_raises(error)
    settings.WS4CHANNELS_CLOSE_CODE_ON_REFUSAL = True
    socket = await Socket("/ws/f").open()
    assert await socket.close_code() == 4403
    await socket.leave(4403)


@pytest.mark.parametrize("error", FAILURES, ids=repr)
async def test_failure_is_logged_once_with_its_traceback(
    settings: Any, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """Any other exception is an error of the site, logged by this package, and reaches the server."""
    settings.WS4REDIS_ALLOWED_CHANNELS = hook_that_raises(error)
    settings.WS4CHANNELS_CLOSE_CODE_ON_REFUSAL = True
    socket = Socket("/ws/f?subscribe-broadcast")
    await socket.send_input({"type": "websocket.connect"})
    with pytest.raises(type(error)):
        await socket.wait(timeout=TIMEOUT)
    [record] = caplog.records
    assert (record.name, record.levelname) == ("ws4channels.access.refusals", "ERROR")
    assert record.getMessage() == f"A websocket to /ws/f failed: {type(error).__name__}"
    assert record.exc_info is not None
    assert record.exc_info[1] is error


async def test_wrong_setting_is_logged(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A setting that cannot work fails each handshake, and is logged like an error of a hook."""
    settings.WS4CHANNELS_CHANNEL_LAYER = "missing"
    socket = Socket("/ws/f")
    await socket.send_input({"type": "websocket.connect"})
    with pytest.raises(Exception, match="CHANNEL_LAYERS"):
        await socket.wait(timeout=TIMEOUT)
    assert [record.getMessage() for record in caplog.records] == ["A websocket to /ws/f failed: ConfigurationError"]


async def test_server_that_takes_a_response_answers_500_without_the_error(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Where ASGI has a way to send status 500, the server is not given the error, which it would log again."""
    settings.WS4REDIS_ALLOWED_CHANNELS = hook_that_raises(LookupError("secret"))
    socket = Socket("/ws/f", extensions={"websocket.http.response": {}})
    await socket.send_input({"type": "websocket.connect"})
    start = await socket.receive_output(timeout=TIMEOUT)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 500)
    body = await socket.receive_output(timeout=TIMEOUT)
    assert (body["type"], body["body"]) == ("websocket.http.response.body", b"Internal Server Error")
    await socket.leave(1006)
    assert len(caplog.records) == 1


# --- granted in part --------------------------------------------------------------------------------------------------


async def test_dropped_channels_are_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """A visitor's websocket opens without the channels of users, and the log says which and why."""
    caplog.set_level(logging.INFO, "ws4channels")
    query = "subscribe-user&publish-group&subscribe-session&subscribe-broadcast"
    async with connected(f"/ws/f?{query}"):
        assert caplog.messages == [
            "Opened a websocket to /ws/f without subscribe-user (nobody is signed in), publish-group (nobody is signed "
            "in), subscribe-session (no session is stored)"
        ]
    assert caplog.records[0].levelname == "INFO"


async def test_websocket_that_gets_all_it_asked_for_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is dropped, and nothing is said."""
    caplog.set_level(logging.INFO, "ws4channels")
    query = "subscribe-user&publish-group&subscribe-session&subscribe-broadcast&token=x&echo"
    async with connected(f"/ws/f?{query}", **signed_in("john", ["staff"])):
        assert caplog.messages == []


async def test_agreement_holds_what_was_dropped(settings: Any) -> None:
    """A subclass of the consumer sees which channels its client did not get."""
    seen: list[Any] = []

    class Noting(FacilityConsumer):
        async def connect(self) -> None:
            await super().connect()
            assert self.agreement is not None
            seen.append(self.agreement.dropped)

    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: [each for each in channels if "publish" not in each]
    query = "subscribe-group&publish-broadcast&subscribe-broadcast"
    async with connected(f"/ws/f?{query}", Noting.as_asgi(), **signed_in("john")):
        assert seen == [
            {
                "subscribe-group": "the session holds no groups of the user",
                "publish-broadcast": "WS4REDIS_ALLOWED_CHANNELS does not allow it",
            }
        ]


# --- no heartbeats ----------------------------------------------------------------------------------------------------


async def test_client_may_turn_heartbeats_off(settings: Any, redis_client: Any) -> None:
    """With `heartbeat=0` none are sent; the client's own are still not published."""
    settings.WS4REDIS_HEARTBEAT = "--beat--"
    settings.WS4CHANNELS_HEARTBEAT_INTERVAL = 0.05
    query = "subscribe-broadcast&publish-broadcast&echo"
    async with connected(f"/ws/f?{query}&heartbeat=0") as quiet, connected(f"/ws/f?{query}") as other:
        for _ in range(3):
            assert await other.next() == "--beat--"
        await quiet.send_to("--beat--")
        await quiet.send_to("a message")
        assert await quiet.next() == "a message"
    assert redis_client.get("broadcast:f") == b"a message"
