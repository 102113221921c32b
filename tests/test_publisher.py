"""Tests of `ws4channels.publisher`."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.test import override_settings

from example_project.redis_server import RedisServer
from tests import layers
from tests.monitor import (
    arrived,
    connections_opened,
    kept_keys,
    listening,
    recorded_commands,
    script_for,
    without_numbers,
)
from tests.people import request_of
from tests.silence import HOST, refusing_port, silent_server
from tests.waiting import QUIET, TIMEOUT
from ws4channels import connections
from ws4channels.audience import group_name, group_of
from ws4channels.exceptions import AudienceTypeError, AudienceValueError, MessageTypeError, MessageValueError
from ws4channels.publisher import RedisPublisher
from ws4channels.redis_store import SELF, RedisMessage
from ws4channels.transports.messages import build_event

RedisConnectionError = redis.exceptions.ConnectionError
NEWS = {"facility": "news", "broadcast": True}


def layer_channel(key: str) -> str:
    """Return the name under which the pub/sub layer sends to the group of a key."""
    return f"asgi__group__{group_of(key)}"


def nothing_written(client: redis.Redis) -> bool:
    """Tell whether Redis is as empty as before the test."""
    return int(client.dbsize()) == 0


@pytest.fixture(scope="module")
def other_server() -> Iterator[RedisServer]:
    """A second Redis."""
    with RedisServer() as server:
        yield server


@contextmanager
def nothing_happens(client: redis.Redis) -> Iterator[None]:
    """Check that Redis is asked nothing in the block and is empty after it."""
    with recorded_commands(client) as commands:
        yield
    assert commands == []
    assert nothing_written(client)


# Who is addressed


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        ({}, set()),
        ({"facility": "news"}, set()),
        ({"broadcast": True}, {"broadcast:news"}),
        ({"broadcast": False}, set()),
        ({"users": ["john"]}, {"user:john:news"}),
        ({"users": ("john", "mary")}, {"user:john:news", "user:mary:news"}),
        ({"users": {"john", "mary"}}, {"user:john:news", "user:mary:news"}),
        ({"users": frozenset(["john"])}, {"user:john:news"}),
        ({"users": (name for name in ["john", "mary"])}, {"user:john:news", "user:mary:news"}),
        ({"users": map(str, [1, 2])}, {"user:1:news", "user:2:news"}),
        ({"users": {"john": 1}.keys()}, {"user:john:news"}),
        ({"users": ["john", "john"]}, {"user:john:news"}),
        ({"users": ["john@example.com"]}, {"user:john@example.com:news"}),
        ({"users": [7, User(username="mary")]}, {"user:7:news", "user:mary:news"}),
        ({"users": [], "groups": (), "sessions": set()}, set()),
        ({"users": False, "groups": False, "sessions": False}, set()),
        ({"groups": ["chatters", Group(name="staff"), 7]}, {"group:chatters:news", "group:staff:news", "group:7:news"}),
        ({"groups": ["a:b"]}, {"group:a%3Ab:news"}),
        ({"sessions": ["abc"]}, {"session:abc:news"}),
        (
            {"broadcast": True, "users": ["u"], "groups": ["g"], "sessions": ["s"]},
            {"broadcast:news", "user:u:news", "group:g:news", "session:s:news"},
        ),
        ({"users": [SELF], "groups": [SELF], "sessions": [SELF]}, set()),
    ],
)
def test_publishers_keys_are_those_of_its_audiences(arguments: dict[str, Any], keys: set[str]) -> None:
    """``_publishers`` is a set of key names that equals a literal one, whatever iterable names the audience."""
    assert RedisPublisher(**{"facility": "news", **arguments})._publishers == keys


@pytest.mark.parametrize("facility", ["a:b", "id/events", "US~CA#General", "ü ñ", "x/", 7])
def test_facility_stands_in_the_key_as_it_is(facility: Any) -> None:
    """Nothing in a facility is encoded or taken away."""
    assert RedisPublisher(facility=facility, broadcast=True)._publishers == {f"broadcast:{facility}"}
    assert RedisPublisher(facility=facility, users=["u"])._publishers == {f"user:u:{facility}"}


def test_prefix_stands_before_every_key(settings: Any) -> None:
    """WS4REDIS_PREFIX is read when the publisher is built."""
    settings.WS4REDIS_PREFIX = "site"
    assert RedisPublisher(**NEWS, users=["u"])._publishers == {"site:broadcast:news", "site:user:u:news"}


def test_self_stands_for_those_of_the_request() -> None:
    """SELF is the request's user, groups and session, alone or among others."""
    request = request_of("john", ["chatters", "staff"])
    publisher = RedisPublisher(
        facility="news", request=request, users=[SELF, "mary"], groups=["g", SELF], sessions=(SELF,)
    )
    assert publisher._publishers == {
        "user:john:news",
        "user:mary:news",
        "group:g:news",
        "group:chatters:news",
        "group:staff:news",
        f"session:{request.session.session_key}:news",
    }


