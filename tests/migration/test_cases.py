"""Small versions of public sites: what the command writes and reports for each."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.migration.rewriting import write_site
from ws4channels.migration.engine import Report, examine
from ws4channels.migration.fixer import Finding, Severity
from ws4channels.migration.project import MAX_BYTES
from ws4channels.migration.report import as_html, as_json, as_text

MANAGE = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'farm.settings')\n"
WSGI = (
    "import os\nfrom django.core.wsgi import get_wsgi_application\n"
    "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'farm.settings')\napplication = get_wsgi_application()\n"
)
SERVER = (
    "import os\nimport gevent.socket\nimport redis.connection\nredis.connection.socket = gevent.socket\n"
    "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer\napplication = uWSGIWebsocketServer()\n"
)
SETTINGS = (
    "INSTALLED_APPS = ['django.contrib.staticfiles', 'ws4redis']\nROOT_URLCONF = 'farm.urls'\n"
    "WSGI_APPLICATION = 'ws4redis.django_runserver.application'\n"
)
FARM = {
    "manage.py": MANAGE,
    "farm/__init__.py": "",
    "farm/settings.py": SETTINGS,
    "farm/urls.py": "urlpatterns = []\n",
    "farm/wsgi.py": WSGI,
    "requirements.txt": "django-websocket-redis\n",
}


class Case:
    """What the command makes of a site: the new texts of changed files, and what it says."""

    def __init__(self, folder: Path, files: Mapping[str, str], *without: str) -> None:
        kept = {path: text for path, text in FARM.items() if path not in without}
        self.report: Report = examine(write_site(folder, {**kept, **files}))
        self.texts = {change.after.path: change.after.text for change in self.report.changes}

    def said(self, severity: Severity, path: str = "") -> list[tuple[str, int]]:
        """Return the places of findings of one severity, of one file if a path is given."""
        found = (each for each in self.report.findings if each.severity is severity and path in ("", each.path))
        return [(each.path, each.line) for each in found]

    def only(self, path: str) -> Finding:
        """Return the one finding about a file."""
        (finding,) = (each for each in self.report.findings if each.path == path)
        return finding


def test_plain_site_needs_nothing_by_hand(tmp_path: Path) -> None:
    """The base of all cases here is rewritten without a word."""
    assert Case(tmp_path, {}).report.findings == ()


def test_requirements_of_other_programs_stay(tmp_path: Path) -> None:
    """A program beside the site may need what it pins, and an old Python."""
    pins = "pyserial==3.0.1\nredis==2.10.5\n"
    case = Case(tmp_path, {"barn/requirements.txt": pins, "barn/run.py": "import redis\nprint redis.x()\n"})
    assert "barn/requirements.txt" not in case.texts
    assert case.report.findings == ()


@pytest.mark.parametrize(
    ("path", "text"),
    [("requirements.txt", "Django==1.8\nredis==2.10\n"), ("Pipfile", "[packages]\ndjango = '*'\nredis = '<3'\n")],
)
def test_requirements_of_another_site_stay(path: str, text: str, tmp_path: Path) -> None:
    """A second Django site in the tree, which does not use ws4redis, keeps its pins."""
    other = {"shop/manage.py": MANAGE.replace("farm", "shop"), "shop/shop/settings.py": "INSTALLED_APPS = ['a']\n"}
    case = Case(tmp_path, {**other, f"shop/{path}": text})
    assert f"shop/{path}" not in case.texts
    assert case.report.findings == ()


@pytest.mark.parametrize("include", ["-r base.txt\nredis==3.5\n", "redis==3.5\nDjango>=3.2\n"])
def test_requirements_that_belong_to_the_site_are_changed(include: str, tmp_path: Path) -> None:
    """Files that include those that name the original, or name Django, are the site's."""
    files = {"reqs/base.txt": "django-websocket-redis==0.6\n", "reqs/requirements-live.txt": include}
    case = Case(tmp_path, files, "requirements.txt")
    assert "redis>=5,<9" in case.texts["reqs/requirements-live.txt"]
    assert case.texts["reqs/base.txt"].startswith("ws4channels==")


