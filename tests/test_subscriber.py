"""Tests of `ws4channels.subscriber`, and of the subscribers that sites wrote for the original."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model

from tests import legacy_subscribers
from tests.monitor import kept_keys
from tests.sockets import Socket, broadcast, connected
from tests.visitors import signed_in
from tests.waiting import QUIET, TIMEOUT, eventually
from ws4channels.consumers import FacilityConsumer
from ws4channels.counters import counts
from ws4channels.exceptions import ConfigurationError
from ws4channels.publisher import RedisPublisher
from ws4channels.subscriber import (
    ChannelName,
    RedisSubscriber,
    SubscribingConnection,
    Subscription,
    Subscriptions,
    check_subscriber_class,
    facility_of,
)
from ws4channels.testing import FacilityCommunicator

# --- what a subscriber notes ------------------------------------------------------------------------------------------


def test_names_are_the_same_as_text_and_as_bytes() -> None:
    """Subscribed names go in and are found as text or bytes, and come out with decode(), as sites use them."""
    channels = Subscriptions()
    channels[b"broadcast:a"] = None
    channels["broadcast:b"] = print
    assert list(channels) == ["broadcast:a", "broadcast:b"]
    assert "broadcast:a" in channels
    assert b"broadcast:b" in channels
    assert channels[b"broadcast:b"] is print
    assert [name.decode("utf-8") for name in channels] == ["broadcast:a", "broadcast:b"]
    assert all(isinstance(name, ChannelName) for name in channels)
    del channels["broadcast:a"]
    assert (len(channels), repr(channels)) == (1, "Subscriptions(['broadcast:b'])")


def test_subscription_takes_what_redis_py_takes() -> None:
    """Names come alone, several at once, in lists, as bytes, or with handlers; unsubscribing removes some or all."""
    subscription = Subscription()
    assert not subscription.subscribed
    subscription.subscribe("a", b"b", ["c", "d"])
    subscription.subscribe(e=print)
    assert list(subscription.channels) == ["a", "b", "c", "d", "e"]
    assert subscription.subscribed
    subscription.unsubscribe("a", b"c", "never")
    assert list(subscription.channels) == ["b", "d", "e"]
    subscription.unsubscribe()
    assert not subscription.subscribed
    subscription.subscribe("f")
    subscription.reset()
    assert not subscription.subscribed


def test_connection_of_a_subscriber_opens_no_pubsub(redis_client: redis.Redis) -> None:
    """`pubsub()` makes a note pad, and everything else is the client's."""
    connection = SubscribingConnection(redis_client)
    subscription = connection.pubsub(ignore_subscribe_messages=True)
    subscription.subscribe("broadcast:a")
    assert isinstance(subscription, Subscription)
    assert redis_client.pubsub_numsub("broadcast:a") == [(b"broadcast:a", 0)]
    connection.set("key", "value")
    assert redis_client.get("key") == b"value"


def request_to(path: str, **kwargs: Any) -> Any:
    """Return what the subscriber looks at of a request."""
    scope: dict[str, Any] = {"url_route": {"args": (), "kwargs": kwargs}} if kwargs else {}
    return SimpleNamespace(path_info=path, scope=scope, user=None, session=None, GET={})


@pytest.mark.parametrize(
    ("path", "captured", "facility"),
    [
        ("/ws/chat", {}, "chat"),
        ("/ws/", {}, ""),
        ("/ws/ws/ws/x", {}, "ws/ws/x"),
        ("/elsewhere/chat", {}, "/elsewhere/chat"),
        ("/live/chat/", {"facility": "chat"}, "chat"),
        ("/live/7/", {"facility": 7}, "7"),
        ("/ws/chat", {"pk": 7}, "chat"),
        ("/ws/chat", {"facility": ""}, ""),
    ],
)
def test_facility_is_captured_or_follows_the_websocket_url(path: str, captured: dict[str, Any], facility: str) -> None:
    """What a site's own route captures as `facility` goes before what the path says."""
    assert facility_of(request_to(path, **captured)) == facility


def test_request_without_a_scope_has_a_facility() -> None:
    """A WSGI request, as a site's own tests make it, will do."""
    assert facility_of(SimpleNamespace(path_info="/ws/chat")) == "chat"