def test_self_of_somebody_anonymous_is_nobody() -> None:
    """No anonymous client shares a key with another one."""
    publisher = RedisPublisher(
        facility="news",
        request=request_of(None, ["chatters"], session=False),
        users=[SELF],
        groups=[SELF],
        sessions=[SELF],
    )
    assert publisher._publishers == set()


@pytest.mark.django_db
def test_querysets_name_users_and_groups() -> None:
    """A queryset of users or groups is an audience, read once when the publisher is built."""
    for name in ("john", "mary"):
        User.objects.create(username=name)
    Group.objects.create(name="chatters")
    publisher = RedisPublisher(
        facility="news",
        users=User.objects.all(),
        groups=Group.objects.filter(name="chatters"),
        sessions=User.objects.values_list("pk", flat=True),
    )
    User.objects.create(username="late")
    assert {"user:john:news", "user:mary:news", "group:chatters:news"} < publisher._publishers
    assert len(publisher._publishers) == 5


@pytest.mark.parametrize(
    ("arguments", "keys", "text"),
    [
        ({"users": "john"}, {"user:john:news"}, "users='john' is deprecated; write users=['john']."),
        (
            {"groups": "chatters"},
            {"group:chatters:news"},
            "groups='chatters' is deprecated; write groups=['chatters'].",
        ),
        ({"sessions": "abc"}, {"session:abc:news"}, "sessions='abc' is deprecated; write sessions=['abc']."),
        ({"users": True}, {"user:self:news"}, "users=True is deprecated; write users=[SELF]."),
        ({"groups": True}, {"group:g:news"}, "groups=True is deprecated; write groups=[SELF]."),
    ],
)
def test_deprecated_form_works_and_warns(arguments: dict[str, Any], keys: set[str], text: str) -> None:
    """A bare string and True mean what they meant, with a warning that points at the caller's line."""
    with pytest.warns(DeprecationWarning, match="is deprecated; write") as caught:
        publisher = RedisPublisher(facility="news", request=request_of("self", ["g"]), **arguments)
    assert publisher._publishers == keys
    assert [(str(each.message), each.filename) for each in caught] == [(text, __file__)]


def test_session_true_is_the_requests_session() -> None:
    """The deprecated form exists for sessions, too."""
    request = request_of("john")
    with pytest.warns(DeprecationWarning, match="is deprecated; write") as caught:
        publisher = RedisPublisher(facility="news", request=request, sessions=True)
    assert publisher._publishers == {f"session:{request.session.session_key}:news"}
    assert str(caught[0].message) == "sessions=True is deprecated; write sessions=[SELF]."


