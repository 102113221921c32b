"""What a soak prints at its end: the ledger, in two columns, and what is wrong with it."""

from __future__ import annotations

from collections import Counter

from tests.soak.audit import Outcome
from tests.soak.memory import MEGABYTE, Trend
from tests.soak.plan import Plan
from tests.soak.run import Findings


def complaints_of(findings: Findings, outcome: Outcome) -> list[str]:
    """Return everything that makes a run fail, in sentences."""
    complaints = list(outcome.complaints)
    if (more := outcome.counts["complaints"] - len(complaints)) > 0:
        complaints.append(f"… and {more} more.")
    complaints += [f"Left behind: {what}." for what in findings.left_behind]
    complaints += [f"A server grows: {describe(trend)}." for trend in findings.memory if trend.is_leak]
    counts = outcome.counts
    if counts["owed"] != counts["delivered"] + sum(outcome.lost.values()):
        complaints.append("What was owed is not what was delivered and what was lost.")
    for what in ("accepted", "delivered", "left"):
        if not counts[what]:
            complaints.append(f"Nothing was {what}: this was no load.")
    return complaints


def describe(trend: Trend) -> str:
    """Return a trend in one phrase."""
    return (
        f"{trend.size / MEGABYTE:.1f} MB, {trend.slope / 1024:+.2f} ± {trend.error / 1024:.2f} KB/s "
        f"over {trend.seconds:.0f} s"
    )


def rows(findings: Findings, outcome: Outcome) -> list[tuple[str, str]]:
    """Return the ledger: what, and how many."""
    counts, table = outcome.counts, []

    def add(what: str, number: int) -> None:
        table.append((what, f"{number:,}"))

    add("messages published", counts["accepted"])
    add("… refused with an error", counts["failed"])
    add("messages owed to sockets", counts["owed"])
    add("… delivered", counts["delivered"])
    for excuse, number in sorted(outcome.lost.items()):
        add(f"… lost: {excuse}", number)
    add("messages received", counts["received"])
    for what in ("kept, sent at connect", "received while leaving", "published in spite of an error"):
        add(f"… not owed: {what}", counts[what])
    add("newest message there after connecting or an outage", counts["newest expected"])
    add("sockets", counts["sockets"])
    add("… left by their clients", counts["left"])
    for what in sorted(name for name in counts if name.startswith("closed with")):
        add(f"… {what}", counts[what])
    add("handshakes refused", counts["refused"])
    table.append(("slowest delivery outside outages", f"{outcome.slowest * 1000:.0f} ms"))
    table += [(f"memory of server {number}", describe(trend)) for number, trend in enumerate(findings.memory, 1)]
    return table


def title(plan: Plan, findings: Findings) -> str:
    """Return what was run, in a sentence."""
    where = "behind nginx" if findings.is_behind_nginx else "on two ports"
    faults = ", ".join(f"{fault} {count} times" for fault, count in Counter(findings.faults).items()) or "none"
    return f"{plan.seconds:g} s, two Daphnes {where}, layer {plan.layer}, seed {plan.seed}; faults: {faults}."


def render(plan: Plan, findings: Findings, outcome: Outcome) -> str:
    """Return the whole report."""
    table = rows(findings, outcome)
    width = max(len(what) for what, _ in table)
    lines = [title(plan, findings), "", *(f"{what:<{width}}  {number:>12}" for what, number in table), ""]
    complaints = complaints_of(findings, outcome)
    lines += [f"WRONG: {complaint}" for complaint in complaints]
    lines.append(f"{len(complaints)} complaints." if complaints else "Every message is accounted for.")
    return "\n".join(lines)
