"""Tests of `ws4channels.transports.redis_pubsub`.

What holds for every transport is in test_hub.py and test_consumers.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
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
from ws4channels.transports import redis_pubsub
from ws4channels.transports.redis_pubsub import RedisReceiver

NAME = "ws4channels-subscriber"
KEY = "broadcast:news"


class Receiver:
    """A receiver whose events are taken as they come, as a hub does."""

    def __init__(self, receiver: RedisReceiver) -> None:
        self.subscription = receiver
        self.events: list[dict[str, Any]] = []

    async def run(self) -> None:
        while True:
            self.events.append(await self.subscription.receive())

    @property
    def texts(self) -> list[str]:
        return [event["text"] for event in self.events]

    async def hears(self, *texts: str) -> None:
        """Wait for as many events; they must hold these texts."""
        await eventually(lambda: len(self.events) >= len(texts), f"{texts} arrive")
        assert self.texts == list(texts)


@asynccontextmanager
async def receiving(connection: Mapping[str, Any], *keys: str) -> AsyncIterator[Receiver]:
    """Yield a receiver that has joined `keys`."""
    receiver = Receiver(await RedisReceiver.open(build_connector(connection).connect))
    task = asyncio.create_task(receiver.run())
    try:
        if keys:
            await receiver.subscription.join(keys)
        yield receiver
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await receiver.subscription.aclose()


@pytest.fixture
def half_a_second_to_reconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have connections stay lost for long enough to see it."""
    monkeypatch.setattr(redis_pubsub, "_FIRST_DELAY", 0.5)
    monkeypatch.setattr(redis_pubsub.random, "uniform", lambda shortest, longest: longest)


@pytest.fixture
async def receiver(settings: Any) -> AsyncIterator[Receiver]:
    """A receiver at the tests' Redis that has joined one key."""
    async with receiving(settings.WS4REDIS_CONNECTION, KEY) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def harmed_server() -> Iterator[RedisServer]:
    """A Redis for tests that kill, restart or stop it."""
    with RedisServer() as server:
        yield server


async def listeners(client: redis.Redis, key: str, count: int) -> None:
    """Wait until so many connections listen to a key."""
    await eventually(lambda: client.pubsub_numsub(key) == [(key.encode(), count)], f"{count} listen to {key}")


# --- what Redis sees and says -----------------------------------------------------------------------------------------


async def test_raw_publish_arrives_as_event(receiver: Receiver, redis_client: redis.Redis) -> None:
    """What any program publishes to a channel named as the key arrives: text, and bytes that are none."""
    redis_client.publish(KEY, "grüß Gott")
    redis_client.publish(KEY, b"\xff\x00\r\n")
    await eventually(lambda: len(receiver.events) == 2, "both arrive")
    assert receiver.events == [
        {"type": "ws4channels.message", "key": KEY, "text": "grüß Gott", "kept": None},
        {"type": "ws4channels.message", "key": KEY, "bytes": b"\xff\x00\r\n", "kept": None},
    ]


async def test_one_connection_serves_all_keys(receiver: Receiver, redis_client: redis.Redis) -> None:
    """However many keys are joined, there is one connection; its name tells what it is, and each key counts it once."""
    keys = [f"user:{number}:news" for number in range(50)]
    await receiver.subscription.join(keys)
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
        async with receiving({"unix_socket_path": str(server.unix_socket)}, KEY) as receiver:
            client.publish(KEY, "x")
            await receiver.hears("x")
    with RedisServer() as server, server.client() as client, behind_tls(server, certificate, key) as port:
        async with receiving({"url": f"rediss://{HOST}:{port}", "ssl_ca_certs": str(certificate)}, KEY) as receiver:
            client.publish(KEY, "x")
            await receiver.hears("x")


async def test_key_is_left(receiver: Receiver, redis_client: redis.Redis) -> None:
    """A key that is left has no listener, and what was under way is not delivered."""
    await receiver.subscription.join(["user:a:news"])
    redis_client.publish(KEY, "before")
    await receiver.subscription.leave(KEY)
    redis_client.publish("user:a:news", "after")
    await receiver.hears("after")
    assert redis_client.pubsub_numsub(KEY, "user:a:news") == [(KEY.encode(), 0), (b"user:a:news", 1)]


async def test_nobody_listens_after_the_last_key_is_left(receiver: Receiver, redis_client: redis.Redis) -> None:
    """The connection stays when no key is left, answers, and takes the next key."""
    await receiver.subscription.leave(KEY)
    await receiver.subscription.catch_up()
    await receiver.subscription.probe(TIMEOUT)
    assert redis_client.pubsub_channels() == []
    await receiver.subscription.join([KEY])
    redis_client.publish(KEY, "again")
    await receiver.hears("again")


