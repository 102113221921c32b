"""Tests of `ws4channels.processes.lifespan`; that of a real server is in ``tests/faults/test_processes.py``."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator

from tests.layers import REDIS, use
from tests.sockets import connected
from tests.waiting import TIMEOUT, eventually
from ws4channels.asgi import get_asgi_application
from ws4channels.connections import sync_client
from ws4channels.processes import telling
from ws4channels.processes.asking import read_processes


async def test_record_is_removed_when_the_server_shuts_down(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And none is written afterwards."""
    use(REDIS, settings)
    monkeypatch.setattr(telling, "_FIRST", 0.0)
    server = ApplicationCommunicator(get_asgi_application(), {"type": "lifespan", "asgi": {"version": "3.0"}})
    await server.send_input({"type": "lifespan.startup"})
    assert await server.receive_output(TIMEOUT) == {"type": "lifespan.startup.complete"}
    async with connected("/ws/news?subscribe-broadcast"):
        processes = sync_to_async(read_processes)
        await eventually(lambda: sync_client().exists("ws4channels:processes"), "the record is written")
        assert len(await processes(sync_client())) == 1
        await server.send_input({"type": "lifespan.shutdown"})
        assert await server.receive_output(TIMEOUT) == {"type": "lifespan.shutdown.complete"}
        await server.wait(TIMEOUT)
        assert await processes(sync_client()) == []


async def test_server_that_never_had_websockets_shuts_down() -> None:
    """There is nothing to remove."""
    server = ApplicationCommunicator(get_asgi_application(), {"type": "lifespan"})
    await server.send_input({"type": "lifespan.shutdown"})
    assert await server.receive_output(TIMEOUT) == {"type": "lifespan.shutdown.complete"}
    await server.wait(TIMEOUT)
