"""Tests of `ws4channels.testing`."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied

from tests import layers
from tests.monitor import recorded_commands
from tests.silence import HOST, refusing_port
from tests.waiting import TIMEOUT
from ws4channels.asgi import get_asgi_application
from ws4channels.consumers import FacilityConsumer
from ws4channels.exceptions import AudienceValueError, MessageTypeError
from ws4channels.publisher import RedisPublisher
from ws4channels.testing import FacilityCommunicator, capture_published
from ws4channels.transports import publishing
from ws4channels.transports.messages import Publication

NEWS = {"facility": "news", "broadcast": True}


@pytest.fixture
def nowhere(settings: Any) -> Any:
    """Settings with neither a Redis nor a channel layer."""
    with refusing_port() as port:
        settings.WS4REDIS_CONNECTION = {"host": HOST, "port": port}
        settings.CHANNEL_LAYERS = {}
        yield settings


@pytest.fixture
def mary(transactional_db: None) -> User:
    """A user in one group."""
    user = User.objects.create_user("mary", password="secret")
    user.groups.add(Group.objects.create(name="chatters"))
    return user


@pytest.fixture
def tidy() -> Iterator[None]:
    """End all captures after the test, for it may end the wrong one."""
    yield
    publishing.recorders.clear()


# What is captured


def test_published_messages_are_captured_without_redis(nowhere: Any) -> None:
    """Inside the block nothing is needed to publish, and what was published can be looked at."""
    with capture_published() as published:
        RedisPublisher(**NEWS).publish_message("hello")
        RedisPublisher(facility="news", users=["mary"]).publish_message(b"\xff", expire=60)
    assert published == [
        Publication(("broadcast:news",), b"hello", 3600),
        Publication(("user:mary:news",), b"\xff", 60),
    ]


async def test_async_twins_are_captured_as_well(nowhere: Any) -> None:
    """All four methods are recorded, in order."""
    publisher = RedisPublisher(**NEWS)
    with capture_published() as published:
        await asyncio.to_thread(publisher.publish_message, "1")
        await asyncio.to_thread(publisher.pipeline_publish_message, "2")
        await publisher.apublish_message("3")
        await publisher.apipeline_publish_message("4")
    assert published.messages("broadcast", facility="news") == [b"1", b"2", b"3", b"4"]


def test_nothing_reaches_redis(redis_client: redis.Redis) -> None:
    """Where there is a Redis, it is asked nothing in the block, and is used again after it."""
    publisher = RedisPublisher(**NEWS)
    with recorded_commands(redis_client) as commands, capture_published():
        publisher.publish_message("captured")
    assert commands == []
    publisher.publish_message("real")
    assert redis_client.get("broadcast:news") == b"real"


def test_messages_are_found_by_audience(nowhere: Any) -> None:
    """Each audience has its own messages; a message to several is found for each."""
    nowhere.WS4REDIS_PREFIX = "site"
    with capture_published() as published:
        RedisPublisher(facility="chat", users=["mary", "john"], groups=["a:b"]).publish_message("hello")
        RedisPublisher(facility="chat", users=["mary"]).publish_message("mary")
        RedisPublisher(facility="chat", sessions=["abc"]).publish_message("abc")
    assert published.messages("user", "mary", facility="chat") == [b"hello", b"mary"]
    assert published.messages("user", "john", facility="chat") == [b"hello"]
    assert published.messages("group", "a:b", facility="chat") == [b"hello"]
    assert published.messages("session", "abc", facility="chat") == [b"abc"]
    assert published.messages("user", "mary", facility="other") == []
    assert published.messages("broadcast", facility="chat") == []


class RoomPublisher(RedisPublisher):
    """A site's publisher with an audience of its own."""

    def _get_message_channels(self, rooms: Any = (), facility: Any = None, **audiences: Any) -> list[str]:
        keys = super()._get_message_channels(facility=facility, **audiences)
        return [*keys, *(f"room:{room}:{facility}" for room in rooms)]


