"""Receive from a Redis Cluster: what each node publishes for its own slots, and what any node publishes to all.

Sharded pub/sub, from Redis 7 on, hands a message to the node that owns its channel's slot and to its replicas, where
PUBLISH hands it to all nodes: https://redis.io/docs/latest/develop/pubsub/#sharded-pubsub. Our publishers use it where
the node knows it. What other programs publish, and nodes that do not know it, comes from all nodes as before.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from redis.crc import key_slot
from redis.exceptions import ClusterDownError, MovedError, ResponseError

from ws4channels.connections import UNREACHABLE, RedisConnectionError, RedisError
from ws4channels.connections.clusters import ClusterConnector, Node
from ws4channels.connections.deadlines import within
from ws4channels.exceptions import RedisRefusal
from ws4channels.shown import error_on_one_line
from ws4channels.transports.contract import RARELY
from ws4channels.transports.numbers import extras_of
from ws4channels.transports.redis_pubsub import RedisReceiver, Timing
from ws4channels.transports.shards import Shard
from ws4channels.transports.subscribed_connection import SubscribedConnection

logger = logging.getLogger(__name__)

_TIMING = Timing()
_LEARN_INTERVAL = 30.0  # seconds
_CANCEL_INTERVAL = 1.0  # seconds
# As long as the hub is behind, Redis keeps the rest, as with one connection.
_MOST_WAITING = 1000
_ELSEWHERE = (MovedError, ClusterDownError, *UNREACHABLE)
"""What tells that another node may own a slot by now."""


class ShardedReceiver:
    """Receives through one connection to each node that owns keys, and one to any node. Build it with `open`.

    When anything happens to one of the connections, or slots move, messages may be lost: then `on_loss` is called, and
    joining again finds the nodes that own the keys by then.
    """

    renewal_interval = None
    comparison_interval = RARELY

    def __init__(self, connector: ClusterConnector, everywhere: RedisReceiver, timing: Timing) -> None:
        self._connector = connector
        self._everywhere = everywhere
        self._timing = timing
        self._shards: dict[Node, Shard] = {}
        self._joined: set[str] = set()
        self._received: asyncio.Queue[Any] = asyncio.Queue(_MOST_WAITING)
        """Events; exceptions to raise; and futures of those who wait until all before them was received."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._learned_at = asyncio.get_running_loop().time()
        self._is_everywhere_silent = False
        self._start(self._receive_from_all())

    @classmethod
    async def open(cls, connector: ClusterConnector, timing: Timing = _TIMING) -> ShardedReceiver:
        """Connect to a node. Raises what redis-py raises if that does not succeed."""
        return cls(connector, await RedisReceiver.open(connector, timing), timing)

    @property
    def on_loss(self) -> Callable[[str], None]:
        """Called with the reason when messages may have been lost."""
        return self._everywhere.on_loss

    @on_loss.setter
    def on_loss(self, on_loss: Callable[[str], None]) -> None:
        self._everywhere.on_loss = on_loss

    @property
    def has_numbers(self) -> bool:
        return self._everywhere.has_numbers

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys` and wait until the nodes have done it. What is published from then on is received."""
        keys = list(keys)
        await self._everywhere.join(keys)
        try:
            await within(self._timing.confirm, self._subscribe(keys))
        except BaseException as error:
            # Not from those that were joined before: their nodes may be well.
            await self._leave([key for key in keys if key not in self._joined])
            if isinstance(error, (MovedError, ClusterDownError)):
                raise RedisConnectionError(str(error)) from error
            if isinstance(error, ResponseError):
                raise RedisRefusal.of("SSUBSCRIBE", keys, error) from error
            raise
        self._joined.update(keys)
        await self._catch_up()

    async def leave(self, key: str) -> None:
        """Unsubscribe from `key`."""
        self._joined.discard(key)
        await self._everywhere.leave(key)
        await within(self._timing.confirm, self._unsubscribe([key]))

    async def confirm(self, timeout: float) -> None:
        await within(timeout, self._confirm(timeout))

    async def restore(self, reconnect: bool = False) -> None:
        await self._everywhere.restore(reconnect and self._is_everywhere_silent)
        await self._learn()
        owners = {node for _, _, node in self._connector.owners}
        for node, shard in list(self._shards.items()):
            if node not in owners or (reconnect and shard.is_silent):
                del self._shards[node]
                await shard.close("It is replaced.")

    async def receive(self) -> dict[str, Any]:
        """Wait for the next event of a joined key, for as long as it takes, whatever happens to the connections."""
        while True:
            received = await self._received.get()
            if isinstance(received, dict):
                return received
            if isinstance(received, BaseException):
                raise received
            if not received.done():
                received.set_result(None)

    async def aclose(self, keys: Iterable[str] = ()) -> None:
        """Close the connections, and with them all subscriptions, after the last `receive`."""
        shards, self._shards = self._shards, {}
        # More than once: on Python 3.10 a cancellation may be lost in redis-py.
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=_CANCEL_INTERVAL)
        for shard in shards.values():
            await shard.close("The receiver was closed.")
        await self._everywhere.aclose()

    # --- the nodes ----------------------------------------------------------------------------------------------------

    async def _subscribe(self, keys: list[str]) -> None:
        try:
            await self._subscribe_at_owners(keys)
        except _ELSEWHERE as error:
            logger.debug("Asking who owns the keys: %s", str(error))
            await self._learn()
            await self._subscribe_at_owners(keys)

    async def _subscribe_at_owners(self, keys: Iterable[str]) -> None:
        subscribing = [self._subscribe_at(node, channels) for node, channels in self._by_owner(keys).items()]
        for result in await asyncio.gather(*subscribing, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _subscribe_at(self, node: Node | None, channels: list[bytes]) -> None:
        if node is None:
            raise RedisConnectionError("No node of the cluster owns the slot.")
        shard = self._shards.get(node)
        if shard is None:
            connection = SubscribedConnection(await self._connector.connect_to(node))
            self._shards[node] = shard = Shard(node, connection)
            self._start(self._receive_from(node, shard))
        await shard.subscribe(channels)

    async def _leave(self, keys: list[str]) -> None:
        self._everywhere.forget(keys)
        try:
            await within(self._timing.confirm, self._unsubscribe(keys))
        except (*UNREACHABLE, RedisError) as error:
            logger.debug("Not left: %s", str(error))

    async def _unsubscribe(self, keys: Iterable[str]) -> None:
        for node, channels in self._by_owner(keys).items():
            if node in self._shards:
                await self._shards[node].unsubscribe(channels)

    def _by_owner(self, keys: Iterable[str]) -> dict[Node | None, list[bytes]]:
        """Return the channels of keys by the nodes that own them."""
        channels: dict[Node | None, list[bytes]] = {}
        for key in keys:
            channel = extras_of(key).note.encode("utf-8")
            channels.setdefault(self._connector.owner_of(key_slot(channel)), []).append(channel)
        return channels

    async def _learn(self) -> None:
        """Ask who owns which slots."""
        self._learned_at = asyncio.get_running_loop().time()
        await self._connector.learn()

    async def _confirm(self, timeout: float) -> None:
        self._is_everywhere_silent = True
        confirming = [each.confirm() for each in self._shards.values()]
        await asyncio.gather(self._confirm_everywhere(timeout), *confirming)
        await self._catch_up()
        if asyncio.get_running_loop().time() - self._learned_at > _LEARN_INTERVAL:
            before = self._connector.owners
            await self._learn()
            if self._connector.owners != before:
                self.on_loss("slots of the cluster have moved")

    async def _confirm_everywhere(self, timeout: float) -> None:
        await self._everywhere.confirm(timeout)
        self._is_everywhere_silent = False

    # --- what comes ---------------------------------------------------------------------------------------------------

    def _start(self, receiving: Coroutine[Any, Any, None]) -> None:
        # In a new context: that of the first socket would keep its request alive.
        task = contextvars.Context().run(asyncio.create_task, receiving)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _receive_from_all(self) -> None:
        while True:
            try:
                received: Any = await self._everywhere.receive()
            except Exception as error:
                received = error
            await self._received.put(received)

    async def _receive_from(self, node: Node, shard: Shard) -> None:
        try:
            while True:
                what, channel, raw = await shard.read()
                if what == b"sunsubscribe":
                    self.on_loss(f"slots of the cluster have moved from {shard.name}")
                    continue
                event = self._everywhere.event_of(channel, raw)
                if event is not None:
                    await self._received.put(event)
        except Exception as error:
            reason = f"the connection to {shard.name} of the cluster was lost: {error_on_one_line(error)}"
            await shard.close(reason)
            if self._shards.get(node) is shard:
                del self._shards[node]
                self.on_loss(reason)

    async def _catch_up(self) -> None:
        """Return when everything that was read before has been received."""
        caught_up = asyncio.get_running_loop().create_future()
        await self._received.put(caught_up)
        await caught_up
