"""The ASGI application of the tests' settings."""

from ws4channels.asgi import get_asgi_application

application = get_asgi_application()
