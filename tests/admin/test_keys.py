"""Tests of `ws4channels.admin.keys`."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.addresses import KEYS, text_of
from tests.admin.conftest import Visit
from tests.admin.test_health import use_redis
from tests.admin.test_processes import told
from tests.processes.test_records import CONTENT, write
from tests.silence import refusing_port, silent_server
from tests.sockets import connected, cookie_header
from tests.waiting import SCALE, eventually
from ws4channels.admin.keys import users_shown
from ws4channels.admin.pages import ACT, CONTENTS, VIEW
from ws4channels.connections import sync_client
from ws4channels.presence.reading import Presence, Present, read_present
from ws4channels.publisher import RedisPublisher
from ws4channels.testing import FacilityCommunicator, _signed_in_session

pytestmark = pytest.mark.django_db(transaction=True)


def rows_of(response: Any) -> list[tuple[str, int]]:
    """Return the keys of a page with their websockets."""
    return [(row.key, row.found.sockets) for row in response.context["rows"]]


@pytest.fixture
def john(transactional_db: None) -> User:
    """A user."""
    return User.objects.create_user("john")


async def test_page_shows_who_listens_to_what(staff: Client, john: User, settings: Any) -> None:
    """Without a question: the facilities, and the keys with most websockets."""
    async with (
        FacilityCommunicator("news", "subscribe-broadcast", "subscribe-user", user=john),
        FacilityCommunicator("news", "subscribe-broadcast"),
    ):
        await told()
        response = await asyncio.to_thread(staff.get, KEYS)
    assert rows_of(response) == [("broadcast:news", 2), ("user:john:news", 1)]
    assert response.context["silent"] == 0


async def test_kept_message_is_described_and_not_shown(staff: Client, settings: Any) -> None:
    """Size, age, expiry and length of the history are there; the text is not."""
    settings.WS4CHANNELS_HISTORY = 10
    for text in ("a secret", "another secret"):
        await RedisPublisher(facility="news", broadcast=True).apublish_message(text, expire=60)
    response = await asyncio.to_thread(staff.get, KEYS, {"facility": "news"})
    (row,) = response.context["rows"]
    assert (row.key, row.found.kept.size, row.found.kept.logged) == ("broadcast:news", 14, 2)
    assert 0 < row.found.kept.seconds <= 60
    assert 0 <= row.found.age < 60 * SCALE
    assert b"secret" not in response.content


@pytest.mark.parametrize(
    ("form", "found"),
    [
        ({"audience": "user", "name": "john"}, ["user:john:chat", "user:john:news"]),
        ({"audience": "user", "name": "john", "facility": "chat"}, ["user:john:chat"]),
        ({"facility": "news"}, ["broadcast:news", "user:john:news"]),
        ({"audience": "user", "name": "joh"}, []),
    ],
)
async def test_keys_are_found_by_facility_and_user(
    form: dict[str, str], found: list[str], staff: Client, john: User
) -> None:
    """Those of one facility, of one user, or of both."""
    channels = ("subscribe-broadcast", "subscribe-user")
    async with FacilityCommunicator("news", *channels, user=john), FacilityCommunicator("chat", *channels, user=john):
        await told()
        response = await asyncio.to_thread(staff.post, KEYS, form)
    assert sorted(key for key, _ in rows_of(response)) == found


async def test_session_is_found_and_not_told(staff: Client, john: User) -> None:
    """Who knows the key of a session finds its websockets; who does not sees its beginning only."""
    key = str((await sync_to_async(_signed_in_session)(john, None)).session_key)
    async with connected("/ws/news?subscribe-session", headers=cookie_header(key)):
        await told()
        everything = await asyncio.to_thread(staff.get, KEYS)
        found = await asyncio.to_thread(staff.post, KEYS, {"audience": "session", "name": key})
    assert rows_of(everything) == rows_of(found) == [(f"session:{key[:4]}…:news", 1)]
    assert key.encode() not in everything.content
    assert not any(row.live_url or row.publish_url for row in everything.context["rows"])


async def test_users_who_are_present_are_named(staff: Client, john: User, settings: Any) -> None:
    """Where presence is recorded the page says who is here."""
    settings.WS4CHANNELS_PRESENCE = ["news"]
    async with (
        FacilityCommunicator("news", "subscribe-broadcast", user=john),
        FacilityCommunicator("news", "subscribe-broadcast"),
    ):
        await told()
        await eventually(lambda: read_present(sync_client(), ["broadcast:news"]).anonymous, "nobody is present")
        (row,) = (await asyncio.to_thread(staff.get, KEYS)).context["rows"]
    assert row.users == "john, 1 anonymous"


def test_links_are_those_that_one_may_follow(visit: Visit) -> None:
    """Live needs the permission of contents, publishing that of acting."""
    RedisPublisher(facility="a&b", users=["j:o"]).publish_message("hello")
    asked = {"facility": "a&b", "audience": "user", "name": "j:o"}
    (row,) = visit(VIEW).post(KEYS, asked).context["rows"]
    assert (row.live_url, row.publish_url) == ("", "")
    client = visit(VIEW, CONTENTS, ACT)
    (row,) = client.post(KEYS, asked).context["rows"]
    assert client.get(row.live_url).context["watched"]["key"] == "user:j%3Ao:a&b"
    assert client.get(row.publish_url).context["form"].initial == asked


@pytest.mark.parametrize("form", [{"audience": "user", "name": ""}, {"audience": "", "name": "john"}])
def test_half_a_question_is_no_question(form: dict[str, str], staff: Client) -> None:
    """The form says what is missing."""
    response = staff.post(KEYS, form)
    assert "name" in response.context["form"].errors
    assert response.context.get("rows") is None


def test_page_says_that_there_may_be_more(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where as many keys are shown as fit, others may be missing."""
    monkeypatch.setattr("ws4channels.admin.keys.MOST_KEYS", 1)
    RedisPublisher(facility="news", broadcast=True).publish_message("hello")
    assert "These are 1; there may be more." in text_of(staff.get(KEYS, {"facility": "news"}))


