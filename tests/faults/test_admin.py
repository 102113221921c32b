"""The admin's pages while two servers run: one is killed, and then Redis is gone for a while."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest
from django.test import Client

from tests.admin.addresses import EXPLAIN, KEYS, LIVE, PROCESSES, ROOT, text_of
from tests.admin.conftest import no_earlier_status, site_with_admin, staff, visit
from tests.faults.test_processes import KILLED, WRITTEN, own_redis, servers, three_sockets
from tests.waiting import SCALE, wait_until

__all__ = ["no_earlier_status", "own_redis", "servers", "site_with_admin", "staff", "visit"]

pytestmark = [pytest.mark.live, pytest.mark.slow]


def servers_on(client: Client) -> dict[str, int]:
    """Return the servers on the page Processes with their websockets."""
    return {each.server: each.sockets for each in client.get(PROCESSES).context["processes"] or []}


def test_killed_server_is_named_as_silent_and_then_gone(servers: Any, staff: Client) -> None:
    """Right after the kill its websockets are missing and the page says so; after 15 seconds the process is gone."""
    with three_sockets(servers):
        wait_until(lambda: servers_on(staff) == {"daphne": 1, "uvicorn": 2}, "both are on the page", WRITTEN)
        servers[1].process.signal(signal.SIGKILL)
        response = staff.get(KEYS, {"facility": "a"})
        assert [(row.key, row.found.sockets) for row in response.context["rows"]] == [("broadcast:a", 1)]
        assert "1 process does not answer: its websockets are missing here." in text_of(response)
        wait_until(lambda: servers_on(staff) == {"daphne": 1}, "the killed is gone", KILLED)


def test_every_page_says_that_redis_is_gone_and_comes_back_with_it(servers: Any, staff: Client, own_redis: Any) -> None:
    """No page takes two seconds, and nothing has to be restarted but Redis."""
    with three_sockets(servers):
        wait_until(lambda: servers_on(staff) == {"daphne": 1, "uvicorn": 2}, "both are on the page", WRITTEN)
        own_redis.stop()
        for address in (ROOT, PROCESSES, KEYS, f"{LIVE}?facility=a&audience=broadcast"):
            began = time.monotonic()
            response = staff.get(address)
            assert time.monotonic() - began < 2 * max(1, SCALE / 2)
            assert response.status_code == 200
            assert "Redis" in text_of(response)
            assert "ConnectionError" in text_of(response)
        explained = staff.post(EXPLAIN, {"url": "/ws/a?subscribe-broadcast"})
        assert "Redis does not answer: ConnectionError" in text_of(explained)
        own_redis.start()
        wait_until(lambda: servers_on(staff) == {"daphne": 1, "uvicorn": 2}, "both are on the page again", WRITTEN)
        wait_until(lambda: "All is well." in text_of(staff.get(ROOT)), "all is well again")
