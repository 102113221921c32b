"""Tests of `ws4channels.transports.redis_pubsub` and `ws4channels.transports.subscribed_connection`.

What holds for every transport is in test_hub.py and test_consumers.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from example_project.redis_server import HOST, RedisServer
from tests.live.certificates import make_certificate
from tests.monitor import connections_named
from tests.topologies import behind_tls
from tests.waiting import TIMEOUT, eventually
from ws4channels.connections import build_connector
from ws4channels.counters import counts
from ws4channels.exceptions import RedisRefusal
from ws4channels.transports.numbers import extras_of
from ws4channels.transports.redis_pubsub import RedisReceiver, Timing
from ws4channels.transports.sharded_pubsub import ShardedReceiver

NAME = "ws4channels-subscriber"
KEY = "broadcast:news"


class Listener:
    """A receiver whose events are taken as they come, as a hub does."""

    def __init__(self, receiver: RedisReceiver | ShardedReceiver) -> None:
        self.receiver = receiver
        self.events: list[dict[str, Any]] = []
        self.losses: list[str] = []
        receiver.on_loss = self.losses.append

    async def run(self) -> None:
        while True:
            self.events.append(await self.receiver.receive())

    @property
    def texts(self) -> list[str]:
        return [event["text"] for event in self.events]

    async def receives(self, *texts: str) -> None:
        """Wait for as many events; they must hold these texts."""
        await eventually(lambda: len(self.events) >= len(texts), f"{texts} arrive")
        assert self.texts == list(texts)


@asynccontextmanager
async def listening(receiver: RedisReceiver | ShardedReceiver, *keys: str) -> AsyncIterator[Listener]:
    """Yield a listener that has joined `keys`; close its receiver afterwards."""
    listener = Listener(receiver)
    task = asyncio.create_task(listener.run())
    try:
        if keys:
            await receiver.join(keys)
        yield listener
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await receiver.aclose()


@asynccontextmanager
async def receiving(connection: Mapping[str, Any], *keys: str, timing: Timing | None = None) -> AsyncIterator[Listener]:
    """Yield a listener at a Redis that has joined `keys`."""
    receiver = await RedisReceiver.open(build_connector(connection), timing or Timing())
    async with listening(receiver, *keys) as listener:
        yield listener


@pytest.fixture
async def listener(settings: Any) -> AsyncIterator[Listener]:
    """A listener at the tests' Redis that has joined one key."""
    async with receiving(settings.WS4REDIS_CONNECTION, KEY) as listener:
        yield listener


@pytest.fixture(scope="module")
def harmed_server() -> Iterator[RedisServer]:
    """A Redis for tests that kill, restart or stop it."""
    with RedisServer() as server:
        yield server


async def listeners(client: redis.Redis, key: str, count: int) -> None:
    """Wait until so many connections listen to a key."""
    await eventually(lambda: client.pubsub_numsub(key) == [(key.encode(), count)], f"{count} listen to {key}")


# --- what Redis sees and says -----------------------------------------------------------------------------------------


async def test_raw_publish_arrives_as_event(listener: Listener, redis_client: redis.Redis) -> None:
    """What any program publishes to a channel named as the key arrives: text, and bytes that are none."""
    redis_client.publish(KEY, "grüß Gott")
    redis_client.publish(KEY, b"\xff\x00\r\n")
    await eventually(lambda: len(listener.events) == 2, "both arrive")
    assert listener.events == [
        {"type": "ws4channels.message", "key": KEY, "text": "grüß Gott"},
        {"type": "ws4channels.message", "key": KEY, "bytes": b"\xff\x00\r\n"},
    ]


async def test_note_without_its_message_numbers_no_later_one(listener: Listener, redis_client: redis.Redis) -> None:
    """A note belongs to the very next thing on the connection: one whose message was missed is discarded."""
    note, numbers = extras_of(KEY).note, f"{4:016}{2:016}:0"
    redis_client.publish(note, f"{numbers}:5")
    redis_client.publish(KEY, "hello")
    redis_client.publish(note, f"{numbers}:5")
    await listener.receiver.join(["broadcast:other"])
    redis_client.publish(KEY, "hello")
    await listener.receives("hello", "hello")
    assert [event.get("numbers", "") for event in listener.events] == [numbers, ""]


