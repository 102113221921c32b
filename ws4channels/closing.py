"""Closing websockets from any code: those of a user, a session or a facility, in all server processes.

>>> from ws4channels.closing import close_sockets
>>> close_sockets(user=mary)

A close command is published to a key that every process with websockets listens to. It is signed with ``SECRET_KEY``,
so that nobody who finds a way to publish to that key can close anything, and it names sessions by a digest.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from django.core.signing import BadSignature, Signer
from django.utils.asyncio import async_unsafe

from ws4channels import connections, settings
from ws4channels.audience import close_commands_key
from ws4channels.exceptions import ClosingTypeError, ClosingValueError
from ws4channels.transports import publishing
from ws4channels.transports.messages import Payload, Publication

__all__ = ["aclose_sockets", "close_sockets"]

logger = logging.getLogger(__name__)

CLOSE_SIGNED_OUT = 4401
"""The close code of a client that was signed out, or whose websocket the site's code closed."""

_SALT = "ws4channels.closing"
_CODES_FOR_SERVERS = frozenset([*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)])  # RFC 6455, 7.4


@dataclass(frozen=True)
class CloseCommand:
    """Which websockets to close: those for which all that is not None holds."""

    user: str | None = None
    session: str | None = None
    """The session's `session_mark`."""
    facility: str | None = None
    code: int = CLOSE_SIGNED_OUT
    is_final: bool = False
    """Whether the session is over, so that no websocket of it may open any more."""

    def concerns(self, user: str | None, session: str | None, facility: str) -> bool:
        """Tell whether a websocket of that user, session and facility is to be closed."""
        return self.session in (None, session) and self.user in (None, user) and self.facility in (None, facility)

    def publication(self) -> Publication:
        """Return the command as it is published."""
        signed = Signer(salt=_SALT).sign_object(asdict(self))
        return Publication((close_commands_key(settings.WS4REDIS_PREFIX),), signed.encode("ascii"), 0)


def read_close_command(payload: Payload) -> CloseCommand | None:
    """Return the close command in `payload`, or None if no process of this site sent it."""
    try:
        return CloseCommand(**Signer(salt=_SALT).unsign_object(str(payload)))
    except (BadSignature, TypeError):
        # TypeError: a command of another version of this package.
        return None


def session_mark(session_key: str) -> str:
    """Return what stands for a session in close commands: a digest, because the key itself signs its owner in."""
    return blake2b(session_key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@async_unsafe(
    "close_sockets() waits for Redis and must not be called in a thread that runs an event loop: "
    "await aclose_sockets() instead."
)
def close_sockets(*, user: Any = None, session: Any = None, facility: Any = None, code: int = CLOSE_SIGNED_OUT) -> None:
    """Close the websockets of a user, a session or a facility, in all server processes.

    Where several are given, those are closed to which all apply. `user` is a user or a username; `session` a session or
    a session key; `facility` is what follows ``WEBSOCKET_URL``. `code` is the close code: 1000 to 1003, 1007 to 1014,
    or 3000 to 4999. Clients are free to come back; the site's rules say what they may do then. Returns when the
    command is sent.

    Raises ClosingTypeError (a TypeError) where nothing is said of what to close, ClosingValueError (a ValueError) for
    other codes, and ``redis.exceptions.ConnectionError`` if Redis does not answer. Raises SynchronousOnlyOperation in a
    thread that runs an event loop: await `aclose_sockets` there.
    """
    send_close_command(build_close_command(user, session, facility, code))


async def aclose_sockets(
    *, user: Any = None, session: Any = None, facility: Any = None, code: int = CLOSE_SIGNED_OUT
) -> None:
    """Do as `close_sockets`, from async code."""
    command = build_close_command(user, session, facility, code)
    if command is not None and not publishing.recorders:
        await publishing.apublish(command.publication())


def send_close_command(command: CloseCommand | None) -> None:
    """Send a close command, if there is one, from a thread without an event loop."""
    # capture_published() does not record close commands: they are not the site's messages.
    if command is not None and not publishing.recorders:
        publishing.publish(command.publication(), connections.sync_client())


def build_session_end(session_key: str) -> CloseCommand:
    """Return the command that closes a session's websockets and lets none of it be opened any more."""
    return CloseCommand(session=session_mark(session_key), is_final=True)


def build_close_command(user: Any, session: Any, facility: Any, code: int) -> CloseCommand | None:
    """Return the command for the arguments of `close_sockets`; None where they name nobody, as anonymous users do."""
    if code not in _CODES_FOR_SERVERS:
        raise ClosingValueError(f"code is {code!r}; it must be 1000 to 1003, 1007 to 1014, or 3000 to 4999.")
    if user is None and session is None and facility is None:
        raise ClosingTypeError("close_sockets() needs at least one of user, session and facility.")
    if user is not None:
        user = str(user.get_username() if hasattr(user, "get_username") else user)
    if session is not None:
        key = session.session_key if hasattr(session, "session_key") else str(session)
        session = session_mark(key) if key else ""
    if "" in (user, session):
        return None
    return CloseCommand(user, session, None if facility is None else str(facility), code)
