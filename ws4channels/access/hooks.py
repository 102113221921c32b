"""The site's own code that a handshake runs: import what the settings name, and call it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from django.utils.module_loading import import_string

from ws4channels import settings
from ws4channels.exceptions import ConfigurationError
from ws4channels.subscriber import RedisSubscriber, check_subscriber_class


def load_hook(setting: str) -> Callable[..., Any] | None:
    """Return the callable that a setting holds or names; raise ConfigurationError if there is none at its path."""
    value = getattr(settings, setting)
    if value is None or callable(value):
        return value  # type: ignore[no-any-return]
    hook = _import(setting, value)
    if not callable(hook):
        raise ConfigurationError(
            f"{setting} is {value!r}, which is {hook!r}; it must be the dotted path of a callable."
        )
    return hook  # type: ignore[no-any-return]


def load_subscriber_class() -> type[RedisSubscriber]:
    """Return the class that ``WS4REDIS_SUBSCRIBER`` names."""
    return check_subscriber_class(_import("WS4REDIS_SUBSCRIBER", settings.WS4REDIS_SUBSCRIBER))


def _import(setting: str, path: str) -> Any:
    try:
        return import_string(path)
    except Exception as error:
        raise ConfigurationError(f"{setting} is {path!r}, which does not import: {error!r}.") from error


def call_hook(hook: Callable[..., Any], *args: Any) -> Any:
    """Call a sync or async hook from the handshake's thread; async ones run on the event loop."""
    result = hook(*args)
    if not inspect.isawaitable(result):
        return result

    async def wait() -> Any:
        return await result

    return async_to_sync(wait)()
