"""The connection to one node of a cluster, subscribed to what it publishes for its own slots."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from redis.exceptions import ResponseError

from ws4channels.connections.clusters import Node
from ws4channels.transports.subscribed_connection import Reply, SubscribedConnection


class Shard:
    """The connection to one node, and what it is subscribed to there."""

    def __init__(self, node: Node, connection: SubscribedConnection) -> None:
        self.name = f"{node[0]}:{node[1]}"
        self._connection = connection
        self._is_able = True
        """Whether the node knows sharded pub/sub."""
        self._leaving: Counter[bytes] = Counter()
        """How many answers to unsubscribing are to come."""
        self.is_silent = False
        """Whether it has not answered the last probe."""

    async def subscribe(self, channels: Iterable[bytes]) -> None:
        """Subscribe to channels that the node owns; do nothing if it does not know how."""
        if not self._is_able:
            return
        try:
            # One command each: those of one command have to be of one slot.
            await (await self._connection.begin(*(("SSUBSCRIBE", channel) for channel in channels)))
        except ResponseError as error:
            if "unknown command" not in str(error).lower():
                raise
            self._is_able = False

    async def unsubscribe(self, channels: Iterable[bytes]) -> None:
        """Unsubscribe from channels, without waiting for it."""
        if self._is_able:
            self._leaving.update(channels)
            left = await self._connection.begin(*(("SUNSUBSCRIBE", channel) for channel in channels))
            # A node to which they do not belong any more may refuse it.
            left.add_done_callback(asyncio.Future.exception)

    async def confirm(self) -> None:
        """Return when everything that was published before has been read."""
        self.is_silent = True
        await (await self._connection.begin())
        self.is_silent = False

    async def read(self) -> Reply:
        """Wait for the next message, or for what says that a channel is not the node's any more."""
        while True:
            reply = await self._connection.read()
            if reply[0] == b"smessage":
                return reply
            if reply[0] == b"sunsubscribe":
                count = self._leaving.pop(reply[1], 0)
                if not count:
                    return reply
                if count > 1:
                    self._leaving[reply[1]] = count - 1

    async def close(self, reason: str) -> None:
        """Close the connection; what waits for it fails for `reason`."""
        await self._connection.close(reason)
