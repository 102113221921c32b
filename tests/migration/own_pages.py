"""What each sample site does with code of its own, beside what the pages of the black-box checks do in all of them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any, cast

from tests.against_original.client import Side
from tests.against_original.reasons import BROKEN_ANSWERS, TURNED_AWAY, Reason
from tests.against_original.registry import Check, Instead, Observation
from tests.migration.sample_sites import SAMPLE_SITES
from tests.migration.site_workshop import SiteWorkshop

OLD_TAG_LIBRARY = Reason("Django 3.0", "Django 3.0 and newer have no `{% load staticfiles %}`; the command replaces it")
TEAM = "8b0f2a5e-3c1d-4e0b-9f53-6b1f0f1f2a77"

OWN_CHECKS: dict[str, list[Check]] = defaultdict(list)


def own(
    site: str, expected: Observation, *, original: Instead | None = None
) -> Callable[[Callable[[Side], Observation]], Callable[[Side], Observation]]:
    """Register the decorated function as a check of one sample site."""

    def register(observe: Callable[[Side], Observation]) -> Callable[[Side], Observation]:
        sentence = " ".join((observe.__doc__ or "").split())
        configuration = SAMPLE_SITES[site].configuration
        check = Check(f"{site}_{observe.__name__}", sentence, configuration, observe, expected, original, quick=True)
        OWN_CHECKS[site].append(check)
        return observe

    return register


def workshop_of(side: Side) -> SiteWorkshop:
    """Return the workshop in which a sample site runs."""
    return cast(SiteWorkshop, side.workshop)


def what_page_loads(side: Side, path: str) -> dict[str, str | None]:
    """Return the address of the client's script that a page loads, and the websocket address that it holds."""
    answer = side.visitor().get(path)
    script = re.search(r'src="([^"]*ws4redis[^"]*)"', answer.text)
    uri = re.search(r"""ws://[^/]+(/[^'"?]*)""", answer.text)
    return {"status": str(answer.status_code), "script": script and script[1], "uri": uri and uri[1]}


LOADED = {"status": "200", "script": "/static/js/ws4redis.js", "uri": "/ws/foobar"}
FAILED = {"status": "500", "script": None, "uri": None}
PATHS = ["/chat/", "/chat/user/", "/chat/group/"]


@own(
    "chatroom",
    dict.fromkeys(PATHS, LOADED),
    original=Instead({"/chat/": FAILED, "/chat/user/": FAILED, "/chat/group/": LOADED}, OLD_TAG_LIBRARY),
)
def pages_load_the_client(side: Side) -> Any:
    """Pages load the client that took its address from STATIC_URL, or a tag library that Django no longer has."""
    return {path: what_page_loads(side, path) for path in PATHS}


@own("chatroom", {"john": ["psst"], "mary": [], "chatters": ["hi all"]})
def forms_reach_users_and_groups(side: Side) -> Any:
    """What the site's own views publish reaches whom it names."""
    john = side.visitor("john").connect("foobar", "subscribe-user", audience={"users": ["john"]})
    mary = side.visitor("mary").connect("foobar", "subscribe-user", audience={"users": ["mary"]})
    group = side.visitor("mary").connect("foobar", "subscribe-group", audience={"groups": ["chatters"]})
    pages = side.visitor().pages
    pages.post("/chat/user/", data={"user": "john", "message": "psst"}).raise_for_status()
    pages.post("/chat/group/", data={"group": "chatters", "message": "hi all"}).raise_for_status()
    return {"john": john.frames(), "mary": mary.frames(), "chatters": group.frames()}


@own("newsdesk", {"front page": ["Moon is cheese"], "desk": ["new: Moon is cheese"], "kept": "about 60 s"})
def saving_an_article_tells_readers_and_desk(side: Side) -> Any:
    """A publisher built at import in a model's save(), and one in a signal handler."""
    reader = side.connect("front-page", "subscribe-broadcast")
    editor = side.visitor("john").connect("desk", "subscribe-group", audience={"groups": ["editors"]})
    side.visitor().post("/articles/", headline="Moon is cheese", desk="editors")
    received = [json.loads(text)["headline"] for text in reader.frames()]
    return {"front page": received, "desk": editor.frames(), "kept": side.lifetime("group:editors:desk")}


