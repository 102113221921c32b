"""How much is measured: the full form, and the short one that shows in a minute that everything can be measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """The sizes of all scenarios; every duration is in seconds."""

    name: str
    levels: Mapping[int, int]  # sockets per server in `throughput`, growing, and the rounds at each
    target_level: int  # the level at which ratios of deliveries are judged
    burst_seconds: float
    latency_sockets: int
    latency_rate: float  # messages per second
    latency_messages: int
    idle_sockets: int
    connect_rounds: int
    connects: int  # per round
    publish_calls: int
    many_sockets: int  # of `growth` and of the idle heartbeat
    many_keys: tuple[int, ...]
    growth_messages: int
    heartbeat_seconds: float  # in full: one period of the pings that Daphne and uvicorn send by themselves
    stalled_readers: int
    stalled_clients: int
    stalled_rounds: int
    stalled_messages: int
    flood_bytes: int
    payload_bytes: int = 128


FULL = Plan(
    name="full",
    levels={100: 3, 500: 5, 1000: 3, 5000: 2},
    target_level=500,
    burst_seconds=1.0,
    latency_sockets=100,
    latency_rate=20,
    latency_messages=60,
    idle_sockets=1000,
    connect_rounds=3,
    connects=300,
    publish_calls=300,
    many_sockets=5000,
    many_keys=(1, 10, 100, 1000, 10_000),
    growth_messages=25,
    heartbeat_seconds=20,
    stalled_readers=500,
    stalled_clients=50,
    stalled_rounds=3,
    stalled_messages=60,
    flood_bytes=200_000_000,
)

SHORT = Plan(
    name="short",
    levels={50: 1, 200: 1},
    target_level=200,
    burst_seconds=0.3,
    latency_sockets=50,
    latency_rate=20,
    latency_messages=10,
    idle_sockets=200,
    connect_rounds=1,
    connects=100,
    publish_calls=50,
    many_sockets=300,
    many_keys=(1, 10, 100, 1000),
    growth_messages=5,
    heartbeat_seconds=4.2,
    stalled_readers=50,
    stalled_clients=10,
    stalled_rounds=1,
    stalled_messages=20,
    flood_bytes=20_000_000,
)
