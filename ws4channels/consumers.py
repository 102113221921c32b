"""FacilityConsumer serves one websocket in the original's protocol.

    ws://host/ws/FACILITY?subscribe-broadcast&publish-user&echo

The consumer negotiates, joins the hub, and publishes what its client sends. The hub puts
what others publish into the socket's outbox.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.utils import await_many_dispatch

from ws4channels import settings
from ws4channels.access import custom_subscribers, handshake_size, refusals
from ws4channels.access.clients import Client
from ws4channels.access.failures import answer_with_500
from ws4channels.access.handshake import Agreement
from ws4channels.access.limits import MessageRate
from ws4channels.access.observers import OBSERVER
from ws4channels.access.requests import chosen_subprotocol
from ws4channels.connections import UNREACHABLE
from ws4channels.counters import counts
from ws4channels.delivery.close_frames import CLOSE_ERROR, CLOSE_RESTART
from ws4channels.delivery.forms import FormedSubscriber
from ws4channels.delivery.hub import Hub, get_hub
from ws4channels.delivery.outbox import Outbox
from ws4channels.delivery.servers import Inlet, make_inlet, make_outbox, with_whole_path
from ws4channels.delivery.subscriber_map import Subscriber
from ws4channels.delivery.welcome import Welcome, note_recovery
from ws4channels.exceptions import RedisRefusal
from ws4channels.presence.attendance import Presentee, get_attendance
from ws4channels.transports.configured import get_transport
from ws4channels.transports.messages import Delivery, Payload, to_payload

__all__ = ["FacilityConsumer"]


class FacilityConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Serves one websocket.

    Subclasses override ``connect``, ``receive`` and ``disconnect`` as with any consumer, and call the parent's. They
    may have ``groups`` and handlers of their own; a channel of their own in the layer is opened only for these. After
    ``connect``, `agreement` holds what the client may do; ``self.scope["session"]`` and ``["user"]`` are set.
    """

    load_user: ClassVar[bool] = False
    """Whether ``self.scope["user"]`` is looked up at the handshake even if no channel needs it."""

    _opens_channel: ClassVar[bool] = False

    agreement: Agreement | None = None
    _client: Client | None = None
    _commanded_code: int | None = None
    _inlet: Inlet | None = None
    _outbox: Outbox | None = None
    _subscriber: Subscriber | None = None
    _rate: MessageRate | None = None
    _presentee: Presentee | None = None
    _is_counted = False
    _own_copies = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        has_handlers = any(
            inspect.iscoroutinefunction(getattr(cls, name, None)) for name in dir(cls) if name not in _KNOWN
        )
        cls._opens_channel = bool(cls.groups) or has_handlers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the websocket until it is closed."""
        if OBSERVER in scope:
            await scope[OBSERVER].negotiate(type(self), scope, send)
            return
        self.scope = with_whole_path(scope, send)
        self.base_send = send
        if not await handshake_size.is_within_limits(scope, send):
            return
        sources = await self._open_sources(receive, send)
        try:
            await self._serve(sources)
        except StopConsumer:
            return
        except asyncio.CancelledError:
            if self._outbox is not None and self._outbox.is_abandoned:
                return
            self._close_at_once(CLOSE_RESTART)
            raise
        except Exception:
            self._close_at_once(CLOSE_ERROR)
            raise
        finally:
            await self._release()

    async def _open_sources(self, receive: Any, send: Any) -> list[Callable[[], Awaitable[Any]]]:
        """Return what to receive from: the server, and a channel of the layer for who has handlers of its own."""
        self.channel_layer = get_channel_layer(self.channel_layer_alias)
        self._inlet = make_inlet(send, self._is_within_rate, self._close_flooding_client)
        sources = [receive if self._inlet is None else self._inlet.watching(receive)]
        if self._opens_channel and self.channel_layer is not None:
            self.channel_name = await self.channel_layer.new_channel()
            sources.append(partial(self.channel_layer.receive, self.channel_name))
        return sources

    def _close_at_once(self, code: int) -> None:
        """Send a close frame with a code: Daphne and uvicorn send none, or late, when an application ends."""
        if self._is_counted and self._outbox is not None and not self._outbox.is_closed:
            self._outbox.close_now(code)

    async def _serve(self, sources: list[Callable[[], Awaitable[Any]]]) -> None:
        try:
            await self._dispatch_all(sources)
        except asyncio.CancelledError:
            if self._outbox is None or not self._outbox.will_close_for_restart:
                raise
        # Daphne cancels every task on SIGTERM. Ignore the first cancellation: the outbox closes within SHUTDOWN_SPREAD.
        await self._dispatch_all(sources)

    async def _dispatch_all(self, sources: list[Callable[[], Awaitable[Any]]]) -> None:
        if len(sources) > 1:
            await await_many_dispatch(sources, self.dispatch)
        receive = sources[0]
        while True:
            await self.dispatch(await receive())

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Hand an event to its method.

        Channels visits a thread before each one, to close database connections that have gone stale. This class uses
        none, so only subclasses pay for that.
        """
        if type(self) is not FacilityConsumer:
            await super().dispatch(message)
        elif message["type"] == "websocket.receive":
            await self.websocket_receive(message)
        elif message["type"] == "websocket.connect":
            await self.connect()
        elif message["type"] == "websocket.disconnect":
            await self.disconnect(message.get("code"))
            raise StopConsumer

    async def connect(self) -> None:
        """Negotiate, join, accept; then send the kept messages."""
        try:
            hub = get_hub(get_transport())
            self._client = client = Client(hub)
            agreement = await self._agree(client)
            outbox, welcome = await self._join(client, agreement)
        except UNREACHABLE as error:
            await self._turn_away_unserved(hub, error)
        except Exception as error:
            await self._refuse(error)
        else:
            self.agreement = agreement
            await self._accept_offered()
            refusals.note_dropped(self.scope, agreement.dropped)
            self._begin(hub, agreement, outbox, welcome)

    async def _agree(self, client: Client) -> Agreement:
        agreement, request = await client.agree(self.scope, self._close_by_command, self.load_user)
        if type(self) is not FacilityConsumer:
            self.scope = {**self.scope, "session": request.session, "user": request.user}
        return agreement

    async def _join(self, client: Client, agreement: Agreement) -> tuple[Outbox, Welcome]:
        outbox = make_outbox(self.base_send, echo=agreement.echo, on_overflow=self._close_slow_client)
        self._outbox = outbox
        self._subscriber = outbox if agreement.form.is_plain else FormedSubscriber(outbox, agreement.form)
        self._own_copies = custom_subscribers.count_own_copies(agreement)
        return outbox, await client.join(self._subscriber)

    def _begin(self, hub: Hub, agreement: Agreement, outbox: Outbox, welcome: Welcome) -> None:
        counts["sockets_opened"] += 1
        self._is_counted = True
        if self._commanded_code is not None:
            outbox.close_now(self._commanded_code)
            return
        note_recovery(welcome)
        outbox.open(agreement.form.first(welcome, agreement.dropped), welcome.seen)
        if agreement.heartbeat is not None and self._subscriber is not None:
            hub.add_heartbeat(self._subscriber, agreement.heartbeat)
        if agreement.presence is not None and self._subscriber is not None:
            self._presentee = get_attendance(hub).enter(agreement, self._subscriber)

    def _close_by_command(self, code: int) -> None:
        """Close at once, or at the end of the handshake."""
        self._commanded_code = code
        if self._is_counted and self._outbox is not None and not self._outbox.is_closed:
            self._outbox.close_now(code)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Publish what the client sent, unless it is empty, the heartbeat, too large, or over the rate limit."""
        client, agreement, outbox = self._client, self.agreement, self._outbox
        if client is None or agreement is None or outbox is None or outbox.is_closed:
            return
        if self._inlet is None and not self._is_within_rate():
            refusals.note_too_fast(self.scope)
            await self.close(refusals.CLOSE_TOO_FAST)
            return
        raw = text_data.encode("utf-8") if text_data is not None else bytes_data or b""
        if len(raw) > settings.WS4CHANNELS_MAX_MESSAGE_SIZE:
            refusals.note_too_large(len(raw))
            await self.close(refusals.CLOSE_TOO_LARGE)
            return
        payload: Payload = text_data if text_data is not None else to_payload(raw)
        if not raw or payload == agreement.heartbeat:
            # As in the original: from then on nothing is this client's last message, so nothing is held back.
            if outbox.own is not None:
                outbox.own.forget_last()
            return
        if outbox.own is not None:
            outbox.own.add(payload, self._own_copies)
        await self._publish(client.hub, agreement, raw)

    async def _publish(self, hub: Hub, agreement: Agreement, raw: bytes) -> None:
        """Publish what the client sent; close the websocket where that cannot be done."""
        try:
            await custom_subscribers.publish(hub, agreement, raw)
        except RedisRefusal as error:
            refusals.note_refused_by_redis(error)
            if not error.is_delivered:
                await self.close(refusals.CLOSE_UNREACHABLE)
        except UNREACHABLE as error:
            refusals.note_unpublished(error)
            await self.close(refusals.CLOSE_UNREACHABLE)

    def _is_within_rate(self) -> bool:
        """Count a message, or where there is an inlet a frame; tell whether the client may send it."""
        if self._rate is None:
            self._rate = MessageRate(settings.WS4CHANNELS_MAX_MESSAGES_PER_SECOND, time.monotonic())
        return self._rate.allows(time.monotonic())

    def _close_flooding_client(self) -> None:
        if self._outbox is not None and not self._outbox.is_closed:
            refusals.note_too_fast(self.scope)
            self._outbox.close_now(refusals.CLOSE_TOO_FAST)

    async def accept(self, *args: Any, **kwargs: Any) -> None:
        """Accept the websocket, and begin to read what the client sends."""
        await super().accept(*args, **kwargs)
        if self._inlet is not None:
            self._inlet.open()

    async def send(self, text_data: str | None = None, bytes_data: bytes | None = None, close: Any = False) -> None:
        """Send to this client alone, in order with what is published; waits while its outbox is full."""
        if self._outbox is None:
            await super().send(text_data, bytes_data, close)
            return
        payload = text_data if text_data is not None else bytes_data
        if payload is None:
            raise ValueError("You must pass one of bytes_data or text_data")
        negotiated = None if self._client is None else self._client.agreement
        delivery = Delivery(payload)
        await self._outbox.put_waiting(negotiated.form.of(delivery) if negotiated else delivery)
        if close:
            await self.close(close)

    async def close(self, code: int | bool | None = None, reason: str | None = None) -> None:
        """Close the websocket after everything that waits for it has been sent."""
        message: dict[str, Any] = {"type": "websocket.close"}
        if code is not None and code is not True:
            message["code"] = code
        if reason:
            message["reason"] = reason
        if self._outbox is None:
            await self.base_send(message)
        else:
            self._outbox.put_last(Delivery.closing(message))

    async def _refuse(self, error: Exception) -> None:
        if not refusals.is_refusal(error):
            refusals.note_failure(self.scope, error)
            if not await answer_with_500(self.scope, self.base_send, error):
                raise error
            return
        refusals.note_refusal(self.scope, error)
        if settings.WS4CHANNELS_CLOSE_CODE_ON_REFUSAL:
            await self._accept_offered()
            await self.base_send({"type": "websocket.close", "code": refusals.CLOSE_REFUSED})
        else:
            await self.base_send({"type": "websocket.close"})

    async def _turn_away_unserved(self, hub: Hub, error: BaseException) -> None:
        refusals.note_unserved(hub.server, error)
        await self._accept_offered()
        if self._outbox is None:
            self._outbox = make_outbox(self.base_send, echo=False, on_overflow=self._close_slow_client)
        self._outbox.open()
        await self.close(refusals.CLOSE_UNREACHABLE)

    async def _accept_offered(self) -> None:
        await self.accept(chosen_subprotocol(self.scope))

    def _close_slow_client(self, dropped: int) -> None:
        refusals.note_slow(dropped)
        assert self._outbox is not None
        self._outbox.close_now(refusals.CLOSE_SLOW)

    async def _release(self) -> None:
        """Leave the hub and release everything, however the websocket ended."""
        self._inlet = None  # Holds this consumer; see `Outbox.aclose`.
        counts["sockets_closed"] += self._is_counted
        if self._presentee is not None:
            self._presentee.leave()
        if self._client is not None:
            await self._client.leave(self._outbox)


_KNOWN = frozenset(dir(FacilityConsumer))
