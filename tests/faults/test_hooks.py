"""A site's hooks that hang or fail harm the socket that they are for, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from websockets.exceptions import InvalidHandshake

from tests.faults.sites import SERVERS, next_messages, run_site, send, state_of, wait_for_heartbeats
from tests.live.servers import RunningSite
from tests.live.site.hooks import SECRET
from tests.waiting import wait_until

pytestmark = pytest.mark.live

MANY = 10
"""Less than WS4CHANNELS_HANDSHAKE_THREADS: so many hooks may hang without that others have to wait for them."""


@pytest.fixture(scope="module", params=sorted(SERVERS))
def site(request, surroundings) -> Iterator[RunningSite]:
    """The site behind a server that lets handshakes take their time."""
    options = ["--websocket_connect_timeout", "60"] if request.param == "daphne" else []
    with run_site(surroundings, request.param, *options) as site:
        yield site


def first_message(site: RunningSite, facility: str) -> str | bytes:
    """Open a socket, however long that takes, and return the first message that it is sent."""
    with site.connect(facility, "subscribe-broadcast", open_timeout=60) as socket:
        return next_messages(socket, 1)[0]


@contextmanager
def hanging(site: RunningSite, client: redis.Redis, facility: str, count: int) -> Iterator[list[Future[Any]]]:
    """Open sockets whose hooks hang until the block ends, or somebody lets them go before."""
    with ThreadPoolExecutor(count) as pool:
        opening = [pool.submit(first_message, site, facility) for _ in range(count)]
        try:
            wait_until(lambda: client.llen(f"began:{facility}") == count, "the hooks have begun")
            yield opening
        finally:
            client.rpush(f"go:{facility}", *range(count))


def test_hanging_hook_delays_nobody_else(site, live_redis, facility):
    """While hooks hang, others get heartbeats and messages, and new ones are let in; then those of the hooks are."""
    waiting = f"waiting{facility}"
    with site.connect(facility, "subscribe-broadcast") as other:
        with hanging(site, live_redis, waiting, MANY) as opening:
            for _ in range(3):
                sent = send(site, facility, 20)
                assert next_messages(other, 20) == sent
                wait_for_heartbeats(other, 2)
                with site.connect(facility, "subscribe-broadcast", "publish-broadcast", "echo") as new:
                    assert next_messages(new, 1) == sent[-1:]
                    new.send("from somebody new")
                    assert next_messages(new, 1) == next_messages(other, 1) == ["from somebody new"]
            send(site, waiting, 1, "at last ")
            assert not any(each.done() for each in opening)
        assert [each.result() for each in opening] == ["at last 0"] * MANY


@pytest.mark.parametrize("word", ["failing", "database"])
def test_failing_hook_refuses_its_own_socket(site, facility, word):
    """A hook that raises, or whose database is down, refuses its clients and tells them nothing; others go on."""
    with site.connect(facility, "subscribe-broadcast") as other, ThreadPoolExecutor(MANY) as pool:
        refusing = [pool.submit(site.refusal, f"{word}{facility}", "subscribe-broadcast") for _ in range(MANY)]
        expected = send(site, facility, 50)
        assert next_messages(other, 50) == expected
        for each in refusing:
            answer = each.result()
            assert answer.status_code == 500
            told = [answer.reason_phrase, (answer.body or b"").decode(), str(answer.headers)]
            assert not any(SECRET in each or "database file" in each or "LookupError" in each for each in told)
        wait_for_heartbeats(other, 2)
    output = site.output()
    assert {"failing": f"LookupError: {SECRET}", "database": "unable to open database file"}[word] in output


def test_hook_that_outlasts_daphnes_timeout_leaves_nothing(surroundings, live_redis, facility):
    """Daphne refuses clients whose hooks take longer than its limit; when these end, nothing of the clients is left."""
    waiting = f"waiting{facility}"
    with (
        run_site(surroundings, "daphne", "--websocket_connect_timeout", "4") as site,
        site.connect(facility, "subscribe-broadcast") as other,
    ):
        before = state_of(site)
        with hanging(site, live_redis, waiting, 2) as opening:
            for each in opening:
                assert isinstance(each.exception(), InvalidHandshake)
            sent = send(site, facility, 3)
            assert next_messages(other, 3) == sent
        wait_until(lambda: is_as(site, before, "tasks", "consumers", "outboxes"), "nothing of them is left")
        assert "Traceback" not in site.output()


def is_as(site: RunningSite, before: dict[str, Any], *names: str) -> bool:
    """Tell whether there is no more in the server than there was."""
    state = state_of(site)
    return all(state[name] <= before[name] for name in names)
