"""Presence over two servers of one site: who is here, who comes, who goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from urllib.parse import quote

import pytest
import redis

from tests.live.servers import RunningSite, daphne, uvicorn
from tests.live.site.presence import SETTINGS, SIGNALS
from tests.presence.watching import CHANNELS, watching
from tests.waiting import wait_until
from ws4channels.access.dropped import NOT_ALLOWED
from ws4channels.access.presence import NO_PATTERN, NO_RESUME, NOBODY_TO_SEE
from ws4channels.presence import Present, present
from ws4channels.presence.rolls import GRACE
from ws4channels.transports.numbers import extras_of

pytestmark = [pytest.mark.live, pytest.mark.slow]

APPS = ["daphne", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
APPS += ["django.contrib.staticfiles", "channels", "ws4channels", "tests.live.site", "tests.live.site.presence.Config"]


@pytest.fixture(scope="module")
def servers(surroundings) -> Iterator[tuple[RunningSite, RunningSite]]:
    """Two servers of one site, of different kinds."""
    settings = {**SETTINGS, "INSTALLED_APPS": APPS}
    with daphne(surroundings, settings=settings) as first, uvicorn(surroundings, settings=settings) as second:
        yield first, second


@pytest.fixture
def seen(facility: str) -> str:
    """A facility with presence."""
    return f"seen-{facility}"


def signals(live_redis: redis.Redis, facility: str) -> list[list[str]]:
    """Return what the receivers of both servers were sent."""
    return [json.loads(each) for each in live_redis.lrange(f"{SIGNALS}:{facility}", 0, -1)]


def test_clients_of_two_servers_see_each_other(servers, seen) -> None:
    """A client that joins later is told who is here, the others that somebody joined and left."""
    first, second = servers
    with watching(first, seen, "mary") as mary:
        mary.wait_for("mary")
        with watching(second, seen, "john") as john:
            john.wait_for("john", "mary")
            mary.wait_for("john", "mary")
            assert john.frames[0] == {"audience": "broadcast", "now": ["john", "mary"], "anonymous": 0}
        mary.wait_for("mary")
    assert mary.frames[-2:] == [
        {"audience": "broadcast", "joined": ["john"], "left": [], "anonymous": 0},
        {"audience": "broadcast", "joined": [], "left": ["john"], "anonymous": 0},
    ]


@pytest.fixture
def at_the_servers_redis(settings, surroundings) -> None:
    """Have this process ask the Redis of the servers."""
    settings.WS4REDIS_CONNECTION = {"url": surroundings.redis_url}
    settings.WS4CHANNELS_PRESENCE = SETTINGS["WS4CHANNELS_PRESENCE"]


def websockets(people: Present) -> int:
    """Return how many websockets there are of all that are present."""
    return sum(each.sockets for each in people) + people.anonymous


@pytest.mark.usefixtures("at_the_servers_redis")
def test_present_lists_users_and_counts_anonymous_clients_of_all_servers(servers, seen) -> None:
    """With the number of their websockets, and since when, by Redis' clock."""
    first, second = servers
    began = datetime.now(timezone.utc)
    with ExitStack() as stack:
        for site, words in ((first, ["name=mary"]), (second, ["name=mary"]), (second, ["name=john"]), (first, [])):
            stack.enter_context(site.connect(seen, "subscribe-broadcast", *words))
        wait_until(lambda: websockets(present(facility=seen, broadcast=True)) == 4, "all are here")
        people = present(facility=seen, broadcast=True)
        assert sorted((each.user, each.sockets) for each in people) == [("john", 1), ("mary", 2)]
        assert people.anonymous == 1
        assert all(abs((each.since - began).total_seconds()) < 5 for each in people)
    wait_until(lambda: present(facility=seen, broadcast=True) == [], "nobody is here")
    assert present(facility=seen, broadcast=True).anonymous == 0


@pytest.mark.usefixtures("at_the_servers_redis")
def test_present_in_a_group_and_for_a_user(servers, seen) -> None:
    """Each audience has its own list; several are put together, and nobody is in it twice."""
    first, second = servers
    with (
        first.connect(seen, "subscribe-group", "subscribe-user", "subscribe-broadcast", "name=mary", "member=a:b%25"),
        second.connect(seen, "subscribe-group", "name=john", "member=a:b%25", "member=other"),
    ):
        wait_until(lambda: len(present(facility=seen, groups=["a:b%"])) == 2, "the group is here")
        assert [each.user for each in present(facility=seen, groups=["other"])] == ["john"]
        assert [each.user for each in present(facility=seen, users=["mary", "john"])] == ["mary"]
        everybody = present(facility=seen, users=["mary"], groups=["a:b%", "other"], broadcast=True)
        assert sorted((each.user, each.sockets) for each in everybody) == [("john", 1), ("mary", 1)]


