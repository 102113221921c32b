"""The site on the original: uWSGI with gevent, one process that tells websockets from pages by their path."""

import gevent.socket
import redis.connection

# What the original asks of every site: waiting for Redis must give way to the other greenlets.
redis.connection.socket = gevent.socket

from django.conf import settings  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from ws4redis.uwsgi_runserver import uWSGIWebsocketServer  # noqa: E402

pages = get_wsgi_application()
websockets = uWSGIWebsocketServer()


def application(environ, start_response):
    """Send a request to the websocket server or to Django."""
    if environ["PATH_INFO"].startswith(settings.WEBSOCKET_URL):
        return websockets(environ, start_response)
    return pages(environ, start_response)
