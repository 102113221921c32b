"""The Django settings of the tests. Servers that tests start have settings of their own."""

import os

from example_project.redis_server import free_port

SECRET_KEY = "tests"
DEBUG = False
ALLOWED_HOSTS = ["localhost", "testserver", "127.0.0.1"]
USE_TZ = True
SILENCED_SYSTEM_CHECKS = [
    "ws4channels.W007"
]  # Without a rule, everybody may publish: that is what most tests are about.
INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "ws4channels",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "/static/"
ROOT_URLCONF = "tests.urls"
ASGI_APPLICATION = "tests.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ws4channels.context_processors.default",
            ]
        },
    }
]

# The tests' own Redis, which conftest.py starts: one for each worker of pytest-xdist, which each read this file.
# pytest-django does so before any fixture runs.
REDIS_PORT = int(os.environ.get("WS4CHANNELS_TEST_REDIS_PORT") or free_port())
REDIS_URL = f"redis://127.0.0.1:{REDIS_PORT}/0"
WS4REDIS_CONNECTION = {"url": REDIS_URL}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}]},
    }
}