@own("newsdesk", {"everybody": ["to all"], "editors": ["to the desk"]})
def the_ticker_command_publishes(side: Side) -> Any:
    """A management command reaches everybody, or a group, by an audience that it computes."""
    everybody = side.connect("ticker", "subscribe-broadcast")
    editors = side.visitor("john").connect("ticker", "subscribe-group", audience={"groups": ["editors"]})
    workshop_of(side).manage("ticker", "to all")
    workshop_of(side).manage("ticker", "to the desk", "--desk", "editors")
    return {"everybody": everybody.frames(), "editors": editors.frames()}


@own("newsdesk", {"status": "200", "script": "/static/js/ws4redis.js", "uri": "/ws/front-page"})
def headlines_load_the_client(side: Side) -> Any:
    """A page that loads the client by `{% static %}` goes on doing so."""
    return what_page_loads(side, "/headlines/")


def open_lounge(side: Side) -> None:
    """Make a room with john in it, who gets a token."""
    workshop_of(side).manage("open_room", "lounge", "john")


REFUSED = Instead("refused without an answer", BROKEN_ANSWERS)


@own(
    "clubhouse",
    {"received": ["welcome to lounge", "john: hello", "quiet please"], "kept": {"room:lounge": "quiet please"}},
)
def members_talk_in_their_room(side: Side) -> Any:
    """A channel of the site's own, its greeting, and what it makes of what clients send."""
    open_lounge(side)
    john = side.visitor("john")
    socket = john.connect("lounge", "subscribe-room&subscribe-broadcast")
    received: list[Any] = socket.wait_for(1)
    john.post("/rooms/lounge/say/", text="hello")
    received += socket.wait_for(1)
    john.connect("lounge", "publish-room").send("QUIET PLEASE")
    received += socket.wait_for(1)
    return {"received": received, "kept": {key: value for key, value in side.kept().items() if key.startswith("room:")}}


@own("clubhouse", {"mine": ["john: hello"], "kept": "john: hello"})
def who_speaks_hears_it_in_other_windows(side: Side) -> Any:
    """SELF of the request, and fetching what was kept for it."""
    open_lounge(side)
    john = side.visitor("john")
    window = john.connect("mine", "subscribe-user", audience={"users": ["john"]})
    kept = john.post("/rooms/lounge/say/", text="hello")["kept"]
    return {"mine": window.frames(), "kept": kept}


@own("clubhouse", "refused with 403", original=Instead("closed at once with 1006", TURNED_AWAY))
def strangers_stay_outside(side: Side) -> Any:
    """The subscriber asks the database, and turns away who is no member."""
    open_lounge(side)
    return side.visitor("mary").knock("lounge", "subscribe-room")


@own("clubhouse", "refused with 403", original=REFUSED)
def the_banned_are_refused(side: Side) -> Any:
    """The rule for channels refuses by PermissionDenied."""
    return side.visitor("john").knock("anywhere", "subscribe-broadcast&banned")


@own("clubhouse", {"kept": {}, "received": ["to guests"]})
def guests_only_read(side: Side) -> Any:
    """The rule for channels takes publishing from who is not signed in."""
    guest = side.connect("news", "subscribe-broadcast&publish-broadcast&echo")
    guest.send("from a guest")
    side.publish("news", "to guests", expire=0)
    return {"received": guest.frames(), "kept": side.kept()}


@own("clubhouse", {"user": ["for john"], "room": ["for the lounge"], "unknown token": "refused"})
def tokens_stand_for_cookies(side: Side) -> Any:
    """The hook finds the user of a token in the database, and names groups."""
    open_lounge(side)
    token = "token=token-of-john"
    user = side.connect("mobile", f"{token}&subscribe-user", audience={"users": ["john"]})
    room = side.connect("mobile", f"{token}&subscribe-group", audience={"groups": ["lounge"]})
    side.publish("mobile", "for john", audience={"users": ["john"]})
    side.publish("mobile", "for the lounge", audience={"groups": ["lounge"]})
    knocked = side.visitor().knock("mobile", "token=forged&subscribe-user")
    return {"user": user.frames(), "room": room.frames(), "unknown token": knocked.partition(" ")[0]}


DONE = '{"task":3,"state":"done","by":"Zoë"}'


