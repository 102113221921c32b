"""Subscribers as sites wrote them for the original, one for each thing that they are known to override.

Written as such sites write: Python 2 habits included. Each stands alone, as in a site's own module.
"""

# ruff: noqa: C408, RUF005, SIM118, UP008, UP030, UP032

import json
from typing import Any

import redis
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied

from ws4channels.publisher import RedisPublisher
from ws4channels.redis_store import SELF, RedisMessage, RedisStore
from ws4channels.subscriber import RedisSubscriber


class OwnChannelNames(RedisSubscriber):
    """Extends the lists with names of its own, and subscribes to a room for them."""

    subscription_channels = RedisSubscriber.subscription_channels + ["subscribe-room"]
    publish_channels = RedisSubscriber.publish_channels + ["publish-room"]

    def set_pubsub_channels(self, request, channels):
        super(OwnChannelNames, self).set_pubsub_channels(request, channels)
        key = "{0}room:{1}".format(self.get_prefix(), request.GET.get("room", "lobby"))
        if "publish-room" in channels:
            self._publishers.add(key)
        if "subscribe-room" in channels:
            self._subscription.subscribe(key)


class FullCopy(RedisSubscriber):
    """Does all of set_pubsub_channels itself, with a pubsub of its own, and never calls its parent."""

    def set_pubsub_channels(self, request, channels):
        facility = request.path_info.replace(settings.WEBSOCKET_URL, "", 1)
        self._publishers = set()
        wanted = dict(users=[], groups=[], sessions=[], broadcast="publish-broadcast" in channels)
        if "publish-user" in channels:
            wanted["users"] = [SELF]
        for name in self._get_message_channels(request=request, facility=facility, **wanted):
            self._publishers.add(name)
        wanted = dict(users=[], groups=[], sessions=[], broadcast="subscribe-broadcast" in channels)
        if "subscribe-user" in channels:
            wanted["users"] = [SELF]
        self._subscription = self._connection.pubsub()
        for name in self._get_message_channels(request=request, facility=facility, **wanted):
            self._subscription.subscribe(name)
        self._subscription.subscribe("{0}broadcast:system".format(self.get_prefix()))


class OwnInit(RedisSubscriber):
    """Sets up state of its own."""

    def __init__(self, connection):
        self.request = None
        super(OwnInit, self).__init__(connection)
        self.seen = []

    def set_pubsub_channels(self, request, channels):
        self.request = request
        super(OwnInit, self).set_pubsub_channels(request, channels)

    def publish_message(self, message, expire=None):
        self.seen.append(message)
        body = json.dumps({"facility": self.request.path_info, "count": len(self.seen), "text": message.decode()})
        super(OwnInit, self).publish_message(RedisMessage(body), expire)


class OwnConnection(RedisSubscriber):
    """Talks to Redis with a client of its own, as sites with several databases do."""

    def __init__(self, connection):
        super(OwnConnection, self).__init__(connection)
        self._connection = redis.StrictRedis.from_url(settings.REDIS_URL)

    def release(self):
        super(OwnConnection, self).release()
        self._connection.close()


class PublishShortLived(RedisSubscriber):
    """Keeps what clients publish for ten seconds."""

    def publish_message(self, message, expire=None):
        super(PublishShortLived, self).publish_message(message, expire=10)


class PublishNothing(RedisSubscriber):
    """Clients of this site may listen only, whatever they asked for."""

    def publish_message(self, message, expire=None):
        pass


class PublishAround(RedisSubscriber):
    """Writes to Redis itself instead of calling its parent."""

    def publish_message(self, message, expire=None):
        for channel in self._publishers:
            self._connection.rpush("log:" + channel, message)
            self._connection.expire("log:" + channel, 60)


class SendHistory(RedisSubscriber):
    """Sends the end of a list at connect, and then what its parent sends."""

    def send_persisted_messages(self, websocket):
        for channel in self._subscription.channels:
            for message in self._connection.lrange("history:" + channel, -3, -1):
                websocket.send(message)
        super(SendHistory, self).send_persisted_messages(websocket)


class SendHistoryMisspelled(RedisSubscriber):
    """The same under the older name."""

    def send_persited_messages(self, websocket):
        for channel in self._subscription.channels:
            websocket.send(self._connection.get(channel) or "nothing kept")


class SendNothing(RedisSubscriber):
    """New clients are sent nothing of what was."""

    def send_persisted_messages(self, websocket):
        pass


class SendText(RedisSubscriber):
    """Sends what it makes up: text, bytes, a RedisMessage, nothing."""

    def send_persisted_messages(self, websocket):
        if not websocket.closed:
            websocket.send("text")
            websocket.send(b"\xff")
            websocket.send(RedisMessage("message"), binary=False)
            websocket.send("")
            websocket.send(b"")


