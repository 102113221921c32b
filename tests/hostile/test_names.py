"""Nobody reads what is not theirs: names of every kind, and the keys and groups that come of them."""

from __future__ import annotations

import pytest
from channels.layers import BaseChannelLayer
from hypothesis import example, given
from hypothesis import strategies as st

from ws4channels.audience import AUDIENCES, BROADCAST, build_key, group_of

LONG = 10_000
PIECES = [":", "%", "%3A", "%253A", "25", "3A", "\n", "\r", "\x00", "a", "ü", "日", "😀", " ", "*", *AUDIENCES]
# Channels before 4.3 has the older name alone.
LAYER = BaseChannelLayer()
check_group_name = getattr(LAYER, "require_valid_group_name", None) or LAYER.valid_group_name

names = (
    st.text(max_size=20)
    | st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
    | st.builds(lambda piece, end: (piece * LONG)[:LONG] + end, st.sampled_from(PIECES), st.sampled_from(PIECES))
)
prefixes = st.none() | st.sampled_from(["ws4redis", "a:b", "user", "broadcast", "user:a"]) | names
audiences = st.sampled_from(AUDIENCES)


def triple(audience: str, name: str, facility: str) -> tuple[str, str, str]:
    """Return what says who may read: everybody has no name."""
    return audience, "" if audience == BROADCAST else name, facility


@given(prefix=prefixes, one=st.tuples(audiences, names, names), other=st.tuples(audiences, names, names))
@example(prefix="user", one=("broadcast", "", "f"), other=("user", "broadcast", "f"))
@example(prefix=None, one=("user", "a:b", "c"), other=("user", "a", "b:c"))
@example(prefix=None, one=("user", "a%3Ab", "c"), other=("user", "a:b", "c"))
@example(prefix=None, one=("group", "", ":f"), other=("group", ":", "f"))
def test_nobody_shares_a_key_or_a_group(
    prefix: str | None, one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    """Two different triples of audience, name and facility have different keys and groups, whatever the prefix."""
    differ = triple(*one) != triple(*other)
    keys = build_key(prefix, *one), build_key(prefix, *other)
    assert (keys[0] != keys[1]) == differ
    assert (group_of(keys[0]) != group_of(keys[1])) == differ


@given(facility=names, name=names, cut=st.integers(0, 30))
def test_part_of_a_facility_moved_into_the_name_is_another_key(facility: str, name: str, cut: int) -> None:
    """However a text is cut into name and facility, each cut is a key of its own."""
    text = f"{name}:{facility}"
    one, other = (name, facility), (text[:cut], text[cut + 1 :])
    keys = build_key(None, "user", *one), build_key(None, "user", *other)
    assert (keys[0] == keys[1]) == (one == other)


@given(prefix=prefixes, audience=audiences, name=names, facility=names)
def test_every_group_is_valid_for_channels(prefix: str | None, audience: str, name: str, facility: str) -> None:
    """Channels' own check lets every group pass."""
    assert check_group_name(group_of(build_key(prefix, audience, name, facility)))


def test_channels_refuses_keys_as_group_names() -> None:
    """What stands in keys would be no group."""
    with pytest.raises(TypeError):
        check_group_name(build_key(None, "user", "a:b", "c"))
