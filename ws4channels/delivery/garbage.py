"""Python's garbage collector in a server process: runs less often, because what websockets hold lives long.

A collection of everything walks through Django and all websockets, 0.2 s for 3,000 of them, in which nothing is
delivered; with Python's own thresholds there are five of these while they connect. What a websocket leaves behind when
it ends is freed without the collector, but for a few objects of its handshake.
"""

from __future__ import annotations

import gc

from ws4channels import settings

_THRESHOLD = 10_000
"""Objects more than before, after which the youngest are looked through; Python's own default is 700 or 2,000."""


def collect_less_often() -> None:
    """Raise the collector's first threshold, unless it is higher already or 0, which turns the collector off."""
    first, *others = gc.get_threshold()
    if settings.WS4CHANNELS_TUNE_GARBAGE_COLLECTOR and 0 < first < _THRESHOLD:
        gc.set_threshold(_THRESHOLD, *others)
