"""Tests of `ws4channels.status`: what can be seen of a site from outside."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.core.checks import Error, Warning
from django.core.management import call_command

from example_project.redis_server import HOST, RedisServer
from tests import layers
from tests.silence import silent_server
from tests.sockets import connected
from tests.terminal import listening, run
from tests.topologies import cluster_of_three
from ws4channels import checks
from ws4channels.audience import close_commands_key, group_of
from ws4channels.publisher import RedisPublisher
from ws4channels.status import look
from ws4channels.status.kept import Kept, escape_glob, find_kept, is_key, measure
from ws4channels.status.listening import find_listening
from ws4channels.status.server import find_warnings
from ws4channels.transports.configured import get_transport

# --- the server -------------------------------------------------------------------------------------------------------

GOOD = {
    "timeout": "0",
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
}


def test_redis_as_it_comes_is_fine(redis_client: redis.Redis) -> None:
    """A server without a configuration of its own gives no warning."""
    status = look()
    assert (status.warnings, status.failures, status.exit_status) == ([], [], 0)
    assert status.server is not None
    assert status.server.version == redis_client.info()["redis_version"]
    assert 0 < status.server.latency.least <= status.server.latency.median


@pytest.mark.parametrize(
    ("info", "configuration", "warning"),
    [
        ({"role": "slave"}, {}, "It is a replica: messages cannot be kept there."),
        ({}, {"timeout": "30"}, "It closes connections that are idle for 30 s (timeout)"),
        (
            {},
            {"maxmemory": "104857600", "maxmemory-policy": "allkeys-lru"},
            "When its 100 MiB are full it removes keys (maxmemory-policy allkeys-lru)",
        ),
        ({"used_memory": 99, "maxmemory": 100}, {"maxmemory": "100"}, "Its 0 MiB are nearly full (maxmemory)"),
        (
            {},
            {"client-output-buffer-limit": "normal 0 0 0 slave 0 0 0 pubsub 0 1048576 10"},
            "It disconnects a subscriber that leaves 1048576 bytes unread (client-output-buffer-limit pubsub)",
        ),
        ({"maxclients": 100, "connected_clients": 95}, {}, "95 of 100 connections are in use (maxclients)"),
    ],
)
def test_setting_of_redis_that_loses_messages_is_a_warning(info: Any, configuration: Any, warning: str) -> None:
    """Each is one sentence that begins with what is the case and names the setting of Redis."""
    (found,) = find_warnings({"role": "master", **info}, {**GOOD, **configuration})
    assert found.startswith(warning)


@pytest.mark.parametrize(
    ("info", "configuration"),
    [
        ({"used_memory": 10, "maxmemory": 100}, {"maxmemory": "100"}),
        ({"maxclients": 100, "connected_clients": 50}, {"timeout": "300"}),
        ({}, {"client-output-buffer-limit": "normal 0 0 0 slave 0 0 0 pubsub 0 0 0"}),
    ],
)
def test_harmless_setting_of_redis_is_no_warning(info: Any, configuration: Any) -> None:
    """Room, patience, and buffers without a bound give no warning."""
    assert list(find_warnings(info, {**GOOD, **configuration})) == []


def test_server_that_hides_its_configuration_is_judged_by_what_it_tells(settings: Any) -> None:
    """Hosted servers refuse CONFIG; INFO tells of memory all the same."""
    with RedisServer() as own, own.client() as admin:
        admin.config_set("maxmemory", 64 * 1024 * 1024)
        admin.config_set("maxmemory-policy", "volatile-lru")
        admin.execute_command("ACL", "SETUSER", "site", "on", ">secret", "~*", "&*", "+@all", "-config")
        settings.WS4REDIS_CONNECTION = {"url": own.url, "username": "site", "password": "secret"}
        status = look()
    assert status.server is not None
    (warning,) = status.server.warnings
    assert warning.startswith("When its 64 MiB are full it removes keys (maxmemory-policy volatile-lru)")
    assert status.warnings == [f"Redis at {status.server.address}: {warning}"]
    assert status.exit_status == 1


# --- what is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "prefix", "expected"),
    [
        ("broadcast:news", None, True),
        ("user:mary:news", None, True),
        ("session:abc:a:b\nc", None, True),
        ("user:mary", None, False),
        ("user::news", None, False),
        ("broadcast:", None, False),
        ("asgi:group:x", None, False),
        ("ws:broadcast:news", None, False),
        ("ws:broadcast:news", "ws", True),
        ("broadcast:news", "ws", False),
        ("ws:other:news", "ws", False),
        ("wsx:broadcast:news", "ws", False),
    ],
)
def test_key_is_known_by_its_form(name: str, prefix: str | None, expected: bool) -> None:
    """What else is in the database does not count as a message."""
    assert is_key(name, prefix) is expected


def test_kept_messages_are_found_among_others(redis_client: redis.Redis) -> None:
    """All of a site's keys are found, sorted, each once, whatever else there is."""
    mine = [f"{audience}:name:facility {number}" for audience in ("group", "session", "user") for number in range(700)]
    redis_client.mset(dict.fromkeys(["broadcast:news", *mine], "x"))
    redis_client.mset({f"cache:{number}": "x" for number in range(2000)})
    assert find_kept(redis_client, None, 5000) == (sorted(["broadcast:news", *mine]), True)
    keys, is_complete = find_kept(redis_client, None, 10)
    assert (len(keys), is_complete) == (10, False)