class PublishWhileSending(RedisSubscriber):
    """Announces the newcomer while it is still connecting."""

    def send_persisted_messages(self, websocket):
        publisher = RedisPublisher(facility="f", broadcast=True)
        for number in range(3):
            publisher.publish_message(RedisMessage("arrival {0}".format(number)), expire=60)
        super(PublishWhileSending, self).send_persisted_messages(websocket)


class Flooded(RedisSubscriber):
    """Publishes more at connect than an outbox holds."""

    def send_persisted_messages(self, websocket):
        publisher = RedisPublisher(facility="f", broadcast=True)
        for number in range(int(settings.WS4CHANNELS_OUTBOX_MESSAGES) * 3):
            publisher.publish_message(str(number), expire=0)


class Uncalled(RedisSubscriber):
    """Overrides what belongs to the original's main loop."""

    def parse_response(self):
        raise AssertionError("parse_response() was called.")

    def get_file_descriptor(self):
        raise AssertionError("get_file_descriptor() was called.")


class Releasing(RedisSubscriber):
    """Takes note of its clients' ends in Redis."""

    def set_pubsub_channels(self, request, channels):
        super(Releasing, self).set_pubsub_channels(request, channels)
        self._connection.incr("clients")

    def release(self):
        self._connection.decr("clients")
        self._connection.incr("released")
        super(Releasing, self).release()


class ReleasingAfterFailure(Releasing):
    """Turns its clients away after it has begun."""

    def set_pubsub_channels(self, request, channels):
        super(ReleasingAfterFailure, self).set_pubsub_channels(request, channels)
        raise PermissionDenied("Full.")


class DeniesFirst(Releasing):
    """Turns its clients away before it has subscribed to anything."""

    def set_pubsub_channels(self, request, channels):
        self._connection.incr("clients")
        raise PermissionDenied("Closed.")


class Breaks(RedisSubscriber):
    """Has a defect."""

    def set_pubsub_channels(self, request, channels):
        raise KeyError("secret detail")


class BreaksWhileSending(RedisSubscriber):
    """Has a defect elsewhere."""

    def send_persisted_messages(self, websocket):
        raise KeyError("secret detail")


class BreaksWhilePublishing(RedisSubscriber):
    """Has a defect that shows late."""

    def publish_message(self, message, expire=None):
        raise KeyError("secret detail")


class TeamStore(RedisStore):
    """Mixed into publisher and subscriber, so that both know the same team keys."""

    def _get_message_channels(
        self, request=None, facility="{facility}", broadcast=False, groups=(), users=(), sessions=(), teams=()
    ):
        channels = super(TeamStore, self)._get_message_channels(
            request=request, facility=facility, broadcast=broadcast, groups=groups, users=users, sessions=sessions
        )
        for team in teams:
            channels.append("{0}team:{1}:{2}".format(self.get_prefix(), team, facility))
        return channels


class TeamPublisher(TeamStore, RedisPublisher):
    """RedisPublisher(facility=…, teams=[…])."""


class TeamSubscriber(TeamStore, RedisSubscriber):
    """Every client is subscribed to its team, too."""

    def set_pubsub_channels(self, request, channels):
        super(TeamSubscriber, self).set_pubsub_channels(request, channels)
        facility = request.path_info.replace(settings.WEBSOCKET_URL, "", 1)
        for key in self._get_message_channels(request=request, facility=facility, teams=["red"]):
            self._subscription.subscribe(key)
            self._publishers.add(key)


class StaffOnly(RedisSubscriber):
    """Asks the database who may do what."""

    def set_pubsub_channels(self, request, channels):
        if not request.user or not get_user_model().objects.filter(pk=request.user.pk, is_staff=True).exists():
            raise PermissionDenied("Staff only.")
        super(StaffOnly, self).set_pubsub_channels(request, channels)
        for user in get_user_model().objects.order_by("username"):
            self._subscription.subscribe("user:{0}:inbox".format(user.get_username()))

    def publish_message(self, message, expire=None):
        user = get_user_model().objects.get(username=message.decode())
        super(StaffOnly, self).publish_message(RedisMessage("user {0} exists".format(user.username)), expire)


class ListsItsChannels(RedisSubscriber):
    """Looks into `_subscription.channels` as redis-py fills it."""

    def send_persisted_messages(self, websocket):
        names = sorted(
            channel.decode("utf-8") if hasattr(channel, "decode") else channel
            for channel in self._subscription.channels.keys()
        )
        websocket.send(" ".join(names))


class DenyingToSend(RedisSubscriber):
    """Turns clients away at the last moment."""

    def send_persisted_messages(self, websocket: Any) -> None:
        raise PermissionDenied("Not today.")
