"""What hooks saw, written to Redis where a check can read it."""

import json
from functools import cache
from typing import Any

import redis
from django.conf import settings


@cache
def client() -> redis.Redis:
    """Return the one client; made late, because settings may import hooks."""
    return redis.Redis(**settings.WS4REDIS_CONNECTION)


def record(name: str, value: Any) -> None:
    """Append a JSON value to the record of that name."""
    client().rpush(f"record:{name}", json.dumps(value))
