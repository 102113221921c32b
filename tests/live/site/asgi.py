"""Pages and websockets, as the documentation tells sites to write it."""

import os

from ws4channels.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.live.site.settings")

application = get_asgi_application()
