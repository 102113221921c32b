"""Receive from Redis pub/sub channels named as the keys, over one connection that reconnects."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from redis.exceptions import ResponseError

from ws4channels import settings
from ws4channels.connections import UNREACHABLE, RedisConnectionError, RedisError
from ws4channels.connections.deadlines import within
from ws4channels.connections.pipelines import Command
from ws4channels.counters import counts
from ws4channels.exceptions import RedisRefusal
from ws4channels.transports.contract import RARELY, ignore_loss
from ws4channels.transports.messages import build_event, to_payload
from ws4channels.transports.notes import Channels
from ws4channels.transports.subscribed_connection import SubscribedConnection

logger = logging.getLogger(__name__)

_MAX_DELAY = 1.0


@dataclass(frozen=True)
class Timing:
    """How long a RedisReceiver waits, in seconds."""

    confirm: float = 5.0
    """For Redis to confirm a subscription."""
    connect: float = 2.0
    """For a new connection, and again for its subscriptions."""
    reconnected: float = 1.0
    """With joining, while a lost connection is replaced."""
    first_delay: float = 0.05
    """Before the first attempt to reconnect, at most; it doubles with each attempt up to a second."""


_TIMING = Timing()


class Connector(Protocol):
    """What opens connections; see ``connections.build_connector``."""

    async def connect(self) -> Any:
        """Return a new connection of redis-py, connected, with replies as bytes and without a socket timeout."""


class RedisReceiver:
    """Receives from Redis pub/sub channels. Build it with `open`, on the event loop that uses it.

    When the connection breaks, `receive` opens another by `connector` and subscribes to everything again.
    """

    renewal_interval = None
    comparison_interval = RARELY

    def __init__(self, connector: Connector, timing: Timing = _TIMING) -> None:
        self._timing = timing
        self.on_loss: Callable[[str], None] = ignore_loss
        self._connector = connector
        self._connection: SubscribedConnection | None = None
        self._ready = asyncio.Event()
        self._channels = Channels()
        self._has_notes = True
        self._strays: set[bytes] = set()
        """Channels that Redis may still have us subscribed to, and that nobody wants."""
        self._heartbeat: bytes | None = None
        self._delay = self._timing.first_delay

    @classmethod
    async def open(cls, connector: Connector, timing: Timing = _TIMING) -> RedisReceiver:
        """Connect. Raises what redis-py raises if that does not succeed."""
        receiver = cls(connector, timing)
        receiver._connection = SubscribedConnection(await within(timing.confirm, connector.connect()))
        receiver._ready.set()
        return receiver

    @property
    def has_numbers(self) -> bool:
        """Whether Redis lets us subscribe to the notes."""
        return self._has_notes

    async def aclose(self, keys: Iterable[str] = ()) -> None:
        """Close the connection, and with it all subscriptions, after the last `receive`."""
        await self._drop_connection()

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys` and wait until Redis has done it. What is published from then on is received."""
        keys = list(keys)
        await self._wait_for_connection()
        # As in the original, the heartbeat's text that other programs publish is not delivered.
        heartbeat = settings.WS4REDIS_HEARTBEAT
        self._heartbeat = None if heartbeat is None else heartbeat.encode("utf-8")
        try:
            await within(self._timing.confirm, self._subscribe(keys))
        except ResponseError as error:
            self.forget(keys)
            raise RedisRefusal.of("SUBSCRIBE", keys, error) from error
        except BaseException:
            self.forget(keys)
            raise

    async def leave(self, key: str) -> None:
        """Unsubscribe from `key`."""
        self.forget([key])
        if self._connection is not None:
            await within(self._timing.confirm, self._connection.send(*self._take_strays()))

    async def confirm(self, timeout: float) -> None:
        await self._wait_for_connection()
        await within(timeout, self._confirm())

    async def restore(self, reconnect: bool = False) -> None:
        # `receive` opens another connection when this one is closed.
        if reconnect and self._connection is not None:
            await self._connection.disconnect()

    async def receive(self) -> dict[str, Any]:
        """Wait for the next event of a joined key, for as long as it takes, whatever happens to the connection."""
        while True:
            connection = self._connection
            if connection is None:
                await self._reconnect()
                continue
            try:
                reply = await connection.read()
            except (*UNREACHABLE, RedisError) as error:
                self._lose(connection, error)
                continue
            if reply[0] == b"message":
                event = self.event_of(reply[1], reply[2])
                if event is not None:
                    return event
            else:
                # A message comes right after its note, so the one of the last note has not come.
                self._channels.forget_note()

    def event_of(self, channel: bytes, raw: bytes) -> dict[str, Any] | None:
        """Return the event of what was published to a channel; None if it is to be ignored."""
        message = self._channels.take(channel, raw)
        if message is None or not message.raw or message.raw == self._heartbeat:
            return None
        return build_event(message.key, to_payload(message.raw), message.numbers)

    # --- commands -----------------------------------------------------------------------------------------------------

    async def _subscribe(self, keys: Iterable[str]) -> None:
        channels, notes = self._channels.add(keys)
        self._strays.difference_update(channels, notes)
        # First the notes: a message without its note would be taken for one without a number.
        await asyncio.gather(self._subscribe_to_notes(notes), self._confirm("SUBSCRIBE", *channels))

    async def _subscribe_to_notes(self, notes: Iterable[bytes]) -> None:
        if not self._has_notes:
            return
        try:
            await self._confirm("SUBSCRIBE", *notes)
        except ResponseError as error:
            self._has_notes = False
            logger.warning("Messages have no numbers here: Redis refuses to subscribe to them (%s).", str(error))

    def forget(self, keys: Iterable[str]) -> None:
        """Ignore what comes for `keys`, and unsubscribe from them with the next command."""
        self._strays.update(self._channels.remove(keys))

    async def _confirm(self, *command: Any) -> None:
        """Send a command and return when Redis has executed it, and all that came before its answer is received."""
        if self._connection is None:
            raise RedisConnectionError("The connection that receives messages is lost.")
        await (await self._connection.begin(*self._take_strays(), *([command] if command else [])))

    def _take_strays(self) -> list[Command]:
        """Return the command that unsubscribes from keys that were left."""
        strays, self._strays = self._strays, set()
        return [("UNSUBSCRIBE", *strays)] if strays else []

    # --- the connection -----------------------------------------------------------------------------------------------

    async def _wait_for_connection(self) -> None:
        if not self._ready.is_set():
            try:
                await within(self._timing.reconnected, self._ready.wait())
            except asyncio.TimeoutError as error:
                raise RedisConnectionError("The connection that receives messages is lost.") from error

    def _lose(self, connection: SubscribedConnection, error: BaseException) -> None:
        logger.info("The connection that receives messages is lost: %s", str(error))
        self.on_loss(f"the connection to Redis was lost: {error}")
        self._connection = None
        self._ready.clear()
        self._channels.forget_note()
        # A new connection is subscribed to nothing.
        self._strays.clear()
        connection.fail(f"The connection that receives messages was lost: {error}")

    async def _reconnect(self) -> None:
        """Open a connection and send the subscriptions; `_note_resubscribed` is called when they are confirmed."""
        await asyncio.sleep(random.uniform(0, self._delay))
        self._delay = min(2 * self._delay, _MAX_DELAY)
        try:
            self._connection = SubscribedConnection(await within(self._timing.connect, self._connector.connect()))
            resubscribed = await within(self._timing.connect, self._resubscribe(self._connection))
        except (*UNREACHABLE, RedisError) as error:
            logger.debug("Not connected again yet: %s", str(error))
            await self._drop_connection()
        else:
            resubscribed.add_done_callback(self._note_resubscribed)

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close("The connection that receives messages was closed.")

    async def _resubscribe(self, connection: SubscribedConnection) -> asyncio.Future[None]:
        channels, notes = self._channels.all
        wanted = (notes, channels) if self._has_notes else (channels,)
        return await connection.begin(*(("SUBSCRIBE", *each) for each in wanted if each))

    def _note_resubscribed(self, resubscribed: asyncio.Future[None]) -> None:
        error = resubscribed.exception()
        if isinstance(error, ResponseError):
            logger.error("Redis refuses to subscribe again: %s", str(error))
        elif error is not None:
            return
        self._delay = self._timing.first_delay
        counts["reconnects"] += 1
        self._ready.set()
        logger.info("The connection that receives messages is restored.")