def test_settings_without_the_app_are_handled_as_with_it(tmp_path: Path) -> None:
    """The original worked without being listed."""
    settings = (
        "INSTALLED_APPS = ['django.contrib.staticfiles']\nWSGI_APPLICATION = 'ws4redis.django_runserver.application'\n"
    )
    text = Case(tmp_path, {"farm/settings.py": settings}).texts["farm/settings.py"]
    assert text.startswith("INSTALLED_APPS = ['daphne', 'django.contrib.staticfiles', 'channels', 'ws4channels']\n")
    assert "ASGI_APPLICATION = 'farm.asgi.application'\n" in text
    assert "CHANNEL_LAYERS" in text
    assert "WS4CHANNELS_TRANSPORT" in text


OWN_SUBSCRIBER = """\
from ws4redis.redis_store import RedisStore
class Listener(RedisStore):
    def parse_response(self): pass
    def get_file_descriptor(self): pass
class Heir(Listener): pass
"""


@pytest.mark.parametrize(("name", "line"), [("Listener", 2), ("Heir", 5)])
def test_subscriber_that_is_no_subclass_is_reported(name: str, line: int, tmp_path: Path) -> None:
    """A class that only has the methods of a subscriber refuses every websocket here."""
    settings = f"{SETTINGS}WS4REDIS_SUBSCRIBER = 'farm.live.{name}'\n"
    case = Case(tmp_path, {"farm/settings.py": settings, "farm/live.py": OWN_SUBSCRIBER})
    assert ("farm/live.py", line) in case.said(Severity.MUST)
    assert any("Inherit from ws4channels.subscriber.RedisSubscriber" in each.todo for each in case.report.findings)


def test_subscriber_in_a_file_without_the_usual_words_is_reported(tmp_path: Path) -> None:
    """The file that WS4REDIS_SUBSCRIBER names is read whatever is in it, and reported once."""
    settings = f"{SETTINGS}WS4REDIS_SUBSCRIBER = 'farm.live.Ears'\n"
    live = "class Ears(object):\n    def prepare(self, keys): pass\n"
    case = Case(tmp_path, {"farm/settings.py": settings, "farm/live.py": live})
    assert case.said(Severity.MUST) == [("farm/live.py", 1)]


@pytest.mark.parametrize(
    "live",
    [
        "from ws4redis.subscriber import RedisSubscriber\nclass Listener(RedisSubscriber): pass\n",
        "from .base import Base\nclass Listener(Base): pass\n",
        "from elsewhere import Base\nclass Listener(Base): pass\n",
        "from .base import *\nclass Listener(Mixin, RedisSubscriber): pass\n",
    ],
)
def test_subscriber_that_inherits_is_not_reported(live: str, tmp_path: Path) -> None:
    """Through modules of the site, and where a base is not in the tree."""
    base = "from ws4redis import subscriber\nclass Base(subscriber.RedisSubscriber): pass\nclass Mixin: pass\n"
    settings = f"{SETTINGS}WS4REDIS_SUBSCRIBER = 'farm.live.Listener'\n"
    case = Case(tmp_path, {"farm/settings.py": settings, "farm/live.py": live, "farm/base.py": base})
    assert case.report.findings == ()


SPLIT = {
    "farm/settings/apps.py": SETTINGS,
    "farm/settings/sockets.py": "WS4REDIS_CONNECTION = {'host': 'redis.farm.example', 'port': 16379}\n",
}


@pytest.mark.parametrize(
    "combined",
    [
        "from .apps import *\nfrom .sockets import *\n",
        "from split_settings.tools import include\ninclude('apps.py', 'sock*.py')\n",
    ],
)
def test_connection_is_taken_from_where_it_stands(combined: str, tmp_path: Path) -> None:
    """Another module of the settings may hold it; the layer is made there."""
    case = Case(tmp_path, {**SPLIT, "farm/settings/__init__.py": combined}, "farm/settings.py")
    assert "**WS4REDIS_CONNECTION" in case.texts["farm/settings/sockets.py"]
    assert "CHANNEL_LAYERS" not in case.texts["farm/settings/apps.py"]
    assert case.report.findings == ()