def test_messages_to_audiences_of_a_site_are_found(nowhere: Any) -> None:
    """A publisher of the site's own class says which messages are meant: those to all of its keys."""
    with capture_published() as published:
        RoomPublisher(facility="chat", rooms=["kitchen", "cellar"]).publish_message("both")
        RoomPublisher(facility="chat", rooms=["kitchen"]).publish_message("one")
    assert published.messages_to(RoomPublisher(facility="chat", rooms=["kitchen"])) == [b"both", b"one"]
    assert published.messages_to(RoomPublisher(facility="chat", rooms=["kitchen", "cellar"])) == [b"both"]
    assert published.messages_to(RoomPublisher(facility="news", rooms=["kitchen"])) == []


def test_assertion_shows_what_was_published(nowhere: Any) -> None:
    """A message that was published passes; for another, the error lists what there is instead."""
    with capture_published() as published:
        RedisPublisher(facility="chat", users=["mary", "john"]).publish_message("hello")
        RedisPublisher(facility="chat", broadcast=True).publish_message(b"\xff")
    published.assert_published("hello", "user", "mary", facility="chat")
    published.assert_published(b"\xff", "broadcast", facility="chat")
    with pytest.raises(AssertionError) as failed:
        published.assert_published("hello", "broadcast", facility="chat")
    assert str(failed.value) == (
        "'hello' was not published to broadcast:chat. Published were:\n"
        "  user:john:chat, user:mary:chat: hello\n"
        r"  broadcast:chat: <1 bytes> \xff"
    )
    with capture_published() as published, pytest.raises(AssertionError, match=r"Nothing was published\.$"):
        published.assert_published("hello", "broadcast", facility="chat")


def test_misspelled_audience_is_refused(nowhere: Any) -> None:
    """A test that asks for an audience that there is not fails, instead of finding nothing."""
    with capture_published() as published:
        RedisPublisher(**NEWS).publish_message("hello")
    with pytest.raises(AudienceValueError):
        published.messages("users", "mary", facility="news")


def test_messages_takes_what_a_publisher_takes(nowhere: Any) -> None:
    """A user object or primary key names an audience here as it does in a publisher."""
    with capture_published() as published:
        RedisPublisher(facility="chat", users=[7, User(username="mary")]).publish_message("hello")
    for name in (7, User(username="mary")):
        assert published.messages("user", name, facility="chat") == [b"hello"]  # type: ignore[arg-type]


def test_bad_input_is_refused_as_ever(nowhere: Any) -> None:
    """What cannot be published raises in the block as it does outside, and is not recorded."""
    with capture_published() as published:
        with pytest.raises(MessageTypeError):
            RedisPublisher(**NEWS).publish_message(5)
        with pytest.raises(MessageTypeError):
            RedisPublisher(**NEWS).publish_message("hello", expire="soon")
        RedisPublisher(**NEWS).publish_message("")
        RedisPublisher(facility="news").publish_message("to nobody")
    assert published == []


def test_other_threads_are_captured(nowhere: Any) -> None:
    """What a thread publishes is recorded, too, and nothing is lost."""
    with capture_published() as published, ThreadPoolExecutor(8) as executor:
        list(executor.map(lambda n: RedisPublisher(**NEWS).publish_message(str(n)), range(100)))
    assert sorted(int(raw) for raw in published.messages("broadcast", facility="news")) == list(range(100))


def test_captures_may_be_nested(nowhere: Any) -> None:
    """Each block records what is published while it lasts."""
    publisher = RedisPublisher(**NEWS)
    with capture_published() as outer:
        publisher.publish_message("1")
        with capture_published() as inner:
            publisher.publish_message("2")
        publisher.publish_message("3")
    assert inner.messages("broadcast", facility="news") == [b"2"]
    assert outer.messages("broadcast", facility="news") == [b"1", b"2", b"3"]


@pytest.mark.usefixtures("tidy")
def test_nested_captures_that_recorded_the_same_are_told_apart(nowhere: Any) -> None:
    """An inner block that saw the same as the outer one ends itself, not the outer one."""
    publisher = RedisPublisher(**NEWS)
    with capture_published() as outer:
        with capture_published() as inner:
            publisher.publish_message("1")
        publisher.publish_message("2")
    assert inner.messages("broadcast", facility="news") == [b"1"]
    assert outer.messages("broadcast", facility="news") == [b"1", b"2"]


