"""The clients of a soak: those who listen, talk, dawdle and stall, each until it leaves, and then anew."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from math import inf
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.resuming import Resumption
from tests.soak.keys import KEYS, Key
from tests.soak.ledger import Ledger, Publication, Session, read, write
from tests.waiting import SCALE

REPORT_DELAY = 0.5 * SCALE
"""Seconds in which this process learns of what others have published."""
DRAIN = 10 * SCALE
"""Seconds for which a client that leaves reads on at most, for what was published before it decided so."""
CLOSE_TIMEOUT = 2 * SCALE
ECHO_PATIENCE = 8 * SCALE
STAY = (3.0, 25.0)
VISIT = (0.0, 0.5)
STALL = 12.0
_RECEIVE_BUFFER = 32 * 1024


@dataclass
class Crowd:
    """All clients: where they connect, who they are, and the ledger that they write to."""

    addresses: list[tuple[str, int]]
    cookie: dict[str, str]
    ledger: Ledger
    chance: random.Random
    visitors: int = 2

    def __post_init__(self) -> None:
        self.ending = asyncio.Event()
        self._numbers = itertools.count(1)
        self._addresses = itertools.cycle(self.addresses)

    async def run(self) -> None:
        """Keep all clients busy until `ending` is set, and return when the last has left."""
        kinds = [kind(self, key) for key in KEYS.values() for kind in self._kinds(key)]
        resumers = [Resumer(self, key) for key in KEYS.values()]
        visitors = [Visitor(self, KEYS[name]) for name in ("news", "mixed", "quiet")[: self.visitors]]
        await asyncio.gather(*(client.run() for client in [*kinds, *resumers, *visitors]))

    def _kinds(self, key: Key) -> Iterator[type[Client]]:
        numbers = {Client: key.listeners, Talker: key.talkers, Dawdler: key.dawdlers, Staller: key.stallers}
        for kind, number in numbers.items():
            yield from itertools.repeat(kind, number)

    def next_number(self) -> int:
        """Return a number that no other session has."""
        return next(self._numbers)

    def next_address(self) -> tuple[str, int]:
        """Return where the next client connects."""
        return next(self._addresses)

    async def pause(self, seconds: float) -> None:
        """Return after so long, or when all is to end."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.ending.wait(), None if seconds == inf else seconds)


