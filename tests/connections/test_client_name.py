"""Tests of `ws4channels.connections.client_name`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from example_project.redis_server import RedisServer
from tests.monitor import connections_named
from ws4channels import connections


@pytest.fixture
def narrow_user(redis_server: RedisServer, redis_client: redis.Redis) -> Iterator[str]:
    """The URL of a user that may neither name its connections nor use other keys than those of users."""
    redis_client.execute_command("ACL", "SETUSER", "narrow", "on", ">p", "~user:*", "+@all", "-client")
    yield redis_server.url.replace("redis://", "redis://narrow:p@")
    redis_client.acl_deluser("narrow")


def test_connections_are_named(redis_server: RedisServer, redis_client: redis.Redis) -> None:
    """CLIENT LIST shows the site's own name for a connection, or ours."""
    for arguments, name in (({"client_name": "shop"}, "shop"), ({}, connections.CLIENT_NAME)):
        with connections.build_sync_client({"url": redis_server.url, **arguments}) as client:
            before = len(connections_named(redis_client, name))
            client.ping()
            assert len(connections_named(redis_client, name)) == before + 1


async def test_user_without_the_right_to_name_connections_is_served(narrow_user: str) -> None:
    """The connection works without a name, in sync and async code."""
    with connections.build_sync_client({"url": narrow_user}) as client:
        assert client.set("user:a:f", "x")
    async_client = connections.build_async_client({"url": narrow_user})
    assert await async_client.get("user:a:f") == b"x"
    await async_client.aclose(close_connection_pool=True)
