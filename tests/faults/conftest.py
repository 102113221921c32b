"""What the tests of faults share with the live tests: a Redis that no other test empties, and a prepared site."""

from tests.live.conftest import facility, live_redis, surroundings

__all__ = ["facility", "live_redis", "surroundings"]
