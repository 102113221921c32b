"""What publishing leaves in Redis: names of keys byte by byte, values, and for how long."""

from typing import Any

from tests.against_original.checks.configurations import (
    EMPTY_PREFIX,
    EXPIRE_NONE,
    EXPIRE_TEN,
    EXPIRE_ZERO,
    PLAIN,
    PREFIX,
)
from tests.against_original.client import Side
from tests.against_original.reasons import COLLIDING_NAMES, EXPIRE_NONE_IS_NOT_KEPT
from tests.against_original.registry import Instead, check

EVERYBODY = {"broadcast": True, "users": ["john", "mary"], "groups": ["chatters"], "sessions": ["k3y"]}
KEYS_OF_EVERYBODY = ["broadcast:room", "group:chatters:room", "session:k3y:room", "user:john:room", "user:mary:room"]


@check(PLAIN, dict.fromkeys(KEYS_OF_EVERYBODY, "hi"), quick=True)
def a_message_is_kept_under_one_key_per_audience(side: Side) -> Any:
    """Publishing stores the payload as it is under `audience:name:facility`."""
    side.publish("room", "hi", audience=EVERYBODY)
    return side.kept()


@check(PLAIN, KEYS_OF_EVERYBODY, quick=True)
def a_publisher_knows_its_keys_by_name(side: Side) -> Any:
    """`_publishers` is the set of the names of the keys."""
    return side.publish("room", "hi", audience=EVERYBODY)["keys"]


@check(PREFIX, [f"site-7:{key}" for key in KEYS_OF_EVERYBODY], quick=True)
def a_prefix_stands_before_each_key(side: Side) -> Any:
    """WS4REDIS_PREFIX and a colon lead the names of all keys."""
    side.publish("room", "hi", audience=EVERYBODY)
    return list(side.kept())


@check(PREFIX, {"keys": ["site-7:broadcast:room"], "frames": ["hi"], "kept": ["hi"]}, quick=True)
def sockets_and_pages_agree_on_the_prefix(side: Side) -> Any:
    """What a client publishes with a prefix reaches subscribers, then and later."""
    socket = side.connect("room", "subscribe-broadcast")
    side.connect("room", "publish-broadcast").send("hi")
    frames = socket.wait_for(1)
    side.wait_for_keys(1)
    return {"keys": list(side.kept()), "frames": frames, "kept": side.connect("room", "subscribe-broadcast").frames()}


@check(EMPTY_PREFIX, ["broadcast:room"])
def an_empty_prefix_is_none(side: Side) -> Any:
    """WS4REDIS_PREFIX = "" puts nothing before the keys."""
    side.publish("room", "hi")
    return list(side.kept())


NAMES = [
    "ann.lee@example.org",
    "with space",
    "zoë",
    "你好",
    "a/b",
    "100%",
    "50%25",
    "a%b",
    "~tilde",
    "x" * 150,
    "#1",
    "{0}",
]


@check(PLAIN, sorted(f"{kind}:{name}:room" for kind in ["user", "group", "session"] for name in NAMES))
def names_stand_in_keys_as_they_are(side: Side) -> Any:
    """A name without a colon is not encoded in any way."""
    side.publish("room", "hi", audience={"users": NAMES, "groups": NAMES, "sessions": NAMES})
    return sorted(side.kept())


@check(PLAIN, ["group:7:room", "user:12:room", "user:3.5:room", "user:john:room"])
def members_are_formatted_as_text(side: Side) -> Any:
    """User objects and numbers name what `str()` makes of them."""
    side.publish("room", "hi", audience={"users": [12, 3.5, {"user": "john"}], "groups": [7]})
    return list(side.kept())


@check(
    PLAIN,
    {"group": "group:a%3Ab:c", "facility": "group:a:b:c", "collide": False},
    original=Instead({"group": "group:a:b:c", "facility": "group:a:b:c", "collide": True}, COLLIDING_NAMES),
)
def a_group_with_a_colon_is_not_another_groups_facility(side: Side) -> Any:
    """Group `a:b` of facility `c` and group `a` of facility `b:c` are different audiences."""
    (group,) = side.publish("c", "one", audience={"groups": ["a:b"]})["keys"]
    (facility,) = side.publish("b:c", "two", audience={"groups": ["a"]})["keys"]
    return {"group": group, "facility": facility, "collide": len(side.kept()) == 1}


