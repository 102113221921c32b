# -*- coding: utf-8 -*-
from django.conf import settings


def _read(name, default):
    return getattr(settings, name, default)


WEBSOCKET_URL = _read('WEBSOCKET_URL', '/ws/')
WS4REDIS_CONNECTION = _read('WS4REDIS_CONNECTION', {})
WS4REDIS_EXPIRE = _read('WS4REDIS_EXPIRE', 3600)
WS4REDIS_PREFIX = _read('WS4REDIS_PREFIX', None)
WS4REDIS_HEARTBEAT = _read('WS4REDIS_HEARTBEAT', None)
