"""The ceiling: a picows server subscribed to Redis, without Django or Channels. What plain Python code can reach here.

Run as ``python -m benchmarks.ceiling PORT KEY``, with the port of Redis in ``BENCH_REDIS_PORT``. Every socket, whatever
its URL, gets what is published to the Redis channel KEY.
"""

from __future__ import annotations

import asyncio
import os
import sys

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server
from redis.asyncio import Redis


class Subscriber(WSListener):
    """One client's socket; ``transports`` holds all that are open."""

    def __init__(self, transports: set[WSTransport]) -> None:
        self._transports = transports

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transports.add(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transports.discard(transport)


async def forward(redis: Redis, key: str, transports: set[WSTransport]) -> None:
    """Send every message that Redis publishes to ``key`` to all sockets, for ever."""
    subscription = redis.pubsub(ignore_subscribe_messages=True)
    await subscription.subscribe(key)
    async for message in subscription.listen():
        for transport in transports:
            transport.send(WSMsgType.TEXT, message["data"])


async def main(port: int, key: str, redis_port: int) -> None:
    transports: set[WSTransport] = set()

    def listener_of(request: WSUpgradeRequest) -> Subscriber:
        return Subscriber(transports)

    async with Redis(port=redis_port, socket_timeout=None) as redis:
        server = await ws_create_server(listener_of, "127.0.0.1", port, backlog=2048)
        async with server:
            await forward(redis, key, transports)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(os.environ["BENCH_REDIS_PORT"])))