class Client:
    """Listens for a while, leaves, and comes back."""

    publishes = False
    reads = True
    is_prompt = True
    stay = STAY

    def __init__(self, crowd: Crowd, key: Key) -> None:
        self.crowd = crowd
        self.key = key

    async def run(self) -> None:
        """Live."""
        # Not all at once: what is measured is a mixed load, not a storm.
        await self.crowd.pause(self.crowd.chance.uniform(0, 1))
        while not self.crowd.ending.is_set():
            try:
                async with self._connection() as (connection, session):
                    await self._stay(connection, session)
            except (OSError, InvalidHandshake, asyncio.TimeoutError) as error:
                self.crowd.ledger.refusals.append((time.monotonic(), f"{type(error).__name__}: {error}"))
            await self.crowd.pause(self.crowd.chance.uniform(0.05, 0.3))

    @asynccontextmanager
    async def _connection(self) -> Any:
        host, port = self.crowd.next_address()
        began = time.monotonic()
        connection = await connect(
            f"ws://{host}:{port}/ws/{self.key.name}?{self._query()}",
            # A socket of our own making: the environment's proxies have no say, and its buffer is small.
            sock=await _open_socket(host, port),
            additional_headers=self.crowd.cookie if self.key.audience == "user" else {},
            compression=None,
            open_timeout=10 * SCALE,
            ping_interval=None,
            close_timeout=CLOSE_TIMEOUT,
            max_size=None,
            max_queue=None if self.reads else 1,
        )
        session = self._begin(began)
        try:
            yield connection, session
        finally:
            await connection.close()

    def _begin(self, began: float) -> Session:
        name = f"{type(self).__name__.lower()} {self.crowd.next_number()}"
        session = Session(name, self.key.name, began, time.monotonic(), self.publishes, self.reads, self.is_prompt)
        self.crowd.ledger.sessions.append(session)
        return session

    def _query(self) -> str:
        return f"subscribe-{self.key.audience}"

    async def _stay(self, connection: ClientConnection, session: Session) -> None:
        reading = asyncio.create_task(self._read(connection, session))
        acting = asyncio.create_task(self._act(connection, session))
        stay = self.stay[0] if self.stay[0] == self.stay[1] else self.crowd.chance.uniform(*self.stay)
        staying = asyncio.create_task(self.crowd.pause(stay))
        await asyncio.wait([reading, staying], return_when=asyncio.FIRST_COMPLETED)
        staying.cancel()
        session.leaves = time.monotonic()
        await acting
        await self._drain(session)
        reading.cancel()
        for result in await asyncio.gather(reading, staying, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _drain(self, session: Session) -> None:
        """Return when all that was published before has arrived, or can't be expected to arrive any more."""
        await asyncio.sleep(REPORT_DELAY)
        latest = self.crowd.ledger.latest.get(self.key.name, {})
        missing = {name: each.number for name, each in latest.items() if each.began > session.opened}
        deadline = time.monotonic() + DRAIN
        position = 0
        while missing and session.close_code is None and time.monotonic() < deadline:
            for _, (_, publisher, number) in session.arrivals[position:]:
                if number >= missing.get(publisher, inf):
                    del missing[publisher]
            position = len(session.arrivals)
            await asyncio.sleep(0.05)

    async def _read(self, connection: ClientConnection, session: Session) -> None:
        try:
            while True:
                self._note(session, await connection.recv())
        except ConnectionClosed as closed:
            session.closed = time.monotonic()
            session.close_code = 1006 if closed.rcvd is None else closed.rcvd.code

    def _note(self, session: Session, text: str | bytes) -> None:
        try:
            session.arrivals.append((time.monotonic(), read(text)))
        except ValueError as error:
            self.crowd.ledger.oddities.append(f"{session.name} on {session.key} received {text[:80]!r}: {error}")

    async def _act(self, connection: ClientConnection, session: Session) -> None:
        """Do something while the socket is open."""


class Visitor(Client):
    """Comes and goes."""

    stay = VISIT


class Dawdler(Client):
    """Does not read for a while, then all at once. Gets everything, late."""

    is_prompt = False

    async def _read(self, connection: ClientConnection, session: Session) -> None:
        # Stopped at its transport: what comes stays in the kernel's buffers, then in the server.
        dawdling = asyncio.create_task(self._dawdle(connection))
        try:
            await super()._read(connection, session)
        finally:
            dawdling.cancel()
            await asyncio.gather(dawdling, return_exceptions=True)

    async def _dawdle(self, connection: ClientConnection) -> None:
        while True:
            await asyncio.sleep(self.crowd.chance.uniform(0.5, 2))
            connection.transport.pause_reading()
            await asyncio.sleep(self.crowd.chance.uniform(0.1, 0.8))
            connection.transport.resume_reading()


class Staller(Client):
    """Never reads, until long after the server must have closed its socket."""

    reads = False
    is_prompt = False
    stay = (STALL * SCALE, STALL * SCALE)

    async def _read(self, connection: ClientConnection, session: Session) -> None:
        await self.crowd.pause(STALL * SCALE)
        await super()._read(connection, session)


class Resumer(Client):
    """Listens to the end, over as many connections as that takes, and resumes each time."""

    is_prompt = False
    stay = (inf, inf)

    def __init__(self, crowd: Crowd, key: Key) -> None:
        super().__init__(crowd, key)
        self._resumption = Resumption()
        self._session: Session | None = None

    async def run(self) -> None:
        """Live once."""
        while not self.crowd.ending.is_set():
            with suppress(OSError, InvalidHandshake, asyncio.TimeoutError):
                async with self._connection() as (connection, session):
                    await self._stay(connection, session)
            await self.crowd.pause(self.crowd.chance.uniform(0.05, 0.3))

    def _query(self) -> str:
        return f"{super()._query()}&{self._resumption.query}"

    def _begin(self, began: float) -> Session:
        if self._session is None:
            self._session = super()._begin(began)
            self._session.told = []
        # What the server closed, this client has come back to.
        self._session.close_code, self._session.closed, self._session.leaves = None, inf, inf
        return self._session

    def _note(self, session: Session, text: str | bytes) -> None:
        told = self._resumption.times_told
        payload = self._resumption.take(text)
        if self._resumption.times_told > told and session.told is not None:
            session.told.append(time.monotonic())
        if payload is not None:
            super()._note(session, payload)


class Talker(Client):
    """Publishes through its websocket, and waits for its own message before it goes on."""

    publishes = True

    def _query(self) -> str:
        return f"subscribe-{self.key.audience}&publish-{self.key.audience}&echo"

    async def _act(self, connection: ClientConnection, session: Session) -> None:
        publisher = session.name.replace(" ", "-")
        for number in itertools.count(1):
            began = time.monotonic()
            is_accepted = await self._say(connection, session, (self.key.name, publisher, number))
            self.crowd.ledger.note(Publication(self.key.name, publisher, number, began, time.monotonic(), is_accepted))
            await self.crowd.pause(self.crowd.chance.uniform(0.2, 0.8))
            if session.leaves < inf or session.close_code is not None:
                return

    async def _say(self, connection: ClientConnection, session: Session, name: tuple[str, str, int]) -> bool:
        """Send a message and tell whether it came back."""
        deadline = time.monotonic() + ECHO_PATIENCE
        with suppress(ConnectionClosed):
            await connection.send(write(*name))
        while time.monotonic() < deadline:
            if any(name == arrived for _, arrived in session.arrivals[-100:]):
                return True
            if session.close_code is not None:
                return False
            await asyncio.sleep(0.01)
        return False


async def _open_socket(host: str, port: int) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (host, port))
    except BaseException:
        connection.close()
        raise
    return connection
