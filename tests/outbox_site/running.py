"""Daphne and uvicorn processes with this application, started when a test first asks for one, and clients of them."""

from __future__ import annotations

import json
import ssl
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from example_project.redis_server import HOST, RedisServer
from tests.live.certificates import make_certificate
from tests.live.client import Site
from tests.live.processes import ServerProcess
from tests.live.servers import Surroundings, on_port, on_unix_socket
from tests.raw_websocket import RawWebsocket, connect_socket, wrap_in_tls
from tests.waiting import wait_until
from ws4channels.publisher import RedisPublisher

APPLICATION = "tests.outbox_site.asgi:application"
_DAPHNE = [sys.executable, "-m", "daphne"]
_DAPHNE_ADDRESS = r"Listening on TCP address ([\d.]+:\d+)"
_UVICORN = [sys.executable, "-m", "uvicorn", "--ws", "websockets-sansio", "--loop", "asyncio"]
_UVICORN_ADDRESS = r"Uvicorn running on https?://([\d.]+:\d+)"


@dataclass(frozen=True)
class Running:
    """One server process and where it is reached."""

    site: Site
    process: ServerProcess

    @contextmanager
    def open(
        self, facility: str, *channels: str, headers: tuple[str, ...] = (), receive_buffer: int | None = None
    ) -> Iterator[RawWebsocket]:
        """Open a websocket that reads only when told; subscribed to broadcast unless `channels` says otherwise."""
        host = self.site.host
        connection = connect_socket(host, self.site.unix_socket, receive_buffer)
        if self.site.tls is not None:
            connection = wrap_in_tls(connection, self.site.tls, host)
        with RawWebsocket(connection) as client:
            client.open(host, f"/ws/{quote(facility)}?{'&'.join(channels or ('subscribe-broadcast',))}", *headers)
            yield client

    def count(self, name: str) -> int:
        """Return one of the package's counters in the server process, without the cost of `state`."""
        counts: dict[str, int] = self._page("/counts")
        return counts.get(name, 0)

    def state(self, facility: str = "") -> dict[str, Any]:
        """Return what there is in the server process, of `facility` in particular."""
        return self._page("/state", facility=facility)

    def _page(self, path: str, **query: str) -> dict[str, Any]:
        answer = self.site.get(path, params=query)
        assert answer.status_code == 200
        page: dict[str, Any] = answer.json()
        return page

    def wait_until_freed(self) -> None:
        """Return when no consumer and no outbox is left in the server process, whose garbage collector is off."""
        wait_until(lambda: not any(self._page("/collector").values()), "consumers and outboxes are freed")

    def wait_for(self, facility: str, what: str, **expected: Any) -> dict[str, Any]:
        """Return the state when all that is expected of it is so."""
        states: list[dict[str, Any]] = []

        def is_so() -> bool:
            states.append(self.state(facility))
            return all(states[-1][name] == value for name, value in expected.items())

        wait_until(is_so, what)
        return states[-1]

    @contextmanager
    def open_narrow(self, facility: str) -> Iterator[RawWebsocket]:
        """Open a websocket of a commanded consumer, of whose messages the kernels at both ends take but little."""
        with self.open(facility, receive_buffer=4096) as client:
            command(client, "narrow", 4096)
            assert client.read_message() == "narrow"
            yield client

    def wait_until_paused(self, facility: str) -> None:
        """Return when messages of the facility wait for a client that does not read."""
        wait_until(lambda: self.state(facility)["waiting"], "nothing waits for the client")

    def connections(self) -> list[Any]:
        """Return the TCP connections that the server process has open, as psutil names them."""
        assert self.process.process is not None
        process = psutil.Process(self.process.process.pid)
        # It has that name since psutil 6.
        connections_of = process.net_connections if hasattr(process, "net_connections") else process.connections
        found: list[Any] = connections_of("tcp")
        return found

    def outboxes(self, facility: str) -> list[str]:
        """Return the classes of the outboxes that serve a facility."""
        found: list[str] = self.state(facility)["outboxes"]
        return found


def publish(facility: str, *messages: str | bytes) -> None:
    """Publish from this process, which is none of the servers'."""
    publisher = RedisPublisher(facility=facility, broadcast=True)
    for message in messages:
        publisher.publish_message(message, expire=0)