async def test_catching_up_receives_all_that_was_published_before(
    receiver: Receiver, redis_client: redis.Redis
) -> None:
    """When `catch_up` returns, every message that was published before it was called has been received."""
    for number in range(20):
        with redis_client.pipeline(transaction=False) as pipeline:
            for _ in range(50):
                pipeline.publish(KEY, f"{number}")
            pipeline.execute()
        await receiver.subscription.catch_up()
        assert receiver.texts.count(f"{number}") == 50


async def test_catching_up_without_a_receiver_ends(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PING whose answer nobody takes is a timeout."""
    monkeypatch.setattr(redis_pubsub, "_CONFIRM_TIMEOUT", 0.1)
    receiver = await RedisReceiver.open(build_connector(settings.WS4REDIS_CONNECTION).connect)
    with pytest.raises(asyncio.TimeoutError):
        await receiver.catch_up()
    await receiver.aclose()


@pytest.mark.parametrize("heartbeat", ["--heartbeat--", None])
async def test_empty_messages_and_heartbeats_are_not_delivered(
    settings: Any, redis_client: redis.Redis, heartbeat: str | None
) -> None:
    """As with the original: neither an empty message nor the heartbeat's text, published by others, is delivered."""
    settings.WS4REDIS_HEARTBEAT = heartbeat
    async with receiving(settings.WS4REDIS_CONNECTION, KEY) as receiver:
        for text in ("", "--heartbeat--", "last"):
            redis_client.publish(KEY, text)
        await receiver.hears(*(["last"] if heartbeat else ["--heartbeat--", "last"]))


async def test_redis_that_is_down_is_a_connection_error() -> None:
    """A receiver that cannot be opened raises what sites know."""
    with RedisServer() as server:
        pass
    with pytest.raises(redis.exceptions.ConnectionError):
        await RedisReceiver.open(build_connector({"url": server.url}).connect)


async def test_forbidden_channel_is_said_to_who_joins_it(harmed_server: RedisServer) -> None:
    """Where Redis refuses a channel, that join raises it; others and those before stand, and nothing is left over."""
    with harmed_server.client() as client:
        rights = {"passwords": ["+p"], "commands": ["+@all"], "channels": ["broadcast:*"], "reset_channels": True}
        client.acl_setuser("narrow", enabled=True, **rights)
        async with receiving({"url": harmed_server.url, "username": "narrow", "password": "p"}, KEY) as receiver:
            with pytest.raises(redis.exceptions.NoPermissionError):
                await receiver.subscription.join(["user:secret:news"])
            await receiver.subscription.join(["broadcast:other"])
            assert client.pubsub_numsub(KEY, "broadcast:other", "user:secret:news") == [
                (KEY.encode(), 1),
                (b"broadcast:other", 1),
                (b"user:secret:news", 0),
            ]
            client.publish(KEY, "x")
            await receiver.hears("x")
            assert receiver.subscription.generation == 0


async def test_join_that_was_not_answered_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, harmed_server: RedisServer
) -> None:
    """A join that timed out leaves nothing subscribed when Redis answers again, and can be repeated."""
    with harmed_server.client() as client:
        async with receiving({"url": harmed_server.url}, KEY) as receiver:
            monkeypatch.setattr(redis_pubsub, "_CONFIRM_TIMEOUT", 0.2)
            assert harmed_server.pid is not None
            os.kill(harmed_server.pid, signal.SIGSTOP)
            try:
                with pytest.raises(asyncio.TimeoutError):
                    await receiver.subscription.join(["user:a:news"])
            finally:
                os.kill(harmed_server.pid, signal.SIGCONT)
            monkeypatch.setattr(redis_pubsub, "_CONFIRM_TIMEOUT", TIMEOUT)
            await receiver.subscription.probe(TIMEOUT)
            assert client.pubsub_numsub(KEY, "user:a:news") == [(KEY.encode(), 1), (b"user:a:news", 0)]
            await receiver.subscription.join(["user:a:news"])
            client.publish("user:a:news", "x")
            await receiver.hears("x")


# --- a connection that breaks -----------------------------------------------------------------------------------------


async def test_killed_connection_is_made_anew(
    receiver: Receiver, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """After ``CLIENT KILL TYPE pubsub`` all keys are subscribed to again, which is counted and told once."""
    caplog.set_level(logging.INFO)
    before = counts["reconnects"]
    await receiver.subscription.join(["user:a:news"])
    await receiver.subscription.leave(KEY)
    redis_client.client_kill_filter(_type="pubsub")
    await eventually(lambda: receiver.subscription.generation == 1, "the connection is made anew")
    await receiver.subscription.probe(TIMEOUT)
    redis_client.publish("user:a:news", "x")
    await receiver.hears("x")
    assert redis_client.pubsub_numsub(KEY, "user:a:news") == [(KEY.encode(), 0), (b"user:a:news", 1)]
    assert len(connections_named(redis_client, NAME)) == 1
    assert counts["reconnects"] == before + 1
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "The connection that receives messages is lost",
        "The connection that receives messages was made anew.",
    ]


