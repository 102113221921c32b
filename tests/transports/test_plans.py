"""Tests of `ws4channels.transports.plans`."""

from __future__ import annotations

from typing import Any

import pytest

from tests import layers
from ws4channels import connections
from ws4channels.transports.configured import get_publishing_transports
from ws4channels.transports.messages import Publication
from ws4channels.transports.numbers import extras_of
from ws4channels.transports.plans import Plan, Script

KEYS = tuple(f"user:{number}:f" for number in range(70))


def plan(keys: tuple[str, ...], expire: int = 60, is_numbered: bool = True, client: Any = None) -> Plan:
    """Return the plan of one message."""
    client = client or connections.sync_client()
    return Plan(client, Publication(keys, b"hello", expire), get_publishing_transports(), is_numbered)


def keys_of(script: Script) -> tuple[Any, ...]:
    """Return all keys of a script, those beside the message's own as well."""
    return keys_in(script.command)


def keys_in(command: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the keys of an EVAL."""
    assert command[0] == "EVAL"
    return tuple(command[3 : 3 + command[2]])


@pytest.mark.parametrize(("history", "extras"), [(0, 1), (5, 2)])
def test_one_command_keeps_numbers_logs_and_sends(settings: Any, history: int, extras: int) -> None:
    """It names the key, its record, and with a history its log."""
    settings.WS4CHANNELS_HISTORY = history
    [script] = plan(("broadcast:f",)).scripts()
    assert keys_of(script) == ("broadcast:f", *extras_of("broadcast:f")[:extras])


def test_many_keys_are_several_commands(settings: Any) -> None:
    """Redis serves nobody else while a script runs; each key is in one of them."""
    settings.WS4CHANNELS_HISTORY = 5
    scripts = list(plan(KEYS).scripts())
    assert [len(keys_of(each)) // 3 for each in scripts] == [32, 32, 6]
    assert [key for each in scripts for key in keys_of(each)[: len(keys_of(each)) // 3]] == list(KEYS)
    assert [key for each in scripts for key in each.keys] == list(KEYS)


def test_keys_with_different_histories_are_different_commands(settings: Any) -> None:
    """A site's own subscriber may publish to several facilities."""
    settings.WS4CHANNELS_HISTORY = {"chat": 5}
    scripts = plan(("broadcast:chat", "user:a:chat", "broadcast:news")).scripts()
    assert [len(keys_of(each)) for each in scripts] == [6, 2]


@pytest.mark.parametrize(("expire", "is_numbered"), [(0, True), (60, False)])
def test_message_without_number_needs_no_extra_keys(settings: Any, expire: int, is_numbered: bool) -> None:
    """One that is not kept, or is kept at another Redis."""
    settings.WS4CHANNELS_HISTORY = 5
    [script] = plan(("broadcast:f",), expire, is_numbered).scripts()
    assert keys_of(script) == ("broadcast:f",)


def test_layer_of_another_kind_is_served_afterwards(settings: Any) -> None:
    """Redis keeps and numbers the message; one that is not kept needs no Redis at all."""
    layers.use(layers.IN_MEMORY, settings)
    assert len(plan(("broadcast:f",)).elsewhere) == 1
    assert len(list(plan(("broadcast:f",)).scripts())) == 1
    assert list(plan(("broadcast:f",), expire=0).scripts()) == []
    assert plan(("broadcast:f",), expire=0).live(("broadcast:f",)) == []


def test_plain_commands_are_those_of_the_original(settings: Any) -> None:
    """Where Redis refuses scripts, the message is kept and sent all the same."""
    layers.use(layers.REDIS, settings)
    keep, send = ("SET", "broadcast:f", b"hello", "EX", 60), ("PUBLISH", "broadcast:f", b"hello")
    keys = ("broadcast:f", "broadcast:g")
    assert plan(keys).plain(keys[:1]) == [keep, send]
    assert plan(keys, expire=0).plain(keys[:1]) == [send]
    assert plan(keys).live(keys[:1]) == [send]


def test_cluster_has_one_command_a_key(settings: Any) -> None:
    """The keys are on several nodes; all keys of a command are in one slot."""
    layers.use(layers.REDIS, settings)
    settings.WS4CHANNELS_HISTORY = 5
    client = connections.build_sync_client({"cluster": True})
    cluster = plan(KEYS[:3], client=client)
    assert [keys_of(each)[0] for each in cluster.scripts()] == list(KEYS[:3])
    assert [keys_in(each) for each in cluster.plain(KEYS[:3])] == [(key,) for key in KEYS[:3]]
    assert cluster.live(KEYS[:3]) == []
