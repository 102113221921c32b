"""Rules as sites write them, on a bad day: the facility's first word says what happens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model

from tests.live.site.hooks import SECRET
from ws4channels.publisher import RedisPublisher
from ws4channels.subscriber import facility_of

LONGEST = 60
"""Seconds after which a hook that nobody lets go ends by itself."""


def allow_channels(request: Any, channels: Iterable[str]) -> list[str]:
    """Wait to be let go for ``waiting…``, fail for ``failing…``, and ask a database that is down for ``database…``."""
    facility = facility_of(request)
    if facility.startswith("waiting"):
        redis = RedisPublisher()._connection
        redis.rpush(f"began:{facility}", 1)
        # Not one blocking command: the client's own time limit is shorter.
        for _ in range(LONGEST):
            if redis.blpop([f"go:{facility}"], timeout=1):
                break
    elif facility.startswith("failing"):
        raise LookupError(SECRET)
    elif facility.startswith("database"):
        get_user_model().objects.using("down").count()
    return list(channels)