async def test_joining_waits_for_a_connection_that_comes_at_once(receiver: Receiver, redis_client: redis.Redis) -> None:
    """Who joins or catches up in the moment without a connection notices nothing."""
    redis_client.client_kill_filter(_type="pubsub")
    await eventually(lambda: not receiver.subscription._ready.is_set(), "the loss is noticed")
    await asyncio.gather(receiver.subscription.join(["user:a:news"]), receiver.subscription.catch_up())
    redis_client.publish("user:a:news", "x")
    await receiver.hears("x")


async def test_redis_that_returns_is_subscribed_to_within_seconds(harmed_server: RedisServer) -> None:
    """While Redis is down, joins and probes fail soon; when it is back, the next message arrives within 3 s."""
    async with receiving({"url": harmed_server.url}, KEY) as receiver:
        for number in range(3):
            harmed_server.kill()
            await eventually(lambda: not receiver.subscription._ready.is_set(), "the loss is noticed")
            for call in (receiver.subscription.probe(TIMEOUT), receiver.subscription.join(["user:a:news"])):
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
            await receiver.hears(*map(str, range(number + 1)))
            assert receiver.subscription.generation == number + 1


async def test_what_is_left_while_disconnected_stays_left(harmed_server: RedisServer) -> None:
    """A key that is left while Redis is down is not subscribed to again."""
    async with receiving({"url": harmed_server.url}, KEY, "user:a:news") as receiver:
        harmed_server.kill()
        await eventually(lambda: not receiver.subscription._ready.is_set(), "the loss is noticed")
        await receiver.subscription.leave(KEY)
        await asyncio.to_thread(harmed_server.start)
        await eventually(lambda: receiver.subscription.generation == 1, "the connection is made anew")
        with harmed_server.client() as client:
            assert client.pubsub_numsub(KEY, "user:a:news") == [(KEY.encode(), 0), (b"user:a:news", 1)]


async def test_pause_loses_nothing(harmed_server: RedisServer) -> None:
    """A Redis that pauses for a while keeps its connections: probes fail meanwhile, and no message is lost."""
    with harmed_server.client() as client:
        async with receiving({"url": harmed_server.url}, KEY) as receiver:
            client.execute_command("CLIENT", "PAUSE", 1000, "ALL")
            with pytest.raises(asyncio.TimeoutError):
                await receiver.subscription.probe(0.2)
            client.publish(KEY, "after the pause")
            await receiver.hears("after the pause")
            await receiver.subscription.probe(TIMEOUT)
            assert receiver.subscription.generation == 0


async def test_connection_that_is_hung_up_is_replaced(
    monkeypatch: pytest.MonkeyPatch, harmed_server: RedisServer
) -> None:
    """A connection that answers nothing, as after a broken network, is replaced when it is hung up."""
    monkeypatch.setattr(redis_pubsub, "_CONNECT_TIMEOUT", 0.2)
    async with receiving({"url": harmed_server.url}, KEY) as receiver:
        assert harmed_server.pid is not None
        os.kill(harmed_server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(asyncio.TimeoutError):
                await receiver.subscription.probe(0.1)
            await receiver.subscription.hang_up()
            await eventually(lambda: not receiver.subscription._ready.is_set(), "the connection is given up")
        finally:
            os.kill(harmed_server.pid, signal.SIGCONT)
        with harmed_server.client() as client:
            await listeners(client, KEY, 1)
            client.publish(KEY, "x")
        await receiver.hears("x")


@pytest.mark.usefixtures("half_a_second_to_reconnect")
async def test_connection_is_closed_with_its_receiver(settings: Any, redis_client: redis.Redis) -> None:
    """Who cancels the receiver leaves no connection, also in the middle of making one."""
    async with receiving(settings.WS4REDIS_CONNECTION, KEY):
        assert len(connections_named(redis_client, NAME)) == 1
    await eventually(lambda: not connections_named(redis_client, NAME), "it is closed")
    async with receiving(settings.WS4REDIS_CONNECTION, KEY) as receiver:
        redis_client.client_kill_filter(_type="pubsub")
        await eventually(lambda: not receiver.subscription._ready.is_set(), "the loss is noticed")
    await eventually(lambda: not connections_named(redis_client, NAME), "it is closed")
