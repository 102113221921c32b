"""Publish and receive through Redis pub/sub channels named as the keys, over one connection that reconnects.

Redis answers the commands of a connection in order, between the messages it sends. So the answer to a PING tells that
the command before it is done, and that everything published before has been received.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from ws4channels import connections, settings
from ws4channels.connections import UNREACHABLE, RedisConnectionError, RedisError
from ws4channels.connections.deadlines import within
from ws4channels.counters import counts
from ws4channels.exceptions import RedisRefusal
from ws4channels.transports.contract import RARELY, Outgoing, ignore_loss
from ws4channels.transports.messages import Publication, build_event, to_payload
from ws4channels.transports.notes import Channels
from ws4channels.transports.numbers import extras_of

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


class RedisReceiver:
    """Receives from Redis pub/sub channels. Build it with `open`, on the event loop that uses it.

    `connect` returns a new connection of redis-py, connected, with replies as bytes and without a socket timeout. When
    the connection breaks, `receive` opens another and subscribes to everything again.
    """

    renewal_interval = None
    comparison_interval = RARELY

    def __init__(self, connect: Callable[[], Awaitable[Any]], timing: Timing = _TIMING) -> None:
        self._timing = timing
        self.on_loss: Callable[[str], None] = ignore_loss
        self._connect = connect
        self._connection: Any = None
        self._ready = asyncio.Event()
        self._channels = Channels()
        self._has_notes = True
        self._strays: set[bytes] = set()
        """Channels that Redis may still have us subscribed to, and that nobody wants."""
        self._heartbeat: bytes | None = None
        self._confirmations: dict[bytes, asyncio.Future[None]] = {}
        self._numbers = itertools.count()
        self._resubscribing: bytes | None = None
        self._delay = self._timing.first_delay

    @classmethod
    async def open(cls, connect: Callable[[], Awaitable[Any]], timing: Timing = _TIMING) -> RedisReceiver:
        """Connect. Raises what redis-py raises if that does not succeed."""
        receiver = cls(connect, timing)
        receiver._connection = await within(timing.confirm, connect())
        receiver._ready.set()
        return receiver

    @property
    def has_numbers(self) -> bool:
        """Whether Redis lets us subscribe to the notes."""
        return self._has_notes

    async def aclose(self, keys: Iterable[str] = ()) -> None:
        """Close the connection, and with it all subscriptions, after the last `receive`."""
        connection, self._connection = self._connection, None
        self._fail_confirmations("The receiver was closed.")
        if connection is not None:
            await connection.disconnect()

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
            self._forget(keys)
            raise RedisRefusal.of("SUBSCRIBE", keys, error) from error
        except BaseException:
            self._forget(keys)
            raise

    async def leave(self, key: str) -> None:
        """Unsubscribe from `key`."""
        self._forget([key])
        if self._connection is not None:
            await within(self._timing.confirm, self._send())

    async def confirm(self, timeout: float) -> None:
        await self._wait_for_connection()
        await within(timeout, self._confirm())

    async def restore(self, reconnect: bool = False) -> None:
        # `receive` opens another connection when this one is closed.
        if reconnect and self._connection is not None:
            await self._connection.disconnect(nowait=True)

    async def receive(self) -> dict[str, Any]:
        """Wait for the next event of a joined key, for as long as it takes, whatever happens to the connection."""
        while True:
            connection = self._connection
            if connection is None:
                await self._reconnect()
                continue
            try:
                reply = await connection.read_response()
            except ResponseError as error:
                self._refuse_oldest(error)
                continue
            except (*UNREACHABLE, RedisError) as error:
                self._lose(error)
                continue
            event = self._take(reply)
            if event is not None:
                return event

    def _take(self, reply: Any) -> dict[str, Any] | None:
        """Return the event of a message, or None for any other reply, which is handled here."""
        if type(reply) is not list:
            # The answer to PING where no channel is subscribed to.
            self._confirmed(reply)
        elif reply[0] == b"message":
            message = self._channels.take(reply[1], reply[2])
            if message is not None and message.raw and message.raw != self._heartbeat:
                return build_event(message.key, to_payload(message.raw), message.numbers)
        else:
            # A message comes right after its note, so the one of the last note has not come.
            self._channels.forget_note()
            if reply[0] == b"pong":
                self._confirmed(reply[1])
        return None

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

    def _forget(self, keys: Iterable[str]) -> None:
        # Unsubscribed with the next command: this must not await.
        self._strays.update(self._channels.remove(keys))

    async def _confirm(self, *command: Any) -> None:
        """Send a command and return when Redis has executed it, and all that came before its answer is received."""
        token = b"%d" % next(self._numbers)
        self._confirmations[token] = confirmation = asyncio.get_running_loop().create_future()
        try:
            await self._send(*([command] if command else []), ("PING", token))
        except BaseException:
            self._confirmations.pop(token, None)
            raise
        await confirmation

    async def _send(self, *commands: tuple[Any, ...]) -> None:
        """Send commands, after unsubscribing from keys that were left. Awaits nothing before all is written."""
        connection = self._connection
        if connection is None:
            raise RedisConnectionError("The connection that receives messages is lost.")
        if self._strays:
            commands = (("UNSUBSCRIBE", *self._strays), *commands)
            self._strays = set()
        if commands:
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)

    def _confirmed(self, token: bytes) -> None:
        if token == self._resubscribing:
            self._note_resubscribed()
        confirmation = self._confirmations.pop(token, None)
        if confirmation is not None and not confirmation.done():
            confirmation.set_result(None)

    def _refuse_oldest(self, error: ResponseError) -> None:
        """Fail the oldest pending command: Redis replies in order. Its PING is answered all the same."""
        for confirmation in self._confirmations.values():
            if not confirmation.done():
                confirmation.set_exception(error)
            return
        logger.error("Redis refuses to subscribe again: %s", str(error))

    def _fail_confirmations(self, reason: str) -> None:
        confirmations, self._confirmations = self._confirmations, {}
        for confirmation in confirmations.values():
            if not confirmation.done():
                confirmation.set_exception(RedisConnectionError(reason))

    # --- the connection -----------------------------------------------------------------------------------------------

    async def _wait_for_connection(self) -> None:
        if not self._ready.is_set():
            try:
                await within(self._timing.reconnected, self._ready.wait())
            except asyncio.TimeoutError as error:
                raise RedisConnectionError("The connection that receives messages is lost.") from error

    def _lose(self, error: BaseException) -> None:
        logger.info("The connection that receives messages is lost: %s", str(error))
        self.on_loss(f"the connection to Redis was lost: {error}")
        self._connection = None
        self._ready.clear()
        self._channels.forget_note()
        # A new connection is subscribed to nothing.
        self._strays.clear()
        self._fail_confirmations(f"The connection that receives messages was lost: {error}")

    async def _reconnect(self) -> None:
        """Open a connection and send the subscriptions; `_note_resubscribed` is called when they are confirmed."""
        await asyncio.sleep(random.uniform(0, self._delay))
        self._delay = min(2 * self._delay, _MAX_DELAY)
        try:
            self._connection = await within(self._timing.connect, self._connect())
            await within(self._timing.connect, self._resubscribe())
        except (*UNREACHABLE, RedisError) as error:
            logger.debug("Not connected again yet: %s", str(error))
            self._connection = None

    async def _resubscribe(self) -> None:
        self._resubscribing = b"again %d" % next(self._numbers)
        channels, notes = self._channels.all
        wanted = (notes, channels) if self._has_notes else (channels,)
        subscribe = [("SUBSCRIBE", *each) for each in wanted if each]
        await self._send(*subscribe, ("PING", self._resubscribing))

    def _note_resubscribed(self) -> None:
        self._resubscribing = None
        self._delay = self._timing.first_delay
        counts["reconnects"] += 1
        self._ready.set()
        logger.info("The connection that receives messages is restored.")


class RedisTransport:
    """Publishes to Redis channels named as the keys, byte for byte, as the original does, and to those of the notes.

    The PUBLISH commands are part of the script that keeps the message, at whatever Redis that is.
    """

    receiver_class = RedisReceiver

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connector = connections.build_connector(connection)

    @property
    def server(self) -> str:
        return self._connector.server

    async def open_receiver(self) -> RedisReceiver:
        return await self.receiver_class.open(self._connector.connect)

    def publishes_at(self, pool: Any) -> bool:
        return True

    def outgoing(self, pool: Any, publication: Publication) -> Iterable[Outgoing]:
        if pool is None and publication.expire > 0:
            return [(extras_of(key).note, b"", b":0\n" + publication.raw) for key in publication.keys]
        notes = [extras_of(key).note.encode("utf-8") if publication.expire > 0 else b"" for key in publication.keys]
        return [(key, note, b"") for key, note in zip(publication.keys, notes, strict=True)]
