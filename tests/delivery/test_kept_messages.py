"""Tests of `ws4channels.delivery.kept_messages`."""

from __future__ import annotations

from tests.inbox import Inbox
from ws4channels.delivery.kept_messages import LatestMessages
from ws4channels.transports.messages import Delivery

KEY = "broadcast:a"
FIRST, SECOND = Delivery("first", KEY), Delivery("second", KEY)


def test_only_what_differs_from_the_last_message_has_changed() -> None:
    """A kept message is news unless it is the last that was delivered, whatever came before."""
    latest = LatestMessages()
    assert latest.has_changed(FIRST)
    latest.note(FIRST)
    assert not latest.has_changed(Delivery("first", KEY))
    assert latest.has_changed(SECOND)
    latest.note(SECOND)
    assert latest.has_changed(FIRST)


def test_message_that_may_not_be_kept_does_not_make_the_one_before_it_news() -> None:
    """Where it is not known whether a message is kept, the kept one may be any of the last that were delivered."""
    latest = LatestMessages()
    latest.note_first(Inbox(), [FIRST])
    for number in range(10):
        latest.note(Delivery(f"{number}", KEY, is_kept=None))
    assert not any(map(latest.has_changed, (FIRST, Delivery("0", KEY), Delivery("9", KEY))))
    assert latest.has_changed(SECOND)
    latest.note(SECOND)
    assert latest.has_changed(FIRST)


def test_few_messages_are_remembered() -> None:
    """What may be kept is looked for among the last messages of a key, and forgotten with the key."""
    latest = LatestMessages()
    for number in range(100):
        latest.note(Delivery(f"{number}", KEY, is_kept=None))
    assert latest.has_changed(Delivery("0", KEY))
    assert not latest.has_changed(Delivery("90", KEY))
    latest.forget_key(KEY)
    assert latest.has_changed(Delivery("99", KEY))
    assert latest._before == {}


def test_keys_do_not_mix() -> None:
    """What one key's sockets have says nothing of another's."""
    latest = LatestMessages()
    latest.note(FIRST)
    assert latest.has_changed(Delivery("first", "broadcast:b"))


def test_message_at_connecting_is_no_news_later() -> None:
    """What the first socket of a key was given when it connected is the key's latest message."""
    latest = LatestMessages()
    latest.note_first(Inbox(), [FIRST])
    assert not latest.has_changed(FIRST)
    assert latest.has_already(FIRST) == {}


def test_socket_that_connected_in_a_gap_is_ahead_of_the_others() -> None:
    """A socket that was given a newer message when it connected has it, and the others of its key do not."""
    latest, newcomer = LatestMessages(), Inbox()
    latest.note(FIRST)
    latest.note_first(newcomer, [SECOND])
    assert latest.has_changed(SECOND)
    assert list(latest.has_already(SECOND)) == [newcomer]
    assert latest.has_already(Delivery("third", KEY)) == {}
    latest.forget_subscriber(KEY, newcomer)
    assert latest.has_already(SECOND) == {}
    assert latest._ahead == {}


def test_key_that_is_heard_from_may_have_overtaken_what_was_read() -> None:
    """A delivery after `begin` makes it unknown whether a kept message that was read is newer or older."""
    latest = LatestMessages()
    latest.note(FIRST)
    latest.begin()
    assert not latest.is_overtaken(SECOND)
    latest.note(FIRST)
    assert latest.is_overtaken(SECOND)
    latest.begin()
    assert not latest.is_overtaken(SECOND)


def test_nothing_is_left_of_a_key_that_nobody_wants() -> None:
    """A key that is forgotten leaves nothing behind."""
    latest = LatestMessages()
    latest.note(FIRST)
    latest.note_first(Inbox(), [SECOND])
    latest.forget_key(KEY)
    assert (latest._latest, latest._received, latest._ahead) == ({}, set(), {})
