"""Tests of the fixer of files for pip."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, check_rewrites, fix
from ws4channels import __version__
from ws4channels.migration.fixer import Severity
from ws4channels.migration.fixers import requirements_files

FIXER = requirements_files.fix
PATH = "requirements.txt"

REPLACED = [
    ("django-websocket-redis\n", "ws4channels\n"),
    ("django-websocket-redis==0.6.0\n", f"ws4channels=={__version__}\n"),
    ("django-websocket-redis == 0.6.0  # chat\n", f"ws4channels == {__version__}  # chat\n"),
    ("Django_WebSocket.Redis>=0.4,<1\n", f"ws4channels>={__version__}\n"),
    ("django-websocket-redis~=0.6\r\nsix\r\n", f"ws4channels~={__version__}\r\nsix\r\n"),
    (
        "a\ndjango-websocket-redis[x]==0.6; python_version > '3'\nb",
        f"a\nws4channels=={__version__}; python_version > '3'\nb",
    ),
    ("-e git+https://github.com/example/django-websocket-redis.git@1f2e#egg=x  # fork\n", "ws4channels  # fork\n"),
    ("git+ssh://git@example.org/django-websocket-redis\n", "ws4channels\n"),
    ("django-websocket-redis @ https://example.org/1.zip\n", "ws4channels\n"),
    ("redis<5\n", "redis>=5,<9\n"),
    ("redis[hiredis]==3.5.3  # queue\n", "redis[hiredis]>=5,<9  # queue\n"),
    ("ws4channels==9\ndjango-websocket-redis\nsix\n", "ws4channels==9\nsix\n"),
]


@pytest.mark.parametrize(("before", "after"), REPLACED)
def test_requirement_is_replaced(before: str, after: str) -> None:
    """The original becomes ours, pinned as it was; redis is raised; the rest of the line and the file stays."""
    check_rewrites(FIXER, before, after, PATH)


@pytest.mark.parametrize(
    "path", ["requirements/base.txt", "deploy/requirements.in", "constraints.txt", "reqs/require.pip"]
)
def test_files_of_many_names_are_read(path: str) -> None:
    """The name of the file or of its folder tells."""
    check_rewrites(FIXER, "django-websocket-redis\n", "ws4channels\n", path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n# nothing\n",
        "redis\n",
        "redis>=5\n",
        "redis>=2.10,<6\n",
        "redis==5.0.1\n",
        "redis==5.*\n",
        "redis~=5.0\n",
        "redis!=3.0\n",
        "Django>=3.2\n",
        "Django==4.2.1\n",
        "Django~=5.1\n",
        "django-redis==4.0\n",
        "django-websocket-redis-fork==1.0\n",
        "my-django-websocket-redis\n",
        "# django-websocket-redis==0.6.0\n",
        "-r base.txt\n-c constraints.txt\n--index-url https://example.org/simple\n",
        "six  # via django-websocket-redis\n",
        "redis-py-cluster<2\n",
        "ws4channels==0.1.0\n",
        "git+https://example.org/other.git#egg=other\n",
        "channels>=4\r\ndaphne\r\n",
    ],
)
def test_other_lines_stay(text: str) -> None:
    """What does not concern us is neither changed nor reported."""
    check_leaves(FIXER, text, PATH)


@pytest.mark.parametrize("path", ["docs/index.rst", "requirements.md", "requirements.py"])
def test_other_files_stay(path: str) -> None:
    """A file of another kind is not looked at."""
    check_leaves(FIXER, "django-websocket-redis==0.6.0\n", path)


@pytest.mark.parametrize("pin", ["<4.2", "==4.1.13", "~=4.1.0", "<=4.1", "==3.*", "~=3.2"])
def test_old_django_is_reported(pin: str) -> None:
    """Which Django to raise it to is not for us to say."""
    fixed = fix(FIXER, f"six\nDjango{pin}\n", PATH)
    assert fixed.text == f"six\nDjango{pin}\n"
    (finding,) = fixed.findings
    assert (finding.line, finding.severity) == (2, Severity.MUST)
    assert finding.shown == f"Django{pin}"
    assert finding.what == "This keeps Django below version 4.2, which ws4channels needs."


def test_raised_redis_is_reported() -> None:
    """Who pins packages is told to pin this one again."""
    (finding,) = fix(FIXER, "redis==3.5.3\n", PATH).findings
    assert finding.what == "This keeps redis below version 5, which ws4channels needs."
    assert finding.todo == "It became >=5,<9: pin it as you pin other packages."


def test_hashes_of_what_was_replaced_go() -> None:
    """The file must be made again, and says so."""
    six = "six==1.16.0 \\\n    --hash=sha256:aa\n"
    original = "django-websocket-redis==0.6.0 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    before, after = f"{six}{original}z==1\n", f"{six}ws4channels=={__version__}\nz==1\n"
    fixed = check_rewrites(FIXER, before, after, PATH)
    (finding,) = fixed.findings
    assert (finding.line, finding.severity) == (3, Severity.MUST)


@pytest.mark.parametrize("name", ["gevent", "greenlet", "uWSGI"])
def test_packages_of_the_old_server_are_reported(name: str) -> None:
    """They are left, for something else may need them."""
    fixed = fix(FIXER, f"{name}==1.0\n", PATH, {"site/views.py": "import os\n"})
    assert fixed.text == f"{name}==1.0\n"
    (finding,) = fixed.findings
    assert finding.todo == "No other file here needs it. If nothing outside does, remove it."


def test_packages_that_other_files_import_are_to_be_kept() -> None:
    """A file that starts the original's server does not count."""
    others = {
        "site/crawl.py": "from gevent import pool\n",
        "site/wsgi_websocket.py": "import gevent\nfrom ws4redis.uwsgi_runserver import uWSGIWebsocketServer\n",
    }
    (finding,) = fix(FIXER, "gevent\n", PATH, others).findings
    assert finding.todo == "Keep it, because of site/crawl.py."
    assert finding.severity is Severity.NOTE
