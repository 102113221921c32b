"""Tests of what becomes of one requirement."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import facts_of
from ws4channels import __version__
from ws4channels.migration.requirements import (
    REQUIREMENT,
    excludes_from,
    importers_of,
    in_the_style_of,
    judge,
    normalized,
)

MAJOR_MINOR = __version__.rpartition(".")[0]


@pytest.mark.parametrize(
    "versions",
    [
        "<5",
        "<=4.6",
        "==3.5.3",
        "==4.*",
        "~=4.5",
        "^4.5",
        "~4.5",
        "~4",
        "4.5",
        "=4.0",
        ">=2.10, <5",
        "<4.99,!=3",
        "^0.9",
        "^4",
    ],
)
def test_old_versions_exclude_new_ones(versions: str) -> None:
    """No version from 5 on satisfies these."""
    assert excludes_from(versions, (5,))


@pytest.mark.parametrize(
    "versions",
    ["", "*", ">=2.10", "<6", "<5.1", "<=5", "==5.0.1", "==5.*", "~=5.0", "^5.0", "~5", "!=4", ">4", "latest", "5"],
)
def test_new_versions_are_possible(versions: str) -> None:
    """Some version from 5 on satisfies these, or nobody can tell."""
    assert not excludes_from(versions, (5,))


@pytest.mark.parametrize("versions", ["<4.2", "==4.1.13", "~=4.1.0", "==4.1.*", "^3.2", "~4.1", "3.2"])
def test_minor_versions_count(versions: str) -> None:
    """Django 4.1 is too old, although 4.2 is not."""
    assert excludes_from(versions, (4, 2))


@pytest.mark.parametrize("versions", ["<4.3", "==4.2", "~=4.1", "==4.*", "^4.0", "~4", ">=3.2", "<5"])
def test_minor_versions_that_are_possible(versions: str) -> None:
    """Django 4.2 satisfies these."""
    assert not excludes_from(versions, (4, 2))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("", ""),
        ("*", "*"),
        ("==0.6.0", f"=={__version__}"),
        ("== 0.6.0", f"== {__version__}"),
        ("===0.6", f"==={__version__}"),
        ("==0.6.*", f"=={MAJOR_MINOR}.*"),
        ("~=0.6", f"~={__version__}"),
        ("^0.6", f"^{__version__}"),
        ("~0.6", f"~{__version__}"),
        ("0.6.0", __version__),
        (">=0.5,<1", f">={__version__}"),
        ("<1", f">={__version__}"),
        ("!=0.5", f">={__version__}"),
    ],
)
def test_ours_is_pinned_in_their_style(theirs: str, ours: str) -> None:
    """An exact pin stays exact, a bound a bound, and nothing nothing."""
    assert in_the_style_of(theirs) == ours


@pytest.mark.parametrize("name", ["django-websocket-redis", "Django_Websocket.Redis", "DJANGO--WEBSOCKET-REDIS"])
def test_all_spellings_are_one_name(name: str) -> None:
    """Packages are found by any spelling."""
    assert normalized(name) == "django-websocket-redis"
    assert judge(name, "", facts_of({})).name == "ws4channels"


@pytest.mark.parametrize("name", ["six", "django-redis", "channels", "daphne", "redis", "Django", "ws4channels"])
def test_other_packages_stay(name: str) -> None:
    """Nothing is to be done, and nothing to be said."""
    verdict = judge(name, ">=1", facts_of({}))
    assert (verdict.name, verdict.what) == (None, "")
    assert list(verdict.finding("requirements.txt", 1)) == []


@pytest.mark.parametrize(
    ("text", "name", "versions", "rest"),
    [
        ("a", "a", None, ""),
        ("a-b_c.d==1.0", "a-b_c.d", "==1.0", ""),
        ("a [x,y] >= 1, < 2", "a", ">= 1, < 2", ""),
        ("a; python_version < '3'", "a", None, "; python_version < '3'"),
        ("a @ https://example.org/a.zip", "a", None, ""),
    ],
)
def test_requirements_are_read(text: str, name: str, versions: str | None, rest: str) -> None:
    """Name, versions and markers are told apart."""
    found = REQUIREMENT.fullmatch(text)
    assert found is not None
    assert (found["name"], found["versions"], found["rest"]) == (name, versions, rest)


def test_importers_are_files_that_need_the_package_for_something_else() -> None:
    """Any form of import counts; relative ones and the original's server do not."""
    facts = facts_of(
        {
            "a.py": "import gevent.pool as p\n",
            "b.py": "def f():\n    from gevent import spawn\n",
            "c.py": "import gevent.monkey\nfrom ws4redis import uwsgi_runserver\n",
            "d.py": "from . import gevent\nimport geventlet\n",
            "e.py": "from uwsgidecorators import timer\n",
        }
    )
    assert importers_of({"gevent", "uwsgidecorators"}, facts) == ["a.py", "b.py", "e.py"]
