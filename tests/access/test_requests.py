"""Tests of `ws4channels.access.requests`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.access.scopes import a_scope
from ws4channels.access.requests import (
    asked_channels,
    asked_start,
    build_request,
    chosen_subprotocol,
    offered_subprotocols,
    path_below_script_name,
    wants_heartbeats,
    with_actual_root_path,
)


def test_request_is_as_django_code_knows_it() -> None:
    """Hooks find path, query, headers, cookies, host and security where they are in any request."""
    request = build_request(a_scope("token=a%20b&ts=1&token=c", "/ws/a b/ü", {"sessionid": "key", "theme": "dark"}))
    assert (request.path_info, request.path, request.method) == ("/ws/a b/ü", "/ws/a b/ü", "GET")
    assert (request.GET["token"], request.GET.getlist("token"), request.GET["ts"]) == ("c", ["a b", "c"], "1")
    assert request.META["HTTP_USER_AGENT"] == "tests"
    assert request.META["REMOTE_ADDR"] == "203.0.113.7"
    assert request.headers["X-Forwarded-Proto"] == "https"
    assert request.COOKIES == {"sessionid": "key", "theme": "dark"}
    assert request.get_host() == "testserver"
    assert (request.is_secure(), request.build_absolute_uri("/x")) == (False, "http://testserver/x")
    assert request.body == b""


def test_request_over_wss_is_secure(settings: Any) -> None:
    """`is_secure()` knows wss, and what a proxy says about it."""
    assert build_request(a_scope(scheme="wss")).is_secure()
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert build_request(a_scope()).is_secure()


def test_request_of_a_bare_scope_will_do() -> None:
    """What test communicators leave out of a scope is not needed."""
    request = build_request({"type": "websocket", "path": "/ws/f", "query_string": b"", "headers": []})
    assert (request.path_info, request.is_secure(), dict(request.GET), request.COOKIES) == ("/ws/f", False, {}, {})


def test_request_with_a_query_of_raw_bytes_is_as_if_they_were_quoted() -> None:
    """Bytes that a client did not quote are its text where they are UTF-8, and a replacement where they are not."""
    scope = {"type": "websocket", "path": "/ws/f", "query_string": b"a=%C3%BC\xc3\xbc\x85&echo", "headers": []}
    request = build_request(scope)
    assert dict(request.GET.items()) == {"a": "\xfc\xfc\ufffd", "echo": ""}


# --- the script name --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "root_path", "below"),
    [
        ("/ws/f", "", "/ws/f"),
        ("/app/ws/f", "/app", "/ws/f"),
        ("/ws/f", "/app", "/ws/f"),
        ("/app/app/ws/f", "/app", "/ws/f"),
        ("/app/ws/app/f", "/app", "/ws/app/f"),
        ("/app/ws/f", "/app/", "/ws/f"),
        ("/deep/app/ws/f", "/deep/app", "/ws/f"),
        ("/my app/ws/f", "/my app", "/ws/f"),
        ("/application/ws/f", "/app", "/application/ws/f"),
        ("/ws/f", "/ws", "/ws/f"),
        ("/ws/ws/f", "/ws", "/ws/f"),
        ("/app/elsewhere", "/app", "/elsewhere"),
        ("/app", "/app", "/app"),
        ("/app/ws/f", "", "/app/ws/f"),
    ],
)
@pytest.mark.parametrize("told_by", ["root_path", "FORCE_SCRIPT_NAME"])
def test_path_is_below_the_script_name(settings: Any, told_by: str, path: str, root_path: str, below: str) -> None:
    """Proxies pass the script name on, remove it, or the server adds it to what has it already."""
    settings.FORCE_SCRIPT_NAME = root_path if told_by == "FORCE_SCRIPT_NAME" else None
    scope = a_scope(path=path, root_path=root_path if told_by == "root_path" else "")
    assert path_below_script_name(scope) == below
    request = build_request(scope)
    assert (request.path, request.path_info, request.META["PATH_INFO"]) == (path, below, below)


def test_scope_without_a_root_path_has_a_path() -> None:
    """ASGI's `root_path` is optional, and servers may give None."""
    assert path_below_script_name({"path": "/ws/f"}) == "/ws/f"
    assert path_below_script_name({"path": "/ws/f", "root_path": None}) == "/ws/f"


