"""Publish to Redis pub/sub channels named as the keys, and receive from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ws4channels import connections
from ws4channels.connections.clusters import is_cluster
from ws4channels.transports.contract import Outgoing, Receiver
from ws4channels.transports.messages import Publication
from ws4channels.transports.numbers import extras_of_each
from ws4channels.transports.redis_pubsub import RedisReceiver
from ws4channels.transports.sharded_pubsub import ShardedReceiver


class RedisTransport:
    """Publishes to Redis channels named as the keys, byte for byte, as the original does, and to those of the notes.

    The PUBLISH commands are part of the script that keeps the message, at whatever Redis that is.
    """

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connector: Any = connections.build_connector(connection)
        self.receiver_class: Any = ShardedReceiver if is_cluster(connection) else RedisReceiver

    @property
    def server(self) -> str:
        server: str = self._connector.server
        return server

    async def open_receiver(self) -> Receiver:
        receiver: Receiver = await self.receiver_class.open(self._connector)
        return receiver

    def publishes_at(self, pool: Any) -> bool:
        return True

    def outgoing(self, pool: Any, publication: Publication) -> Iterable[Outgoing]:
        extras = extras_of_each(publication.keys)
        if pool is None:
            return [(each.note, b"", b":0\n" + publication.raw) for each in extras]
        notes = [each.note.encode("utf-8") if publication.expire > 0 else b"" for each in extras]
        return [(key, note, b"") for key, note in zip(publication.keys, notes, strict=True)]
