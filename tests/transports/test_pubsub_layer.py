"""Tests of `ws4channels.transports.pubsub_layer`."""

from __future__ import annotations

import logging

import pytest
from channels_redis import pubsub

from ws4channels.transports import pubsub_layer
from ws4channels.transports.pubsub_layer import OncePerOutage, log_outages_once


def test_tracebacks_of_one_outage_are_logged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layer's traceback of every second passes once an outage; whatever else it logs always passes."""
    now = 1000.0
    monkeypatch.setattr(pubsub_layer.time, "monotonic", lambda: now)
    once = OncePerOutage()

    def passes(message: str) -> bool:
        return once.filter(logging.LogRecord("layer", logging.ERROR, __file__, 1, message, None, None))

    passed = []
    for _ in range(60):
        passed.append(passes("Unexpected exception in receive task"))
        now += 1
        assert passes("Something else")
    assert passed == [True] + [False] * 59
    now += OncePerOutage.QUIET
    assert passes("Unexpected exception in receive task")


def test_filter_stands_once_where_the_pubsub_layer() -> None:
    """However many hubs there are, the layer's logger has one filter."""
    log_outages_once()
    log_outages_once()
    assert sum(isinstance(each, OncePerOutage) for each in logging.getLogger(pubsub.__name__).filters) == 1
