"""Tests of `ws4channels.admin.live` and `ws4channels.admin.answers`."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from tests.admin.addresses import LIVE, TICKET, text_of
from tests.admin.conftest import Visit
from tests.admin.test_health import use_redis
from tests.silence import refusing_port, silent_server
from tests.sockets import Socket, connected
from tests.waiting import SCALE
from ws4channels.access.watching import WATCHING
from ws4channels.admin.live import SHOWN
from ws4channels.admin.pages import ACT, VIEW
from ws4channels.closing import close_sockets
from ws4channels.publisher import RedisPublisher

NEWS = {"facility": "news", "audience": "broadcast", "name": ""}


def publish(*messages: str | bytes, **audience: Any) -> None:
    """Publish messages to everybody on a facility, or to others."""
    publisher = RedisPublisher(facility="news", **(audience or {"broadcast": True}))
    for message in messages:
        publisher.publish_message(message)


def test_page_shows_the_kept_message(staff: Client) -> None:
    """Without JavaScript the page shows what Redis keeps: time, size and text."""
    publish("first", "second")
    response = staff.get(LIVE, NEWS)
    (message,) = response.context["passed"]
    assert (message.text, message.size) == ("second", 6)
    assert abs(message.at.timestamp() - time.time()) < 60 * SCALE
    assert "broadcast:news as of now: reload for later ones" in text_of(response)


def test_page_shows_the_history_newest_first(staff: Client, settings: Any) -> None:
    """Where messages are logged, the newest fifty are shown, each once."""
    settings.WS4CHANNELS_HISTORY = 100
    publish(*map(str, range(60)))
    texts = [message.text for message in staff.get(LIVE, NEWS).context["passed"]]
    assert texts == list(map(str, reversed(range(60 - SHOWN, 60))))


def test_page_shows_a_message_of_another_program(staff: Client, settings: Any, redis_client: Any) -> None:
    """A value that was written by hand is the newest, and has no time."""
    settings.WS4CHANNELS_HISTORY = 100
    publish("logged")
    redis_client.set("broadcast:news", "by hand")
    shown = [(message.text, message.at is None) for message in staff.get(LIVE, NEWS).context["passed"]]
    assert shown == [("by hand", True), ("logged", False)]


def test_binary_message_is_shown_as_bytes(staff: Client) -> None:
    """What is no text is shown escaped, with its size."""
    publish(b"\xff\x00<b>")
    (message,) = staff.get(LIVE, NEWS).context["passed"]
    assert (message.text, message.size) == ("<5 bytes> \\xff\\x00<b>", 5)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a:b", "\u202e\n'\"&"])
def test_hostile_names_and_messages_are_shown_and_not_run(name: str, staff: Client) -> None:
    """Names, facilities and messages that look like HTML are text on the page and in its attributes."""
    hostile = "</pre><script>alert(1)</script>"
    RedisPublisher(facility=name, users=[name]).publish_message(hostile)
    response = staff.get(LIVE, {"facility": name, "audience": "user", "name": name})
    assert [message.text for message in response.context["passed"]] == [hostile]
    assert b"<script>alert" not in response.content
    assert b"&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in response.content


def test_nobody_without_the_permission_sees_contents(visit: Visit) -> None:
    """Neither the page nor a ticket is there for who may view and act, but not read."""
    publish("a secret")
    client = visit(VIEW, ACT)
    for address in (LIVE, TICKET):
        response = client.get(address, NEWS)
        assert response.status_code == 403
        assert b"secret" not in response.content


def test_key_of_a_session_cannot_be_watched(staff: Client) -> None:
    """It would stand in the address of the page and of the websocket, which servers log."""
    response = staff.get(LIVE, {**NEWS, "audience": "session", "name": "abcdefghijklmnop"})
    assert response.context.get("watched") is None
    assert "Select a valid choice." in text_of(response)


async def test_what_the_page_says_opens_a_websocket(staff: Client) -> None:
    """With the address in the page, and a ticket, one receives what is published, once: a ticket is for one use."""
    user = {"facility": "news", "audience": "user", "name": "j:ö&n"}
    response = await asyncio.to_thread(staff.get, LIVE, user)
    ticket = (await asyncio.to_thread(staff.get, TICKET)).json()["ticket"]
    assert response.context["watched"]["ticket_url"] == TICKET
    path = f"{response.context['watched']['uri'].removeprefix('ws://testserver')}&ticket={ticket}"
    async with connected(path) as socket:
        await sync_to_async(publish)("hello", users=["j:ö&n"])
        assert await socket.next() == "hello"
    assert await Socket(path).is_refused()


async def test_signing_out_closes_what_one_watches_with(staff: Client) -> None:
    """The ticket belongs to the session of the admin's page."""
    ticket = (await asyncio.to_thread(staff.get, TICKET)).json()["ticket"]
    async with connected(f"/ws/{WATCHING}?key=broadcast:news&ticket={ticket}") as socket:
        await asyncio.to_thread(lambda: close_sockets(session=staff.session))
        assert await socket.close_code() == 4401


def test_page_says_that_redis_is_gone(staff: Client, settings: Any) -> None:
    """Where nobody listens at Redis' address, the page has the error and the form."""
    with refusing_port() as port:
        use_redis(settings, port)
        response = staff.get(LIVE, NEWS)
    assert "Redis fails: ConnectionError: Error 111" in text_of(response)


def test_page_says_within_two_seconds_that_redis_does_not_answer(staff: Client, settings: Any) -> None:
    """A Redis that takes connections and answers nothing delays the page for less than two seconds."""
    with silent_server() as server:
        use_redis(settings, server.port)
        began = time.monotonic()
        response = staff.get(LIVE, NEWS)
        assert time.monotonic() - began < 2 * max(1, SCALE / 2)
    assert "Redis does not answer" in text_of(response) or "Redis fails: TimeoutError" in text_of(response)


def test_each_ticket_is_a_new_one(staff: Client) -> None:
    """Two tickets differ, and no cache keeps one."""
    responses = [staff.get(TICKET) for _ in range(2)]
    assert responses[0].json() != responses[1].json()
    assert "no-store" in responses[0].headers["Cache-Control"]
