"""What all tests share: a real Redis of our own, empty before each test, and the logs of servers where one fails."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
import redis
from django.conf import settings

from example_project.redis_server import RedisServer
from tests.live.processes import ServerProcess


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, object, object]:
    """Attach to a failure what the servers have written that run, or ran in this test."""
    report = yield
    assert isinstance(report, pytest.TestReport)
    if report.failed:
        for server in [*ServerProcess.stopped, *ServerProcess.running]:
            report.sections.append((f"Log of {' '.join(server.command)}", server.output()))
    if call.when == "teardown":
        ServerProcess.stopped.clear()
    return report
