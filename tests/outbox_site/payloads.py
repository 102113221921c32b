"""What the tests send: payloads of each kind, of the lengths at which a frame's header changes (RFC 6455, 5.2)."""

from __future__ import annotations

MEBIBYTE = 1024 * 1024

HEADERS = {
    1: b"\x01",
    125: b"\x7d",
    126: b"\x7e\x00\x7e",
    65_535: b"\x7e\xff\xff",
    65_536: b"\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
    MEBIBYTE: b"\x7f\x00\x00\x00\x00\x00\x10\x00\x00",
}
"""The lengths in bytes, each with what follows the opcode in its frame."""


def ascii_text(length: int) -> bytes:
    """Return text in which nothing that is shifted goes unnoticed."""
    return (b"0123456789abcdefg" * (length // 17 + 1))[:length]


def multibyte_text(length: int) -> bytes:
    """Return text with characters of two, three and four bytes."""
    pattern = "ü€😀".encode()
    return pattern * (length // len(pattern)) + b"x" * (length % len(pattern))


def binary(length: int) -> bytes:
    """Return bytes that are no text."""
    return (b"\xff" + bytes(range(255)) * (length // 255 + 1))[:length]


PAYLOADS = {"text": (ascii_text, b"\x81"), "multibyte": (multibyte_text, b"\x81"), "binary": (binary, b"\x82")}
"""How to make each kind, with the first byte of its frame."""


def payloads_up_to(largest: int) -> list[bytes]:
    """Return one of each kind and length."""
    return [make(length) for make, _ in PAYLOADS.values() for length in HEADERS if length <= largest]
