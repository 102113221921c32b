"""Frames: kept messages, text and binary, empty ones, order, and which messages a socket is spared."""

from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.against_original.checks.channels import audience_of
from tests.against_original.checks.configurations import PLAIN
from tests.against_original.client import Side
from tests.against_original.reasons import BINARY_FRAMES, EMPTY_MESSAGES, SECOND_OF_ONE_READ
from tests.against_original.registry import Instead, check

NO_TEXT = b"\x00\xff\xfe binary \x80"


@check(PLAIN, ["the newest"], quick=True)
def a_kept_message_is_sent_on_connect(side: Side) -> Any:
    """Who connects later gets the newest message at once."""
    side.publish("room", "older")
    side.publish("room", "the newest")
    return side.connect("room", "subscribe-broadcast").frames()


@check(PLAIN, ["by hand"], quick=True)
def a_value_set_by_hand_is_a_kept_message(side: Side) -> Any:
    """It does not matter who wrote the key, nor whether it expires."""
    side.redis.set("broadcast:room", "by hand")
    return side.connect("room", "subscribe-broadcast").frames()


@check(PLAIN, ["for broadcast", "for group", "for user", "for session"])
def the_kept_message_of_each_channel_is_sent(side: Side) -> Any:
    """Broadcast, groups, user, session: in this order."""
    john = side.visitor("john")
    for kind in ["session", "user", "group", "broadcast"]:
        side.publish("room", f"for {kind}", audience=audience_of(kind, john))
    return john.connect("room", "subscribe-session&subscribe-user&subscribe-group&subscribe-broadcast").frames()


@check(PLAIN, {"": [], "echo": [], "publish-broadcast": [], "publish-broadcast&echo": []})
def without_a_subscription_nothing_kept_is_sent(side: Side) -> Any:
    """Kept messages belong to subscriptions."""
    side.publish("room", "kept")
    queries = ["", "echo", "publish-broadcast", "publish-broadcast&echo"]
    return {query: side.connect("room", query).stray_frames() for query in queries}


@check(PLAIN, ["kept"])
def a_kept_message_is_sent_to_its_own_author(side: Side) -> Any:
    """A socket that reconnects gets what it sent in its former life."""
    first = side.connect("room", "publish-broadcast")
    first.send("kept")
    side.wait_for_keys(1)
    first.close()
    return side.connect("room", "publish-broadcast&subscribe-broadcast").frames()


TEXTS = [
    "plain",
    '{"json": [1, null]}',
    "Grüße, 你好, 🙂",
    "line\nbreak\ttab",
    "nul \0 byte",
    " ",
    "0",
    "x" * 126,
    "y" * 70_000,
]


@check(PLAIN, TEXTS, quick=True)
def texts_from_a_page_arrive_as_they_are(side: Side) -> Any:
    """Whatever the text, of whatever length, it arrives in one text frame."""
    socket = side.connect("room", "subscribe-broadcast")
    received = []
    for text in TEXTS:
        side.publish("room", text)
        received += socket.wait_for(1)
    return received


@check(PLAIN, TEXTS)
def texts_from_a_client_arrive_as_they_are(side: Side) -> Any:
    """So it is with what a client sends."""
    socket = side.connect("room", "subscribe-broadcast")
    sender = side.connect("room", "publish-broadcast")
    received = []
    for text in TEXTS:
        sender.send(text)
        received += socket.wait_for(1)
    return received


@check(
    PLAIN,
    {"frames": [NO_TEXT], "open": True},
    original=Instead({"frames": "closed with 1007", "open": False}, BINARY_FRAMES),
    quick=True,
)
def bytes_that_are_no_text_arrive_in_a_binary_frame(side: Side) -> Any:
    """A payload that is no UTF-8 goes out as a binary frame."""
    socket = side.connect("room", "subscribe-broadcast")
    side.publish("room", hex=NO_TEXT.hex())
    try:
        frames: Any = socket.wait_for(1)
    except ConnectionClosed as closed:
        frames = f"closed with {closed.sent.code if closed.sent else None}"
    return {"frames": frames, "open": socket.is_open()}


@check(PLAIN, {"broadcast:room": f"hex {NO_TEXT.hex()}"}, quick=True)
def a_binary_frame_is_stored_byte_for_byte(side: Side) -> Any:
    """What a client sends as binary stands in Redis as it is."""
    side.connect("room", "publish-broadcast").send(NO_TEXT)
    side.wait_for_keys(1)
    return side.kept()


@check(PLAIN, {"frames": ["text after all"], "kept": ["text after all"]})
def a_binary_frame_of_text_arrives_as_text(side: Side) -> Any:
    """Valid UTF-8 goes out as text, even if it came in as binary."""
    socket = side.connect("room", "subscribe-broadcast")
    side.connect("room", "publish-broadcast").send(b"text after all")
    frames = socket.wait_for(1)
    side.wait_for_keys(1)
    return {"frames": frames, "kept": side.connect("room", "subscribe-broadcast").frames()}


@check(PLAIN, {"received": ["before", "after"], "kept": {"broadcast:room": "after"}}, quick=True)
def an_empty_message_of_a_client_is_dropped(side: Side) -> Any:
    """An empty frame, text or binary, is neither published nor stored."""
    socket = side.connect("room", "subscribe-broadcast")
    sender = side.connect("room", "publish-broadcast")
    received = []
    for message in ["before", "", b"", "after"]:
        sender.send(message)
        received += socket.wait_for(1) if message else socket.stray_frames()
    return {"received": received, "kept": side.kept()}


