"""Tests of finding the settings, WSGI and ASGI modules of a site."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import facts_of
from ws4channels.migration import layout

APPS = "INSTALLED_APPS = ['ws4redis']\n"
STATIC = "INSTALLED_APPS = ['django.contrib.staticfiles']\n"
SERVER = "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer\n"


@pytest.mark.parametrize(
    "text", [APPS, "LOCAL_APPS = ('a', 'ws4redis')\n", "INSTALLED_APPS.append('ws4redis')\nDEBUG = 1\nTEMPLATES = []\n"]
)
def test_settings_that_list_the_app_are_found(text: str) -> None:
    """Lists of apps and calls that add to them count."""
    facts = facts_of({"a.py": text, "b.py": "INSTALLED_APPS = ['a']\n"})
    assert [module.path for module in layout.app_modules(facts)] == ["a.py"]


def test_daphne_belongs_where_staticfiles_are() -> None:
    """The nearest settings that list staticfiles get it; without any, those that list ws4redis."""
    facts = facts_of({"base.py": STATIC, "dev.py": f"from base import *\n{APPS}", "other.py": APPS})
    assert layout.daphne_paths(facts) == {"base.py", "other.py"}


def test_relatives_of_settings_with_the_app_are_concerned() -> None:
    """Settings that take part in the same configuration are; those of another site are not."""
    facts = facts_of(
        {
            "base.py": STATIC,
            "dev.py": f"from base import *\n{APPS}",
            "live.py": "from dev import *\nTEMPLATES = []\n",
            "other.py": STATIC,
        }
    )
    assert [path for path in facts.modules if layout.is_concerned(facts, path)] == ["base.py", "dev.py", "live.py"]


@pytest.mark.parametrize(
    ("others", "wsgi", "asgi"),
    [
        ({"mysite/wsgi.py": ""}, "mysite/wsgi.py", "mysite/asgi.py"),
        ({"conf/wsgi.py": "", "mysite/deep/wsgi.py": ""}, "conf/wsgi.py", "conf/asgi.py"),
        ({"wsgi.py": ""}, "wsgi.py", "asgi.py"),
        ({"conf/wsgi_websocket.py": SERVER}, None, "conf/asgi.py"),
        ({"conf/urls.py": ""}, None, "conf/asgi.py"),
        ({}, None, "mysite/asgi.py"),
        ({"mysite/asgi.py": SERVER}, None, "mysite/asgi_websocket.py"),
        ({"mysite/asgi.py": "print 'x'\n"}, None, "mysite/asgi_websocket.py"),
        ({"mysite/asgi.py": "import channels.asgi\n"}, None, "mysite/asgi.py"),
        ({"mysite/asgi.py": "from django.core.asgi import get_asgi_application\n"}, None, "mysite/asgi.py"),
    ],
)
def test_asgi_module_stands_beside_wsgi(others: dict[str, str], wsgi: str | None, asgi: str) -> None:
    """It stands beside wsgi.py, else where the old server's module, the URLs or the settings are."""
    facts = facts_of({"manage.py": "", "mysite/settings.py": f"{APPS}ROOT_URLCONF = 'conf.urls'\n", **others})
    assert layout.wsgi_of(facts, "mysite/settings.py") == wsgi
    assert layout.asgi_of(facts, "mysite/settings.py") == asgi


def test_wsgi_module_is_the_one_that_settings_name() -> None:
    """WSGI_APPLICATION decides between several."""
    settings = f"{APPS}WSGI_APPLICATION = 'mysite.deploy.application'\n"
    facts = facts_of({"manage.py": "", "mysite/settings.py": settings, "mysite/deploy.py": "", "wsgi.py": ""})
    assert layout.wsgi_of(facts, "mysite/settings.py") == "mysite/deploy.py"


def test_two_sites_are_kept_apart() -> None:
    """Each manage.py has modules of its own."""
    site = {"manage.py": "", "conf/settings.py": APPS, "conf/wsgi.py": ""}
    facts = facts_of({f"{folder}/{path}": text for folder in ("one", "two") for path, text in site.items()})
    assert layout.wsgi_of(facts, "two/conf/settings.py") == "two/conf/wsgi.py"
    assert facts.name_of(layout.asgi_of(facts, "one/conf/settings.py")) == "conf.asgi"


def test_settings_module_is_named_by_manage_py() -> None:
    """What manage.py puts into the environment comes before what others do."""
    facts = facts_of(
        {
            "a.py": "os.environ['DJANGO_SETTINGS_MODULE'] = 'conf.a'\n",
            "manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'conf.live')\n",
        }
    )
    assert layout.settings_named_for(facts, "conf/asgi.py") == "conf.live"
    assert layout.settings_named_for(facts_of({"manage.py": ""}), "conf/asgi.py") is None


def test_settings_that_use_the_original_without_listing_it_get_the_app() -> None:
    """The original worked without being listed; the apps belong where the other apps are."""
    facts = facts_of({"apps.py": "INSTALLED_APPS = ['a']\n", "conf.py": "from apps import *\nWS4REDIS_PREFIX = 'x'\n"})
    assert [module.path for module in layout.app_modules(facts)] == ["apps.py"]


def test_daphne_is_optional_where_the_original_was() -> None:
    """Settings that add ws4redis under a condition, or beside others that do not, put daphne first themselves."""
    switch = facts_of({"s.py": f"{STATIC}if LIVE:\n    INSTALLED_APPS += ['ws4redis']\n"})
    assert layout.adds_daphne_itself(switch.modules["s.py"], switch)
    texts = {"base.py": STATIC, "live.py": "from base import *\nINSTALLED_APPS += ['ws4redis']\n"}
    alone, two = facts_of(texts), facts_of({**texts, "dev.py": "from base import *\nDEBUG = True\nTEMPLATES = []\n"})
    assert layout.daphne_paths(alone) == {"base.py"}
    assert layout.daphne_paths(two) == {"live.py"}