@pytest.mark.parametrize(
    ("last", "severity", "todo"),
    [
        ("", Severity.MUST, "Farm/settings/sockets.py sets it: give the layer the same Redis."),
        ("from .local import *\n", Severity.CHECK, "Farm.settings.local, which is not here, may set it"),
    ],
)
def test_connection_that_is_not_found_is_said(last: str, severity: Severity, todo: str, tmp_path: Path) -> None:
    """A guess is told where the settings might say otherwise."""
    files = {**SPLIT, "farm/settings/__init__.py": f"from .apps import *\n{last}"}
    if last:
        del files["farm/settings/sockets.py"]
    case = Case(tmp_path, files, "farm/settings.py")
    (finding,) = (each for each in case.report.findings if each.path == "farm/settings/apps.py")
    assert finding.severity is severity
    assert finding.todo.lower().startswith(todo.lower())


def test_names_begin_where_the_site_begins_them(tmp_path: Path) -> None:
    """With manage.py inside the package, the settings are still farm.core.settings."""
    files = {
        "farm/manage.py": MANAGE.replace("farm.settings", "farm.core.settings"),
        "farm/core/settings.py": SETTINGS.replace("farm.urls", "farm.core.urls"),
        "farm/core/wsgi.py": WSGI.replace("farm.settings", "farm.core.settings"),
    }
    case = Case(tmp_path, files, "manage.py", "farm/settings.py", "farm/wsgi.py", "farm/urls.py")
    assert "WSGI_APPLICATION = 'farm.core.wsgi.application'" in case.texts["farm/core/settings.py"]
    assert "ASGI_APPLICATION = 'farm.core.asgi.application'" in case.texts["farm/core/settings.py"]
    assert "farm/core/asgi.py" in case.texts


@pytest.mark.parametrize("path", ["requrements.txt", "pack.pip", "deps/live", "install/packages.list"])
def test_requirements_are_found_by_content(path: str, tmp_path: Path) -> None:
    """Whatever its name, a file of nothing but requirements that names the original is one."""
    case = Case(tmp_path, {path: "# all\nDjango>=3.2\n-e .\ndjango-websocket-redis==0.6.0\n"}, "requirements.txt")
    assert "ws4channels==" in case.texts[path]
    assert case.report.findings == ()


def test_site_without_requirements_is_told_what_to_install(tmp_path: Path) -> None:
    """A README's line is named, and one entry says what to install."""
    readme = "# farm\n\n    $ pip3 install django uwsgi django-websocket-redis\n"
    case = Case(
        tmp_path, {"README.md": readme, "install.sh": "pip install django-websocket-redis\n"}, "requirements.txt"
    )
    assert case.said(Severity.MUST) == [(".", 0)]
    assert case.said(Severity.CHECK) == [("README.md", 3), ("install.sh", 1)]


COMPOSE = """\
services:
  pages:
    command: ["uwsgi", "--http", "0.0.0.0:7000",
              "--wsgi", "farm.wsgi:application"]
  sockets:
    command: ["uwsgi", "--http", "0.0.0.0:7001",
              "--gevent", "100",
              "--http-websockets"]
  more:
    command:
      - uwsgi
      - --module=farm.wsgi_websocket
"""
DOCKERFILE = """\
FROM python:3.12
COPY farm/wsgi_websocket.py /srv/
CMD ["uwsgi", \\
     "--http-websockets"]
"""


def test_commands_over_several_lines_are_reported(tmp_path: Path) -> None:
    """Each with its first line, and an address that works in a container."""
    case = Case(tmp_path, {"docker-compose.yml": COMPOSE, "Dockerfile": DOCKERFILE, "farm/wsgi_websocket.py": SERVER})
    assert case.said(Severity.CHECK, "docker-compose.yml") == [("docker-compose.yml", 6), ("docker-compose.yml", 10)]
    assert case.only("Dockerfile").line == 3
    assert "daphne -b 0.0.0.0 -p 8001 farm.asgi:application" in case.only("Dockerfile").todo
    assert "-p 7001" in next(each.todo for each in case.report.findings if each.line == 6)


