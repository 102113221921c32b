# -*- coding: utf-8 -*-
from redis import ConnectionPool, StrictRedis

from ws4redis import settings
from ws4redis.redis_store import RedisStore

redis_connection_pool = ConnectionPool(**settings.WS4REDIS_CONNECTION)


class RedisPublisher(RedisStore):
    def __init__(self, facility, broadcast=False, users=(), groups=()):
        super(RedisPublisher, self).__init__(StrictRedis(connection_pool=redis_connection_pool))
        if broadcast:
            self._publishers.add('broadcast:%s' % facility)
        self._publishers.update('user:%s:%s' % (user, facility) for user in users)
        self._publishers.update('group:%s:%s' % (group, facility) for group in groups)
