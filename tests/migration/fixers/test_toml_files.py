"""Tests of the fixer of pyproject.toml and Pipfile."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, check_rewrites, fix
from ws4channels import __version__
from ws4channels.migration.fixers import requirements_files

FIXER = requirements_files.fix
POETRY = "[tool.poetry.dependencies]\n"

PYPROJECT = [
    ('[project]\ndependencies = ["django-websocket-redis"]\n', '[project]\ndependencies = ["ws4channels"]\n'),
    (
        "[project]\nname = 'a'\ndependencies = [\n    'redis<5',  # x\n    'django-websocket-redis>=0.5',\n]\n",
        f"[project]\nname = 'a'\ndependencies = [\n    'redis>=5,<9',  # x\n    'ws4channels>={__version__}',\n]\n",
    ),
    (
        '[project.optional-dependencies]\nlive = ["django-websocket-redis==0.6.0"]\n',
        f'[project.optional-dependencies]\nlive = ["ws4channels=={__version__}"]\n',
    ),
    (f'{POETRY}django-websocket-redis = "^0.6.0"  # chat\n', f'{POETRY}ws4channels = "^{__version__}"  # chat\n'),
    (f'{POETRY}django-websocket-redis = "*"\nredis = "^4.5"\n', f'{POETRY}ws4channels = "*"\nredis = ">=5,<9"\n'),
    (
        f'{POETRY}django-websocket-redis = {{ version = "~0.6", optional = true }}\n',
        f'{POETRY}ws4channels = {{ version = "~{__version__}", optional = true }}\n',
    ),
    (f'{POETRY}django-websocket-redis = {{ git = "https://example.org/x.git" }}\n', f'{POETRY}ws4channels = "*"\n'),
    (
        '[tool.poetry.group.web.dependencies]\n"django-websocket-redis" = "0.6.0"\n',
        f'[tool.poetry.group.web.dependencies]\n"ws4channels" = "{__version__}"\n',
    ),
]
PIPFILE = [
    ('[packages]\ndjango-websocket-redis = "==0.6.0"\n', f'[packages]\nws4channels = "=={__version__}"\n'),
    (
        '[packages]\nsix = "*"\n[dev-packages]\nredis = "<4"\n',
        '[packages]\nsix = "*"\n[dev-packages]\nredis = ">=5,<9"\n',
    ),
]


@pytest.mark.parametrize(("before", "after"), PYPROJECT)
def test_pyproject_requires_ours(before: str, after: str) -> None:
    """Lists of PEP 621 and tables of Poetry name ours, bound as the original was."""
    check_rewrites(FIXER, before, after, "pyproject.toml")


@pytest.mark.parametrize(("before", "after"), PIPFILE)
def test_pipfile_requires_ours(before: str, after: str) -> None:
    """Both tables of a Pipfile are read."""
    check_rewrites(FIXER, before, after, "Pipfile")


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[project]\nname = "django-websocket-redis"\n',
        '[project]\nkeywords = ["gevent", "django-websocket-redis"]\n',
        '[project]\ndependencies = ["redis>=5", "django-redis<5"]\n',
        '[project]\ndependencies = []\n[project.urls]\nredis = "https://example.org/redis<5"\n',
        "[project]\n# dependencies = [`django-websocket-redis`]\n",
        '[build-system]\nrequires = ["setuptools"]\n',
        '[tool.ruff]\nexclude = ["django-websocket-redis"]\n',
        '[tool.poetry]\nname = "django-websocket-redis"\n',
        f'{POETRY}python = "^3.8"\nredis = "^5.0"\n',
        f'{POETRY}django = ">=3.2"\n# django-websocket-redis = "*"\n',
        f'{POETRY}redis = {{ version = ">=3", extras = ["hiredis"] }}\n',
        f'{POETRY}redis = {{ git = "https://example.org/redis.git", tag = "4.0" }}\n',
        '[tool.poetry.scripts]\nredis = "3.0"\n',
    ],
)
def test_pyproject_without_the_original_stays(text: str) -> None:
    """Other sections and keys list no requirements, and new enough ones stay."""
    check_leaves(FIXER, text, "pyproject.toml")


@pytest.mark.parametrize(
    "text",
    [
        '[packages]\nredis = "*"\ndjango = ">=4.2"\n',
        '[requires]\npython_version = "3.8"\n',
        '[scripts]\ngevent = "python -m gevent"\n',
        '[[source]]\nname = "django-websocket-redis"\nurl = "https://example.org"\n',
    ],
)
def test_pipfile_without_the_original_stays(text: str) -> None:
    """A Pipfile without the original stays as it is."""
    check_leaves(FIXER, text, "Pipfile")


def test_other_toml_stays() -> None:
    """Only the two names count."""
    check_leaves(FIXER, '[packages]\ndjango-websocket-redis = "*"\n', "config.toml")


def test_line_of_a_finding_is_where_it_stands() -> None:
    """The report leads to the entry."""
    text = f'{POETRY}django-websocket-redis = "*"\nDjango = "<4"\ngevent = "*"\n'
    assert [finding.line for finding in fix(FIXER, text, "pyproject.toml").findings] == [3, 4]
