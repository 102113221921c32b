"""
Settings of the site, for Django 4.1 and today's.

What varies comes from the environment: `SITE_PACKAGE`, `SITE_COMPAT`, `SITE_DATABASE`, `SITE_REDIS_PORT`, and in
`SITE_SETTINGS` a JSON object of further settings. A value `{"callable": "dotted.path"}` in it stands for the function
itself.
"""

import json
import os

if os.environ.get("SITE_COMPAT"):
    import ws4channels.compat  # noqa: F401

from typing import Any

from django.utils.module_loading import import_string

PACKAGE = os.environ["SITE_PACKAGE"]
REDIS_PORT = int(os.environ["SITE_REDIS_PORT"])

SECRET_KEY = "only for tests on the loopback interface"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
ROOT_URLCONF = "tests.against_original.site.urls"

SERVER_APPS = {"ws4redis": ["ws4redis"], "ws4channels": ["daphne", "channels", "ws4channels"]}
INSTALLED_APPS = [
    *SERVER_APPS[PACKAGE],
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SITE_DATABASE"]}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"context_processors": [f"{PACKAGE}.context_processors.default"]},
    }
]
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [f"redis://127.0.0.1:{REDIS_PORT}/0"]},
    }
}

WEBSOCKET_URL = "/ws/"
WS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": REDIS_PORT}


def from_json(value: Any) -> Any:
    """Return a setting as written in JSON, or the function that `{"callable": path}` names."""
    if isinstance(value, dict) and set(value) == {"callable"}:
        return import_string(value["callable"])
    return value


globals().update({name: from_json(value) for name, value in json.loads(os.environ.get("SITE_SETTINGS", "{}")).items()})
