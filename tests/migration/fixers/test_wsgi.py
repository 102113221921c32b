"""Tests of the fixer of WSGI modules."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, check_rewrites, fix
from ws4channels.migration.fixers import wsgi

FIXER = wsgi.fix
PATH = "mysite/wsgi.py"


def test_websocket_server_becomes_plain_django() -> None:
    """The module of the uWSGI websocket process loses gevent's patch and the server, and keeps the rest."""
    check_rewrites(
        FIXER,
        """
        # Runs under uWSGI.
        import os
        import gevent.socket
        import redis.connection

        redis.connection.socket = gevent.socket
        os.environ.update(DJANGO_SETTINGS_MODULE='mysite.settings')
        from ws4redis.uwsgi_runserver import uWSGIWebsocketServer
        application = uWSGIWebsocketServer()
        """,
        """
        # Runs under uWSGI.
        import os
        os.environ.update(DJANGO_SETTINGS_MODULE='mysite.settings')
        from django.core.wsgi import get_wsgi_application
        application = get_wsgi_application()
        """,
        "mysite/wsgi_websocket.py",
    )


PLAIN = """
import os
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
"""
HEAD = """
import os
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from ws4redis.uwsgi_runserver import uWSGIWebsocketServer

_django_app = get_wsgi_application()
_websocket_app = uWSGIWebsocketServer()


def application(environ, start_response):
"""
DISPATCHERS = {
    "if": """
    if environ.get('PATH_INFO').startswith(settings.WEBSOCKET_URL):
        return _websocket_app(environ, start_response)
    return _django_app(environ, start_response)
""",
    "else": """
    if environ['PATH_INFO'].startswith('/ws/'):
        return _websocket_app(environ, start_response)
    else:
        return _django_app(environ, start_response)
""",
    "inverted": """
    if not environ['PATH_INFO'].startswith('/ws/'):
        return _django_app(environ, start_response)
    return _websocket_app(environ, start_response)
""",
    "docstring": """
    if environ['PATH_INFO'].startswith('/ws/'):
        # To the websockets.
        return _websocket_app(environ, start_response)
    return _django_app(environ, start_response)
""",
}


@pytest.mark.parametrize("dispatcher", DISPATCHERS.values(), ids=DISPATCHERS)
def test_dispatcher_becomes_plain_django(dispatcher: str) -> None:
    """A choice by the path, in any order, becomes the page's half of it."""
    check_rewrites(FIXER, HEAD + dispatcher[1:], PLAIN, PATH)


def test_dispatcher_that_does_more_keeps_the_rest() -> None:
    """What a function does apart from choosing stays."""
    body = """
    environ['x'] = '1'
    if environ['PATH_INFO'].startswith('/ws/'):
        return _websocket_app(environ, start_response)
    return _django_app(environ, start_response)
"""
    fixed = fix(FIXER, HEAD + body[1:], PATH)
    assert fixed.text.endswith(
        "\n_django_app = get_wsgi_application()\n\n\ndef application(environ, start_response):\n"
        "    environ['x'] = '1'\n    return _django_app(environ, start_response)\n"
    )
    assert "ws4redis" not in fixed.text


def test_wrapped_application_keeps_its_wrapper() -> None:
    """A page application that is wrapped is still called by its name."""
    text = HEAD.replace("_websocket_app =", "_django_app = Wrapper(_django_app)\n_websocket_app =")
    fixed = fix(FIXER, text + DISPATCHERS["if"][1:], PATH)
    assert fixed.text.endswith("_django_app = Wrapper(_django_app)\n\napplication = _django_app\n")


def test_alias_and_module_are_followed() -> None:
    """Imports in other forms are recognised."""
    check_rewrites(
        FIXER,
        "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer as Server\napplication = Server()\n",
        "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
        PATH,
    )
    check_rewrites(
        FIXER,
        "from ws4redis import uwsgi_runserver\napplication = uwsgi_runserver.uWSGIWebsocketServer()\n",
        "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
        PATH,
    )


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer\nclass Own(uWSGIWebsocketServer):\n    pass\n",
        "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer\nrun(uWSGIWebsocketServer)\n",
        "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer as S\nw = S()\napplication = choose(w, d)\n",
        "from ws4redis.django_runserver import application\n",
        "from own.uwsgi_runserver import uWSGIWebsocketServer\napplication = uWSGIWebsocketServer()\n",
        "mock.patch('ws4redis.uwsgi_runserver.uWSGIWebsocketServer')\n",
    ],
)
def test_what_is_not_understood_is_left(text: str) -> None:
    """Plain modules, subclasses, and applications that go anywhere else stay."""
    check_leaves(FIXER, text, PATH)


def test_file_named_asgi_is_left() -> None:
    """A file named asgi.py with the old server in it is no WSGI module to become: it is reported elsewhere."""
    text = "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer\napplication = uWSGIWebsocketServer()\n"
    check_leaves(FIXER, text, "mysite/asgi.py")


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace("_websocket_app = uWSGIWebsocketServer()", "").partition("\n\n\ndef")[0]
        + "\n_sockets = uWSGIWebsocketServer()\n\n\ndef application(environ, start_response):\n"
        "    return _sockets(environ, start_response)\n",
    ],
)
def test_wrapped_server_is_plain_django(text: str) -> None:
    """A function that only passes a request on to the server is no reason to keep the server's name."""
    fixed = fix(FIXER, text, "mysite/sockets.py")
    assert fixed.text.endswith("\napplication = get_wsgi_application()\n")
    assert "_sockets" not in fixed.text


def test_name_that_would_be_lost_is_reported() -> None:
    """Where something still uses the server's name, the file stays as it is."""
    text = "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer\n_s = uWSGIWebsocketServer()\nprint(_s.x)\n"
    fixed = fix(FIXER, text, "mysite/sockets.py")
    assert fixed.text == text


@pytest.mark.parametrize(
    "text",
    [
        "if LIVE:\n    {server}\nelse:\n    {plain}\n",
        "if not LIVE:\n    {plain}\nelse:\n    {server}\n",
        "{plain}\nif LIVE:\n    {server}\n",
    ],
)
def test_switch_becomes_plain_django(text: str) -> None:
    """Nothing is left of a choice between the two servers."""
    server = "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer as S; application = S()"
    plain = "from django.core.wsgi import get_wsgi_application; application = get_wsgi_application()"
    assert fix(FIXER, text.format(server=server, plain=plain), PATH).text == f"{plain}\n"