@pytest.mark.usefixtures("tidy")
def test_overlapping_captures_of_two_threads_are_told_apart(nowhere: Any) -> None:
    """Two empty captures that overlap end each on its own."""
    began, ended = threading.Event(), threading.Event()

    def capture_shortly() -> None:
        with capture_published():
            began.set()
        ended.set()

    with capture_published() as published:
        threading.Thread(target=capture_shortly).start()
        assert began.wait(TIMEOUT)
        assert ended.wait(TIMEOUT)
        RedisPublisher(**NEWS).publish_message("hello")
    assert published.messages("broadcast", facility="news") == [b"hello"]


def test_capture_ends_with_an_error(nowhere: Any) -> None:
    """A block that raises leaves nothing behind."""
    with pytest.raises(LookupError), capture_published():
        raise LookupError
    assert publishing.recorders == []


async def test_clients_messages_are_captured(redis_client: redis.Redis) -> None:
    """What a websocket's client publishes is recorded, and neither kept nor delivered."""
    async with FacilityCommunicator("news", "publish-broadcast", "subscribe-broadcast", "echo") as client:
        with capture_published() as published:
            await client.send_to("hello")
            assert await client.receive_nothing()
        assert published.messages("broadcast", facility="news") == [b"hello"]
        assert redis_client.keys() == []
        await client.send_to("real")
        assert await client.receive_from(TIMEOUT) == "real"


# The client


@pytest.mark.parametrize("facility", ["news", "a:b/c", "ünï cöde", "a?b#c&d", "100%25", "x/"])
async def test_facility_and_channels_are_those_asked_for(facility: str) -> None:
    """Whatever stands in a facility, the client receives what is published on it."""
    async with FacilityCommunicator(facility, "subscribe-broadcast") as client:
        await RedisPublisher(facility=facility, broadcast=True).apublish_message("hello")
        assert await client.receive_from(TIMEOUT) == "hello"


async def test_user_is_signed_in(mary: User) -> None:
    """The client is the user: it receives what is for the user, her groups and her session."""
    async with FacilityCommunicator("chat", "subscribe-user", "subscribe-group", user=mary) as client:
        await RedisPublisher(facility="chat", users=[mary]).apublish_message("user")
        assert await client.receive_from(TIMEOUT) == "user"
        await RedisPublisher(facility="chat", groups=["chatters"]).apublish_message("group")
        assert await client.receive_from(TIMEOUT) == "group"
        await RedisPublisher(facility="chat", users=["john"], groups=["other"]).apublish_message("others")
        assert await client.receive_nothing()


async def test_each_client_has_a_session_of_its_own(mary: User) -> None:
    """Two clients of one user do not share what is for a session."""
    channels = ("subscribe-session", "publish-session", "echo")
    async with FacilityCommunicator("chat", *channels, user=mary) as one:
        async with FacilityCommunicator("chat", *channels, user=mary) as other:
            await one.send_to("mine")
            assert await one.receive_from(TIMEOUT) == "mine"
            assert await other.receive_nothing()


async def test_groups_may_be_given(mary: User) -> None:
    """``groups`` are what the session remembers instead of Django's groups."""
    async with FacilityCommunicator("chat", "subscribe-group", user=mary, groups=["room"]) as client:
        await RedisPublisher(facility="chat", groups=["chatters"]).apublish_message("chatters")
        await RedisPublisher(facility="chat", groups=["room"]).apublish_message("room")
        assert await client.receive_from(TIMEOUT) == "room"


