# -*- coding: utf-8 -*-
from ws4redis.settings import WEBSOCKET_URL


def default(request):
    return {'WEBSOCKET_URI': 'ws://%s%s' % (request.get_host(), WEBSOCKET_URL), 'WS4REDIS_HEARTBEAT': 'null'}
