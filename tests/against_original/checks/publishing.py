"""RedisPublisher: the forms of its arguments, fetching, and where it is used from."""

from typing import Any

from example_project.redis_server import free_port
from tests.against_original.checks.channels import without_address, without_session
from tests.against_original.checks.configurations import LOBBY, PLAIN
from tests.against_original.client import SELF, Audience, Side, Visitor
from tests.against_original.reasons import ANONYMOUS_SELF, ANY_ITERABLE, ANY_MESSAGE, PIPELINE
from tests.against_original.registry import Instead, check


def keys_for(visitor: Visitor, audience: Audience, *, with_request: bool = True) -> Any:
    """Publish as this visitor, and return the keys, or what kind of error came instead."""
    publish = visitor.publish_as_oneself if with_request else visitor.side.publish
    answer = publish("room", "hi", audience=audience)
    return answer["error"] or [without_session(without_address(key), visitor) for key in answer["keys"]]


OF_JOHN = {
    "users": ["user:john:room"],
    "groups": ["group:chatters:room", "group:editors:room"],
    "sessions": ["session:SESSION:room"],
}


@check(PLAIN, OF_JOHN, quick=True)
def self_is_who_makes_the_request(side: Side) -> Any:
    """SELF in `users`, `groups` or `sessions` stands for those of the request."""
    john = side.visitor("john")
    return {argument: keys_for(john, {argument: [SELF]}) for argument in OF_JOHN}


@check(PLAIN, ["group:chatters:room", "group:editors:room", "group:other:room", "user:john:room", "user:mary:room"])
def self_mixes_with_names(side: Side) -> Any:
    """SELF and names may stand in one list; who is named twice is addressed once."""
    john = side.visitor("john")
    return keys_for(john, {"users": [SELF, "mary", "john"], "groups": ["other", SELF, "chatters"]})


@check(
    PLAIN,
    {"users": [], "groups": [], "sessions": []},
    original=Instead(
        {"users": ["user:<SELF_TYPE>:room"], "groups": ["group:<SELF_TYPE>:room"], "sessions": ["session:None:room"]},
        ANONYMOUS_SELF,
    ),
    quick=True,
)
def self_of_somebody_anonymous_is_nobody(side: Side) -> Any:
    """SELF of a request without user and session addresses nobody."""
    visitor = side.visitor()
    return {argument: keys_for(visitor, {argument: [SELF]}) for argument in OF_JOHN}


@check(
    PLAIN,
    {"users": [], "groups": [], "sessions": []},
    original=Instead(
        {argument: [f"{argument[:-1]}:<SELF_TYPE>:room"] for argument in OF_JOHN},
        ANONYMOUS_SELF,
    ),
)
def self_without_a_request_is_nobody(side: Side) -> Any:
    """SELF without a request addresses nobody."""
    visitor = side.visitor()
    return {argument: keys_for(visitor, {argument: [SELF]}, with_request=False) for argument in OF_JOHN}


@check(PLAIN, OF_JOHN)
def true_means_self(side: Side) -> Any:
    """The old form `users=True` addresses the user of the request."""
    john = side.visitor("john")
    return {argument: keys_for(john, {argument: True}) for argument in OF_JOHN}


@check(
    PLAIN,
    {"users": ["user:mary:room"], "groups": ["group:chatters:room"], "sessions": ["session:k3y:room"]},
    original=Instead(dict.fromkeys(["users", "groups", "sessions"], "NameError"), ANY_ITERABLE),
)
def a_bare_string_is_one_name(side: Side) -> Any:
    """The old form `users="mary"` addresses mary; on Python 3 the original fails on it."""
    john = side.visitor("john")
    names = {"users": "mary", "groups": "chatters", "sessions": "k3y"}
    return {argument: keys_for(john, {argument: name}) for argument, name in names.items()}


JOHN_AND_MARY = ["user:john:room", "user:mary:room"]


@check(PLAIN, {"list": JOHN_AND_MARY, "tuple": JOHN_AND_MARY}, quick=True)
def lists_and_tuples_of_names_work(side: Side) -> Any:
    """The forms that the manual shows."""
    names = ["john", "mary"]
    visitor = side.visitor()
    return {
        "list": keys_for(visitor, {"users": names}, with_request=False),
        "tuple": keys_for(visitor, {"users": {"tuple": names}}, with_request=False),
    }


