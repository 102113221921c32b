"""Tests of `ws4channels.transports.numbers`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from ws4channels.audience import AUDIENCES, build_key, close_commands_key
from ws4channels.transports import numbers
from ws4channels.transports.messages import split_numbers
from ws4channels.transports.numbers import (
    Record,
    bytes_logged,
    database_of,
    digest_of,
    extras_of,
    history_of,
    is_beginning,
    read_entry,
)

NAMES = st.text(st.sampled_from("{}a:é "), max_size=12)
N, P = 1_700_000_000_000_002, 1_700_000_000_000_000
HEAD = b"%016d%016d" % (N, P)


# --- keys -------------------------------------------------------------------------------------------------------------


def test_extra_keys_share_one_prefix() -> None:
    """They are named as the documentation says, so that a site can give rights to them."""
    assert extras_of("broadcast:f") == (
        "ws4channels:last:{broadcast:f}",
        "ws4channels:log:{broadcast:f}",
        "ws4channels:note:{broadcast:f}",
        "ws4channels:here:{broadcast:f}",
    )


def test_extra_keys_have_the_sites_prefix(settings: Any) -> None:
    """Sites that share a Redis keep apart what they give rights to."""
    settings.WS4REDIS_PREFIX = "one"
    assert extras_of("one:broadcast:f").record == "one:ws4channels:last:{one:broadcast:f}"
    settings.WS4REDIS_PREFIX = None
    assert extras_of("one:broadcast:f").record == "ws4channels:last:{one:broadcast:f}"


@given(prefix=st.none() | NAMES.filter(bool), name=NAMES, facility=NAMES)
@example(prefix=None, name="a}b", facility="{}")
@example(prefix="a{b", name="x", facility="c}")
@example(prefix="{}", name="x", facility="f")
@example(prefix="{tag}", name="{x}", facility="f")
def test_extra_keys_are_in_the_slot_of_their_key(prefix: str | None, name: str, facility: str) -> None:
    """A cluster takes all of them in one script, wherever braces stand."""
    key = f"{prefix}:user:{name}:{facility}" if prefix else f"user:{name}:{facility}"
    slot = key_slot(key.encode())
    assert {key_slot(extra.encode()) for extra in numbers._extras_of(prefix, key)} == {slot}


def test_each_slot_has_a_tag() -> None:
    """Among the tags that are tried there is one for every slot of a cluster."""
    slots = {key_slot(b"%d" % tag) for tag in range(numbers._SLOTS_TRIED)}
    assert len(slots) == REDIS_CLUSTER_HASH_SLOTS


@given(prefix=st.none() | st.sampled_from(["one", "ws4channels", "ws4channels:last"]), name=NAMES, facility=NAMES)
def test_extra_keys_are_those_of_no_audience(prefix: str | None, name: str, facility: str) -> None:
    """No publisher can write to them, and no key has another's."""
    keys = [build_key(prefix, audience, name or "x", facility) for audience in AUDIENCES]
    keys.append(close_commands_key(prefix))
    extras = {extra for key in keys for extra in numbers._extras_of(prefix, key)}
    assert len(extras) == 4 * len(set(keys))
    assert not extras & set(keys)


# --- history ----------------------------------------------------------------------------------------------------------


def test_one_number_is_the_history_of_all_keys(settings: Any) -> None:
    """Without patterns every key has the same."""
    settings.WS4CHANNELS_HISTORY = 7
    assert history_of("broadcast:f") == history_of("of another:kind") == 7


