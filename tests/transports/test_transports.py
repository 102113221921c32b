"""Tests of `ws4channels.transports.configured`, `ws4channels.transports.configured_layer`,
`ws4channels.transports.channel_layer`, `ws4channels.transports.redis_transport` and their helpers:
`ws4channels.transports.contract` and `ws4channels.transports.layer_hosts`.

What holds for every layer is in test_hub.py and test_publisher.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer, channel_layers

from example_project import redis_server as redis_server_module
from example_project.redis_server import RedisServer
from tests import layers
from tests.inbox import Inbox
from tests.layers import CORE, IN_MEMORY, PUBSUB, one_layer
from tests.live.servers import look_for_program
from tests.waiting import eventually
from ws4channels import connections
from ws4channels.audience import group_of
from ws4channels.delivery.hub import Hub
from ws4channels.exceptions import ConfigurationError
from ws4channels.publisher import RedisPublisher
from ws4channels.transports.channel_layer import ChannelLayerTransport, InMemoryTransport
from ws4channels.transports.configured import get_publishing_transports, get_transport
from ws4channels.transports.core_layer import CoreLayerTransport
from ws4channels.transports.layer_receiver import LayerReceiver
from ws4channels.transports.messages import Publication
from ws4channels.transports.pubsub_layer import PubSubLayerReceiver, PubSubLayerTransport
from ws4channels.transports.redis_pubsub import RedisReceiver
from ws4channels.transports.redis_transport import RedisTransport

TWO_HOSTS = [{"address": "redis://127.0.0.1:1"}, {"address": "redis://127.0.0.1:2"}]
SENTINEL = [{"sentinels": [("127.0.0.1", 1)], "master_name": "main"}]


@pytest.mark.parametrize(
    ("backend", "config", "transport_class", "receiver_class"),
    [
        (PUBSUB, {"hosts": ["redis://127.0.0.1:1"]}, PubSubLayerTransport, PubSubLayerReceiver),
        (PUBSUB, {"hosts": TWO_HOSTS}, ChannelLayerTransport, PubSubLayerReceiver),
        (PUBSUB, {"hosts": SENTINEL}, ChannelLayerTransport, PubSubLayerReceiver),
        (CORE, {"hosts": ["redis://127.0.0.1:1"]}, CoreLayerTransport, LayerReceiver),
        (IN_MEMORY, {}, InMemoryTransport, LayerReceiver),
    ],
)
def test_layer_has_the_transport_that_suits_it(
    settings: Any, backend: str, config: dict[str, Any], transport_class: type, receiver_class: type
) -> None:
    """Short cuts are taken on the layers that are known to allow them, and on no other."""
    settings.CHANNEL_LAYERS = one_layer(backend, **config)
    transport = get_transport()
    assert type(transport) is transport_class
    assert transport.receiver_class is receiver_class
    assert get_transport() is transport


def test_layer_that_is_not_there_is_explained(settings: Any) -> None:
    """Without the entry in CHANNEL_LAYERS, the error names it and shows one."""
    settings.CHANNEL_LAYERS = {}
    settings.WS4CHANNELS_CHANNEL_LAYER = "push"
    with pytest.raises(ConfigurationError) as refused:
        get_transport()
    assert str(refused.value) == (
        "CHANNEL_LAYERS has no entry 'push', which is to carry the messages. Add one, such as {'push': "
        "{'BACKEND': 'channels_redis.pubsub.RedisPubSubChannelLayer', 'CONFIG': {'hosts': ['redis://localhost']}}}."
    )


class LayerOfASite(InMemoryChannelLayer):
    """A site's own layer, which raises what it is told to while it is built."""

    def __init__(self, error: Exception) -> None:
        raise error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("REDIS_HOST"), "KeyError: 'REDIS_HOST'"),
        (AttributeError("no such attribute"), "AttributeError: no such attribute"),
        (OSError("redis://:secret@host\nis away"), r"OSError: redis://…@host\nis away"),
        (LookupError(), "LookupError"),
    ],
)
def test_layer_that_cannot_be_built_says_why(settings: Any, error: Exception, said: str) -> None:
    """Whatever a layer raises while it is built is told, and is not taken for a missing entry."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.LayerOfASite", "CONFIG": {"error": error}}}
    with pytest.raises(ConfigurationError) as refused:
        get_transport()
    assert str(refused.value) == f"CHANNEL_LAYERS['default'] cannot be used: {said}."


def test_layer_that_a_test_has_put_in_place_is_used(settings: Any) -> None:
    """Channels lets tests set a layer that is not in CHANNEL_LAYERS."""
    settings.CHANNEL_LAYERS = {}
    layer = InMemoryChannelLayer()
    channel_layers.set("default", layer)
    transport = get_transport()
    assert isinstance(transport, InMemoryTransport)
    assert transport.server == "InMemoryChannelLayer"


@pytest.mark.parametrize(
    ("backend", "config", "server"),
    [
        (PUBSUB, {"hosts": ["redis://:secret@redis.internal:6380"]}, "redis.internal:6380"),
        (PUBSUB, {"hosts": [{"path": "/run/redis.sock"}]}, "/run/redis.sock"),
        (CORE, {"hosts": [("redis.internal", 6380), "redis://other"]}, "redis.internal:6380, other:6379"),
        (CORE, {"hosts": SENTINEL}, "the Redis that Sentinel knows as main"),
        (IN_MEMORY, {}, "InMemoryChannelLayer"),
    ],
)
def test_log_lines_name_the_server(settings: Any, backend: str, config: dict[str, Any], server: str) -> None:
    """What log lines say of a layer is where it is, without its password."""
    settings.CHANNEL_LAYERS = one_layer(backend, **config)
    assert get_transport().server == server


def test_publish_goes_along_only_to_the_layers_own_redis(settings: Any) -> None:
    """The layer's PUBLISH travels in a pipeline to the same server and login, and in no other."""
    settings.CHANNEL_LAYERS = one_layer(PUBSUB, hosts=["redis://:secret@127.0.0.1:1"], prefix="mine")
    transport = get_transport()
    publication = Publication(("broadcast:f",), b"hello", 0)
    same, other_login = (
        connections.build_sync_client({"url": f"redis://{login}127.0.0.1:1/3"}).connection_pool
        for login in (":secret@", "")
    )
    assert not transport.publishes_at(other_login)
    assert transport.publishes_at(same)
    [(channel, _, _)] = transport.outgoing(same, publication)
    assert channel == f"mine__group__{group_of('broadcast:f')}"


