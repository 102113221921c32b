"""Refusals and failures of handshakes, as they are seen by clients and in the logs of real servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.servers import RunningSite, Surroundings, daphne, daphne_on_unix_socket, uvicorn
from tests.live.site.hooks import SECRET
from tests.waiting import SCALE, wait_until

pytestmark = pytest.mark.live

SETTINGS = {
    "WS4REDIS_ALLOWED_CHANNELS": "tests.live.site.refusing.allow_channels",
    "WS4REDIS_SUBSCRIBER": "tests.live.site.hooks.FailingSubscriber",
    "WS4CHANNELS_CLOSE_TIMEOUT": 0.5 * SCALE,
}
SERVERS = {
    "daphne": (daphne, ["--access-log", "/dev/null"]),
    "uvicorn-sansio": (uvicorn, ["--no-access-log", "--ws", "websockets-sansio"]),
    "uvicorn-legacy": (uvicorn, ["--no-access-log", "--ws", "websockets"]),
}


def run(surroundings: Surroundings, server: str, **settings: Any):
    start, options = SERVERS[server]
    return start(surroundings, *options, settings={**SETTINGS, **settings})


@pytest.fixture(scope="module", params=sorted(SERVERS))
def site(request, surroundings) -> Iterator[RunningSite]:
    """The site behind one of the servers, which log no requests."""
    with run(surroundings, request.param) as site:
        yield site


def reasons_and_status_of(site: RunningSite, facility: str) -> tuple[list[str], int]:
    """Open a websocket that is refused; return the lines of the log with the reason, and the status of the answer."""
    before = len(site.output())
    status = site.refusal(facility, "subscribe-broadcast").status_code
    # Daphne logs errors of applications once a second. So when it has logged a later one, it has logged all.
    later = site.output().count(SECRET)
    with site.connect("served", "publish-broadcast") as socket:
        socket.send("explode")
        socket.closing()
    wait_until(lambda: site.output().count(SECRET) > later, "the later error is in the log")
    return [line for line in site.output()[before:].splitlines() if line.endswith(": The reason.")], status


@pytest.mark.parametrize(
    ("word", "error"), [("denied", "PermissionDenied"), ("unknown", "Http404"), ("expired", "TokenError")]
)
def test_refusal_is_one_line(site, word, error):
    """What a rule raises to refuse a client is status 403 and one line, whatever the server."""
    line = f"Refused a websocket to /ws/{word}-one: {error}: The reason."
    assert reasons_and_status_of(site, f"{word}-one") == ([line], 403)


def test_failure_is_one_traceback(site):
    """An error in a rule is status 500 and one traceback, of ours; the server adds none."""
    assert reasons_and_status_of(site, "broken-one") == (["LookupError: The reason."], 500)
    assert "A websocket to /ws/broken-one failed: LookupError\nTraceback (most recent call last):\n" in site.output()


@pytest.mark.parametrize("server", ["daphne", "uvicorn-sansio"])
def test_refusals_have_a_close_code_that_clients_can_act_on(surroundings, server):
    """With WS4CHANNELS_CLOSE_CODE_ON_REFUSAL a client whose token has expired is told 4403."""
    with run(surroundings, server, WS4CHANNELS_CLOSE_CODE_ON_REFUSAL=True) as site:
        for word in ("denied", "unknown", "expired"):
            with site.connect(f"{word}-two", "subscribe-broadcast") as socket:
                assert socket.closing()[0] == 4403


def test_failure_is_logged_where_django_disables_existing_loggers(surroundings):
    """LOGGING without `disable_existing_loggers` silences loggers that exist by then; ours are not among them."""
    logging = {
        "version": 1,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
    }
    with daphne_on_unix_socket(surroundings, settings={**SETTINGS, "LOGGING": logging}) as site:
        assert site.refusal("broken-three", "subscribe-broadcast").status_code == 500
        assert "A websocket to /ws/broken-three failed: LookupError\nTraceback" in site.output()