async def test_one_connection_serves_all_keys(listener: Listener, redis_client: redis.Redis) -> None:
    """However many keys are joined, there is one connection; its name tells what it is, and each key counts it once."""
    keys = [f"user:{number}:news" for number in range(50)]
    await listener.receiver.join(keys)
    assert len(connections_named(redis_client, NAME)) == 1
    assert redis_client.pubsub_numsub(*keys) == [(key.encode(), 1) for key in keys]


async def test_name_follows_the_sites_own(settings: Any, redis_client: redis.Redis) -> None:
    """A site that names its connections finds the subscriber by that name."""
    async with receiving({**settings.WS4REDIS_CONNECTION, "client_name": "shop"}):
        assert len(connections_named(redis_client, "shop-subscriber")) == 1


async def test_messages_arrive_by_unix_socket_and_tls(tmp_path: Path) -> None:
    """However Redis is reached, so is its pub/sub."""
    certificate, key = make_certificate(tmp_path)
    with RedisServer(unix_socket=tmp_path / "redis.sock") as server, server.client() as client:
        async with receiving({"unix_socket_path": str(server.unix_socket)}, KEY) as listener:
            client.publish(KEY, "x")
            await listener.receives("x")
    with RedisServer() as server, server.client() as client, behind_tls(server, certificate, key) as port:
        async with receiving({"url": f"rediss://{HOST}:{port}", "ssl_ca_certs": str(certificate)}, KEY) as listener:
            client.publish(KEY, "x")
            await listener.receives("x")


async def test_key_is_left(listener: Listener, redis_client: redis.Redis) -> None:
    """A key that is left has no listener, and what was under way is not delivered."""
    await listener.receiver.join(["user:a:news"])
    redis_client.publish(KEY, "before")
    await listener.receiver.leave(KEY)
    redis_client.publish("user:a:news", "after")
    await listener.receives("after")
    assert redis_client.pubsub_numsub(KEY, "user:a:news") == [(KEY.encode(), 0), (b"user:a:news", 1)]


async def test_nobody_listens_after_the_last_key_is_left(listener: Listener, redis_client: redis.Redis) -> None:
    """The connection stays when no key is left, answers, and takes the next key."""
    await listener.receiver.leave(KEY)
    await listener.receiver.confirm(TIMEOUT)
    assert redis_client.pubsub_channels() == []
    await listener.receiver.join([KEY])
    redis_client.publish(KEY, "again")
    await listener.receives("again")


async def test_catching_up_receives_all_that_was_published_before(
    listener: Listener, redis_client: redis.Redis
) -> None:
    """When `confirm` returns, every message that was published before it was called has been received."""
    for number in range(20):
        with redis_client.pipeline(transaction=False) as pipeline:
            for _ in range(50):
                pipeline.publish(KEY, f"{number}")
            pipeline.execute()
        await listener.receiver.confirm(TIMEOUT)
        assert listener.texts.count(f"{number}") == 50


async def test_confirming_while_nobody_receives_is_a_timeout(settings: Any) -> None:
    """A PING whose answer nobody reads is a timeout."""
    receiver = await RedisReceiver.open(build_connector(settings.WS4REDIS_CONNECTION))
    with pytest.raises(asyncio.TimeoutError):
        await receiver.confirm(0.1)
    await receiver.aclose()


@pytest.mark.parametrize("heartbeat", ["--heartbeat--", None])
async def test_empty_messages_and_heartbeats_are_not_delivered(
    settings: Any, redis_client: redis.Redis, heartbeat: str | None
) -> None:
    """As with the original: neither an empty message nor the heartbeat's text, published by others, is delivered."""
    settings.WS4REDIS_HEARTBEAT = heartbeat
    async with receiving(settings.WS4REDIS_CONNECTION, KEY) as listener:
        for text in ("", "--heartbeat--", "last"):
            redis_client.publish(KEY, text)
        await listener.receives(*(["last"] if heartbeat else ["--heartbeat--", "last"]))


