"""What ``"ws4redis"`` in INSTALLED_APPS means."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from django.apps import AppConfig
from django.conf import settings

import ws4channels
from ws4channels import apps


class Ws4RedisConfig(AppConfig):
    """The app ws4channels; where INSTALLED_APPS has that as well, an app with nothing in it."""

    name = "ws4redis"
    # Without static files, templates or commands, so that nothing is found twice.
    path = str(Path(__file__).parent)

    def __new__(cls, app_name: str, app_module: ModuleType) -> Any:
        """Return the configuration that Django is to use."""
        if any(entry.partition(".")[0] == "ws4channels" for entry in settings.INSTALLED_APPS):
            return super().__new__(cls)
        return apps.Ws4ChannelsConfig("ws4channels", ws4channels)
