"""One client's fault in work that is shared with others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis

from example_project.redis_server import RedisServer
from tests import layers
from tests.sockets import Socket
from tests.waiting import TIMEOUT


@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.REDIS], ids=["pubsub", "redis"])
async def test_client_whose_key_redis_refuses_is_refused_alone(
    settings: Any, redis_server: RedisServer, redis_client: redis.Redis, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Ninety clients that connect beside ten whose key is forbidden are all let in; each of the ten is logged once."""
    rights = ["resetkeys", "~broadcast:open*", "allchannels", "+@all"]
    redis_client.execute_command("ACL", "SETUSER", "web", "on", ">p", *rights)
    settings.WS4REDIS_CONNECTION = {"url": redis_server.url.replace("redis://", "redis://web:p@")}
    layers.use(backend, settings)
    try:
        sockets = [
            Socket(f"/ws/{'forbidden' if number % 10 == 0 else 'open'}{number}?subscribe-broadcast")
            for number in range(100)
        ]
        answers = await asyncio.gather(*(socket.connect(timeout=TIMEOUT) for socket in sockets))
        refused = [number for number, (is_accepted, _) in enumerate(answers) if not is_accepted]
        for socket, (is_accepted, _) in zip(sockets, answers, strict=True):
            await socket.leave(1000 if is_accepted else 1006)
    finally:
        redis_client.acl_deluser("web")
    assert refused == list(range(0, 100, 10))
    assert len([message for message in caplog.messages if "Redis refuses MGET" in message]) == 10
