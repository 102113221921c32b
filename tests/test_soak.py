"""Tests of `tests.soak`: each kind of fault that a soak is to find is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.soak.audit import Outcome, audit_of
from tests.soak.ledger import RESTART, Ledger, Outage, Publication, Session, read, write
from tests.soak.memory import MEGABYTE, WARM_UP, fit, trend_of
from tests.soak.plan import parse

KEY = "news"
OPENED = 10.0


@pytest.fixture
def ledger() -> Ledger:
    """A ledger in which ten messages were published, one a second from 11 on."""
    ledger = Ledger(margin=1)
    ledger.publications += [Publication(KEY, "sync", number, 10.0 + number, 10.1 + number) for number in range(1, 11)]
    return ledger


def listener(ledger: Ledger, numbers: list[int], **fields: object) -> Session:
    """Note a socket that was open from 10 to 30 and received some of the messages."""
    session = Session("client 1", KEY, OPENED - 0.1, OPENED, leaves=30.0)
    session.arrivals += [(10.2 + number, (KEY, "sync", number)) for number in numbers]
    for name, value in fields.items():
        setattr(session, name, value)
    ledger.sessions.append(session)
    return session


def the_complaint(outcome: Outcome) -> str:
    """Return the only complaint."""
    (complaint,) = outcome.complaints
    return complaint


def without(*numbers: int) -> list[int]:
    """Return the numbers of all messages but these."""
    return [number for number in range(1, 11) if number not in numbers]


def test_histories_balance_when_everything_arrived(ledger):
    """A socket that received everything gives no complaint."""
    listener(ledger, without())
    outcome = audit_of(ledger)
    assert outcome.complaints == []
    assert outcome.counts["owed"] == outcome.counts["delivered"] == 10
    assert outcome.slowest == pytest.approx(0.2)


def test_missing_message_is_found(ledger):
    """One of ten is missing, and nothing excuses it."""
    listener(ledger, without(5))
    outcome = audit_of(ledger)
    assert "never received Publication(key='news', publisher='sync', number=5" in the_complaint(outcome)
    assert outcome.lost == {"no excuse": 1}


def test_message_that_came_twice_is_found(ledger):
    """Nothing excuses a second copy, not even an outage."""
    session = listener(ledger, without())
    session.arrivals.append((25.0, (KEY, "sync", 10)))
    ledger.outages.append(Outage("cut", 19.0, 26.0))
    assert "received ('news', 'sync', 10) twice" in the_complaint(audit_of(ledger))


def test_wrong_order_is_found(ledger):
    """Two neighbours that changed places are found."""
    listener(ledger, [1, 2, 4, 3, 5, 6, 7, 8, 9, 10])
    assert "received ('news', 'sync', 3) after 4" in the_complaint(audit_of(ledger))


def test_message_that_nobody_published_is_found(ledger):
    """What belongs to another key is found as well."""
    session = listener(ledger, without())
    session.arrivals.append((25.0, ("secrets", "sync", 1)))
    assert "which nobody published here" in the_complaint(audit_of(ledger))


def test_outage_excuses_what_was_published_meanwhile(ledger):
    """What was published in the outage may be lost, what was published after it may not."""
    ledger.outages.append(Outage("cut", 14.5, 16.5))
    listener(ledger, without(5, 8))
    outcome = audit_of(ledger)
    assert "number=8" in the_complaint(outcome)
    assert outcome.lost == {"cut": 1, "no excuse": 1}


def test_outage_that_loses_nothing_excuses_nothing(ledger):
    """While Redis only stands still, messages wait."""
    ledger.outages.append(Outage("suspended", 14.5, 16.5, loses_messages=False))
    listener(ledger, without(5))
    assert "number=5" in the_complaint(audit_of(ledger))


def test_newest_message_is_owed_after_an_outage(ledger):
    """The last message of an outage is kept, so it arrives afterwards, if nothing newer does before its end."""
    del ledger.publications[6:]
    ledger.outages.append(Outage("cut", 14.5, 18.0))
    listener(ledger, [1, 2, 3, 4])
    assert "number=6, began=16.0, ended=16.1, is_accepted=True), the newest at 18.00" in the_complaint(audit_of(ledger))
    ledger.sessions[0].arrivals.append((17.5, (KEY, "sync", 6)))
    assert audit_of(ledger).complaints == []


def test_newest_message_is_not_owed_by_a_redis_that_forgot_it(ledger):
    """What was kept before Redis was killed is gone."""
    del ledger.publications[6:]
    ledger.outages.append(Outage("killed", 14.5, 18.0, loses_kept_at=16.5))
    listener(ledger, [1, 2, 3, 4])
    assert audit_of(ledger).complaints == []


def test_newest_message_is_owed_at_connect(ledger):
    """Who connects is sent what is kept, or something newer."""
    listener(ledger, [], opened=25.0, began=24.9)
    assert "the newest at 24.90" in the_complaint(audit_of(ledger))
    listener(ledger, [10], opened=25.0, began=24.9)
    outcome = audit_of(ledger)
    assert len(outcome.complaints) == 1
    assert outcome.counts["kept, sent at connect"] == 1


def test_gap_after_the_kept_message_is_found(ledger):
    """From the kept message on, nothing is missing, even if the handshake took its time."""
    listener(ledger, [3, *range(6, 11)], began=13.5, opened=15.5)
    assert "number=4" in audit_of(ledger).complaints[0]
    assert "number=5" in audit_of(ledger).complaints[1]


@pytest.mark.parametrize(("code", "kind"), [(1012, "cut"), (1013, RESTART), (1011, "cut"), (1011, RESTART)])
def test_socket_closed_without_a_reason_is_found(ledger, code, kind):
    """Outages close no sockets of listeners, and a restart closes them with a code that says so."""
    ledger.outages.append(Outage(kind, 19.5, 21.0, loses_messages=False))
    listener(ledger, without(), close_code=code, closed=20.5)
    assert f"closed by the server with {code}" in the_complaint(audit_of(ledger))


def test_restart_closes_sockets(ledger):
    """What was published as the socket was closed may be lost, what was published before that may not."""
    ledger.outages.append(Outage(RESTART, 19.0, 25.0, loses_messages=False))
    listener(ledger, without(10), close_code=1012, closed=20.5)
    assert audit_of(ledger).complaints == []
    listener(ledger, without(7), close_code=1012, closed=20.5)
    assert "number=7" in the_complaint(audit_of(ledger))


def test_client_that_stalls_loses_the_rest(ledger):
    """What a stalled client did receive is whole; what came after that is lost with its socket."""
    listener(ledger, [1, 2, 3], close_code=4008, closed=22.0, reads=False)
    assert audit_of(ledger).complaints == []
    listener(ledger, [1, 3], close_code=4008, closed=22.0, reads=False)
    assert "number=2" in the_complaint(audit_of(ledger))


def test_redis_that_is_away_turns_clients_away(ledger):
    """Who connects meanwhile is told so, and is owed nothing."""
    ledger.outages.append(Outage("killed", 14.5, 18.0))
    listener(ledger, [], began=15.0, opened=15.1, closed=15.2, close_code=1013, leaves=15.2)
    outcome = audit_of(ledger)
    assert outcome.complaints == []
    assert outcome.counts["owed"] == 0


def test_handshake_that_an_outage_holds_up_may_fill_the_outbox(ledger):
    """A socket that is closed as it opens held what came meanwhile; one that is closed later, or in peace, did not."""
    listener(ledger, [], began=15.0, opened=18.0, closed=18.1, close_code=4008, leaves=18.1)
    assert "closed by the server with 4008" in the_complaint(audit_of(ledger))
    ledger.outages.append(Outage("stopped", 14.5, 17.0, loses_messages=False))
    assert audit_of(ledger).complaints == []
    listener(ledger, without(), began=15.0, opened=18.0, closed=24.0, close_code=4008)
    assert "closed by the server with 4008" in the_complaint(audit_of(ledger))


def test_failure_without_an_outage_is_found(ledger):
    """A publisher gets errors only while something is broken."""
    ledger.publications.append(replace(ledger.publications[0], publisher="async", is_accepted=False))
    assert "failed, and nothing was broken" in the_complaint(audit_of(ledger))
    ledger.outages.append(Outage("killed", 10.0, 12.0))
    assert audit_of(ledger).complaints == []


def test_refusal_without_an_outage_is_found(ledger):
    """Nobody is refused while all is well."""
    ledger.refusals.append((15.0, "HTTP 502"))
    assert "HTTP 502" in the_complaint(audit_of(ledger))


def test_messages_are_read_as_they_were_written():
    """Whatever its size, a message tells what it is."""
    assert read(write("news", "sync", 7)) == ("news", "sync", 7)
    assert read(write("news", "sync", 7, size=1000)) == ("news", "sync", 7)
    with pytest.raises(ValueError, match="filler"):
        read("news sync 7 xxyxx")


def test_leak_is_found_in_memory_that_scatters():
    """A slope is told from steps that come and go."""
    steps = [(float(second), 80.0 * MEGABYTE + (second % 7) * MEGABYTE / 4) for second in range(300)]
    assert not fit(steps).is_leak
    leaking = [(second, size + second * 20_000) for second, size in steps]
    assert fit(leaking).is_leak
    assert fit(leaking).slope == pytest.approx(20_000, rel=0.05)
    assert not fit(leaking[:50]).is_leak


def test_server_that_warms_up_is_not_judged():
    """What grows in the first minutes and then stays is no leak, and what grows after that is one."""
    warming = [(float(second), 80.0 * MEGABYTE + min(second, WARM_UP) * 70_000) for second in range(400)]
    assert not trend_of(warming).is_leak
    assert not trend_of(warming[:200]).is_leak
    leaking = [(second, size + second * 20_000) for second, size in warming]
    assert trend_of(leaking).is_leak
    assert trend_of(leaking).seconds == pytest.approx(400 - WARM_UP, abs=1)


def test_plan_restarts_servers_early_only():
    """Memory is measured in the second half, of processes that have run all that time; its end is without faults."""
    plan = parse(["--minutes", "10", "--seed", "1"], "")
    schedule = list(plan.schedule())
    assert {fault for _, fault in schedule} == {"restart", "cut", "kill", "suspend"}
    assert max(when for when, fault in schedule if fault == "restart") < 300
    assert max(when for when, _ in schedule) < 590


def test_short_plan_breaks_everything_once():
    """All faults fit into the short form."""
    assert sorted(fault for _, fault in parse(["--short"], "").schedule()) == ["cut", "kill", "restart", "suspend"]


def test_unknown_fault_is_refused(capsys):
    """A fault that does not exist is no fault that was survived."""
    with pytest.raises(SystemExit):
        parse(["--faults", "cut,flood"], "")
    assert "'flood' is none of" in capsys.readouterr().err
