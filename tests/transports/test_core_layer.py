"""Tests of `ws4channels.transports.core_layer`. What holds for every layer is in test_hub.py and test_publisher.py."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from channels.layers import get_channel_layer
from channels_redis.core import RedisChannelLayer
from django.conf import settings as django_settings

from example_project.redis_server import RedisServer
from tests.layers import CORE, one_layer
from tests.monitor import connections_opened
from tests.waiting import TIMEOUT
from ws4channels.audience import group_of
from ws4channels.publisher import RedisPublisher
from ws4channels.transports.configured import get_transport
from ws4channels.transports.core_layer import CoreLayerTransport
from ws4channels.transports.messages import Publication

KEY = "broadcast:news"


async def received_by_own_consumer(layer: Any, publish: Any) -> dict[str, Any]:
    """Return the event that a consumer of the site's own receives of a group."""
    channel = await layer.new_channel()
    await layer.group_add(group_of(KEY), channel)
    await asyncio.to_thread(publish)
    event: dict[str, Any] = await asyncio.wait_for(layer.receive(channel), TIMEOUT)
    return event


@pytest.mark.parametrize("options", [{}, {"symmetric_encryption_keys": ["secret"]}, {"prefix": "other"}])
async def test_sync_publish_arrives_as_the_layers_own(settings: Any, options: dict[str, Any]) -> None:
    """What is sent without an event loop is what ``group_send`` sends, with the layer's prefix and encryption."""
    settings.CHANNEL_LAYERS = one_layer(CORE, **options)
    transport = get_transport()
    assert isinstance(transport, CoreLayerTransport)
    event = await received_by_own_consumer(
        get_channel_layer(), lambda: transport.publish(Publication((KEY,), b"\xff", 60), [""])
    )
    assert (event["type"], event["key"], event["bytes"]) == ("ws4channels.message", KEY, b"\xff")


async def test_sync_publish_reaches_each_of_several_hosts(settings: Any, redis_server: RedisServer) -> None:
    """Groups are distributed over the hosts as the layer does it."""
    with RedisServer() as second:
        hosts = [{"address": server.url, "socket_timeout": None} for server in (redis_server, second)]
        settings.CHANNEL_LAYERS = one_layer(CORE, hosts=hosts)
        transport, layer = get_transport(), get_channel_layer()
        keys = [f"broadcast:{number}" for number in range(10)]
        channel = await layer.new_channel()
        for key in keys:
            await layer.group_add(group_of(key), channel)
        await asyncio.to_thread(transport.publish, Publication(tuple(keys), b"x", 0), [""] * len(keys))
        received = {(await asyncio.wait_for(layer.receive(channel), TIMEOUT))["key"] for _ in keys}
        assert received == set(keys)


def test_layer_that_waits_for_something_else_is_an_error(settings: Any) -> None:
    """A subclass whose ``group_send`` needs an event loop is refused with a reason, and does not hang."""
    settings.CHANNEL_LAYERS = one_layer("tests.transports.test_core_layer.WaitingLayer")
    with pytest.raises(TypeError, match="waits for something other than its Redis connections"):
        get_transport().publish(Publication((KEY,), b"x", 0), [""])


class WaitingLayer(RedisChannelLayer):
    """Needs an event loop to send."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await asyncio.sleep(0)


def test_sync_publish_opens_no_connection_per_call(settings: Any, redis_client: Any) -> None:
    """Connections stay in the pool between calls."""
    settings.CHANNEL_LAYERS = one_layer(CORE)
    publisher = RedisPublisher(facility="news", broadcast=True)
    publisher.publish_message("first")
    before = connections_opened(redis_client)
    for _ in range(20):
        publisher.publish_message("again")
    assert connections_opened(redis_client) == before


GREENLETS = {
    "gevent": (
        "import gevent.monkey; gevent.monkey.patch_all()",
        "import gevent; gevent.joinall([gevent.spawn(work) for _ in range(20)], raise_error=True)",
    ),
    "eventlet": (
        "import eventlet; eventlet.monkey_patch()",
        "for thread in [eventlet.spawn(work) for _ in range(20)]: thread.wait()",
    ),
}

SCRIPT = """
{patch}
import django
from django.conf import settings
settings.CHANNEL_LAYERS = {layers!r}
django.setup()
from django.core.management import call_command
from django.contrib.auth.models import User
from ws4channels.publisher import RedisPublisher
settings.DATABASES["default"]["NAME"] = {database!r}
call_command("migrate", verbosity=0)
counts = []
def work():
    RedisPublisher(facility="news", broadcast=True).publish_message("x")
    counts.append(User.objects.count())
{run}
assert counts == [0] * 20, counts
"""


def run_with_greenlets(library: str, layers: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """Publish and use the ORM in twenty greenlets of a new interpreter."""
    patch, run = GREENLETS[library]
    script = SCRIPT.format(patch=patch, run=run, layers=layers, database=str(folder / "db.sqlite3"))
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "WS4CHANNELS_TEST_REDIS_PORT": str(django_settings.REDIS_PORT),
    }
    return subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=4 * TIMEOUT,
        check=False,
    )


@pytest.mark.parametrize("library", GREENLETS)
async def test_greenlets_publish_and_use_the_orm(settings: Any, library: str, tmp_path: Path) -> None:
    """Under gevent and eventlet each of many greenlets publishes, and Django's ORM works in it afterwards."""
    settings.CHANNEL_LAYERS = one_layer(CORE)
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group_of(KEY), channel)
    finished = await asyncio.to_thread(run_with_greenlets, library, settings.CHANNEL_LAYERS, tmp_path)
    assert finished.returncode == 0, finished.stderr
    for _ in range(20):
        assert (await asyncio.wait_for(layer.receive(channel), TIMEOUT))["text"] == "x"


def test_layer_that_needs_a_thread_is_refused_under_gevent(tmp_path: Path, redis_client: Any) -> None:
    """A foreign layer cannot be published to there: the error says what to do, and nothing is written."""
    layers = {"default": {"BACKEND": "tests.transports.test_core_layer.ForeignLayer"}}
    finished = run_with_greenlets("gevent", layers, tmp_path)
    assert "ConfigurationError: CHANNEL_LAYERS has a layer that can be published to only from" in finished.stderr
    assert redis_client.get(KEY) is None


class ForeignLayer:
    """A layer of nobody's that we know."""

    extensions = ("groups",)
