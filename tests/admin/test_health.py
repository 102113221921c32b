"""Tests of `ws4channels.admin.health`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import redis
from django.test import Client

from example_project.redis_server import HOST, RedisServer
from tests import layers
from tests.admin.addresses import ROOT, text_of
from tests.silence import refusing_port, silent_server
from tests.waiting import SCALE
from ws4channels.admin.health import DOCUMENTATION, lines_of
from ws4channels.publisher import RedisPublisher

DOCS = Path(__file__).parents[2] / "docs"


def use_redis(settings: Any, port: int) -> None:
    """Have the site use a Redis on another port, for all that it does."""
    settings.WS4REDIS_CONNECTION = {"host": HOST, "port": port}
    settings.CHANNEL_LAYERS = layers.one_layer("channels_redis.pubsub.RedisPubSubChannelLayer", hosts=[(HOST, port)])


def test_page_says_that_all_is_well(staff: Client, redis_server: RedisServer) -> None:
    """A site without faults shows what it uses, how fast that is, and how much is kept."""
    RedisPublisher(facility="news", broadcast=True).publish_message("hello")
    text = text_of(staff.get(ROOT))
    assert "All is well." in text
    assert f"{HOST}:{redis_server.port}" in text
    assert "Kept messages 1" in text


def test_page_shows_failures_before_warnings(staff: Client, settings: Any) -> None:
    """What the system checks and Redis say is listed, worst first, each with an address of the documentation."""
    settings.WS4REDIS_EXPIRES = 60
    with refusing_port() as port:
        use_redis(settings, port)
        response = staff.get(ROOT)
    lines = response.context["lines"]
    assert [line.is_failure for line in lines] == [True, True, False]
    assert lines[0].text.startswith("Redis at 127.0.0.1:")
    assert lines[2].text.startswith("ws4channels.W001: There is no setting WS4REDIS_EXPIRES")
    for line in lines:
        assert line.url.replace("&", "&amp;") in response.content.decode()
    assert "All is well" not in text_of(response)


def test_page_says_within_two_seconds_that_redis_does_not_answer(staff: Client, settings: Any) -> None:
    """A Redis that takes connections and answers nothing delays the page for less than two seconds."""
    with silent_server() as server:
        use_redis(settings, server.port)
        began = time.monotonic()
        response = staff.get(ROOT)
        assert time.monotonic() - began < 2 * max(1, SCALE / 2)
    assert response.status_code == 200
    assert "Failure Redis or the channel layer does not answer (no answer within 1.5 s)." in text_of(response)
    assert "All is well" not in text_of(response)


def test_who_looks_often_leaves_nothing_behind(staff: Client, redis_client: redis.Redis) -> None:
    """Each look closes the connections to Redis that it opened."""
    staff.get(ROOT)
    before = len(redis_client.client_list())
    for _ in range(5):
        staff.get(ROOT)
    assert len(redis_client.client_list()) <= before


def test_hostile_text_is_shown_and_not_run(staff: Client, settings: Any) -> None:
    """A value of a setting that looks like HTML appears as it is written."""
    settings.WS4REDIS_EXPIRE = "<script>alert(1)</script>"
    response = staff.get(ROOT)
    assert "<script>alert(1)</script>" in text_of(response).replace("&lt;", "<")
    assert b"<script>alert" not in response.content


@pytest.mark.parametrize(
    "text",
    [
        "Redis at 127.0.0.1:6379 fails: ConnectionError: Error 111",
        "Messages do not come through 127.0.0.1:6379: ConnectionError",
        "Redis at 127.0.0.1:6379: When its 100 MiB are full it removes keys",
        "ws4channels.W001: There is no setting WS4REDIS_EXPIRES",
        "ws4channels.E003: CHANNEL_LAYERS has no entry",
        "something new",
    ],
)
def test_line_leads_to_words_of_the_documentation(text: str) -> None:
    """The page that a line links to has the words that the browser is to scroll to."""
    ((_, url, _),) = lines_of([text], True)
    page, _, words = url.removeprefix(DOCUMENTATION).partition("#:~:text=")
    assert unquote(words) in (DOCS / page).read_text("utf-8")


def test_documentation_is_that_of_the_project() -> None:
    """The address is the one that the package's metadata has."""
    repository = DOCUMENTATION.removesuffix("/blob/main/docs/")
    assert f'REPOSITORY = "{repository}"' in (DOCS.parent / "setup.py").read_text("utf-8")
