"""Tests of `ws4channels.access.limits`: the limits themselves, and websockets that meet them."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
import redis
from django.core.exceptions import PermissionDenied

from tests.silence import refusing_port
from tests.sockets import Socket, connected
from tests.visitors import signed_in
from tests.waiting import TIMEOUT, eventually
from ws4channels.access.limits import BURST_SECONDS, MessageRate, check_keys
from ws4channels.counters import counts
from ws4channels.delivery.open_sockets import AddressCount, check_session, network_of
from ws4channels.exceptions import TooManyKeys, TooManySockets
from ws4channels.subscriber import RedisSubscriber

HERE = ["203.0.113.7", 54321]


# --- messages per second ----------------------------------------------------------------------------------------------


def count_allowed(rate: MessageRate, now: float, most: int = 10_000) -> int:
    """Return how many messages may come at one moment."""
    return next((number for number in range(most) if not rate.allows(now)), most)


def test_burst_is_what_a_silent_client_may_send_at_once() -> None:
    """Ten seconds' worth of messages may come in one go, and not one more."""
    assert count_allowed(MessageRate(7, 0.0), 0.0) == 7 * BURST_SECONDS


def test_silence_makes_room_again_up_to_the_burst() -> None:
    """Each second gives room for as many messages as the rate says; an hour gives no more than the burst."""
    rate = MessageRate(7, 100.0)
    assert count_allowed(rate, 100.0) == 70
    assert count_allowed(rate, 102.0) == 2 * 7 - 1  # the one that was refused has been counted as well
    assert count_allowed(rate, 3700.0) == 70


def test_client_at_the_rate_is_never_refused() -> None:
    """Who sends exactly as fast as may be goes on for ever."""
    rate = MessageRate(4, 0.0)
    assert all(rate.allows(number / 4) for number in range(10_000))


def test_client_above_the_rate_is_refused_in_the_end() -> None:
    """Who sends a little faster uses up the burst."""
    rate = MessageRate(4, 0.0)
    assert not all(rate.allows(number / 5) for number in range(1000))


@pytest.mark.parametrize("rate", [0.001, 0.1, 1])
def test_low_rate_allows_one_message(rate: float) -> None:
    """A rate of less than one message in ten seconds lets the first one through."""
    assert MessageRate(rate, 0.0).allows(0.0)


def test_no_rate_allows_everything() -> None:
    """None is no limit."""
    assert count_allowed(MessageRate(None, 0.0), 0.0) == 10_000


