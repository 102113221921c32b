"""Tests of `ws4channels.admin.processes`."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import redis
from django.test import Client

from tests.admin.addresses import PROCESSES, text_of
from tests.admin.test_health import use_redis
from tests.processes.test_records import CONTENT, write
from tests.silence import refusing_port, silent_server
from tests.waiting import SCALE, eventually
from ws4channels.admin.processes import facilities_of
from ws4channels.connections import sync_client
from ws4channels.processes.asking import read_processes
from ws4channels.testing import FacilityCommunicator


async def told() -> None:
    """Return when this process has told of itself."""
    await eventually(lambda: read_processes(sync_client()), "the process tells nothing")


async def test_page_shows_what_a_process_tells(staff: Client) -> None:
    """A process with a websocket is a row with its number and what it counts."""
    async with FacilityCommunicator("news", "subscribe-broadcast"):
        await told()
        response = await asyncio.to_thread(staff.get, PROCESSES)
    (process,) = response.context["processes"]
    assert (process.pid, process.sockets) == (os.getpid(), 1)
    assert f"{process.host} {os.getpid()} other" in text_of(response)


def test_page_draws_the_last_ten_minutes(staff: Client, redis_client: redis.Redis) -> None:
    """Deliveries and websockets of all processes together are a picture each, without a style in it."""
    write(redis_client, "a", {**CONTENT, "points": [[100, 1], [200, 2]]})
    write(redis_client, "b", {**CONTENT, "points": [[50, 5]]})
    response = staff.get(PROCESSES)
    assert "Deliveries per second: 25 (at most 25)" in text_of(response)
    assert "Websockets: 7 (at most 7)" in text_of(response)
    content = response.content.partition(b'<div id="content-main"')[2].partition(b'id="footer"')[0]
    assert content.count(b"<svg ") == 2
    assert b"style=" not in content


def test_page_without_processes_says_so(staff: Client) -> None:
    """Before the first websocket there is nothing to see."""
    assert "No server process has, or had, a websocket." in text_of(staff.get(PROCESSES))


def test_hostile_record_is_shown_and_not_run(staff: Client, redis_client: redis.Redis) -> None:
    """Whoever can write to Redis can show a text at most."""
    write(redis_client, "a", {**CONTENT, "host": "<script>alert(1)</script>", "server": "<b>", "version": "<i>"})
    response = staff.get(PROCESSES)
    assert b"<script>alert" not in response.content
    assert "<script>alert(1)</script>" in text_of(response)


def test_page_says_that_redis_is_gone(staff: Client, settings: Any) -> None:
    """Where nobody listens at Redis' address, the page has the error and nothing else."""
    with refusing_port() as port:
        use_redis(settings, port)
        response = staff.get(PROCESSES)
    assert "Redis fails: ConnectionError: Error 111" in text_of(response)
    assert "No server process" not in text_of(response)


def test_page_says_within_two_seconds_that_redis_does_not_answer(staff: Client, settings: Any) -> None:
    """A Redis that takes connections and answers nothing delays the page for less than two seconds."""
    with silent_server() as server:
        use_redis(settings, server.port)
        began = time.monotonic()
        response = staff.get(PROCESSES)
        assert time.monotonic() - began < 2 * max(1, SCALE / 2)
    assert "Redis fails: " in text_of(response) or "Redis does not answer" in text_of(response)


def test_facilities_of_all_processes_are_added_up(redis_client: redis.Redis) -> None:
    """Those with most websockets come first."""
    write(redis_client, "a", {**CONTENT, "facilities": [["news", 2], ["chat", 1]]})
    write(redis_client, "b", {**CONTENT, "facilities": [["chat", 3]]})
    assert facilities_of(read_processes(redis_client)) == [("chat", 4), ("news", 2)]
