"""What all tests share: a real Redis of our own, empty before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from example_project.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The Redis of ``tests.settings``. Tests that stop or kill a Redis start one of their own."""
    with RedisServer(port=settings.REDIS_PORT) as server:
        yield server


@pytest.fixture(autouse=True)
def redis_client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A client of the tests' Redis, which is empty."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        yield client
