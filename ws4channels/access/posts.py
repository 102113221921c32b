"""Publish what clients post, who read an event stream and can send nothing on it.

    POST /ws/FACILITY?publish-broadcast
    X-CSRFToken: TOKEN

Handshake, limits and publishing are those of a websocket that sends one message.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings as django_settings

from ws4channels import settings
from ws4channels.access import custom_subscribers, refusals
from ws4channels.access.csrf import check_csrf
from ws4channels.access.handshake import Agreement, negotiate
from ws4channels.access.limits import MessageRate
from ws4channels.access.threads import run_in_thread
from ws4channels.access.tickets import given_ticket
from ws4channels.connections import UNREACHABLE
from ws4channels.connections.deadlines import within
from ws4channels.delivery.hub import Hub
from ws4channels.delivery.open_sockets import network_of
from ws4channels.exceptions import RedisRefusal
from ws4channels.settings import MEBIBYTE

BODY_SECONDS = 30.0
"""How long a client may take to send a body, which is a mebibyte at most unless the site allows more."""

_REMEMBERED = 10_000
"""How many clients' rates are known; who has not posted for longest is forgotten first."""

NOT_AGREED = b"Nothing may be published here: no publish-... of the address is allowed.\n"
EMPTY = b"The body is empty.\n"
NOT_UTF8 = b"The body is not UTF-8; bytes need the content type application/octet-stream.\n"

Answer = tuple[int, bytes]
"""Status and text."""

_Receive = Callable[[], Awaitable[dict[str, Any]]]


class _Rejected(Exception):
    """What is wrong with a post, other than who sends it."""

    def __init__(self, status: int, text: bytes = b"") -> None:
        super().__init__(status)
        self.answer = (status, text)


class _Gone(Exception):
    """The client left before the end of its body."""


class Posts:
    """Publishes what is posted, and knows how fast each client posts.

    Of bodies that have not ended yet, up to `most_reading` bytes are held, of all clients together.
    """

    def __init__(self, most_reading: int = 64 * MEBIBYTE) -> None:
        self._most_reading = most_reading
        self._reading = 0
        """Bytes of bodies that have not ended."""
        self._rates: OrderedDict[tuple[str | None, str | None], MessageRate] = OrderedDict()

    async def take(self, scope: Any, receive: _Receive, hub: Hub) -> Answer | None:
        """Publish the body of a request; return what to answer, or None if the client has gone."""
        agreement: Agreement | None = None
        try:
            agreement, request = await negotiate(scope, hub.threads, load_user=True)
            await _check_forgery(scope, request, hub)
            self._check(scope, agreement)
            await _publish(hub, agreement, await self._read_in_time(scope, receive))
        except _Gone:
            return None
        except _Rejected as error:
            return error.answer
        except UNREACHABLE as error:
            refusals.note_unpublished(error)
            return 503, b""
        except Exception as error:
            return _refuse(scope, error)
        finally:
            if agreement is not None:
                await custom_subscribers.release(hub, agreement)
        return 204, b""

    def _check(self, scope: Any, agreement: Agreement) -> None:
        if not custom_subscribers.may_publish(agreement):
            raise _Rejected(403, NOT_AGREED)
        if not self._rate_of(scope, agreement).allows(time.monotonic()):
            refusals.note_too_many_posts(scope)
            raise _Rejected(429)

    def _rate_of(self, scope: Any, agreement: Agreement) -> MessageRate:
        """Return the rate of a user, or of all anonymous clients of one address: no connection tells them apart."""
        user = agreement.user
        who = (user, None if user is not None else network_of(scope.get("client")))
        if who not in self._rates:
            self._rates[who] = MessageRate(settings.WS4CHANNELS_MAX_MESSAGES_PER_SECOND, time.monotonic())
            if len(self._rates) > _REMEMBERED:
                self._rates.popitem(last=False)
        self._rates.move_to_end(who)
        return self._rates[who]

    async def _read_in_time(self, scope: Any, receive: _Receive) -> bytes:
        pieces: list[bytes] = []
        try:
            await within(BODY_SECONDS, self._read(scope, receive, pieces))
        except asyncio.TimeoutError:
            raise _Rejected(408) from None
        finally:
            self._reading -= sum(map(len, pieces))
        return _checked(scope, b"".join(pieces))

    async def _read(self, scope: Any, receive: _Receive, pieces: list[bytes]) -> None:
        """Read the body, no further than ``WS4CHANNELS_MAX_MESSAGE_SIZE``, whatever its headers say."""
        most: int = settings.WS4CHANNELS_MAX_MESSAGE_SIZE
        size, is_whole = 0, False
        while not is_whole:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise _Gone
            piece = event.get("body", b"")
            size += len(piece)
            if size > most:
                refusals.note_too_large(size, scope)
                raise _Rejected(413)
            if self._reading + len(piece) > self._most_reading:
                refusals.note_too_many_bodies(scope)
                raise _Rejected(503)
            pieces.append(piece)
            self._reading += len(piece)
            is_whole = not event.get("more_body")


async def _check_forgery(scope: Any, request: Any, hub: Hub) -> None:
    # Other sites' pages can have a browser send its cookies, and no ticket, which they do not know. A ticket that comes
    # with cookies proves nothing: it may be the other site's own, and the session a victim's.
    has_cookies = any(name == b"cookie" for name, _ in scope["headers"])
    if not has_cookies and given_ticket(request) is not None:
        return
    if django_settings.CSRF_USE_SESSIONS:
        await run_in_thread(hub.threads, check_csrf, scope, request.session)
    else:
        check_csrf(scope, request.session)


def _checked(scope: Any, raw: bytes) -> bytes:
    """Return a body that can be a message: as with websockets, text is UTF-8 and nothing is no message."""
    if not raw:
        raise _Rejected(400, EMPTY)
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if kind.lower().startswith(b"text/"):
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            raise _Rejected(400, NOT_UTF8) from None
    return raw


async def _publish(hub: Hub, agreement: Agreement, raw: bytes) -> None:
    try:
        await custom_subscribers.publish(hub, agreement, raw)
    except RedisRefusal as error:
        refusals.note_refused_by_redis(error)
        if not error.is_delivered:
            raise _Rejected(503) from None


def _refuse(scope: Any, error: Exception) -> Answer:
    if refusals.is_refusal(error):
        refusals.note_refusal(scope, error)
        return 403, b""
    refusals.note_failure(scope, error)
    return 500, b"Internal Server Error"
