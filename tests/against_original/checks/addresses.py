"""The URL: facilities of every shape, and the names in the query."""

from typing import Any

from tests.against_original.checks.configurations import PLAIN, STREAM_URL
from tests.against_original.client import Side
from tests.against_original.reasons import EQUALS_FORM
from tests.against_original.registry import Instead, check

FACILITIES = [
    "chat",
    "a:b",
    "id/events",
    "US~CA#General",
    "8b0f2a5e-3c1d-4e0b-9f53-6b1f0f1f2a77",
    "42",
    "Grüße/你好/🙂",
    "with/trailing/",
    "/leading",
    "double//slash",
    "",
    "sp ace",
    "a?b=c&d",
    "100%",
    "%25",
    "{curly}",
    "a+b",
    "again/ws/inside",
    "Mixed.Case_and-signs~!$'()*,=@",
]


@check(PLAIN, {name: f"broadcast:{name}" for name in FACILITIES}, quick=True)
def facilities_of_every_shape_name_the_key_of_what_a_client_publishes(side: Side) -> Any:
    """The facility is the decoded path behind WEBSOCKET_URL, and ends the key in Redis."""
    seen = {}
    for name in FACILITIES:
        side.redis.flushall()
        side.connect(name, "publish-broadcast").send(f"to {name}")
        side.wait_for_keys(1)
        seen[name] = ", ".join(side.kept())
    return seen


@check(PLAIN, {name: [f"for {name}"] for name in FACILITIES if name}, quick=True)
def facilities_of_every_shape_receive_what_a_page_publishes(side: Side) -> Any:
    """A publisher and a socket that name the same facility meet."""
    seen = {}
    for name in filter(None, FACILITIES):
        socket = side.connect(name, "subscribe-broadcast")
        side.publish(name, f"for {name}")
        seen[name] = socket.wait_for(1, patience=3)
    return seen


@check(PLAIN, {"broadcast:a;b/c;d=e": "hi"})
def a_semicolon_in_the_path_belongs_to_the_facility(side: Side) -> Any:
    """What some libraries take for parameters of the path is part of the facility."""
    side.connect("a;b/c;d=e", "publish-broadcast").send("hi")
    side.wait_for_keys(1)
    return side.kept()


@check(PLAIN, {"a": ["one"], "A": [], "a/": [], "a:b": []})
def a_facility_hears_only_its_own_messages(side: Side) -> Any:
    """Facilities that look alike are different."""
    sockets = {name: side.connect(name, "subscribe-broadcast") for name in ["a", "A", "a/", "a:b"]}
    side.publish("a", "one")
    return {name: socket.frames() for name, socket in sockets.items()}


STREAMS = {"/stream/room": "broadcast:/room", "/stream": "broadcast:", "/stream/a/stream": "broadcast:/a/stream"}


@check(STREAM_URL, STREAMS)
def a_websocket_url_without_a_slash_at_its_end_leaves_the_slash_to_the_facility(side: Side) -> Any:
    """Whatever stands behind WEBSOCKET_URL is the facility; it is removed once."""
    seen = {}
    for path in STREAMS:
        side.redis.flushall()
        side.connect("", "publish-broadcast", path=path).send("hello")
        side.wait_for_keys(1)
        seen[path] = ", ".join(side.kept())
    return seen


@check(STREAM_URL, ["hello"])
def a_websocket_url_without_a_slash_at_its_end_receives(side: Side) -> Any:
    """A publisher names the facility with the slash that the path has."""
    socket = side.connect("/room", "subscribe-broadcast")
    side.publish("/room", "hello")
    return socket.frames()


def received(side: Side, query: str) -> str:
    """Tell whether a socket with that query listens to broadcasts of its facility."""
    socket = side.connect("query", query, settled=False)
    observer = side.connect("query", "subscribe-broadcast")
    side.publish("query", "hello", expire=0)
    observer.frames()
    observer.connection.close()
    frames = [frame for frame in socket.stray_frames() if frame == "hello"]
    state = "open" if socket.is_open() else "closed"
    return f"{state}, received {len(frames)}"


LISTENING_QUERIES = [
    "subscribe-broadcast",
    "subscribe-broadcast=",
    "subscribe-broadcast=no",
    "SUBSCRIBE-Broadcast",
    "%20subscribe-broadcast%20",
    "+Subscribe-Broadcast%09",
    "token=x&subscribe-broadcast&ts=1",
    "subscribe-broadcast&subscribe-broadcast",
    "subscribe%2Dbroadcast",
    "subscribe-broadcast&unknown-channel&subscribe-nothing",
]


@check(PLAIN, dict.fromkeys(LISTENING_QUERIES, "open, received 1"), quick=True)
def names_in_the_query_count_and_values_do_not(side: Side) -> Any:
    """Names of parameters are stripped and lower-cased; values and unknown names are ignored."""
    return {query: received(side, query) for query in LISTENING_QUERIES}


SILENT_QUERIES = [
    "",
    "echo",
    "unknown",
    "publish-broadcast",
    "subscribe_broadcast",
    "subscribe",
    "broadcast",
    "x=subscribe-broadcast",
]


@check(PLAIN, dict.fromkeys(SILENT_QUERIES, "open, received 0"), quick=True)
def a_socket_without_channels_is_open_and_hears_nothing(side: Side) -> Any:
    """No channel at all, or only unknown ones, is a valid open socket."""
    return {query: received(side, query) for query in SILENT_QUERIES}


@check(PLAIN, "open, received 1", original=Instead("open, received 0", EQUALS_FORM), quick=True)
def the_form_with_an_equals_sign_subscribes(side: Side) -> Any:
    """`subscribe=broadcast`, which the original's manual also writes, means `subscribe-broadcast`."""
    return received(side, "subscribe=broadcast")


@check(PLAIN, {"broadcast:query": "hello"}, original=Instead({}, EQUALS_FORM))
def the_form_with_an_equals_sign_publishes(side: Side) -> Any:
    """`publish=broadcast` means `publish-broadcast`."""
    socket = side.connect("query", "publish=broadcast&subscribe-broadcast&echo")
    socket.send("hello")
    socket.wait_for(1, patience=2)
    return side.kept()
