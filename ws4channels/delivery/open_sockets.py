"""Open websockets of one hub by session and address: count them, and close those that a close command names.

A close command may arrive during a handshake that has already looked at the session. So commands are remembered for a
while, and applied to websockets when their handshakes end.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ws4channels import settings
from ws4channels.closing import CLOSE_SIGNED_OUT, CloseCommand, read_close_command
from ws4channels.counters import counts
from ws4channels.exceptions import TooManySockets
from ws4channels.transports.messages import Payload

logger = logging.getLogger(__name__)

MEMORY_SECONDS = 60.0
"""How long a close command is remembered: longer than any handshake, and longer than a view takes from the signal that
a user signs out to the end of its transaction."""

_MOST_REMEMBERED = 10_000  # sessions; a tenth of that for other close commands
_CLOSED_PER_TURN = 100
_NETWORK_BITS = 64  # the smallest IPv6 network that a provider assigns to one customer


class Identity(Protocol):
    """The owner of a websocket."""

    @property
    def facility(self) -> str: ...

    @property
    def session(self) -> str | None: ...

    @property
    def user(self) -> str | None: ...


class OpenSocket:
    """One websocket, from the beginning of its handshake to its end. `close` is called with a close code."""

    __slots__ = ("address", "began_at", "close", "identity", "subscriber")

    def __init__(self, close: Callable[[int], None], began_at: float, address: str | None) -> None:
        self.close = close
        self.began_at = began_at
        self.address = address
        self.identity: Identity | None = None
        self.subscriber: object = None
        """What the hub gives its messages to, from joining on."""

    @property
    def waiting(self) -> int:
        """How many messages have been taken for it and not been sent."""
        return getattr(self.subscriber, "waiting", 0)


class OpenSockets:
    """Knows all websockets of a hub, and carries out close commands. For one event loop."""

    def __init__(self, memory_seconds: float = MEMORY_SECONDS, most_remembered: int = _MOST_REMEMBERED) -> None:
        self._memory_seconds = memory_seconds
        self._most_remembered = most_remembered
        self._sockets: dict[OpenSocket, None] = {}
        self._by_session: dict[str, dict[OpenSocket, None]] = {}
        self._addresses = AddressCount()
        self._ended: dict[str, float] = {}
        self._recent: deque[tuple[float, CloseCommand]] = deque(maxlen=most_remembered // 10)
        self.on_question: Callable[[Payload], bool] | None = None
        """Is called with all that comes with the close commands, and returns whether it was a question."""

    def __iter__(self) -> Iterator[OpenSocket]:
        return iter(self._sockets)

    def __len__(self) -> int:
        return len(self._sockets)

    def enter(self, close: Callable[[int], None], client: Any) -> OpenSocket:
        """Note that a handshake begins; `client` is the ASGI scope's. Undo it with `leave`.

        Raises TooManySockets if the client's address has as many as it may.
        """
        return OpenSocket(close, time.monotonic(), self._addresses.enter(client))

    def identify(self, socket: OpenSocket, identity: Identity) -> None:
        """Note whose websocket it is; close it if a close command that came during the handshake names it.

        Raises TooManySockets if the session has as many as it may.
        """
        if identity.session is not None:
            check_session(len(self._by_session.get(identity.session, ())))
            self._by_session.setdefault(identity.session, {})[socket] = None
        self._sockets[socket] = None
        socket.identity = identity
        code = self._commanded_code(socket, identity)
        if code is not None:
            self._close([socket], code)

    def leave(self, socket: OpenSocket) -> None:
        """Forget a websocket, also during its handshake."""
        self._addresses.leave(socket.address)
        socket.address = None
        self._sockets.pop(socket, None)
        session = None if socket.identity is None else socket.identity.session
        if session is not None:
            others = self._by_session.get(session, {})
            others.pop(socket, None)
            if not others:
                self._by_session.pop(session, None)

    def carry_out(self, payload: Payload) -> None:
        """Close the websockets that a close command names; have a question answered."""
        if self.on_question is not None and self.on_question(payload):
            return
        command = read_close_command(payload)
        if command is None:
            counts["close_commands_refused"] += 1
            logger.warning("Ignored a close command that was not signed with this site's SECRET_KEY.")
            return
        self._remember(command)
        concerned = self._concerned(command)
        if concerned:
            logger.info("Closing %s websockets with %s because of a close command.", len(concerned), command.code)
            self._close(concerned, command.code)

    def _concerned(self, command: CloseCommand) -> list[OpenSocket]:
        candidates = self._sockets if command.session is None else self._by_session.get(command.session, {})
        return [socket for socket in candidates if _concerns(command, socket.identity)]

    def _close(self, sockets: list[OpenSocket], code: int) -> None:
        """Close a hundred now, and the others in later turns of the event loop."""
        for socket in sockets[:_CLOSED_PER_TURN]:
            if socket in self._sockets:
                counts["closed_by_command"] += 1
                socket.close(code)
        later = sockets[_CLOSED_PER_TURN:]
        if later:
            asyncio.get_running_loop().call_soon(self._close, later, code)

    def _remember(self, command: CloseCommand) -> None:
        now = time.monotonic()
        if not command.is_final or command.session is None:
            self._recent.append((now, command))
            return
        self._ended.pop(command.session, None)
        self._ended[command.session] = now
        while len(self._ended) > self._most_remembered or now - next(iter(self._ended.values())) > self._memory_seconds:
            del self._ended[next(iter(self._ended))]

    def _commanded_code(self, socket: OpenSocket, identity: Identity) -> int | None:
        """Return the close code of a close command that came during the handshake and names this websocket, or None."""
        ended_at = -math.inf if identity.session is None else self._ended.get(identity.session, -math.inf)
        if time.monotonic() - ended_at < self._memory_seconds:
            return CLOSE_SIGNED_OUT
        for received_at, command in reversed(self._recent):
            if received_at < socket.began_at:
                break
            if _concerns(command, identity):
                return command.code
        return None


def _concerns(command: CloseCommand, identity: Identity | None) -> bool:
    return identity is not None and command.concerns(identity.user, identity.session, identity.facility)


def check_session(count: int) -> None:
    """Raise TooManySockets if a session that has `count` websockets may have no further one."""
    most: int | None = settings.WS4CHANNELS_MAX_SOCKETS_PER_SESSION
    if most is not None and count >= most:
        raise TooManySockets(
            f"The session has {count} websockets in this process; WS4CHANNELS_MAX_SOCKETS_PER_SESSION is {most}."
        )


def network_of(client: Any) -> str | None:
    """Return what counts as one client address: that of an ASGI scope's ``client``, or its IPv6 network.

    None where there is no address, as behind a unix socket without forwarded headers.
    """
    host = client[0] if client else None
    if not host or ":" not in host:
        return host or None
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return str(host)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))


class AddressCount:
    """How many websockets each client address has."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def enter(self, client: Any) -> str | None:
        """Count a websocket; return the address to give to `leave`, or None where nothing is counted.

        Raises TooManySockets if the address has ``WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS`` already.
        """
        most: int | None = settings.WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS
        address = None if most is None else network_of(client)
        if most is None or address is None:
            return None
        count = self._counts.get(address, 0)
        if count >= most:
            raise TooManySockets(
                f"{address} has {count} websockets in this process; WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS is {most}."
            )
        self._counts[address] = count + 1
        return address

    def leave(self, address: str | None) -> None:
        """Undo `enter`."""
        if address is None:
            return
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]
