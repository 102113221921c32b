"""Subclasses of RedisSubscriber in the manners seen in real sites; each is named by the setting WS4REDIS_SUBSCRIBER."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied

from tests.against_original.site.legacy import SELF, RedisMessage, RedisSubscriber, private_settings
from tests.against_original.site.lobby import LobbyStore
from tests.against_original.site.records import record


def as_text(name: Any) -> str:
    """Return the name of a Redis channel as text."""
    return name.decode() if isinstance(name, bytes) else name


class LobbySubscriber(LobbyStore, RedisSubscriber):
    """Knows channels of its own: `subscribe-lobby` and `publish-lobby`, besides all others."""

    subscription_channels = [*RedisSubscriber.subscription_channels, "subscribe-lobby"]
    publish_channels = [*RedisSubscriber.publish_channels, "publish-lobby"]

    def set_pubsub_channels(self, request: Any, channels: list[str]) -> None:
        super().set_pubsub_channels(request, channels)
        facility = request.path_info.replace(private_settings.WEBSOCKET_URL, "", 1)
        (key,) = self._get_message_channels(request=request, facility=facility, lobby=True)
        if "subscribe-lobby" in channels:
            self._subscription.subscribe(key)
        if "publish-lobby" in channels:
            self._publishers.add(key)
        record("subscribed", sorted(as_text(name) for name in self._subscription.channels))
        record("publishers", sorted(self._publishers))


class CopyingSubscriber(RedisSubscriber):
    """Replaces `set_pubsub_channels` by a full copy, with a facility of its own making and one more key."""

    def set_pubsub_channels(self, request: Any, channels: list[str]) -> None:
        room = request.path_info.rstrip("/").rsplit("/", 1)[-1]
        audience = {
            kind: [SELF] if f"subscribe-{name}" in channels else []
            for kind, name in [("users", "user"), ("groups", "group"), ("sessions", "session")]
        }
        self._publishers = set(self._get_message_channels(request=request, facility=room, broadcast=True))
        self._subscription = self._connection.pubsub()
        for key in self._get_message_channels(request=request, facility=room, broadcast=True, **audience):
            self._subscription.subscribe(key)
        self._subscription.subscribe(f"{self.get_prefix()}broadcast:everywhere")


class GuardingSubscriber(RedisSubscriber):
    """Turns clients away from `set_pubsub_channels`, after asking the database."""

    def set_pubsub_channels(self, request: Any, channels: list[str]) -> None:
        rule = request.GET.get("rule", "members")
        if rule == "bug":
            raise ValueError("a bug")
        if rule == "members" and not get_user_model().objects.filter(username=request.GET.get("name")).exists():
            raise PermissionDenied("members only")
        super().set_pubsub_channels(request, channels)

    def release(self) -> None:
        record("released", self._subscription is not None)
        super().release()


class EditingSubscriber(RedisSubscriber):
    """Changes what clients send, greets them, and takes notes in its constructor."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.sent: list[str] = []

    def publish_message(self, message: Any, expire: int | None = None) -> None:
        self.sent.append(message.decode())
        if message == b"swallow":
            return
        if message == b"fleeting":
            super().publish_message(message, expire=-1)
            return
        if message == b"remember":
            record("sent", self.sent)
        super().publish_message(RedisMessage(message.decode().upper()), expire)

    def send_persisted_messages(self, websocket: Any) -> None:
        websocket.send("welcome")
        super().send_persisted_messages(websocket)
        websocket.send(b"that was all")


class MisspellingSubscriber(RedisSubscriber):
    """Overrides only the older, misspelled name."""

    def send_persited_messages(self, websocket: Any) -> None:
        websocket.send("from the misspelled method")


class CallingSubscriber(RedisSubscriber):
    """Sends the kept messages itself: through the misspelled name, and once more key by key."""

    def send_persisted_messages(self, websocket: Any) -> None:
        self.send_persited_messages(websocket)
        for key in self._subscription.channels:
            message = self._connection.get(key)
            if message:
                websocket.send(b"again: " + message)


class ParsingSubscriber(RedisSubscriber):
    """Edits every message on its way to the client, in `parse_response`."""

    def parse_response(self) -> Any:
        response = super().parse_response()
        if isinstance(response, list) and response[0] == b"message":
            return [*response[:2], b"parsed: " + response[2]]
        return response

    def get_file_descriptor(self) -> Any:
        return super().get_file_descriptor()
