"""RedisSubscriber says which keys one websocket publishes and subscribes to. Sites subclass it.

Only its base class is ever asked from the event loop. Whatever a subclass overrides runs in a thread, at connect,
at disconnect or when its client publishes, and may use the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence, Set
from typing import Any

from ws4channels import connections, settings
from ws4channels.audience import SELF
from ws4channels.exceptions import ConfigurationError
from ws4channels.redis_store import RedisStore
from ws4channels.transports.messages import Delivery, to_payload

__all__ = ["RedisSubscriber", "facility_of"]


class ChannelName(str):
    """The name of a subscribed key. Has ``decode()``, because redis-py gives names as bytes."""

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the name as it is."""
        return str(self)


class Subscriptions(MutableMapping[Any, Any]):
    """The names that a socket subscribes to; takes each as str or bytes, gives each as ChannelName."""

    def __init__(self) -> None:
        self._handlers: dict[ChannelName, Any] = {}

    @staticmethod
    def _normalize(name: Any) -> ChannelName:
        return ChannelName(name.decode("utf-8") if isinstance(name, bytes) else name)

    def __getitem__(self, name: Any) -> Any:
        return self._handlers[self._normalize(name)]

    def __setitem__(self, name: Any, handler: Any) -> None:
        self._handlers[self._normalize(name)] = handler

    def __delitem__(self, name: Any) -> None:
        del self._handlers[self._normalize(name)]

    def __iter__(self) -> Iterator[ChannelName]:
        return iter(self._handlers)

    def __len__(self) -> int:
        return len(self._handlers)

    def __repr__(self) -> str:
        return f"Subscriptions({list(self._handlers)!r})"


class Subscription:
    """Takes the place of redis-py's PubSub: collects names for the hub to subscribe to."""

    connection = None

    def __init__(self) -> None:
        self.channels = Subscriptions()

    @property
    def subscribed(self) -> bool:
        """Tell whether there is any name."""
        return bool(self.channels)

    def subscribe(self, *names: Any, **handlers: Any) -> None:
        """Add names, as redis-py's method does."""
        for name in names:
            for each in name if isinstance(name, (list, tuple, set)) else (name,):
                self.channels[each] = None
        for keyword, handler in handlers.items():
            self.channels[keyword] = handler

    def unsubscribe(self, *names: Any) -> None:
        """Remove names, or all of them."""
        for name in names or list(self.channels):
            self.channels.pop(name, None)

    def reset(self) -> None:
        """Remove all names."""
        self.channels.clear()

    close = reset


class SubscribingConnection:
    """A redis-py client whose ``pubsub()`` opens no connection. All else is the client's."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def pubsub(self, **_: Any) -> Subscription:
        """Return a Subscription."""
        return Subscription()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class RedisSubscriber(RedisStore):
    """Says which keys one socket publishes to (``_publishers``) and subscribes to (``_subscription.channels``)."""

    subscription_channels: Iterable[str] = [
        "subscribe-session",
        "subscribe-group",
        "subscribe-user",
        "subscribe-broadcast",
    ]
    publish_channels: Iterable[str] = ["publish-session", "publish-group", "publish-user", "publish-broadcast"]

    def __init__(self, connection: Any = None) -> None:
        super().__init__(connection)
        self._subscription: Any = None

    def set_pubsub_channels(self, request: Any, channels: Iterable[str]) -> None:
        """Note the keys for the agreed `channels` of the client of `request`.

        A subclass may add names of its own to ``_publishers`` and ``_subscription``, or raise PermissionDenied.
        """
        agreed = set(channels)
        facility = facility_of(request)
        self._publishers = set(self._keys("publish", agreed, request, facility))
        self._subscription = Subscription()
        for key in self._keys("subscribe", agreed, request, facility):
            self._subscription.subscribe(key)

    def _keys(self, verb: str, agreed: set[str], request: Any, facility: str) -> Iterable[str]:
        return self._get_message_channels(
            request=request,
            facility=facility,
            broadcast=f"{verb}-broadcast" in agreed,
            groups=[SELF] if f"{verb}-group" in agreed else [],
            users=[SELF] if f"{verb}-user" in agreed else [],
            sessions=[SELF] if f"{verb}-session" in agreed else [],
        )

    def send_persisted_messages(self, websocket: Any) -> None:
        """Send the kept message of each subscribed key. A subclass may send others with ``websocket.send(message)``."""
        keys = list(self._subscription.channels)
        if not keys:
            return
        with connections.one_kind_of_failure():
            for message in self._connection.mget(keys):
                if message:
                    websocket.send(message)

    send_persited_messages = send_persisted_messages

    def parse_response(self) -> None:
        """Is not called: the hub receives for all sockets. Present for subclasses that call their parent's."""

    def get_file_descriptor(self) -> None:
        """Is not called: no connection belongs to one socket. Present for subclasses that call their parent's."""

    def release(self) -> None:
        """Forget the subscriptions. Called when the socket ends, also after a handshake that failed."""
        if self._subscription is not None and self._subscription.subscribed:
            self._subscription.unsubscribe()
            self._subscription.reset()


def facility_of(request: Any) -> str:
    """Return the facility of a websocket's URL.

    That is the path with ``WEBSOCKET_URL`` removed once, or what a site's own route captured as ``facility``.
    """
    agreed: str | None = getattr(request, "ws4channels_facility", None)
    if agreed is not None:
        return agreed
    route = getattr(request, "scope", {}).get("url_route") or {}
    captured = route.get("kwargs", {}).get("facility")
    if captured is not None:
        return str(captured)
    path: str = request.path_info
    return path.replace(settings.WEBSOCKET_URL, "", 1)


def check_subscriber_class(subscriber_class: Any) -> type[RedisSubscriber]:
    """Return `subscriber_class`; raise ConfigurationError if it is no subclass of RedisSubscriber that can work."""
    if not isinstance(subscriber_class, type) or not issubclass(subscriber_class, RedisSubscriber):
        raise ConfigurationError(
            f"WS4REDIS_SUBSCRIBER is {settings.WS4REDIS_SUBSCRIBER!r}, which is {subscriber_class!r}; it must be the "
            "dotted path of a subclass of ws4channels.subscriber.RedisSubscriber."
        )
    for name in ("subscription_channels", "publish_channels"):
        channels: Any = getattr(subscriber_class, name)
        # Read from the class, for each websocket: a property is none, and an iterator is empty after the first.
        if not isinstance(channels, (Sequence, Set)) or not _are_names(channels):
            raise ConfigurationError(
                f"{subscriber_class.__qualname__}.{name} is {channels!r}; it must be a list or tuple of names, such "
                "as ['subscribe-broadcast']."
            )
    return subscriber_class


def _are_names(channels: Any) -> bool:
    return not isinstance(channels, str) and all(isinstance(each, str) for each in channels)


class KeptMessageCollector:
    """Takes the place of the websocket in ``send_persisted_messages``: collects what the subscriber sends."""

    closed = False

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    def send(self, message: Any, binary: Any = None) -> None:
        """Take a message: text or bytes; empty ones are left out."""
        payload = message if isinstance(message, str) else to_payload(bytes(message))
        if payload:
            self.deliveries.append(Delivery(payload))


def overridden(subscriber: RedisSubscriber, name: str) -> Callable[..., Any] | None:
    """Return the subscriber's method if a subclass defines it."""
    if getattr(type(subscriber), name) is getattr(RedisSubscriber, name):
        return None
    method: Callable[..., Any] = getattr(subscriber, name)
    return method