async def test_redis_that_is_down_is_a_connection_error() -> None:
    """A receiver that cannot be opened raises what sites know."""
    with RedisServer() as server:
        pass
    with pytest.raises(redis.exceptions.ConnectionError):
        await RedisReceiver.open(build_connector({"url": server.url}))


async def test_forbidden_channel_is_said_to_who_joins_it(harmed_server: RedisServer) -> None:
    """Where Redis refuses a channel, that join raises it; others and those before stand, and nothing is left over."""
    with harmed_server.client() as client:
        rights = {"passwords": ["+p"], "commands": ["+@all"], "channels": ["broadcast:*"], "reset_channels": True}
        client.acl_setuser("narrow", enabled=True, **rights)
        async with receiving({"url": harmed_server.url, "username": "narrow", "password": "p"}, KEY) as listener:
            with pytest.raises(RedisRefusal, match="Redis refuses SUBSCRIBE 'user:secret:news': "):
                await listener.receiver.join(["user:secret:news"])
            await listener.receiver.join(["broadcast:other"])
            assert client.pubsub_numsub(KEY, "broadcast:other", "user:secret:news") == [
                (KEY.encode(), 1),
                (b"broadcast:other", 1),
                (b"user:secret:news", 0),
            ]
            client.publish(KEY, "x")
            await listener.receives("x")
            assert listener.losses == []


async def test_join_that_was_not_answered_is_taken_back(harmed_server: RedisServer) -> None:
    """A join that timed out leaves nothing subscribed when Redis answers again, and can be repeated."""
    with harmed_server.client() as client:
        async with receiving({"url": harmed_server.url}, KEY, timing=Timing(confirm=0.5)) as listener:
            with paused(harmed_server), pytest.raises(asyncio.TimeoutError):
                await listener.receiver.join(["user:a:news"])
            await listener.receiver.confirm(TIMEOUT)
            assert client.pubsub_numsub(KEY, "user:a:news") == [(KEY.encode(), 1), (b"user:a:news", 0)]
            await listener.receiver.join(["user:a:news"])
            client.publish("user:a:news", "x")
            await listener.receives("x")


@contextmanager
def paused(server: RedisServer) -> Iterator[None]:
    """Stop a Redis for as long as the block runs; its connections stay."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


# --- a connection that breaks -----------------------------------------------------------------------------------------


async def test_killed_connection_is_made_anew(
    listener: Listener, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """After ``CLIENT KILL TYPE pubsub`` all keys are subscribed to again, which is counted and told once."""
    caplog.set_level(logging.INFO)
    before = counts["reconnects"]
    await listener.receiver.join(["user:a:news"])
    await listener.receiver.leave(KEY)
    redis_client.client_kill_filter(_type="pubsub")
    await eventually(lambda: len(listener.losses) == 1, "the connection is made anew")
    await listener.receiver.confirm(TIMEOUT)
    redis_client.publish("user:a:news", "x")
    await listener.receives("x")
    assert redis_client.pubsub_numsub(KEY, "user:a:news") == [(KEY.encode(), 0), (b"user:a:news", 1)]
    assert len(connections_named(redis_client, NAME)) == 1
    assert counts["reconnects"] == before + 1
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "The connection that receives messages is lost",
        "The connection that receives messages is restored.",
    ]


async def test_joining_waits_for_a_connection_that_comes_at_once(
    listener: Listener, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Who joins or catches up in the moment without a connection notices nothing."""
    caplog.set_level(logging.INFO)
    redis_client.client_kill_filter(_type="pubsub")
    # Not that there is none: the next may have come between two looks.
    await eventually(lambda: "The connection that receives messages is lost" in caplog.text, "the loss is noticed")
    await asyncio.gather(listener.receiver.join(["user:a:news"]), listener.receiver.confirm(TIMEOUT))
    redis_client.publish("user:a:news", "x")
    await listener.receives("x")


