"""What a Redis server executes and who is connected to it, as the server itself tells."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

_HOUSEKEEPING = ("AUTH", "CLIENT", "ECHO", "HELLO", "INFO", "PING", "SELECT")


@contextmanager
def recorded_commands(client: redis.Redis) -> Iterator[list[str]]:
    """Yield a list that holds, after the block, each command executed in it: its name and first argument.

    Commands that only set up or look after a connection are left out.
    """
    commands: list[str] = []
    marker = uuid.uuid4().hex
    with client.monitor() as monitor:
        yield commands
        # MONITOR tells commands in the order of execution: when ours appears, all before it have.
        client.echo(marker)
        while marker not in (command := monitor.next_command()["command"]):
            words = command.split(" ")
            if words[0].upper() not in _HOUSEKEEPING:
                commands.append(" ".join([words[0].upper(), *words[1:2]]))


def connections_opened(client: redis.Redis) -> int:
    """Return how many connections the server has taken since it started."""
    return int(client.info("stats")["total_connections_received"])


def connections_named(client: redis.Redis, name: str) -> list[str]:
    """Return the ids of the server's connections that call themselves `name`."""
    return [each["id"] for each in client.client_list() if each["name"] == name]


@contextmanager
def listening(client: redis.Redis, *channels: str) -> Iterator[redis.client.PubSub]:
    """Yield a subscription that stands: what is published in the block arrives."""
    with client.pubsub() as subscription:
        subscription.subscribe(*channels)
        for _ in channels:
            assert subscription.get_message(timeout=5)["type"] == "subscribe"
        yield subscription


def without_numbers(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event as it would be without numbers, which are another for each message."""
    numbers = event.get("numbers")
    assert numbers is None or re.fullmatch(r"[0-9]{32}:[0-9]+", numbers), event
    return {name: value for name, value in event.items() if name != "numbers"}


def script_for(key: str, *channels: str) -> list[str]:
    """Return the commands of the script that keeps, numbers and publishes a message, as MONITOR shows them."""
    record = f"ws4channels:last:{{{key}}}"
    publishes = [f"PUBLISH {channel}" for channel in channels]
    return ["EVAL local", f"MGET {record}", "TIME", f"SET {key}", f"SET {record}", *publishes]


def kept_keys(client: redis.Redis) -> set[str]:
    """Return the keys of kept messages: all but those that numbers and logs are in."""
    return {key.decode() for key in client.scan_iter() if b"ws4channels:" not in key}


def arrived(client: redis.Redis, subscription: redis.client.PubSub) -> list[bytes]:
    """Return the data of all that was published to a subscription's channels before this call."""
    marker = uuid.uuid4().hex.encode()
    # Published last on one of the same channels, hence received last.
    client.publish(next(iter(subscription.channels)), marker)
    received: list[bytes] = []
    while not received or received[-1] != marker:
        message = subscription.get_message(timeout=5)
        assert message is not None, "The marker did not come back."
        received.append(message["data"])
    return received[:-1]