def test_none_among_names_is_nobody_and_warns() -> None:
    """A name that is None addresses nobody, with a warning that points at the caller's line."""
    with pytest.warns(RuntimeWarning) as caught:
        publisher = RedisPublisher(facility="news", users=["john", None])
    assert publisher._publishers == {"user:john:news"}
    assert [(str(each.message), each.filename) for each in caught] == [
        ("users holds None, which addresses nobody.", __file__)
    ]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        *[
            (
                {"facility": "news", argument: value},
                AudienceTypeError,
                f"{argument} is {value!r}; it must be a list, tuple or other iterable of names, which may hold SELF.",
            )
            for argument in ("users", "groups", "sessions")
            for value in (5, 1.5, {"john": True}, None, b"john", SELF, object)
        ],
        (
            {"facility": "news", "users": User(username="john")},
            AudienceTypeError,
            "users is <User: john>; it must be a list, tuple or other iterable of names, which may hold SELF.",
        ),
        (
            {"facility": "news", "broadcast": "yes"},
            AudienceTypeError,
            "broadcast is 'yes'; it must be True or False.",
        ),
        (
            {"facility": "news", "user": "jo"},
            AudienceTypeError,
            "Unknown argument user='jo'; valid arguments are request, facility, broadcast, groups, users, sessions.",
        ),
        ({"facility": ""}, AudienceValueError, "facility is ''; it must not be empty, such as facility='news'."),
        (
            {"facility": "", "broadcast": True},
            AudienceValueError,
            "facility is ''; it must not be empty, such as facility='news'.",
        ),
        (
            {"broadcast": True},
            AudienceValueError,
            "facility is missing; it names what the message is about, such as facility='news'.",
        ),
        (
            {"facility": None, "users": ["john"]},
            AudienceValueError,
            "facility is missing; it names what the message is about, such as facility='news'.",
        ),
    ],
)
def test_wrong_audience_is_explained(arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    """An audience that cannot be meant gets a text that names the argument, shows the value and says what is valid."""
    with pytest.raises(error) as refused:
        RedisPublisher(**arguments)
    assert str(refused.value) == text
    assert isinstance(refused.value, (TypeError, ValueError))


def test_name_that_is_bytes_is_not_formatted_as_a_literal() -> None:
    """Names read from Redis are bytes: they are decoded, or refused, but never stand in a key as ``b'john'``."""
    try:
        keys = RedisPublisher(facility="news", users=[b"john"])._publishers
    except AudienceTypeError:
        return
    assert keys == {"user:john:news"}


def test_positional_arguments_are_not_taken() -> None:
    """As with the original, arguments have names."""
    with pytest.raises(TypeError):
        RedisPublisher("news")  # type: ignore[misc]


def test_the_originals_names_are_importable(redis_client: redis.Redis) -> None:
    """``redis_connection_pool`` is the pool that publishers use, and ``_connection`` is a redis-py client."""
    from ws4channels.publisher import redis_connection_pool  # noqa: PLC0415

    assert redis_connection_pool is RedisPublisher()._connection.connection_pool
    with redis.Redis(connection_pool=redis_connection_pool) as client:
        client.set("key", "value")
    assert RedisPublisher()._connection.get("key") == b"value"


def test_unknown_name_of_the_module_is_an_attribute_error() -> None:
    """The module's lazy name hides no typo."""
    from ws4channels import publisher  # noqa: PLC0415

    with pytest.raises(AttributeError) as missing:
        publisher.redis_connection_pol  # noqa: B018
    assert str(missing.value) == "module 'ws4channels.publisher' has no attribute 'redis_connection_pol'"


# What is published


@pytest.mark.parametrize(
    ("message", "raw", "payload"),
    [
        ("hello", b"hello", "hello"),
        ("grüße \U0001f600", "grüße \U0001f600".encode(), "grüße \U0001f600"),
        (b"hello", b"hello", "hello"),
        (b"\xff\x00", b"\xff\x00", b"\xff\x00"),
        (bytearray(b"hello"), b"hello", "hello"),
        (RedisMessage('{"n": 1}'), b'{"n": 1}', '{"n": 1}'),
        ("\x00", b"\x00", "\x00"),
        (" ", b" ", " "),
        ("x" * 2_000_000, b"x" * 2_000_000, "x" * 2_000_000),
    ],
    ids=["text", "unicode", "bytes", "binary", "bytearray", "RedisMessage", "NUL", "blank", "large"],
)
def test_message_is_kept_and_sent(redis_client: redis.Redis, message: Any, raw: bytes, payload: str | bytes) -> None:
    """Text, bytes and RedisMessage are kept byte for byte, and sent as text if they are UTF-8, else as bytes."""
    layer = get_channel_layer()
    with listening(redis_client, layer_channel("broadcast:news")) as subscription:
        assert RedisPublisher(**NEWS).publish_message(message) is None
        bodies = arrived(redis_client, subscription)
    assert redis_client.get("broadcast:news") == raw
    assert [without_numbers(layer.deserialize(body)) for body in bodies] == [build_event("broadcast:news", payload)]


@pytest.mark.parametrize("payload", ["grüße", b"\xff\x00"])
@pytest.mark.parametrize("users", [1, 3, 20, 600])
async def test_bytes_are_those_of_the_layers_own_group_send(
    redis_client: redis.Redis, payload: str | bytes, users: int
) -> None:
    """What arrives on the pub/sub layer's channels equals what the layer itself sends, by command and by script."""
    layer = get_channel_layer()
    keys = [f"user:{number}:news" for number in range(users)]
    with listening(redis_client, *map(layer_channel, keys)) as subscription:
        publisher = RedisPublisher(facility="news", users=range(users))
        await asyncio.to_thread(publisher.publish_message, payload)
        ours = arrived(redis_client, subscription)
        await publisher.apublish_message(payload)
        ours_async = arrived(redis_client, subscription)
        for key in keys:
            await layer.group_send(group_of(key), build_event(key, payload, f"{'0' * 32}:00000"))
        theirs = arrived(redis_client, subscription)
    assert len(theirs) == users
    assert sorted(map(zeroed, ours)) == sorted(map(zeroed, ours_async)) == sorted(theirs)


def zeroed(body: bytes) -> bytes:
    """Return a serialised event with zeros for its numbers."""
    return re.sub(rb"[0-9]{32}(?=:00000$)", b"0" * 32, body)


async def test_layers_prefix_and_encryption_are_respected(settings: Any, redis_client: redis.Redis) -> None:
    """A pub/sub layer with a prefix and a key receives what it can decrypt, on its own channels."""
    pytest.importorskip("cryptography")
    settings.CHANNEL_LAYERS = layers.one_layer(layers.PUBSUB, prefix="mine", symmetric_encryption_keys=["secret"])
    channel = await get_channel_layer().new_channel()
    await get_channel_layer().group_add(group_name("broadcast", facility="news"), channel)
    with listening(redis_client, f"mine__group__{group_of('broadcast:news')}") as subscription:
        await asyncio.to_thread(RedisPublisher(**NEWS).publish_message, "hello")
        (body,) = arrived(redis_client, subscription)
    assert b"hello" not in body
    assert without_numbers(get_channel_layer().deserialize(body)) == build_event("broadcast:news", "hello")


@pytest.mark.parametrize("message", ["", b"", RedisMessage("")])
async def test_empty_message_is_not_published(redis_client: redis.Redis, message: Any) -> None:
    """An empty message is no message: nothing is kept, sent, or asked of Redis."""
    publisher = RedisPublisher(**NEWS)
    with nothing_happens(redis_client):
        await asyncio.to_thread(publisher.publish_message, message)
        await publisher.apublish_message(message)


async def test_publisher_without_audience_publishes_nothing(redis_client: redis.Redis) -> None:
    """Who addresses nobody troubles Redis with nothing."""
    with nothing_happens(redis_client):
        await asyncio.to_thread(RedisPublisher().publish_message, "hello")
        await RedisPublisher(facility="news").apublish_message("hello")


@pytest.mark.parametrize(
    ("expire", "ttl"), [(None, 3600), (60, 60), (timedelta(minutes=1), 60), (0, None), (-1, None), (10**15, 10**15)]
)
async def test_expire_says_how_long_a_message_is_kept(redis_client: redis.Redis, expire: Any, ttl: int | None) -> None:
    """Every form of `expire`, by all four methods: seconds to live, or not kept, and sent in any case."""
    publisher = RedisPublisher(**NEWS)
    with listening(redis_client, layer_channel("broadcast:news")) as subscription:
        for method in (publisher.publish_message, publisher.pipeline_publish_message):
            await asyncio.to_thread(method, "sync", expire)
            check_kept(redis_client, b"sync", ttl)
        for twin in (publisher.apublish_message, publisher.apipeline_publish_message):
            await twin("async", expire=expire)
            check_kept(redis_client, b"async", ttl)
        assert len(arrived(redis_client, subscription)) == 4


def check_kept(client: redis.Redis, raw: bytes, ttl: int | None) -> None:
    """Check that Redis keeps `raw` for `ttl` seconds, or nothing; then forget it."""
    assert client.get("broadcast:news") == (None if ttl is None else raw)
    if ttl is not None:
        assert ttl - 10 < client.ttl("broadcast:news") <= ttl
    client.delete("broadcast:news")


@pytest.mark.parametrize(
    ("message", "expire", "error", "text"),
    [
        (None, None, MessageTypeError, "message is None; it must be a str, bytes or RedisMessage."),
        (5, None, MessageTypeError, "message is 5; it must be a str, bytes or RedisMessage."),
        ({"a": 1}, None, MessageTypeError, "message is {'a': 1}; it must be a str, bytes or RedisMessage."),
        (["a"], None, MessageTypeError, "message is ['a']; it must be a str, bytes or RedisMessage."),
        (
            "hello",
            "soon",
            MessageTypeError,
            "expire is 'soon'; it must be a whole number of seconds, a timedelta or None.",
        ),
        ("hello", 1.5, MessageTypeError, "expire is 1.5; it must be a whole number of seconds, a timedelta or None."),
        ("hello", True, MessageTypeError, "expire is True; it must be a whole number of seconds, a timedelta or None."),
        (
            "hello",
            10**16,
            MessageValueError,
            "expire is 10000000000000000; it must not be above 1000000000000000 seconds.",
        ),
        ("", "soon", MessageTypeError, "expire is 'soon'; it must be a whole number of seconds, a timedelta or None."),
    ],
)
async def test_bad_input_is_explained_and_nothing_is_written(
    redis_client: redis.Redis, message: Any, expire: Any, error: type[Exception], text: str
) -> None:
    """What cannot be published gets its text from all four methods, before Redis is asked anything."""
    publisher = RedisPublisher(**NEWS)
    with nothing_happens(redis_client):
        for method in (publisher.publish_message, publisher.pipeline_publish_message):
            with pytest.raises(error) as refused:
                await asyncio.to_thread(method, message, expire)
            assert str(refused.value) == text
        for twin in (publisher.apublish_message, publisher.apipeline_publish_message):
            with pytest.raises(error) as refused:
                await twin(message, expire)
            assert str(refused.value) == text


@pytest.mark.parametrize("message", ["beat", b"beat"])
def test_heartbeat_is_not_published(redis_client: redis.Redis, settings: Any, message: Any) -> None:
    """The heartbeat's text is refused with its reason, and so is the None that RedisMessage makes of it."""
    settings.WS4REDIS_HEARTBEAT = "beat"
    publisher = RedisPublisher(**NEWS)
    with nothing_happens(redis_client):
        with pytest.raises(MessageValueError) as refused:
            publisher.publish_message(message)
        assert str(refused.value) == (
            f"message is {message!r}, which is the heartbeat (WS4REDIS_HEARTBEAT) and is not published."
        )
        with pytest.raises(MessageTypeError, match=r"RedisMessage\('beat'\) is None, because"):
            publisher.publish_message(RedisMessage(message))


@pytest.mark.parametrize(
    "arguments", [{"facility": "\ud83d", "broadcast": True}, {"facility": "f", "users": ["\ud83d"]}]
)
def test_key_that_utf8_lacks_is_explained(redis_client: redis.Redis, arguments: dict[str, Any]) -> None:
    """Half a surrogate pair in a facility or name is refused with a text of ours, and nothing is written."""
    with nothing_happens(redis_client), pytest.raises(AudienceValueError):
        RedisPublisher(**arguments).publish_message("hello")


# From where


def publish_from_thread(publisher: RedisPublisher, message: str) -> None:
    """Publish from a thread that is not the main one."""
    with ThreadPoolExecutor(1) as executor:
        executor.submit(publisher.publish_message, message).result(TIMEOUT)


def publish_from_new_loop(publisher: RedisPublisher, message: str) -> None:
    """Publish from an event loop that is made for it."""
    asyncio.run(publisher.apublish_message(message))


ORIGINS: dict[str, Callable[[RedisPublisher, str], None]] = {
    "main thread": RedisPublisher.publish_message,
    "thread": publish_from_thread,
    "event loop": publish_from_new_loop,
    "pipeline": RedisPublisher.pipeline_publish_message,
}


@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.CORE, layers.IN_MEMORY])
@pytest.mark.parametrize("origin", ORIGINS)
def test_no_connection_is_made_per_publish(settings: Any, redis_client: redis.Redis, backend: str, origin: str) -> None:
    """After the first publish, as many as there may be take no new connection, on any layer."""
    settings.CHANNEL_LAYERS = layers.one_layer(backend)
    publisher, publish = RedisPublisher(**NEWS), ORIGINS[origin]
    publish(publisher, "first")
    before = connections_opened(redis_client)
    for number in range(20):
        publish(publisher, str(number))
    assert connections_opened(redis_client) == before
    assert redis_client.get("broadcast:news") == b"19"


