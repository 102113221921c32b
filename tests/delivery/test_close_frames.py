"""Tests of `ws4channels.delivery.close_frames`: reasons."""

from __future__ import annotations

from ws4channels.delivery.close_frames import shortened


def test_reason_keeps_as_many_whole_characters_as_fit() -> None:
    """A close frame holds 123 bytes of a reason."""
    assert shortened("x" * 200) == "x" * 123
    assert shortened("é" * 70) == "é" * 61
    assert shortened("short") == "short"
    assert shortened(None) == ""
