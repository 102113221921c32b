"""Several server processes behind one port, as docs/deployment.md describes: one Redis carries messages to all."""

from __future__ import annotations

import sys
from contextlib import ExitStack

import pytest
import redis

from example_project.redis_server import HOST
from tests.live.servers import APPLICATION, Runner, Surroundings, on_port
from ws4channels.connections import CLIENT_NAME, SUBSCRIBER_SUFFIX

pytestmark = pytest.mark.live

SHARING_A_SOCKET = """
import socket, subprocess, sys
with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
    command = [sys.executable, "-m", "daphne", "--fd", str(listener.fileno()), *sys.argv[1:]]
    servers = [subprocess.Popen(command, pass_fds=[listener.fileno()]) for _ in range(2)]
    print("Listening on %s:%s" % listener.getsockname())
    for server in servers:
        server.wait()
"""
"""What a socket unit of systemd does for Daphne: opens the port, and hands it to each process."""


def two_daphnes(surroundings: Surroundings, settings: dict[str, str]):
    command = [sys.executable, "-c", SHARING_A_SOCKET, APPLICATION]
    return on_port(surroundings, command, r"Listening on ([\d.]+:\d+)", settings)


def uvicorn_with_workers(surroundings: Surroundings, settings: dict[str, str]):
    command = [sys.executable, "-m", "uvicorn", "--host", HOST, "--port", "0", "--workers", "2", APPLICATION]
    # It listens when its workers do.
    address = r"running on http://([\d.]+:\d+)(?:.*startup complete){2}"
    return on_port(surroundings, command, f"(?s){address}", settings)


@pytest.mark.parametrize("run", [two_daphnes, uvicorn_with_workers])
def test_processes_behind_one_port_reach_all_their_websockets(
    surroundings: Surroundings, live_redis: redis.Redis, facility: str, run: Runner
) -> None:
    """Each process subscribes once, and what a client of one publishes comes to the clients of both."""

    def subscribers() -> int:
        return sum(client["name"] == f"{CLIENT_NAME}{SUBSCRIBER_SUFFIX}" for client in live_redis.client_list())

    before = subscribers()
    with run(surroundings, settings={"WS4CHANNELS_TRANSPORT": "redis"}) as site, ExitStack() as stack:
        sockets = []
        # The kernel decides which process accepts a connection.
        while subscribers() < before + 2 and len(sockets) < 200:
            sockets.append(
                stack.enter_context(site.connect(facility, "subscribe-broadcast", "publish-broadcast", "echo"))
            )
        assert subscribers() == before + 2
        sockets[0].send("to all")
        assert {socket.receive() for socket in sockets} == {"to all"}
