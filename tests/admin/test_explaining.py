"""Tests of `ws4channels.admin.explaining`."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.test import Client

from tests.admin.addresses import EXPLAIN, text_of
from tests.admin.conftest import Visit
from tests.admin.test_health import use_redis
from tests.silence import refusing_port, silent_server
from tests.waiting import SCALE
from ws4channels.admin.pages import VIEW
from ws4channels.publisher import RedisPublisher
from ws4channels.testing import _signed_in_session

calls: list[str] = []


def refuse(request: Any, channels: Any) -> Any:
    """A rule that notes that it was asked."""
    calls.append(request.user.get_username())
    raise PermissionDenied("<script>alert(1)</script>")


@pytest.fixture(autouse=True)
def john(transactional_db: None) -> User:
    """A user."""
    return User.objects.create_user("john")


def test_client_that_is_let_in_is_explained(staff: Client) -> None:
    """Each step is a row, and each key with what is kept of it."""
    RedisPublisher(facility="news", users=["john"]).publish_message("a secret")
    response = staff.post(EXPLAIN, {"url": "/ws/news?subscribe-user", "user": "john"})
    text = text_of(response)
    assert "The client is let in." in text
    assert "user ok john" in text
    assert "user:john:news yes no 0 8" in text
    assert b"a secret" not in response.content


def test_wrong_facility_is_said_in_a_sentence(staff: Client) -> None:
    """Where publisher and client do not meet, the page names both keys."""
    form = {"url": "/ws/chat?subscribe-user", "user": "john", "facility": "news", "audience": "user", "name": "john"}
    text = text_of(staff.post(EXPLAIN, form))
    assert "The client is let in, and does not receive what is published." in text
    assert "Published to user:john:news; the client listens to user:john:chat." in text
    text = text_of(staff.post(EXPLAIN, {**form, "url": "/ws/news?subscribe-user"}))
    assert "The client is let in, and receives what is published." in text


def test_keys_of_sessions_are_shown_in_part(staff: Client, john: User) -> None:
    """Also in the sentences about what the client reads and what is published."""
    key = str(_signed_in_session(john, None).session_key)
    form = {"url": "/ws/chat?subscribe-session", "session": key, "facility": "news", "audience": "session", "name": key}
    outcome = staff.post(EXPLAIN, form).context["outcome"]
    assert outcome.gap == f"Published to session:{key[:4]}…:news; the client listens to session:{key[:4]}…:chat."
    assert [name for name, _ in outcome.keys] == [f"session:{key[:4]}…:chat"]
    assert not any(key in step.text for step in outcome.explanation.steps)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"url": "/ws/news?subscribe-user"}, "subscribe-user dropped nobody is signed in"),
        ({"url": "news"}, "url refused The URL must be a path"),
        ({"url": "/ws/news?subscribe-user", "user": "nobody"}, "There is no auth.User with the username 'nobody'."),
        ({"url": "/ws/news?subscribe-broadcast", "origin": "https://evil.example"}, "origin refused"),
    ],
)
def test_what_is_wrong_is_said(form: dict[str, str], words: str, staff: Client) -> None:
    """The step at which the handshake ends, or what it drops, has the reason."""
    assert words in text_of(staff.post(EXPLAIN, form))


def test_rule_runs_for_a_form_that_is_sent_and_for_nothing_else(staff: Client, settings: Any, visit: Visit) -> None:
    """An address alone runs no code of the site, and neither does another site's page."""
    calls.clear()
    settings.WS4REDIS_ALLOWED_CHANNELS = refuse
    form = {"url": "/ws/news?subscribe-user", "user": "john"}
    assert staff.get(EXPLAIN, form).context.get("outcome") is None
    assert visit(VIEW, enforce_csrf_checks=True).post(EXPLAIN, form).status_code == 403
    assert calls == []
    response = staff.post(EXPLAIN, form)
    assert calls == ["john"]
    assert "The client is not let in." in text_of(response)
    assert b"<script>alert" not in response.content
    assert "<script>alert(1)</script>" in text_of(response)


@pytest.mark.parametrize("change", [{"audience": "user"}, {"audience": "broadcast", "name": "john"}])
def test_publisher_without_or_with_a_name_too_many_is_an_error(change: dict[str, str], staff: Client) -> None:
    """The form says what is missing."""
    response = staff.post(EXPLAIN, {"url": "/ws/news", "facility": "news", **change})
    assert "name" in response.context["form"].errors


def test_page_says_that_settings_are_wrong(staff: Client, settings: Any) -> None:
    """Where nothing can be published at all, the handshake and the publisher say why."""
    settings.CHANNEL_LAYERS = {}
    text = text_of(staff.post(EXPLAIN, {"url": "/ws/news?subscribe-broadcast", "facility": "news"}))
    assert "transport refused ConfigurationError: CHANNEL_LAYERS has no entry 'default'" in text
    assert "Published to Key Processes listening CHANNEL_LAYERS has no entry 'default'" in text


def test_page_says_that_redis_is_gone(staff: Client, settings: Any) -> None:
    """The handshake is explained as far as it goes, and Redis is a step that refuses."""
    with refusing_port() as port:
        use_redis(settings, port)
        response = staff.post(EXPLAIN, {"url": "/ws/news?subscribe-broadcast"})
    assert "Redis does not answer: ConnectionError: Error 111" in text_of(response)


def test_page_says_within_two_seconds_that_redis_does_not_answer(staff: Client, settings: Any) -> None:
    """A Redis that takes connections and answers nothing delays the page for less than two seconds."""
    with silent_server() as server:
        use_redis(settings, server.port)
        began = time.monotonic()
        response = staff.post(EXPLAIN, {"url": "/ws/news?subscribe-broadcast"})
        assert time.monotonic() - began < 2 * max(1, SCALE / 2)
    assert "Redis does not answer (no answer within 1.5 s)." in text_of(response)
