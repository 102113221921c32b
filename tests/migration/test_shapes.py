"""Sites of ten shapes after the command alone: `check` passes, and Daphne delivers a message to a websocket."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from websockets.sync.client import connect

from example_project.redis_server import HOST, RedisServer, free_port
from tests.against_original.environment import ROOT
from tests.migration.rewriting import command, write_site
from tests.waiting import TIMEOUT, wait_until

MANAGE = """\
import os, sys
def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
if __name__ == "__main__":
    main()
"""
WSGI = """\
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")
application = get_wsgi_application()
"""
SERVER = """\
import os
import gevent.socket
import redis.connection
redis.connection.socket = gevent.socket
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "farm.settings")
from ws4redis.uwsgi_runserver import uWSGIWebsocketServer
application = uWSGIWebsocketServer()
"""
CONNECTION = 'import os\nWS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": os.environ["REDIS_PORT"]}\n'
APPS = (
    'INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", '
    '"django.contrib.staticfiles"%s]\n'
)
COMMON = """\
SECRET_KEY = "x" * 60
ALLOWED_HOSTS = ["*"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware",
              "django.contrib.auth.middleware.AuthenticationMiddleware"]
ROOT_URLCONF = "farm.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
WSGI_APPLICATION = "ws4redis.django_runserver.application"
"""
LISTED = APPS % ', "ws4redis"'
PLAIN = {
    "manage.py": MANAGE.format(settings="farm.settings"),
    "requirements.txt": "Django>=4.2\ndjango-websocket-redis==0.6.0\n",
    "farm/__init__.py": "",
    "farm/settings.py": CONNECTION + LISTED + COMMON,
    "farm/urls.py": "urlpatterns = []\n",
    "farm/wsgi.py": WSGI.format(settings="farm.settings"),
}


def plain(changed: Mapping[str, str], *without: str) -> dict[str, str]:
    """Return the files of the plain site, without some and with others."""
    return {path: text for path, text in {**PLAIN, **changed}.items() if path not in without}


CORE = {path.replace("farm/", "farm/core/"): text.replace("farm.", "farm.core.") for path, text in PLAIN.items()}
SUBSCRIBER = """\
from ws4redis.subscriber import RedisSubscriber
class Listener(RedisSubscriber):
    subscription_channels = RedisSubscriber.subscription_channels + ["subscribe-board"]
    def set_pubsub_channels(self, request, channels):
        super().set_pubsub_channels(request, channels)
    def parse_response(self):
        return self._subscription.parse_response()
"""
SWITCH = """\
if LIVE:
    INSTALLED_APPS += ["ws4redis"]
    WSGI_APPLICATION = "ws4redis.django_runserver.application"
else:
    WSGI_APPLICATION = "farm.wsgi.application"
"""
SHAPES = {
    "plain": PLAIN,
    "settings package": plain(
        {
            "farm/settings/__init__.py": "",
            "farm/settings/base.py": LISTED + COMMON,
            "farm/settings/live.py": f"from .base import *\n{CONNECTION}DEBUG = False\n",
            "farm/settings/local.py": f"from .base import *\n{CONNECTION}DEBUG = True\n",
            "farm/wsgi.py": WSGI.format(settings="farm.settings.live"),
            "manage.py": MANAGE.format(settings="farm.settings.local"),
        },
        "farm/settings.py",
    ),
    "settings in siblings": plain(
        {
            "farm/settings/__init__.py": "from .apps import *\nfrom .sockets import *\n",
            "farm/settings/apps.py": LISTED + COMMON,
            "farm/settings/sockets.py": CONNECTION,
        },
        "farm/settings.py",
    ),
    "switch": plain(
        {"farm/settings.py": f"{CONNECTION}LIVE = True\n{APPS % ''}{COMMON.rpartition('WSGI_APP')[0]}{SWITCH}"},
    ),
    "own subscriber": plain(
        {
            "farm/live.py": SUBSCRIBER,
            "farm/settings.py": f'{PLAIN["farm/settings.py"]}WS4REDIS_SUBSCRIBER = "farm.live.Listener"\n',
        }
    ),
    "manage.py inside": {
        **{path: text for path, text in CORE.items() if path != "manage.py"},
        "farm/__init__.py": "",
        "farm/manage.py": MANAGE.format(settings="farm.core.settings"),
        "farm/core/__init__.py": "",
    },
    "no app listed": plain({"farm/settings.py": CONNECTION + APPS % "" + COMMON}),
    "mod_wsgi": plain({"apache/farm.wsgi": WSGI.format(settings="farm.settings")}, "farm/wsgi.py"),
    "asgi.py of uWSGI": plain({"farm/asgi.py": SERVER, "uwsgi.ini": "[uwsgi]\nmodule = farm.asgi\ngevent = 1\n"}),
    "several programs": plain(
        {
            "farm/wsgi_websocket.py": SERVER,
            "barn/requirements.txt": "redis==2.10.5\n",
            "barn/run.py": "import redis\nprint redis.Redis().ping()\n",
            "worker_settings.py": f'{CONNECTION}SECRET_KEY = "x"\n',
        }
    ),
}


@pytest.fixture(scope="module")
def shapes_redis() -> Iterator[RedisServer]:
    """A Redis that no other test empties."""
    with RedisServer() as server:
        yield server


@contextmanager
def served(site: Path, environment: dict[str, str]) -> Iterator[int]:
    """Run Daphne with the application that the site's settings name, and yield its port."""
    named = {
        name
        for path in site.rglob("*.py")
        for name in re.findall(r"\nASGI_APPLICATION = \W(\S+)\W\n", path.read_text())
    }
    (application,) = named
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "daphne",
        "-b",
        HOST,
        "-p",
        str(port),
        application.replace(".application", ":application"),
    ]
    with (site / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=site, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or answers(port), "Daphne does not answer", 4 * TIMEOUT)
        assert process.poll() is None, (site / "log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(TIMEOUT)


def answers(port: int) -> bool:
    """Tell whether something listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_site_of_this_shape_delivers(shape: str, tmp_path: Path, shapes_redis: RedisServer) -> None:
    """After --write, and nothing else, `manage.py check` passes and a websocket receives what is published.

    A second run finds nothing to write.
    """
    site = write_site(tmp_path, SHAPES[shape])
    assert command(site, write=True)[0] == 0
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO_"))}
    environment |= {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "REDIS_PORT": str(shapes_redis.port)}
    manage = next(site.rglob("manage.py"))
    checked = subprocess.run(
        [sys.executable, manage, "check"], cwd=site, env=environment, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    with served(site, environment) as port, connect(f"ws://{HOST}:{port}/ws/{port}?subscribe-broadcast") as client:
        with redis.Redis(HOST, shapes_redis.port) as publisher:
            publisher.publish(f"broadcast:{port}", "hello")
        assert client.recv(TIMEOUT) == "hello"
    assert "Nothing to write" in command(site, write=True)[1]
