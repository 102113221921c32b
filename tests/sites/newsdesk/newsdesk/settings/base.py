import os
from os.path import abspath, dirname, join

ROOT = dirname(dirname(dirname(abspath(__file__))))

DEBUG = False
SECRET_KEY = 'extra-extra-read-all-about-it'
ALLOWED_HOSTS = ['news.example.com', '127.0.0.1', 'localhost']

INSTALLED_APPS = (
    'django.contrib.auth',
    'django.contrib.contenttypes',
    'django.contrib.sessions',
    'django.contrib.staticfiles',
    'articles',
)

MIDDLEWARE = (
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.middleware.common.CommonMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
)

ROOT_URLCONF = 'newsdesk.urls'
WSGI_APPLICATION = 'newsdesk.wsgi.application'

CONTEXT_PROCESSORS = [
    'django.contrib.auth.context_processors.auth',
    'django.template.context_processors.request',
]

DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': join(ROOT, 'newsdesk.db')}}
DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'
PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']
USE_TZ = True
STATIC_URL = '/static/'

REDIS_HOST = os.environ.get('REDIS_HOST', 'localhost')
REDIS_PORT = os.environ.get('REDIS_PORT', '6379')

# the news desk works without live updates as well
try:
    import ws4redis
except ImportError:
    LIVE_UPDATES = False
else:
    LIVE_UPDATES = True
    INSTALLED_APPS += ('ws4redis',)
    CONTEXT_PROCESSORS += ['ws4redis.context_processors.default']
    WEBSOCKET_URL = '/ws/'
    WS4REDIS_HEARTBEAT = '--heartbeat--'
    WS4REDIS_CONNECTION = {
        'host': REDIS_HOST,
        'port': REDIS_PORT,
    }

TEMPLATES = [{
    'BACKEND': 'django.template.backends.django.DjangoTemplates',
    'APP_DIRS': True,
    'OPTIONS': {'context_processors': CONTEXT_PROCESSORS},
}]