async def test_sync_methods_in_an_event_loop_name_their_twins(redis_client: redis.Redis) -> None:
    """In a thread that runs an event loop, sync methods are refused at once and say what to await instead."""
    publisher = RedisPublisher(**NEWS)
    with nothing_happens(redis_client):
        for method in (publisher.publish_message, publisher.pipeline_publish_message):
            with pytest.raises(SynchronousOnlyOperation) as refused:
                method("hello")
            assert str(refused.value) == (
                "publish_message() and pipeline_publish_message() wait for Redis and must not be called in a thread "
                "that runs an event loop: await apublish_message() or apipeline_publish_message() instead."
            )
        with pytest.raises(SynchronousOnlyOperation) as refused:
            publisher.fetch_message(None, "news")
        assert str(refused.value) == (
            "fetch_message() waits for Redis and must not be called in a thread that runs an event loop: "
            "await afetch_message() instead."
        )


@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.CORE])
def test_order_of_one_thread_is_kept(settings: Any, redis_client: redis.Redis, backend: str) -> None:
    """Messages of one publisher arrive in the order in which they were published, sync and async mixed."""
    settings.CHANNEL_LAYERS = layers.one_layer(backend)

    async def receive_all() -> list[str]:
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(group_name("broadcast", facility="news"), channel)
        await asyncio.to_thread(publish_many)
        return [(await asyncio.wait_for(layer.receive(channel), TIMEOUT))["text"] for _ in range(30)]

    def publish_many() -> None:
        publisher = RedisPublisher(**NEWS)
        if backend == layers.PUBSUB:
            wait_for_subscriber(redis_client, layer_channel("broadcast:news"))
        for number in range(0, 30, 2):
            publisher.publish_message(str(number))
            asyncio.run(publisher.apublish_message(str(number + 1)))

    assert asyncio.run(receive_all()) == [str(number) for number in range(30)]


