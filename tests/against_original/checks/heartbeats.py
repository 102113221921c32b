"""The heartbeat: what the server sends on its own, and what it does with the same text from a client."""

import time
from typing import Any

from tests.against_original.checks.configurations import HEARTBEAT, PLAIN
from tests.against_original.client import Side, Socket
from tests.against_original.reasons import HEARTBEAT_ERROR
from tests.against_original.registry import Instead, check

BEAT = HEARTBEAT.settings["WS4REDIS_HEARTBEAT"]
WATCHED = 13.5


def watch(socket: Socket) -> str:
    """
    Say how long this socket is without a heartbeat at most, while nothing happens.

    (The original sends another one after each event, such as an answer to uWSGI's pings.)
    """
    socket.heartbeats.clear()
    deadline = time.monotonic() + WATCHED
    while time.monotonic() < deadline:
        socket.next_frame(deadline - time.monotonic())
    gaps = [after - before for before, after in zip(socket.heartbeats, socket.heartbeats[1:], strict=False)]
    longest = max(gaps, default=0)
    return "about every 4 seconds" if 3 < longest < 5 else f"after {gaps} seconds"


@check(HEARTBEAT, {"subscribed": "about every 4 seconds"})
def the_server_sends_heartbeats_to_a_subscribed_socket(side: Side) -> Any:
    """With WS4REDIS_HEARTBEAT set, that text arrives about every four seconds."""
    return {"subscribed": watch(side.connect("room", "subscribe-broadcast"))}


@check(HEARTBEAT, "about every 4 seconds")
def the_server_sends_heartbeats_to_a_socket_without_channels(side: Side) -> Any:
    """Heartbeats need no channel."""
    return watch(side.connect("room"))


@check(PLAIN, [])
def without_the_setting_there_are_no_heartbeats(side: Side) -> Any:
    """WS4REDIS_HEARTBEAT = None: an idle socket is sent nothing."""
    return side.connect("room", "subscribe-broadcast").wait_for(1, patience=5.5)


@check(HEARTBEAT, {"received": ["before", "after"], "kept": {"broadcast:room": "after"}}, quick=True)
def a_clients_heartbeat_is_dropped(side: Side) -> Any:
    """The heartbeat's text from a client, as text or binary, is neither published nor stored."""
    socket = side.connect("room", "subscribe-broadcast")
    sender = side.connect("room", "publish-broadcast")
    received = []
    for message in ["before", BEAT, BEAT.encode(), "after"]:
        sender.send(message)
        received += socket.stray_frames() if BEAT in str(message) else socket.wait_for(1)
    return {"received": received, "kept": side.kept()}


@check(HEARTBEAT, {"received": [f"{BEAT} ", BEAT.upper()]})
def a_text_like_the_heartbeat_is_a_message(side: Side) -> Any:
    """Only the exact text is a heartbeat."""
    socket = side.connect("room", "subscribe-broadcast")
    sender = side.connect("room", "publish-broadcast")
    received = []
    for message in [f"{BEAT} ", BEAT.upper()]:
        sender.send(message)
        received += socket.wait_for(1)
    return {"received": received}


@check(PLAIN, {"received": [BEAT]})
def without_the_setting_its_usual_text_is_a_message(side: Side) -> Any:
    """Nothing is special about the text while the setting is None."""
    socket = side.connect("room", "subscribe-broadcast")
    side.connect("room", "publish-broadcast").send(BEAT)
    return {"received": socket.wait_for(1)}


@check(HEARTBEAT, ["same"], quick=True)
def a_clients_heartbeat_ends_the_withholding(side: Side) -> Any:
    """After a heartbeat a socket without `echo` receives from others what equals its own earlier message."""
    socket = side.connect("room", "publish-broadcast&subscribe-broadcast")
    socket.send("same")
    side.wait_for_value("broadcast:room", "same")
    received = socket.frames()
    socket.send(BEAT)
    received += socket.stray_frames()
    side.publish("room", "same")
    return received + socket.frames()


@check(
    HEARTBEAT,
    {"error": "TypeError", "keys": {}},
    original=Instead({"error": "ValueError", "keys": {}}, HEARTBEAT_ERROR),
)
def a_page_can_not_publish_a_heartbeat(side: Side) -> Any:
    """RedisMessage(heartbeat) is None, and publishing that is an error; nothing is stored."""
    error = side.publish("room", BEAT)["error"]
    return {"error": error, "keys": side.kept()}


@check(HEARTBEAT, {"received": ["hello"], "kept": ["hello"]})
def messages_pass_between_heartbeats(side: Side) -> Any:
    """Heartbeats neither replace nor delay messages, live or kept."""
    socket = side.connect("room", "subscribe-broadcast")
    side.publish("room", "hello")
    return {"received": socket.frames(), "kept": side.connect("room", "subscribe-broadcast").frames()}


@check(HEARTBEAT, {"kept heartbeat": []})
def a_kept_value_that_equals_the_heartbeat_counts_as_one(side: Side) -> Any:
    """Clients take the heartbeat's text for a heartbeat, even if it comes from a key."""
    side.redis.set("broadcast:room", BEAT)
    return {"kept heartbeat": side.connect("room", "subscribe-broadcast").frames()}
