import json
import logging

import redis
import ws4redis.publisher
import ws4redis.redis_store as store

logger = logging.getLogger(__name__)


class RedisPublisher(ws4redis.publisher.RedisPublisher):
    """The parent's name, but takes anything that json knows, and forgives a Redis that is away."""

    def publish_message(self, message, expire=None):
        if not isinstance(message, bytes):
            message = store.RedisMessage(json.dumps(message))
        try:
            return super(RedisPublisher, self).publish_message(message, expire)
        except redis.exceptions.ConnectionError:
            logger.warning('nobody will hear %r', message)


board = RedisPublisher(facility='board', broadcast=True)
