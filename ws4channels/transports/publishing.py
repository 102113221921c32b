"""Keep a message and send it to all receivers, in as few round trips as possible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from ws4channels import connections
from ws4channels.connections.pipelines import Command, aexecute, execute
from ws4channels.transports import configured, publishing_loop
from ws4channels.transports.contract import LayerTransport, Transport
from ws4channels.transports.messages import Publication
from ws4channels.transports.publishing_loop import PublishingLoop

# For many keys, one script instead of two commands a key: redis-py needs some 10 µs for each command of a pipeline,
# Redis about 1. In pieces, because Redis serves nobody else while a script runs. Arguments: the message, its expiry,
# the number of channels, the channels, their bodies; an empty body stands for the message itself.
_MANY_KEYS = 16
_KEYS_PER_SCRIPT = 500
_KEEP_AND_PUBLISH = """
local raw, expire, count = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if expire > 0 then
    for _, key in ipairs(KEYS) do redis.call('SET', key, raw, 'EX', expire) end
end
for i = 4, 3 + count do
    local body = ARGV[count + i]
    redis.call('PUBLISH', ARGV[i], body == '' and raw or body)
end
"""

Outgoing = list[list[tuple[str, bytes]]]
"""For each transport that publishes by PUBLISH: channel and body of each key, in the order of the keys."""

recorders: list[list[Publication]] = []
"""While this is not empty, messages are recorded in its lists instead of published; see ``ws4channels.testing``."""


def publish(publication: Publication, connection: Any, transaction: bool = True) -> None:
    """Write the keys through `connection` and send to everybody who listens, from a thread without an event loop."""
    if recorders:
        _record(publication)
        return
    publishing_to = configured.get_publishing_transports()
    with connections.one_kind_of_failure():
        commands, elsewhere = _commands(connections.pool_of(connection), publication, publishing_to)
        for transport in elsewhere:
            transport.check_publish()
        execute(connection, commands, transaction)
        for transport in elsewhere:
            transport.publish(publication)


async def apublish(publication: Publication, transaction: bool = True) -> None:
    """Do as `publish` with the process's own connection, from any event loop."""
    if recorders:
        _record(publication)
        return
    publishing_to = configured.get_publishing_transports()

    async def on_publishing_loop(publishing: PublishingLoop) -> list[LayerTransport]:
        client = publishing.client
        with connections.one_kind_of_failure():
            commands, elsewhere = _commands(connections.pool_of(client), publication, publishing_to)
            await aexecute(client, commands, transaction)
        return elsewhere

    for transport in await publishing_loop.run(on_publishing_loop):
        with connections.one_kind_of_failure():
            await transport.apublish(publication)


def _commands(
    pool: Any, publication: Publication, publishing_to: Iterable[Transport]
) -> tuple[list[Command], list[LayerTransport]]:
    """Return the commands that keep and publish at the Redis of `pool`, and the transports that publish elsewhere.

    `pool` is None for a cluster.
    """
    outgoing: Outgoing = []
    elsewhere: list[LayerTransport] = []
    for transport in publishing_to:
        publishes = transport.outgoing(pool, publication)
        if publishes is None:
            elsewhere.append(cast(LayerTransport, transport))
        else:
            outgoing.append(publishes)
    if pool is None:
        # Keys of a cluster are on several nodes, and redis-py's pipelines for it take no PUBLISH.
        return list(_scripts(publication, outgoing, 1)), elsewhere
    if outgoing and len(publication.keys) >= _MANY_KEYS:
        return list(_scripts(publication, outgoing, _KEYS_PER_SCRIPT)), elsewhere
    return list(_plain_commands(publication, outgoing)), elsewhere


def _plain_commands(publication: Publication, outgoing: Outgoing) -> Iterator[Command]:
    raw, expire = publication.raw, publication.expire
    for key in publication.keys if expire > 0 else ():
        yield "SET", key, raw, "EX", expire
    for publishes in outgoing:
        for channel, body in publishes:
            yield "PUBLISH", channel, body


def _scripts(publication: Publication, outgoing: Outgoing, size: int) -> Iterator[Command]:
    """Yield scripts for so many keys each."""
    keys, raw = publication.keys, publication.raw
    for start in range(0, len(keys), size):
        some = keys[start : start + size]
        publishes = [each for of_transport in outgoing for each in of_transport[start : start + size]]
        channels = [channel for channel, _ in publishes]
        bodies = [b"" if body is raw else body for _, body in publishes]
        numbers = publication.expire, len(publishes)
        yield "EVAL", _KEEP_AND_PUBLISH, len(some), *some, raw, *numbers, *channels, *bodies


def _record(publication: Publication) -> None:
    for recorder in recorders:
        recorder.append(publication)