def test_subscriber_notes_keys_and_connects_to_nothing(settings: Any) -> None:
    """The keys of the agreed channels are noted without any Redis."""
    settings.WS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": 1}
    subscriber = RedisSubscriber()
    subscriber.set_pubsub_channels(request_to("/ws/f"), ["subscribe-broadcast", "publish-broadcast", "subscribe-user"])
    assert subscriber._publishers == {"broadcast:f"}
    assert list(subscriber._subscription.channels) == ["broadcast:f"]
    subscriber.release()
    assert not subscriber._subscription.subscribed


def test_release_bears_being_called_at_any_time() -> None:
    """Releasing before anything was noted, and twice, does no harm."""
    subscriber = RedisSubscriber()
    subscriber.release()
    subscriber.set_pubsub_channels(request_to("/ws/f"), ["subscribe-broadcast"])
    subscriber.release()
    subscriber.release()


def test_methods_of_the_main_loop_can_be_called() -> None:
    """Subclasses may call what the original's main loop called; it has nothing to say."""
    subscriber = RedisSubscriber(None)
    subscriber.set_pubsub_channels(request_to("/ws/f"), [])
    assert subscriber.parse_response() is None
    assert subscriber.get_file_descriptor() is None
    assert RedisSubscriber.send_persited_messages is RedisSubscriber.send_persisted_messages


@pytest.mark.parametrize("value", [dict, RedisPublisher, "tests.x", None, RedisSubscriber()])
def test_what_is_no_subscriber_class_is_refused(settings: Any, value: Any) -> None:
    """The setting must name a subclass; the error shows what it names."""
    settings.WS4REDIS_SUBSCRIBER = "site.module.Thing"
    with pytest.raises(ConfigurationError) as caught:
        check_subscriber_class(value)
    assert str(caught.value) == (
        f"WS4REDIS_SUBSCRIBER is 'site.module.Thing', which is {value!r}; it must be the dotted path of a subclass of "
        "ws4channels.subscriber.RedisSubscriber."
    )


# --- subscribers of sites, at work ------------------------------------------------------------------------------------


@pytest.fixture
def use(settings: Any) -> Any:
    """Return a function that makes one of the legacy subscribers the site's.

    Sites of the original have WEBSOCKET_URL in their settings, and read it there.
    """
    settings.WEBSOCKET_URL = "/ws/"

    def set_subscriber(subscriber: type[RedisSubscriber]) -> None:
        settings.WS4REDIS_SUBSCRIBER = f"tests.legacy_subscribers.{subscriber.__name__}"

    return set_subscriber


async def is_told_nothing(socket: Socket, error: type[Exception]) -> None:
    """Connect; the application must fail with `error` and send nothing."""
    await socket.send_input({"type": "websocket.connect"})
    with pytest.raises(error):
        await socket.wait(timeout=TIMEOUT)
    assert socket.output_queue.empty()


async def test_own_channel_names(use: Any, redis_client: redis.Redis) -> None:
    """A subclass's own names in the URL reach it, and the keys that it adds are served as any other."""
    use(legacy_subscribers.OwnChannelNames)
    redis_client.set("room:7", "kept in room 7")
    query = "subscribe-room&publish-room&room=7&echo"
    async with connected(f"/ws/f?{query}") as socket, connected("/ws/f?subscribe-room&room=8") as other:
        assert await socket.next() == "kept in room 7"
        await socket.send_to("hello room")
        assert await socket.next() == "hello room"
        assert other.output_queue.empty()
    assert redis_client.get("room:7") == b"hello room"


async def test_own_channel_names_are_unknown_without_the_subclass(redis_client: redis.Redis) -> None:
    """The same URL on a site without that subclass opens and means nothing."""
    redis_client.set("room:7", "kept in room 7")
    async with connected("/ws/f?subscribe-room&room=7&subscribe-broadcast") as socket:
        await broadcast("f", "end")
        assert await socket.until("end") == []


async def test_full_copy_with_a_pubsub_of_its_own(use: Any, redis_client: redis.Redis) -> None:
    """A subclass that does everything itself is served the keys that it subscribed its own pubsub to."""
    use(legacy_subscribers.FullCopy)
    redis_client.set("broadcast:system", "maintenance at noon")
    john = signed_in("john")
    query = "subscribe-user&publish-user&subscribe-broadcast&echo"
    async with connected(f"/ws/f?{query}", **john) as socket:
        assert await socket.next() == "maintenance at noon"
        await socket.send_to("to myself")
        assert await socket.next() == "to myself"
        await broadcast("system", "maintenance now")
        assert await socket.next() == "maintenance now"
        assert redis_client.pubsub_numsub("broadcast:system") == [(b"broadcast:system", 0)]
    assert redis_client.get("user:john:f") == b"to myself"


