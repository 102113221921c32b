"""More than one Redis: a master with a replica that a Sentinel watches, and a cluster; and one behind TLS."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from example_project.redis_server import (
    HOST,
    AddressTakenError,
    RedisServer,
    find_redis_server,
    find_redis_server_in_wheel,
    free_port,
)
from tests.waiting import wait_until

MASTER = "main"
_SLOTS = 16384
_BUS_OFFSET = 10000
_BLOCK = 65536


class SentinelServer(RedisServer):
    """A Sentinel that decides alone, and fast."""

    def __init__(self, master: RedisServer) -> None:
        super().__init__()
        self.master = master

    def _arguments(self) -> list[str]:
        # A Sentinel keeps what it learns in its configuration file, so there has to be one.
        path = Path(str(self._directory)) / "sentinel.conf"
        lines = [
            f"bind {HOST}",
            f"port {self.port}",
            f"dir {self._directory}",
            f"sentinel monitor {MASTER} {HOST} {self.master.port} 1",
            f"sentinel down-after-milliseconds {MASTER} 500",
            f"sentinel failover-timeout {MASTER} 3000",
        ]
        path.write_text("\n".join(lines) + "\n")
        return [str(path), "--sentinel"]


@dataclass
class WatchedPair:
    """A master, its replica and their Sentinel."""

    master: RedisServer
    replica: RedisServer
    sentinel: SentinelServer

    @property
    def connection(self) -> dict[str, Any]:
        """The ``WS4REDIS_CONNECTION`` of the pair. The first sentinel is one that does not answer."""
        return {"sentinels": [(HOST, free_port()), (HOST, self.sentinel.port)], "master_name": MASTER}

    @property
    def layer_host(self) -> dict[str, Any]:
        """The same as an entry of ``hosts`` of a channel layer."""
        return {"sentinels": [(HOST, self.sentinel.port)], "master_name": MASTER, "socket_timeout": None}

    def wait_until_promoted(self) -> None:
        """Return when the replica is the master, and the Sentinel says so; from then on it is patient.

        A Sentinel that gets no processor for half a second would take the new master for dead, and name none.
        """
        wait_until(lambda: _role(self.replica) == "master", "the replica is promoted")
        with self.sentinel.client() as sentinel:
            wait_until(
                lambda: sentinel.sentinel_masters()[MASTER]["port"] == self.replica.port,
                "the Sentinel names the new master",
            )
            sentinel.execute_command("SENTINEL SET", MASTER, "down-after-milliseconds", 60_000)


@contextmanager
def watched_pair() -> Iterator[WatchedPair]:
    """Yield a pair that is ready to fail over."""
    with RedisServer() as master, RedisServer() as replica, ExitStack() as stack:
        with replica.client() as client:
            client.replicaof(HOST, master.port)
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", "the replica follows")
        # Not before: a Sentinel asks a master for its replicas when it starts, and then every ten seconds.
        sentinel = stack.enter_context(SentinelServer(master))
        with sentinel.client() as client:
            wait_until(lambda: _knows_a_good_replica(client), "the Sentinel knows the replica")
        yield WatchedPair(master, replica, sentinel)


def _role(server: RedisServer) -> str | None:
    """Return what a server says that it is; None if it does not: a Sentinel closes its connections meanwhile."""
    with server.client() as client, suppress(redis.exceptions.ConnectionError):
        return str(client.info("replication")["role"])
    return None


def _knows_a_good_replica(sentinel: redis.Redis) -> bool:
    replicas = sentinel.sentinel_slaves(MASTER)
    return [replica["master-link-status"] for replica in replicas] == ["ok"]


@contextmanager
def cluster_of_three(executable: str | None = None, node_timeout: int = 60_000) -> Iterator[list[RedisServer]]:
    """Yield the three nodes of a cluster, each of which has a third of the slots and no replica.

    `executable` is the redis-server to run, as of `RedisServer`. After `node_timeout` milliseconds a node is taken for
    dead; after half of it, nodes connect anew, and lose what was published meanwhile.
    """
    with ExitStack() as stack:
        nodes = [_start_node(stack, executable, node_timeout) for _ in range(3)]
        clients = [stack.enter_context(node.client()) for node in nodes]
        bounds = [_SLOTS * number // 3 for number in range(4)]
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER ADDSLOTS", *range(bounds[number], bounds[number + 1]))
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in nodes[1:]:
            clients[0].execute_command("CLUSTER MEET", HOST, node.port)
        for client in clients:
            wait_until(lambda client=client: _is_complete(client, 3), "the node knows the whole cluster")
        wait_until_all_is_told(nodes)
        yield nodes


def empty(nodes: list[RedisServer]) -> None:
    """Have a cluster keep nothing, and return when nothing that was published before is under way."""
    for node in nodes:
        with node.client() as client:
            client.flushall()
    wait_until_all_is_told(nodes)


def wait_until_all_is_told(nodes: list[RedisServer]) -> None:
    """Return when all nodes of a cluster have been told what was published at any of them."""
    channel = f"told:{uuid4()}"
    with ExitStack() as stack:
        clients = [stack.enter_context(node.client()) for node in nodes]
        for client in clients:
            pubsub = stack.enter_context(client.pubsub(ignore_subscribe_messages=True))
            pubsub.subscribe(channel)
            missing = set(range(len(nodes)))

            def is_told(pubsub: Any = pubsub, missing: set[int] = missing) -> bool:
                for number in missing:
                    clients[number].publish(channel, number)
                while (message := pubsub.get_message(timeout=0.01)) is not None:
                    missing.discard(int(message["data"]))
                return not missing

            wait_until(is_told, "a node is told what is published at the others")


@contextmanager
def added_replica(nodes: list[RedisServer], of: RedisServer) -> Iterator[RedisServer]:
    """Yield a replica of one of the nodes of a cluster, which takes over when that dies."""
    with ExitStack() as stack:
        replica = _start_node(stack, of.executable, int(of.config["cluster-node-timeout"]))
        clients = [stack.enter_context(node.client()) for node in (*nodes, replica)]
        clients[-1].execute_command("CLUSTER MEET", HOST, of.port)
        for client in clients:
            wait_until(lambda client=client: _is_complete(client, 4), "the node knows the whole cluster")
        clients[-1].execute_command("CLUSTER REPLICATE", clients[nodes.index(of)].execute_command("CLUSTER MYID"))
        wait_until(lambda: clients[-1].info("replication").get("master_link_status") == "up", "the replica follows")
        yield replica


def move_slot(slot: int, source: RedisServer, target: RedisServer, nodes: list[RedisServer]) -> None:
    """Have a slot with all its keys owned by another node, as ``redis-cli --cluster reshard`` does."""
    with source.client() as giving, target.client() as taking:
        taker = taking.execute_command("CLUSTER MYID")
        taking.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", giving.execute_command("CLUSTER MYID"))
        giving.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", taker)
        while keys := giving.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
            giving.execute_command("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *keys)
    for node in (target, source, *nodes):
        with node.client() as client:
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", taker)


def _is_complete(client: redis.Redis, nodes: int) -> bool:
    info: dict[str, str] = client.execute_command("CLUSTER INFO")
    return (info["cluster_state"], info["cluster_known_nodes"]) == ("ok", str(nodes))


def _start_node(stack: ExitStack, executable: str | None, node_timeout: int) -> RedisServer:
    config = {"cluster-enabled": "yes", "cluster-node-timeout": node_timeout, "cluster-require-full-coverage": "no"}
    while True:
        port = free_port()
        # The nodes speak with each other at another port, so much higher.
        if port + _BUS_OFFSET >= _BLOCK:
            continue
        with suppress(AddressTakenError):
            return stack.enter_context(RedisServer(port=port, config=config, executable=executable))


def redis_server_of(version: str) -> str:
    """Return a redis-server ``before 7``, or ``from 7 on``, which knows sharded pub/sub.

    Without it the test is skipped, and fails where CI=1.
    """
    # All that are on PATH: a virtual environment that is active has that of the wheel before the system's.
    on_path = (shutil.which("redis-server", path=each) for each in os.environ["PATH"].split(os.pathsep))
    for executable in filter(None, (find_redis_server(), *on_path, find_redis_server_in_wheel())):
        said = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True).stdout
        is_new = int(re.search(r"v=(\d+)", said)[1]) >= 7  # type: ignore[index]
        if is_new == (version == "from 7 on"):
            return executable
    reason = f"No redis-server {version} is installed, so nothing tests a cluster of them: apt install redis-server"
    if os.environ.get("CI") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@contextmanager
def behind_tls(server: RedisServer, certificate: Path, key: Path) -> Iterator[int]:
    """Yield a port that speaks TLS and hands on to `server`: the Redis that tests can install has none of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server((HOST, 0)) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, context, server.port))
        accepting.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    threads = []
    with suppress(OSError):
        while True:
            threads.append(threading.Thread(target=_serve, args=(listener.accept()[0], context, port)))
            threads[-1].start()
    for thread in threads:
        thread.join()


def _serve(connection: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError), context.wrap_socket(connection, server_side=True) as client:
        with socket.create_connection((HOST, port)) as server:
            answers = threading.Thread(target=_hand_on, args=(server, client))
            answers.start()
            _hand_on(client, server)
            answers.join()


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_BLOCK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
