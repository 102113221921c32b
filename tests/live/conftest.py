"""What the live tests share: a Redis of their own, which outlives the single test, and a prepared site."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from example_project.redis_server import RedisServer
from tests.live.servers import Surroundings


@pytest.fixture(scope="session")
def surroundings() -> Iterator[Surroundings]:
    """A Redis that no other test empties, and a site with database, user and static files."""
    # Not pytest's own directory, whose path is too long for unix sockets on some systems.
    with RedisServer() as server, tempfile.TemporaryDirectory(prefix="ws4-") as directory:
        surroundings = Surroundings(server.url, Path(directory).resolve())
        surroundings.manage("prepare")
        yield surroundings


@pytest.fixture(scope="session")
def live_redis(surroundings: Surroundings) -> Iterator[redis.Redis]:
    """A client of the live tests' Redis."""
    with redis.Redis.from_url(surroundings.redis_url) as client:
        yield client


@pytest.fixture
def facility(request: pytest.FixtureRequest) -> str:
    """A facility that no other test uses: the Redis is not emptied between tests."""
    return f"{request.node.originalname}-{uuid.uuid4().hex[:8]}"
