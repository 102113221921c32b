"""Tests of `ws4channels.processes.asking`, where processes answer nothing or nonsense."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from tests.layers import REDIS, use
from tests.processes.test_records import write
from tests.waiting import TIMEOUT
from ws4channels.audience import answers_key, close_commands_key
from ws4channels.processes.asking import ask_processes, build_answer, read_answer, read_processes
from ws4channels.processes.questions import keys_of, read_question
from ws4channels.testing import capture_published


@contextmanager
def answering(client: redis.Redis, *raws: bytes) -> Iterator[None]:
    """Answer the next question."""
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(close_commands_key(None))
    pubsub.get_message(timeout=TIMEOUT)

    def answer() -> None:
        message = None
        while message is None:
            message = pubsub.get_message(timeout=TIMEOUT)
        question = read_question(message["data"].decode())
        assert question is not None
        client.rpush(answers_key(None, question.number), *raws)

    thread = threading.Thread(target=answer)
    thread.start()
    yield
    thread.join()
    pubsub.close()


@pytest.fixture(autouse=True)
def transport(settings: Any) -> None:
    """Questions are published on a channel named as the key."""
    use(REDIS, settings)


def test_without_processes_nobody_is_asked(redis_client: redis.Redis) -> None:
    """And nothing is waited for."""
    answers = ask_processes(redis_client, keys_of(), TIMEOUT)
    assert (answers.by_process, answers.processes, answers.silent) == ({}, (), ())


def test_process_that_does_not_answer_is_named(redis_client: redis.Redis) -> None:
    """What the others answered is there; the asker waits no longer than it was told to."""
    write(redis_client, "a")
    write(redis_client, "b")
    with answering(redis_client, build_answer("b", [("broadcast:x", 2)])):
        answers = ask_processes(redis_client, keys_of(), 0.5)
    assert answers.by_process == {"b": {"broadcast:x": 2}}
    assert [each.name for each in answers.silent] == ["a"]


def test_asker_returns_when_all_have_answered(redis_client: redis.Redis) -> None:
    """Their numbers are added."""
    write(redis_client, "a")
    write(redis_client, "b")
    ours = (build_answer("a", [("x", 1), ("y", 5)]), build_answer("b", [("x", 2)]))
    with answering(redis_client, *ours):
        answers = ask_processes(redis_client, keys_of(), TIMEOUT)
    assert list(answers.totals.items()) == [("y", 5), ("x", 3)]


NONSENSE = [
    *(b"", b"{", b"1", b"[]", b'["a"]', b'["a", 3]', b'["a", [["x"]]]', b'["a", [["x", -1]]]', b'["a", [[1, 1]]]'),
    *(b'["a", [["x", 1e400]]]', b'["a", {"x": 1}]', b"[" * 100_000, b"x" * 2_000_000, b'["stranger", [["x", 1]]]'),
    b'["a", [["\\ud800", 1]]]',
]


@pytest.mark.parametrize("raw", NONSENSE, ids=lambda raw: repr(raw[:24]))
def test_answer_that_makes_no_sense_is_ignored(redis_client: redis.Redis, raw: bytes) -> None:
    """As that of a process which nobody knows."""
    write(redis_client, "a")
    with answering(redis_client, raw, build_answer("a", [("x", 1)])):
        assert ask_processes(redis_client, keys_of(), TIMEOUT).by_process == {"a": {"x": 1}}


def test_answer_is_no_longer_than_asked_and_than_a_reader_takes() -> None:
    """The keys with most sockets stay."""
    assert read_answer(build_answer("a", [("x", 2), ("y", 1)]), 1) == ("a", {"x": 2})
    raw = build_answer("a", [(f"{number}:{'x' * 5000}", 1000 - number) for number in range(1000)])
    assert len(raw) <= 1024 * 1024
    assert json.loads(raw)[1][0][1] == 1000


def test_tests_that_record_messages_ask_nobody(redis_client: redis.Redis) -> None:
    """What they record is the site's own."""
    write(redis_client, "a")
    with capture_published() as published:
        assert ask_processes(redis_client, keys_of(), 0.1).by_process == {}
    assert list(published) == []


def test_redis_that_is_down_is_a_connection_error() -> None:
    """At once."""
    client = redis.Redis(port=1)
    with pytest.raises(redis.ConnectionError):
        read_processes(client)
