"""Keep a message and send it to all receivers, in as few round trips as possible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from redis.exceptions import ResponseError

from ws4channels import connections
from ws4channels.connections.pipelines import Command, aexecute, execute
from ws4channels.exceptions import RedisRefusal
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
local refusal = false
if expire > 0 then
    for _, key in ipairs(KEYS) do
        local answer = redis.pcall('SET', key, raw, 'EX', expire)
        if answer.err then refusal = answer end
    end
end
for i = 4, 3 + count do
    local body = ARGV[count + i]
    redis.call('PUBLISH', ARGV[i], body == '' and raw or body)
end
return refusal
"""

Outgoing = list[list[tuple[str, bytes]]]
"""For each transport that publishes by PUBLISH: channel and body of each key, in the order of the keys."""

recorders: list[list[Publication]] = []
"""While this is not empty, messages are recorded in its lists instead of published; see ``ws4channels.testing``."""


def publish(publication: Publication, connection: Any, transaction: bool = True) -> None:
    """Write the keys through `connection` and send to everybody who listens, from a thread without an event loop.

    Raises RedisRefusal if Redis refuses to keep or to send the message. What it refuses to keep is sent all the same.
    """
    if recorders:
        _record(publication)
        return
    publishing_to = configured.get_publishing_transports()
    with connections.one_kind_of_failure(), _naming_refusals(publication):
        plan = _make_plan(connections.pool_of(connection), publication, publishing_to)
        for transport in plan.elsewhere:
            transport.check_publish()
        refusal = None
        try:
            execute(connection, plan.commands, transaction)
        except ResponseError as error:
            refusal = error
            execute(connection, plan.live if transaction else [], False)
        for transport in plan.elsewhere:
            transport.publish(publication)
        _raise(refusal, publication)


async def apublish(publication: Publication, transaction: bool = True) -> None:
    """Do as `publish` with the process's own connection, from any event loop."""
    if recorders:
        _record(publication)
        return
    publishing_to = configured.get_publishing_transports()

    async def on_publishing_loop(publishing: PublishingLoop) -> tuple[list[LayerTransport], ResponseError | None]:
        client = publishing.client
        with connections.one_kind_of_failure():
            plan = _make_plan(connections.pool_of(client), publication, publishing_to)
            try:
                await aexecute(client, plan.commands, transaction)
            except ResponseError as error:
                await aexecute(client, plan.live if transaction else [], False)
                return plan.elsewhere, error
        return plan.elsewhere, None

    with _naming_refusals(publication):
        elsewhere, refusal = await publishing_loop.run(on_publishing_loop)
        for transport in elsewhere:
            with connections.one_kind_of_failure():
                await transport.apublish(publication)
        _raise(refusal, publication)


@contextmanager
def _naming_refusals(publication: Publication) -> Iterator[None]:
    """Raise RedisRefusal, which names the keys, where Redis refuses to send."""
    try:
        yield
    except RedisRefusal:
        raise
    except ResponseError as error:
        raise RedisRefusal.of("PUBLISH", publication.keys, error) from error


def _raise(refusal: ResponseError | None, publication: Publication) -> None:
    """Raise a refusal to keep a message that was sent."""
    if refusal is not None:
        raise RedisRefusal.of("SET", publication.keys, refusal, is_delivered=True) from refusal


class _Plan(NamedTuple):
    """What publishes one message."""

    commands: list[Command]
    """Keep the message and send it, at the Redis of the keys."""
    live: list[Command]
    """Send it where that Redis refuses to keep it; none where `commands` do."""
    elsewhere: list[LayerTransport]
    """Send it through another server."""


def _make_plan(pool: Any, publication: Publication, publishing_to: Iterable[Transport]) -> _Plan:
    """Return what publishes `publication`, with the Redis of `pool`, which is None for a cluster."""
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
        return _Plan(list(_scripts(publication, outgoing, 1)), [], elsewhere)
    if outgoing and len(publication.keys) >= _MANY_KEYS:
        return _Plan(list(_scripts(publication, outgoing, _KEYS_PER_SCRIPT)), [], elsewhere)
    live: list[Command] = [("PUBLISH", channel, body) for publishes in outgoing for channel, body in publishes]
    return _Plan([*_keep_commands(publication), *live], live, elsewhere)


def _keep_commands(publication: Publication) -> Iterator[Command]:
    if publication.expire > 0:
        for key in publication.keys:
            yield "SET", key, publication.raw, "EX", publication.expire


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
