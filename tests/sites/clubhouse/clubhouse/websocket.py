import os

import gevent.monkey
gevent.monkey.patch_all()

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clubhouse.settings")

from ws4redis.uwsgi_runserver import uWSGIWebsocketServer

application = uWSGIWebsocketServer()
