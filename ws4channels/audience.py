"""Audience, name and facility → Redis key → channel-layer group. Pure, and injective at each step.

A key reads ``[PREFIX:]broadcast:FACILITY`` or ``[PREFIX:]AUDIENCE:NAME:FACILITY`` with the audience one of
``user``, ``group`` and ``session``. It is byte-identical to the original's, except where the original's is
ambiguous: a name that holds a colon is percent-encoded.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from ws4channels import settings
from ws4channels.exceptions import AudienceValueError

BROADCAST = "broadcast"
NAMED_AUDIENCES = ("session", "user", "group")
AUDIENCES = (*NAMED_AUDIENCES, BROADCAST)
"""All audiences, in the order in which ``fetch_message(…, "any")`` looks for a kept message."""

GROUP_PREFIX = "ws4channels."

_ORDERS = "ws4channels:orders"

# A colon, or what encoding a colon any number of times gives. Encoding the second kind as well is what keeps
# two different names apart: without it "a:b" and "a%3Ab" would share a key.
_NEEDS_ENCODING = re.compile(r":|%(?:25)*3A")


def encode_name(name: str) -> str:
    """Return `name` as it stands in keys: without colons, and different for different names."""
    if ":" not in name and "%" not in name:
        return name
    if _NEEDS_ENCODING.search(name) is None:
        return name
    return name.replace("%", "%25").replace(":", "%3A")


def build_key(prefix: str | None, audience: str, name: object, facility: str) -> str:
    """Return the Redis key of one audience of one facility.

    `name` is the user's, group's or session's, formatted with ``str()``; ``broadcast`` has none. Raises
    AudienceValueError for an unknown audience.
    """
    lead = f"{prefix}:" if prefix else ""
    if audience == BROADCAST:
        return f"{lead}{BROADCAST}:{facility}"
    if audience not in NAMED_AUDIENCES:
        raise AudienceValueError(f"audience is {audience!r}; it must be one of {', '.join(map(repr, AUDIENCES))}.")
    return f"{lead}{audience}:{encode_name(str(name))}:{facility}"


def orders_key(prefix: str | None) -> str:
    """Return the key that all server processes of a site listen to, and no client.

    It begins with the name of no audience, so `build_key` never gives it.
    """
    return f"{prefix}:{_ORDERS}" if prefix else _ORDERS


def group_of(key: str) -> str:
    """Return the channel-layer group of a key.

    Channels allows groups fewer than 100 characters out of ASCII letters, digits, ``-``, ``_`` and ``.``; keys
    hold anything, so the group is a digest of the key (160 bits).
    """
    return GROUP_PREFIX + blake2b(key.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def group_name(audience: str, name: object = "", *, facility: str) -> str:
    """Return the channel-layer group in which a site's own consumers receive what is published to an audience.

    >>> await channel_layer.group_add(group_name("user", "mary", facility="chat"), self.channel_name)

    The consumer gets each message in its method ``ws4channels_message(self, event)``.
    """
    return group_of(build_key(settings.WS4REDIS_PREFIX, audience, name, facility))