@pytest.mark.parametrize(
    ("path", "root_path", "actual"),
    [("/ws/f", "/app", ""), ("/app/ws/f", "/app", "/app"), ("/app/app/ws/f", "/app", "/app/app"), ("/x", "/app", "")],
)
def test_root_path_is_what_the_path_begins_with(path: str, root_path: str, actual: str) -> None:
    """Where the path and `root_path` disagree, `root_path` is changed, and nothing else."""
    scope = a_scope(path=path, root_path=root_path)
    assert with_actual_root_path(scope) == {**scope, "root_path": actual}


def test_scope_that_is_right_is_not_copied() -> None:
    """Most scopes are passed on as they are."""
    scope = a_scope()
    assert with_actual_root_path(scope) is scope


# --- the asked channels -----------------------------------------------------------------------------------------------

POSSIBLE = ["subscribe-broadcast", "subscribe-user", "publish-broadcast", "subscribe-room"]


@pytest.mark.parametrize(
    ("query", "channels", "words"),
    [
        ("", [], set()),
        ("subscribe-user&subscribe-broadcast", ["subscribe-user", "subscribe-broadcast"], set()),
        ("subscribe-user&subscribe-user&SUBSCRIBE-USER", ["subscribe-user"], set()),
        ("echo", [], {"echo"}),
        ("%20Echo+=no", [], {"echo"}),
        ("echoes&ech", [], set()),
        ("subscribe=broadcast&publish=Broadcast+", ["subscribe-broadcast", "publish-broadcast"], set()),
        ("subscribe=room&room=subscribe-user", ["subscribe-room"], set()),
        ("subscribe-broadcast=user", ["subscribe-broadcast"], set()),
        ("publish-user&publish-everything", [], set()),
        ("x=echo&subscribe=echo", [], set()),
        ("resume=a.1&BINARY&echo", [], {"resume", "binary", "echo"}),
    ],
)
def test_channels_are_read_from_the_query(query: str, channels: list[str], words: set[str]) -> None:
    """Known names are returned once and in order, whatever their case and values, and other words apart from them."""
    assert asked_channels(build_request(a_scope(query)), POSSIBLE) == (channels, words)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (0, None)),
        ("history=20", (20, None)),
        ("History=3&history=20", (20, None)),
        ("history", (0, None)),
        ("history=many&history=-5&history=1.5&history=9999999999", (0, None)),
        ("resume", (0, "")),
        ("resume=a.1,b.2&resume=c.3", (0, "a.1,b.2,c.3")),
        ("RESUME=Ab.1&history=5", (5, "Ab.1")),
    ],
)
def test_start_is_read_from_the_query(query: str, expected: tuple[int, str | None]) -> None:
    """What is no number asks for nothing; positions are taken as they are."""
    assert asked_start(build_request(a_scope(query))) == expected


@pytest.mark.parametrize(
    ("query", "wants"),
    [
        ("", True),
        ("heartbeat", True),
        ("heartbeat=1", True),
        ("x=0&heartbeat=00", True),
        ("heartbeat=0", False),
        ("subscribe-user&%20HeartBeat+=+0", False),
    ],
)
def test_heartbeats_are_turned_off_by_zero_alone(query: str, wants: bool) -> None:
    """Old URLs mean what they meant."""
    assert wants_heartbeats(build_request(a_scope(query))) is wants


@pytest.mark.parametrize(
    ("subprotocols", "offered", "chosen"),
    [
        ([], [], None),
        (["chat"], ["chat"], "chat"),
        (["chat.v2", "chat.v1"], ["chat.v2", "chat.v1"], "chat.v2"),
        (["chat.v2, chat.v1"], ["chat.v2", "chat.v1"], "chat.v2"),
        (["ticket.abc", "chat"], ["ticket.abc", "chat"], "chat"),
        (["ticket.abc"], ["ticket.abc"], "ticket.abc"),
    ],
)
def test_first_subprotocol_that_is_no_ticket_is_chosen(
    subprotocols: list[str], offered: list[str], chosen: str | None
) -> None:
    """A browser that offers some refuses a server that chooses none, so a ticket is chosen where there is no other."""
    scope = a_scope(subprotocols=subprotocols)
    assert offered_subprotocols(scope) == offered
    assert chosen_subprotocol(scope) == chosen
