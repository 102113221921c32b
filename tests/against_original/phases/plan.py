"""The phases: which servers run side by side, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.against_original.client import BROADCAST, Audience

BOTH = ["channel_layer", "redis"]


@dataclass(frozen=True)
class Member:
    """One server of a phase, and the publishers that have its settings."""

    name: str
    installation: Literal["original", "ours"]
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Phase:
    """
    Servers that run at the same time and share a Redis.

    `switched` is one more server: it runs with the first settings, ends while everybody publishes, and comes back with
    the second.
    """

    name: str
    sentence: str
    members: tuple[Member, ...]
    switched: tuple[Member, Member] | None = None


PHASES = [
    Phase(
        "phase 1: mixed",
        "The original and ours on the transport redis serve the same channels.",
        (
            Member("uWSGI, original", "original"),
            Member("Daphne, redis", "ours", {"WS4CHANNELS_TRANSPORT": "redis"}),
        ),
    ),
    Phase(
        "phase 2: two transports",
        "Some servers listen by redis, some by the channel layer already, one is switched; all publish to both.",
        (
            Member("Daphne, redis", "ours", {"WS4CHANNELS_TRANSPORT": "redis", "WS4CHANNELS_PUBLISH_TO": BOTH}),
            Member("Daphne, channel_layer", "ours", {"WS4CHANNELS_PUBLISH_TO": BOTH}),
        ),
        (
            Member("Daphne, redis, before", "ours", {"WS4CHANNELS_TRANSPORT": "redis", "WS4CHANNELS_PUBLISH_TO": BOTH}),
            Member("Daphne, channel_layer, after", "ours", {"WS4CHANNELS_PUBLISH_TO": BOTH}),
        ),
    ),
    Phase(
        "phase 3: one transport",
        "All servers listen by the channel layer; some publish to both still, some to it alone.",
        (
            Member("Daphne, channel_layer, publishing to both", "ours", {"WS4CHANNELS_PUBLISH_TO": BOTH}),
            Member("Daphne, channel_layer", "ours"),
        ),
    ),
]


@dataclass(frozen=True)
class Channel:
    """What sockets subscribe to, and how a publisher addresses it."""

    facility: str
    query: str
    audience: Audience = field(default_factory=lambda: BROADCAST, hash=False)
    username: str | None = None


CHANNELS = [
    Channel("news", "subscribe-broadcast"),
    Channel("a:b/c", "subscribe-broadcast"),
    Channel("news", "subscribe-user", {"users": ["john"]}, "john"),
    Channel("news", "subscribe-group", {"groups": ["chatters"]}, "mary"),
]
TALK = Channel("talk", "subscribe-broadcast")
"""The channel on which sockets publish; on the others plain processes and views do."""


@dataclass(frozen=True)
class Numbers:
    """The numbers of the messages that each publisher sends to each channel."""

    by_process: range
    by_view: range
    by_socket: range


@dataclass(frozen=True)
class Amounts:
    """How much of everything: messages of each publisher to each channel in each third, and sockets of each server."""

    by_process: int
    by_view: int
    by_socket: int
    sockets: int

    def thirds(self, start: int, stop: int) -> Numbers:
        """Return the numbers of some thirds of the messages: `thirds(0, 3)` are all."""
        return Numbers(*(range(start * n, stop * n) for n in (self.by_process, self.by_view, self.by_socket)))


QUICK = Amounts(by_process=50, by_view=5, by_socket=4, sockets=2)
FULL = Amounts(by_process=250, by_view=25, by_socket=16, sockets=3)