NGINX = """\
server {
    location /feed/live/ {
        proxy_set_header Upgrade $http_upgrade;
        proxy_pass http://unix:/run/sockets.sock;
    }
    location /other { proxy_set_header Upgrade $http_upgrade; }
    location / { uwsgi_pass unix:/run/farm.sock; }
}
"""


@pytest.mark.parametrize("path", ["deploy/farm.conf", "deploy/sites-available/farm", "farm.nginx.j2"])
@pytest.mark.parametrize("url", ["/feed/live/", "/ws/"])
def test_location_is_found_by_url_or_by_upgrade(path: str, url: str, tmp_path: Path) -> None:
    """The URL of the settings decides; where it is nowhere, what upgrades is shown."""
    case = Case(tmp_path, {path: NGINX, "farm/settings.py": f"{SETTINGS}WEBSOCKET_URL = '{url}'\n"})
    assert case.said(Severity.CHECK) == ([(path, 2)] if url == "/feed/live/" else [(path, 2), (path, 6)])


STARTERS = {
    "Procfile": ("web: gunicorn farm.wsgi\nlive: uwsgi deploy/sockets.ini\n", 2),
    "start.sh": ("echo 'uwsgi sockets.ini'\nexec uwsgi --ini /srv/deploy/sockets.ini\n", 2),
    "deploy/emperor.ini": ("[uwsgi]\nemperor = /etc/uwsgi/vassals\n", 2),
    "deploy/pages.ini": ("[uwsgi]\nmodule = farm.wsgi\nroute = ^/ws uwsgi:/run/ws.sock,0,0\n", 3),
    "farm.service": ("[Service]\nExecStart=/usr/bin/uwsgi --socket /x \\\n  --module farm.wsgi_websocket\n", 2),
    "fabfile.py": ("def live():\n    run('sudo uwsgi --gevent 10 --http-websockets')\n", 2),
    "supervisord.conf": ("[program:live]\ncommand=uwsgi\n  --ini sockets.ini\n", 2),
    "ansible/tasks.yml": ("- name: live\n  command: uwsgi --ini sockets.ini\n", 2),
}


@pytest.mark.parametrize("path", STARTERS)
def test_what_starts_the_old_server_is_reported(path: str, tmp_path: Path) -> None:
    """Also where the command itself says nothing of websockets, but starts what does; an echo starts nothing."""
    text, line = STARTERS[path]
    sockets = "[uwsgi]\nmodule = farm.wsgi_websocket\nhttp-websockets = true\n"
    case = Case(tmp_path, {path: text, "deploy/sockets.ini": sockets, "farm/wsgi_websocket.py": SERVER})
    assert case.said(Severity.CHECK, path) == [(path, line)]


def test_what_starts_the_starter_is_reported(tmp_path: Path) -> None:
    """The process's line in a Procfile, through the script that it runs; not the process for pages beside it."""
    files = {
        "Procfile": "web: uwsgi --ini web.ini\nlive: bin/start-live\n",
        "bin/start-live": "#!/bin/sh\nchmod +x bin/start-live\nexec uwsgi --ini live.ini\n",
        "live.ini": "[uwsgi]\nmodule = farm.wsgi\nhttp-websockets = true\n",
        "web.ini": "[uwsgi]\nmodule = farm.wsgi\nroute = ^/ws uwsgi:/run/live.sock,0,0\n",
    }
    case = Case(tmp_path, files)
    assert case.said(Severity.CHECK) == [("Procfile", 2), ("bin/start-live", 3), ("live.ini", 3), ("web.ini", 3)]


@pytest.mark.parametrize("text", ["echo 'restart uwsgi --gevent for websockets'\n", "# uwsgi --gevent 1\n"])
def test_what_only_mentions_it_is_not(text: str, tmp_path: Path) -> None:
    """Comments and messages start no server."""
    assert Case(tmp_path, {"deploy.sh": text}).report.findings == ()


