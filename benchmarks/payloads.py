"""Messages that prove by themselves that they arrived, in order and unharmed.

A payload is ASCII text: run, sequence number, moment of sending, filler, checksum. The run separates the deliveries of
one measurement from stragglers of an earlier one; the moment is ``time.monotonic_ns()``, which all processes of a
machine share.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

HEAD_LENGTH = 32
CHECKSUM_LENGTH = 8
SMALLEST = HEAD_LENGTH + CHECKSUM_LENGTH


class Stamp(NamedTuple):
    """What a payload says about itself."""

    run: int
    sequence: int
    sent_ns: int


def make_payload(stamp: Stamp, size: int) -> bytes:
    """Return a payload of exactly ``size`` bytes that carries ``stamp``.

    Raises:
        ValueError: if ``size`` is too small for stamp and checksum.
    """
    if size < SMALLEST:
        raise ValueError(f"size={size!r} is too small: a payload needs at least {SMALLEST} bytes")
    head = b"%08x%08x%016x" % stamp
    body = head + b"." * (size - SMALLEST)
    return body + b"%08x" % zlib.crc32(body)


def read_payload(payload: bytes) -> Stamp | None:
    """Return the stamp of ``payload``, or None if it is no payload of ours or its checksum is wrong."""
    if len(payload) < SMALLEST:
        return None
    body, checksum = payload[:-CHECKSUM_LENGTH], payload[-CHECKSUM_LENGTH:]
    if b"%08x" % zlib.crc32(body) != checksum:
        return None
    return Stamp(int(body[:8], 16), int(body[8:16], 16), int(body[16:32], 16))
