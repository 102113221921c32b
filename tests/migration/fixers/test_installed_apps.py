"""Tests of the fixer of the lists of apps."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, check_rewrites
from ws4channels.migration.fixers import installed_apps

FIXER = installed_apps.fix
SETTINGS = "site/settings.py"
STATIC = "django.contrib.staticfiles"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("INSTALLED_APPS = ['ws4redis']\n", "INSTALLED_APPS = ['daphne', 'channels', 'ws4channels']\n"),
        ('INSTALLED_APPS = ("a", "ws4redis",)\n', 'INSTALLED_APPS = ("daphne", "a", "channels", "ws4channels",)\n'),
        ("INSTALLED_APPS = 'a', 'ws4redis'\n", "INSTALLED_APPS = 'daphne', 'a', 'channels', 'ws4channels'\n"),
        ("INSTALLED_APPS += ('ws4redis',)\n", "INSTALLED_APPS += ('daphne', 'channels', 'ws4channels',)\n"),
        ("INSTALLED_APPS: list = ['ws4redis']\n", "INSTALLED_APPS: list = ['daphne', 'channels', 'ws4channels']\n"),
        (
            "INSTALLED_APPS = DJANGO_APPS + ['a', 'ws4redis']\n",
            "INSTALLED_APPS = DJANGO_APPS + ['daphne', 'a', 'channels', 'ws4channels']\n",
        ),
        (
            f"DJANGO_APPS = ['a', '{STATIC}']\nOTHER_APPS = ['b', 'ws4redis']\n",
            f"DJANGO_APPS = ['daphne', 'a', '{STATIC}']\nOTHER_APPS = ['b', 'channels', 'ws4channels']\n",
        ),
        (
            "INSTALLED_APPS.append('ws4redis')\nDEBUG = 1\nTEMPLATES = []\n",
            "INSTALLED_APPS.extend(['daphne', 'channels', 'ws4channels'])\nDEBUG = 1\nTEMPLATES = []\n",
        ),
        (
            "INSTALLED_APPS = ['channels', 'daphne', 'ws4redis']\n",
            "INSTALLED_APPS = ['channels', 'daphne', 'ws4channels']\n",
        ),
        (
            "class Base(Configuration):\n    INSTALLED_APPS = ['ws4redis']\n",
            "class Base(Configuration):\n    INSTALLED_APPS = ['daphne', 'channels', 'ws4channels']\n",
        ),
    ],
)
def test_apps_are_listed(before: str, after: str) -> None:
    """In each form of a list the app is replaced, with channels before it and daphne first."""
    assert list(check_rewrites(FIXER, before, after, SETTINGS).findings) == []


def test_lines_and_comments_keep_their_places() -> None:
    """New apps get lines of their own, in the quotes of their neighbours; comments stay beside what they are about."""
    check_rewrites(
        FIXER,
        f"""
        INSTALLED_APPS = [  # all of them
            # Django's
            "django.contrib.auth",
            "{STATIC}",  # files
            # websockets
            'ws4redis',  # of old
        ]
        """,
        f"""
        INSTALLED_APPS = [  # all of them
            "daphne",
            # Django's
            "django.contrib.auth",
            "{STATIC}",  # files
            # websockets
            'channels',
            'ws4channels',  # of old
        ]
        """,
        SETTINGS,
    )


def test_daphne_goes_where_staticfiles_are() -> None:
    """daphne must stand before staticfiles, so in split settings it goes into the file that lists these."""
    base = f"INSTALLED_APPS = ['{STATIC}']\n"
    dev = "from .base import *\nINSTALLED_APPS += ['ws4redis']\n"
    check_rewrites(
        FIXER, base, f"INSTALLED_APPS = ['daphne', '{STATIC}']\n", "site/base.py", others={"site/dev.py": dev}
    )
    check_rewrites(
        FIXER,
        dev,
        "from .base import *\nINSTALLED_APPS += ['channels', 'ws4channels']\n",
        "site/dev.py",
        others={"site/base.py": base},
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "if 'ws4redis' in settings.INSTALLED_APPS:\n    pass\n",
            "if 'ws4channels' in settings.INSTALLED_APPS:\n    pass\n",
        ),
        ("apps.is_installed('ws4redis')\n", "apps.is_installed('ws4channels')\n"),
        ("import_module('ws4redis')\n", "import_module('ws4channels')\n"),
        ("INSTALLED_APPS.remove('ws4redis')\n", "INSTALLED_APPS.remove('ws4channels')\n"),
        (
            "@override_settings(INSTALLED_APPS=['ws4redis'])\ndef f(): pass\n",
            "@override_settings(INSTALLED_APPS=['ws4channels'])\ndef f(): pass\n",
        ),
        ("settings = {'INSTALLED_APPS': ['ws4redis']}\n", "settings = {'INSTALLED_APPS': ['ws4channels']}\n"),
        ("sys.modules['ws4redis'] = None\n", "sys.modules['ws4channels'] = None\n"),
    ],
)
def test_questions_for_the_app_are_renamed(before: str, after: str) -> None:
    """Wherever a text names the app or the package, and outside settings, only the name changes."""
    check_rewrites(FIXER, before, after)


@pytest.mark.parametrize(
    "text",
    [
        "INSTALLED_APPS = ['daphne', 'channels', 'ws4channels']\n",
        "INSTALLED_APPS = ['site.ws4redis']\n",
        f"INSTALLED_APPS = ['{STATIC}']\n",
        "MIDDLEWARE = ['ws4redis']\n",
        "WS4REDIS_CONNECTION = {'client_name': 'ws4redis'}\n",
        "CACHES = {'ws4redis': {'TIMEOUT': 3}}\nTEMPLATES = []\n",
        "LOGGING = {'loggers': {'ws4redis': {}}}\nTEMPLATES = []\n",
        "print('ws4redis')\n",
        "names = ['ws4redis']\n",
        "if prefix == 'ws4redis':\n    pass\n",
        "redis.get('ws4redis')\n",
    ],
)
def test_other_texts_are_left(text: str) -> None:
    """Prefixes, names of other things, and lists that are no apps stay; so does a site that has moved."""
    check_leaves(FIXER, text, SETTINGS)
