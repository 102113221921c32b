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
    """Servers that run at the same time and share a Redis."""

    name: str
    sentence: str
    members: tuple[Member, ...]


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
        "Some servers listen by redis, some by the channel layer already; all publish to both.",
        (
            Member("Daphne, redis", "ours", {"WS4CHANNELS_TRANSPORT": "redis", "WS4CHANNELS_PUBLISH_TO": BOTH}),
            Member("Daphne, channel_layer", "ours", {"WS4CHANNELS_PUBLISH_TO": BOTH}),
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
    audience: Audience = field(default_factory=lambda: BROADCAST)
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
class Amounts:
    """How much of everything: messages of each publisher to each channel, and sockets of each channel and server."""

    by_process: int
    by_view: int
    by_socket: int
    sockets: int


QUICK = Amounts(by_process=150, by_view=15, by_socket=10, sockets=2)
FULL = Amounts(by_process=750, by_view=75, by_socket=50, sockets=3)
