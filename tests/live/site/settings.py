"""Settings of the site under test. The environment says where its Redis and its files are, and what a test changes.

``LIVE_REDIS_URL``: the Redis; ``LIVE_DIRECTORY``: where the database and the collected static files are;
``LIVE_SETTINGS``: a JSON object of settings that take precedence over those in this file.
"""

import json
import os
from pathlib import Path

DIRECTORY = Path(os.environ["LIVE_DIRECTORY"])
REDIS_URL = os.environ["LIVE_REDIS_URL"]

SECRET_KEY = "live tests"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "site.test"]
USE_TZ = True
SILENCED_SYSTEM_CHECKS = ["ws4channels.W007"]  # On this site everybody may publish.
INSTALLED_APPS = [
    "daphne",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "ws4channels",
    "tests.live.site",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "ws4channels.context_processors.default",
            ],
        },
    },
]
ROOT_URLCONF = "tests.live.site.urls"
ASGI_APPLICATION = "tests.live.site.asgi.application"
WSGI_APPLICATION = "tests.live.site.wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DIRECTORY / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_REDIRECT_URL = "/"
STATIC_URL = "/static/"
STATIC_ROOT = DIRECTORY / "static"

WS4REDIS_CONNECTION = {"url": REDIS_URL}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None, "client_name": "live:layer"}]},
    },
}
WS4CHANNELS_SHUTDOWN_SPREAD = 0  # Tests that end a server mostly want it to be gone.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
MARK = ""  # What the page shows, so that a test can tell one state of the settings from another.

globals().update(json.loads(os.environ.get("LIVE_SETTINGS", "{}")))
