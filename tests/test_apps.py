"""Tests of `ws4channels.apps`."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.checks import run_checks

from ws4channels.apps import Ws4ChannelsConfig
from ws4channels.checks import current_messages


def test_app_is_found_by_the_name_of_the_package() -> None:
    """``"ws4channels"`` in INSTALLED_APPS is enough, and brings no tables."""
    config = apps.get_app_config("ws4channels")
    assert isinstance(config, Ws4ChannelsConfig)
    assert list(config.get_models()) == []


def test_checks_are_registered(settings: Any) -> None:
    """``manage.py check`` runs the checks, alone by their tag."""
    settings.WS4REDIS_EXPIRES = 60
    assert [message.id for message in current_messages()] == ["ws4channels.W001"]
    assert "ws4channels.W001" in {message.id for message in run_checks()}