async def test_redis_that_returns_is_subscribed_to_within_seconds(harmed_server: RedisServer) -> None:
    """While Redis is down, joins and probes fail soon; when it is back, the next message arrives within 3 s."""
    async with receiving({"url": harmed_server.url}, KEY) as listener:
        for number in range(3):
            harmed_server.kill()
            await eventually(lambda: not listener.receiver._ready.is_set(), "the loss is noticed")
            for call in (listener.receiver.confirm(TIMEOUT), listener.receiver.join(["user:a:news"])):
                began = time.monotonic()
                with pytest.raises(redis.exceptions.ConnectionError):
                    await call
                assert time.monotonic() - began < TIMEOUT / 5
            await asyncio.to_thread(harmed_server.start)
            returned = time.monotonic()
            with harmed_server.client() as client:
                await listeners(client, KEY, 1)
                assert time.monotonic() - returned < 3 * max(1, TIMEOUT / 15)
                assert client.pubsub_numsub("user:a:news") == [(b"user:a:news", 0)]
                client.publish(KEY, f"{number}")
            await listener.receives(*map(str, range(number + 1)))
            assert len(listener.losses) == number + 1


async def test_what_is_left_while_disconnected_stays_left(harmed_server: RedisServer) -> None:
    """A key that is left while Redis is down is not subscribed to again."""
    async with receiving({"url": harmed_server.url}, KEY, "user:a:news") as listener:
        harmed_server.kill()
        await eventually(lambda: not listener.receiver._ready.is_set(), "the loss is noticed")
        await listener.receiver.leave(KEY)
        await asyncio.to_thread(harmed_server.start)
        with harmed_server.client() as client:
            await listeners(client, "user:a:news", 1)
            assert client.pubsub_numsub(KEY, "user:a:news") == [(KEY.encode(), 0), (b"user:a:news", 1)]


async def test_pause_loses_nothing(harmed_server: RedisServer) -> None:
    """A Redis that pauses for a while keeps its connections: probes fail meanwhile, and no message is lost."""
    with harmed_server.client() as client:
        async with receiving({"url": harmed_server.url}, KEY) as listener:
            client.execute_command("CLIENT", "PAUSE", 1000, "ALL")
            with pytest.raises(asyncio.TimeoutError):
                await listener.receiver.confirm(0.2)
            client.publish(KEY, "after the pause")
            await listener.receives("after the pause")
            await listener.receiver.confirm(TIMEOUT)
            assert listener.losses == []


async def test_connection_without_answers_is_replaced(harmed_server: RedisServer) -> None:
    """A connection on which nothing is answered, as after a broken network, is replaced by `restore`."""
    async with receiving({"url": harmed_server.url}, KEY, timing=Timing(connect=0.2)) as listener:
        with paused(harmed_server):
            with pytest.raises(asyncio.TimeoutError):
                await listener.receiver.confirm(0.1)
            await listener.receiver.restore(reconnect=True)
            await eventually(lambda: len(listener.losses) == 1, "the connection is given up")
        with harmed_server.client() as client:
            await listeners(client, KEY, 1)
            client.publish(KEY, "x")
        await listener.receives("x")


async def test_connection_is_closed_with_its_receiver(settings: Any, redis_client: redis.Redis) -> None:
    """Who cancels the receiver leaves no connection, also in the middle of making one."""
    async with receiving(settings.WS4REDIS_CONNECTION, KEY):
        assert len(connections_named(redis_client, NAME)) == 1
    await eventually(lambda: not connections_named(redis_client, NAME), "it is closed")
    async with receiving(settings.WS4REDIS_CONNECTION, KEY, timing=Timing(first_delay=0.5)) as listener:
        redis_client.client_kill_filter(_type="pubsub")
        await eventually(lambda: not listener.receiver._ready.is_set(), "the loss is noticed")
    await eventually(lambda: not connections_named(redis_client, NAME), "it is closed")
