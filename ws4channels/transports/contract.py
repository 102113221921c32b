"""The contract between the hub, publishing, and what carries messages between processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from ws4channels.transports.messages import Publication

Outgoing = tuple[str, bytes, bytes]
"""One PUBLISH of a message: the channel, and what stands before and after the numbers in the body.

Where nothing stands after them, the body is the message itself, and the second is the channel of a note with its
numbers, or empty.
"""


RARELY = 43_200.0
"""The `Receiver.comparison_interval`, in seconds, where what gets lost is noticed at once."""


class UnreadableEvent(Exception):
    """What was received is no event, such as bytes that the layer's serializer cannot read."""


class Receiver(Protocol):
    """What one hub receives through. Belongs to one event loop; events of a key come in the order of publishing."""

    on_loss: Callable[[str], None]
    """Called with the reason when messages may have been lost. Does nothing until somebody sets it."""

    @property
    def renewal_interval(self) -> float | None:
        """Seconds after which `join` has to be repeated; None if never."""

    @property
    def has_numbers(self) -> bool:
        """Whether messages arrive with their numbers."""

    @property
    def comparison_interval(self) -> float:
        """Seconds after which to compare what was received with what Redis has: few if messages get lost silently."""

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys`. What is published after this has returned is received."""

    async def leave(self, key: str) -> None:
        """Unsubscribe from `key`."""

    async def receive(self) -> dict[str, Any]:
        """Wait for the next event of a joined key, as ``messages.build_event`` makes them.

        Must be running for `join` and `confirm` to return. Raises UnreadableEvent for what can be ignored, and anything
        else when messages may be lost.
        """

    async def confirm(self, timeout: float) -> None:
        """Return when everything that was published before this call has been received.

        Sends something through the transport and waits for it, so it also tells that messages arrive. Raises
        asyncio.TimeoutError after `timeout` seconds, or an error of the transport's client.
        """

    async def restore(self, reconnect: bool = False) -> None:
        """After an outage, do what is needed for `join` to work. With `reconnect`, close the connections first."""

    async def aclose(self, keys: Iterable[str] = ()) -> None:
        """Leave the joined `keys` and close what was opened, after the last `receive`.

        Raises nothing if the other side does not answer.
        """


class Transport(Protocol):
    """How messages travel."""

    @property
    def server(self) -> str:
        """What carries the messages, for log lines."""

    async def open_receiver(self) -> Receiver:
        """Open the receiver of a hub on the running event loop."""

    def publishes_at(self, pool: Any) -> bool:
        """Tell whether messages go out through the Redis of `pool`, which is None for a cluster.

        Only a LayerTransport returns False: then its `publish` or `apublish` is needed.
        """

    def outgoing(self, pool: Any, publication: Publication) -> Iterable[Outgoing]:
        """Return what publishes `publication` at the Redis of `pool`, one for each key."""


class LayerTransport(Transport, Protocol):
    """A transport that may have to publish by itself, because its server is not the Redis of the keys."""

    def check_publish(self) -> None:
        """Raise if `publish` cannot work in this thread, before anything is written."""

    def publish(self, publication: Publication, numbers: Sequence[str]) -> None:
        """Publish from a thread that runs no event loop; `numbers` are those of each key, or empty."""

    async def apublish(self, publication: Publication, numbers: Sequence[str]) -> None:
        """Publish from any event loop."""


def ignore_loss(reason: str) -> None:
    """Stand for a receiver's `on_loss` until somebody watches the receiver."""
