import os
from urllib.parse import urlparse

BASE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

SECRET_KEY = 'to do: change this'
DEBUG = False
ALLOWED_HOSTS = ['*']

INSTALLED_APPS = [
    'ws4redis',
    'tasks',
    'django.contrib.auth',
    'django.contrib.contenttypes',
    'django.contrib.sessions',
]
MIDDLEWARE = [
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
]
ROOT_URLCONF = 'config.urls'
WSGI_APPLICATION = 'config.wsgi.application'
TEMPLATES = [{
    'BACKEND': 'django.template.backends.django.DjangoTemplates',
    'APP_DIRS': True,
    'OPTIONS': {'context_processors': ['ws4redis.context_processors.default']},
}]
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': os.path.join(BASE_DIR, 'tasks.sqlite3')}}
DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'
PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']
USE_TZ = True

# Heroku
redis_url = urlparse(os.environ.get('REDIS_URL', 'redis://localhost:6379'))
BROKER_URL = redis_url.geturl()

WEBSOCKET_URL = '/ws/'
WS4REDIS_PREFIX = 'site-7'
WS4REDIS_CONNECTION = {
    'host': redis_url.hostname,
    'port': redis_url.port,
    'password': redis_url.password,
}
