"""The Redis commands that keep, number, log and send one message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

from ws4channels import connections, settings
from ws4channels.connections.pipelines import Command
from ws4channels.transports.contract import LayerTransport, Outgoing, Transport
from ws4channels.transports.messages import NO_NUMBERS, Publication
from ws4channels.transports.numbers import by_history, database_of, digest_of, extras_of_each
from ws4channels.transports.scripts import (
    PUBLISH,
    PUBLISH_AND_LOG,
    PUBLISH_AND_LOG_IN_CLUSTER,
    PUBLISH_IN_CLUSTER,
)

# While Redis runs one script, the next is being built. Redis serves nobody else meanwhile.
_KEYS_PER_SCRIPT = 32


class Script(NamedTuple):
    """A command that publishes to some of the keys."""

    keys: tuple[str, ...]
    command: Command


class Plan:
    """What publishes one message through `client`; `is_numbered` says whether the keys' numbers are at its Redis."""

    def __init__(
        self, client: Any, publication: Publication, publishing_to: Iterable[Transport], is_numbered: bool
    ) -> None:
        self._pool = pool = connections.pool_of(client)
        self._publication = publication
        self._is_numbered = is_numbered and publication.expire > 0
        self.database = database_of(pool)
        self._here: list[Transport] = []
        self.elsewhere: list[LayerTransport] = []
        """These send it through another server, when it is kept, with its numbers."""
        for transport in publishing_to:
            if transport.publishes_at(pool):
                self._here.append(transport)
            else:
                self.elsewhere.append(cast(LayerTransport, transport))

    def scripts(self) -> Iterator[Script]:
        """Yield what keeps, numbers, logs and sends it, at the Redis of the keys."""
        keys = self._publication.keys
        if self._is_numbered:
            digest = digest_of(self._publication.raw)
            for most, some in by_history(keys):
                yield from self._scripts(some, most, digest)
        elif self._here or self._publication.expire > 0:
            yield from self._scripts(keys, 0, b"")

    def plain(self, keys: tuple[str, ...]) -> list[Command]:
        """Keep it at `keys` and send it without numbers, where Redis refuses the scripts."""
        if self._pool is None:
            # redis-py's pipelines for a cluster take no PUBLISH.
            return [script.command for script in self._scripts(keys, 0, b"")]
        raw, expire = self._publication.raw, self._publication.expire
        keeps: list[Command] = [("SET", key, raw, "EX", expire) for key in keys if expire > 0]
        return keeps + self.live(keys)

    def live(self, keys: tuple[str, ...]) -> list[Command]:
        """Send it to `keys` without keeping it."""
        if self._pool is None:
            return []
        raw, numbers = self._publication.raw, NO_NUMBERS.encode()
        return [
            ("PUBLISH", channel, before + numbers + after if after else raw)
            for of_key in self._outgoing(keys)
            for channel, before, after in of_key
        ]

    def _outgoing(self, keys: tuple[str, ...]) -> Iterator[tuple[Outgoing, ...]]:
        """Yield for each of `keys` what publishes to it, by all transports that do so here."""
        whole = self._publication
        some = whole if keys is whole.keys else whole._replace(keys=keys)
        return zip(*(transport.outgoing(self._pool, some) for transport in self._here), strict=True)

    def _scripts(self, keys: tuple[str, ...], most: int, digest: bytes) -> Iterator[Script]:
        """Yield scripts for so many of `keys` each; without a digest, without numbers."""
        arguments = self._arguments(most, digest)
        # Keys of a cluster are on several nodes.
        size = 1 if self._pool is None else _KEYS_PER_SCRIPT
        for start in range(0, len(keys), size):
            some = keys if len(keys) <= size else keys[start : start + size]
            names: tuple[str, ...] = some
            if digest:
                extras = extras_of_each(some)
                names += tuple([each.record for each in extras])
                if most:
                    names += tuple([each.log for each in extras])
            publishes = [value for of_key in self._outgoing(some) for parts in of_key for value in parts]
            yield Script(some, ("EVAL", self._text(most), len(names), *names, *arguments, *publishes))

    def _text(self, most: int) -> bytes:
        if self._pool is None:
            return PUBLISH_AND_LOG_IN_CLUSTER if most else PUBLISH_IN_CLUSTER
        return PUBLISH_AND_LOG if most else PUBLISH

    def _arguments(self, most: int, digest: bytes) -> tuple[Any, ...]:
        expire = self._publication.expire
        return (
            self._publication.raw,
            expire,
            digest,
            max(expire, settings.WS4CHANNELS_POSITION_EXPIRE) if digest else 0,
            most,
            settings.WS4CHANNELS_HISTORY_BYTES if most else 0,
            len(self._here),
            f":{self.database}:",
            1 if self.elsewhere else 0,
        )