ITERABLES = ["set", "generator", "usernames"]


@check(
    PLAIN,
    dict.fromkeys(ITERABLES, JOHN_AND_MARY),
    original=Instead(dict.fromkeys(ITERABLES, "NameError"), ANY_ITERABLE),
)
def any_iterable_of_names_works(side: Side) -> Any:
    """Sets, generators and querysets of names work like lists."""
    visitor = side.visitor()
    return {form: keys_for(visitor, {"users": {form: ["john", "mary"]}}, with_request=False) for form in ITERABLES}


@check(PLAIN, {"nothing": [], "False": [], "empty": []})
def without_an_audience_nobody_is_addressed(side: Side) -> Any:
    """No audience, an empty one and False give a publisher without keys, which publishes to nobody."""
    audiences: dict[str, Audience] = {
        "nothing": {},
        "False": {"broadcast": False, "users": False, "groups": False, "sessions": False},
        "empty": {"users": [], "groups": {"tuple": []}},
    }
    return {name: side.publish("room", "hi", audience=audience)["keys"] for name, audience in audiences.items()}


@check(PLAIN, {"integer": True, "keys": {}})
def a_number_is_no_audience(side: Side) -> Any:
    """`users=5` is an error, and nothing is stored."""
    error = side.publish("room", "hi", audience={"users": 5})["error"]
    return {"integer": error is not None, "keys": side.kept()}


@check(
    PLAIN,
    {"RedisMessage": None, "bytes": None, "str": None},
    original=Instead({"RedisMessage": None, "bytes": "ValueError", "str": "ValueError"}, ANY_MESSAGE),
)
def messages_may_be_text_or_bytes(side: Side) -> Any:
    """`publish_message` takes str, bytes and RedisMessage."""
    return {form: side.publish("room", "hi", form=form)["error"] for form in ["RedisMessage", "bytes", "str"]}


@check(PLAIN, {"error": "TypeError", "kept": {}})
def an_expire_that_is_no_number_is_a_type_error(side: Side) -> Any:
    """`expire="soon"` is a TypeError, and nothing is stored."""
    return {"error": side.publish("room", "hi", expire="soon")["error"], "kept": side.kept()}


@check(
    PLAIN,
    {"error": None, "received": ["hi"], "kept": {"broadcast:room": "hi"}},
    original=Instead({"error": "AttributeError", "received": [], "kept": {}}, PIPELINE),
)
def pipeline_publish_message_publishes(side: Side) -> Any:
    """The method of the original's main branch does what `publish_message` does."""
    socket = side.connect("room", "subscribe-broadcast")
    error = side.publish("room", "hi", method="pipeline_publish_message")["error"]
    return {"error": error, "received": socket.frames(), "kept": side.kept()}


def fetched(visitor: Visitor, **query: str) -> str | None:
    """Return what `fetch_message` finds, as text; bytes are all it may return."""
    answer = visitor.get("/fetch/", facility="room", **query).json()
    if answer["hex"] is None:
        return None
    return bytes.fromhex(answer["hex"]).decode() if answer["type"] == "bytes" else f"a {answer['type']}"


AUDIENCES = ["session", "user", "group", "broadcast"]


def keep_one_for_each_audience(side: Side, visitor: Visitor) -> list[str]:
    """Put the name of each audience of john's into Redis as its kept message; return the keys."""
    session = visitor.get("/whoami/").json()["session_key"]
    keys = [f"session:{session}:room", "user:john:room", "group:editors:room", "broadcast:room"]
    side.redis.mset(dict(zip(keys, AUDIENCES, strict=True)))
    return keys


@check(PLAIN, [*AUDIENCES, None], quick=True)
def fetching_any_looks_from_the_narrowest_audience_to_the_widest(side: Side) -> Any:
    """`fetch_message` looks for session, user, group and broadcast in this order, and returns bytes or None."""
    john = side.visitor("john")
    keys = keep_one_for_each_audience(side, john)
    seen = []
    for name in keys:
        seen.append(fetched(john))
        side.redis.delete(name)
    return [*seen, fetched(john)]