def test_python_is_known_by_its_content(tmp_path: Path) -> None:
    """mod_wsgi's file, a script without a suffix, and a folder that is only named as environments are."""
    text = "from ws4redis.publisher import RedisPublisher\n"
    files = {
        "apache/farm.wsgi": text,
        "bin/announce": f"#!/usr/bin/env python3\n{text}",
        "salt/virtualenv/pins.py": text,
    }
    case = Case(tmp_path, files)
    assert all("from ws4channels.publisher import" in case.texts[path] for path in files)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("worker/index.js", "const r = require('redis');\nr.createClient().publish('farm:broadcast:rows', '{}');\n"),
        ("farm/tell.py", "import redis\nredis.Redis().publish(f'{prefix}:user:{name}:rows', x)\n"),
        ("farm/tell.py", "import redis\nr.publish(\n    'broadcast:rows', x)\n"),
        ("sql/live.sql", "-- redis\nPERFORM redis_command('PUBLISH', 'broadcast:rows', x);\n"),
        ("cron.sh", "cd /srv\nredis-cli publish broadcast:rows x\n"),
        ("farm/hear.py", "import redis\np.psubscribe('*:group:a:*')\n"),
    ],
)
def test_other_programs_on_the_channels_are_reported(path: str, text: str, tmp_path: Path) -> None:
    """They go on with the transport redis, and would be cut off by the other."""
    case = Case(tmp_path, {path: text})
    ((found, line),) = case.said(Severity.CHECK)
    assert found == path
    assert ":" in text.splitlines()[line - 1]


@pytest.mark.parametrize(
    "text",
    [
        "import redis\ncache.get('user:3')\nr.publish('news', x)\n",
        "from ws4redis.publisher import RedisPublisher\nRedisPublisher(facility='a').publish_message('redis')\n",
        "bus.subscribe('user:login')\n",
    ],
)
def test_other_channels_are_not(text: str, tmp_path: Path) -> None:
    """Keys of the site's own, and publishers of the original."""
    assert Case(tmp_path, {"farm/tell.py": text}).said(Severity.CHECK) == []


def test_gevent_that_others_need_is_kept(tmp_path: Path) -> None:
    """What is not parsed is searched, and so are commands."""
    files = {
        "requirements.txt": "gevent\ndjango-websocket-redis\n",
        "tools/stream.py": "from gevent import monkey\nprint 'x'\n",
        "Procfile": "web: gunicorn -k gevent farm.wsgi\n",
    }
    finding = Case(tmp_path, files).only("requirements.txt")
    assert (finding.severity, finding.todo) == (Severity.NOTE, "Keep it, because of Procfile, tools/stream.py.")


def test_gevent_of_the_old_server_goes_with_it(tmp_path: Path) -> None:
    """The module loses its patches, and is named for deletion once nothing starts it."""
    server = SERVER.replace("import redis", "import gevent.monkey\ngevent.monkey.patch_thread()\nimport redis")
    case = Case(tmp_path, {"farm/wsgi_socket.py": server, "requirements.txt": "gevent==1.0\ndjango-websocket-redis\n"})
    assert "gevent" not in case.texts["farm/wsgi_socket.py"]
    assert case.only("requirements.txt").todo == "No other file here needs it. If nothing outside does, remove it."
    assert case.only("farm/wsgi_socket.py").todo.startswith("Delete it when no uWSGI for websockets runs any more")


def test_advice_names_the_module_that_was_written(tmp_path: Path) -> None:
    """Where asgi.py holds the old server, the new one is asgi_websocket.py, everywhere in the report."""
    case = Case(tmp_path, {"farm/asgi.py": SERVER, "uwsgi.ini": "[uwsgi]\nhttp-websockets = 1\n"})
    assert "farm/asgi_websocket.py" in case.texts
    shown = as_text(case.report, written=False)
    assert "Serve farm.asgi_websocket:application with daphne" in shown
    assert "farm.asgi:application" not in shown


