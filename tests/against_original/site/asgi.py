"""The site on ws4channels: what `daphne` is pointed at."""

from ws4channels.asgi import get_asgi_application

application = get_asgi_application()