@pytest.mark.parametrize(
    ("key", "count"),
    [
        ("broadcast:chat-1", 500),
        ("user:mary:chat-1", 500),
        ("group:a%3Ab:chat-x:y", 500),
        ("broadcast:chat", 3),
        ("broadcast:CHAT-1", 3),
        ("user:chat-1:news", 3),
        ("broadcast:chat-private", 0),
        ("broadcast:news:x", 3),
        ("strange", 3),
    ],
)
def test_first_pattern_that_matches_the_facility_counts(settings: Any, key: str, count: int) -> None:
    """Patterns are of facilities, in the order of the dict, and know lower and upper case."""
    settings.WS4CHANNELS_HISTORY = {"chat-private": 0, "chat-*": 500, "*": 3}
    assert history_of(key) == count
    settings.WS4REDIS_PREFIX = "site"
    assert history_of(f"site:{key}") == count


def test_facility_without_a_pattern_has_no_history(settings: Any) -> None:
    """Only what is named is logged."""
    settings.WS4CHANNELS_HISTORY = {"chat-*": 500}
    assert [history_of("broadcast:news"), history_of("broadcast:chat-1")] == [0, 500]
    settings.WS4CHANNELS_HISTORY = {}
    assert history_of("broadcast:chat-1") == 0


# --- records and entries ----------------------------------------------------------------------------------------------


def test_kept_message_of_the_record_has_its_numbers() -> None:
    """Where the digest is that of the kept message, the record is about it."""
    record = Record.read("k", b"hello", HEAD + digest_of(b"hello") + b"123")
    assert (record.number, record.previous) == (N, P)
    assert record.kept is not None
    assert (record.kept.payload, record.kept.key, record.kept.number, record.kept.previous) == ("hello", "k", N, P)


@pytest.mark.parametrize("value", [HEAD + digest_of(b"other"), HEAD + b"\0" * 8, None])
def test_kept_message_of_somebody_else_has_no_number(value: bytes | None) -> None:
    """Another digest or no record says that this is not the message with the number."""
    record = Record.read("k", b"hello", value)
    assert record.number == (N if value else 0)
    assert record.kept is not None
    assert (record.kept.payload, record.kept.number, record.kept.previous) == ("hello", 0, 0)


def test_number_outlives_the_kept_message() -> None:
    """A message that has expired leaves its number; without both there is nothing."""
    assert Record.read("k", None, HEAD + digest_of(b"hello")) == (N, P, None)
    assert Record.read("k", b"", HEAD + digest_of(b"hello")) == (N, P, None)
    assert Record.read("k", None, None) == (0, 0, None)


def test_record_that_is_none_means_nothing() -> None:
    """What somebody else wrote there harms nobody: the key has no number."""
    for value in (b"", b"x", b"text that is no number, and long enough to be one"):
        record = Record.read("k", b"hello", value)
        assert record.number == 0
        assert record.kept is not None
        assert (record.kept.payload, record.kept.number) == ("hello", 0)
        assert bytes_logged(value) == 0
    assert bytes_logged(HEAD + digest_of(b"hello") + b"9" * 5000) == 0
    assert bytes_logged(HEAD + digest_of(b"hello") + b"12") == 12


def test_entry_is_read_as_it_was_written() -> None:
    """Bytes stay bytes; one past its deadline has no payload."""
    deadline = b"%016d" % (N + 60)
    entry = read_entry("k", HEAD + deadline + b"\xff\x00")
    assert (entry.key, entry.number, entry.previous, entry.payload) == ("k", N, P, b"\xff\x00")
    assert not read_entry("k", HEAD + deadline).payload


def test_beginnings_are_the_numbers_of_no_message() -> None:
    """0 and odd numbers."""
    assert [is_beginning(number) for number in (0, 1, N, N + 1)] == [True, True, False, True]


def test_numbers_are_digits_of_fixed_width() -> None:
    """Anything else is refused."""
    assert split_numbers(HEAD) == split_numbers(HEAD.decode()) == (N, P)
    for wrong in ("", "1", "x" * 32, HEAD + b"0"):
        with pytest.raises(ValueError, match=r"digits|literal"):
            split_numbers(wrong)


def test_database_is_that_of_the_pool(redis_client: Any) -> None:
    """A cluster has only the first."""
    assert database_of(redis_client.connection_pool) == 0
    assert database_of(None) == 0