async def test_client_that_sends_too_fast_is_closed_with_1008(
    settings: Any, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """What is within the limit is published; then the client is closed once, counted, and the log says why."""
    settings.WS4CHANNELS_MAX_MESSAGES_PER_SECOND = 0.3  # a burst of three
    before = counts["too_many_messages"]
    socket = await Socket("/ws/f?publish-broadcast&subscribe-broadcast&echo&token=secret").open()
    for number in range(20):
        await socket.send_to(str(number))
    received = []
    while (event := await socket.receive_output(timeout=TIMEOUT))["type"] == "websocket.send":
        received.append(event["text"])
    assert (event["type"], event["code"]) == ("websocket.close", 1008)
    await socket.leave(1008)
    assert received[:3] == ["0", "1", "2"]
    assert received == [str(number) for number in range(len(received))]
    assert redis_client.get("broadcast:f") == received[-1].encode()
    assert counts["too_many_messages"] == before + 1
    assert caplog.messages == [
        "Closed a websocket to /ws/f whose client sent too many messages; WS4CHANNELS_MAX_MESSAGES_PER_SECOND is 0.3."
    ]


@pytest.mark.parametrize("message", ["--heartbeat--", ""])
async def test_messages_that_are_not_published_count(settings: Any, message: str) -> None:
    """Heartbeats and empty messages cost the server time as well."""
    settings.WS4REDIS_HEARTBEAT = "--heartbeat--"
    settings.WS4CHANNELS_HEARTBEAT_INTERVAL = 3600
    settings.WS4CHANNELS_MAX_MESSAGES_PER_SECOND = 0.2
    socket = await Socket("/ws/f").open()
    for _ in range(20):
        await socket.send_input({"type": "websocket.receive", "text": message})
    assert await socket.close_code() == 1008
    await socket.leave(1008)


async def test_limit_of_messages_can_be_turned_off(settings: Any) -> None:
    """With None, a client sends as much as it likes."""
    settings.WS4CHANNELS_MAX_MESSAGES_PER_SECOND = None
    async with connected("/ws/f?publish-broadcast&subscribe-broadcast&echo") as socket:
        for number in range(300):
            await socket.send_to(str(number))
        assert await socket.take(300) == [str(number) for number in range(300)]


# --- keys -------------------------------------------------------------------------------------------------------------


def test_as_many_keys_as_the_limit_says_are_allowed(settings: Any) -> None:
    """Subscribing and publishing are counted each for itself; one key too many raises, and says of what."""
    settings.WS4CHANNELS_MAX_KEYS = 2
    check_keys(["a", "b"], ["a", "b"])
    with pytest.raises(TooManyKeys) as caught:
        check_keys(["a", "b", "c"], [])
    assert str(caught.value) == "The client would subscribe to 3 keys; WS4CHANNELS_MAX_KEYS is 2."
    with pytest.raises(TooManyKeys) as caught:
        check_keys([], ["a", "b", "c"])
    assert str(caught.value) == "The client would publish to 3 keys; WS4CHANNELS_MAX_KEYS is 2."


def test_limit_of_keys_can_be_turned_off(settings: Any) -> None:
    """With None, there may be any number."""
    settings.WS4CHANNELS_MAX_KEYS = None
    check_keys(range(100_000), range(100_000))


@pytest.mark.parametrize("verb", ["subscribe", "publish"])
async def test_user_in_too_many_groups_is_refused(settings: Any, caplog: pytest.LogCaptureFixture, verb: str) -> None:
    """The client gets 403; the log names the numbers and the setting; it is counted as a refusal and by its kind."""
    settings.WS4CHANNELS_MAX_KEYS = 5
    before = counts["refused"], counts["too_many_keys"]
    async with connected(f"/ws/f?{verb}-group", **signed_in("john", map(str, range(5)))):
        pass
    socket = Socket(f"/ws/f?{verb}-group", **signed_in("john", map(str, range(6))))
    assert await socket.is_refused()
    await socket.leave(1006)
    assert (counts["refused"], counts["too_many_keys"]) == (before[0] + 1, before[1] + 1)
    assert caplog.messages == [
        f"Refused a websocket to /ws/f: TooManyKeys: The client would {verb} to 6 keys; WS4CHANNELS_MAX_KEYS is 5."
    ]


@pytest.mark.parametrize("limit", ["KEYS", "SOCKETS_PER_SESSION", "SOCKETS_PER_ADDRESS"])
async def test_client_is_told_a_code_and_no_reason(settings: Any, limit: str) -> None:
    """With WS4CHANNELS_CLOSE_CODE_ON_REFUSAL, who is over a limit is accepted and closed with 4403, without a text."""
    settings.WS4CHANNELS_CLOSE_CODE_ON_REFUSAL = True
    john = {**signed_in("john", ["a", "b"]), "client": HERE}
    async with connected("/ws/f?subscribe-broadcast", **john):
        setattr(settings, f"WS4CHANNELS_MAX_{limit}", 1)
        async with connected("/ws/f?subscribe-broadcast", **signed_in("mary"), client=["203.0.113.8", 1]):
            # The limit of addresses counts those who came since it was set.
            if limit == "SOCKETS_PER_ADDRESS":
                john["client"] = ["203.0.113.8", 2]
            socket = await Socket("/ws/f?subscribe-group&publish-broadcast", **john).open()
            assert await socket.receive_output(timeout=TIMEOUT) == {"type": "websocket.close", "code": 4403}
            await socket.send_to("ignored")
            await socket.leave(4403)


class Greedy(RedisSubscriber):
    """A site's subscriber that names more keys than it may, and counts its ends."""

    released = 0

    def set_pubsub_channels(self, request: Any, channels: Any) -> None:
        super().set_pubsub_channels(request, channels)
        for number in range(4):
            self._subscription.subscribe(f"own:{number}")

    def release(self) -> None:
        type(self).released += 1
        super().release()


async def test_site_s_own_subscriber_is_limited_and_released(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that a subclass adds count; after the refusal it lets go of what it holds, once."""
    monkeypatch.setattr(Greedy, "released", 0)
    settings.WS4REDIS_SUBSCRIBER = f"{__name__}.Greedy"
    settings.WS4CHANNELS_MAX_KEYS = 3
    socket = Socket("/ws/f?subscribe-broadcast")
    assert await socket.is_refused()
    await socket.leave(1006)
    assert Greedy.released == 1


# --- sockets of a session ---------------------------------------------------------------------------------------------


def test_limit_of_a_session_is_what_the_setting_says(settings: Any) -> None:
    """A session with fewer websockets may have one more; None allows any number."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_SESSION = 2
    check_session(1)
    with pytest.raises(TooManySockets) as caught:
        check_session(2)
    assert str(caught.value) == (
        "The session has 2 websockets in this process; WS4CHANNELS_MAX_SOCKETS_PER_SESSION is 2."
    )
    settings.WS4CHANNELS_MAX_SOCKETS_PER_SESSION = None
    check_session(100_000)


async def is_let_in(path: str = "/ws/f?subscribe-broadcast", **scope: Any) -> bool:
    """Tell whether a websocket is let in; close it again."""
    socket = Socket(path, **scope)
    accepted, _ = await socket.connect(timeout=TIMEOUT)
    await socket.leave(1000 if accepted else 1006)
    return accepted


async def test_session_with_too_many_sockets_is_refused_until_one_closes(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit is each session's own; a websocket that ends makes room, and the log does not name the session."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_SESSION = 2
    john, mary = signed_in("john"), signed_in("mary")
    before = counts["too_many_sockets"]
    async with connected("/ws/f?subscribe-broadcast", **john):
        async with connected("/ws/other?subscribe-user", **john):
            assert not await is_let_in(**john)
            assert await is_let_in(**mary)
            assert await is_let_in()
        assert await is_let_in(**john)
    assert counts["too_many_sockets"] == before + 1
    assert caplog.messages == [
        "Refused a websocket to /ws/f: TooManySockets: The session has 2 websockets in this process; "
        "WS4CHANNELS_MAX_SOCKETS_PER_SESSION is 2."
    ]
    assert john["session"].session_key not in caplog.text


async def test_many_handshakes_at_once_are_counted(settings: Any) -> None:
    """Those that connect at the same moment do not slip in together."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_SESSION = 3
    john = signed_in("john")
    sockets = [Socket("/ws/f?subscribe-user", **john) for _ in range(20)]
    answers = await asyncio.gather(*(socket.connect(timeout=TIMEOUT) for socket in sockets))
    assert sum(accepted for accepted, _ in answers) == 3
    await asyncio.gather(*(socket.leave() for socket in sockets))


async def test_visitors_without_a_session_are_not_counted(settings: Any) -> None:
    """No session is nobody's: anonymous clients do not share a limit."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_SESSION = 1
    async with connected("/ws/f?subscribe-broadcast"):
        assert await is_let_in()


# --- sockets of an address --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "network"),
    [
        (["203.0.113.7", 54321], "203.0.113.7"),
        (("2001:db8:1:2:3:4:5:6", 54321), "2001:db8:1:2::/64"),
        (["2001:DB8:1:2::", 1], "2001:db8:1:2::/64"),
        (["::ffff:203.0.113.7", 1], "203.0.113.7"),
        (["fe80::1%eth0", 1], "fe80::/64"),
        (["::1", 1], "::/64"),
        (["not:an:address", 1], "not:an:address"),
        (["testclient", 1], "testclient"),
        (["", 0], None),
        ([None, 0], None),
        (None, None),
    ],
)
def test_address_is_the_client_s_or_its_network(client: Any, network: str | None) -> None:
    """IPv4 addresses count one by one, IPv6 by the network of a customer; who has none is not counted."""
    assert network_of(client) == network


def test_address_is_not_counted_by_default() -> None:
    """Behind a proxy that does not say otherwise all clients have one address; the default must not lock them out."""
    addresses = AddressCount()
    assert [addresses.enter(HERE) for _ in range(1000)] == [None] * 1000
    addresses.leave(None)
    assert len(addresses) == 0


def test_addresses_are_counted_each_for_itself(settings: Any) -> None:
    """Each address has as many as the setting says; nothing is remembered of one that has none any more."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS = 2
    addresses = AddressCount()
    entered = [addresses.enter(HERE), addresses.enter(HERE)]
    with pytest.raises(TooManySockets) as caught:
        addresses.enter(HERE)
    assert str(caught.value) == (
        "203.0.113.7 has 2 websockets in this process; WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS is 2."
    )
    entered.append(addresses.enter(["203.0.113.8", 1]))
    addresses.leave(entered[0])
    assert addresses.enter(HERE) == "203.0.113.7"
    for each in entered:
        addresses.leave(each)
    assert len(addresses) == 0


def test_what_was_counted_is_given_back_after_the_setting_has_changed(settings: Any) -> None:
    """The limit may be turned on or off while websockets are open."""
    addresses = AddressCount()
    uncounted = addresses.enter(HERE)
    settings.WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS = 1
    counted = addresses.enter(HERE)
    settings.WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS = None
    addresses.leave(uncounted)
    addresses.leave(counted)
    assert len(addresses) == 0


async def test_address_with_too_many_sockets_is_refused_until_one_closes(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused before anybody is looked up or any hook runs; another address is let in."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS = 1
    async with connected("/ws/f?subscribe-broadcast", client=HERE):
        settings.WS4REDIS_ALLOWED_CHANNELS = must_not_run
        assert not await is_let_in(client=["203.0.113.7", 1])
        settings.WS4REDIS_ALLOWED_CHANNELS = None
        assert await is_let_in(client=["203.0.113.8", 1])
    assert await is_let_in(client=HERE)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.messages == [
        "Refused a websocket to /ws/f: TooManySockets: 203.0.113.7 has 1 websockets in this process; "
        "WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS is 1."
    ]


def must_not_run(request: Any, channels: Any) -> Any:
    """Stand for a rule that a refused client does not reach."""
    raise AssertionError("The rule was asked.")


def deny(request: Any, channels: Any) -> Any:
    """Stand for a rule that refuses."""
    raise PermissionDenied("Members only.")


class RuleError(Exception):
    """What a rule did not expect."""


def fail(request: Any, channels: Any) -> Any:
    """Stand for a rule with a defect."""
    raise RuleError("secret detail")


@pytest.mark.parametrize(
    "ending", ["client leaves", "refused", "hook fails", "cancelled", "cancelled early", "no Redis"]
)
async def test_count_falls_back_however_a_socket_ends(settings: Any, ending: str) -> None:
    """Whatever becomes of websockets and handshakes, none of them takes another's place afterwards."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS = settings.WS4CHANNELS_MAX_SOCKETS_PER_SESSION = 1
    john = {**signed_in("john"), "client": HERE}
    with refusing_port() as port:
        if ending == "no Redis":
            working = settings.WS4REDIS_CONNECTION
            settings.WS4REDIS_CONNECTION = {"url": f"redis://127.0.0.1:{port}"}
        settings.WS4REDIS_ALLOWED_CHANNELS = {"refused": deny, "hook fails": fail}.get(ending)
        for _ in range(3):
            await end(Socket("/ws/f?subscribe-user", **john), ending)
        if ending == "no Redis":
            settings.WS4REDIS_CONNECTION = working
    settings.WS4REDIS_ALLOWED_CHANNELS = None
    assert await is_let_in(**john)


async def end(socket: Socket, ending: str) -> None:
    """Have a websocket end in one of the ways there are."""
    await socket.send_input({"type": "websocket.connect"})
    if ending == "hook fails":
        with pytest.raises(RuleError):
            await socket.wait(timeout=TIMEOUT)
        return
    if ending == "cancelled early":
        for _ in range(5):
            await asyncio.sleep(0)
    else:
        await eventually(lambda: not socket.output_queue.empty(), "the server answers")
        assert (await socket.receive_output())["type"] in {"websocket.accept", "websocket.close"}
    if "cancelled" in ending:
        socket.future.cancel()
        await asyncio.wait([socket.future], timeout=TIMEOUT)
        assert socket.future.cancelled()
    else:
        await socket.leave()
