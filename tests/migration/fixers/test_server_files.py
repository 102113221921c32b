"""Tests of the report on files of servers."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import findings_of
from ws4channels.migration.fixers import server_files

APPS = "INSTALLED_APPS = ['ws4redis']\n"
SITE = {"shop/wsgi.py": "from django.core.wsgi import get_wsgi_application\n"}

FOUND = [
    ("uwsgi.ini", "[uwsgi]\nmodule = shop.wsgi_websocket:application\n", 2, "This uWSGI serves websockets"),
    ("uwsgi.ini", "[uwsgi]\nhttp-websockets = true\n", 2, "This makes uWSGI serve websockets"),
    ("uwsgi.yaml", "uwsgi:\n  gevent: 100\n", 2, "This makes uWSGI serve websockets"),
    ("Procfile", "web: gunicorn shop.wsgi\nws: uwsgi --gevent 10\n", 2, "This starts uWSGI for websockets"),
    ("Procfile", "websocket: ./serve\n", 1, "This is the process for websockets"),
    ("docker/Dockerfile.web", 'CMD ["uwsgi", "--http-websockets"]\n', 1, "This starts uWSGI for websockets"),
    ("Dockerfile", "RUN pip install django-websocket-redis\n", 1, "This names the original"),
    ("docker-compose.yml", "a:\n  command: uwsgi --gevent 5\n", 2, "This starts uWSGI for websockets"),
    ("nginx.conf", "server {\n  location /ws/ {\n", 2, "nginx sends websockets to a server of their own"),
    (
        "sites/nginx_shop",
        "uwsgi_pass unix:/run/websocket.sock;\n",
        1,
        "nginx passes websockets on to the original's server",
    ),
    ("apache.conf", "ProxyPass /ws/ ws://127.0.0.1:9090/\n", 1, "Apache passes websockets on to the original's server"),
    ("supervisor.conf", "[program:shop-websocket]\n", 1, "This is the process for websockets"),
    ("shop.service", "[Service]\nExecStart=/bin/uwsgi --http-websockets\n", 2, "This starts uWSGI for websockets"),
    ("run.sh", "exec uwsgi --module shop.wsgi_websocket\n", 1, "This starts uWSGI for websockets"),
]


@pytest.mark.parametrize(("path", "text", "line", "what"), FOUND)
def test_line_about_websockets_is_reported(path: str, text: str, line: int, what: str) -> None:
    """The report shows the line as it stands and what replaces it; the file stays."""
    (finding,) = findings_of(server_files.fix_project, {**SITE, path: text})
    assert (finding.path, finding.line, finding.what) == (path, line, f"{what}.")
    assert finding.todo


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("uwsgi.ini", "[uwsgi]\nmodule = shop.wsgi:application\nprocesses = 4\nsocket = /run/shop.sock\n"),
        ("uwsgi.ini", "; http-websockets = true\n# gevent = 100\n"),
        ("uwsgi.ini", "# module = shop.wsgi_websocket\n"),
        ("nginx.conf", "location / {\n  include uwsgi_params;\n  uwsgi_pass shop;\n}\n"),
        ("nginx.conf", "location /static/ { alias /srv/shop/static/; }\n"),
        ("nginx.conf", "location /wsdl/ { proxy_pass http://soap; }\n"),
        ("nginx.conf", "# location /ws/ {\n"),
        ("apache.conf", "ProxyPass /api/ http://127.0.0.1:9000/\nWSGIScriptAlias / /srv/shop/wsgi.py\n"),
        ("supervisor.conf", "[program:shop]\ncommand=gunicorn shop.wsgi\n"),
        ("supervisor.conf", "[program:news]\n"),
        ("shop.service", "ExecStart=/usr/bin/uwsgi --ini /etc/uwsgi/shop.ini\n"),
        ("Procfile", "web: gunicorn shop.wsgi\nworker: celery -A shop worker\nnews: python manage.py news\n"),
        ("Dockerfile", "FROM python:3.11\nRUN pip install gevent uwsgi\n"),
        ("docker-compose.yml", "services:\n  redis:\n    image: redis\n"),
        ("run.sh", "#!/bin/sh\nexec gunicorn shop.wsgi -k gevent\n"),
        ("setup.cfg", "[x]\ngevent = 1\n"),
        ("shop/views.py", "gevent = 'uwsgi --gevent'\n"),
        ("README.md", "Start it with uwsgi --gevent 100 --http-websockets.\n"),
        ("shop/templates/a.html", "location /ws/ {\n"),
    ],
)
def test_other_lines_and_files_are_passed_over(path: str, text: str) -> None:
    """Pages, comments, other services and other kinds of file are not reported."""
    assert findings_of(server_files.fix_project, {**SITE, path: text}) == []


@pytest.mark.parametrize(
    ("others", "application"),
    [
        (SITE | {"shop/settings.py": APPS}, "shop.asgi:application"),
        ({"src/manage.py": "", "src/shop/settings.py": APPS, "src/shop/wsgi.py": ""}, "shop.asgi:application"),
        ({"shop/settings.py": APPS, "shop/asgi.py": "import uwsgi\n"}, "shop.asgi_websocket:application"),
        ({"settings.py": APPS}, "asgi:application"),
        (SITE, "shop.asgi:application"),
        ({"shop/views.py": ""}, "PROJECT.asgi:application"),
    ],
)
def test_command_names_the_sites_application(others: dict[str, str], application: str) -> None:
    """Who reads the report can copy the command."""
    (finding,) = findings_of(server_files.fix_project, {**others, "uwsgi.ini": "http-websockets = true\n"})
    assert f"daphne -b 127.0.0.1 -p 8001 {application}" in finding.todo
