"""Who receives whose messages: the four audiences, for people signed in and for people who are not."""

import re
from typing import Any

from tests.against_original.checks.configurations import PLAIN
from tests.against_original.client import SELF, Side, Visitor
from tests.against_original.reasons import ANONYMOUS_SELF, ANONYMOUS_SESSION, CONNECTION_PER_SOCKET
from tests.against_original.registry import Instead, check

KINDS = ["broadcast", "group", "user", "session"]


def audience_of(kind: str, visitor: Visitor | None = None) -> dict[str, Any]:
    """Return the publisher's arguments that address john by broadcast, group, user name or session."""
    key = visitor.get("/whoami/").json()["session_key"] if visitor is not None else None
    return {
        "broadcast": {"broadcast": True},
        "group": {"groups": ["editors"]},
        "user": {"users": ["john"]},
        "session": {"sessions": [key]},
    }[kind]


def without_address(text: str) -> str:
    """Blot out memory addresses and the module's name in the representation of an object."""
    return re.sub(r"<[\w.]+\.(\w+) object at 0x[0-9a-f]+>", r"<\1>", text)


def without_session(text: str, visitor: Visitor) -> str:
    """Replace the session's key, which is random, by a word."""
    key = visitor.get("/whoami/").json()["session_key"]
    return text.replace(key, "SESSION") if key else text


@check(PLAIN, {kind: [f"for {kind}"] for kind in KINDS}, quick=True)
def each_subscription_hears_its_own_audience_only(side: Side) -> Any:
    """A message to an audience reaches those who subscribed to that audience, and no others."""
    john = side.visitor("john")
    sockets = {kind: john.connect("room", f"subscribe-{kind}", audience=audience_of(kind, john)) for kind in KINDS}
    for kind in KINDS:
        side.publish("room", f"for {kind}", audience=audience_of(kind, john), expire=0)
    return {kind: socket.frames() for kind, socket in sockets.items()}


PUBLISHED_BY_CLIENT = {
    "broadcast": {"broadcast:room": "by john"},
    "group": {"group:chatters:room": "by john", "group:editors:room": "by john"},
    "user": {"user:john:room": "by john"},
    "session": {"session:SESSION:room": "by john"},
}


@check(PLAIN, PUBLISHED_BY_CLIENT, quick=True)
def each_publishing_channel_writes_the_keys_of_its_audience(side: Side) -> Any:
    """What a client sends goes to the audience of the channels it asked for, groups all at once."""
    seen = {}
    john = side.visitor("john")
    for kind in KINDS:
        side.redis.flushall()
        observer = john.connect("room", f"subscribe-{kind}", audience=audience_of(kind, john))
        john.connect("room", f"publish-{kind}").send("by john")
        observer.wait_for(1)
        side.wait_for_keys(len(PUBLISHED_BY_CLIENT[kind]))
        seen[kind] = {without_session(key, john): value for key, value in side.kept().items()}
    return seen


@check(PLAIN, sorted(key for keys in PUBLISHED_BY_CLIENT.values() for key in keys))
def all_publishing_channels_together_write_all_keys(side: Side) -> Any:
    """A client with all four publishing channels reaches all four audiences with one message."""
    john = side.visitor("john")
    john.connect("room", "&".join(f"publish-{kind}" for kind in KINDS)).send("by john")
    side.wait_for_keys(5)
    return sorted(without_session(key, john) for key in side.kept())


@check(PLAIN, {"all": ["broadcast", "group", "session", "user"]})
def all_subscriptions_together_hear_all_audiences(side: Side) -> Any:
    """A socket with all four subscriptions receives each message once."""
    john = side.visitor("john")
    socket = john.connect("room", "&".join(f"subscribe-{kind}" for kind in KINDS))
    for kind in KINDS:
        side.publish("room", kind, audience=audience_of(kind, john), expire=0)
    return {"all": sorted(socket.frames())}


@check(PLAIN, {"mary": ["to chatters"], "john": ["to chatters", "to editors"]}, quick=True)
def group_messages_reach_the_members(side: Side) -> Any:
    """Who signed in receives the groups they belong to."""
    mary = side.visitor("mary").connect("room", "subscribe-group", audience={"groups": ["chatters"]})
    john = side.visitor("john").connect("room", "subscribe-group", audience={"groups": ["chatters"]})
    side.publish("room", "to chatters", audience={"groups": ["chatters"]}, expire=0)
    side.publish("room", "to editors", audience={"groups": ["editors"]}, expire=0)
    return {"mary": mary.frames(), "john": john.frames()}


