"""Tests of `ws4channels.context_processors`."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.template import engines
from django.test import RequestFactory, override_settings
from hypothesis import given
from hypothesis import strategies as st

from ws4channels.context_processors import default

TEXTS = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("secure", "host", "path", "uri"),
    [
        (False, "testserver", "/ws/", "ws://testserver/ws/"),
        (True, "testserver", "/ws/", "wss://testserver/ws/"),
        (False, "localhost:8000", "/stream", "ws://localhost:8000/stream"),
    ],
)
def test_websocket_uri_is_scheme_host_and_path(settings: Any, secure: bool, host: str, path: str, uri: str) -> None:
    """The URI leads to the host of the page, encrypted if the page is, below WEBSOCKET_URL."""
    settings.WEBSOCKET_URL = path
    assert default(RequestFactory().get("/page", secure=secure, headers={"host": host}))["WEBSOCKET_URI"] == uri


def test_proxy_that_terminates_tls_is_believed_as_django_believes_it(settings: Any) -> None:
    """Behind a proxy the scheme is what SECURE_PROXY_SSL_HEADER tells, and the host what USE_X_FORWARDED_HOST tells."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.USE_X_FORWARDED_HOST = True
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "localhost"}
    assert default(RequestFactory().get("/", headers=headers))["WEBSOCKET_URI"] == "wss://localhost/ws/"


@pytest.mark.parametrize(
    ("script_name", "forced", "uri"),
    [
        ("", None, "ws://testserver/ws/"),
        ("/app", None, "ws://testserver/app/ws/"),
        ("/app/", None, "ws://testserver/app/ws/"),
        ("/", None, "ws://testserver/ws/"),
        ("", "/forced", "ws://testserver/forced/ws/"),
        ("/app", "/forced/", "ws://testserver/forced/ws/"),
        ("/my app", None, "ws://testserver/my%20app/ws/"),
    ],
)
@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_websocket_uri_is_below_the_script_name(
    settings: Any, kind: str, script_name: str, forced: str | None, uri: str
) -> None:
    """Where the site is mounted below a path, or is told to be, its websockets are there as well."""
    settings.FORCE_SCRIPT_NAME = forced
    if kind == "wsgi":
        request: Any = RequestFactory(SCRIPT_NAME=script_name).get("/page")
    else:
        scope = {"type": "http", "method": "GET", "path": f"{script_name}/page", "root_path": script_name}
        request = ASGIRequest({**scope, "headers": [(b"host", b"testserver")], "query_string": b""}, BytesIO())
    assert default(request)["WEBSOCKET_URI"] == uri


def test_websockets_may_be_on_another_host(settings: Any) -> None:
    """WS4CHANNELS_WEBSOCKET_URI is given as it is, whatever the page's host and script name."""
    settings.WS4CHANNELS_WEBSOCKET_URI = "wss://ws.example.com/live/"
    assert default(RequestFactory(SCRIPT_NAME="/app").get("/"))["WEBSOCKET_URI"] == "wss://ws.example.com/live/"


def test_foreign_host_is_refused() -> None:
    """A Host header that ALLOWED_HOSTS does not have gets Django's own error."""
    with pytest.raises(DisallowedHost):
        default(RequestFactory().get("/", headers={"host": "evil.example"}))


@pytest.mark.parametrize(
    ("heartbeat", "literal"),
    [
        (None, "null"),
        ("--heartbeat--", '"--heartbeat--"'),
        ('"quoted"', r'"\"quoted\""'),
        ("ü", r'"\u00fc"'),
        ("</script>&", r'"\u003C/script\u003E\u0026"'),
    ],
)
def test_heartbeat_is_a_javascript_literal(settings: Any, heartbeat: str | None, literal: str) -> None:
    """The heartbeat is a quoted string or ``null``, and ends no script element."""
    settings.WS4REDIS_HEARTBEAT = heartbeat
    assert default(RequestFactory().get("/"))["WS4REDIS_HEARTBEAT"] == literal


@given(TEXTS)
def test_any_heartbeat_survives_a_page(heartbeat: str) -> None:
    """In a template the literal stands unescaped, reads as the heartbeat's text and is safe inside a script."""
    # Not the fixture, which is not undone between hypothesis' examples.
    with override_settings(WS4REDIS_HEARTBEAT=heartbeat):
        page = engines["django"].from_string("{{ WS4REDIS_HEARTBEAT }}").render({}, RequestFactory().get("/"))
    assert json.loads(page) == heartbeat
    assert not set("<>&\u2028\u2029") & set(page)


def test_template_gets_both(settings: Any) -> None:
    """A page of a site that lists the context processor needs nothing else to open a websocket."""
    settings.WS4REDIS_HEARTBEAT = "beat"
    template = engines["django"].from_string("uri: '{{ WEBSOCKET_URI }}', heartbeat_msg: {{ WS4REDIS_HEARTBEAT }}")
    assert template.render({}, RequestFactory().get("/")) == "uri: 'ws://testserver/ws/', heartbeat_msg: \"beat\""