async def test_own_init_and_publish_message(use: Any, redis_client: redis.Redis) -> None:
    """State of a subclass lives as long as its socket, and what it publishes instead is what others receive."""
    use(legacy_subscribers.OwnInit)
    async with connected("/ws/f?publish-broadcast&subscribe-broadcast") as socket:
        for count, text in enumerate(["one", "two"], start=1):
            await socket.send_to(text)
            message = json.loads(await socket.next())
            assert message == {"facility": "/ws/f", "count": count, "text": text}
    assert json.loads(redis_client.get("broadcast:f") or b"")["count"] == 2


async def test_own_client_of_redis(use: Any, redis_client: redis.Redis) -> None:
    """A subclass may use a redis-py client of its own as `_connection`: it receives, publishes, and ends."""
    use(legacy_subscribers.OwnConnection)
    redis_client.set("broadcast:f", "kept")
    async with connected("/ws/f?subscribe-broadcast&publish-broadcast&echo") as socket:
        assert await socket.receive_from(timeout=TIMEOUT / 10) == "kept"
        await socket.send_to("hello")
        assert await socket.next() == "hello"
    await eventually(lambda: redis_client.pubsub_numsub("broadcast:f") == [(b"broadcast:f", 0)], "its pubsub has ended")


async def test_subscriber_that_finds_redis_down_is_closed_with_1013(settings: Any, use: Any) -> None:
    """A subclass that asks Redis at connect changes nothing in what a client gets while Redis is down."""
    use(legacy_subscribers.Releasing)
    settings.WS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": 1, "socket_connect_timeout": 1}
    socket = Socket("/ws/f?subscribe-broadcast")
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(timeout=TIMEOUT / 10))["type"] == "websocket.accept"
    assert await socket.close_code() == 1013
    await socket.leave(1013)


async def test_publish_with_another_expiry(use: Any, redis_client: redis.Redis) -> None:
    """A subclass may choose how long a client's message is kept."""
    use(legacy_subscribers.PublishShortLived)
    async with connected("/ws/f?publish-broadcast&subscribe-broadcast&echo") as socket:
        await socket.send_to("hello")
        assert await socket.next() == "hello"
    assert 8 <= redis_client.ttl("broadcast:f") <= 10


async def test_publish_nothing(use: Any, redis_client: redis.Redis) -> None:
    """A subclass that swallows what clients send is not gone round."""
    use(legacy_subscribers.PublishNothing)
    async with connected("/ws/f?publish-broadcast&subscribe-broadcast&echo") as socket:
        await socket.send_to("hello")
        await eventually(lambda: not socket.input_queue.qsize(), "the consumer has taken the message")
        await broadcast("f", "end")
        assert await socket.until("end") == []
    assert redis_client.keys() == []


async def test_publish_with_redis_commands(use: Any, redis_client: redis.Redis) -> None:
    """`_connection` is a Redis client that subclasses use as they like; frames stay in order."""
    use(legacy_subscribers.PublishAround)
    async with connected("/ws/f?publish-broadcast") as socket:
        for number in range(20):
            await socket.send_to(str(number))
    assert redis_client.lrange("log:broadcast:f", 0, -1) == [str(number).encode() for number in range(20)]


async def test_send_more_than_the_kept_messages(use: Any, redis_client: redis.Redis) -> None:
    """A subclass may send whatever it finds at connect, before anything live."""
    use(legacy_subscribers.SendHistory)
    redis_client.rpush("history:broadcast:f", *range(9))
    redis_client.set("broadcast:f", "kept")
    async with connected("/ws/f?subscribe-broadcast") as socket:
        await broadcast("f", "live")
        assert await socket.until("live") == ["6", "7", "8", "kept"]


@pytest.mark.parametrize(("kept", "sent"), [("kept", "kept"), (None, "nothing kept")])
async def test_older_name_of_the_method(use: Any, redis_client: redis.Redis, kept: str | None, sent: str) -> None:
    """The misspelled name is called as the original called it."""
    use(legacy_subscribers.SendHistoryMisspelled)
    if kept is not None:
        redis_client.set("broadcast:f", kept)
    async with connected("/ws/f?subscribe-broadcast") as socket:
        await broadcast("f", "live")
        assert await socket.until("live") == [sent]