@check(PLAIN, {"john": ["secret"], "john elsewhere": ["secret"], "mary": []})
def user_messages_reach_all_windows_of_that_user_only(side: Side) -> Any:
    """A message to john reaches all his browsers, and not mary."""
    john = side.visitor("john").connect("room", "subscribe-user", audience={"users": ["john"]})
    elsewhere = side.visitor("john").connect("room", "subscribe-user", audience={"users": ["john"]})
    mary = side.visitor("mary").connect("room", "subscribe-user", audience={"users": ["mary"]})
    side.publish("room", "secret", audience={"users": ["john"]}, expire=0)
    return {"john": john.frames(), "john elsewhere": elsewhere.frames(), "mary": mary.frames()}


@check(PLAIN, {"this": ["here"], "other": []})
def session_messages_reach_one_browser_of_a_user(side: Side) -> Any:
    """A message to a session does not reach the same user's other browser."""
    this, other = side.visitor("john"), side.visitor("john")
    here = this.connect("room", "subscribe-session", audience=audience_of("session", this))
    there = other.connect("room", "subscribe-session", audience=audience_of("session", other))
    this.publish_as_oneself("room", "here", audience={"sessions": [SELF]})
    return {"this": here.frames(), "other": there.frames()}


@check(PLAIN, ["to the visitor"])
def somebody_anonymous_with_a_session_has_the_session_channel(side: Side) -> Any:
    """A session needs no user: its key is what counts."""
    visitor = side.visitor()
    key = visitor.post("/visit/")["session_key"]
    socket = visitor.connect("room", "subscribe-session", audience={"sessions": [key]})
    side.publish("room", "to the visitor", audience={"sessions": [key]})
    return socket.frames()


@check(PLAIN, {"session:SESSION:room": "by a visitor"})
def somebody_anonymous_with_a_session_publishes_to_the_session(side: Side) -> Any:
    """`publish-session` of an anonymous visitor writes the key of the session."""
    visitor = side.visitor()
    visitor.post("/visit/")
    visitor.connect("room", "publish-session").send("by a visitor")
    side.wait_for_keys(1)
    return {without_session(key, visitor): value for key, value in side.kept().items()}


@check(
    PLAIN,
    {"user": "open", "group": "open", "session": "open"},
    original=Instead({"user": "open", "group": "open", "session": "closed at once with 1006"}, ANONYMOUS_SESSION),
    quick=True,
)
def somebody_anonymous_stays_connected_whatever_they_subscribe_to(side: Side) -> Any:
    """The socket of somebody anonymous stays open without the channels that need a user or a session."""
    return {kind: side.visitor().knock("room", f"subscribe-{kind}") for kind in ["user", "group", "session"]}


@check(
    PLAIN,
    {"user": "open", "group": "open", "session": "open"},
    original=Instead({"user": "open", "group": "open", "session": "closed at once with 1006"}, ANONYMOUS_SESSION),
)
def somebody_anonymous_stays_connected_whatever_they_publish_to(side: Side) -> Any:
    """So it is with the channels for publishing."""
    return {kind: side.visitor().knock("room", f"publish-{kind}") for kind in ["user", "group", "session"]}


@check(
    PLAIN,
    {"broadcast:room": "by nobody"},
    original=Instead(
        {"broadcast:room": "by nobody", "group:<SELF_TYPE>:room": "by nobody", "user:<SELF_TYPE>:room": "by nobody"},
        ANONYMOUS_SELF,
    ),
)
def somebody_anonymous_publishes_to_broadcast_only(side: Side) -> Any:
    """The other publishing channels of somebody anonymous lead nowhere."""
    observer = side.connect("room", "subscribe-broadcast")
    side.connect("room", "publish-user&publish-group&publish-broadcast").send("by nobody")
    observer.wait_for(1)
    side.wait_for_keys(1 if side.name == "ours" else 3)
    return {without_address(key): value for key, value in side.kept().items()}


