"""Limit the messages per second and the keys of one client.

Each limit has a setting, and None there turns it off. ``delivery.open_sockets`` limits the number of websockets.
"""

from __future__ import annotations

from collections.abc import Sized

from ws4channels import settings
from ws4channels.exceptions import TooManyKeys

BURST_SECONDS = 10.0
"""So many seconds' worth of messages may come at once: a page sends in one go what it queued while it was offline."""


class MessageRate:
    """Tell whether one client sends too fast. A token bucket without a timer."""

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float | None, now: float) -> None:
        self._rate = rate
        self._most = self._left = max((rate or 0) * BURST_SECONDS, 1.0)
        self._at = now

    def allows(self, now: float) -> bool:
        """Count one message that came at `now`, in seconds of a monotonic clock; tell whether it is within the rate."""
        rate = self._rate
        if rate is None:
            return True
        self._left = min(self._left + (now - self._at) * rate, self._most) - 1
        self._at = now
        return self._left >= 0


def check_keys(subscribe_keys: Sized, publish_keys: Sized) -> None:
    """Raise TooManyKeys if one socket is to have more of either than ``WS4CHANNELS_MAX_KEYS``."""
    most: int | None = settings.WS4CHANNELS_MAX_KEYS
    if most is None:
        return
    for verb, keys in (("subscribe", subscribe_keys), ("publish", publish_keys)):
        if len(keys) > most:
            raise TooManyKeys(f"The client would {verb} to {len(keys)} keys; WS4CHANNELS_MAX_KEYS is {most}.")