async def test_send_nothing_at_connect(use: Any, redis_client: redis.Redis) -> None:
    """A subclass that sends no kept messages is not gone round."""
    use(legacy_subscribers.SendNothing)
    redis_client.set("broadcast:f", "kept")
    async with connected("/ws/f?subscribe-broadcast") as socket:
        await broadcast("f", "live")
        assert await socket.until("live") == []


async def test_send_text_and_bytes_at_connect(use: Any) -> None:
    """What a subclass sends is text or bytes; empty messages are left out."""
    use(legacy_subscribers.SendText)
    async with connected("/ws/f") as socket:
        assert await socket.take(3) == ["text", b"\xff", "message"]


async def test_message_that_arrives_while_a_subclass_sends_is_sent_once(settings: Any, use: Any) -> None:
    """What was published during connect, and is kept as well, comes once, in order, however long it travels."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.layers.DistantLayer"}}
    use(legacy_subscribers.PublishWhileSending)
    async with connected("/ws/f?subscribe-broadcast") as socket:
        await broadcast("f", "end")
        assert await socket.until("end") == ["arrival 0", "arrival 1", "arrival 2"]


async def test_client_that_is_flooded_while_it_connects_is_closed_as_slow(settings: Any, use: Any) -> None:
    """If more is published during connect than may wait, the client is accepted and closed with 4008, not refused."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 50
    use(legacy_subscribers.Flooded)
    before = counts["slow_clients_closed"]
    socket = await Socket("/ws/f?subscribe-broadcast").open()
    assert await socket.close_code() == 4008
    await socket.leave(4008)
    assert counts["slow_clients_closed"] == before + 1


async def test_methods_of_the_main_loop_are_not_called(use: Any) -> None:
    """`parse_response` and `get_file_descriptor` belong to a loop that is no more."""
    use(legacy_subscribers.Uncalled)
    async with connected("/ws/f?subscribe-broadcast&publish-broadcast&echo") as socket:
        await socket.send_to("hello")
        assert await socket.next() == "hello"


async def test_release_is_called_once_at_the_end(use: Any, redis_client: redis.Redis) -> None:
    """Each socket's subscriber is released when the socket ends, once."""
    use(legacy_subscribers.Releasing)
    async with connected("/ws/f?subscribe-broadcast"), connected("/ws/f?subscribe-broadcast"):
        assert redis_client.get("clients") == b"2"
    assert (redis_client.get("clients"), redis_client.get("released")) == (b"0", b"2")


@pytest.mark.parametrize(
    "subscriber", [legacy_subscribers.ReleasingAfterFailure, legacy_subscribers.DeniesFirst], ids=["late", "early"]
)
async def test_release_is_called_once_after_a_refusal(
    use: Any, redis_client: redis.Redis, subscriber: type[RedisSubscriber]
) -> None:
    """A subscriber that turns its client away, before or after it has subscribed, is released as well, once."""
    use(subscriber)
    socket = Socket("/ws/f?subscribe-broadcast")
    assert await socket.is_refused()
    await socket.leave(1006)
    assert (redis_client.get("clients"), redis_client.get("released")) == (b"0", b"1")


async def test_release_is_called_when_the_server_cancels(use: Any, redis_client: redis.Redis) -> None:
    """A subscriber is released when the server ends its socket's task."""
    use(legacy_subscribers.Releasing)
    socket = await Socket("/ws/f?subscribe-broadcast").open()
    socket.future.cancel()
    await asyncio.wait([socket.future], timeout=TIMEOUT)
    assert redis_client.get("released") == b"1"


@pytest.mark.parametrize("subscriber", [legacy_subscribers.Breaks, legacy_subscribers.BreaksWhileSending])
async def test_defect_of_a_subclass_tells_the_client_nothing(use: Any, subscriber: type[RedisSubscriber]) -> None:
    """An unexpected exception reaches the server, before anything was accepted."""
    use(subscriber)
    await is_told_nothing(Socket("/ws/f?subscribe-broadcast"), KeyError)


async def test_defect_while_publishing_closes_the_websocket(use: Any) -> None:
    """An exception while a client's message is published closes that websocket with 1011; the server is told what."""
    use(legacy_subscribers.BreaksWhilePublishing)
    socket = await Socket("/ws/f?subscribe-broadcast&publish-broadcast").open()
    await socket.send_to("hello")
    with pytest.raises(KeyError, match="secret detail"):
        await socket.wait(timeout=TIMEOUT)
    event = socket.output_queue.get_nowait()
    assert (event["type"], event["code"], "secret" in str(event)) == ("websocket.close", 1011, False)
    assert socket.output_queue.empty()


