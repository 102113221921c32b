"""Property tests over generated sites: no file outside is written, and no line that names the original is missed."""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.migration.rewriting import write_site
from ws4channels.migration.engine import Report, examine
from ws4channels.migration.source import line_in
from ws4channels.migration.writing import write_changes

NAMES = re.compile(r"ws4redis|django-websocket-redis")
STAYS = re.compile(r"^\s*(#|//|<!--)|ws4redis:memberof|ws4redis\.js|WS4Redis\(|It was ws4redis|/srv/ws4redis/")
CODE = [
    "from ws4redis.publisher import RedisPublisher\n",
    "from ws4redis.publisher import redis_connection_pool, StrictRedis\n",
    "from ws4redis import publisher as p, redis_store\n",
    "import ws4redis.publisher\nws4redis.publisher.RedisPublisher()\n",
    "import ws4redis\nx = ws4redis.settings.WS4REDIS_PREFIX\n",
    "from ws4redis.websocket import WebSocket\n",
    "from ws4redis import wsgi_server\nwsgi_server.x()\n",
    "from ws4redis.extra import thing\n",
    "from ws4redis import *\n",
    "try:\n    import ws4redis\nexcept ImportError:\n    ws4redis = None\n",
    "mock.patch('ws4redis.publisher.RedisPublisher')\n",
    "name = 'ws4redis'\n",
    "LOGGING = {'loggers': {'ws4redis': {}}}\n",
    "request.session['ws4redis:memberof'] = []\n",
    "# ws4redis was here\n",
    '"""It was ws4redis."""\n',
    "def f():\n    from ws4redis.redis_store import RedisMessage\n    return RedisMessage\n",
    "class A(object):\n    from ws4redis import subscriber\n    y = subscriber.RedisSubscriber\n",
    "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer\napplication = uWSGIWebsocketServer()\n",
    "from ws4redis import settings\nsettings.WS4REDIS_EXPIRE = 3\n",
    "__import__('ws4redis')\n",
    "x = 1\n" * 900,
    "def g(a, b=2):\n    return a\n" * 200,
]
SETTINGS = [
    "INSTALLED_APPS = ['django.contrib.staticfiles', 'ws4redis']\n",
    "INSTALLED_APPS = (\n    # first\n    'ws4redis',  # live\n    'a',\n)\n",
    "INSTALLED_APPS = ['django.contrib.staticfiles']\n",
    "if LIVE:\n    INSTALLED_APPS += ['ws4redis']\n",
    "INSTALLED_APPS.append('ws4redis')\n",
    "WSGI_APPLICATION = 'ws4redis.django_runserver.application'\n",
    "if X:\n    WSGI_APPLICATION = 'ws4redis.django_runserver.application'\nelse:\n    WSGI_APPLICATION = 'a.b.c'\n",
    "TEMPLATES = [{'OPTIONS': {'context_processors': ['ws4redis.context_processors.default']}}]\n",
    "TEMPLATE_CONTEXT_PROCESSORS = ('ws4redis.context_processors.default',)\n",
    "WS4REDIS_CONNECTION = {'host': 'h', 'ssl': True}\n",
    "WS4REDIS_SUBSCRIBER = 'ws4redis.subscriber.RedisSubscriber'\n",
    "from .base import *\n",
]
TEXTS = [
    "django-websocket-redis==0.6.0\n",
    "redis<4\n",
    "  command: uwsgi --module ws4redis.uwsgi_runserver\n",
    "RUN pip install django-websocket-redis\n",
    '<script src="{{ STATIC_URL }}js/ws4redis.js"></script>\n',
    "{% load staticfiles %}\n",
    "packages = ws4redis\n",
    "# ws4redis\n",
    "alias /srv/ws4redis/static;\n",
    "name = 'django-websocket-redis'\n",
]
PAGES = [
    '<script src="{{ STATIC_URL }}js/ws4redis.js"></script>\n',
    "{% load staticfiles %}\n",
    "var ws4redis = WS4Redis({uri: '{{ WEBSOCKET_URI }}x'});  // ws4redis.js\n",
]
MODULES = ["shop/views.py", "shop/wsgi.py", "shop/live/__init__.py", "lib/a.py", "farm.wsgi", "shop/asgi.py"]
CONFIGURATIONS = ["shop/settings.py", "shop/base.py", "conf/settings/live.py"]
OTHERS = [
    "requirements.txt",
    "reqs/a.pip",
    "Dockerfile",
    "compose.yml",
    "setup.cfg",
    "x.conf",
]


def files(paths: list[str], fragments: list[str]) -> st.SearchStrategy[dict[str, str]]:
    """Return trees of some of the paths, each with some of the fragments."""
    texts = st.lists(st.sampled_from(fragments), min_size=1, max_size=4).map("".join)
    return st.dictionaries(st.sampled_from(paths), texts, max_size=len(paths))


TREES = st.tuples(
    files(MODULES, CODE), files(CONFIGURATIONS, SETTINGS), files(OTHERS, TEXTS), files(["shop/a.html", "b.js"], PAGES)
).map(lambda parts: {"manage.py": "import django\n", **parts[0], **parts[1], **parts[2], **parts[3]})


def passed_over(report: Report, before: Mapping[str, str]) -> list[str]:
    """Return the lines that name the original and that are neither changed, reported nor of those that stay."""
    after = {change.after.path: change.after.text for change in report.changes}
    said = {(finding.path, finding.line) for finding in report.findings}
    left = []
    for path, text in before.items():
        for number, line in enumerate(text.split("\n"), 1):
            if not NAMES.search(line) or STAYS.search(line) or (path, number) in said or (path, 0) in said:
                continue
            now = after.get(path, text)
            if path in {
                finding.path for finding in report.findings if finding.what.startswith("This file was skipped")
            }:
                continue
            if now.split("\n")[line_in(number, text, now) - 1].strip() == line.strip():
                left.append(f"{path}:{number}: {line}")
    return left


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
@given(TREES)
def test_tree_is_rewritten_or_reported_and_nothing_else_is_touched(tree: dict[str, str]) -> None:
    """Python stays Python, a second run changes nothing, and what lies outside stays as it was."""
    with tempfile.TemporaryDirectory() as name:
        outside = write_site(Path(name) / "outside", {"shop.py": "import ws4redis\n"})
        root = write_site(Path(name) / "site", tree)
        (root / "link.py").symlink_to(outside / "shop.py")
        (root / "linked").symlink_to(outside)
        before = {path: (root / path).read_text() for path in tree}
        report = examine(root)
        assert passed_over(report, before) == []
        write_changes(root, report.changes)
        assert (outside / "shop.py").read_text() == "import ws4redis\n"
        assert [path.name for path in Path(name).iterdir() if path.name not in ("outside", "site")] == []
        for change in report.changes:
            if change.after.is_python and change.after.path not in {
                each.path for each in report.findings if "skipped" in each.what
            }:
                ast.parse(change.after.text)
        assert [change.after.path for change in examine(root).changes] == []
