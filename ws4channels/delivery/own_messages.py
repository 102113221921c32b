"""Recognise a client's own messages when they come back, whatever came between."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from ws4channels.transports.messages import Payload

_REMEMBERED = 1000  # messages
_EXPIRY = 30.0  # seconds; a message that has not come back by then was lost


class OwnMessages:
    """The messages that one client sent and that have not come back yet, by a hash of their payload.

    As in the original, a message that equals the client's last one counts as its own as well, even from another client.
    """

    __slots__ = ("_clock", "_last", "_pending", "is_used")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_used = False
        """Whether the client ever sent a message: most never do, and then `take` need not be called."""
        self._clock = clock
        self._last: Payload | None = None
        self._pending: OrderedDict[int, tuple[int, float]] = OrderedDict()

    def add(self, payload: Payload, copies: int) -> None:
        """Note that the client sent `payload`, which comes back `copies` times: once per key that it subscribes to."""
        self.is_used = True
        self._last = payload
        if not copies:
            return
        digest = hash(payload)
        count, _ = self._pending.pop(digest, (0, 0.0))
        self._pending[digest] = count + copies, self._clock()
        if len(self._pending) > _REMEMBERED:
            self._pending.popitem(last=False)

    def forget_last(self) -> None:
        """Note that the client sent something that is not published."""
        self._last = None

    def take(self, payload: Payload) -> bool:
        """Tell whether a message that arrives is the client's own, and note that it came back."""
        digest = hash(payload)
        if digest not in self._pending:
            return payload == self._last
        count, sent_at = self._pending.pop(digest)
        if count > 1:
            self._pending[digest] = count - 1, sent_at
        return payload == self._last or self._clock() - sent_at < _EXPIRY
