"""Tests of `ws4channels.access.custom_subscribers`; what sites are known to override is in `test_subscriber`."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import redis

from ws4channels.access import custom_subscribers
from ws4channels.access.handshake import Agreement
from ws4channels.delivery.hub import get_hub
from ws4channels.delivery.welcome import Welcome
from ws4channels.subscriber import RedisSubscriber
from ws4channels.transports.configured import get_transport
from ws4channels.transports.messages import Delivery


class Noting(RedisSubscriber):
    """Overrides all three, and notes in which thread each is called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Any, bool]] = []

    def _note(self, name: str, argument: Any = None) -> None:
        self.calls.append((name, argument, threading.current_thread() is threading.main_thread()))

    def send_persisted_messages(self, websocket: Any) -> None:
        self._note("send")
        websocket.send(b"own")

    def publish_message(self, message: Any, expire: Any = None) -> None:
        self._note("publish", message)

    def release(self) -> None:
        self._note("release")


def agreement_with(subscriber: RedisSubscriber | None) -> Agreement:
    """Return what a client agreed to that publishes to one key."""
    return Agreement("f", ("broadcast:f",), ("broadcast:f",), False, None, subscriber)


async def test_what_is_overridden_runs_in_a_thread(redis_client: redis.Redis) -> None:
    """All three are called there, once each, and take the place of what is done otherwise."""
    hub, subscriber = get_hub(get_transport()), Noting()
    agreement = agreement_with(subscriber)
    welcome = Welcome([Delivery("kept")], seen={"broadcast:f": 5})
    await custom_subscribers.send_kept(hub, agreement, welcome)
    await custom_subscribers.publish(hub, agreement, b"hello")
    await custom_subscribers.release(hub, agreement)
    assert ([each.payload for each in welcome.deliveries], welcome.seen) == (["own"], {})
    assert subscriber.calls == [("send", None, False), ("publish", b"hello", False), ("release", None, False)]
    assert redis_client.keys() == []


@pytest.mark.parametrize("subscriber", [None, RedisSubscriber()], ids=["none", "nothing overridden"])
async def test_what_is_not_overridden_needs_no_thread(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, subscriber: RedisSubscriber | None
) -> None:
    """Kept messages stay as they are, and messages go to the agreed keys."""
    hub = get_hub(get_transport())
    agreement, welcome = agreement_with(subscriber), Welcome([Delivery("kept")], seen={"broadcast:f": 5})
    monkeypatch.delattr(custom_subscribers, "run_in_thread")
    await custom_subscribers.send_kept(hub, agreement, welcome)
    assert ([each.payload for each in welcome.deliveries], welcome.seen) == (["kept"], {"broadcast:f": 5})
    await custom_subscribers.publish(hub, agreement, b"hello")
    await custom_subscribers.release(hub, agreement)
    assert redis_client.get("broadcast:f") == b"hello"


async def test_heartbeat_is_not_handed_to_the_subscriber(settings: Any) -> None:
    """What RedisMessage makes None of is no message to publish."""
    settings.WS4REDIS_HEARTBEAT = "--heartbeat--"
    subscriber = Noting()
    await custom_subscribers.publish(get_hub(get_transport()), agreement_with(subscriber), b"--heartbeat--")
    assert subscriber.calls == []


@pytest.mark.parametrize(("recovered", "told"), [(None, None), (True, False), (False, False)])
async def test_client_is_not_told_that_it_has_all_where_the_subscriber_sends_something_else(
    recovered: bool | None, told: bool | None
) -> None:
    """What the site's own subscriber sends is not known to be what was missed; positions are those of the newest."""
    welcome = Welcome([Delivery("missed", "broadcast:f", 4)], {"broadcast:f": 4}, {"broadcast:f": 2}, recovered)
    await custom_subscribers.send_kept(get_hub(get_transport()), agreement_with(Noting()), welcome)
    assert (welcome.recovered, welcome.positions, welcome.seen) == (told, {"broadcast:f": 4}, {})
