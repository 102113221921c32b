"""What Redis has of numbered messages, for tests: the record and the log of a key, read without the package's code."""

from __future__ import annotations

from typing import NamedTuple

import redis

from ws4channels.transports.messages import Publication
from ws4channels.transports.numbers import extras_of
from ws4channels.transports.publishing import publish as publish_publication

KEY = "broadcast:f"


class Entry(NamedTuple):
    """An entry of a log."""

    number: int
    previous: int
    deadline: int
    """In seconds."""
    raw: bytes


def publish(client: redis.Redis, *messages: str | bytes, key: str = KEY, expire: int = 60) -> list[int]:
    """Publish messages one after the other; return the key's number after each of them."""
    numbers = []
    for message in messages:
        raw = message.encode() if isinstance(message, str) else message
        publish_publication(Publication((key,), raw, expire), client)
        numbers.append(record_of(client, key)[0])
    return numbers


def record_of(client: redis.Redis, key: str = KEY) -> tuple[int, int]:
    """Return number and predecessor of a key's newest message; zeros without a record."""
    record = client.get(extras_of(key).record) or b"0" * 32
    return int(record[:16]), int(record[16:32])


def size_of(client: redis.Redis, key: str = KEY) -> int:
    """Return how many bytes the log has, as the record says."""
    return int(client.get(extras_of(key).record)[40:])


def log_of(client: redis.Redis, key: str = KEY) -> list[Entry]:
    """Return the entries of a key's log, oldest first."""
    return [
        Entry(int(entry[:16]), int(entry[16:32]), int(entry[32:42]), entry[48:])
        for entry in client.lrange(extras_of(key).log, 0, -1)
    ]


def set_number(client: redis.Redis, number: int, key: str = KEY) -> None:
    """Have a key's newest message be `number`, such as a time to come: as if Redis' clock stood still or went back."""
    record = client.get(extras_of(key).record) or b"0" * 16 + b"\0" * 8
    client.set(extras_of(key).record, b"%016d" % number + record[16:], keepttl=True)