def test_user_with_three_tabs_joins_once_and_leaves_with_the_last(servers, seen, live_redis: redis.Redis) -> None:
    """On whichever server they are; receivers are told once, by the server with the first and that with the last."""
    first, second = servers
    with watching(first, seen, "mary") as mary:
        mary.wait_for("mary")
        with ExitStack() as stack:
            tabs = [stack.enter_context(site.connect(seen, *CHANNELS, "name=john")) for site in (first, second, second)]
            mary.wait_for("john", "mary")
            tabs[0].close()
            tabs[1].close()
            mary.take_for(GRACE + 1)
            assert mary.here == {"john", "mary"}
        mary.wait_for("mary")
    assert (mary.joins, mary.leaves) == (["john"], ["john"])
    expected = [["joined", "mary", None], ["joined", "john", None], ["left", "john", None], ["left", "mary", None]]
    wait_until(lambda: len(signals(live_redis, seen)) >= 4, "the receivers are told")
    assert signals(live_redis, seen) == expected
    assert "LookupError: The receiver failed." in first.output()


def test_reload_is_no_leave(servers, seen, live_redis: redis.Redis) -> None:
    """Also where the page comes back to another server."""
    first, second = servers
    with watching(first, seen, "mary") as mary:
        mary.wait_for("mary")
        for site in (first, second, first):
            with site.connect(seen, *CHANNELS, "name=john"):
                mary.wait_for("john", "mary")
        mary.wait_for("mary")
    assert (mary.joins, mary.leaves) == (["john"], ["john"])
    wait_until(lambda: len(signals(live_redis, seen)) >= 4, "the receivers are told")
    assert [each for each in signals(live_redis, seen) if each[1] == "john"] == [
        ["joined", "john", None],
        ["left", "john", None],
    ]


def test_anonymous_clients_are_counted(servers, seen) -> None:
    """Each websocket as one; their names are nobody's."""
    first, second = servers
    with watching(first, seen, None) as watcher:
        watcher.take_until(lambda: watcher.anonymous == 1, "it is counted itself")
        with second.connect(seen, "subscribe-broadcast"), second.connect(seen, "subscribe-broadcast"):
            watcher.take_until(lambda: watcher.anonymous == 3, "three are counted")
        watcher.take_until(lambda: watcher.anonymous == 1, "two have gone")
        assert watcher.here == set()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["subscribe-broadcast", "blind"], NOT_ALLOWED),
        (["subscribe-user"], NOBODY_TO_SEE),
    ],
)
def test_client_that_may_not_see_is_listed_and_told_why(servers, seen, words: list[str], reason: str) -> None:
    """The reason is in its first frame, and nothing of presence follows."""
    first, second = servers
    with watching(first, seen, "mary") as mary, first.connect(seen, "presence", "resume", "name=john", *words) as john:
        told = json.loads(str(john.receive())[1:])
        assert told["dropped"] == {"presence": reason}
        if "subscribe-broadcast" in words:
            mary.wait_for("john", "mary")
        with second.connect(seen, *CHANNELS, "name=ann"):
            mary.take_until(lambda: "ann" in mary.here, "ann is here")
        assert john.is_quiet()


@pytest.mark.parametrize("words", [["presence"], ["presence", "resume"]])
def test_facility_without_presence_has_none(servers, facility, words: list[str]) -> None:
    """Nobody is listed, and nobody is told anything."""
    with servers[0].connect(facility, "subscribe-broadcast", "name=mary", *words) as socket:
        if "resume" in words:
            assert json.loads(str(socket.receive())[1:])["dropped"] == {"presence": NO_PATTERN}
        assert socket.is_quiet()


def test_plain_client_gets_no_control_frames(servers, seen) -> None:
    """Without &resume a frame could not be told from a message, so presence is withheld."""
    with servers[0].connect(seen, "subscribe-broadcast", "presence", "name=mary") as socket:
        assert socket.is_quiet()
    assert NO_RESUME in servers[0].output()


HOSTILE = ["", "a:b", "%3A", '"]}', "\u2028\u0000", "__proto__", "null", "ä" * 150, "<b>", "user\nname", "!", "{tag}"]


@pytest.mark.usefixtures("at_the_servers_redis")
def test_names_of_any_kind_are_told_as_they_are(servers, seen) -> None:
    """What a name looks like in JSON, Lua, Redis or HTML makes no difference."""
    with ExitStack() as stack:
        for number, name in enumerate(HOSTILE):
            stack.enter_context(servers[number % 2].connect(seen, "subscribe-broadcast", f"name={quote(name)}"))
        watcher = stack.enter_context(watching(servers[1], seen, "mary"))
        watcher.wait_for("mary", *HOSTILE)
        assert {each.user for each in present(facility=seen, broadcast=True)} == {"mary", *HOSTILE}


def test_nothing_is_left_in_redis(servers, seen, live_redis: redis.Redis) -> None:
    """When all have left, the servers remove what they wrote."""
    key = extras_of(f"broadcast:{seen}").here
    with watching(servers[0], seen, "mary") as mary, servers[1].connect(seen, "subscribe-broadcast", "name=john"):
        mary.wait_for("mary", "john")
        assert live_redis.hlen(key) == 2
        assert 0 < live_redis.ttl(key) <= 12
    wait_until(lambda: not live_redis.exists(key), "the hash is gone", timeout=GRACE + 8)
    wait_until(lambda: not list(live_redis.scan_iter(f"ws4channels:here:*{seen}*")), "the facility's list as well")
