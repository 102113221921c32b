"""Waiting for conditions, with timeouts that one environment variable scales for slow machines."""

import os
import time
from collections.abc import Callable

SCALE = float(os.environ.get("WS4CHANNELS_TEST_TIMEOUT_SCALE", "1"))
POLL_INTERVAL = 0.02


def seconds(amount: float) -> float:
    """Return a timeout in seconds, scaled."""
    return amount * SCALE


def wait_until(condition: Callable[[], object], what: str, timeout: float = 20) -> None:
    """Return as soon as the condition holds; fail, naming `what` was awaited, when it does not within the timeout."""
    deadline = time.monotonic() + seconds(timeout)
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"Waited {seconds(timeout):g} s in vain: {what}.")
        time.sleep(POLL_INTERVAL)
