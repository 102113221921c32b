"""How much one client may take: messages per second, keys, and websockets of one session or one address.

Each limit has a setting, and None there turns it off. What a frame may weigh is ``WS4CHANNELS_MAX_MESSAGE_SIZE``'s.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sized
from typing import Any

from ws4channels import settings
from ws4channels.exceptions import TooManyKeys, TooManySockets

BURST_SECONDS = 10.0
"""How long a client may have been silent for what it sends at once: the messages that a browser's page queued while it
was offline come in one go."""

_NETWORK_BITS = 64  # what one customer is given of IPv6, at least


class MessageRate:
    """Whether one client sends too fast: a token bucket. Two numbers and a clock's time, no timer."""

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


def check_session(count: int) -> None:
    """Raise TooManySockets if a session that has `count` websockets may have no further one."""
    most: int | None = settings.WS4CHANNELS_MAX_SOCKETS_PER_SESSION
    if most is not None and count >= most:
        raise TooManySockets(
            f"The session has {count} websockets in this process; WS4CHANNELS_MAX_SOCKETS_PER_SESSION is {most}."
        )


def network_of(client: Any) -> str | None:
    """Return what counts as one client address: that of an ASGI scope's ``client``, or its IPv6 network.

    None where there is no address, as behind a unix socket without forwarded headers.
    """
    host = client[0] if client else None
    if not host or ":" not in host:
        return host or None
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return str(host)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))


class AddressCount:
    """How many websockets each client address has."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def enter(self, client: Any) -> str | None:
        """Count a websocket; return the address to give to `leave`, or None where nothing is counted.

        Raises TooManySockets if the address has ``WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS`` already.
        """
        most: int | None = settings.WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS
        address = None if most is None else network_of(client)
        if most is None or address is None:
            return None
        count = self._counts.get(address, 0)
        if count >= most:
            raise TooManySockets(
                f"{address} has {count} websockets in this process; WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS is {most}."
            )
        self._counts[address] = count + 1
        return address

    def leave(self, address: str | None) -> None:
        """Count one less."""
        if address is None:
            return
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]
