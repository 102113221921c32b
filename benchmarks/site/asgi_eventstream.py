"""django-eventstream: its view as its README says, in Django's own application, with events through the same Redis."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.site.settings")

application = get_asgi_application()
