from .base import *

# everything in memory, and a Redis database that nobody else uses
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}

WS4REDIS_CONNECTION = {
    'host': REDIS_HOST,
    'port': REDIS_PORT,
    'db': 9,
}
WS4REDIS_EXPIRE = 0
