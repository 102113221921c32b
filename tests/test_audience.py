"""Tests of `ws4channels.audience`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws4channels.audience import build_key, encode_name, group_of

names = st.text() | st.text(alphabet="a:%253A", max_size=12)


@pytest.mark.parametrize(
    ("prefix", "audience", "name", "facility", "key"),
    [
        (None, "broadcast", "", "news", "broadcast:news"),
        ("", "broadcast", "", "news", "broadcast:news"),
        ("ws", "broadcast", "", "a:b/c#d", "ws:broadcast:a:b/c#d"),
        (None, "user", "john@example.com", "news", "user:john@example.com:news"),
        ("ws", "group", "50%", "", "ws:group:50%:"),
        (None, "session", "abc", "ünï", "session:abc:ünï"),
        (None, "group", "a:b", "c", "group:a%3Ab:c"),
        (None, "group", "a%3Ab", "c", "group:a%253Ab:c"),
    ],
)
def test_key_is_the_originals(prefix: str | None, audience: str, name: str, facility: str, key: str) -> None:
    """Keys are those of the original, except that colons in names are encoded."""
    assert build_key(prefix, audience, name, facility) == key


@given(names, names)
def test_different_names_are_encoded_differently(one: str, other: str) -> None:
    """Encoding is injective, and leaves no colon."""
    assert (encode_name(one) == encode_name(other)) == (one == other)
    assert ":" not in encode_name(one)


def test_group_is_valid_for_channels() -> None:
    """A group has fewer than 100 characters that Channels allows, whatever the key."""
    assert group_of("x" * 10_000) == group_of("x" * 10_000)
    assert len(group_of("x" * 10_000 + "\ud800")) == len(group_of("")) < 100