@check(PLAIN, {name: name for name in AUDIENCES})
def fetching_one_audience_looks_nowhere_else(side: Side) -> Any:
    """`audience="user"` finds the message to the user."""
    john = side.visitor("john")
    keep_one_for_each_audience(side, john)
    return {name: fetched(john, audience=name) for name in AUDIENCES}


@check(PLAIN, {"any": "broadcast", "user": None, "group": None, "session": None})
def fetching_for_somebody_anonymous_finds_broadcast(side: Side) -> Any:
    """Who is not signed in fetches broadcast messages only."""
    side.redis.mset({"broadcast:room": "broadcast", "user::room": "x", "user:AnonymousUser:room": "x"})
    visitor = side.visitor()
    return {name: fetched(visitor, audience=name) for name in ["any", "user", "group", "session"]}


@check(PLAIN, "behind it")
def fetching_passes_over_an_empty_value(side: Side) -> Any:
    """An empty value is no message; the next audience is asked."""
    side.redis.mset({"user:john:room": "", "broadcast:room": "behind it"})
    return fetched(side.visitor("john"))


@check(PLAIN, "set by hand")
def fetching_finds_what_was_set_by_hand(side: Side) -> Any:
    """It does not matter who wrote the key."""
    side.redis.set("broadcast:room", "set by hand")
    return fetched(side.visitor())


@check(PLAIN, {"type": "bytes", "hex": b"some value".hex()})
def a_publisher_lends_its_redis_client(side: Side) -> Any:
    """`RedisPublisher()._connection` is a client that returns bytes."""
    side.redis.set("any key", "some value")
    return side.visitor().get("/connection/", key="any key").json()


@check(
    PLAIN,
    {
        "WEBSOCKET_URL": "/ws/",
        "WS4REDIS_CONNECTION": {"host": "127.0.0.1", "port": "PORT"},
        "WS4REDIS_EXPIRE": 3600,
        "WS4REDIS_PREFIX": None,
        "WS4REDIS_HEARTBEAT": None,
    },
)
def the_packages_settings_are_readable(side: Side) -> Any:
    """`from … import settings as private_settings` shows settings with their defaults."""
    settings = side.visitor().get("/private-settings/").json()
    if settings["WS4REDIS_CONNECTION"].get("port") == side.workshop.redis.port:
        settings["WS4REDIS_CONNECTION"]["port"] = "PORT"
    return settings


@check(PLAIN, {"received": ["from outside"], "kept": {"broadcast:room": "from outside"}}, quick=True)
def a_plain_process_publishes(side: Side) -> Any:
    """A process without a server, as a management command or a task worker is, reaches the sockets."""
    socket = side.connect("room", "subscribe-broadcast")
    order = {"facility": "room", "message": "from outside", "audience": {"broadcast": True}}
    side.workshop.run_script("publish", [order], side.settings)
    return {"received": socket.frames(), "kept": side.kept()}


@check(PLAIN, {"keys": ["broadcast:early"], "received": ["from the start"]})
def a_publisher_built_at_import_publishes(side: Side) -> Any:
    """Modules build their publishers when they are imported."""
    socket = side.connect("early", "subscribe-broadcast")
    return {
        "keys": side.workshop.run_script("publish_early", "from the start", side.settings),
        "received": socket.frames(),
    }


@check(PLAIN, "redis.exceptions.ConnectionError", quick=True)
def without_redis_building_a_publisher_works_and_publishing_raises_a_connection_error(side: Side) -> Any:
    """Construction does not connect; a failure of Redis surfaces as redis.exceptions.ConnectionError."""
    return side.workshop.run_script("publish_early", "to nobody", side.settings, redis_port=free_port())


@check(LOBBY, {"keys": ["lobby:room", "user:john:room"], "received": ["hi"]})
def a_publishers_subclass_adds_an_audience(side: Side) -> Any:
    """A publisher that overrides `_get_message_channels` reaches a subscriber that does so as well."""
    socket = side.connect("room", "subscribe-lobby&subscribe-broadcast")
    keys = side.publish("room", "hi", audience={"lobby": True, "users": ["john"]}, publisher="lobby")["keys"]
    return {"keys": keys, "received": socket.frames()}
