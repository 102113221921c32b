"""Settings of all Django servers under test; what differs comes from the environment (`benchmarks.subjects`)."""

import os
from pathlib import Path

from channels_redis.pubsub import RedisPubSubChannelLayer

DIRECTORY = Path(os.environ["BENCH_DIRECTORY"])
REDIS_PORT = int(os.environ["BENCH_REDIS_PORT"])

DEBUG = False
SECRET_KEY = "benchmarks only"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.site.urls"
USE_TZ = True
# Daphne is started without runserver, and everybody may publish.
SILENCED_SYSTEM_CHECKS = ["ws4channels.W006", "ws4channels.W007", "ws4channels.W009"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "channels",
    "ws4channels",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]

# Sessions and users where Django puts them unless told otherwise: in the database: a signed-in connect pays for both.
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DIRECTORY / "site.sqlite3"}}

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": f"{RedisPubSubChannelLayer.__module__}.{RedisPubSubChannelLayer.__qualname__}",
        "CONFIG": {"hosts": [f"redis://127.0.0.1:{REDIS_PORT}/0"]},
    }
}

EVENTSTREAM_REDIS = {"host": "127.0.0.1", "port": REDIS_PORT, "db": 0}
if os.environ.get("BENCH_EVENTSTREAM"):
    INSTALLED_APPS += ["django_eventstream"]
    MIDDLEWARE += ["django_grip.GripMiddleware"]

WEBSOCKET_URL = "/ws/"
WS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": REDIS_PORT, "db": 0}
WS4CHANNELS_TRANSPORT = os.environ.get("BENCH_TRANSPORT", "channel_layer")
WS4REDIS_HEARTBEAT = os.environ.get("BENCH_HEARTBEAT") or None
# All clients of a scenario have one session, and some publish as fast as they can.
WS4CHANNELS_MAX_SOCKETS_PER_SESSION = WS4CHANNELS_MAX_MESSAGES_PER_SECOND = None
WS4CHANNELS_DIRECT_WRITES = os.environ.get("BENCH_DIRECT_WRITES", "1") == "1"
