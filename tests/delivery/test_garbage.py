"""Tests of `ws4channels.delivery.garbage`, and of what websockets leave behind on real servers."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.outbox_site.running import Servers, servers_of_module
from ws4channels.delivery.garbage import collect_less_often


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    """Give the test Python's own thresholds, and the others what they had."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


servers = servers_of_module()


def test_first_threshold_is_raised() -> None:
    """The youngest objects are looked through after 10,000 more of them; the other thresholds stay."""
    collect_less_often()
    assert gc.get_threshold() == (10_000, 10, 10)


@pytest.mark.parametrize("first", [0, 50_000], ids=["off", "higher"])
def test_thresholds_of_a_site_are_left_alone(first: int) -> None:
    """A collector that is turned off, or runs less often already, stays as it is."""
    gc.set_threshold(first, 5, 5)
    collect_less_often()
    assert gc.get_threshold() == (first, 5, 5)


def test_setting_leaves_the_thresholds_alone(settings: Any) -> None:
    """WS4CHANNELS_TUNE_GARBAGE_COLLECTOR = False changes nothing."""
    settings.WS4CHANNELS_TUNE_GARBAGE_COLLECTOR = False
    collect_less_often()
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.live
@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
def test_closed_websockets_are_freed_without_the_collector(servers: Servers, kind: str) -> None:
    """Consumers and outboxes end with their websockets, so memory does not grow until the collector runs."""
    with servers.start(kind) as server:
        server.site.get("/collector", params={"is_on": "0"}).raise_for_status()
        for closing in (True, False):
            with ExitStack() as stack:
                clients = [stack.enter_context(server.open(f"freed-{kind}")) for _ in range(20)]
                if closing:
                    for client in clients:
                        client.send_close()
                        client.read_frame()
            server.wait_until_freed()
