"""One of two servers is killed: the other's sockets notice nothing, and those of the first find what was kept there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis
from websockets.exceptions import ConnectionClosed

from tests.faults.sites import next_messages, run_site, send, wait_for_heartbeats
from tests.layers import CORE, PUBSUB
from tests.live.client import Socket
from tests.live.servers import RunningSite
from tests.waiting import wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

CAPACITY = 50
"""What the layer holds for a process that takes nothing; less than is published after that process was killed."""
LAYERS = {"pubsub": (PUBSUB, {}), "core": (CORE, {"capacity": CAPACITY}), "redis": (None, {})}


@pytest.fixture(params=sorted(LAYERS))
def servers(request, surroundings) -> Iterator[tuple[RunningSite, RunningSite]]:
    """Two servers of one site, over each transport."""
    backend, config = LAYERS[request.param]
    settings: dict[str, object] = {"WS4CHANNELS_TRANSPORT": "redis", "CHANNEL_LAYERS": {}}
    if backend is not None:
        hosts = [{"address": surroundings.redis_url, "socket_timeout": None}]
        settings = {"CHANNEL_LAYERS": {"default": {"BACKEND": backend, "CONFIG": {"hosts": hosts, **config}}}}
    with (
        run_site(surroundings, "daphne", **settings) as first,
        run_site(surroundings, "daphne", **settings) as second,
    ):
        yield first, second
        assert "Traceback" not in first.output()
        assert "Traceback" not in second.output()


def wait_until_cut(socket: Socket) -> None:
    """Return when the connection has broken, which no closing announced."""
    with pytest.raises(ConnectionClosed) as raised:
        next_messages(socket, 1)
    assert raised.value.rcvd is None


def test_only_the_killed_servers_sockets_are_cut(servers, live_redis: redis.Redis, facility):
    """The other's get everything in order, before and after; a client that reconnects there gets the newest message."""
    first, second = servers
    with ExitStack() as stack:
        cut = [stack.enter_context(first.connect(facility, "subscribe-broadcast")) for _ in range(5)]
        kept = [stack.enter_context(second.connect(facility, "subscribe-broadcast")) for _ in range(5)]
        before = send(second, facility, 10, "before ")
        for socket in [*cut, *kept]:
            assert next_messages(socket, 10) == before
        connections = len(live_redis.client_list())
        first.process.signal(signal.SIGKILL)
        # A few at a time: on a layer with a capacity, the living may not lose what is too much for the dead.
        expected = []
        for number in range(10):
            expected += send(second, facility, CAPACITY // 5, f"after {number}.")
            for socket in kept:
                assert next_messages(socket, CAPACITY // 5) == expected[-CAPACITY // 5 :]
        for socket in cut:
            wait_until_cut(socket)
        with second.connect(facility, "subscribe-broadcast") as again:
            assert next_messages(again, 1) == expected[-1:]
            sent = send(second, facility, 3, "on ")
            assert next_messages(again, 3) == sent
        wait_for_heartbeats(stack.enter_context(second.connect("other")), 2)
    wait_until(lambda: len(live_redis.client_list()) < connections, "Redis has noticed")
