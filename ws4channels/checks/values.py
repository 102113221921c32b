"""What is wrong with the settings of this package, each by itself: values, dotted paths, connections, names."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from ws4channels import connections, settings
from ws4channels.access.hooks import load_hook, load_subscriber_class
from ws4channels.origins import problem_with
from ws4channels.subscriber import RedisSubscriber
from ws4channels.transports.configured import get_publishing_transports, get_transport

_UNCALLED_HOOKS = ("parse_response", "get_file_descriptor")


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the settings. Connects to nothing."""
    values = list(_check_values())
    if values:
        return [*values, *_check_names()]
    return [*_check_origins(), *_check_paths(), *_check_connections(), *_check_names()]


def _check_values() -> Iterator[CheckMessage]:
    for setting, error in settings.read_all():
        if error is not None:
            yield Error(str(error), hint=f"{setting.meaning}", id="ws4channels.E001")


def _check_origins() -> Iterator[CheckMessage]:
    for pattern in settings.WS4CHANNELS_ALLOWED_ORIGINS:
        problem = problem_with(pattern)
        if problem is not None:
            text = f"WS4CHANNELS_ALLOWED_ORIGINS lists {pattern!r}, which no origin can match: {problem}."
            yield Error(text, hint="List what browsers send as the header Origin.", id="ws4channels.E001")


def _check_paths() -> Iterator[CheckMessage]:
    for name in ("WS4REDIS_ALLOWED_CHANNELS", "WS4REDIS_PROCESS_REQUEST"):
        try:
            load_hook(name)
        except ImproperlyConfigured as error:
            yield Error(str(error), hint="Until it imports, every websocket is refused.", id="ws4channels.E002")
    try:
        subscriber_class = load_subscriber_class()
    except ImproperlyConfigured as error:
        yield Error(str(error), hint="Until it imports, every websocket is refused.", id="ws4channels.E002")
    else:
        yield from _check_subscriber(subscriber_class)


def _check_subscriber(subscriber_class: type[RedisSubscriber]) -> Iterator[CheckMessage]:
    for name in _UNCALLED_HOOKS:
        if getattr(subscriber_class, name) is not getattr(RedisSubscriber, name):
            yield Warning(
                f"{subscriber_class.__qualname__}.{name}() is not called: websockets have no Redis connections.",
                hint="Remove it. To change or withhold messages, do so where they are published.",
                id="ws4channels.W002",
            )


def _check_connections() -> Iterator[CheckMessage]:
    try:
        connections.build_sync_client(settings.WS4REDIS_CONNECTION)
        transport, publishing_to = get_transport(), get_publishing_transports()
    except ImproperlyConfigured as error:
        yield Error(str(error), hint="Nothing can be published or received until then.", id="ws4channels.E003")
        return
    if transport not in publishing_to:
        yield Warning(
            f"WS4CHANNELS_PUBLISH_TO is {settings.WS4CHANNELS_PUBLISH_TO!r}, without "
            f"{settings.WS4CHANNELS_TRANSPORT!r}, to which websockets listen here.",
            hint="Add it, unless this process has no websockets: what it publishes does not reach its own.",
            id="ws4channels.W010",
        )


def _check_names() -> Iterator[CheckMessage]:
    for name in dir(django_settings):
        if name.startswith(("WS4REDIS_", "WS4CHANNELS_")) and name not in settings.SETTINGS:
            # What follows the prefix counts: the prefix alone would make any two names alike.
            rests = {known.partition("_")[2]: known for known in settings.SETTINGS}
            nearest = get_close_matches(name.partition("_")[2], rests, n=1)
            hint = f"Did you mean {rests[nearest[0]]}?" if nearest else "docs/settings.md lists the settings there are."
            yield Warning(f"There is no setting {name}.", hint=hint, id="ws4channels.W001")
