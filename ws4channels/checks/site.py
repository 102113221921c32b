"""What is wrong with the site around this package: apps, access, sessions, and what ws4redis left behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Info, Warning
from django.core.exceptions import ImproperlyConfigured

from ws4channels import settings
from ws4channels.access.hooks import load_subscriber_class
from ws4channels.shown import error_on_one_line
from ws4channels.subscriber import RedisSubscriber

_COMPATIBILITY = "ws4channels.compat"
_NEVER_COMPATIBLE = "WSGI_APPLICATION"
_LEFTOVER_PATH = re.compile(r"ws4redis(\.\w+)+")
_LEFTOVER_HINTS = {
    "INSTALLED_APPS": "Put 'daphne' first and 'channels' and 'ws4channels' in its place.",
    "WSGI_APPLICATION": "Remove it, or name your own wsgi.py; ASGI_APPLICATION is what serves websockets.",
}


def check_site(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with Django's own settings where this package needs them. Connects to nothing."""
    return [*_check_daphne(), *_check_access(), *_check_leftovers(), *_check_sessions()]


def _check_daphne() -> Iterator[CheckMessage]:
    # Daphne's own check, daphne.E001, reports it where it stands after staticfiles.
    if not apps.is_installed("daphne"):
        yield Warning(
            "'daphne' is not in INSTALLED_APPS: Django's runserver serves no websockets.",
            hint="Put it first, before 'django.contrib.staticfiles'. If another server, such as uvicorn, serves the "
            "site in development as well, silence this with SILENCED_SYSTEM_CHECKS.",
            id="ws4channels.W006",
        )


def _check_access() -> Iterator[CheckMessage]:
    if not _may_everybody_publish():
        return
    # Nobody but the developer can reach a site in development, so there it is worth knowing, no more.
    kind = Info if django_settings.DEBUG else Warning
    yield kind(
        "WS4REDIS_ALLOWED_CHANNELS is not set: every client may publish to every facility.",
        hint="Name a function f(request, channels) that returns those of the channels that the client may use, such as "
        "[each for each in channels if each.startswith('subscribe-')]. If everybody may publish, silence this with "
        "SILENCED_SYSTEM_CHECKS.",
        id="ws4channels.W007",
    )


def _may_everybody_publish() -> bool:
    try:
        if settings.WS4REDIS_ALLOWED_CHANNELS is not None:
            return False
        subscriber_class = load_subscriber_class()
    except ImproperlyConfigured:
        return False  # Then every websocket is refused, and check_settings() reports it.
    decides_itself = subscriber_class.set_pubsub_channels is not RedisSubscriber.set_pubsub_channels
    return bool(subscriber_class.publish_channels) and not decides_itself


def _check_leftovers() -> Iterator[CheckMessage]:
    spec = find_spec("ws4redis")
    is_ours = spec is not None and spec.origin == _COMPATIBILITY
    for name in sorted(set(dir(django_settings))):
        # Not Django's own defaults: reading some of them warns of their end.
        if name.isupper() and django_settings.is_overridden(name):
            kind = Info if is_ours and name != _NEVER_COMPATIBLE else Warning
            for leftover in sorted(set(_leftovers(name, getattr(django_settings, name)))):
                hint = _LEFTOVER_HINTS.get(name, f"Write '{leftover.replace('ws4redis', 'ws4channels', 1)}'.")
                yield kind(f"{name} names '{leftover}', of the original.", hint=hint, id="ws4channels.W008")


def _leftovers(setting: str, value: object) -> Iterator[str]:
    """Yield the modules of the original, and things in them, that a setting names, however deep in it."""
    if isinstance(value, str):
        # The name alone is somebody's prefix or database everywhere else.
        if _LEFTOVER_PATH.fullmatch(value) or (value == "ws4redis" and setting in ("INSTALLED_APPS", "LOGGING")):
            yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leftovers(setting, key)
            yield from _leftovers(setting, item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _leftovers(setting, item)


def _check_sessions() -> Iterator[CheckMessage]:
    try:
        # As a handshake does, and a step further: the serializer is used. Nothing is looked up or stored.
        import_module(django_settings.SESSION_ENGINE).SessionStore().encode({})
    except Exception as error:
        yield Error(
            f"SESSION_ENGINE is {django_settings.SESSION_ENGINE!r} and SESSION_SERIALIZER "
            f"{django_settings.SESSION_SERIALIZER!r}, which cannot be used: {error_on_one_line(error)}.",
            hint="Name an engine that imports, and remove SESSION_SERIALIZER or name one that this version of Django "
            "has: until then every websocket whose client sends a session cookie is refused with status 500.",
            id="ws4channels.E004",
        )
