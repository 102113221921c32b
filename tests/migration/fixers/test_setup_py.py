"""Tests of the fixer of setup.py and setup.cfg."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, check_rewrites, fix
from ws4channels import __version__
from ws4channels.migration.fixers import requirements_files

FIXER = requirements_files.fix

SETUP_PY = [
    ("setup(install_requires=['django-websocket-redis'])\n", "setup(install_requires=['ws4channels'])\n"),
    ('x = ["redis<5", "django-websocket-redis>=0.5",]\n', f'x = ["redis>=5,<9", "ws4channels>={__version__}",]\n'),
    (
        "r = ['six',\n     'django-websocket-redis==0.6']  # y\n",
        f"r = ['six',\n     'ws4channels=={__version__}']  # y\n",
    ),
]
SETUP_CFG = [
    (
        "[options]\ninstall_requires =\n    six\n    django-websocket-redis\n",
        "[options]\ninstall_requires =\n    six\n    ws4channels\n",
    ),
    ("[options.extras_require]\nlive = django-websocket-redis\n", "[options.extras_require]\nlive = ws4channels\n"),
    (
        "[metadata]\nname = a\n[options]\ntests_require = redis==3\n[x]\n",
        "[metadata]\nname = a\n[options]\ntests_require = redis>=5,<9\n[x]\n",
    ),
]


@pytest.mark.parametrize(("before", "after"), SETUP_PY)
def test_setup_py_requires_ours(before: str, after: str) -> None:
    """Each text that is a requirement as a whole is replaced, quotes and commas kept."""
    check_rewrites(FIXER, before, after, "setup.py")


@pytest.mark.parametrize(("before", "after"), SETUP_CFG)
def test_setup_cfg_requires_ours(before: str, after: str) -> None:
    """Each requirement in the lists of requirements is replaced."""
    check_rewrites(FIXER, before, after, "setup.cfg")


@pytest.mark.parametrize(
    "text",
    [
        "from setuptools import setup\n\nsetup(name='x')\n",
        "setup(name='django-websocket-redis')\n",
        "setup(description='like django-websocket-redis, but blue')\n",
        'setup(description="our \'django-websocket-redis\'" "!")\n',
        "setup(url='https://example.org/django-websocket-redis')\n",
        "# 'django-websocket-redis' was here once, as django-websocket-redis>=0.5\n".replace("'", "`"),
        "setup(install_requires=['redis', 'redis>=5', 'Django>=3.2', 'django-redis<5'])\n",
        "setup(install_requires=open('requirements.txt').read())\n",
        "setup(packages=find_packages(), classifiers=['Framework :: Django :: 3.2'])\n",
        "setup(keywords='redis django')\n",
    ],
)
def test_setup_py_without_the_original_stays(text: str) -> None:
    """Other texts are no requirements."""
    check_leaves(FIXER, text, "setup.py")


@pytest.mark.parametrize(
    "text",
    [
        "[metadata]\nname = django-websocket-redis\n",
        "[metadata]\nkeywords =\n    django-websocket-redis\n    redis\n",
        "[options]\npackages = find:\n",
        "[options]\ninstall_requires =\n    redis>=5\n    # django-websocket-redis\n",
        "[isort]\nknown_third_party = django-websocket-redis\n",
        "[options]\nkeywords =\n    gevent\n",
        "[tool:pytest]\naddopts = -q\n",
    ],
)
def test_setup_cfg_without_the_original_stays(text: str) -> None:
    """Other sections and keys list no requirements."""
    check_leaves(FIXER, text, "setup.cfg")


def test_line_of_a_finding_is_where_it_stands() -> None:
    """The report leads to the requirement, whatever was replaced before it."""
    text = "setup(\n install_requires=[\n  'django-websocket-redis',\n  'Django<4',\n  'gevent',\n ],\n)\n"
    assert [finding.line for finding in fix(FIXER, text, "setup.py").findings] == [4, 5]


def test_other_files_stay() -> None:
    """Only the two names count."""
    check_leaves(FIXER, "x = ['django-websocket-redis']\n", "site/setup_site.py")