def test_switch_leaves_nothing_dead(tmp_path: Path) -> None:
    """Both halves of a choice between two servers have become the same; daphne stays as optional as ws4redis was."""
    settings = (
        "INSTALLED_APPS = ['django.contrib.staticfiles']\nif LIVE:\n    INSTALLED_APPS += ['ws4redis']\n"
        "if LIVE:\n    WSGI_APPLICATION = 'ws4redis.django_runserver.application'\n"
        "else:\n    WSGI_APPLICATION = 'farm.wsgi.application'\n"
    )
    wsgi = (
        "import os\nif LIVE:\n    from ws4redis.uwsgi_runserver import uWSGIWebsocketServer\n"
        "    application = uWSGIWebsocketServer()\nelse:\n    from django.core.wsgi import get_wsgi_application\n"
        "    application = get_wsgi_application()\n"
    )
    case = Case(tmp_path, {"farm/settings.py": settings, "farm/wsgi.py": wsgi})
    text = case.texts["farm/settings.py"]
    assert "INSTALLED_APPS = ['django.contrib.staticfiles']\n" in text
    assert (
        "    INSTALLED_APPS += ['channels', 'ws4channels']\n    INSTALLED_APPS = [\"daphne\", *INSTALLED_APPS]\n"
        in text
    )
    assert "\nWSGI_APPLICATION = 'farm.wsgi.application'\n" in text
    assert "else" not in text
    assert case.texts["farm/wsgi.py"] == (
        "import os\nfrom django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    )


@pytest.mark.parametrize("path", ["static/js/ws4redis.js", "farm/static/js/ws4redis.min.js", "static/farm/ws4redis.js"])
def test_copy_of_the_client_is_mentioned(path: str, tmp_path: Path) -> None:
    """It works, and may hide the new one."""
    case = Case(tmp_path, {path: "function WS4Redis(options, $) {}\n"})
    assert case.said(Severity.NOTE) == [(path, 0)] or case.said(Severity.NOTE) == [(path, 1)]


@pytest.mark.parametrize(
    ("path", "text", "severity"),
    [
        ("runtime.txt", "python-3.7.3\n", Severity.MUST),
        (".python-version", "3.8\n", Severity.MUST),
        ("Dockerfile", "FROM python:2.7-slim\n", Severity.MUST),
        (".gitlab-ci.yml", "test:\n  image: python:3.6\n", Severity.MUST),
        ("environment.yml", "dependencies:\n  - python=3.6\n", Severity.MUST),
        (".travis.yml", "python:\n  - '3.6'\n", Severity.CHECK),
        (".github/workflows/ci.yml", "with:\n  python-version: '3.9'\n", Severity.CHECK),
        ("tox.ini", "[tox]\nenvlist = py36\n", Severity.CHECK),
        ("pyproject.toml", "[project]\nrequires-python = '>=3.8'\n", Severity.CHECK),
        ("setup.py", "setup(python_requires='>=3.6')\n", Severity.CHECK),
    ],
)
def test_old_python_is_reported(path: str, text: str, severity: Severity, tmp_path: Path) -> None:
    """Wherever a file pins it."""
    assert [found for found, _ in Case(tmp_path, {path: text}).said(severity)] == [path]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("runtime.txt", "python-3.12.1\n"),
        ("Dockerfile", "FROM python:3\n"),
        ("pyproject.toml", "[project]\nrequires-python = '>=3.10'\n"),
        ("tox.ini", "[tox]\nenvlist = py310,py313\n"),
        (".github/workflows/ci.yml", "with:\n  python-version: ['3.10', '3.12']\n"),
    ],
)
def test_new_python_is_not(path: str, text: str, tmp_path: Path) -> None:
    """3.10 and newer do."""
    assert Case(tmp_path, {path: text}).report.findings == ()


def test_any_package_named_ws4redis_is_a_copy(tmp_path: Path) -> None:
    """Whatever modules it has: it is what `import ws4redis` finds, and it is the site's."""
    copy = {"ws4redis/__init__.py": "", "ws4redis/client.py": "from ws4redis import settings\n"}
    case = Case(tmp_path, copy)
    assert not [path for path in case.texts if path.startswith("ws4redis/")]
    assert case.said(Severity.CHECK) == [("ws4redis", 0)]


def test_what_was_skipped_is_said(tmp_path: Path) -> None:
    """Environments, what git ignores and large files are named; a notebook is, where it uses the package."""
    large = "from ws4redis.publisher import RedisPublisher\n" + "x\n" * MAX_BYTES
    files = {
        "env/bin/activate": "",
        "env/a.py": "import ws4redis\n",
        "farm/big.py": large,
        "a.ipynb": '"import ws4redis"',
    }
    case = Case(tmp_path, files)
    assert case.said(Severity.NOTE) == [("env", 0)]
    assert case.said(Severity.MUST) == [("farm/big.py", 0)]
    assert case.said(Severity.CHECK) == [("a.ipynb", 1)]


