from .base import *

SESSION_ENGINE = 'redis_sessions.session'
SESSION_REDIS_PREFIX = 'session'

DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'newsdesk'}}

WS4REDIS_CONNECTION = {
    'host': 'redis.news.example.com',
    'port': 6379,
    'db': 3,
    'password': os.environ.get('REDIS_PASSWORD'),
}
WS4REDIS_EXPIRE = 7200
