"""Tests of `ws4channels.metrics`: what Prometheus is told."""

from __future__ import annotations

import threading

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.sockets import broadcast, connected
from ws4channels import metrics
from ws4channels.counters import MEANINGS


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry that gives our metrics."""
    registry = CollectorRegistry()
    metrics.register(registry)
    return registry


def read(registry: CollectorRegistry) -> dict[str, float]:
    """Return all samples by their names, as Prometheus reads them."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


async def test_metrics_are_those_of_now(registry: CollectorRegistry) -> None:
    """Websockets, deliveries and bytes are seen at the next scrape; nothing has to be done for it meanwhile."""
    before = read(registry)
    async with (
        connected("/ws/news?subscribe-broadcast") as one,
        connected("/ws/news?subscribe-broadcast&subscribe-user") as two,
    ):
        await broadcast("news", "grün")
        assert [await one.next(), await two.next()] == ["grün"] * 2
        during = read(registry)
    after = read(registry)

    def grown(now: dict[str, float], name: str) -> float:
        return now[f"ws4channels_{name}"] - before[f"ws4channels_{name}"]

    assert [grown(during, name) for name in ("sockets_opened_total", "sockets_open", "keys_joined")] == [2, 2, 1]
    assert [grown(during, name) for name in ("deliveries_total", "bytes_delivered_total")] == [2, 2 * 5]
    assert [grown(after, name) for name in ("sockets_closed_total", "sockets_open", "keys_joined")] == [2, 0, 0]


def test_every_counter_is_a_metric(registry: CollectorRegistry) -> None:
    """Also what has never happened is there, as 0, so that rates and alerts have something to begin with."""
    expected = {f"ws4channels_{name}_total" for name in MEANINGS}
    assert set(read(registry)) == expected | {"ws4channels_sockets_open", "ws4channels_keys_joined"}


async def test_kept_message_is_a_delivery_as_well(registry: CollectorRegistry) -> None:
    """What a websocket is sent when it connects counts as what it is sent later."""
    await broadcast("news", b"12345", expire=60)
    before = read(registry)
    async with connected("/ws/news?subscribe-broadcast") as socket:
        assert await socket.next() == "12345"
    after = read(registry)
    for name, count in (("deliveries", 1), ("bytes_delivered", 5)):
        assert after[f"ws4channels_{name}_total"] - before[f"ws4channels_{name}_total"] == count


def test_registering_twice_is_registering_once() -> None:
    """Prometheus' own registry is the default, and code that runs twice, as `AppConfig.ready` may, does no harm."""
    try:
        metrics.register()
        metrics.register()
        assert "ws4channels_sockets_open" in read(REGISTRY)
    finally:
        for collector in {
            each for each in REGISTRY._collector_to_names if isinstance(each, metrics.WebsocketCollector)
        }:
            REGISTRY.unregister(collector)
        metrics._registered_with.discard(REGISTRY)


def test_metrics_can_be_read_from_any_thread(registry: CollectorRegistry) -> None:
    """A view runs in a thread, and Prometheus' own server in another one."""
    results: list[dict[str, float]] = []
    thread = threading.Thread(target=lambda: results.append(read(registry)))
    thread.start()
    thread.join()
    assert results