def wait_for_subscriber(client: redis.Redis, channel: str) -> None:
    """Return when somebody subscribes to `channel`."""
    deadline = time.monotonic() + TIMEOUT
    while not client.pubsub_numsub(channel)[0][1]:
        assert time.monotonic() < deadline, "Nobody has subscribed."
        time.sleep(0.01)


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.CORE, layers.IN_MEMORY])
async def test_own_consumer_receives(settings: Any, redis_client: redis.Redis, backend: str, way: str) -> None:
    """A site's consumer that joined ``group_name(…)`` and waits gets the event, on any layer, with no hub around."""
    settings.CHANNEL_LAYERS = layers.one_layer(backend)
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group_name("user", "mary", facility="news"), channel)
    waiting = asyncio.create_task(layer.receive(channel))
    if backend == layers.PUBSUB:
        await asyncio.to_thread(wait_for_subscriber, redis_client, layer_channel("user:mary:news"))
    else:
        await asyncio.sleep(0)
    publisher = RedisPublisher(facility="news", users=["mary"])
    if way == "async":
        await publisher.apublish_message("hello")
    else:
        # As Django runs a sync view under ASGI.
        await sync_view(publisher.publish_message, "hello")
    assert without_numbers(await asyncio.wait_for(waiting, TIMEOUT)) == build_event("user:mary:news", "hello")
    assert redis_client.get("user:mary:news") == b"hello"


