"""Presence when a server is killed, when Redis is emptied, hangs or refuses, and when a server is slow."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from example_project.redis_server import RedisServer
from tests.live.servers import RunningSite, Surroundings, daphne
from tests.live.site.presence import SETTINGS
from tests.presence.watching import watching
from tests.waiting import SCALE, wait_until
from ws4channels.presence import present

pytestmark = [pytest.mark.live, pytest.mark.slow]

KILLED = 15 * SCALE
"""Seconds after which clients of a server that was killed are gone, as promised."""
EMPTIED = 5 * SCALE
"""Seconds after which the list is right again when Redis is back, as promised."""


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis that the test may stop."""
    with RedisServer() as server:
        yield server


@contextmanager
def two_servers(surroundings: Surroundings, url: str, **settings: Any) -> Iterator[tuple[RunningSite, RunningSite]]:
    """Two servers with presence at a Redis."""
    elsewhere = replace(surroundings, redis_url=url, directory=Path(surroundings.directory))
    settings = {**SETTINGS, **settings}
    with daphne(elsewhere, settings=settings) as first, daphne(elsewhere, settings=settings) as second:
        yield first, second


@pytest.fixture(params=["channel_layer", "redis"])
def servers(request, surroundings, own_redis, settings) -> Iterator[tuple[RunningSite, RunningSite]]:
    """Two servers, over each transport; this process asks the same Redis."""
    settings.WS4REDIS_CONNECTION = {"url": own_redis.url}
    settings.WS4CHANNELS_PRESENCE = SETTINGS["WS4CHANNELS_PRESENCE"]
    with two_servers(surroundings, own_redis.url, WS4CHANNELS_TRANSPORT=request.param) as both:
        yield both


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def names(facility: str) -> set[str]:
    """Return who is present."""
    return {each.user for each in present(facility=facility, broadcast=True)}


def test_clients_of_a_killed_server_are_gone_within_15_s(servers) -> None:
    """From the list, and everybody is told."""
    first, second = servers
    with watching(first, "seen-here", "mary") as mary, second.connect("seen-here", "subscribe-broadcast", "name=john"):
        mary.wait_for("john", "mary")
        second.process.signal(signal.SIGKILL)
        began = time.monotonic()
        mary.wait_for("mary", timeout=KILLED)
        wait_until(lambda: names("seen-here") == {"mary"}, "the list is right", KILLED - (time.monotonic() - began))


def test_list_is_right_within_5_s_after_redis_was_emptied(servers, own_redis: RedisServer) -> None:
    """Nobody is told that those have left who have not; who leaves meanwhile is gone, who comes is there."""
    first, second = servers
    with watching(first, "seen-here", "mary") as mary, second.connect("seen-here", "subscribe-broadcast", "name=john"):
        mary.wait_for("john", "mary")
        own_redis.restart()
        wait_until(lambda: names("seen-here") == {"mary", "john"}, "the list is right", EMPTIED)
        mary.take_for(10)
        assert (mary.leaves, mary.here) == ([], {"john", "mary"})
    with watching(first, "seen-here", "ann") as ann:
        ann.take_until(lambda: "ann" in ann.here, "presence goes on")
        assert first.output().count("Presence") == 0


@pytest.mark.parametrize("servers", ["redis"], indirect=True)
def test_flushed_redis_is_no_leave(servers, own_redis: RedisServer) -> None:
    """The servers write again within seconds."""
    first, second = servers
    with watching(first, "seen-here", "mary") as mary, second.connect("seen-here", "subscribe-broadcast", "name=john"):
        mary.wait_for("john", "mary")
        with own_redis.client() as client:
            client.flushall()
        wait_until(lambda: names("seen-here") == {"mary", "john"}, "the list is right", EMPTIED)
        mary.take_for(8)
        assert mary.leaves == []


@pytest.mark.parametrize("servers", ["redis"], indirect=True)
def test_redis_that_hangs_is_no_leave(servers, own_redis: RedisServer) -> None:
    """After longer than what makes a record stale: no process could write."""
    first, second = servers
    with watching(first, "seen-here", "mary") as mary, second.connect("seen-here", "subscribe-broadcast", "name=john"):
        mary.wait_for("john", "mary")
        assert own_redis.pid is not None
        with stopped(own_redis.pid):
            mary.take_for(13)
        mary.take_for(8)
        assert mary.leaves == []
        assert names("seen-here") == {"mary", "john"}
