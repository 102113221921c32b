"""Helpers for a site's own tests: record what is published without a Redis, and open websockets as a user."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import quote

from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from ws4channels import settings
from ws4channels.asgi import get_asgi_application
from ws4channels.audience import MEMBEROF, build_key
from ws4channels.redis_store import RedisStore, encode_message
from ws4channels.shown import on_one_line
from ws4channels.transports import publishing
from ws4channels.transports.messages import Publication, to_payload

__all__ = ["FacilityCommunicator", "Published", "capture_published"]


class Published(list[Publication]):
    """What was published, first to last. Each item has ``keys``, ``raw`` (bytes) and ``expire`` (seconds)."""

    def messages(self, audience: str, name: object = "", *, facility: str) -> list[bytes]:
        """Return the messages published to one audience of a facility.

        >>> published.messages("user", "mary", facility="chat")
        [b'hello']
        """
        return self._messages_with({_key_of(audience, name, facility)})

    def messages_to(self, publisher: RedisStore) -> list[bytes]:
        """Return the messages published to all that `publisher` publishes to, whatever audiences its class has.

        >>> published.messages_to(RoomPublisher(facility="chat", rooms=["kitchen"]))
        [b'Tea?']
        """
        return self._messages_with(publisher._publishers)

    def assert_published(self, message: str | bytes, audience: str, name: object = "", *, facility: str) -> None:
        """Raise AssertionError unless `message` was published to that audience; its text has all that was published.

        >>> published.assert_published("hello", "user", "mary", facility="chat")
        """
        raw = encode_message(message)
        if raw not in self.messages(audience, name, facility=facility):
            raise AssertionError(
                f"{on_one_line(to_payload(raw))!r} was not published to {_key_of(audience, name, facility)}. {self}"
            )

    def _messages_with(self, keys: set[str]) -> list[bytes]:
        return [publication.raw for publication in self if keys <= set(publication.keys)]

    def __str__(self) -> str:
        if not self:
            return "Nothing was published."
        lines = [f"  {', '.join(sorted(each.keys))}: {on_one_line(to_payload(each.raw))}" for each in self]
        return "\n".join(["Published were:", *lines])


def _key_of(audience: str, name: object, facility: str) -> str:
    return build_key(settings.WS4REDIS_PREFIX, audience, name, facility)


@contextmanager
def capture_published() -> Iterator[Published]:
    """Record what this process publishes, in any thread, instead of publishing it. Needs neither Redis nor a layer.

    >>> with capture_published() as published:
    ...     client.post("/chat/", {"text": "hello"})
    >>> assert published.messages("broadcast", facility="chat") == [b"hello"]
    """
    published = Published()
    publishing.recorders.append(published)
    try:
        yield published
    finally:
        # Not by remove(), which takes the first list that is equal.
        publishing.recorders[:] = [recorder for recorder in publishing.recorders if recorder is not published]


class FacilityCommunicator(WebsocketCommunicator):  # type: ignore[misc]
    """A client of one facility, to be used as an async context manager, which connects and disconnects.

    >>> async with FacilityCommunicator("chat", "subscribe-user", "publish-user", user=mary) as client:
    ...     await client.send_to("hello")
    ...     assert await client.receive_from() == "hello"

    `channels` are the names that a browser writes into the URL, ``echo`` included. `user` is signed in with a session
    of its own; `groups` are what that session remembers as the user's groups, by default those of Django's.
    `application` is the site's, by default that of ``ws4channels.asgi.get_asgi_application()``; `headers` and
    `subprotocols` are as WebsocketCommunicator's.
    """

    def __init__(
        self,
        facility: str,
        *channels: str,
        user: Any = None,
        groups: Iterable[str] | None = None,
        application: Any = None,
        headers: Iterable[tuple[bytes, bytes]] = (),
        subprotocols: Iterable[str] = (),
    ) -> None:
        path = f"{settings.WEBSOCKET_URL}{quote(facility)}?{'&'.join(channels)}"
        super().__init__(application or get_asgi_application(), path, list(headers), list(subprotocols))
        self._user = user
        self._groups = groups

    async def __aenter__(self) -> FacilityCommunicator:
        headers = self.scope["headers"]
        if not any(name.lower() == b"host" for name, _ in headers):
            headers.append((b"host", b"testserver"))
        if self._user is not None:
            headers.append((b"cookie", await self._session_cookie()))
        with _logged() as reasons:
            accepted, code = await self.connect(timeout=5)
        if not accepted:
            why = "".join(f" {reason}" for reason in reasons)
            raise ConnectionError(f"The websocket to {self.scope['path']} was refused with close code {code}.{why}")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        # Channels' communicator ends the application after a timeout; then the test gets the TimeoutError.
        if not self.future.done():
            await self.disconnect(timeout=5)

    async def _session_cookie(self) -> bytes:
        session = await database_sync_to_async(_signed_in_session)(self._user, self._groups)
        return f"{django_settings.SESSION_COOKIE_NAME}={session.session_key}".encode()


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Yield a list that receives the warnings and errors of this package, which say why a websocket is refused."""
    handler = _Listing(logging.WARNING)
    logger = logging.getLogger("ws4channels")
    logger.addHandler(handler)
    try:
        yield handler.messages
    finally:
        logger.removeHandler(handler)


class _Listing(logging.Handler):
    """Keeps the texts of log records."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.messages.append(record.getMessage())


def _signed_in_session(user: Any, groups: Iterable[str] | None) -> Any:
    session = import_module(django_settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = user._meta.pk.value_to_string(user)
    session[BACKEND_SESSION_KEY] = django_settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    if groups is None:
        groups = [group.name for group in user.groups.all()] if hasattr(user, "groups") else []
    session[MEMBEROF] = list(groups)
    session.save()
    return session
