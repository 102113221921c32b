"""Running the phases: start the servers of each, let everybody publish at the same time, and close the ledgers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.against_original.client import NeverHappened, Side, Socket
from tests.against_original.phases.ledger import Ledger, entry
from tests.against_original.phases.plan import (
    CHANNELS,
    FULL,
    PHASES,
    QUICK,
    TALK,
    Amounts,
    Channel,
    Member,
    Numbers,
    Phase,
)
from tests.against_original.servers import Workshop

EXPIRE = 60
PATIENCE = 60.0
LONGEST_TEXT = 300


class PublisherFailed(Exception):
    """A publisher got an error."""


@dataclass(frozen=True)
class Outcome:
    """What became of a phase."""

    phase: Phase
    ledgers: Sequence[Ledger]
    seconds: float
    ended_by: Exception | None = None

    @property
    def faults(self) -> list[str]:
        """Return all that is wrong."""
        if self.ended_by is not None:
            return [f"ended by {type(self.ended_by).__name__}: {str(self.ended_by)[:LONGEST_TEXT]}"]
        return [fault for ledger in self.ledgers for fault in ledger.faults()]


def chosen(only: Sequence[str] | None) -> list[Phase]:
    """Return the phases that a command line with these `--only` options asks for."""
    return [phase for phase in PHASES if not only or any(part in phase.name for part in only)]


def run_phases(phases: Sequence[Phase], workshops: Sequence[Workshop], *, quick: bool) -> bool:
    """Run phases in workshops that share a Redis, and print what happened; return whether all is fine."""
    by_name = {workshop.installation.name: workshop for workshop in workshops}
    fine = True
    for phase in phases:
        outcome = run_phase(phase, by_name, QUICK if quick else FULL)
        print(told(outcome), flush=True)
        fine &= not outcome.faults
    return fine


def told(outcome: Outcome) -> str:
    """Return what is printed of a phase."""
    sockets = sum(len(ledger.received) for ledger in outcome.ledgers)
    sent = sum(ledger.total for ledger in outcome.ledgers[-len(CHANNELS) - 1 :])
    received = sum(len(frames) for ledger in outcome.ledgers for frames in ledger.received.values())
    verdict = "each socket received each message of its channel once, in one order" if not outcome.faults else "FAILED"
    return "\n".join(
        [
            f"\n{outcome.phase.name}. {outcome.phase.sentence}",
            f"  {' | '.join(member.name for member in [*outcome.phase.members, *(outcome.phase.switched or ())])}",
            f"  {sent:,} messages, {sockets} sockets, {received:,} deliveries, {outcome.seconds:.0f} s: {verdict}",
            *[f"    {fault}" for fault in outcome.faults],
        ]
    )


def run_phase(phase: Phase, workshops: Mapping[str, Workshop], amounts: Amounts) -> Outcome:
    """Run one phase."""
    began = time.monotonic()
    try:
        ledgers = ledgers_of(phase, workshops, amounts)
    except (NeverHappened, PublisherFailed, ConnectionClosed) as error:
        return Outcome(phase, [], time.monotonic() - began, error)
    return Outcome(phase, ledgers, time.monotonic() - began)


def ledgers_of(phase: Phase, workshops: Mapping[str, Workshop], amounts: Amounts) -> list[Ledger]:
    """Run the servers of a phase, let everybody publish, and return the ledger of each channel."""
    with running(phase.members, workshops) as sides, ExitStack() as stack:
        for side in sides.values():
            stack.enter_context(side.fresh())
        sockets = opened_everywhere(sides, amounts.sockets)
        ledgers = []
        if phase.switched is None:
            publish_everything(phase, workshops, sides, amounts.thirds(0, 3))
        else:
            ledgers += switch(phase, workshops, sides, amounts)
        return ledgers + collected(phase, sockets, amounts.thirds(0, 3))


def switch(
    phase: Phase, workshops: Mapping[str, Workshop], sides: Mapping[str, Side], amounts: Amounts
) -> list[Ledger]:
    """Publish in three parts, and replace a server during the second; return the ledgers of its sockets."""
    assert phase.switched is not None
    before, after = phase.switched
    with ThreadPoolExecutor(1) as pool:
        with running([before], workshops) as old:
            sockets = opened_everywhere(old, amounts.sockets)
            publish_everything(phase, workshops, sides, amounts.thirds(0, 1))
            ledgers = collected(phase, sockets, amounts.thirds(0, 1))
            meanwhile = pool.submit(publish_everything, phase, workshops, sides, amounts.thirds(1, 2))
        with running([after], workshops) as new:
            meanwhile.result()
            sockets = opened_everywhere(new, amounts.sockets)
            for socket in (each for listening in sockets.values() for each in listening.values()):
                socket.early.clear()  # What was kept of the second part.
            publish_everything(phase, workshops, sides, amounts.thirds(2, 3))
            return ledgers + collected(phase, sockets, amounts.thirds(2, 3))


@contextmanager
def running(members: Iterable[Member], workshops: Mapping[str, Workshop]) -> Iterator[dict[str, Side]]:
    """Run servers; yield a side for each, by the member's name."""
    with ExitStack() as stack:
        servers = {}
        for member in members:
            servers[member] = workshops[member.installation].start(member.settings)
            stack.callback(servers[member].stop)
        sides = {}
        for member, server in servers.items():
            server.wait_until_ready()
            sides[member.name] = Side(server.workshop, member.settings, server.port)
            stack.callback(sides[member.name].close)
        yield sides


