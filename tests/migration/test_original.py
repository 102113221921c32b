"""Tests of the names in the original."""

from __future__ import annotations

from importlib import import_module

import pytest

from ws4channels.migration import original
from ws4channels.migration.original import PUBLIC_MODULES, SERVER_MODULES
from ws4channels.migration.rules import instead_of


@pytest.mark.parametrize("module", original.NAMES)
def test_names_are_there(module: str) -> None:
    """Each name that fixers let through can be imported from the namesake."""
    namesake = import_module(f"ws4channels.{module}")
    assert [name for name in original.NAMES[module] if not hasattr(namesake, name)] == []


def test_every_module_has_names_or_a_replacement() -> None:
    """Public modules have their names, and the server's modules a sentence."""
    assert set(original.NAMES) == PUBLIC_MODULES
    assert all(instead_of(module, "x") != instead_of("", "x") for module in SERVER_MODULES)


def test_names_are_told_apart() -> None:
    """The package and its public modules have moved, the server's have not; a name that begins alike is another."""
    assert original.is_moved("ws4redis")
    assert original.is_moved("ws4redis.publisher.RedisPublisher")
    assert not original.is_moved("ws4redis.websocket")
    assert original.is_server("ws4redis.websocket.WebSocket")
    assert not original.is_server("ws4redis.extra")
    assert not original.is_the_original("ws4redis_extras.publisher")
