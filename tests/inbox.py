"""A subscriber of a hub, for tests."""

from __future__ import annotations

from ws4channels.transports.messages import Delivery, Payload


class Inbox:
    """A subscriber that keeps what it is given."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.heartbeats: list[Delivery] = []
        self.gaps: list[str] = []
        self.unsent = 0

    def put(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self.unsent += 1

    def put_own(self, delivery: Delivery) -> None:
        self.heartbeats.append(delivery)
        self.unsent += 1

    def put_gap(self, key: str, number: int) -> None:
        self.gaps.append(key)

    def flush(self) -> None:
        self.unsent = 0

    @property
    def payloads(self) -> list[Payload]:
        return [delivery.payload for delivery in self.deliveries]
