"""The original's websocket loop as its deployments run it: uWSGI with gevent, Redis sockets switched to gevent's."""

import os

import gevent.socket
import redis.connection

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"  # not those of the other servers under test
redis.connection.socket = gevent.socket

from ws4redis.uwsgi_runserver import uWSGIWebsocketServer  # noqa: E402  Django reads its settings on this import.

application = uWSGIWebsocketServer()