@pytest.mark.parametrize("prefix", ["w[s]", "w*", "w?", "w\\s"])
def test_prefix_is_no_pattern(redis_client: redis.Redis, prefix: str) -> None:
    """A prefix may hold what SCAN takes for a pattern."""
    redis_client.mset({f"{prefix}:broadcast:f": "x", "ws:broadcast:f": "x", "wws:broadcast:f": "x"})
    assert find_kept(redis_client, prefix, 10) == ([f"{prefix}:broadcast:f"], True)
    assert redis_client.keys(escape_glob(prefix) + ":*") == [f"{prefix}:broadcast:f".encode()]


def test_kept_messages_are_measured(redis_client: redis.Redis) -> None:
    """Seconds and size are those of messages; other things of that name do no harm."""
    redis_client.set("broadcast:a", "12345", ex=60)
    redis_client.set("broadcast:b", b"\xff")
    redis_client.lpush("broadcast:c", "x")
    names = [f"broadcast:{letter}" for letter in "abcd"]
    assert measure(redis_client, names) == [
        Kept(names[0], 60, 5),
        Kept(names[1], None, 1),
        Kept(names[2], None, None),
        Kept(names[3], None, None),
    ]


def test_prefix_of_the_site_counts(settings: Any) -> None:
    """A site sees its own keys in a Redis that it shares."""
    RedisPublisher(facility="news", broadcast=True).publish_message("not ours")
    settings.WS4REDIS_PREFIX = "site"
    RedisPublisher(facility="news", broadcast=True).publish_message("ours")
    status = look(details=True)
    assert [each.key for each in status.kept_keys] == ["site:broadcast:news"]
    assert (status.kept, status.is_complete) == (1, True)


# --- who listens ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("transport", "unnamed"), [("channel_layer", 1), ("redis", 0)])
def test_listeners_are_listed_by_key(settings: Any, transport: str, unnamed: int) -> None:
    """Keys that are kept or asked for are listed with their processes; with Redis alone, all others as well."""
    settings.WS4CHANNELS_TRANSPORT = transport
    RedisPublisher(facility="news", broadcast=True).publish_message("kept")
    with (
        listening("news", "--count", "2"),
        listening("news", "--count", "2"),
        listening("chat", "--user", "mary", "--count", "1"),
        listening("chat", "--group", "kitchen", "--count", "1"),
    ):
        found = look(["user:mary:chat", "user:john:chat"]).listening
        for words in (["news", "x"], ["chat", "x", "--user", "mary", "--group", "kitchen"]):
            run("ws4channels_publish", *words)
    assert found is not None
    expected = {"broadcast:news": 2, "user:mary:chat": 1}
    if not unnamed:
        expected["group:kitchen:chat"] = 1
    assert (found.processes, found.keys, found.unnamed, found.is_known) == (4, expected, unnamed, True)
    after = look(["user:mary:chat"]).listening
    assert after is not None
    assert (after.processes, after.keys, after.unnamed) == (0, {}, 0)


def test_limit_bounds_the_names_of_others(settings: Any) -> None:
    """With Redis alone, keys above the limit are counted and not named."""
    settings.WS4CHANNELS_TRANSPORT = "redis"
    with listening("chat", "--user", "a", "--user", "b", "--user", "c", "--count", "1"):
        found = look(limit=2).listening
        run("ws4channels_publish", "chat", "x", "--user", "a")
    assert found is not None
    assert (len(found.keys), found.unnamed) == (2, 1)


def test_limit_leaves_out_no_key_that_is_asked_for(settings: Any) -> None:
    """With Redis alone, keys that others listen to do not take the place of the one in question."""
    settings.WS4CHANNELS_TRANSPORT = "redis"
    with listening("chat", "--user", "a", "--user", "b", "--count", "1"):
        found = asyncio.run(find_listening(get_transport(), ["user:b:chat"], 1))
        said = run("ws4channels_publish", "chat", "x", "--user", "b")
    assert (found.keys, found.unnamed) == ({"user:b:chat": 1}, 1)
    assert said.endswith("\nReceived by 1 process.\n")


def test_members_of_groups_in_the_core_layer_are_listed(settings: Any, redis_client: redis.Redis) -> None:
    """That layer knows the members of a group that it remembers, and no more."""
    settings.CHANNEL_LAYERS = layers.one_layer(layers.CORE)

    async def join() -> None:
        layer = get_channel_layer()
        for channel in ("specific.a!1", "specific.b!1"):
            await layer.group_add(group_of("broadcast:news"), channel)
        await layer.group_add(group_of(close_commands_key(None)), "specific.a!1")

    asyncio.run(join())
    before = set(redis_client.keys())
    status = look(["broadcast:news", "broadcast:chat"])
    assert status.listening is not None
    found = status.listening
    assert (found.processes, found.keys, found.unnamed) == (1, {"broadcast:news": 2}, None)
    assert status.round_trip is not None
    assert status.failures == []
    assert set(redis_client.keys()) == before