def opened_everywhere(sides: Mapping[str, Side], count: int) -> dict[Channel, dict[str, Socket]]:
    """Open sockets of each channel at each server."""
    return {channel: opened(channel, sides, count) for channel in [*CHANNELS, TALK]}


def collected(phase: Phase, sockets: Mapping[Channel, Mapping[str, Socket]], numbers: Numbers) -> list[Ledger]:
    """Return the ledgers of the channels: what was sent with these numbers, and what the sockets have received."""
    ledgers = []
    for channel, listening in sockets.items():
        ledgers.append(Ledger(sent_to(channel, phase, numbers)))
        ledgers[-1].received.update({name: socket.frames(PATIENCE) for name, socket in listening.items()})
    return ledgers


def channel_name(channel: Channel) -> str:
    """Return how a channel is called in the ledger."""
    return f"{channel.query} of {channel.facility}"


def opened(channel: Channel, sides: Mapping[str, Side], count: int) -> dict[str, Socket]:
    """
    Open sockets of a channel at all servers; return them by the name that the ledger gives them.

    Who needs to be signed in did so at a page of the first server: all servers know the session.
    """
    cookies = next(iter(sides.values())).visitor(channel.username).pages.cookies
    sockets = {}
    for name, side in sides.items():
        visitor = side.visitor()
        visitor.pages.cookies = cookies
        for number in range(count):
            socket = visitor.connect(channel.facility, channel.query, audience=channel.audience)
            sockets[f"{name}: socket {number}, {channel_name(channel)},"] = socket
    return sockets


def by_process(member: Member, channel: Channel) -> str:
    """Return the name of a publisher: a plain process."""
    return f"{member.name}: process to {channel_name(channel)}"


def by_view(member: Member, channel: Channel) -> str:
    """Return the name of a publisher: the views of a server."""
    return f"{member.name}: view to {channel_name(channel)}"


def by_socket(member: Member) -> str:
    """Return the name of a publisher: a socket."""
    return f"{member.name}: socket"


def sent_to(channel: Channel, phase: Phase, numbers: Numbers) -> dict[str, range]:
    """Return what each publisher sends to a channel."""
    if channel is TALK:
        return {by_socket(member): numbers.by_socket for member in phase.members}
    processes = {by_process(member, channel): numbers.by_process for member in phase.members}
    return processes | {by_view(member, channel): numbers.by_view for member in phase.members}


def publish_everything(
    phase: Phase, workshops: Mapping[str, Workshop], sides: Mapping[str, Side], numbers: Numbers
) -> None:
    """Let processes, views and sockets of all members publish at the same time; return when all have done so."""
    with ThreadPoolExecutor(2 * len(phase.members) + 1) as pool:
        work = [pool.submit(talk, phase, sides, numbers.by_socket)]
        for member in phase.members:
            work.append(pool.submit(publish_by_process, member, workshops[member.installation], numbers.by_process))
            work.append(pool.submit(publish_by_view, member, sides[member.name], numbers.by_view))
        for each in work:
            each.result()


def orders(member: Member, numbers: range, publisher: Callable[[Member, Channel], str]) -> list[dict[str, Any]]:
    """Return orders for the messages with these numbers to each channel, by turns."""
    return [
        {
            "facility": channel.facility,
            "message": entry(publisher(member, channel), number),
            "audience": channel.audience,
            "expire": EXPIRE,
        }
        for number in numbers
        for channel in CHANNELS
    ]


def publish_by_process(member: Member, workshop: Workshop, numbers: range) -> None:
    """Let a plain process publish."""
    answers = workshop.run_script("publish", orders(member, numbers, by_process), member.settings)
    check(answers)


def publish_by_view(member: Member, side: Side, numbers: range) -> None:
    """Let the server publish in its views."""
    check([side.publish(**order) for order in orders(member, numbers, by_view)])


def check(answers: Sequence[Mapping[str, Any]]) -> None:
    """Raise the first error that a publisher got."""
    for answer in answers:
        if answer["error"] is not None:
            raise PublisherFailed(f"a publisher of {answer['keys']} failed with {answer['error']}")


def talk(phase: Phase, sides: Mapping[str, Side], numbers: range) -> None:
    """
    Let a socket of each server publish, by turns.

    Each waits until Redis has what it sent: the original leaves what it reads together with something else for later.
    """
    speakers = {member: sides[member.name].connect(TALK.facility, "publish-broadcast") for member in phase.members}
    for number in numbers:
        for member, speaker in speakers.items():
            text = entry(by_socket(member), number)
            speaker.send(text)
            sides[member.name].wait_for_value(f"broadcast:{TALK.facility}", text)
