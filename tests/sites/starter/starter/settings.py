import os

HERE = os.path.dirname(os.path.abspath(__file__))

SECRET_KEY = 'from a template'
ALLOWED_HOSTS = ['*']
INSTALLED_APPS = ['django.contrib.auth', 'django.contrib.contenttypes', 'django.contrib.sessions', 'ws4redis']
MIDDLEWARE = [
	'django.contrib.sessions.middleware.SessionMiddleware',
	'django.contrib.auth.middleware.AuthenticationMiddleware',
]
ROOT_URLCONF = 'starter.urls'
WSGI_APPLICATION = 'starter.wsgi.application'
TEMPLATES = [{
	'BACKEND': 'django.template.backends.django.DjangoTemplates',
	'APP_DIRS': True,
	'OPTIONS': {'context_processors': ['ws4redis.context_processors.default']},
}]
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': os.path.join(HERE, 'starter.db')}}
DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'
PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']
USE_TZ = True

WEBSOCKET_URL = '/ws/'
WS4REDIS_EXPIRE = 10

try:
	from starter.local_settings import *
except ImportError:
	pass

# host and database are the defaults
WS4REDIS_CONNECTION = dict(port=os.environ.get('REDIS_PORT', '6379'))
