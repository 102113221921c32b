"""Tests of `ws4channels.context_processors`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import DisallowedHost
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
