"""What one synchronous publish costs in the process and thread that call this, beside the bare Redis commands.

Used by the publisher process (as a plain WSGI-like process and in a thread of it) and by a sync view under Daphne.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from redis import Redis

from benchmarks.statistics import median
from ws4channels import settings as our_settings
from ws4channels.publisher import RedisPublisher

PAYLOAD = b"." * 128
BLOCK = 10  # calls of one way before the next way has its turn


def bare_client() -> Redis:
    """Return a redis-py client with its own pool, made once and kept, as the fastest careful code would."""
    return Redis(**settings.WS4REDIS_CONNECTION)


def bare_publish(client: Redis, key: str, payload: bytes) -> None:
    """SET and PUBLISH in one round trip: the least that keeping and publishing a message takes."""
    pipeline = client.pipeline(transaction=False)
    pipeline.set(key, payload, ex=3600)
    pipeline.publish(key, payload)
    pipeline.execute()


def time_each(ways: Mapping[str, Callable[[], object]], calls: int) -> dict[str, float]:
    """Return the median microseconds of one call per way; the ways take turns in blocks, after a warm-up."""
    taken: dict[str, list[int]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(max(1, calls // BLOCK)):
        for name, way in ways.items():
            taken[name] += [_nanoseconds(way) for _ in range(BLOCK)]
    return {name: median(samples) / 1000 for name, samples in taken.items()}


def _nanoseconds(call: Callable[[], object]) -> int:
    before = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - before


def new_connections(client: Redis, publish: Callable[[], object], calls: int) -> int:
    """Return how many connections ``calls`` publishes opened: listed by CLIENT LIST, or closed again already."""
    before, listed = client.info("stats")["total_connections_received"], _connection_ids(client)
    for _ in range(calls):
        publish()
    opened = client.info("stats")["total_connections_received"] - before
    return max(opened, len(_connection_ids(client) - listed))


def _connection_ids(client: Redis) -> set[str]:
    return {connection["id"] for connection in client.client_list()}


@contextmanager
def publishing_to_redis() -> Iterator[None]:
    """Publish by the redis transport in this block. Assigned, for overriding a setting takes longer than a publish."""
    our_settings.WS4CHANNELS_PUBLISH_TO = ("redis",)
    try:
        yield
    finally:
        del our_settings.WS4CHANNELS_PUBLISH_TO


def publish_costs(calls: int) -> dict[str, float]:
    """Return microseconds of one publish, ours and the bare pipeline's, and the connections that publishing opened."""
    client = bare_client()
    publisher = RedisPublisher(facility="cost", broadcast=True)

    def publish_over_redis() -> None:
        with publishing_to_redis():
            publisher.publish_message(PAYLOAD)

    costs = time_each(
        {
            "bare": lambda: bare_publish(client, "cost", PAYLOAD),
            "ours": lambda: publisher.publish_message(PAYLOAD),
            "over_redis": publish_over_redis,
        },
        calls,
    )
    costs["new_connections"] = new_connections(client, lambda: publisher.publish_message(PAYLOAD), calls)
    client.close()
    return costs


def layer_cost(calls: int) -> float:
    """Return microseconds of what a stock site writes: ``async_to_sync(layer.group_send)``."""
    group_send = async_to_sync(get_channel_layer().group_send)
    return time_each({"layer": lambda: group_send("cost", {"type": "bench.message", "text": "."})}, calls)["layer"]


def user_costs(counts: list[int], calls: int) -> dict[str, float]:
    """Return microseconds of one publish to each number of users, as ``{"100": 812.5}``."""
    publishers = {
        str(count): RedisPublisher(facility="cost", users=[f"user-{number}" for number in range(count)])
        for count in counts
    }
    return {
        name: time_each({name: lambda one=one: one.publish_message(PAYLOAD)}, max(BLOCK, calls // int(name)))[name]
        for name, one in publishers.items()
    }