@check(PLAIN, [], original=Instead(["by another nobody"], ANONYMOUS_SELF))
def anonymous_visitors_share_nothing_but_broadcast(side: Side) -> Any:
    """What one anonymous visitor publishes to `user` reaches no other anonymous visitor."""
    socket = side.connect("room", "subscribe-user&subscribe-broadcast")
    sender = side.connect("room", "publish-user&subscribe-broadcast&echo")
    sender.send("by another nobody")
    sender.wait_for(1, patience=2)
    return socket.frames()


@check(PLAIN, {"user": None, "received": []})
def after_signing_out_a_new_socket_hears_no_user_messages(side: Side) -> Any:
    """Signing out ends the session that gave the user's name."""
    john = side.visitor("john")
    john.post("/logout/")
    socket = john.connect("room", "subscribe-user&subscribe-broadcast")
    side.publish("room", "to john", audience={"users": ["john"]})
    return {"user": john.get("/whoami/").json()["user"] or None, "received": socket.frames()}


@check(PLAIN, {"john": ["chatters", "editors"], "ann.lee@example.org": [], "zoë": ["café"]}, quick=True)
def signing_in_writes_the_names_of_the_groups_into_the_session(side: Side) -> Any:
    """`request.session["ws4redis:memberof"]` is filled at login."""
    names = ["john", "ann.lee@example.org", "zoë"]
    return {name: sorted(side.visitor().sign_in(name)["memberof"]) for name in names}


ROOMS = ["room 12", "3f0c", "Grüße", "US~CA"]


@check(PLAIN, {"received": ROOMS, "editors": []}, quick=True)
def names_that_the_site_writes_into_the_session_are_groups(side: Side) -> Any:
    """The list in the session counts, whatever stands in it and whatever the database says."""
    john = side.visitor("john")
    john.post("/memberof/", ROOMS)
    socket = john.connect("lobby", "subscribe-group", audience={"groups": ROOMS[:1]})
    for name in ROOMS:
        side.publish("lobby", name, audience={"groups": [name]}, expire=0)
    side.publish("lobby", "to editors", audience={"groups": ["editors"]}, expire=0)
    received = socket.frames()
    return {
        "received": sorted(set(ROOMS) & set(received), key=ROOMS.index),
        "editors": [m for m in received if m not in ROOMS],
    }


@check(PLAIN, {f"group:{name}:lobby": "hi" for name in sorted(ROOMS)})
def a_client_publishes_to_the_groups_that_the_site_wrote(side: Side) -> Any:
    """`publish-group` goes to each name in the session's list."""
    john = side.visitor("john")
    john.post("/memberof/", ROOMS)
    john.connect("lobby", "publish-group").send("hi")
    side.wait_for_keys(len(ROOMS))
    return side.kept()


@check(PLAIN, {"received": []})
def a_group_list_in_an_anonymous_session_gives_no_groups(side: Side) -> Any:
    """Groups belong to people who signed in."""
    visitor = side.visitor()
    visitor.post("/memberof/", ["chatters"])
    socket = visitor.connect("room", "subscribe-group&subscribe-broadcast")
    side.publish("room", "to chatters", audience={"groups": ["chatters"]})
    return {"received": socket.frames()}


@check(PLAIN, {"zoë": ["hello"], "12": ["hello"], "ann.lee@example.org": ["hello"]})
def users_of_any_name_hear_what_is_for_them(side: Side) -> Any:
    """User names need be no identifiers."""
    seen = {}
    for name in ["zoë", "12", "ann.lee@example.org"]:
        socket = side.visitor(name).connect("room", "subscribe-user", audience={"users": [name]})
        side.publish("room", "hello", audience={"users": [name]}, expire=0)
        seen[name] = socket.frames()
    return seen


@check(PLAIN, {"received": []})
def a_cookie_that_names_no_session_gives_no_user(side: Side) -> Any:
    """A forged or expired cookie makes nobody of its bearer."""
    socket = side.connect(
        "room", "subscribe-user&subscribe-group&subscribe-broadcast", headers={"Cookie": f"sessionid={'x' * 32}"}
    )
    side.publish("room", "to john", audience={"users": ["john"], "groups": ["chatters"]})
    return {"received": socket.frames()}


@check(PLAIN, 1, original=Instead(11, CONNECTION_PER_SOCKET))
def sockets_share_a_redis_connection(side: Side) -> Any:
    """Eleven sockets need one subscribed connection to Redis."""
    for _ in range(11):
        side.connect("room", "subscribe-broadcast")
    return sum(client["sub"] != "0" or client["psub"] != "0" for client in side.redis.client_list())
