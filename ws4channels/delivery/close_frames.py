"""What stands in the close frames that outboxes send, and what says that there is nobody to send them to."""

from __future__ import annotations

CLOSE_ERROR = 1011
"""The close code for a failure of the server's."""

CLOSE_RESTART = 1012
"""The close code of a server that ends, and may be back in a moment."""

_MAX_REASON = 123  # bytes


def shortened(reason: str | None) -> str:
    """Return as much of a reason as fits into a close frame, in whole characters (RFC 6455, 5.5.1)."""
    return (reason or "").encode("utf-8")[:_MAX_REASON].decode("utf-8", "ignore")


def is_disconnect(error: Exception) -> bool:
    """Tell whether ``send`` failed because the client is gone: with OSError (ASGI), or autobahn's Disconnected."""
    return isinstance(error, OSError) or "Disconnected" in type(error).__name__
