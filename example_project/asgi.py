"""Pages and websockets, served by one process: `daphne example_project.asgi:application`."""

import os

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

from ws4channels.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")

application = get_asgi_application()

# In production the web server in front of this one, or whitenoise, serves the static files.
if settings.DEBUG:
    application = ASGIStaticFilesHandler(application)