@pytest.mark.parametrize(
    "engine",
    [
        "db",
        "cache",
        "cached_db",
        "signed_cookies",
    ],
)
async def test_user_is_signed_in_with_every_kind_of_session(settings: Any, mary: User, engine: str) -> None:
    """The session is the site's: in the database, the cache, or the cookie itself."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    async with FacilityCommunicator("chat", "subscribe-user", "subscribe-broadcast", user=mary) as client:
        await RedisPublisher(facility="chat", users=[mary]).apublish_message("mary")
        await RedisPublisher(facility="chat", broadcast=True).apublish_message("all")
        assert await client.receive_from(TIMEOUT) == "mary"


async def test_client_without_a_user_is_anonymous() -> None:
    """Without a user the client gets broadcasts alone, and its websocket is open all the same."""
    async with FacilityCommunicator("chat", "subscribe-user", "subscribe-broadcast", "publish-user") as client:
        await client.send_to("to nobody")
        await RedisPublisher(facility="chat", users=["None", ""]).apublish_message("users")
        await RedisPublisher(facility="chat", broadcast=True).apublish_message("all")
        assert await client.receive_from(TIMEOUT) == "all"


async def test_headers_and_subprotocols_are_passed_on() -> None:
    """The client offers subprotocols and sends headers as WebsocketCommunicator does."""
    headers = [(b"host", b"testserver"), (b"origin", b"http://testserver")]
    async with FacilityCommunicator("chat", headers=headers, subprotocols=["chat.v2"]) as client:
        assert client.scope["subprotocols"] == ["chat.v2"]
        assert client.scope["headers"] == headers


async def test_client_speaks_to_the_host_that_djangos_test_client_speaks_to() -> None:
    """Hooks and the Origin check find the host "testserver", which Django's tests allow."""
    async with FacilityCommunicator("chat", headers=[(b"origin", b"http://testserver")]):
        pass


async def test_refused_websocket_is_an_error() -> None:
    """A client that is not let in says where to and with which code."""
    client = FacilityCommunicator("chat", headers=[(b"origin", b"https://evil.example")])
    with pytest.raises(ConnectionError) as refused:
        async with client:
            pass
    assert str(refused.value).startswith(
        "The websocket to /ws/chat was refused with close code 1000. "
        "Refused a websocket to /ws/chat from origin 'https://evil.example': "
    )


async def test_refusal_shows_the_reason_that_a_rule_gives(settings: Any) -> None:
    """What a rule says, which is logged and not sent to the client, is in the error of the test."""

    def refuse(request: Any, channels: Any) -> Any:
        raise PermissionDenied("Sign in first.")

    settings.WS4REDIS_ALLOWED_CHANNELS = refuse
    with pytest.raises(ConnectionError, match="PermissionDenied: Sign in first"):
        async with FacilityCommunicator("chat", "subscribe-broadcast"):
            pass
    assert logging.getLogger("ws4channels").handlers == []


async def test_error_in_the_block_is_the_one_that_is_seen() -> None:
    """A message that does not come is a TimeoutError of the test, not a CancelledError of the client's end."""
    with pytest.raises(asyncio.TimeoutError):
        async with FacilityCommunicator("chat", "subscribe-broadcast") as client:
            await client.receive_from(timeout=0.05)


@pytest.mark.django_db(transaction=True)
async def test_sites_own_application_is_used(settings: Any) -> None:
    """``application`` is the site's, and the URL follows WEBSOCKET_URL."""
    settings.WEBSOCKET_URL = "/stream/"
    opened: list[str] = []

    class Recording(FacilityConsumer):
        async def connect(self) -> None:
            opened.append(self.scope["path"])
            await super().connect()

    for application in (Recording.as_asgi(), get_asgi_application()):
        async with FacilityCommunicator("chat", "subscribe-broadcast", application=application) as client:
            await RedisPublisher(facility="chat", broadcast=True).apublish_message("hello")
            assert await client.receive_from(TIMEOUT) == "hello"
    assert opened == ["/stream/chat"]


@pytest.mark.parametrize("backend", [layers.CORE, layers.IN_MEMORY])
async def test_client_works_on_every_layer(settings: Any, backend: str) -> None:
    """Tests need no particular channel layer."""
    settings.CHANNEL_LAYERS = layers.one_layer(backend)
    async with FacilityCommunicator("chat", "subscribe-broadcast") as client:
        await RedisPublisher(facility="chat", broadcast=True).apublish_message("hello")
        assert await client.receive_from(TIMEOUT) == "hello"


def test_class_is_of_use_in_djangos_own_test_case(mary: User) -> None:
    """Under ``async_to_sync``, as Django runs async test methods, the client works as well."""

    async def chat() -> str:
        async with FacilityCommunicator("chat", "subscribe-user", user=mary) as client:
            await RedisPublisher(facility="chat", users=[mary]).apublish_message("hello")
            text: str = await client.receive_from(TIMEOUT)
            return text

    assert async_to_sync(chat)() == "hello"