SECRET = "exec uwsgi --http-websockets --env DB_PASSWORD=hunter2 --env URL=redis://:hunter2@host/1\n"


def test_secrets_in_reported_lines_are_masked(tmp_path: Path) -> None:
    """In text, JSON and HTML."""
    report = Case(tmp_path, {"run.sh": SECRET}).report
    for shown in (as_text(report, written=False), as_json(report, written=False), as_html(report, written=False)):
        assert "hunter2" not in shown
        assert "DB_PASSWORD=***" in shown


@pytest.mark.parametrize("suffix", [".haml", ".pug"])
def test_templates_of_other_languages_are_reported(suffix: str, tmp_path: Path) -> None:
    """Their tag libraries are Django's."""
    case = Case(
        tmp_path, {f"farm/templates/a{suffix}": "- load staticfiles\n%script{src: '#{static \"js/ws4redis.js\"}'}\n"}
    )
    assert case.said(Severity.MUST) == [(f"farm/templates/a{suffix}", 1)]


def test_old_tag_libraries_are_one_entry(tmp_path: Path) -> None:
    """However many templates load them."""
    case = Case(tmp_path, {f"farm/templates/{n}.html": "{% load staticfiles %}\n" for n in range(30)})
    shown = as_text(case.report, written=False)
    assert shown.count("Django 3.0 and newer") == 1
    assert "… and 20 more" in shown


def test_report_is_in_the_order_of_doing(tmp_path: Path) -> None:
    """Packages first, then settings, code and servers."""
    settings = f"{SETTINGS}MIDDLEWARE_CLASSES = ()\n"
    code = "from ws4redis.websocket import WebSocket\n"
    case = Case(tmp_path, {"farm/settings.py": settings, "a.py": code, "requirements.txt": "Django<2\n"})
    steps = [each["step"] for each in json.loads(as_json(case.report, written=False))["findings"]]
    assert steps == ["packages", "packages", "settings", "code"]


def test_unreadable_folder_is_skipped_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of another user, such as a database's, does not stop the command."""
    (tmp_path / "data").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("data"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    finding = Case(tmp_path, {}).only("data")
    assert finding.what == "This was not read. It cannot be read: Permission denied."


def test_settings_without_the_app_or_staticfiles_get_daphne(tmp_path: Path) -> None:
    """Daphne stands first as well where nothing else does what it must stand before."""
    settings = "INSTALLED_APPS = ('django.contrib.admin',)\nWS4REDIS_PREFIX = 'x'\n"
    text = Case(tmp_path, {"farm/settings.py": settings}).texts["farm/settings.py"]
    assert text.startswith("INSTALLED_APPS = ('daphne', 'django.contrib.admin', 'channels', 'ws4channels',)\n")


def test_subscriber_that_names_nothing_of_the_original_is_reported(tmp_path: Path) -> None:
    """The file of such a class holds no word of ws4redis."""
    settings = f"{SETTINGS}WS4REDIS_SUBSCRIBER = 'farm.live.Own'\n"
    live = "class Own(object):\n    def parse_response(self): pass\n"
    case = Case(tmp_path, {"farm/settings.py": settings, "farm/live.py": live})
    assert case.said(Severity.MUST) == [("farm/live.py", 1), ("farm/live.py", 2)]


def test_location_of_the_url_is_reported_without_words_about_websockets(tmp_path: Path) -> None:
    """That it is the URL of the settings is enough, in a file of any name."""
    files = {
        "farm/settings.py": f"{SETTINGS}WEBSOCKET_URL = '/push/'\n",
        "etc/farm": "location ^~ /push/ {\n  proxy_pass http://x;\n}\nlocation / {\n  proxy_pass http://y;\n}\n",
    }
    assert Case(tmp_path, files).said(Severity.CHECK) == [("etc/farm", 1)]
