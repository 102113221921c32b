from pathlib import Path

from scoreboard.config import env

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = env('SECRET_KEY', 'fifteen love')
DEBUG = False
ALLOWED_HOSTS = ['*']

THIRD_PARTY_APPS = [
    'ws4redis',
]
DJANGO_APPS = [
    'django.contrib.auth',
    'django.contrib.contenttypes',
    'django.contrib.sessions',
    'django.contrib.staticfiles',
]
LOCAL_APPS = ['matches']
INSTALLED_APPS = DJANGO_APPS + THIRD_PARTY_APPS + LOCAL_APPS

MIDDLEWARE = [
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
]
ROOT_URLCONF = 'scoreboard.urls'
WSGI_APPLICATION = 'scoreboard.wsgi.application'
TEMPLATES = [
    {
        'BACKEND': 'django.template.backends.django.DjangoTemplates',
        'DIRS': [BASE_DIR / 'templates'],
        'OPTIONS': {
            'context_processors': [
                'django.contrib.auth.context_processors.auth',
                'django.template.context_processors.static',
                'ws4redis.context_processors.default',
            ],
            'builtins': ['django.templatetags.static'],
        },
    },
]
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': str(BASE_DIR / 'scores.db')}}
DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'
PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']
USE_TZ = True
STATIC_URL = '/static/'

WEBSOCKET_URL = '/stream'
WS4REDIS_CONNECTION = {
    'host': env('REDIS_HOST', 'localhost'),
    'port': env('REDIS_PORT', 6379, cast=int),
}
