"""Settings of the example project.

The environment may change them: REDIS_URL, DEBUG (0 or 1), SECRET_KEY, ALLOWED_HOSTS (separated by commas),
DEMO_DIR (where the database and the embedded Redis's socket live), STATIC_ROOT and METRICS_TOKEN.
"""

import os
from pathlib import Path
from urllib.parse import quote

BASE_DIR = Path(__file__).resolve().parent.parent
DEMO_DIR = Path(os.environ.get("DEMO_DIR") or BASE_DIR / ".demo").absolute()
DEMO_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = os.environ.get("DEBUG", "1") == "1"
# Good enough for a site that only this machine can reach. Yours reads its key from a safe place.
SECRET_KEY = os.environ.get("SECRET_KEY", "django-insecure-known-to-everybody-who-reads-the-example")
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = [
    "daphne",  # first: it replaces runserver with one that speaks ASGI
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "ws4channels",
    "example_project.chat",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ws4channels.context_processors.default",
            ],
        },
    },
]

ROOT_URLCONF = "example_project.urls"
ASGI_APPLICATION = "example_project.asgi.application"
WSGI_APPLICATION = "example_project.wsgi.application"

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DEMO_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "broadcast_chat"
LOGOUT_REDIRECT_URL = "broadcast_chat"

# Clients that send it may read /metrics; without a token, only staff may.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN")

TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = os.environ.get("STATIC_ROOT") or BASE_DIR / ".static"

# The default is the socket of the Redis that `manage.py demo` starts: while it runs, other processes (a shell, a
# WSGI server, a cron job) can publish to its pages without further configuration.
REDIS_URL = os.environ.get("REDIS_URL") or f"unix://{quote(str(DEMO_DIR / 'redis.sock'))}"

WS4REDIS_CONNECTION = {"url": REDIS_URL}
WS4REDIS_PREFIX = "ws"
WS4REDIS_EXPIRE = 3600  # seconds; how long messages are kept
WS4CHANNELS_HISTORY = 100  # messages of each key; a page shows the newest 20, and asks for those that it missed
WS4CHANNELS_PRESENCE = ["*-chat"]  # who is here is shown above each chat
WS4REDIS_HEARTBEAT = "--heartbeat--"
WS4REDIS_ALLOWED_CHANNELS = "example_project.chat.rules.allowed_channels"
WS4REDIS_SUBSCRIBER = "example_project.chat.activity.LoggingSubscriber"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "datefmt": "%H:%M:%S", "style": "{"}},
    "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "example_project": {"handlers": ["lines"], "level": "INFO", "propagate": False},
        "ws4channels": {"handlers": ["lines"], "level": "INFO", "propagate": False},
    },
}

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": REDIS_URL,
                    # Explicit, because redis-py's own defaults differ from version to version.
                    "socket_connect_timeout": 5,
                    "socket_timeout": 5,
                    "health_check_interval": 30,
                    # What CLIENT LIST shows.
                    "client_name": "example_project:channel_layer",
                },
            ],
        },
    },
}
