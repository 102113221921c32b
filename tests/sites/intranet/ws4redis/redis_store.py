# -*- coding: utf-8 -*-
from ws4redis import settings

SELF = object()


class RedisMessage(bytes):
    def __new__(cls, text):
        return super(RedisMessage, cls).__new__(cls, text if isinstance(text, bytes) else text.encode('utf-8'))


class RedisStore(object):
    sent = 0

    def __init__(self, connection):
        self._connection = connection
        self._publishers = set()

    def publish_message(self, message, expire=None):
        expire = settings.WS4REDIS_EXPIRE if expire is None else expire
        for key in self._publishers:
            self._connection.publish(key, message)
            if expire > 0:
                self._connection.set(key, message, ex=expire)
            RedisStore.sent += 1
