import ws4channels.compat  # noqa: F401, I001

from tests.live.site.settings import *  # noqa: F403

# A site that still says ws4redis everywhere. Where its files and its Redis are is told as in `tests.live.site`.
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "ws4redis",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"context_processors": ["ws4redis.context_processors.default"]},
    },
]
ROOT_URLCONF = "tests.live.legacy_site.urls"
WSGI_APPLICATION = "ws4redis.django_runserver.application"
WS4REDIS_SUBSCRIBER = "tests.live.legacy_site.rooms.RoomSubscriber"
