"""One client of the hub, from its handshake to its end, whether a websocket or an event stream carries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ws4channels import settings
from ws4channels.access import custom_subscribers, watching
from ws4channels.access.handshake import Agreement, negotiate
from ws4channels.audience import close_commands_key
from ws4channels.delivery.hub import Hub
from ws4channels.delivery.open_sockets import OpenSocket
from ws4channels.delivery.outbox import Outbox
from ws4channels.delivery.subscriber_map import Subscriber
from ws4channels.delivery.welcome import Welcome
from ws4channels.processes.telling import tell


class Client:
    """Holds what a client has in the hub, so that `leave` can undo it however far the handshake came."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.agreement: Agreement | None = None
        self._socket: OpenSocket | None = None
        self._subscriber: Subscriber | None = None

    async def agree(
        self, scope: Mapping[str, Any], close: Callable[[int], None], load_user: bool = False
    ) -> tuple[Agreement, Any]:
        """Run the handshake; return what was agreed, and the request. Raises what `negotiate` raises.

        `close` is called with a close code when a close command names the client, also before this returns.
        """
        sockets = self.hub.sockets
        self._socket = socket = sockets.enter(close, scope.get("client"))
        # Whatever WS4CHANNELS_ADMIN is: questions of processes where it is True would be taken for close commands.
        self.hub.companions.begin(tell, self.hub)
        # Before the user is looked up, so that no close command is missed.
        await self.hub.handle(close_commands_key(settings.WS4REDIS_PREFIX), sockets.carry_out)
        self.agreement, request = await negotiate(scope, self.hub.threads, load_user, watching.begin)
        sockets.identify(socket, self.agreement)
        return self.agreement, request

    async def join(self, subscriber: Subscriber) -> Welcome:
        """Deliver to `subscriber` from now on what was agreed; return what it is to be sent first."""
        assert self.agreement is not None
        self._subscriber = subscriber
        if self._socket is not None:
            self._socket.subscriber = subscriber
        welcome = await self.hub.join(subscriber, self.agreement.subscribe_keys, self.agreement.start)
        await custom_subscribers.send_kept(self.hub, self.agreement, welcome)
        return welcome

    async def leave(self, outbox: Outbox | None) -> None:
        """Leave the hub and release everything, `outbox` as well."""
        socket, self._socket = self._socket, None
        if socket is not None:
            self.hub.sockets.leave(socket)
        if outbox is not None:
            await outbox.aclose()
        if self.agreement is None:
            return
        if self._subscriber is not None:
            await self.hub.leave(self._subscriber, self.agreement.subscribe_keys)
        await custom_subscribers.release(self.hub, self.agreement)
