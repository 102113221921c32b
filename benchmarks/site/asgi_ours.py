"""Ours: the application as a site mounts it."""

import os

from ws4channels.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.site.settings")

application = get_asgi_application()
