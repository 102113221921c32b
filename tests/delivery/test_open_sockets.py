"""Tests of `ws4channels.delivery.open_sockets`: who is open, and orders that come at any moment."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from tests.sockets import Socket, connected
from tests.visitors import signed_in
from tests.waiting import TIMEOUT, eventually
from ws4channels.closing import CloseCommand, aclose_sockets, build_session_end, send_close_command, session_mark
from ws4channels.counters import counts
from ws4channels.delivery.forms import Form, FormedSubscriber
from ws4channels.delivery.hub import get_hub
from ws4channels.delivery.open_sockets import OpenSocket, OpenSockets
from ws4channels.delivery.streams import StreamOutbox, StreamSubscriber
from ws4channels.exceptions import TooManySockets
from ws4channels.subscriber import RedisSubscriber
from ws4channels.transports.configured import get_transport
from ws4channels.transports.messages import Delivery, Payload

HERE = ["203.0.113.7", 54321]


@dataclass
class Identity:
    """What a handshake found out."""

    session: str | None = None
    user: str | None = None
    facility: str = "f"


class Client:
    """One websocket of a hub's, with the codes that it was closed with."""

    def __init__(self, sockets: OpenSockets, client: Any = None) -> None:
        self.codes: list[int] = []
        self.sockets = sockets
        self.socket: OpenSocket = sockets.enter(self.codes.append, client)

    def identify(self, **identity: Any) -> Client:
        """End the handshake."""
        self.sockets.identify(self.socket, Identity(**identity))
        return self


def close(sockets: OpenSockets, command: CloseCommand) -> None:
    """Have a close command arrive."""
    sockets.carry_out(command.publication().raw.decode())


# --- the index --------------------------------------------------------------------------------------------------------


def test_order_closes_those_whom_it_concerns() -> None:
    """By session, user or facility; each once, with the order's code."""
    sockets = OpenSockets()
    mary = Client(sockets).identify(session="s", user="mary")
    other = Client(sockets).identify(session="s", facility="other")
    anonymous = Client(sockets).identify()
    close(sockets, CloseCommand(session="s", code=4001))
    assert (mary.codes, other.codes, anonymous.codes) == ([4001], [4001], [])
    close(sockets, CloseCommand(user="mary", code=4002))
    assert (mary.codes, other.codes, anonymous.codes) == ([4001, 4002], [4001], [])
    close(sockets, CloseCommand(facility="f", code=4003))
    assert (mary.codes, other.codes, anonymous.codes) == ([4001, 4002, 4003], [4001], [4003])


def test_nothing_is_left_of_who_has_left(settings: Any) -> None:
    """Leaving gives everything back, at whatever stage, and twice is once."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS = 4
    sockets = OpenSockets()
    clients = [
        Client(sockets, HERE),
        Client(sockets, HERE).identify(),
        Client(sockets, HERE).identify(session="s"),
        Client(sockets, HERE).identify(session="s", user="mary"),
    ]
    assert len(sockets) == 3
    for client in [*clients, *clients]:
        sockets.leave(client.socket)
    assert (len(sockets), sockets._by_session, len(sockets._addresses)) == (0, {}, 0)
    close(sockets, CloseCommand(session="s"))
    assert [client.codes for client in clients] == [[], [], [], []]


def test_session_that_is_full_is_left_as_it_was(settings: Any) -> None:
    """Who is refused takes nobody's place, and leaving after it does no harm."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_SESSION = 1
    sockets = OpenSockets()
    first, second = Client(sockets).identify(session="s"), Client(sockets)
    with pytest.raises(TooManySockets):
        second.identify(session="s")
    sockets.leave(second.socket)
    with pytest.raises(TooManySockets):
        Client(sockets).identify(session="s")
    sockets.leave(first.socket)
    Client(sockets).identify(session="s")


async def test_many_are_closed_in_turns() -> None:
    """Closing a crowd lets the event loop do other things in between; who leaves meanwhile is not closed."""
    sockets = OpenSockets()
    before = counts["closed_by_command"]
    clients = [Client(sockets).identify() for _ in range(450)]
    close(sockets, CloseCommand(facility="f"))
    assert 0 < sum(len(client.codes) for client in clients) < 450
    sockets.leave(clients[-1].socket)
    await eventually(lambda: counts["closed_by_command"] == before + 449, "all others are closed")
    assert [client.codes for client in clients] == [[4401]] * 449 + [[]]


def test_garbage_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What is no close command closes nobody, and raises nothing that would end the hub's receiving."""
    sockets = OpenSockets()
    client = Client(sockets).identify()
    before = counts["close_commands_refused"]
    for payload in ("", "{}", "\x00", b"\xff", "a:b:c"):
        sockets.carry_out(payload)
    assert client.codes == []
    assert counts["close_commands_refused"] == before + 5
    assert set(caplog.messages) == {"Ignored a close command that was not signed with this site's SECRET_KEY."}


# --- orders during handshakes -----------------------------------------------------------------------------------------


def test_order_that_comes_during_a_handshake_applies_to_it() -> None:
    """Whoever was looked up before the order came is closed as soon as it is known who that is."""
    sockets = OpenSockets()
    during, other = Client(sockets), Client(sockets)
    close(sockets, CloseCommand(user="mary", code=4001))
    after = Client(sockets)
    assert during.identify(user="mary").codes == [4001]
    assert other.identify(user="john").codes == []
    assert after.identify(user="mary").codes == []


def test_socket_of_a_session_that_has_ended_is_closed() -> None:
    """A final command holds for later handshakes, too: Django says that a session ends before it deletes it."""
    sockets = OpenSockets()
    close(sockets, CloseCommand(session="s", is_final=True))
    assert Client(sockets).identify(session="s").codes == [4401]
    assert Client(sockets).identify(session="t").codes == []


