"""What Redis and the layer know of some keys: what is kept, and who listens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from asgiref.sync import async_to_sync

from ws4channels import connections, settings
from ws4channels.connections import UNREACHABLE, RedisError
from ws4channels.connections.deadlines import within
from ws4channels.explain.report import Key, Report
from ws4channels.processes.asking import ask_processes
from ws4channels.processes.questions import MOST_KEYS, sockets_of
from ws4channels.shown import error_on_one_line
from ws4channels.status.kept import measure
from ws4channels.status.listening import find_listening
from ws4channels.transports.contract import Transport
from ws4channels.transports.numbers import Record, extras_of

_PATIENCE = 5.0
"""Seconds; a layer's connections may have no time limit of their own."""
_MICROSECONDS = 1_000_000


def describe_keys(
    report: Report, transport: Transport, subscribe_keys: Sequence[str], publish_keys: Sequence[str]
) -> list[Key]:
    """Return what is known of the keys; a Redis that does not answer is told to `report`."""
    names = list(dict.fromkeys([*subscribe_keys, *publish_keys]))
    known: dict[str, dict[str, Any]] = {}
    try:
        known = _kept_at(connections.sync_client(), names)
    except UNREACHABLE as error:
        report.tell("redis", "refused", f"Redis does not answer: {error_on_one_line(error)}")
    except RedisError as error:
        report.tell("redis", "unknown", error_on_one_line(error))
    processes = count_processes(report, transport, names) if names else {}
    sockets = _count_sockets(report, names) if known else {}
    return [
        Key(
            name,
            name in subscribe_keys,
            name in publish_keys,
            **known.get(name, {}),
            processes=processes.get(name),
            sockets=sockets.get(name),
        )
        for name in names
    ]


def _count_sockets(report: Report, names: list[str]) -> dict[str, dict[str, int]]:
    """Return how many websockets of each process listen to each key; nothing where no process answers."""
    if not settings.WS4CHANNELS_ADMIN:
        return {}
    try:
        answers = ask_processes(connections.sync_client(), sockets_of(names[:MOST_KEYS]))
    except Exception as error:
        # Somebody's own layer may raise anything.
        report.tell("sockets", "unknown", f"How many websockets listen is unknown: {error_on_one_line(error)}")
        return {}
    if not answers.by_process:
        return {}
    labels = {each.name: f"{each.host}:{each.pid}" for each in answers.processes}
    return {
        name: {labels[process]: count for process, counts in answers.by_process.items() if (count := counts.get(name))}
        for name in names[:MOST_KEYS]
    }


def _kept_at(client: Any, names: list[str]) -> dict[str, dict[str, Any]]:
    with connections.one_kind_of_failure():
        seconds, microseconds = client.time()
        now = seconds * _MICROSECONDS + microseconds
        with client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.get(name)
                pipeline.get(extras_of(name).record)
            values = pipeline.execute(raise_on_error=False) if names else []
        measured = measure(client, names)
    known = {}
    for kept, raw, record in zip(measured, values[::2], values[1::2], strict=True):
        known[kept.key] = {
            "kept_bytes": kept.size,
            "kept_seconds": kept.seconds,
            "kept_age": _age_of(kept.key, raw, record, now),
            "history_messages": kept.logged,
            "history_bytes": kept.logged_size,
        }
    return known


def _age_of(key: str, raw: Any, record: Any, now: int) -> float | None:
    """Return how old a kept message is by its number, which is a time, if it has one."""
    if not isinstance(raw, bytes) or not isinstance(record, bytes):
        return None
    kept = Record.read(key, raw, record).kept
    return None if kept is None or not kept.number else round((now - kept.number) / _MICROSECONDS, 1)


def count_processes(report: Report, transport: Transport, keys: Iterable[str]) -> dict[str, int]:
    """Return how many processes listen to each key; nothing where that is unknown, which is told to `report`."""
    names = list(keys)
    try:
        listening = async_to_sync(within)(_PATIENCE, find_listening(transport, names, len(names)))
    except Exception as error:
        # Somebody's own layer may raise anything.
        report.tell("listening", "unknown", f"Who listens is unknown: {error_on_one_line(error)}")
        return {}
    if not listening.is_known:
        report.tell("listening", "unknown", "The channel layer does not tell who listens")
        return {}
    return {name: listening.keys.get(name, 0) for name in names}
