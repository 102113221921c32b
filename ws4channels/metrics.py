"""The counters as metrics for Prometheus, read at the moment of a scrape. Needs ``ws4channels[metrics]``.

>>> from ws4channels import metrics
>>> metrics.register()

They are those of the process that is asked; each server process is a target of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakSet

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ws4channels.counters import MEANINGS, counts
from ws4channels.delivery.hub import count_joined_keys

__all__ = ["register"]


class WebsocketCollector(Collector):
    """Gives each counter, how many websockets are open, and how many keys are joined. Costs nothing between scrapes."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        for name, meaning in MEANINGS.items():
            yield CounterMetricFamily(f"ws4channels_{name}", meaning, counts[name])
        is_open = counts["sockets_opened"] - counts["sockets_closed"]
        yield GaugeMetricFamily("ws4channels_sockets_open", "Websockets at this moment.", is_open)
        joined = count_joined_keys()
        yield GaugeMetricFamily("ws4channels_keys_joined", "Keys that websockets subscribe to.", joined)


_registered_with: WeakSet[CollectorRegistry] = WeakSet()


def register(registry: CollectorRegistry = REGISTRY) -> None:
    """Have `registry` give our metrics as well. Once is enough; a second time does nothing."""
    if registry not in _registered_with:
        registry.register(WebsocketCollector())
        _registered_with.add(registry)
