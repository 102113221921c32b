"""A client of one site: pages by httpx, websockets by the independent library `websockets`."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response
from websockets.sync.client import ClientConnection, connect, unix_connect

from tests.waiting import QUIET, TIMEOUT


@dataclass(frozen=True)
class Site:
    """Where a site is reached: at `host` or a unix socket, below `script_name`; with TLS if it has a context."""

    host: str
    unix_socket: Path | None = None
    tls: ssl.SSLContext | None = None
    script_name: str = ""

    @property
    def origin(self) -> str:
        """The origin of the site's own pages."""
        return f"{'https' if self.tls else 'http'}://{self.host}"

    @contextmanager
    def pages(self) -> Iterator[httpx.Client]:
        """Yield a client for pages, which keeps cookies."""
        path = None if self.unix_socket is None else str(self.unix_socket)
        transport = httpx.HTTPTransport(uds=path, verify=self.tls or False, trust_env=False)
        with httpx.Client(transport=transport, base_url=self.origin, timeout=TIMEOUT, trust_env=False) as client:
            yield client

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Get one page."""
        with self.pages() as client:
            return client.get(path, **options)

    @contextmanager
    def connect(self, facility: str, *channels: str, quoted: str | None = None, **options: Any) -> Iterator[Socket]:
        """Open a websocket; `quoted` is the facility as it stands in the URL, if it is to be there as it is."""
        target = f"{self.script_name}/ws/{quote(facility, safe='') if quoted is None else quoted}?{'&'.join(channels)}"
        options = {"compression": None, "open_timeout": TIMEOUT, "max_size": None, "max_queue": 1000, **options}
        if self.tls is not None:
            options["ssl"] = self.tls
        uri = f"{'wss' if self.tls else 'ws'}://{self.host}{target}"
        with self._connecting(uri, options) as connection:
            yield Socket(connection)

    def _connecting(self, uri: str, options: dict[str, Any]) -> AbstractContextManager[ClientConnection]:
        if self.unix_socket is not None:
            return unix_connect(str(self.unix_socket), uri, **options)
        # A socket of our own making: the environment's proxies have no say.
        name, _, port = self.host.rpartition(":")
        connection = socket.create_connection((name, int(port)), TIMEOUT)
        connection.settimeout(None)
        return connect(uri, sock=connection, **options)

    def refusal(self, facility: str, *channels: str, **options: Any) -> Response:
        """Return the response that refuses a websocket."""
        with pytest.raises(InvalidStatus) as raised, self.connect(facility, *channels, **options):
            pass
        return raised.value.response

    def signed_in(self, username: str = "mary", password: str = "secret") -> dict[str, str]:
        """Sign in by the site's own page; return the header that tells a websocket so."""
        with self.pages() as client:
            client.get("/login/")
            fields = {"username": username, "password": password, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
            answer = client.post("/login/", data=fields, headers={"Referer": f"{self.origin}/login/"})
            assert answer.status_code == 302, answer.text
            return {"Cookie": f"sessionid={client.cookies['sessionid']}"}


@dataclass(frozen=True)
class Socket:
    """One open websocket."""

    connection: ClientConnection

    @property
    def subprotocol(self) -> str | None:
        """What the server chose."""
        return self.connection.subprotocol

    def send(self, message: str | bytes) -> None:
        """Send a text or a binary frame."""
        self.connection.send(message)

    def send_until_closed(self, message: str | bytes) -> None:
        """Send a frame that the server may turn down while it still arrives."""
        with suppress(ConnectionClosed):
            self.connection.send(message)

    def receive(self, timeout: float = TIMEOUT) -> str | bytes:
        """Return the next message."""
        return self.connection.recv(timeout)

    def receive_many(self, count: int) -> list[str | bytes]:
        """Return the next messages."""
        return [self.receive() for _ in range(count)]

    def is_quiet(self) -> bool:
        """Tell whether no message comes for a while."""
        try:
            self.connection.recv(QUIET)
        except TimeoutError:
            return True
        return False

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and wait until the server has closed as well."""
        self.connection.close(code, reason)

    def closing(self) -> tuple[int | None, str]:
        """Wait until the server closes; return its code and reason, or None and nothing where it just hung up."""
        with pytest.raises(ConnectionClosed) as raised:
            self.connection.recv(TIMEOUT)
        received = raised.value.rcvd
        return (None, "") if received is None else (int(received.code), received.reason)


def shown(page: httpx.Response) -> Mapping[str, str]:
    """Return what the site's page shows, by name."""
    assert page.status_code == 200, page.text
    return dict(re.findall(r"<dt>(\w+)<dd>(.*?)</dd>", page.text))


def told(socket: Socket) -> dict[str, Any]:
    """Return what a socket of the facility ``whoami…`` is told first."""
    seen: dict[str, Any] = json.loads(socket.receive())
    return seen