@check(
    PLAIN,
    {"user": "user:sub%3Auser:room", "received": ["for the user"]},
    original=Instead({"user": "user:sub:user:room", "received": ["for the user"]}, COLLIDING_NAMES),
)
def a_user_with_a_colon_hears_what_is_for_them(side: Side) -> Any:
    """Publisher and subscriber encode a name in the same way."""
    socket = side.visitor("sub:user").connect("room", "subscribe-user", audience={"users": ["sub:user"]})
    (key,) = side.publish("room", "for the user", audience={"users": ["sub:user"]})["keys"]
    return {"user": key, "received": socket.frames()}


@check(PLAIN, {"broadcast:room": "newest"})
def one_name_keeps_the_newest_message(side: Side) -> Any:
    """A key holds one message: the last one published."""
    side.publish("room", "older")
    side.publish("room", "newest")
    return side.kept()


@check(
    PLAIN,
    {
        "default": {"broadcast:room": "about 3600 s"},
        "None": {"broadcast:room": "about 3600 s"},
        "10": {"broadcast:room": "about 10 s"},
        "60": {"broadcast:room": "about 60 s"},
        "0": {},
        "-1": {},
    },
    quick=True,
)
def expire_says_for_how_long_a_message_is_kept(side: Side) -> Any:
    """`expire` is in seconds; 0 or less: not kept; None or absent: WS4REDIS_EXPIRE."""
    seen = {}
    for name, order in [
        ("default", {}),
        *[(str(seconds), {"expire": seconds}) for seconds in [None, 10, 60, 0, -1]],
    ]:
        side.redis.flushall()
        side.publish("room", "hi", **order)
        seen[name] = side.lifetimes()
    return seen


@check(PLAIN, {"received": ["not kept"], "kept": {"broadcast:room": "kept"}})
def a_message_that_is_not_kept_leaves_the_kept_one_alone(side: Side) -> Any:
    """Publishing with expire=0 delivers, and neither replaces nor removes what was kept before."""
    side.publish("room", "kept")
    socket = side.connect("room", "subscribe-broadcast")
    socket.frames()
    side.publish("room", "not kept", expire=0)
    return {"received": socket.frames(), "kept": side.kept()}


@check(PLAIN, {"broadcast:room": "about 3600 s"})
def what_a_client_publishes_is_kept_for_the_default_time(side: Side) -> Any:
    """A client's message lives as long as WS4REDIS_EXPIRE says."""
    side.connect("room", "publish-broadcast").send("hi")
    side.wait_for_keys(1)
    return side.lifetimes()


@check(PLAIN, {"broadcast:room": "about 10 s"})
def a_new_message_starts_a_new_life(side: Side) -> Any:
    """The time to live is that of the newest message."""
    side.publish("room", "long", expire=3600)
    side.publish("room", "short", expire=10)
    return side.lifetimes()


@check(EXPIRE_ZERO, {"received": ["hi", "by a client"], "kept": {}, "explicit": {"broadcast:room": "about 10 s"}})
def an_expire_setting_of_zero_keeps_nothing(side: Side) -> Any:
    """WS4REDIS_EXPIRE = 0: messages are delivered and not kept, unless the publisher says otherwise."""
    socket = side.connect("room", "subscribe-broadcast")
    side.publish("room", "hi")
    received = socket.frames()
    side.connect("room", "publish-broadcast").send("by a client")
    received += socket.wait_for(1)
    kept = side.kept()
    side.publish("room", "hi", expire=10)
    return {"received": received, "kept": kept, "explicit": side.lifetimes()}


@check(EXPIRE_TEN, {"broadcast:room": "about 10 s", "user:john:room": "about 10 s"})
def the_expire_setting_is_the_default(side: Side) -> Any:
    """WS4REDIS_EXPIRE = 10 holds for pages and for clients."""
    side.publish("room", "hi", audience={"users": ["john"]})
    side.connect("room", "publish-broadcast").send("hi")
    side.wait_for_keys(2)
    return side.lifetimes()


@check(
    EXPIRE_NONE,
    {"error": None, "received": ["hi"], "kept": {}},
    original=Instead({"error": "TypeError", "received": ["hi"], "kept": {}}, EXPIRE_NONE_IS_NOT_KEPT),
)
def an_expire_setting_of_none_keeps_nothing(side: Side) -> Any:
    """WS4REDIS_EXPIRE = None means that messages are not kept."""
    socket = side.connect("room", "subscribe-broadcast")
    error = side.publish("room", "hi")["error"]
    return {"error": error, "received": socket.frames(), "kept": side.kept()}