async def test_websocket_s_process_is_listed_with_its_key_alone() -> None:
    """What a server process joins for itself is no key that somebody listens to."""
    async with connected("/ws/news?subscribe-broadcast"):
        found = (await asyncio.to_thread(look, ["broadcast:news"])).listening
    assert found is not None
    assert (found.processes, found.keys, found.unnamed) == (1, {"broadcast:news": 1}, 0)


class BrokenLayer(InMemoryChannelLayer):
    """A layer whose messages cannot be received."""

    async def receive(self, channel: str) -> Any:
        raise LookupError("nothing here")


def test_layer_that_fails_is_a_failure(settings: Any) -> None:
    """Whatever a layer raises is a failure at once, beside everything else that was found."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.BrokenLayer"}}
    status = look()
    assert status.failures == ["Messages do not come through BrokenLayer: LookupError: nothing here"]
    assert status.server is not None
    assert status.exit_status == 2


@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.CORE])
def test_layer_that_says_nothing_is_a_failure(settings: Any, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """The command ends also where a layer waits for ever for its Redis."""
    monkeypatch.setattr("ws4channels.status._PATIENCE", 0.3)
    with silent_server() as server:
        hosts = [{"address": server.url, "socket_timeout": None}]
        settings.CHANNEL_LAYERS = layers.one_layer(backend, hosts=hosts)
        (failure,) = look(["broadcast:news"]).failures
    address = server.url.removeprefix("redis://")
    assert failure == f"Messages do not come through {address}: TimeoutError: No result within 0.3 s."


# --- a cluster ------------------------------------------------------------------------------------------------------


@pytest.fixture
def nodes(settings: Any) -> Iterator[list[RedisServer]]:
    """A cluster of three nodes, by which the messages of the site travel."""
    with cluster_of_three() as nodes:
        layers.use(layers.REDIS, settings)
        settings.WS4REDIS_CONNECTION = {"cluster": True, "startup_nodes": [(HOST, node.port) for node in nodes]}
        yield nodes


def test_cluster_is_looked_at_as_one_server(nodes: list[RedisServer]) -> None:
    """Keys and listeners of all nodes are listed together; a warning names the node."""
    RedisPublisher(facility="news", users=[str(number) for number in range(20)]).publish_message("hello")
    with nodes[1].client() as admin:
        admin.config_set("timeout", "30")
    with listening("chat", "--user", "mary", "--count", "1"), listening("chat", "--user", "john", "--count", "1"):
        status = look(details=True)
        run("ws4channels_publish", "chat", "x", "--user", "mary", "--user", "john")
    assert status.server is not None
    assert status.server.address == "the cluster at " + ", ".join(f"{HOST}:{node.port}" for node in nodes)
    assert status.kept == len([each for each in status.kept_keys if each.size == 5]) == 20
    assert status.listening is not None
    assert (status.listening.processes, status.listening.keys) == (2, {"user:mary:chat": 1, "user:john:chat": 1})
    assert status.round_trip is not None
    (warning,) = status.server.warnings
    assert warning.startswith(f"Node {HOST}:{nodes[1].port}: It closes connections that are idle for 30 s")
    assert (status.failures, status.exit_status) == ([], 1)
    printed = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("ws4channels_status", stdout=printed)
    assert "the cluster at " in printed.getvalue()


@pytest.mark.parametrize("down", [1, 3])
def test_cluster_that_is_down_is_a_failure(nodes: list[RedisServer], settings: Any, down: int) -> None:
    """A cluster, or a node of it, that does not answer is a failure and raises nothing."""
    for node in nodes[:down]:
        node.kill()
    failures = look().failures
    where = ", ".join(f"{HOST}:{node.port}" for node in nodes)
    assert failures[0].startswith(f"Redis at the cluster at {where} fails: ")
    assert failures[1].startswith(f"Messages do not come through the cluster at {where}: ")


# --- the whole --------------------------------------------------------------------------------------------------------


def test_checks_are_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their warnings are warnings, their errors failures, and what is silenced is left out."""
    messages = [Warning("So so.", id="x.W1"), Error("Bad.", hint="Mend it.", id="x.E1")]
    monkeypatch.setattr("ws4channels.status.current_messages", lambda: messages)
    status = look()
    assert (status.warnings, status.failures) == (["x.W1: So so."], ["x.E1: Bad. Mend it."])
    monkeypatch.setattr("ws4channels.status.current_messages", checks.current_messages)
    assert look().warnings == []


def test_wrong_settings_are_failures(settings: Any) -> None:
    """What cannot be asked is not asked; the fault is reported once, also where its check is silenced."""
    settings.WS4CHANNELS_CHANNEL_LAYER = "push"
    assert [failure[:17] for failure in look().failures] == ["ws4channels.E003:"]
    settings.SILENCED_SYSTEM_CHECKS = ["ws4channels.E003"]
    (failure,) = look().failures
    assert failure.startswith("CHANNEL_LAYERS has no entry 'push'")