@own(
    "taskboard",
    {
        "watched by john": [DONE],
        "watched by mary": [DONE],
        "team": ["task 3 is done"],
        "board": [{"task": 3, "state": "done", "by": "Zoë"}],
        "own": DONE,
    },
)
def tasks_tell_everybody_concerned(side: Side) -> Any:
    """Users by object, by name and by primary key, a group by its UUID, bytes of a renderer, a publisher's subclass."""
    john, mary = side.visitor("john"), side.visitor("mary")
    john.post("/memberof/", [TEAM])
    sockets = {
        "watched by john": john.connect("watched", "subscribe-user", audience={"users": ["john"]}),
        "watched by mary": mary.connect("watched", "subscribe-user", audience={"users": ["mary"]}),
        "team": john.connect("team", "subscribe-group", audience={"groups": [TEAM]}),
        "board": side.connect("board", "subscribe-broadcast"),
    }
    john.post("/tasks/3/done/")
    received: dict[str, Any] = {name: socket.frames() for name, socket in sockets.items()}
    received["board"] = [json.loads(text) for text in received["board"]]
    (own_key,) = (key for key in side.kept() if key.endswith(":tasks"))
    return received | {"own": side.value(own_key)}


@own("taskboard", ["first", "second"])
def the_daemon_publishes(side: Side) -> Any:
    """A process outside Django's request cycle, through names that it gets by star imports."""
    socket = side.connect("board", "subscribe-broadcast")
    workshop_of(side).run_python("tasks/daemon.py", stdin="first\nsecond\n")
    return socket.wait_for(2)


@own("taskboard", "OK")
def the_sites_own_tests_pass(side: Side) -> Any:
    """Patches by dotted names, of the site's own modules and of the package's, still hit."""
    workshop_of(side).manage("test", "tasks")
    return "OK"


@own("scoreboard", {"fan": ["2:1"], "ann": ["2:1"], "other": []})
def goals_reach_fans_and_addresses(side: Side) -> Any:
    """Groups that the site wrote into the session, and users named by their e-mail addresses."""
    fan, other = side.visitor("john"), side.visitor("mary")
    fan.get("/matches/", follow=TEAM).raise_for_status()
    ann = side.visitor("ann.lee@example.org")
    sockets = {
        "fan": fan.connect("/goals", "subscribe-group", audience={"groups": [TEAM]}),
        "ann": ann.connect("/goals", "subscribe-user", audience={"users": ["ann.lee@example.org"]}),
        "other": other.connect("/goals", "subscribe-user", audience={"users": ["mary"]}),
    }
    side.visitor().post(f"/matches/{TEAM}/goal/", score="2:1", email="ann.lee@example.org")
    return {name: [json.loads(text)["score"] for text in socket.frames()] for name, socket in sockets.items()}


@own("scoreboard", {"status": "200", "script": "/static/js/ws4redis.js", "uri": "/stream/goals"})
def the_page_loads_the_client(side: Side) -> Any:
    """A WEBSOCKET_URL without a slash at its end stands in the page as it is."""
    return what_page_loads(side, "/matches/")


@own("intranet", {"board": ["Kuchen!"], "john": ["Anruf"], "mary": []})
def pins_reach_the_board(side: Side) -> Any:
    """Views of a site that had a copy of the original in its tree publish to our websockets."""
    board = side.connect("board", "subscribe-broadcast")
    people = {
        name: side.visitor(name).connect("board", "subscribe-user", audience={"users": [name]})
        for name in ("john", "mary")
    }
    pages = side.visitor().pages
    assert pages.post("/pin/", data={"note": "Kuchen!"}).text == "Angeheftet für alle"
    pages.post("/pin/", data={"note": "Anruf", "to": "john"}).raise_for_status()
    return {"board": board.frames(), **{name: socket.frames() for name, socket in people.items()}}


@own("starter", {"keys": "broadcast:announcements", "received": ["Hear, hear"], "kept": "about 10 s"})
def announcements_are_received(side: Side) -> Any:
    """Modules imported under other names publish."""
    socket = side.connect("announcements", "subscribe-broadcast")
    keys = side.visitor().pages.post("/announce/", data={"text": "Hear, hear"}).text
    return {"keys": keys, "received": socket.frames(), "kept": side.lifetime("broadcast:announcements")}
