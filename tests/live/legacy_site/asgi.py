"""The one file that is new."""

import os

from ws4channels.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.live.legacy_site.settings")

application = get_asgi_application()
