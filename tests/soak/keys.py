"""What is published where: the keys of a soak, by the name that stands in their messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ws4channels.audience import group_name

USERNAME = "mary"


@dataclass(frozen=True)
class Key:
    """One facility with one audience, and who publishes there."""

    name: str
    audience: str = "broadcast"
    sync_rate: float = 0
    """Messages a second by a process that publishes from sync code."""
    async_rate: float = 0
    """The same from async code."""
    size: int = 0
    """Characters of each message, at least."""
    listeners: int = 0
    talkers: int = 0
    """Clients that publish through their websockets, and receive their own messages."""
    dawdlers: int = 0
    """Clients that now and then do not read for a while."""
    stallers: int = 0
    """Clients that never read."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the publisher."""
        audience: dict[str, Any] = {"users": [USERNAME]} if self.audience == "user" else {"broadcast": True}
        return {"facility": self.name, **audience}

    @property
    def group(self) -> str:
        """The group of the layer by which messages come."""
        return group_name(self.audience, USERNAME if self.audience == "user" else "", facility=self.name)


KEYS = {
    key.name: key
    for key in (
        Key("news", sync_rate=20, listeners=16, dawdlers=4),
        Key("ticker", async_rate=20, listeners=16, dawdlers=4),
        Key("mine", "user", sync_rate=5, async_rate=5, listeners=6),
        Key("mixed", sync_rate=5, async_rate=5, listeners=6, talkers=3),
        Key("chat", listeners=6, talkers=6),
        Key("films", async_rate=10, size=100_000, listeners=2, dawdlers=2, stallers=2),
        # Published to only while something is broken: what arrives here is kept messages, sent again.
        Key("quiet", listeners=8),
    )
}
QUIET = "quiet"