async def test_subscriber_without_keys_sends_nothing(use: Any) -> None:
    """A subclass's call of its parent's `send_persisted_messages` asks Redis nothing where nothing is subscribed."""
    use(legacy_subscribers.SendHistory)
    async with connected("/ws/f?publish-broadcast") as socket:
        assert await socket.receive_nothing(timeout=QUIET)


async def test_store_shared_by_publisher_and_subscriber(use: Any, redis_client: redis.Redis) -> None:
    """Keys of a site's own audience, from a mixin over RedisStore, connect its publisher with its subscriber."""
    use(legacy_subscribers.TeamSubscriber)
    async with connected("/ws/f?subscribe-broadcast") as socket:
        publisher = legacy_subscribers.TeamPublisher(facility="f", teams=["red"])
        assert publisher._publishers == {"team:red:f"}
        await publisher.apublish_message("for the red team")
        assert await socket.next() == "for the red team"
        await legacy_subscribers.TeamPublisher(facility="f", teams=["blue"]).apublish_message("for others")
        await broadcast("f", "end")
        assert await socket.until("end") == []
    assert redis_client.get("team:red:f") == b"for the red team"


async def test_store_shared_by_publisher_and_subscriber_takes_messages_of_clients(
    use: Any, redis_client: redis.Redis
) -> None:
    """What a client sends is published to the keys that its subscriber added."""
    use(legacy_subscribers.TeamSubscriber)
    async with connected("/ws/f?publish-broadcast&echo") as socket:
        await socket.send_to("hello")
        assert await socket.next() == "hello"
    assert kept_keys(redis_client) == {"team:red:f", "broadcast:f"}


async def test_subscribed_names_can_be_listed(use: Any) -> None:
    """`_subscription.channels` is a mapping whose keys are names, with or without decode()."""
    use(legacy_subscribers.ListsItsChannels)
    async with connected("/ws/f?subscribe-broadcast&subscribe-group", **signed_in("john", ["b", "a"])) as socket:
        assert await socket.next() == "broadcast:f group:a:f group:b:f"


@pytest.mark.django_db(transaction=True)
async def test_hooks_may_use_the_database(use: Any) -> None:
    """Subclasses look things up in the database, at connect and when their client publishes."""
    use(legacy_subscribers.StaffOnly)
    users = get_user_model().objects
    staff = await sync_to_async(users.create_user)("boss", password="secret", is_staff=True)
    guest = await sync_to_async(users.create_user)("guest", password="secret")
    with pytest.raises(ConnectionError):
        async with FacilityCommunicator("f", "subscribe-broadcast", user=guest):
            pytest.fail("A guest was let in.")
    async with FacilityCommunicator("f", "publish-broadcast", "subscribe-broadcast", user=staff) as client:
        await RedisPublisher(facility="inbox", users=["guest"]).apublish_message("for the guest")
        assert await client.receive_from(timeout=TIMEOUT) == "for the guest"
        await client.send_to("guest")
        assert await client.receive_from(timeout=TIMEOUT) == "user guest exists"


async def test_hundred_sockets_of_a_subclass_share_one_redis_connection(use: Any, redis_client: redis.Redis) -> None:
    """A subclass with a pubsub of its own opens no Redis connection per socket."""
    use(legacy_subscribers.FullCopy)
    sockets = [await Socket("/ws/f?subscribe-broadcast", FacilityConsumer.as_asgi()).open() for _ in range(5)]
    before = len(redis_client.client_list())
    sockets += [await Socket("/ws/f?subscribe-broadcast", FacilityConsumer.as_asgi()).open() for _ in range(50)]
    assert len(redis_client.client_list()) <= before
    await asyncio.gather(*(socket.leave() for socket in sockets))


async def test_permission_denied_while_sending_kept_messages_refuses(use: Any) -> None:
    """PermissionDenied refuses the client from whichever hook it comes, and nothing is left of it."""
    use(legacy_subscribers.DenyingToSend)
    assert await Socket("/ws/f?subscribe-broadcast").connect(TIMEOUT) == (False, 1000)


def test_facility_of_a_handshake_is_what_was_agreed() -> None:
    """The handshake asks once, after the site's hooks; subscribers are given the same answer."""
    request = request_to("/ws/chat")
    request.ws4channels_facility = facility_of(request)
    request.path_info = "/ws/elsewhere"
    assert facility_of(request) == "chat"
