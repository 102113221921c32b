"""Why websockets and event streams are refused or closed by the server: close codes, counts, and one log line each.

The reason is for the log only. A client is sent a code and no text.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from channels.exceptions import DenyConnection
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404

from ws4channels import settings
from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.counters import counts
from ws4channels.exceptions import AudienceValueError, RedisRefusal, TooManyKeys, TooManySockets
from ws4channels.shown import error_on_one_line, on_one_line

# Expected errors are logged as texts: a handler that keeps its records would keep a whole websocket with each.
logger = logging.getLogger(__name__)

CLOSE_TOO_FAST = 1008
CLOSE_TOO_LARGE = 1009
CLOSE_UNREACHABLE = 1013
CLOSE_SLOW = 4008
CLOSE_REFUSED = 4403

_REFUSALS = (
    *(PermissionDenied, SuspiciousOperation, Http404, DenyConnection),
    *(AudienceValueError, RedisRefusal),
)
_STATUS_CODES_OF_REFUSALS = (401, 403, 404)

_MAX_PATH = 200
"""Characters of a path that is too long, in the log."""

_KINDS = {"http": "an event stream", "websocket": "a websocket"}

_outage = LogThrottle()
_flood = LogThrottle()
_bodies = LogThrottle()


def kind_of(scope: Mapping[str, Any]) -> str:
    """Return what a client opens or posts, for log lines."""
    return "a message" if scope.get("method") == "POST" else _KINDS[scope.get("type", "websocket")]


def _outage_level() -> int:
    """Return the log level for a client that an outage affects: ERROR for the first, WARNING for the others."""
    return logging.ERROR if _outage.is_first() else logging.WARNING


def is_refusal(error: Exception) -> bool:
    """Tell whether `error` refuses the client, and does not mean that something went wrong.

    These are PermissionDenied, SuspiciousOperation, Http404, DenyConnection of Channels, and all with a ``status_code``
    of 401, 403 or 404, as those of Django REST framework and of token libraries; and of ours, those for names that
    cannot be used or that Redis refuses.
    """
    return isinstance(error, _REFUSALS) or getattr(error, "status_code", None) in _STATUS_CODES_OF_REFUSALS


def note_refusal(scope: Mapping[str, Any], error: Exception) -> None:
    """Note that a handshake is refused."""
    counts["refused"] += 1
    if isinstance(error, TooManyKeys):
        counts["too_many_keys"] += 1
    elif isinstance(error, TooManySockets):
        counts["too_many_sockets"] += 1
    logger.warning("Refused %s to %s: %s", kind_of(scope), on_one_line(scope["path"]), error_on_one_line(error))


def note_failure(scope: Mapping[str, Any], error: Exception) -> None:
    """Note that a handshake fails because of an error in the site's code or its settings; logs the traceback."""
    what = kind_of(scope).capitalize()
    logger.error("%s to %s failed: %s", what, on_one_line(scope["path"]), type(error).__name__, exc_info=error)


def note_dropped(scope: Mapping[str, Any], dropped: Mapping[str, str]) -> None:
    """Note that a websocket is opened without some of the channels that it asked for, each with its reason."""
    if dropped:
        reasons = ", ".join(f"{channel} ({reason})" for channel, reason in dropped.items())
        logger.info("Opened %s to %s without %s", kind_of(scope), on_one_line(scope["path"]), reasons)


def note_too_large_handshake(scope: Mapping[str, Any], reason: str) -> None:
    """Note that a handshake is refused because of its size."""
    counts["refused"] += 1
    logger.warning("Refused %s to %s: %s.", kind_of(scope), on_one_line(scope["path"])[:_MAX_PATH], reason)


def note_unserved(server: str, error: BaseException, what: str = "a new websocket") -> None:
    """Note that a handshake fails because `server` does not answer."""
    counts["redis_failures"] += 1
    logger.log(_outage_level(), "Closed %s, because %s does not answer: %s", what, server, str(error))


def note_unpublished(error: BaseException) -> None:
    """Note that a client's message could not be published."""
    counts["redis_failures"] += 1
    logger.log(_outage_level(), "Could not publish a client's message: Redis does not answer: %s", str(error))


def note_refused_by_redis(error: Exception) -> None:
    """Note that Redis refuses to keep or to send a client's message."""
    counts["messages_refused"] += 1
    logger.log(_outage_level(), "A client's message was refused: %s", str(error))


def note_too_large(size: int, posted_to: Mapping[str, Any] | None = None) -> None:
    """Note that a client is closed because of a message of `size` bytes, or that such a post is refused."""
    counts["too_large"] += 1
    action = "Closed a websocket" if posted_to is None else f"Refused a message to {on_one_line(posted_to['path'])}"
    most = settings.WS4CHANNELS_MAX_MESSAGE_SIZE
    logger.warning("%s whose client sent %s bytes; WS4CHANNELS_MAX_MESSAGE_SIZE is %s.", action, size, most)


def note_too_fast(scope: Mapping[str, Any]) -> None:
    """Note that a client is closed because it sends too many messages."""
    counts["too_many_messages"] += 1
    logger.warning(
        "Closed a websocket to %s whose client sent too many messages; WS4CHANNELS_MAX_MESSAGES_PER_SECOND is %s.",
        on_one_line(scope["path"]),
        settings.WS4CHANNELS_MAX_MESSAGES_PER_SECOND,
    )


def note_too_many_posts(scope: Mapping[str, Any]) -> None:
    """Note that a client's message is refused because it posts too many."""
    counts["too_many_messages"] += 1
    logger.log(
        # A post that is refused does not end the flood, as the end of a websocket does.
        logging.WARNING if _flood.is_first() else logging.DEBUG,
        "Refused a message to %s whose client posts too many; WS4CHANNELS_MAX_MESSAGES_PER_SECOND is %s.",
        on_one_line(scope["path"]),
        settings.WS4CHANNELS_MAX_MESSAGES_PER_SECOND,
    )


def note_too_many_bodies(scope: Mapping[str, Any]) -> None:
    """Note that a client's message is refused because many clients are sending large ones."""
    counts["too_many_messages"] += 1
    level = logging.WARNING if _bodies.is_first() else logging.DEBUG
    logger.log(level, "Refused a message to %s: too many are being received at once.", on_one_line(scope["path"]))


def note_slow(dropped: int, what: str = "a websocket") -> None:
    """Note that a client is closed because it does not read, and that `dropped` messages go with it."""
    counts["slow_clients_closed"] += 1
    counts["messages_dropped"] += dropped
    logger.warning("Closed %s whose client did not keep up; %s messages were dropped.", what, dropped)
