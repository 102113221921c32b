"""What server processes tell of themselves when one is killed, when one ends, and when Redis is restarted."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from example_project.redis_server import RedisServer
from tests.live.servers import RunningSite, Surroundings, daphne, uvicorn
from tests.waiting import SCALE, wait_until
from ws4channels.connections import sync_client
from ws4channels.processes.asking import ask_processes, read_processes
from ws4channels.processes.questions import keys_of, sockets_of
from ws4channels.processes.records import Process
from ws4channels.publisher import RedisPublisher

pytestmark = [pytest.mark.live, pytest.mark.slow]

WRITTEN = 8 * SCALE
"""Seconds after which every process has written again: it does so every five."""
KILLED = 16 * SCALE
"""Seconds after which a process that was killed is gone: 15, as promised."""


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis that the test may stop."""
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["channel_layer", "redis"])
def servers(request, surroundings: Surroundings, own_redis, settings) -> Iterator[tuple[RunningSite, RunningSite]]:
    """Daphne and uvicorn, over each transport; this process asks the same Redis."""
    changed = {"WS4CHANNELS_TRANSPORT": request.param}
    settings.WS4REDIS_CONNECTION = {"url": own_redis.url}
    settings.WS4CHANNELS_TRANSPORT = request.param
    settings.SECRET_KEY = "live tests"
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [{"address": own_redis.url, "socket_timeout": None}]},
        }
    }
    elsewhere = replace(surroundings, redis_url=own_redis.url, directory=Path(surroundings.directory))
    with daphne(elsewhere, settings=changed) as first, uvicorn(elsewhere, settings=changed) as second:
        yield first, second


def told(condition: Callable[[dict[str, Process]], Any], what: str, timeout: float = WRITTEN) -> dict[str, Process]:
    """Return the processes by the names of their servers when they are as they should be."""
    found: dict[str, Process] = {}

    def look() -> Any:
        found.clear()
        try:
            found.update({each.server: each for each in read_processes(sync_client())})
        except redis.ConnectionError:
            return False
        return condition(found)

    wait_until(look, what, timeout)
    return found


@contextmanager
def three_sockets(servers: tuple[RunningSite, RunningSite]) -> Iterator[None]:
    """Open one websocket at the first server and two at the second."""
    first, second = servers
    with first.connect("a", "subscribe-broadcast"), second.connect("a", "subscribe-broadcast"):
        with second.connect("b", "subscribe-broadcast"):
            yield


def are_counted(found: dict[str, Process]) -> bool:
    """Tell whether all three are in the records."""
    return {name: each.sockets for name, each in found.items()} == {"daphne": 1, "uvicorn": 2}


def test_killed_process_is_gone_and_the_other_stays(servers) -> None:
    """Both tell what is true; questions are answered by both, and after the kill the killed one is named as silent."""
    with three_sockets(servers):
        found = told(are_counted, "all sockets are counted")
        assert found["daphne"].host == found["uvicorn"].host == socket.gethostname()
        assert found["daphne"].pid == servers[0].process.process.pid
        assert found["uvicorn"].facilities == (("a", 1), ("b", 1))
        RedisPublisher(facility="a", broadcast=True).publish_message("hello")
        told(lambda found: all(each.deliveries == 1 for each in found.values()), "the delivery is counted")
        answers = ask_processes(sync_client(), sockets_of(["broadcast:a", "broadcast:b"]), 10 * SCALE)
        assert answers.by_process[found["daphne"].name] == {"broadcast:a": 1}
        assert answers.by_process[found["uvicorn"].name] == {"broadcast:a": 1, "broadcast:b": 1}
        servers[1].process.signal(signal.SIGKILL)
        killed_at = time.monotonic()
        answers = ask_processes(sync_client(), keys_of(facility="a"), SCALE)
        assert answers.totals == {"broadcast:a": 1}
        assert answers.silent in {(each,) for each in answers.processes if each.server == "uvicorn"}
        told(lambda found: set(found) == {"daphne"}, "the killed is gone", KILLED - (time.monotonic() - killed_at))


def test_process_that_ends_removes_its_record(servers) -> None:
    """Daphne and uvicorn alike."""
    with three_sockets(servers):
        told(are_counted, "all sockets are counted")
    for number, left in ((0, {"uvicorn"}), (1, set())):
        servers[number].process.stop()
        assert {each.server for each in read_processes(sync_client())} == left


def test_records_are_right_again_within_seconds_after_redis_was_restarted(servers, own_redis: RedisServer) -> None:
    """And nothing but the outage is logged."""
    with three_sockets(servers):
        told(are_counted, "all sockets are counted")
        own_redis.restart()
        found = told(are_counted, "they are counted again")
        for site in servers:
            assert "record of this process" not in site.output()
        told(lambda found: all(each.outages for each in found.values()), "the outage is counted")
        wait_until(
            lambda: not ask_processes(sync_client(), keys_of(), SCALE).silent, "questions are answered again", WRITTEN
        )
        assert {each.name for each in read_processes(sync_client())} == {each.name for each in found.values()}
