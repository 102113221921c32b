"""Tests of the fixer that writes asgi.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migration.rewriting import examine_site, facts_of, project_of
from ws4channels.migration.fixer import ProjectFixed
from ws4channels.migration.fixers import asgi

SETTINGS = {"manage.py": "", "mysite/settings.py": "INSTALLED_APPS = ['ws4redis']\n"}
WSGI = """\
# Copyright
'''WSGI config.'''
import os, sys
from django.core.wsgi import get_wsgi_application

sys.path.append('/srv')
os.environ['DJANGO_SETTINGS_MODULE'] = 'mysite.conf'

application = get_wsgi_application()
"""


def make(texts: dict[str, str]) -> ProjectFixed:
    """Return what the fixer makes for a project."""
    return asgi.fix_project(project_of(texts).files, facts_of(texts))


def test_file_is_the_twin_of_wsgi_py() -> None:
    """Paths, environment and settings module are those of wsgi.py."""
    made = make({**SETTINGS, "mysite/wsgi.py": WSGI})
    assert made.new_files == {
        "mysite/asgi.py": WSGI.replace("# Copyright\n", "")
        .replace("'''WSGI config.'''", '"""ASGI application of mysite: pages and websockets."""\n')
        .replace("django.core.wsgi", "ws4channels.asgi")
        .replace("get_wsgi", "get_asgi")
    }
    assert list(made.findings) == []


def test_comments_stay_behind() -> None:
    """Comments in wsgi.py are about the old server, and may hold its commands and passwords."""
    text = (
        "# uwsgi --gevent\n"
        + WSGI.replace("'/srv')", "'/srv')  # password: x")
        + "# from ws4redis import wsgi_server\n"
    )
    made = make({**SETTINGS, "mysite/wsgi.py": text})
    assert "#" not in made.new_files["mysite/asgi.py"]
    assert "sys.path.append('/srv')\n" in made.new_files["mysite/asgi.py"]


def test_settings_are_those_of_wsgi_py_and_not_of_manage_py() -> None:
    """Where wsgi.py does more than Django's, the new file names the same settings as it does."""
    manage = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings.local')\n"
    wsgi = WSGI.replace("mysite.conf", "mysite.settings.production") + "application = Wrapped(application)\n"
    made = make({**SETTINGS, "manage.py": manage, "mysite/wsgi.py": wsgi})
    assert '"DJANGO_SETTINGS_MODULE", "mysite.settings.production"' in made.new_files["mysite/asgi.py"]


def test_twin_of_mod_wsgis_file_stands_in_the_package() -> None:
    """A file under .wsgi is nothing that can be imported, so asgi.py stands beside the settings."""
    made = make({**SETTINGS, "apache/site.wsgi": WSGI})
    assert "sys.path.append('/srv')" in made.new_files["mysite/asgi.py"]


def test_words_about_gevent_do_not_count() -> None:
    """A docstring that tells of the old server does not make wsgi.py one."""
    made = make({**SETTINGS, "mysite/wsgi.py": WSGI.replace("WSGI config.", "No gevent, no ws4redis.")})
    assert "sys.path" in made.new_files["mysite/asgi.py"]
    assert list(made.findings) == []


def test_file_without_a_wsgi_py_names_the_settings_of_manage_py() -> None:
    """The settings module is that of manage.py, and the file stands beside the URLs' module or the settings."""
    manage = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings.live')\n"
    settings = "INSTALLED_APPS = ['ws4redis']\nROOT_URLCONF = 'mysite.urls'\n"
    made = make({"manage.py": manage, "mysite/urls.py": "", "mysite/settings/live.py": settings})
    assert made.new_files == {
        "mysite/asgi.py": '"""ASGI application of mysite: pages and websockets."""\n'
        "\nimport os\n\nfrom ws4channels.asgi import get_asgi_application\n"
        '\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings.live")\n'
        "\napplication = get_asgi_application()\n"
    }


@pytest.mark.parametrize(
    "more",
    [
        "from whitenoise import WhiteNoise\napplication = WhiteNoise(application)\n",
        "if DEBUG:\n    import ptvsd\n",
        "from gevent import monkey\nmonkey.patch_all()\n",
    ],
)
def test_wsgi_py_that_does_more_is_not_copied(more: str) -> None:
    """What wraps or patches a WSGI application is not for websockets: a plain file is written, and that is said."""
    made = make({**SETTINGS, "mysite/wsgi.py": WSGI + more})
    assert "sys.path" not in made.new_files["mysite/asgi.py"]
    (finding,) = made.findings
    assert finding.path == "mysite/wsgi.py"


def test_file_that_is_taken_is_not_overwritten() -> None:
    """A file named asgi.py with something else in it stays; the new one has another name, and both are said."""
    old = "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer\n"
    made = make({**SETTINGS, "mysite/wsgi.py": WSGI, "mysite/asgi.py": old})
    assert list(made.new_files) == ["mysite/asgi_websocket.py"]
    (finding,) = made.findings
    assert finding.path == "mysite/asgi.py"


@pytest.mark.parametrize(
    "texts",
    [
        {**SETTINGS, "mysite/asgi.py": "from ws4channels.asgi import get_asgi_application\n"},
        {**SETTINGS, "mysite/asgi.py": "from django.core.asgi import get_asgi_application\n"},
        {"manage.py": "", "mysite/settings.py": "INSTALLED_APPS = ['ws4channels']\n"},
        {"manage.py": "", "mysite/settings.py": "INSTALLED_APPS = ['a']\n", "mysite/wsgi.py": WSGI},
        {"manage.py": "", "app.py": "import ws4redis\n"},
    ],
)
def test_nothing_is_written_for_others(texts: dict[str, str]) -> None:
    """A site with an ASGI module, or without ws4redis among its apps, gets none."""
    made = make(texts)
    assert (dict(made.new_files), list(made.findings)) == ({}, [])


def test_server_module_that_mentions_nothing_of_ours_is_read(tmp_path: Path) -> None:
    """The file that WSGI_APPLICATION names is looked at, whatever its name and words."""
    settings = "INSTALLED_APPS = ['ws4redis']\nWSGI_APPLICATION = 'mysite.deploy.application'\n"
    deploy = "from site_tools import make\napplication = make()\n"
    report = examine_site(tmp_path, {"manage.py": "", "mysite/settings.py": settings, "mysite/deploy.py": deploy})
    assert "mysite/asgi.py" in [change.after.path for change in report.changes]
    assert ("mysite/deploy.py", "Copy what websockets need.") in [(each.path, each.todo) for each in report.findings]
