"""What all tests share: a real Redis of our own, empty before each test, and the logs of servers where one fails."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import hypothesis
import pytest
import redis
from django.conf import settings

from example_project.redis_server import RedisServer
from tests.live.processes import ServerProcess

# An example may take as long as a busy machine makes it. New ones are drawn in each run; CI draws more of them.
hypothesis.settings.register_profile("ci", deadline=None, max_examples=100)
hypothesis.settings.register_profile("some", deadline=None, max_examples=25)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "1" else "some")


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


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Have the logs of servers begin with the test."""
    ServerProcess.begin_test()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, object, object]:
    """Attach to a failure what servers have written in this test."""
    report = yield
    assert isinstance(report, pytest.TestReport)
    if report.failed:
        report.sections += [(f"Log of {command}", log) for command, log in ServerProcess.logs() if log]
    return report