def test_process_that_does_not_answer_is_said(staff: Client, redis_client: redis.Redis) -> None:
    """What is missing is not hidden."""
    write(redis_client, "silent")
    assert "1 process does not answer: its websockets are missing here." in text_of(staff.get(KEYS))


def test_hostile_names_are_shown_and_not_run(staff: Client, redis_client: redis.Redis) -> None:
    """In facilities, keys and the form, what looks like HTML is text."""
    hostile = "<script>alert(1)</script>"
    write(redis_client, "a", {**CONTENT, "facilities": [[hostile, 1]]})
    RedisPublisher(facility=hostile, users=[hostile]).publish_message("hello")
    for response in (
        staff.get(KEYS),
        staff.post(KEYS, {"facility": hostile, "audience": "user", "name": hostile}),
    ):
        assert b"<script>alert" not in response.content
        assert b"&lt;script&gt;alert" in response.content


def test_page_says_that_redis_is_gone(staff: Client, settings: Any) -> None:
    """Where nobody listens at Redis' address, the page has the error and the form."""
    with refusing_port() as port:
        use_redis(settings, port)
        response = staff.get(KEYS)
    assert "Redis fails: ConnectionError: Error 111" in text_of(response)


def test_page_says_that_settings_are_wrong(staff: Client, settings: Any) -> None:
    """Where there can be no connection to Redis, the page says which setting is at fault."""
    settings.WS4REDIS_CONNECTION = {"hots": "localhost"}
    assert "WS4REDIS_CONNECTION is {'hots': 'localhost'" in text_of(staff.get(KEYS))


def test_many_users_are_counted_and_not_all_named() -> None:
    """The page stays readable where a thousand are present."""
    present = Present(Presence(str(number), 1, datetime.now(timezone.utc)) for number in range(12))
    assert users_shown(present) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2 more"


def test_page_says_within_two_seconds_that_redis_does_not_answer(staff: Client, settings: Any) -> None:
    """A Redis that takes connections and answers nothing delays the page for less than two seconds."""
    with silent_server() as server:
        use_redis(settings, server.port)
        began = time.monotonic()
        response = staff.get(KEYS)
        assert time.monotonic() - began < 2 * max(1, SCALE / 2)
    assert "Redis fails: " in text_of(response) or "Redis does not answer" in text_of(response)


async def test_page_takes_less_than_a_second_with_a_hundred_thousand_keys(
    staff: Client, john: User, redis_client: redis.Redis
) -> None:
    """Neither KEYS nor SCAN is used, so that what else is in Redis does not count."""
    with redis_client.pipeline(transaction=False) as pipeline:
        for number in range(100_000):
            pipeline.set(f"user:{number}:news", "x")
        pipeline.execute()
    async with FacilityCommunicator("news", "subscribe-user", user=john):
        await told()
        redis_client.config_resetstat()
        began = time.monotonic()
        response = await asyncio.to_thread(staff.post, KEYS, {"audience": "user", "name": "john"})
        seconds = time.monotonic() - began
    assert rows_of(response) == [("user:john:news", 1)]
    assert seconds < max(1, SCALE / 2)
    assert {"cmdstat_keys", "cmdstat_scan"} & set(redis_client.info("commandstats")) == set()
