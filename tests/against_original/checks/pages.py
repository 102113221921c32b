"""What lies around the messages: plain HTTP, Origin, subprotocols, closing, and the template context."""

from typing import Any

from tests.against_original.checks.configurations import HEARTBEAT, PLAIN, STREAM_URL
from tests.against_original.client import Side
from tests.against_original.reasons import BROKEN_ANSWERS, NO_ORIGIN_CHECK, ONE_SUBPROTOCOL
from tests.against_original.registry import Instead, check


@check(PLAIN, 400, original=Instead("no answer", BROKEN_ANSWERS))
def a_plain_request_for_a_websocket_gets_400(side: Side) -> Any:
    """A browser that opens such a URL as a page gets status 400."""
    return side.visitor().status("/ws/room?subscribe-broadcast")


@check(PLAIN, True, original=Instead("no answer", BROKEN_ANSWERS))
def a_plain_request_is_told_that_a_websocket_is_needed(side: Side) -> Any:
    """The answer's text says that a websocket upgrade is needed."""
    visitor = side.visitor()
    status = visitor.status("/ws/room")
    return status if status == "no answer" else "websocket" in visitor.get("/ws/room").text.lower()


@check(PLAIN, {"/ready/": 200, "/nowhere/": 404})
def other_paths_are_pages(side: Side) -> Any:
    """What is outside WEBSOCKET_URL is Django's."""
    return {path: side.visitor().get(path).status_code for path in ["/ready/", "/nowhere/"]}


@check(PLAIN, {"uri": "ws://HOST/ws/", "heartbeat": "null"}, quick=True)
def the_context_names_the_websockets_address(side: Side) -> Any:
    """The context processor puts WEBSOCKET_URI and WS4REDIS_HEARTBEAT into templates."""
    return context(side)


@check(STREAM_URL, {"uri": "ws://HOST/stream", "heartbeat": "null"})
def the_context_follows_the_websocket_url(side: Side) -> Any:
    """WEBSOCKET_URI ends with WEBSOCKET_URL."""
    return context(side)


@check(HEARTBEAT, {"uri": "ws://HOST/ws/", "heartbeat": '"--heartbeat--"'})
def the_context_quotes_the_heartbeat(side: Side) -> Any:
    """WS4REDIS_HEARTBEAT is a JavaScript literal."""
    return context(side)


def context(side: Side) -> dict[str, str]:
    """Return what the context processor gives, with the host blotted out."""
    uri, heartbeat = side.visitor().get("/context/").text.splitlines()
    return {"uri": uri.replace(f"127.0.0.1:{side.port}", "HOST"), "heartbeat": heartbeat}


@check(PLAIN, {"offered": "chat.v1", "none": None}, quick=True)
def an_offered_subprotocol_is_returned(side: Side) -> Any:
    """Who offers a subprotocol gets it; who offers none gets none."""
    offers: dict[str, Any] = {"offered": ["chat.v1"], "none": None}
    return {
        name: side.connect("room", "subscribe-broadcast", subprotocols=offer).connection.subprotocol
        for name, offer in offers.items()
    }


@check(PLAIN, "open", original=Instead("refused by the client", ONE_SUBPROTOCOL))
def of_several_offered_subprotocols_one_is_returned(side: Side) -> Any:
    """A server that returns the whole offer breaks RFC 6455 (4.2.2), and clients drop the connection."""
    return side.visitor().knock("room", "subscribe-broadcast", subprotocols=["chat.v1", "chat.v2"])


CODES = [1000, 1001, 1011, 3000, 4000, 4001, 4999]


@check(PLAIN, {"handshakes": dict.fromkeys(CODES, "completed"), "others receive": ["still here"]})
def any_close_code_is_taken(side: Side) -> Any:
    """Whatever code a client closes with, the closing handshake is completed and others go on."""
    other = side.connect("room", "subscribe-broadcast")
    handshakes = {}
    for code in CODES:
        answer = side.connect("room", "subscribe-broadcast&publish-broadcast").close(code, "a reason")
        handshakes[code] = "broken" if answer == 1006 else "completed"
    side.publish("room", "still here")
    return {"handshakes": handshakes, "others receive": other.frames()}


@check(PLAIN, ["still here"])
def a_client_that_vanishes_troubles_nobody(side: Side) -> Any:
    """A connection that breaks without a closing handshake leaves the others alone."""
    other = side.connect("room", "subscribe-broadcast")
    lost = side.connect("room", "subscribe-broadcast&publish-broadcast")
    lost.connection.socket.close()
    side.publish("room", "still here")
    return other.frames()


@check(
    PLAIN,
    {"none": "open", "own": "open", "foreign": "refused with 403"},
    original=Instead({"none": "open", "own": "open", "foreign": "open"}, NO_ORIGIN_CHECK),
    quick=True,
)
def browsers_from_foreign_origins_are_refused(side: Side) -> Any:
    """A page of the site's own origin may connect, as may a client without an Origin header; others may not."""
    visitor = side.visitor()
    origins: dict[str, Any] = {
        "none": None,
        "own": f"http://127.0.0.1:{side.port}",
        "foreign": "https://evil.example.com",
    }
    return {name: visitor.knock("room", "subscribe-broadcast", origin=origin) for name, origin in origins.items()}


BIG = [letter * 200_000 for letter in "abcd"]


@check(PLAIN, {"intact": True})
def big_messages_arrive_whole(side: Side) -> Any:
    """Messages of hundreds of kilobytes arrive whole and in order, even if the client is slow to read."""
    socket = side.connect("room", "subscribe-broadcast", max_queue=1)
    for text in BIG:
        side.publish("room", text, expire=0)
    return {"intact": socket.wait_for(len(BIG)) == BIG}
