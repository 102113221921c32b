"""Programs that use Redis alone: what they publish reaches sockets, what is published reaches them."""

from typing import Any

from tests.against_original.checks.configurations import OVER_REDIS
from tests.against_original.client import PATIENCE, Side, wait_until
from tests.against_original.reasons import CONNECTION_PER_SOCKET
from tests.against_original.registry import Instead, check


@check(OVER_REDIS, ["from redis-cli"])
def a_program_that_publishes_to_a_key_reaches_sockets(side: Side) -> Any:
    """`PUBLISH broadcast:room text` by any program is a message to the sockets of that room."""
    socket = side.connect("room", "subscribe-broadcast")
    side.redis.publish("broadcast:room", "from redis-cli")
    return socket.wait_for(1)


@check(OVER_REDIS, ["from a page"])
def a_program_that_subscribes_to_a_key_hears_pages(side: Side) -> Any:
    """`SUBSCRIBE broadcast:room` by any program receives what a page publishes to that room."""
    with side.redis.pubsub(ignore_subscribe_messages=True) as program:
        program.subscribe("broadcast:room")
        wait_until(lambda: side.redis.pubsub_numsub("broadcast:room")[0][1] == 1, "the subscription")
        side.publish("room", "from a page")
        # None is what the answer to SUBSCRIBE looks like here.
        messages = [program.get_message(timeout=PATIENCE) for _ in range(2)]
    return [message["data"].decode() for message in messages if message]


@check(OVER_REDIS, 1, original=Instead(2, CONNECTION_PER_SOCKET))
def a_program_counts_who_listens_to_a_key(side: Side) -> Any:
    """`PUBSUB NUMSUB broadcast:room` tells that somebody listens."""
    for _ in range(2):
        side.connect("room", "subscribe-broadcast")
    return side.redis.pubsub_numsub("broadcast:room")[0][1]
