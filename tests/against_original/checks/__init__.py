"""Black-box checks of one site on the original and on ours; importing this package registers them all."""

from tests.against_original.checks import (
    addresses,
    channels,
    crowd,
    heartbeats,
    hooks,
    keys,
    messages,
    outside,
    pages,
    publishing,
    subscribers,
)

__all__ = [
    "addresses",
    "channels",
    "crowd",
    "heartbeats",
    "hooks",
    "keys",
    "messages",
    "outside",
    "pages",
    "publishing",
    "subscribers",
]
