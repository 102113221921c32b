"""Tests of `ws4channels.admin.actions` and `ws4channels.admin.forms`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests.admin.addresses import CLOSE, PUBLISH, text_of
from tests.admin.conftest import Visit
from tests.admin.test_health import use_redis
from tests.admin.test_processes import told
from tests.monitor import kept_keys
from tests.silence import refusing_port, silent_server
from tests.waiting import QUIET, SCALE, TIMEOUT
from ws4channels.admin import patience
from ws4channels.admin.pages import ACT, VIEW
from ws4channels.testing import FacilityCommunicator

NEWS = {"facility": "news", "audience": "broadcast", "message": "hello"}
JOHN = {"audience": "user", "name": "john"}
CONFIRMED = {"confirmed": "yes"}


def log() -> list[tuple[str, str, str]]:
    """Return the entries of the admin's log: by whom, about what, and the text."""
    return [(each.user.get_username(), each.object_repr, each.change_message) for each in LogEntry.objects.all()]


async def test_published_text_arrives_and_is_in_the_log(staff: Client) -> None:
    """After a confirmation, the websockets of the key receive the text; the log names the key and not the text."""
    async with FacilityCommunicator("news", "subscribe-broadcast") as client:
        await told()
        question = await asyncio.to_thread(staff.post, PUBLISH, NEWS)
        assert "Publish this? Publish 5 bytes to broadcast:news. 1 websocket is subscribed to it now. hello" in text_of(
            question
        )
        assert await client.receive_nothing(QUIET)
        done = await asyncio.to_thread(staff.post, PUBLISH, {**NEWS, **CONFIRMED})
        assert (done.status_code, done.headers["Location"]) == (302, PUBLISH)
        assert await client.receive_from(TIMEOUT) == "hello"
    assert await sync_to_async(log)() == [("paula", "broadcast:news", "Publish 5 bytes to broadcast:news. Done.")]


def test_question_carries_what_was_filled_in(staff: Client, redis_client: redis.Redis) -> None:
    """What is sent with the answer to the question is what was asked about, line breaks and quotes included."""
    text = ' "a" <b>\r\nline two\n'
    question = staff.post(PUBLISH, {**NEWS, "audience": "user", "name": "j:o", "message": text, "expire": "60"})
    fields = {field.html_name: field.value() for field in question.context["form"]}
    staff.post(PUBLISH, {**fields, **CONFIRMED})
    assert redis_client.get("user:j%3Ao:news") == text.replace("\r\n", "\n").encode()
    assert 0 < redis_client.ttl("user:j%3Ao:news") <= 60


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"facility": ""}, "This field is required."),
        ({"audience": "user"}, "Say whose."),
        ({"name": "john"}, "There is no name for everybody."),
        ({"audience": "all"}, "Select a valid choice. all is not one of the available choices."),
        ({"message": ""}, "This field is required."),
        ({"message": "--heartbeat--"}, "This is the heartbeat (WS4REDIS_HEARTBEAT), which is not published."),
        ({"expire": "-1"}, "Ensure this value is greater than or equal to 0."),
        ({"expire": f"{10**15 + 1}"}, "Ensure this value is less than or equal to 1000000000000000."),
    ],
)
def test_form_says_what_is_wrong(
    change: dict[str, str], error: str, staff: Client, settings: Any, redis_client: redis.Redis
) -> None:
    """Nothing is published, also where it was confirmed, and the form has a sentence at the field."""
    settings.WS4REDIS_HEARTBEAT = "--heartbeat--"
    response = staff.post(PUBLISH, {**NEWS, **change, **CONFIRMED})
    assert response.status_code == 200
    assert error in text_of(response)
    assert kept_keys(redis_client) == set()
    assert log() == []


@pytest.fixture
async def johns() -> AsyncIterator[FacilityCommunicator]:
    """A websocket."""
    async with FacilityCommunicator("news", "subscribe-broadcast") as client:
        yield client


@pytest.mark.parametrize(("facility", "is_closed"), [("", True), ("news", True), ("chat", False)])
async def test_websockets_of_a_user_are_closed(
    facility: str, is_closed: bool, staff: Client, django_user_model: Any
) -> None:
    """Those of the user, in the facility if one is given, are closed with 4401, and the log says so."""
    john = await django_user_model.objects.acreate(username="john")
    form = {**JOHN, "facility": facility}
    async with FacilityCommunicator("news", "subscribe-user", user=john) as client:
        question = await asyncio.to_thread(staff.post, CLOSE, form)
        assert "Close these websockets? Close the websockets of the user john" in text_of(question)
        assert await client.receive_nothing(QUIET)
        await asyncio.to_thread(staff.post, CLOSE, {**form, **CONFIRMED})
        if is_closed:
            assert (await client.receive_output(TIMEOUT))["code"] == 4401
        else:
            assert await client.receive_nothing(QUIET)
    where = f" in the facility {facility}" if facility else ""
    assert await sync_to_async(log)() == [
        ("paula", "the user john", f"Close the websockets of the user john{where}. Done.")
    ]


