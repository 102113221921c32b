"""Tests of `ws4channels.processes.questions`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.signing import Signer

from ws4channels.closing import build_close_command, read_close_command
from ws4channels.processes.questions import Question, is_question, keys_of, read_question, sockets_of

SALT = "ws4channels.processes"


def payload_of(question: Question) -> str:
    """Return a question as it arrives."""
    return question.publication().raw.decode("ascii")


@pytest.mark.parametrize("question", [sockets_of(["broadcast:a", "user:ä:b"]), keys_of("a", "x"), keys_of(limit=1000)])
def test_question_arrives_as_it_was_asked(question: Question) -> None:
    """On the key of close commands, and it is none."""
    assert question.publication().keys == ("ws4channels:close",)
    assert is_question(payload_of(question))
    assert read_question(payload_of(question)) == question
    assert read_close_command(payload_of(question)) is None


def test_close_command_is_no_question() -> None:
    """It is carried out."""
    command = build_close_command("mary", None, None, 4401)
    assert command is not None
    assert not is_question(command.publication().raw.decode("ascii"))
    assert not is_question(b"?")


@pytest.mark.parametrize(
    "payload",
    ["?", "?x", "?" + "x" * 300_000, "?" + Signer(salt="other").sign_object({}), "?" + Signer(salt=SALT).sign("x")],
)
def test_question_that_nobody_of_the_site_signed_is_none(payload: str) -> None:
    """Whatever it holds."""
    assert read_question(payload) is None


@pytest.mark.parametrize(
    "content",
    [[], {"unknown": 1}, {"keys": 3}, {"limit": "x"}, {"limit": None}, {"number": 5}, {"number": "../x"}, None],
)
def test_question_of_another_version_is_none(content: Any) -> None:
    """It raises nothing."""
    assert read_question("?" + Signer(salt=SALT).sign_object(content)) is None


def test_question_of_another_site_is_none(settings: Any) -> None:
    """Its secret is another."""
    payload = payload_of(keys_of())
    settings.SECRET_KEY = "another"
    assert read_question(payload) is None


def test_bounds_hold_where_a_question_is_read() -> None:
    """Not only where it is asked."""
    question = read_question(payload_of(replace(keys_of(), keys=tuple(map(str, range(2000))), limit=10**9)))
    assert question is not None
    assert (len(question.keys or ()), question.limit) == (1000, 1000)


def test_question_beyond_its_bounds_is_an_error() -> None:
    """It names the bound."""
    with pytest.raises(ValueError, match=r"There are 1001 keys; a question may name 1000\."):
        sockets_of(["x"] * 1001)
    with pytest.raises(ValueError, match=r"limit is 0; it must be 1 to 1000\."):
        keys_of(limit=0)
    with pytest.raises(ValueError, match="characters"):
        sockets_of(["x" * 1000] * 1000).publication()
