INSTALLED_APPS = [
    'django.contrib.auth',
    {% if use_websockets %}
    'ws4redis',
    {% endif %}
]

{% if use_websockets %}
WS4REDIS_CONNECTION = {'host': '{{ redis_host }}'}
WSGI_APPLICATION = 'ws4redis.django_runserver.application'
{% endif %}
