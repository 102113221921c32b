"""What this package raises: one base class, and each error is a standard type as well.

``WebSocketError``, ``FrameTooLargeException``, ``HandshakeError`` and ``UpgradeRequiredError`` carry the
names that sites import from the original; code that catches them keeps working.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import BadHeaderError
from redis.exceptions import ResponseError

__all__ = [
    "AudienceTypeError",
    "AudienceValueError",
    "ClosingTypeError",
    "ClosingValueError",
    "ConfigurationError",
    "FrameTooLargeException",
    "HandshakeError",
    "MessageTypeError",
    "MessageValueError",
    "TicketTypeError",
    "TicketValueError",
    "TooManyKeys",
    "TooManySockets",
    "UpgradeRequiredError",
    "WebSocketError",
    "Ws4ChannelsError",
]


class Ws4ChannelsError(Exception):
    """Base of every error that this package defines."""


class ConfigurationError(Ws4ChannelsError, ImproperlyConfigured):
    """A setting has a value that cannot work; the text names it, shows it and says what is valid."""


class AudienceTypeError(Ws4ChannelsError, TypeError):
    """An audience argument of a publisher is unknown or has the wrong type."""


class AudienceValueError(Ws4ChannelsError, ValueError):
    """An audience argument of a publisher has the right type and a value that cannot be meant."""


class MessageTypeError(Ws4ChannelsError, TypeError):
    """What was to be published is neither text nor bytes, or its expiry is no number of seconds."""


class MessageValueError(Ws4ChannelsError, ValueError):
    """What was to be published has the right type and a value that cannot be delivered."""


class ClosingTypeError(Ws4ChannelsError, TypeError):
    """What is to be closed was not said, or not in a way that names anything."""


class ClosingValueError(Ws4ChannelsError, ValueError):
    """A close code is none that a server may send."""


class TicketTypeError(Ws4ChannelsError, TypeError):
    """An argument of `create_ticket` has the wrong type, as an anonymous user has."""


class TicketValueError(Ws4ChannelsError, ValueError):
    """An argument of `create_ticket` has the right type and a value that cannot be meant."""


class RedisRefusal(Ws4ChannelsError, ResponseError):
    """Redis answered and refused: it is full or read-only, or its user has no right to a command or key.

    `is_delivered` tells of a message that was to be published whether those who listen received it all the same.
    """

    is_delivered = False

    @classmethod
    def of(cls, command: str, keys: Sequence[str], error: Exception, is_delivered: bool = False) -> RedisRefusal:
        """Return the error for a command on `keys` that Redis refused with `error`."""
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        delivered = " The message was sent to those who listen, and is not kept." if is_delivered else ""
        refusal = cls(f"Redis refuses {command} {keys[0]!r}{more}: {error}.{delivered}")
        refusal.is_delivered = is_delivered
        return refusal


class TooManyKeys(Ws4ChannelsError, PermissionDenied):
    """A client would subscribe or publish to more keys than ``WS4CHANNELS_MAX_KEYS``."""


class TooManySockets(Ws4ChannelsError, PermissionDenied):
    """A session or an address has as many websockets as it may."""


class WebSocketError(Ws4ChannelsError, OSError):
    """A websocket that is open met a problem."""


class FrameTooLargeException(WebSocketError):
    """A client sent a frame above ``WS4CHANNELS_MAX_MESSAGE_SIZE``."""


class HandshakeError(Ws4ChannelsError, BadHeaderError):
    """A request to open a websocket is malformed."""


class UpgradeRequiredError(HandshakeError):
    """A plain HTTP request came where only websockets are served."""
