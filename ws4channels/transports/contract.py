"""The contract between the hub, publishing, and what carries messages between processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ws4channels.transports.messages import Publication


class Receiver(Protocol):
    """What a hub needs of a receiver."""

    @property
    def generation(self) -> int:
        """How often the connection has been another one than before, so that messages may have been lost."""

    @property
    def renewal_interval(self) -> float | None:
        """Seconds after which `join` has to be repeated; None if never."""

    async def restore(self) -> None:
        """Do what may be needed, after an outage, for `probe` to succeed and `join` to work."""

    async def probe(self, timeout: float) -> None:
        """Return when something has come back the way that messages come; raise if it takes `timeout` seconds."""

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys`. What is published after this has returned is received."""

    async def leave(self, key: str) -> None:
        """Unsubscribe from `key`."""

    async def hang_up(self) -> None:
        """Close the connections that nothing has come by for long, so that others are made: the network lost them."""

    async def receive(self) -> dict[str, Any]:
        """Wait for the next event of a joined key, as ``messages.build_event`` makes them."""

    async def catch_up(self) -> None:
        """Return when everything that was published before this call has been received."""

    async def aclose(self, keys: Iterable[str] = ()) -> None:
        """Leave nothing behind, when nobody receives any more; `keys` are still joined.

        Raises nothing if the other side does not answer.
        """


class Transport(Protocol):
    """What publishing and the hub need of a transport."""

    @property
    def server(self) -> str:
        """What carries the messages, for log lines."""

    async def open_receiver(self) -> Receiver:
        """Open the receiver of a hub on the running loop."""

    def outgoing(self, pool: Any, publication: Publication) -> list[tuple[str, bytes]] | None:
        """Return channel and body of each PUBLISH that publishes `publication` at the Redis of `pool`, a key's each.

        `pool` is None for a cluster. Returns None where this transport does not publish through that Redis, or not by
        PUBLISH: then `publish` does it.
        """

    def publish(self, publication: Publication) -> None:
        """Publish from a thread that runs no event loop."""

    async def apublish(self, publication: Publication) -> None:
        """Publish from any event loop."""
