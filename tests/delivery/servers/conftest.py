"""What the tests on real servers share: the servers, each started once, when it is first wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from example_project.redis_server import RedisServer
from tests.outbox_site.running import Servers


@pytest.fixture(scope="module")
def servers(redis_server: RedisServer) -> Iterator[Servers]:
    """The servers of a test module: not of longer, for they use the Redis of all tests."""
    with Servers.sharing(redis_server) as servers:
        yield servers


@pytest.fixture
def facility(request: pytest.FixtureRequest) -> str:
    """A facility that no other test uses."""
    return re.sub(r"\W", "-", request.node.name)