async def sync_view(function: Callable[[str], None], message: str) -> None:
    """Call `function` as Django calls a sync view from an event loop."""
    await sync_to_async(function)(message)


def test_many_threads_publish_at_once(redis_client: redis.Redis) -> None:
    """Publishers are shared between threads; nothing is lost or doubled."""
    publisher = RedisPublisher(**NEWS)
    with listening(redis_client, layer_channel("broadcast:news")) as subscription:
        with ThreadPoolExecutor(16) as executor:
            list(executor.map(publisher.publish_message, map(str, range(200))))
        bodies = arrived(redis_client, subscription)
    layer = get_channel_layer()
    assert sorted(int(layer.deserialize(body)["text"]) for body in bodies) == list(range(200))


# In one step


async def test_keeping_and_publishing_is_one_script(redis_client: redis.Redis) -> None:
    """Where the layer shares the Redis, one script holds all: nobody sees the one without the other."""
    publisher = RedisPublisher(facility="news", users=["mary"])
    expected = script_for("user:mary:news", layer_channel("user:mary:news"))
    with recorded_commands(redis_client) as commands:
        await asyncio.to_thread(publisher.publish_message, "hello")
    assert commands == expected
    with recorded_commands(redis_client) as commands:
        await publisher.apublish_message("hello")
    assert commands == expected


async def test_pipeline_may_do_without_a_transaction(redis_client: redis.Redis) -> None:
    """``transaction=False`` changes nothing where one script does all, in both methods."""
    publisher = RedisPublisher(**NEWS)
    expected = script_for("broadcast:news", layer_channel("broadcast:news"))
    with recorded_commands(redis_client) as commands:
        await asyncio.to_thread(publisher.pipeline_publish_message, "hello", None, False)
    assert commands == expected
    with recorded_commands(redis_client) as commands:
        await publisher.apipeline_publish_message("hello", transaction=False)
    assert commands == expected


@contextmanager
def connected_to(url: str, **connection: Any) -> Iterator[None]:
    """Let WS4REDIS_CONNECTION and the layer lead elsewhere for the block."""
    host = {"address": url, "socket_timeout": connection.get("socket_timeout")}
    with override_settings(
        WS4REDIS_CONNECTION={"url": url, **connection}, CHANNEL_LAYERS=layers.one_layer(layers.PUBSUB, hosts=[host])
    ):
        yield


# Other Redis servers, and none


@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.CORE])
@pytest.mark.parametrize("way", ["sync", "async"])
async def test_layer_on_another_server_is_served(
    settings: Any, redis_client: redis.Redis, other_server: RedisServer, backend: str, way: str
) -> None:
    """The message is kept at WS4REDIS_CONNECTION and sent through the layer's own Redis."""
    host = {"address": other_server.url, "socket_timeout": None}
    settings.CHANNEL_LAYERS = layers.one_layer(backend, hosts=[host])
    publisher = RedisPublisher(**NEWS)
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group_name("broadcast", facility="news"), channel)
    with other_server.client() as other:
        if backend == layers.PUBSUB:
            await asyncio.to_thread(wait_for_subscriber, other, layer_channel("broadcast:news"))
        await publish_by(way, publisher)
        event = await asyncio.wait_for(layer.receive(channel), TIMEOUT)
        assert without_numbers(event) == build_event("broadcast:news", "hello")
        assert other.get("broadcast:news") is None
    assert redis_client.get("broadcast:news") == b"hello"


def test_own_connection_to_another_server_keeps_there(redis_client: redis.Redis, other_server: RedisServer) -> None:
    """A publisher whose ``_connection`` was replaced keeps there, and sends through the layer all the same."""
    publisher = RedisPublisher(**NEWS)
    with other_server.client() as other, listening(redis_client, layer_channel("broadcast:news")) as subscription:
        publisher._connection = other
        publisher.publish_message("hello")
        assert len(arrived(redis_client, subscription)) == 1
        assert other.get("broadcast:news") == b"hello"
        assert publisher.fetch_message(None, "news") == b"hello"
        other.flushall()
    assert redis_client.get("broadcast:news") is None


async def publish_by(way: str, publisher: RedisPublisher) -> None:
    """Publish from a thread or from this event loop."""
    if way == "sync":
        await asyncio.to_thread(publisher.publish_message, "hello")
    else:
        await publisher.apublish_message("hello")


async def all_failures(publisher: RedisPublisher) -> list[BaseException]:
    """Return what publishing and fetching raise, sync and async."""
    calls = [
        asyncio.to_thread(publisher.publish_message, "hello"),
        asyncio.to_thread(publisher.pipeline_publish_message, "hello"),
        asyncio.to_thread(publisher.fetch_message, None, "news"),
        publisher.apublish_message("hello"),
        publisher.apipeline_publish_message("hello"),
        publisher.afetch_message(None, "news"),
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, BaseException) for result in results)
    return [result for result in results if isinstance(result, BaseException)]


