"""What is wrong with ASGI_APPLICATION: not set, does not import, is no ASGI application, or serves no websockets."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.conf import settings as django_settings
from django.contrib.staticfiles.handlers import StaticFilesHandlerMixin
from django.core.checks import CheckMessage, Warning
from django.core.handlers.asgi import ASGIHandler
from django.utils.module_loading import import_string

from ws4channels.shown import error_on_one_line


def check_application(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the application that ``runserver`` serves. Imports the site's asgi.py."""
    path = getattr(django_settings, "ASGI_APPLICATION", None)
    package = str(getattr(django_settings, "ROOT_URLCONF", None) or "mysite.urls").partition(".")[0]
    if not path:
        return [_unset(package)]
    try:
        with _logging_as_it_is():
            application = import_string(path)
    except Exception as error:
        return [_unusable(path, f"does not import: {error_on_one_line(error)}", package)]
    if not _takes_scope_receive_and_send(application):
        text = f"is {application!r}; it must be an ASGI application, a callable that takes scope, receive and send"
        return [_unusable(path, text, package)]
    reason = _reason_why_no_websockets(application)
    return [] if reason is None else [_without_websockets(path, reason)]


@contextmanager
def _logging_as_it_is() -> Iterator[None]:
    """Let no ``django.setup()`` of an asgi.py configure logging again, which would disable loggers made since."""
    before = django_settings.LOGGING_CONFIG
    django_settings.LOGGING_CONFIG = None
    try:
        yield
    finally:
        django_settings.LOGGING_CONFIG = before


def _takes_scope_receive_and_send(application: Any) -> bool:
    if not callable(application):
        return False
    try:
        signature = inspect.signature(application)
    except (TypeError, ValueError):
        return True  # Something in C does not tell.
    # Servers take ASGI 2 applications too, which are called with the scope alone first.
    return any(_binds(signature, count) for count in (3, 1))


def _binds(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _reason_why_no_websockets(application: Any) -> str | None:
    """Return why an application serves no websockets, as far as it is known; None for others."""
    if isinstance(application, StaticFilesHandlerMixin):
        return _reason_why_no_websockets(application.application)
    if isinstance(application, ProtocolTypeRouter):
        return None if "websocket" in application.application_mapping else "a router without 'websocket'"
    # A subclass that has a method of its own there may serve websockets.
    is_django = type(application).__call__ is ASGIHandler.__call__
    return "Django's own application" if is_django else None


def _unset(package: str) -> CheckMessage:
    return Warning(
        "ASGI_APPLICATION is not set: runserver does not know what serves the websockets.",
        hint=f"Write ASGI_APPLICATION = '{package}.asgi.application', and make it in {package}/asgi.py: "
        "application = ws4channels.asgi.get_asgi_application().",
        id="ws4channels.W009",
    )


def _unusable(path: object, reason: str, package: str) -> CheckMessage:
    return Warning(
        f"ASGI_APPLICATION is {path!r}, which {reason}.",
        hint=f"Name what your asgi.py makes, such as '{package}.asgi.application': runserver serves nothing until it "
        "imports.",
        id="ws4channels.W011",
    )


def _without_websockets(path: str, reason: str) -> CheckMessage:
    file = path.rpartition(".")[0].replace(".", "/")
    return Warning(
        f"ASGI_APPLICATION is {path!r}, which is {reason}: runserver serves no websockets.",
        hint=f"Write in {file}.py: from ws4channels.asgi import get_asgi_application, instead of from "
        "django.core.asgi; or add 'websocket' to your router as docs/routing-and-asgi.md shows.",
        id="ws4channels.W012",
    )
