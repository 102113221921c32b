"""
One process for pages and websockets: what begins with WEBSOCKET_URL goes to ws4redis.
"""
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsdesk.settings")

import gevent.socket
import redis.connection
redis.connection.socket = gevent.socket

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from ws4redis.uwsgi_runserver import uWSGIWebsocketServer

_django_app = get_wsgi_application()
_websocket_app = uWSGIWebsocketServer()


def application(environ, start_response):
    if environ.get('PATH_INFO').startswith(settings.WEBSOCKET_URL):
        return _websocket_app(environ, start_response)
    return _django_app(environ, start_response)
