"""A line in the log for each websocket and for each message: what the demo shows while it runs."""

import logging

from ws4channels.subscriber import RedisSubscriber, facility_of

logger = logging.getLogger(__name__)


class LoggingSubscriber(RedisSubscriber):
    """Logs who connects, publishes and disconnects; the rest is its parent's."""

    client = None

    def set_pubsub_channels(self, request, channels):
        super().set_pubsub_channels(request, channels)
        self.client = (name_of(request.user), facility_of(request))
        logger.info("%s connected to %r with %s", *self.client, ", ".join(sorted(channels)) or "no channels")

    def publish_message(self, message, expire=None):
        super().publish_message(message, expire)
        logger.info("%s published %s bytes to %r over the websocket", self.client[0], len(message), self.client[1])

    def release(self):
        super().release()
        if self.client is not None:  # None: the handshake failed
            logger.info("%s disconnected from %r", *self.client)


def log_publishing(user, facility, message):
    """Note that a view has published what the page of `user` posted."""
    logger.info("%s published %s bytes to %r by a view", name_of(user), len(message), facility)


def name_of(user):
    return user.get_username() or "anonymous"
