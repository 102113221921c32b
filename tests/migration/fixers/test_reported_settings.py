"""Tests of the report about settings."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import findings_of
from ws4channels.migration.fixer import Finding, Severity
from ws4channels.migration.fixers import reported_settings

APPS = "INSTALLED_APPS = ['ws4redis']\n"
RULES = {"common/rules.py": "def allowed(request, channels):\n    return channels\n", "common/__init__.py": ""}


def found(text: str, **others: str) -> list[Finding]:
    """Return what is said of settings in a site."""
    site = {"manage.py": "import django\n", "shop/settings.py": APPS + text, **RULES, **others}
    return findings_of(reported_settings.fix_project, site)


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("'common.rules'", "names a module, not what is in it"),
        ("('news')", "is a word, not the dotted path of a function or class"),
        ("['subscribe-user']", "is no function"),
        ("3", "is no function"),
        ("'common.rules.no'", "names what common/rules.py does not have"),
        ("'common.other.f'", "names a module that is not there"),
    ],
)
def test_rule_that_is_no_function_is_reported(value: str, wrong: str) -> None:
    """The original let everybody in with such a rule; ws4channels refuses every websocket."""
    (finding,) = found(f"WS4REDIS_ALLOWED_CHANNELS = {value}\n")
    assert (finding.line, finding.severity) == (2, Severity.MUST)
    assert finding.what.startswith(f"WS4REDIS_ALLOWED_CHANNELS {wrong}. The original let everybody in")


@pytest.mark.parametrize(
    "value", ["'common.rules.allowed'", "allowed", "lambda r, c: c", "None", "'elsewhere.rules.f'"]
)
def test_rule_that_may_be_right_is_not(value: str) -> None:
    """A function that is there, one that is computed, and one of another package."""
    assert found(f"WS4REDIS_ALLOWED_CHANNELS = {value}\n") == []


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("MIDDLEWARE_CLASSES = ()\n", Severity.MUST),
        ("MIDDLEWARE_CLASSES = ()\nMIDDLEWARE = []\n", Severity.CHECK),
        ("TEMPLATE_CONTEXT_PROCESSORS = ()\n", Severity.MUST),
        ("SESSION_SERIALIZER = 'django.contrib.sessions.serializers.PickleSerializer'\n", Severity.MUST),
        ("CACHES = {'a': {'BACKEND': 'django.core.cache.backends.memcached.MemcachedCache'}}\n", Severity.MUST),
    ],
)
def test_setting_that_django_dropped_is_reported(text: str, severity: Severity) -> None:
    """What replaces it decides how much there is to do."""
    (finding,) = found(text)
    assert (finding.line, finding.severity) == (2, severity)


def test_settings_of_a_worker_are_told_what_to_add() -> None:
    """They use ws4redis, but list no apps; what others combine is no such thing."""
    (finding,) = found("", **{"worker_settings.py": "WS4REDIS_CONNECTION = {}\n"})
    assert (finding.path, finding.severity) == ("worker_settings.py", Severity.MUST)
    assert '"hosts": [WS4REDIS_CONNECTION]' in finding.todo
    assert 'WS4CHANNELS_TRANSPORT = "redis"' in finding.todo
    assert found("from part import *\n", **{"part.py": "WS4REDIS_CONNECTION = {}\n"}) == []


@pytest.mark.parametrize("settings", [{}, {"shop/settings.py": "INSTALLED_APPS = ['ws4redis']\nprint 'x'\n"}])
def test_site_whose_settings_cannot_be_read_is_told_what_to_add(settings: dict[str, str]) -> None:
    """One entry lists all lines that the settings need."""
    site = {"manage.py": "", "shop/wsgi.py": "", "shop/news.py": "import ws4redis.publisher\n", **settings}
    (finding,) = findings_of(reported_settings.fix_project, site)
    assert finding.path == next(iter(settings), "shop/news.py")
    assert 'INSTALLED_APPS = ["daphne", …, "channels", "ws4channels"]' in finding.todo
    assert 'ASGI_APPLICATION = "shop.asgi.application"' in finding.todo
