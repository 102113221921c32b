"""What keeps ``WS4CHANNELS_HISTORY`` from working."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Warning
from django.core.exceptions import ImproperlyConfigured

from ws4channels import settings


def check_history(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong; nothing where no history is asked for. Connects to nothing."""
    try:
        history, expire = settings.WS4CHANNELS_HISTORY, settings.WS4REDIS_EXPIRE
    except ImproperlyConfigured:
        return []  # check_settings() reports it.
    if not (any(history.values()) if isinstance(history, Mapping) else history):
        return []
    return [*_check_expiry(expire), *_check_connection()]


def _check_expiry(expire: int | None) -> Iterator[CheckMessage]:
    if not expire or expire < 0:
        yield Warning(
            f"WS4CHANNELS_HISTORY is set, and WS4REDIS_EXPIRE is {expire!r}: a message is logged for as long as it is "
            "kept, so nothing is logged that is published without expire=….",
            hint="Set WS4REDIS_EXPIRE to the seconds for which clients may ask for a message, such as 86400.",
            id="ws4channels.W016",
        )


def _check_connection() -> Iterator[CheckMessage]:
    if not hasattr(django_settings, "WS4REDIS_CONNECTION"):
        yield Warning(
            "WS4CHANNELS_HISTORY is set, and WS4REDIS_CONNECTION is not: messages are logged in the Redis at "
            "localhost:6379, whatever CHANNEL_LAYERS says.",
            hint="Set WS4REDIS_CONNECTION to the Redis that is to hold the messages, such as {'url': "
            "'redis://localhost:6379/0'}.",
            id="ws4channels.W017",
        )