def test_final_command_is_forgotten_after_a_while() -> None:
    """A session key that is used again later is served."""
    sockets = OpenSockets(memory_seconds=0.0)
    close(sockets, CloseCommand(session="s", is_final=True))
    assert Client(sockets).identify(session="s").codes == []


def test_number_of_remembered_commands_is_bounded() -> None:
    """The oldest of many ended sessions are forgotten."""
    sockets = OpenSockets(most_remembered=10)
    for number in range(30):
        close(sockets, CloseCommand(session=str(number), is_final=True))
    closed = [number for number in range(30) if Client(sockets).identify(session=str(number)).codes]
    assert closed == list(range(20, 30))


class Slow(RedisSubscriber):
    """A site's subscriber that lets things happen during the handshake, in either of its steps."""

    is_under_way = threading.Event()
    may_go_on = threading.Event()
    step = ""

    def set_pubsub_channels(self, request: Any, channels: Any) -> None:
        super().set_pubsub_channels(request, channels)
        self._wait("negotiating")

    def send_persisted_messages(self, websocket: Any) -> None:
        self._wait("sending")
        websocket.send("not for you any more")

    def _wait(self, step: str) -> None:
        if self.step == step:
            self.is_under_way.set()
            assert self.may_go_on.wait(TIMEOUT)


@pytest.mark.parametrize("step", ["negotiating", "sending"])
async def test_handshake_that_is_under_way_is_closed_at_its_end(
    settings: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The client is accepted and closed with the code, and is sent nothing in between."""
    settings.WS4REDIS_SUBSCRIBER = f"{__name__}.Slow"
    monkeypatch.setattr(Slow, "step", step)
    monkeypatch.setattr(Slow, "is_under_way", threading.Event())
    monkeypatch.setattr(Slow, "may_go_on", threading.Event())
    before = counts["sockets_opened"] - counts["sockets_closed"]
    socket = Socket("/ws/f?subscribe-user", **signed_in("mary"))
    await socket.send_input({"type": "websocket.connect"})
    try:
        await asyncio.to_thread(Slow.is_under_way.wait, TIMEOUT)
        heard = list(sockets_of_this_loop()._recent)
        await aclose_sockets(user="mary")
        await eventually(lambda: list(sockets_of_this_loop()._recent) != heard, "the order has come")
    finally:
        Slow.may_go_on.set()
    assert (await socket.receive_output(timeout=TIMEOUT))["type"] == "websocket.accept"
    assert await socket.close_code() == 4401
    await socket.leave(4401)
    assert counts["sockets_opened"] - counts["sockets_closed"] == before


async def test_websocket_of_a_session_that_is_over_is_closed_at_once() -> None:
    """Who comes back before Django has deleted the session is accepted and closed, without a message."""
    mary = signed_in("mary")
    socket = await Socket("/ws/f?subscribe-user", **mary).open()
    await asyncio.to_thread(send_close_command, build_session_end(mary["session"].session_key))
    assert await socket.close_code() == 4401
    await socket.leave(4401)
    back = await Socket("/ws/f?subscribe-user", **mary).open()
    assert await back.close_code() == 4401
    await back.leave(4401)
    async with connected("/ws/f?subscribe-user", **signed_in("mary")):
        pass


# --- what the hub keeps -----------------------------------------------------------------------------------------------


def sockets_of_this_loop() -> OpenSockets:
    """Return what the hub of the running loop knows."""
    return get_hub(get_transport()).sockets


def refuse(request: Any, channels: Any) -> Any:
    """Stand for a site's rule."""
    raise PermissionDenied("No.")


async def test_hub_knows_the_sockets_that_are_open_and_no_more(settings: Any) -> None:
    """Open websockets are known by their session and user; those that were refused or have closed are not."""
    mary = signed_in("mary")
    async with connected("/ws/f?subscribe-user", **mary), connected("/ws/g?subscribe-broadcast"):
        known = {
            (each.identity.user, each.identity.session) for each in sockets_of_this_loop()._sockets if each.identity
        }
        assert known == {("mary", session_mark(mary["session"].session_key)), (None, None)}
        settings.WS4REDIS_ALLOWED_CHANNELS = refuse
        assert await Socket("/ws/f?subscribe-user", **mary).is_refused()
        assert len(sockets_of_this_loop()) == 2
    assert len(sockets_of_this_loop()) == 0


def test_question_is_no_close_command() -> None:
    """Whoever takes questions says whether it was one; close commands are carried out, and without such a one all."""
    sockets = OpenSockets()
    refused = counts["close_commands_refused"]
    asked: list[Payload] = []

    def take(payload: Payload) -> bool:
        asked.append(payload)
        return payload == "?"

    sockets.on_question = take
    sockets.carry_out("?")
    assert (asked, counts["close_commands_refused"] - refused) == (["?"], 0)
    sockets.carry_out("!")
    assert (asked, counts["close_commands_refused"] - refused) == (["?", "!"], 1)


async def test_socket_knows_how_many_messages_wait_for_it() -> None:
    """None before it has joined, or where its subscriber does not tell."""
    socket = OpenSockets().enter(lambda code: None, None)
    assert socket.waiting == 0
    socket.subscriber = object()
    assert socket.waiting == 0
    for make in (lambda box: box, lambda box: FormedSubscriber(box, Form()), StreamSubscriber):
        outbox = StreamOutbox(send, is_binary=False, on_overflow=print)
        socket.subscriber = make(outbox)
        outbox.put_own(Delivery("x"))
        assert socket.waiting == 1


async def send(event: Any) -> None:
    """Take what a server is given."""
