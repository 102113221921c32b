"""Tests of `ws4channels.apps`."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.checks import run_checks

from tests.scripts import run_script
from ws4channels.apps import Ws4ChannelsConfig
from ws4channels.checks import current_messages


def test_app_is_found_by_the_name_of_the_package() -> None:
    """``"ws4channels"`` in INSTALLED_APPS is enough, and brings no tables."""
    config = apps.get_app_config("ws4channels")
    assert isinstance(config, Ws4ChannelsConfig)
    assert [model for model in config.get_models() if model._meta.managed] == []


def test_checks_are_registered(settings: Any) -> None:
    """``manage.py check`` runs the checks, alone by their tag."""
    settings.WS4REDIS_EXPIRES = 60
    assert [message.id for message in current_messages()] == ["ws4channels.W001"]
    assert "ws4channels.W001" in {message.id for message in run_checks()}


OF_A_PUBLISHER = """
access access.closing_thread access.requests access.signing_out access.tickets admin admin.pages apps audience checks
closing connections connections.client_name connections.clusters connections.deadlines connections.log_throttle
connections.pipelines connections.remembered connections.sentinels counters exceptions models publisher redis_store
settings shown subscriber transports transports.configured transports.contract transports.history transports.messages
transports.notes transports.numbers transports.plans transports.publishing transports.publishing_loop
transports.redis_pubsub transports.redis_transport transports.scripts transports.sharded_pubsub
transports.shards transports.subscribed_connection
"""
"""The modules of ours that a process loads which only publishes, through Redis itself."""


def test_process_that_only_publishes_loads_little() -> None:
    """With the app installed, building a publisher and publishing load neither channel layers nor code of servers."""
    output = run_script(
        """
        import sys
        from ws4channels.publisher import RedisPublisher
        RedisPublisher(facility="news", broadcast=True).publish_message("hello")
        print(*sorted(sys.modules))
        """,
        WS4CHANNELS_TRANSPORT="redis",
    )
    loaded = set(output.split())
    ours = {name.removeprefix("ws4channels.") for name in loaded if name.startswith("ws4channels.")}
    assert ours == set(OF_A_PUBLISHER.split())
    assert {name for name in loaded if name.partition(".")[0] == "channels"} == {"channels", "channels.apps"}
    heavy = {"channels_redis", "daphne", "libcst", "msgpack", "twisted", "uvicorn", "websockets"}
    assert {name.partition(".")[0] for name in loaded} & heavy == set()


def test_building_a_publisher_loads_no_layer() -> None:
    """Where a channel layer carries the messages, its code is loaded by the first message."""
    output = run_script(
        """
        import sys
        from ws4channels.publisher import RedisPublisher
        publisher = RedisPublisher(facility="news", broadcast=True)
        print("channels.layers" in sys.modules, "channels_redis" in sys.modules)
        publisher.publish_message("hello")
        print("channels.layers" in sys.modules, "channels_redis" in sys.modules)
        """
    )
    assert output.split() == ["False", "False", "True", "True"]
