"""Tests of `ws4channels.delivery.own_messages`."""

from __future__ import annotations

from ws4channels.delivery.own_messages import OwnMessages


def test_each_message_of_a_burst_is_recognised() -> None:
    """Messages that come back after later ones were sent are the client's own, each as often as it was sent."""
    own = OwnMessages()
    for number in range(500):
        own.add(f"{number}", 1)
    own.add("last", 0)
    assert all(own.take(f"{number}") for number in range(500))
    assert not any(own.take(f"{number}") for number in range(500))


def test_message_comes_back_once_per_key() -> None:
    """Over two keys the client gets its message twice."""
    own = OwnMessages()
    own.add("mine", 2)
    own.add("last", 0)
    assert [own.take("mine") for _ in range(3)] == [True, True, False]


def test_message_that_equals_the_last_one_is_withheld() -> None:
    """Also if somebody else sent it, as in the original, until the client sends something else."""
    own = OwnMessages()
    own.add("mine", 0)
    assert [own.take("mine"), own.take("mine"), own.take("other")] == [True, True, False]
    own.forget_last()
    assert not own.take("mine")


def test_message_that_was_lost_is_forgotten() -> None:
    """What did not come back within half a minute withholds nothing."""
    now = 100.0
    own = OwnMessages(lambda: now)
    own.add("lost", 1)
    own.add("last", 0)
    now += 31
    assert not own.take("lost")


def test_number_of_remembered_messages_is_bounded() -> None:
    """A client whose messages never come back costs a bounded amount of memory."""
    own = OwnMessages()
    for number in range(5000):
        own.add(f"{number}", 1)
    own.add("last", 0)
    assert sum(own.take(f"{number}") for number in range(5000)) == 1000
