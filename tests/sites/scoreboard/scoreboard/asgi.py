# "asgi" as in "asynchronous": the websockets of the scoreboard
#   uwsgi --http :9090 --gevent 1000 --http-websockets --module scoreboard.asgi
import os

import gevent.socket
import redis.connection

redis.connection.socket = gevent.socket
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'scoreboard.settings')

from ws4redis.uwsgi_runserver import uWSGIWebsocketServer

application = uWSGIWebsocketServer()