# --- the redis transport ----------------------------------------------------------------------------------------------


def test_redis_transport_needs_no_channel_layer(settings: Any) -> None:
    """Where messages travel by Redis itself, CHANNEL_LAYERS may be missing altogether."""
    del settings.CHANNEL_LAYERS
    settings.WS4CHANNELS_TRANSPORT = "redis"
    transport = get_transport()
    assert isinstance(transport, RedisTransport)
    assert get_transport() is transport
    assert transport.receiver_class is RedisReceiver
    assert get_publishing_transports() == (transport,)


def test_redis_transport_follows_the_connection(settings: Any) -> None:
    """When ``WS4REDIS_CONNECTION`` changes, so does the transport; log lines name the server without its password."""
    settings.WS4CHANNELS_TRANSPORT = "redis"
    first = get_transport()
    settings.WS4REDIS_CONNECTION = {"url": "redis://:secret@redis.internal:6380"}
    assert get_transport() is not first
    assert get_transport().server == "redis.internal:6380"


def test_redis_transport_publishes_to_the_keys_themselves(settings: Any) -> None:
    """The channel is the key and the body the message, whatever Redis that is; numbers are in a note."""
    settings.WS4CHANNELS_TRANSPORT = "redis"
    pool = connections.build_sync_client({"port": 1}).connection_pool
    keys = ("broadcast:f", "user:a:f")
    outgoing = get_transport().outgoing(pool, Publication(keys, b"\xff", 0))
    assert outgoing == [("broadcast:f", b"", b""), ("user:a:f", b"", b"")]
    outgoing = get_transport().outgoing(pool, Publication(keys, b"\xff", 60))
    assert outgoing == [
        ("broadcast:f", b"ws4channels:note:{broadcast:f}", b""),
        ("user:a:f", b"ws4channels:note:{user:a:f}", b""),
    ]


def test_redis_transport_sends_whole_messages_in_notes_of_a_cluster(settings: Any) -> None:
    """There, something else may come between a note and its message."""
    settings.WS4CHANNELS_TRANSPORT = "redis"
    outgoing = get_transport().outgoing(None, Publication(("broadcast:f",), b"\xff", 60))
    assert outgoing == [("ws4channels:note:{broadcast:f}", b"", b":0\n\xff")]


@pytest.mark.parametrize(
    ("transport", "publish_to", "classes"),
    [
        ("channel_layer", None, [PubSubLayerTransport]),
        ("redis", None, [RedisTransport]),
        ("redis", ["channel_layer"], [PubSubLayerTransport]),
        ("channel_layer", ["redis", "channel_layer", "redis"], [RedisTransport, PubSubLayerTransport]),
    ],
)
def test_site_says_where_it_publishes(
    settings: Any, transport: str, publish_to: list[str] | None, classes: list[type]
) -> None:
    """By default a process publishes where it listens; a list says otherwise, and names each transport once."""
    settings.WS4CHANNELS_TRANSPORT = transport
    settings.WS4CHANNELS_PUBLISH_TO = publish_to
    assert [type(each) for each in get_publishing_transports()] == classes


# --- Valkey -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", [layers.REDIS, layers.PUBSUB], ids=["redis", "pubsub"])
async def test_valkey_carries_messages(settings: Any, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """Over Valkey as over Redis: what is published is kept, arrives, and is found again; also after a restart."""
    # Without it the test is skipped, also where CI=1: Redis is what the project promises.
    valkey = look_for_program("valkey-server")
    if valkey is None:
        pytest.skip("valkey-server is not installed, so nothing tests that Valkey works: apt install valkey-server")
    monkeypatch.setattr(redis_server_module, "find_redis_server", lambda: valkey)
    with RedisServer() as server:
        layers.use(backend, settings)
        settings.WS4REDIS_CONNECTION = {"url": server.url}
        settings.WS4CHANNELS_PROBE_INTERVAL = 0.1
        if backend == layers.PUBSUB:
            settings.CHANNEL_LAYERS = one_layer(PUBSUB, hosts=[{"address": server.url, "socket_timeout": None}])
        publisher = RedisPublisher(facility="f", users=[f"{number}" for number in range(20)], broadcast=True)
        hub, inbox = Hub(get_transport()), Inbox()
        await hub.join(inbox, ("broadcast:f", "user:19:f"))
        await publisher.apublish_message(b"\xff\x00")
        await asyncio.to_thread(publisher.publish_message, "text")
        await eventually(lambda: len(inbox.deliveries) == 4, "the messages arrive")
        assert [each.payload for each in await hub.join(Inbox(), ("user:19:f",))] == ["text"]
        await asyncio.to_thread(server.restart)
        with server.client() as client:
            assert "valkey_version" in client.info("server")
            client.set("broadcast:f", "changed")
        await eventually(lambda: inbox.payloads[4:] == ["changed"], "the kept message is sent")