def numbered(count: int, size: int = 0) -> list[str]:
    """Return messages that tell their order."""
    return [str(number).ljust(size) for number in range(count)]


def command(client: RawWebsocket, name: str, *arguments: Any) -> None:
    """Have the server's consumer do something."""
    client.send(json.dumps([name, *arguments]))


DIRECT = {"daphne": "DaphneOutbox", "uvicorn": "UvicornOutbox"}
"""The outbox that a websocket has on each server where nothing is in the way."""


class Servers:
    """The servers of a test module, each started once, when it is first wanted. A context manager that ends them."""

    def __init__(self, surroundings: Surroundings, settings: Mapping[str, Any] | None = None) -> None:
        self.surroundings = surroundings
        self._settings = settings or {}
        self._running: dict[str, Running] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *exc: Any) -> None:
        self._stack.close()

    @classmethod
    @contextmanager
    def sharing(cls, redis_server: RedisServer, settings: Mapping[str, Any]) -> Iterator[Servers]:
        """Yield servers with these settings that use a Redis of ours."""
        # Not pytest's own directory, whose path is too long for unix sockets on some systems.
        with tempfile.TemporaryDirectory(prefix="ws4-") as directory:
            with cls(Surroundings(redis_server.url, Path(directory).resolve()), settings) as servers:
                yield servers

    def get(self, kind: str) -> Running:
        """Return the server of a kind: ``daphne``, ``uvicorn``, and either with ``-tls`` or ``-unix``."""
        if kind not in self._running:
            self._running[kind] = self._stack.enter_context(self.start(kind))
        return self._running[kind]

    @contextmanager
    def start(
        self, kind: str, *options: str, settings: dict[str, Any] | None = None, application: str = APPLICATION
    ) -> Iterator[Running]:
        """Run a server for one test alone."""
        name, _, way = kind.partition("-")
        run = {"": self._on_port, "tls": self._with_tls, "unix": self._on_unix_socket}[way]
        with run(name, [*options, application], {**self._settings, **(settings or {})}) as running:
            yield running

    @contextmanager
    def _on_port(self, name: str, arguments: list[str], settings: dict[str, Any]) -> Iterator[Running]:
        if name == "daphne":
            command, address = [*_DAPHNE, "-b", HOST, "-p", "0", *arguments], _DAPHNE_ADDRESS
        else:
            command, address = [*_UVICORN, "--host", HOST, "--port", "0", *arguments], _UVICORN_ADDRESS
        with on_port(self.surroundings, command, address, settings) as site:
            yield Running(site, site.process)

    @contextmanager
    def _on_unix_socket(self, name: str, arguments: list[str], settings: dict[str, Any]) -> Iterator[Running]:
        path = self.surroundings.new_path(".sock")
        command = [*_DAPHNE, "-u"] if name == "daphne" else [*_UVICORN, "--uds"]
        with on_unix_socket(self.surroundings, [*command, str(path), *arguments], path, settings) as site:
            yield Running(site, site.process)

    @contextmanager
    def _with_tls(self, name: str, arguments: list[str], settings: dict[str, Any]) -> Iterator[Running]:
        certificate, key = self._certificate()
        if name == "daphne":
            endpoint = f"ssl:0:interface={HOST}:privateKey={key}:certKey={certificate}"
            command, address = [*_DAPHNE, "-e", endpoint, *arguments], _DAPHNE_ADDRESS
        else:
            files = ["--ssl-keyfile", str(key), "--ssl-certfile", str(certificate)]
            command, address = [*_UVICORN, "--host", HOST, "--port", "0", *files, *arguments], _UVICORN_ADDRESS
        context = ssl.create_default_context(cafile=certificate)
        with on_port(self.surroundings, command, address, settings) as site:
            yield Running(Site(site.host, tls=context), site.process)

    def _certificate(self) -> tuple[Path, Path]:
        directory = self.surroundings.directory
        if not (directory / "certificate.pem").exists():
            return make_certificate(directory)
        return directory / "certificate.pem", directory / "certificate.key"


def servers_of_module(**settings: Any) -> Any:
    """Return a fixture: servers with these settings, for one module, because they use the Redis of all tests."""

    @pytest.fixture(scope="module")
    def servers(redis_server: RedisServer) -> Iterator[Servers]:
        with Servers.sharing(redis_server, settings) as servers:
            yield servers

    return servers