async def test_refused_connection_is_a_connection_error_at_once() -> None:
    """Where nobody listens, every method raises redis-py's ConnectionError without delay."""
    with refusing_port() as port, connected_to(f"redis://{HOST}:{port}"):
        began = time.monotonic()
        failures = await all_failures(RedisPublisher(**NEWS))
        assert time.monotonic() - began < TIMEOUT / 3
    assert {type(failure) for failure in failures} == {RedisConnectionError}


async def test_silent_redis_is_a_connection_error_in_time() -> None:
    """Where nobody answers, every method raises ConnectionError after the timeout, and tries once."""
    with silent_server() as server, connected_to(server.url, socket_timeout=0.2):
        began = time.monotonic()
        failures = await all_failures(RedisPublisher(**NEWS))
        assert time.monotonic() - began < TIMEOUT / 3
        assert server.count_connections() == 6
    assert {type(failure) for failure in failures} == {RedisConnectionError}


async def test_silent_redis_of_an_own_connection_is_a_connection_error() -> None:
    """A publisher with a client of its own raises the same error as others."""
    with silent_server() as server, connections.build_sync_client({"url": server.url, "socket_timeout": 0.2}) as client:
        publisher = RedisPublisher(**NEWS)
        publisher._connection = client
        failures = await all_failures(publisher)
    assert {type(failure) for failure in failures} == {RedisConnectionError}


@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.CORE])
@pytest.mark.parametrize("way", ["sync", "async"])
async def test_layer_that_cannot_be_reached_is_a_connection_error(settings: Any, backend: str, way: str) -> None:
    """Where only the layer's Redis is gone, the publisher learns of it by the same error."""
    with refusing_port() as port:
        settings.CHANNEL_LAYERS = layers.one_layer(backend, hosts=[f"redis://{HOST}:{port}"])
        publisher = RedisPublisher(**NEWS)
        with pytest.raises(RedisConnectionError):
            await publish_by(way, publisher)


async def test_restarted_redis_is_used_again_at_once() -> None:
    """After a restart of Redis the next publish works: connections that died in the pool are replaced."""
    with RedisServer() as server, connected_to(server.url), server.client() as client:
        publisher = RedisPublisher(**NEWS)
        publish: list[Callable[[], Any]] = [
            lambda: asyncio.to_thread(publisher.publish_message, "sync"),
            lambda: publisher.apublish_message("async"),
        ]
        for each in publish:
            await each()
        await asyncio.to_thread(server.restart)
        for each, raw in zip(publish, (b"sync", b"async"), strict=True):
            await each()
            assert client.get("broadcast:news") == raw


async def test_failed_publish_is_not_made_up_for_later() -> None:
    """A publish that raised has not happened, and does not happen when Redis is back."""
    with RedisServer() as server, connected_to(server.url):
        publisher = RedisPublisher(**NEWS)
        server.kill()
        for failure in await all_failures(publisher):
            assert isinstance(failure, RedisConnectionError)
        await asyncio.to_thread(server.start)
        with server.client() as client, listening(client, layer_channel("broadcast:news")) as subscription:
            await asyncio.sleep(QUIET)
            assert arrived(client, subscription) == []
            assert nothing_written(client)


def test_layer_that_is_missing_is_explained(settings: Any, redis_client: redis.Redis) -> None:
    """A site without CHANNEL_LAYERS learns what to write, and nothing is kept that was not sent."""
    settings.CHANNEL_LAYERS = {}
    with nothing_happens(redis_client), pytest.raises(ImproperlyConfigured) as refused:
        RedisPublisher(**NEWS).publish_message("hello")
    assert str(refused.value) == (
        "CHANNEL_LAYERS has no entry 'default', which is to carry the messages. Add one, such as {'default': "
        "{'BACKEND': 'channels_redis.pubsub.RedisPubSubChannelLayer', 'CONFIG': {'hosts': ['redis://localhost']}}}."
    )


# What is kept


async def fetched(request: Any, facility: Any, *audience: str) -> bytes | None:
    """Return what `fetch_message` returns, having checked that its twin returns the same."""
    message = await asyncio.to_thread(RedisPublisher().fetch_message, request, facility, *audience)
    assert await RedisPublisher().afetch_message(request, facility, *audience) == message
    return message


async def test_fetch_looks_at_session_user_group_broadcast(redis_client: redis.Redis) -> None:
    """``any`` returns the first kept message in this order; each audience by name returns its own, as bytes."""
    request = request_of("john", ["empty", "chatters"])
    session_key = f"session:{request.session.session_key}:news"
    keys = {"broadcast": "broadcast:news", "group": "group:chatters:news", "user": "user:john:news"}
    assert await fetched(request, "news") is None
    for audience, key in {**keys, "session": session_key}.items():
        assert await fetched(request, "news", audience) is None
        redis_client.set(key, f"{audience} \udcff".encode("utf-8", "surrogateescape"))
        expected = f"{audience} ".encode() + b"\xff"
        assert await fetched(request, "news") == expected
        assert await fetched(request, "news", "any") == expected
        assert await fetched(request, "news", audience) == expected
    assert await fetched(request, "other") is None


