"""Subclasses of RedisSubscriber, in the manners of real sites."""

from typing import Any

from tests.against_original.checks.configurations import (
    CALLING,
    COPYING,
    EDITING,
    GUARDING,
    LOBBY,
    MISSPELLING,
    PARSING,
)
from tests.against_original.client import Side, Socket, wait_until
from tests.against_original.reasons import MISSPELLED, NOT_CALLED, TURNED_AWAY
from tests.against_original.registry import Instead, check


@check(LOBBY, {"subscribed": ["broadcast:room", "lobby:room"], "publishers": ["lobby:room"]}, quick=True)
def a_subclass_adds_channels_of_its_own(side: Side) -> Any:
    """Names added to the class's lists reach `set_pubsub_channels`, which subscribes to and publishes to more keys."""
    side.connect("room", "subscribe-lobby&subscribe-broadcast&publish-lobby")
    return {name: side.records(name)[0] for name in ["subscribed", "publishers"]}


@check(LOBBY, {"received": ["from a client"], "kept": {"lobby:room": "from a client"}}, quick=True)
def channels_of_a_subclass_carry_messages(side: Side) -> Any:
    """What a client publishes to the added channel reaches those who subscribed to it."""
    socket = side.connect("room", "subscribe-lobby&subscribe-broadcast")
    side.connect("room", "publish-lobby").send("from a client")
    return {"received": socket.wait_for(1), "kept": side.kept()}


@check(LOBBY, ["kept in the lobby"])
def the_kept_message_of_an_added_channel_is_sent(side: Side) -> Any:
    """Kept messages of keys that a subclass subscribed to are sent on connect."""
    side.redis.set("lobby:room", "kept in the lobby")
    return side.connect("room", "subscribe-lobby&subscribe-broadcast").frames()


@check(COPYING, {"room": ["to the room"], "everywhere": ["to all"], "user": ["to john"]}, quick=True)
def a_subclass_replaces_set_pubsub_channels(side: Side) -> Any:
    """A full copy with a pub/sub of its own may choose any facility and any keys."""
    socket = side.visitor("john").connect("building/floor/lab", "subscribe-user", settled=False)
    socket.facility = "lab"
    socket.frames()
    seen = {}
    for name, facility, text, audience in [
        ("room", "lab", "to the room", {"broadcast": True}),
        ("everywhere", "everywhere", "to all", {"broadcast": True}),
        ("user", "lab", "to john", {"users": ["john"]}),
    ]:
        side.publish(facility, text, audience=audience)
        seen[name] = socket.frames()
    return seen


@check(COPYING, {"broadcast:lab": "hi"})
def a_replaced_set_pubsub_channels_decides_where_clients_publish(side: Side) -> Any:
    """`_publishers` as the subclass left it is what a client's message goes to."""
    side.connect("building/floor/lab", "").send("hi")
    side.wait_for_keys(1)
    return side.kept()


@check(GUARDING, {"john": "open"}, quick=True)
def a_subclass_that_asks_the_database_lets_members_in(side: Side) -> Any:
    """`set_pubsub_channels` may do database work."""
    return {"john": side.visitor().knock("room", "subscribe-broadcast&name=john")}


@check(
    GUARDING,
    {"stranger": "refused with 403", "bug": "refused with 500"},
    original=Instead(
        {"stranger": "closed at once with 1006", "bug": "closed at once with 1006"},
        TURNED_AWAY,
    ),
)
def a_subclass_turns_clients_away(side: Side) -> Any:
    """PermissionDenied or any exception in `set_pubsub_channels` turns the client away."""
    queries = {"stranger": "subscribe-broadcast&name=nobody", "bug": "subscribe-broadcast&rule=bug"}
    return {name: side.visitor().knock("room", query) for name, query in queries.items()}


@check(GUARDING, {"after a visit": [True], "after a refusal": [False]})
def release_is_called_once_for_every_subscriber(side: Side) -> Any:
    """`release` runs when a socket closes, and after an early failure, when there is no subscription yet."""
    side.connect("room", "subscribe-broadcast&name=john").close()
    visit = side.records("released")
    side.redis.delete("record:released")
    side.visitor().knock("room", "subscribe-broadcast&name=nobody")
    return {"after a visit": visit, "after a refusal": side.records("released")}


def greeted(side: Side) -> Socket:
    """Return a socket that has received what EditingSubscriber sends on connect."""
    socket = side.connect("room", "subscribe-broadcast")
    wait_until(lambda: "that was all" in socket.frames(), "the greeting")
    return socket


@check(
    EDITING,
    {
        "received": ["HELLO", "AGAIN"],
        "kept": {"broadcast:room": "AGAIN"},
        "sent": ["hello", "swallow", "again", "remember"],
    },
    quick=True,
)
def a_subclass_edits_what_clients_publish(side: Side) -> Any:
    """`publish_message` may change a message, publish it with another expire, drop it, and keep a state of its own."""
    socket = greeted(side)
    sender = side.connect("room", "publish-broadcast")
    received: list[Any] = []
    for text in ["hello", "swallow", "again"]:
        sender.send(text)
        received += socket.stray_frames() if text == "swallow" else socket.wait_for(1)
    kept = side.kept()
    sender.send("remember")
    return {"received": received, "kept": kept, "sent": side.records("sent")[0]}


@check(EDITING, {"received": ["fleeting"], "kept": {}})
def a_subclass_publishes_without_keeping(side: Side) -> Any:
    """`super().publish_message(message, expire=-1)` delivers and keeps nothing."""
    socket = greeted(side)
    side.connect("room", "publish-broadcast").send("fleeting")
    return {"received": socket.wait_for(1), "kept": side.kept()}


@check(EDITING, ["welcome", "kept", "that was all"], quick=True)
def a_subclass_greets_with_frames_of_its_own(side: Side) -> Any:
    """`send_persisted_messages` may send text and bytes before and after the kept messages."""
    side.publish("room", "kept")
    return side.connect("room", "subscribe-broadcast").frames()


@check(MISSPELLING, ["from the misspelled method"], original=Instead(["kept"], MISSPELLED))
def an_override_of_the_misspelled_name_counts(side: Side) -> Any:
    """Sites that override the older, misspelled name mean the messages that are sent at connect."""
    side.publish("room", "kept")
    return side.connect("room", "subscribe-broadcast").frames()


@check(CALLING, ["kept", "again: kept"])
def a_subclass_sends_kept_messages_itself(side: Side) -> Any:
    """The misspelled name can be called, and `_subscription.channels` lists names that Redis knows."""
    side.publish("room", "kept")
    return side.connect("room", "subscribe-broadcast").frames()


@check(PARSING, ["hello"], original=Instead(["parsed: hello"], NOT_CALLED))
def an_override_of_parse_response_is_passed_by(side: Side) -> Any:
    """What `parse_response` would make of a message does not matter: a system check says so."""
    socket = side.connect("room", "subscribe-broadcast", settled=False)

    def publish_and_listen() -> list[Any]:
        side.publish("room", "hello", expire=0)
        return socket.wait_for(1, patience=0.5)

    return wait_until(publish_and_listen, "any message at all")
