"""Tests of the dotted names of files."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import facts_of


def manage(settings: str) -> str:
    """Return the text of a manage.py."""
    return f"os.environ.setdefault('DJANGO_SETTINGS_MODULE', '{settings}')\n"


@pytest.mark.parametrize(
    ("texts", "path", "name"),
    [
        ({"manage.py": manage("shop.conf"), "shop/conf.py": ""}, "shop/wsgi.py", "shop.wsgi"),
        ({"farm/manage.py": manage("farm.core.conf"), "farm/core/conf.py": ""}, "farm/core/wsgi.py", "farm.core.wsgi"),
        ({"farm/manage.py": manage("core.conf"), "farm/core/conf.py": ""}, "farm/core/wsgi.py", "core.wsgi"),
        ({"farm/manage.py": manage("farm.conf.local")}, "farm/conf/base.py", "farm.conf.base"),
        ({"manage.py": manage("shop.conf"), "apps/shop/conf.py": ""}, "apps/shop/wsgi.py", "shop.wsgi"),
        ({"setup.py": "", "src/shop/a.py": ""}, "src/shop/a.py", "shop.a"),
        ({"old/manage.py": manage("shop.conf"), "old/shop/conf.py": ""}, "old/shop/wsgi.py", "shop.wsgi"),
    ],
)
def test_names_begin_where_the_settings_name_does(texts: dict[str, str], path: str, name: str) -> None:
    """The prefix is the one by which manage.py calls the settings, wherever manage.py lies."""
    assert facts_of(texts).name_of(path) == name


def test_same_name_in_two_sites_is_each_sites_own() -> None:
    """A module is looked for below the root of the file that names it, then below the others."""
    texts = {f"{site}/{path}": "" for site in ("old", "new") for path in ("manage.py", "shop/wsgi.py")}
    facts = facts_of(texts)
    assert facts.path_of("shop.wsgi", "old/shop/settings.py") == "old/shop/wsgi.py"
    assert facts.path_of("shop.wsgi", "new/shop/settings.py") == "new/shop/wsgi.py"
