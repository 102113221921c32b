"""Publish through any Django Channels layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from asgiref.sync import async_to_sync

from ws4channels.audience import group_of
from ws4channels.transports import publishing_loop
from ws4channels.transports.contract import Outgoing
from ws4channels.transports.layer_hosts import describe
from ws4channels.transports.layer_receiver import LayerReceiver
from ws4channels.transports.messages import Publication


class ChannelLayerTransport:
    """Publishes through any channel layer: one ``group_send`` per key, on the process's publishing loop."""

    receiver_class: type[LayerReceiver] = LayerReceiver

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._carries_bytes = _carries_bytes(layer)

    @property
    def server(self) -> str:
        hosts = getattr(self._layer, "hosts", None)
        if not hosts:
            return type(self._layer).__name__
        return ", ".join(describe(host) for host in hosts)

    async def open_receiver(self) -> LayerReceiver:
        return await self.receiver_class.open(self._layer)

    def publishes_at(self, pool: Any) -> bool:
        return False

    def outgoing(self, pool: Any, publication: Publication) -> Iterable[Outgoing]:
        raise NotImplementedError("This layer's server is not the Redis of the keys.")

    def check_publish(self) -> None:
        publishing_loop.check_run_from_thread()

    def publish(self, publication: Publication, numbers: Sequence[str]) -> None:
        publishing_loop.run_from_thread(lambda _: self._send(publication, numbers))

    async def apublish(self, publication: Publication, numbers: Sequence[str]) -> None:
        await publishing_loop.run(lambda _: self._send(publication, numbers))

    async def _send(self, publication: Publication, numbers: Sequence[str]) -> None:
        for key, event in publication.events(numbers, self._carries_bytes):
            await self._layer.group_send(group_of(key), event)


def _carries_bytes(layer: Any) -> bool:
    """Tell whether a layer's serializer, if it has one, takes bytes: JSON does not."""
    if not hasattr(layer, "serialize"):
        return True
    try:
        layer.serialize({"bytes": b"\xff"})
    except (TypeError, ValueError):
        return False
    return True


class InMemoryTransport(ChannelLayerTransport):
    """Publishes to Channels' in-memory layer, whose queues belong to the event loop of their readers.

    That is the hub's loop. In a process without a hub it is the caller's loop, or, for sync code, the loop that asgiref
    finds above it, so that a site's tests of its own consumers work.
    """

    def check_publish(self) -> None:
        if publishing_loop.is_attached():
            super().check_publish()

    def publish(self, publication: Publication, numbers: Sequence[str]) -> None:
        if publishing_loop.is_attached():
            super().publish(publication, numbers)
        else:
            async_to_sync(self._send)(publication, numbers)

    async def apublish(self, publication: Publication, numbers: Sequence[str]) -> None:
        if publishing_loop.is_attached():
            await super().apublish(publication, numbers)
        else:
            await self._send(publication, numbers)
