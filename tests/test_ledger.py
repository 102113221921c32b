"""Tests of the ledger that `tests.against_original.phases` keeps: it finds each kind of fault."""

from __future__ import annotations

import pytest

from tests.against_original.phases.ledger import Ledger, entry

A = [entry("a", number) for number in range(12)]
B = [entry("b", number) for number in range(2)]


def ledger(**received: list[str]) -> Ledger:
    """Return a ledger of two publishers."""
    return Ledger({"a": range(12), "b": range(2)}, dict(received))


def test_what_came_once_and_in_one_order_is_fine() -> None:
    """Two sockets that received everything, each publisher's messages in their order, agree."""
    received = [*A[:5], *B, *A[5:]]
    assert ledger(first=received, second=list(received)).total == 14
    assert ledger(first=received, second=list(received)).faults() == []


@pytest.mark.parametrize(
    ("received", "fault"),
    [
        ([*A[:11], *B], "socket missed 1: 'a no. 11'"),
        ([*A, *B, A[3]], "socket received more than once 1: 'a no. 3'"),
        ([*A, *B, "else"], "socket received what nobody sent: 1: 'else'"),
        ([A[1], A[0], *A[2:], *B], "socket received those of a out of order"),
        ([], "socket missed 14: 'a no. 0', 'a no. 1', 'a no. 10', 'a no. 11', 'a no. 2'"),
    ],
)
def test_each_kind_of_fault_is_found(received: list[str], fault: str) -> None:
    """A sentence tells what a socket missed, received too often, or in the wrong order."""
    assert ledger(socket=received).faults() == [fault]


def test_sockets_that_disagree_are_found() -> None:
    """The order of all publishers together is the same for all sockets."""
    assert ledger(first=[*A, *B], second=[*B, *A]).faults() == ["second received in another order than first"]
