"""How long a soak takes, and when what is broken."""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.waiting import SCALE

LAYERS = {
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
    "core": "channels_redis.core.RedisChannelLayer",
}
FAULTS = ("restart", "cut", "kill", "suspend")
SHORT = 24.0
"""Seconds of load in the short form. With starting and stopping that makes less than a minute."""
_INTERVAL = 5 * SCALE
_LONG_INTERVAL = 20 * SCALE


@dataclass(frozen=True)
class Plan:
    """What the command line asks for."""

    seconds: float
    faults: tuple[str, ...]
    seed: int
    layer: str
    is_short: bool

    def chance(self) -> random.Random:
        """Return the source of what is random."""
        return random.Random(self.seed)

    def schedule(self) -> Iterator[tuple[float, str]]:
        """Yield faults with the seconds of load before each.

        Servers are restarted in the first third only: memory is measured of processes that have served long enough.
        The last seconds are without faults.
        """
        interval = _INTERVAL if self.is_short else _LONG_INTERVAL
        chance = self.chance()
        elapsed = interval / 2
        waiting = list(self.faults)
        while elapsed < self.seconds - interval and self.faults:
            if not waiting:
                waiting = [fault for fault in self.faults if fault != "restart" or elapsed < self.seconds / 3]
                chance.shuffle(waiting)
            if not waiting:
                return
            yield elapsed, waiting.pop(0)
            elapsed += interval


def parse(arguments: Sequence[str] | None, description: str) -> Plan:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--short", action="store_true", help="less than a minute")
    length.add_argument("--minutes", type=float, default=10, help="of load, 10 by default")
    parser.add_argument("--faults", default=",".join(FAULTS), help=f"of {', '.join(FAULTS)}; or none (default: all)")
    parser.add_argument("--layer", choices=sorted(LAYERS), default="pubsub", help="channel layer (default: pubsub)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000), help="of what is random")
    options = parser.parse_args(arguments)
    faults = () if options.faults == "none" else tuple(options.faults.split(","))
    for fault in faults:
        if fault not in FAULTS:
            parser.error(f"--faults: {fault!r} is none of {', '.join(FAULTS)}.")
    seconds = SHORT * SCALE if options.short else options.minutes * 60
    return Plan(seconds, faults, options.seed, options.layer, options.short)
