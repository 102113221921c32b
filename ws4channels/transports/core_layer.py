"""Publish through ``channels_redis.core`` from sync code without an event loop.

An event loop in a thread of its own would be none under gevent and eventlet, whose threads are greenlets of one thread:
there a running loop makes every use of Django's ORM fail.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from ws4channels import connections
from ws4channels.audience import group_of
from ws4channels.transports.channel_layer import ChannelLayerTransport
from ws4channels.transports.layer_hosts import connection_of
from ws4channels.transports.messages import Publication


class CoreLayerTransport(ChannelLayerTransport):
    """Publishes through a channels_redis.core layer: in sync code with sync clients, one ``group_send`` per key."""

    def __init__(self, layer: Any) -> None:
        super().__init__(layer)
        clients = [
            connections.build_sync_client(connection_of(host), "A host in CHANNEL_LAYERS") for host in layer.hosts
        ]
        # Keeps the layer's class, prefix, encryption, capacities and distribution over hosts. `connection` is what all
        # of channels_redis 4 gets its clients by.
        self._blocking_layer = copy.copy(layer)
        self._blocking_layer.connection = lambda index: _Awaitable(clients[index])

    def check_publish(self) -> None:
        """Raise nothing: no event loop is needed."""

    def publish(self, publication: Publication, numbers: Sequence[str]) -> None:
        for key, event in publication.events(numbers, self._carries_bytes):
            _run_without_loop(self._blocking_layer.group_send(group_of(key), event))


class _Awaitable:
    """A sync Redis client with coroutine methods, as channels_redis awaits them."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def pipeline(self) -> Any:
        """Return a sync pipeline, of which only ``execute`` is awaited."""
        pipeline = self._client.pipeline()
        pipeline.execute = _as_coroutine(pipeline.execute)
        return pipeline

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        return _as_coroutine(getattr(self._client, name))


def _as_coroutine(function: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


def _run_without_loop(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine that never has to wait for anything."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise TypeError("The channel layer's group_send() waits for something other than its Redis connections.")
