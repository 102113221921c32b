# -*- coding: latin-1 -*-
# Einstellungen für das Intranet
import os
import os.path

PROJECT_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REDIS_SOCKET = '/var/run/redis/intranet.sock'

SECRET_KEY = 'schlüssel'
ALLOWED_HOSTS = ['*']
INSTALLED_APPS = [
    'django.contrib.auth',
    'django.contrib.contenttypes',
    'django.contrib.sessions',
    'ws4redis',
    'board',
]
MIDDLEWARE = [
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
]
ROOT_URLCONF = 'intranet.urls'
TEMPLATES = [{
    'BACKEND': 'django.template.backends.django.DjangoTemplates',
    'APP_DIRS': True,
    'OPTIONS': {'context_processors': ['ws4redis.context_processors.default']},
}]
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': os.path.join(PROJECT_DIR, 'intranet.db')}}
DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'
PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']
USE_TZ = True

if os.path.exists(REDIS_SOCKET):
    WS4REDIS_CONNECTION = {'unix_socket_path': REDIS_SOCKET}
else:
    WS4REDIS_CONNECTION = {'host': '127.0.0.1', 'port': int(os.environ.get('REDIS_PORT', 6379))}
