"""Tests of what is collected about all files."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import facts_of


def test_modules_are_named_from_where_manage_py_is() -> None:
    """A module's dotted name begins at the nearest folder with a manage.py or setup.py, or at the root."""
    facts = facts_of({"src/manage.py": "", "src/app/__init__.py": "", "src/app/views.py": "", "tools/run.py": ""})
    assert {path: module.name for path, module in facts.modules.items()} == {
        "src/manage.py": "manage",
        "src/app/__init__.py": "app",
        "src/app/views.py": "app.views",
        "tools/run.py": "tools.run",
    }


def test_files_that_do_not_parse_are_noted_with_the_line() -> None:
    """Python 2, templates of Python and files that hold no Python at all are told apart from modules."""
    facts = facts_of({"a.py": "x = 1\nprint 'x'\n", "b.py": "{% if x %}\n", "c.py": "x = '\\d'\n"})
    assert {path: line for path, (line, _) in facts.unparsed.items()} == {"a.py": 2, "b.py": 1}
    assert list(facts.modules) == ["c.py"]


def test_settings_are_known_by_what_they_assign() -> None:
    """A module that assigns settings is one, whatever its name; one that assigns them in a function is none."""
    facts = facts_of(
        {
            "conf/base.py": "INSTALLED_APPS = []\n",
            "conf/live.py": "if 1:\n    WS4REDIS_EXPIRE = 3\n",
            "conf/klass.py": "class Dev:\n    TEMPLATES: list = []\n",
            "app/views.py": "def f():\n    MIDDLEWARE = []\nDEBUG = 1\n",
        }
    )
    assert [module.path for module in facts.settings] == ["conf/base.py", "conf/live.py", "conf/klass.py"]


def test_star_imports_are_followed_to_their_files() -> None:
    """Settings that import everything from others know these, the nearest first."""
    facts = facts_of(
        {
            "conf/__init__.py": "from .dev import *\n",
            "conf/base.py": "",
            "conf/common.py": "from conf.base import *\n",
            "conf/dev.py": "try:\n    from .common import *\nexcept ImportError:\n    pass\nfrom os import *\n",
        }
    )
    assert [base.path for base in facts.bases_of("conf/__init__.py")] == [
        "conf/dev.py",
        "conf/common.py",
        "conf/base.py",
    ]
    assert facts.bases_of("conf/base.py") == []


def test_circle_of_star_imports_ends() -> None:
    """Two modules that import each other are each other's base, once."""
    facts = facts_of({"a.py": "from b import *\n", "b.py": "from a import *\n"})
    assert [base.path for base in facts.bases_of("a.py")] == ["b.py"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WEBSOCKET_URL = '/stream'\n", "/stream"),
        ("WEBSOCKET_URL = get()\nWSGI_APPLICATION = ''\n", "/ws/"),
        ("INSTALLED_APPS = []\n", "/ws/"),
    ],
)
def test_websocket_url_is_the_settings(text: str, expected: str) -> None:
    """The URL is what a settings file says in plain text, or the original's default."""
    assert facts_of({"settings.py": text}).websocket_urls == {expected}


def test_app_lists_are_found_in_their_forms() -> None:
    """Lists and tuples of apps are found where they are assigned, added and summed up."""
    facts = facts_of(
        {
            "s.py": """
                BASE_APPS = ("a",)
                INSTALLED_APPS = BASE_APPS + ["b", x]
                INSTALLED_APPS += ("c",)
                OTHER = ["d"]
            """.replace(" " * 16, "")
        }
    )
    (module,) = facts.modules.values()
    assert module.listed_apps == {"a", "b", "c"}


def test_added_apps_are_found() -> None:
    """Calls that add to a list of apps are understood; other calls are not."""
    text = "INSTALLED_APPS.append('a')\nX_APPS.extend(['b', 'c'])\nOTHER.append('d')\nX_APPS.sort()\nf('e')\n"
    assert facts_of({"s.py": text}).modules["s.py"].apps == {"a", "b", "c"}


def test_modules_that_hand_the_package_on_are_found() -> None:
    """They import it themselves, by its own name, or take it from one that does; server modules do not count."""
    facts = facts_of(
        {
            "a.py": "import ws4redis.publisher\n",
            "b.py": "from a import ws4redis\n",
            "c.py": "from b import *\n",
            "d.py": "import ws4redis as w\n",
            "e.py": "import ws4redis.wsgi_server\n",
            "f.py": "def f():\n    import ws4redis\n",
            "g.py": "from a import os\n",
        }
    )
    assert facts.binders == {"a", "b", "c"}
