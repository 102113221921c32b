"""What these tests share with the live tests: a Redis that no other test empties, and a prepared site."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.sites import SERVERS, run_site
from tests.live.conftest import facility, live_redis, surroundings
from tests.live.servers import RunningSite

__all__ = ["facility", "live_redis", "surroundings"]


@pytest.fixture(scope="session", params=sorted(SERVERS))
def site(request, surroundings) -> Iterator[RunningSite]:
    """The site behind a server that all tests attack. It has to outlive them without an error in a module of ours."""
    with run_site(surroundings, request.param, WS4REDIS_HEARTBEAT=None, WS4REDIS_ALLOWED_CHANNELS=None) as site:
        yield site
        assert site.process.process is not None
        assert site.process.process.poll() is None