def test_log_holds_no_key_of_a_session(staff: Client) -> None:
    """Who reads the log cannot sign in with what it holds."""
    staff.post(CLOSE, {"audience": "session", "name": "abcdefghijklmnop", **CONFIRMED})
    staff.post(PUBLISH, {**NEWS, "audience": "session", "name": "abcdefghijklmnop", **CONFIRMED})
    assert sorted(log()) == [
        ("paula", "session:abcd…:news", "Publish 5 bytes to session:abcd…:news. Done."),
        ("paula", "the session abcd…", "Close the websockets of the session abcd…. Done."),
    ]


@pytest.mark.parametrize("address", [PUBLISH, CLOSE])
def test_get_does_nothing(address: str, staff: Client, redis_client: redis.Redis) -> None:
    """An address fills in the form at most, whatever its parameters."""
    response = staff.get(address, {**NEWS, **JOHN, **CONFIRMED})
    assert response.status_code == 200
    assert b'value="john"' in response.content
    assert kept_keys(redis_client) == set()
    assert log() == []


@pytest.mark.parametrize(("address", "form"), [(PUBLISH, NEWS), (CLOSE, JOHN)])
def test_foreign_page_can_do_nothing(
    address: str, form: dict[str, str], visit: Visit, redis_client: redis.Redis
) -> None:
    """Without the token of a page of ours a POST is refused."""
    client = visit(VIEW, ACT, enforce_csrf_checks=True)
    assert client.post(address, {**form, **CONFIRMED}).status_code == 403
    assert kept_keys(redis_client) == set()
    assert log() == []


@pytest.mark.parametrize(("address", "form"), [(PUBLISH, NEWS), (CLOSE, JOHN)])
def test_page_says_that_redis_is_gone(address: str, form: dict[str, str], staff: Client, settings: Any) -> None:
    """Where nobody listens at Redis' address, the page and the log have the error."""
    with refusing_port() as port:
        use_redis(settings, port)
        response = staff.post(address, {**form, **CONFIRMED}, follow=True)
    assert b"Redis fails: ConnectionError: Error 111" in response.content
    ((_, _, text),) = log()
    assert "Redis fails: ConnectionError" in text


def test_page_says_that_settings_are_wrong(staff: Client, settings: Any) -> None:
    """Where the site cannot publish at all, the page and the log say which setting is at fault."""
    settings.CHANNEL_LAYERS = {}
    response = staff.post(PUBLISH, {**NEWS, **CONFIRMED}, follow=True)
    assert b"CHANNEL_LAYERS has no entry" in response.content
    ((_, _, text),) = log()
    assert "CHANNEL_LAYERS has no entry" in text


def test_page_says_within_two_seconds_that_redis_does_not_answer(staff: Client, settings: Any) -> None:
    """Where Redis takes the connection and is silent, nobody knows yet whether it is done, and the page says that."""
    with silent_server() as server:
        use_redis(settings, server.port)
        began = time.monotonic()
        staff.post(PUBLISH, {**NEWS, **CONFIRMED})
        assert time.monotonic() - began < 2 * max(1, SCALE / 2)
    ((_, _, text),) = log()
    assert text.endswith("Redis does not answer (no answer within 1.5 s): this may happen yet.")


def test_page_says_that_nothing_was_done(
    staff: Client, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where too many others wait for Redis, nothing is begun, and neither page nor log say that it may happen yet."""
    monkeypatch.setattr(patience, "_free", threading.BoundedSemaphore(1))
    assert patience._free.acquire()
    staff.post(PUBLISH, {**NEWS, **CONFIRMED})
    assert kept_keys(redis_client) == set()
    ((_, _, text),) = log()
    assert text.endswith("Redis does not answer (no answer to earlier questions): nothing was done.")


def test_hostile_names_are_shown_and_not_run(staff: Client) -> None:
    """In the form, in the question and in the message that follows, a name that looks like HTML is text."""
    hostile = "<script>alert(1)</script>"
    for address, form in ((PUBLISH, {**NEWS, **JOHN, "facility": hostile}), (CLOSE, {**JOHN, "name": hostile})):
        shown = [staff.get(address, form), staff.post(address, form)]
        shown.append(staff.post(address, {**form, **CONFIRMED}, follow=True))
        for response in shown:
            assert b"<script>alert" not in response.content
            assert b"&lt;script&gt;alert" in response.content
