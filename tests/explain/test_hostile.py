"""Tests of `ws4channels.explain` with input that means harm: whatever it is, the answer is steps of one line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ws4channels.explain import Explanation, explain, explain_publishing

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS = st.text(st.characters(), max_size=40)
MAYBE = st.none() | TEXTS
URLS = st.one_of(
    TEXTS,
    st.builds("/ws/{}?subscribe-broadcast&{}".format, TEXTS, TEXTS),
    st.builds("ws://{}/ws/{}?subscribe-user".format, TEXTS, TEXTS),
)


def assert_is_harmless(explanation: Explanation) -> None:
    """Fail unless each text is one line that a terminal shows as it is, and all of it is JSON."""
    assert explanation.steps
    assert all(step.text.isprintable() and step.name.isprintable() for step in explanation.steps)
    json.dumps(explanation.as_dict())


@given(url=URLS, user=MAYBE, session=MAYBE, origin=MAYBE, host=MAYBE)
@example(url="/ws/news?subscribe-user", user=None, session="\ud800", origin="\udcff", host="\x00")
@example(url="/ws/news?subscribe-user", user="\x00", session="a;b=c", origin="ws://[", host="a b\r\nx: y")
@example(url="/ws/news?subscribe-user&ticket=x&ticket=y", user=None, session="", origin="", host="")
def test_whatever_is_asked_is_answered(url: str, **arguments: Any) -> None:
    """No argument makes it raise."""
    assert_is_harmless(explain(url, **arguments))


@pytest.mark.parametrize("parameters", [2000, 100_000])
def test_url_with_many_parameters_is_answered(parameters: int) -> None:
    """Django's own limit, and that of URLs, hold here as in a server."""
    explanation = explain("/ws/news?" + "&".join(f"x{number}" for number in range(parameters)))
    assert_is_harmless(explanation)
    assert explanation.steps[-1].verdict == "refused"


def test_names_that_write_on_terminals_are_escaped_for_publishers() -> None:
    """Notes and the sentence on what does not meet are one line each."""
    name = "\x1b[2J\r\n\u2028"
    publishing = explain_publishing(name, explain("/ws/news?subscribe-broadcast"), users=[name], groups=[None, 7])
    assert publishing.gap is not None
    assert all(text.isprintable() for text in [*publishing.notes, publishing.gap])
    assert len(publishing.notes) == 2
    json.dumps(publishing.as_dict())


def test_ticket_and_password_are_in_no_text(settings: Any) -> None:
    """What lets somebody in is not shown, whatever fails."""
    settings.WS4REDIS_CONNECTION = {"url": "redis://john:geheim@127.0.0.1:1/0"}
    explanation = explain("ws://john:geheim@localhost/ws/news?subscribe-user&ticket=geheim&token=geheim")
    assert not explanation.is_accepted
    assert "geheim" not in json.dumps(explanation.as_dict())