async def test_fetch_takes_the_first_group_that_has_a_message(redis_client: redis.Redis) -> None:
    """Groups are looked at in the order in which the session remembers them."""
    redis_client.mset({"group:a:news": "a", "group:b:news": "b"})
    assert await fetched(request_of("john", ["none", "b", "a"]), "news", "group") == b"b"


@pytest.mark.parametrize("request_", [None, request_of(None, ["chatters"], session=False)], ids=["none", "anonymous"])
async def test_anonymous_fetches_broadcasts_only(redis_client: redis.Redis, request_: Any) -> None:
    """Without a user or session there is nothing to fetch but what is for everybody."""
    redis_client.mset({"group:chatters:news": "g", "user::news": "u", "user:None:news": "u", "session:None:news": "s"})
    assert await fetched(request_, "news") is None
    redis_client.set("broadcast:news", "all")
    assert await fetched(request_, "news") == b"all"
    for audience in ("user", "group", "session"):
        with recorded_commands(redis_client) as commands:
            assert await fetched(request_, "news", audience) is None
        assert commands == []


async def test_fetch_returns_what_was_published(settings: Any) -> None:
    """What a publisher keeps is found by another one, with the site's prefix."""
    settings.WS4REDIS_PREFIX = "site"
    await RedisPublisher(**NEWS).apublish_message(b"\xff\x00")
    assert await fetched(None, "news") == b"\xff\x00"
    settings.WS4REDIS_PREFIX = None
    assert await fetched(None, "news") is None


async def test_fetch_is_one_round_trip(redis_client: redis.Redis) -> None:
    """However many groups somebody has, Redis is asked once."""
    request = request_of("john", map(str, range(50)))
    with recorded_commands(redis_client) as commands:
        await fetched(request, "news")
    assert [command.split(" ")[0] for command in commands] == ["MGET", "MGET"]


async def test_unknown_audience_is_explained(redis_client: redis.Redis) -> None:
    """An audience that there is not gets a text with those that there are."""
    text = "audience is 'everyone'; it must be one of 'session', 'user', 'group', 'broadcast', 'any'."
    with nothing_happens(redis_client):
        with pytest.raises(AudienceValueError) as refused:
            await asyncio.to_thread(RedisPublisher().fetch_message, None, "news", "everyone")
        assert str(refused.value) == text
        with pytest.raises(AudienceValueError) as refused:
            await RedisPublisher().afetch_message(None, "news", "everyone")
        assert str(refused.value) == text


@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.CORE])
def test_fetching_takes_no_connection_per_call(settings: Any, redis_client: redis.Redis, backend: str) -> None:
    """Fetching uses the connections that publishing uses."""
    settings.CHANNEL_LAYERS = layers.one_layer(backend)

    def fetch() -> None:
        RedisPublisher().fetch_message(None, "news")
        asyncio.run(RedisPublisher().afetch_message(None, "news"))

    fetch()
    before = connections_opened(redis_client)
    for _ in range(10):
        fetch()
    assert connections_opened(redis_client) == before


# Subclasses


class Loud(RedisPublisher):
    """A site's publisher, which adds keys of its own and changes messages."""

    def _get_message_channels(self, rooms: Any = (), **kwargs: Any) -> list[str]:
        keys = super()._get_message_channels(**kwargs)
        return [*keys, *(f"{self.get_prefix()}room:{room}" for room in rooms)]

    def publish_message(self, message: Any, expire: Any = None) -> None:
        """Publish in capitals."""
        super().publish_message(message.upper(), expire)


def test_subclass_adds_keys_and_changes_messages(redis_client: redis.Redis) -> None:
    """Overriding ``_get_message_channels`` and ``publish_message`` works as with the original."""
    publisher = Loud(facility="news", broadcast=True, rooms=["1:2"])
    assert publisher._publishers == {"broadcast:news", "room:1:2"}
    with listening(redis_client, layer_channel("room:1:2")) as subscription:
        publisher.publish_message("hello", expire=60)
        assert len(arrived(redis_client, subscription)) == 1
    assert redis_client.mget("broadcast:news", "room:1:2") == [b"HELLO", b"HELLO"]


def test_key_added_by_hand_is_published_to(redis_client: redis.Redis) -> None:
    """``_publishers`` is an ordinary set that code adds to and takes from."""
    publisher = RedisPublisher(**NEWS)
    publisher._publishers.add("mine")
    publisher._publishers.discard("broadcast:news")
    publisher.publish_message("hello")
    assert kept_keys(redis_client) == {"mine"}
