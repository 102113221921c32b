"""Publishing: the keys of kept messages and the sending to those who listen, in as few round trips as possible."""

from __future__ import annotations

from typing import Any

from ws4channels import connections, event_loops, transports
from ws4channels.event_loops import PublishingLoop
from ws4channels.messages import Publication

# For many keys, one script instead of two commands a key: redis-py needs some 10 µs for each command of a pipeline,
# Redis about 1. In pieces, so that no script keeps others waiting for long.
_MANY_KEYS = 16
_KEYS_PER_SCRIPT = 500
_KEEP_AND_PUBLISH = """
local raw, expire = ARGV[1], tonumber(ARGV[2])
for i, key in ipairs(KEYS) do
    if expire > 0 then redis.call('SET', key, raw, 'EX', expire) end
    redis.call('PUBLISH', ARGV[2 + i], ARGV[2 + #KEYS + i])
end
"""

recorders: list[list[Publication]] = []
"""While this is not empty, messages are recorded in its lists instead of published; see ``ws4channels.testing``."""


def publish(publication: Publication, connection: Any, transaction: bool = True) -> None:
    """Write the keys through `connection` and send to everybody who listens, from a thread without an event loop."""
    if recorders:
        _record(publication)
        return
    transport = transports.get_transport()
    with connections.one_kind_of_failure():
        with connection.pipeline(transaction=transaction) as pipeline:
            outgoing = transport.outgoing(pipeline.connection_pool, publication)
            _enqueue(pipeline, publication, outgoing)
            pipeline.execute()
        if outgoing is None:
            transport.publish(publication)


async def apublish(publication: Publication, transaction: bool = True) -> None:
    """Do as `publish` with the process's own connection, from any event loop."""
    if recorders:
        _record(publication)
        return
    transport = transports.get_transport()

    async def on_publishing_loop(publishing: PublishingLoop) -> bool:
        with connections.one_kind_of_failure():
            async with publishing.client.pipeline(transaction=transaction) as pipeline:
                outgoing = transport.outgoing(pipeline.connection_pool, publication)
                _enqueue(pipeline, publication, outgoing)
                await pipeline.execute()
            return outgoing is not None

    if not await event_loops.run(on_publishing_loop):
        with connections.one_kind_of_failure():
            await transport.apublish(publication)


def _enqueue(pipeline: Any, publication: Publication, outgoing: list[tuple[str, bytes]] | None) -> None:
    """Add the commands that keep and, given `outgoing`, publish a message to a sync or async pipeline."""
    keys, raw, expire = publication.keys, publication.raw, publication.expire
    if outgoing is not None and len(keys) >= _MANY_KEYS:
        for start in range(0, len(keys), _KEYS_PER_SCRIPT):
            some = keys[start : start + _KEYS_PER_SCRIPT]
            channels, bodies = zip(*outgoing[start : start + _KEYS_PER_SCRIPT], strict=True)
            pipeline.eval(_KEEP_AND_PUBLISH, len(some), *some, raw, expire, *channels, *bodies)
        return
    for key in keys if expire > 0 else ():
        pipeline.set(key, raw, ex=expire)
    for channel, body in outgoing or ():
        pipeline.publish(channel, body)


def _record(publication: Publication) -> None:
    for recorder in recorders:
        recorder.append(publication)