@check(PLAIN, {"received": []})
def an_empty_message_of_a_page_is_not_delivered(side: Side) -> Any:
    """An empty message from a page reaches nobody."""
    socket = side.connect("room", "subscribe-broadcast")
    side.publish("room", "")
    return {"received": socket.frames()}


@check(PLAIN, {"broadcast:room": "kept"}, original=Instead({"broadcast:room": ""}, EMPTY_MESSAGES))
def an_empty_message_of_a_page_leaves_the_kept_message(side: Side) -> Any:
    """An empty message from a page is not published, so what was kept stays."""
    side.publish("room", "kept")
    side.publish("room", "")
    return side.kept()


@check(PLAIN, {"received": []})
def an_empty_kept_value_is_not_sent(side: Side) -> Any:
    """A key that holds nothing is no message."""
    side.redis.set("broadcast:room", "")
    return {"received": side.connect("room", "subscribe-broadcast").frames()}


@check(PLAIN, {"sender": [], "others": ["mine"]}, quick=True)
def without_echo_a_socket_does_not_hear_itself(side: Side) -> Any:
    """What a socket sent is not sent back to it."""
    others = side.connect("room", "subscribe-broadcast")
    sender = side.connect("room", "publish-broadcast&subscribe-broadcast")
    sender.send("mine")
    return {"others": others.wait_for(1), "sender": sender.frames()}


@check(PLAIN, ["mine", "mine"], quick=True)
def with_echo_a_socket_hears_everything(side: Side) -> Any:
    """With `echo`, a socket receives its own message, and an equal one of somebody else."""
    socket = side.connect("room", "publish-broadcast&subscribe-broadcast&echo")
    socket.send("mine")
    received = socket.wait_for(1)
    side.publish("room", "mine")
    return received + socket.frames()


@check(PLAIN, [], quick=True)
def without_echo_an_equal_message_of_somebody_else_is_withheld(side: Side) -> Any:
    """What equals the last message that a socket sent is not sent to it, even if another client published it."""
    socket = side.connect("room", "publish-broadcast&subscribe-broadcast")
    socket.send("same")
    side.wait_for_keys(1)
    side.publish("room", "same")
    side.publish("room", "same")
    return socket.frames()


@check(PLAIN, ["one", "something else"])
def without_echo_only_the_last_message_is_withheld(side: Side) -> Any:
    """An older message of the socket's own is sent to it when somebody else publishes an equal one."""
    socket = side.connect("room", "publish-broadcast&subscribe-broadcast")
    for text in ["one", "two"]:
        socket.send(text)
        side.wait_for_value("broadcast:room", text)
        socket.frames()
    for text in ["one", "something else", "two"]:
        side.publish("room", text)
    return socket.frames()


@check(PLAIN, ["same"])
def without_echo_an_empty_message_ends_the_withholding(side: Side) -> Any:
    """An empty frame is a last message like any other: nothing equals it, so nothing is withheld after it."""
    socket = side.connect("room", "publish-broadcast&subscribe-broadcast")
    socket.send("same")
    side.wait_for_value("broadcast:room", "same")
    received = socket.frames()
    socket.send("")
    received += socket.stray_frames()
    side.publish("room", "same")
    return received + socket.frames()


@check(PLAIN, {"two": ["same"]})
def withholding_concerns_the_one_socket_that_sent(side: Side) -> Any:
    """Another socket of the same user receives the message."""
    john = side.visitor("john")
    one = john.connect("room", "publish-broadcast&subscribe-broadcast")
    two = john.connect("room", "publish-broadcast&subscribe-broadcast")
    one.send("same")
    side.wait_for_keys(1)
    return {"two": two.frames()}


MANY = [f"number {number}" for number in range(60)]


@check(PLAIN, MANY)
def messages_arrive_in_the_order_of_publishing(side: Side) -> Any:
    """Sixty messages in a row arrive once each, in order."""
    socket = side.connect("room", "subscribe-broadcast")
    for text in MANY:
        side.publish("room", text)
    return socket.frames()


@check(PLAIN, ["first", "second"], original=Instead(["first"], SECOND_OF_ONE_READ))
def two_messages_in_one_read_are_delivered_at_once(side: Side) -> Any:
    """Two messages that a busy server finds in one read from Redis arrive without waiting for a third."""
    socket = side.connect("room", "subscribe-broadcast")
    orders = [{"facility": "room", "message": text, "audience": {"broadcast": True}} for text in ["first", "second"]]
    side.visitor().post("/publish-from-process/", orders)
    return socket.wait_for(2, patience=2)


@check(PLAIN, ["one", "two", "three"], original=Instead(["one"], SECOND_OF_ONE_READ))
def frames_that_a_client_sends_in_one_write_are_all_published(side: Side) -> Any:
    """Three frames in one segment are three messages, in their order."""
    socket = side.connect("room", "subscribe-broadcast")
    side.connect("room", "publish-broadcast").send_in_one_write("one", "two", "three")
    return socket.wait_for(3, patience=6)
