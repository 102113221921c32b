"""The table that a run prints."""

from __future__ import annotations

from collections.abc import Sequence

from tests.against_original.comparison import Failure, Result, Verdict
from tests.against_original.registry import Check, Observation

WIDTHS = (62, 44, 44)


def shorten(text: str, width: int) -> str:
    """Cut a text to a column's width."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def row(name: str, original: str, ours: str, verdict: str) -> str:
    """Return one line of the table."""
    cells = [shorten(cell, width).ljust(width) for cell, width in zip((name, original, ours), WIDTHS, strict=True)]
    return "  ".join([*cells, verdict])


def header() -> str:
    """Return the head of the table."""
    return "\n".join([row("check", "original", "ours", "verdict"), "-" * (sum(WIDTHS) + 20)])


def line(result: Result) -> str:
    """Return the line of one result."""
    verdict = result.verdict.value
    if result.reason and result.passed:
        verdict += f" ({result.reason.where})"
    return row(result.check.name, repr(result.original), repr(result.ours), verdict)


def answer(check: Check, observation: Observation | Failure) -> str:
    """Tell what the original does, when it is asked alone."""
    lines = [f"{check.name}\n    {observation!r}"]
    if observation != check.known_of_original:
        lines.append(f"    NEW, known was {check.known_of_original!r}")
    return "\n".join([*lines, *details("original", observation)])


def explanation(result: Result) -> str:
    """Say all about a result that is not fine."""
    lines = [
        f"\n{result.verdict.value}: {result.check.name} (configuration {result.check.configuration.name})",
        f"  {result.check.sentence}",
        f"  original            {result.original!r}",
        f"  ours                {result.ours!r}",
        f"  expected of ours    {result.check.expected!r}",
    ]
    if result.check.original is not None:
        lines.append(f"  known of original   {result.check.known_of_original!r}  ({result.check.original.reason})")
    for name, observation in (("original", result.original), ("ours", result.ours)):
        lines += details(name, observation)
    return "\n".join(lines)


def details(name: str, observation: Observation | Failure) -> list[str]:
    """Return the end of the traceback of a side that could not be observed."""
    if not isinstance(observation, Failure):
        return []
    return [f"  {name}:", *[f"    {text}" for text in observation.details.rstrip().splitlines()[-12:]]]


def reasons(title: str, results: Sequence[Result], verdict: Verdict) -> list[str]:
    """List the results of one verdict with their reasons, under a title; nothing if there are none."""
    chosen = [result for result in results if result.verdict is verdict]
    return [title, *[f"  {result.check.name}\n      {result.reason}" for result in chosen]] if chosen else []


def summary(results: Sequence[Result]) -> str:
    """Return what follows the table: failures, the known differences with their reasons, and the count."""
    failed = [result for result in results if not result.passed]
    return "\n".join(
        [
            *[explanation(result) for result in failed],
            *reasons("\nWhere the two differ as agreed:", results, Verdict.BETTER),
            f"\n{len(results) - len(failed)} passed, {len(failed)} failed",
            *[f"  failed: {result.check.name}" for result in failed],
        ]
    )
