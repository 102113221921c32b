"""Tests of the fixer of the names of applications."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, check_rewrites, fix
from ws4channels.migration.fixers import applications

FIXER = applications.fix
SETTINGS = "mysite/settings.py"
APPS = "INSTALLED_APPS = ['ws4redis']\n"
WSGI = {"mysite/wsgi.py": "application = 1\n", "manage.py": ""}
OWN = "WSGI_APPLICATION = 'mysite.wsgi.application'\n"
OF_OLD = "WSGI_APPLICATION = 'ws4redis.django_runserver.application'\n"


def test_wsgi_application_is_the_sites_own_again() -> None:
    """The old server's application gives way to the plain one, and ASGI_APPLICATION stands beside it."""
    fixed = fix(FIXER, f"{APPS}{OF_OLD}DEBUG = 1\n", SETTINGS, WSGI)
    assert fixed.text == (
        f"{APPS}WSGI_APPLICATION = 'mysite.wsgi.application'\nASGI_APPLICATION = 'mysite.asgi.application'\nDEBUG = 1\n"
    )


def test_asgi_application_takes_the_place_where_there_is_no_wsgi() -> None:
    """Without a WSGI module the line becomes ASGI_APPLICATION; what is above it stays."""
    fixed = fix(FIXER, f"{APPS}\n# The server.\n{OF_OLD}", SETTINGS, {"manage.py": ""})
    assert fixed.text == f"{APPS}\n# The server.\nASGI_APPLICATION = 'mysite.asgi.application'\n"


def test_asgi_application_follows_the_apps() -> None:
    """Without WSGI_APPLICATION it stands after the apps."""
    fixed = fix(FIXER, f"{APPS}DEBUG = 1\n", SETTINGS, WSGI)
    assert fixed.text == f'{APPS}ASGI_APPLICATION = "mysite.asgi.application"\nDEBUG = 1\n'


def test_asgi_application_follows_plain_wsgi_application() -> None:
    """A WSGI_APPLICATION that is the site's own stays."""
    own = "WSGI_APPLICATION = 'mysite.wsgi.application'\n"
    fixed = fix(FIXER, APPS + own, SETTINGS, WSGI)
    assert fixed.text == f"{APPS}{own}ASGI_APPLICATION = 'mysite.asgi.application'\n"


def test_conditional_line_does_not_decide() -> None:
    """A line in an if is corrected where it stands, and ASGI_APPLICATION is set in any case."""
    fixed = fix(FIXER, f"{APPS}if DEBUG:\n    {OF_OLD}", SETTINGS, WSGI)
    assert fixed.text == (
        f'{APPS}ASGI_APPLICATION = "mysite.asgi.application"\n'
        "if DEBUG:\n    WSGI_APPLICATION = 'mysite.wsgi.application'\n"
    )


@pytest.mark.parametrize(
    ("others", "name", "more"),
    [
        (WSGI, "WSGI_APPLICATION = 'mysite.wsgi.application'", 'ASGI_APPLICATION = "mysite.asgi.application"\n'),
        ({"manage.py": ""}, "ASGI_APPLICATION = 'mysite.asgi.application'", ""),
    ],
)
def test_other_statements_of_the_line_stay(others: dict[str, str], name: str, more: str) -> None:
    """Of several statements in one line only that one changes."""
    fixed = fix(FIXER, f"{APPS}A = 1; {OF_OLD.strip()}; B = 2\n", SETTINGS, others)
    assert fixed.text == f"{APPS}A = 1; {name}; B = 2\n{more}"


def test_annotated_line_keeps_its_annotation() -> None:
    """A setting with a type is corrected like any other."""
    fixed = fix(FIXER, f"{APPS}{OF_OLD.replace(' =', ': str =')}", SETTINGS, WSGI)
    assert 'WSGI_APPLICATION: str = "mysite.wsgi.application"\n' in fixed.text


def test_block_of_which_nothing_is_left_goes() -> None:
    """Where nothing takes the place of the only line of a block, the condition goes as well."""
    fixed = fix(FIXER, f"{APPS}if DEBUG:\n    {OF_OLD}", SETTINGS, {"manage.py": ""})
    assert fixed.text == f'{APPS}ASGI_APPLICATION = "mysite.asgi.application"\n'


def test_apps_in_a_block_put_it_at_the_end() -> None:
    """If no line that always runs can be followed, the end of the file can."""
    fixed = fix(FIXER, "if DEBUG:\n    INSTALLED_APPS = ['ws4redis']", SETTINGS, WSGI)
    assert fixed.text.endswith("    INSTALLED_APPS = ['ws4redis']\nASGI_APPLICATION = \"mysite.asgi.application\"\n")


def test_name_is_another_where_asgi_py_is_taken() -> None:
    """A file of that name that holds no ASGI application is not loaded as one."""
    others = {**WSGI, "mysite/asgi.py": "from ws4redis.uwsgi_runserver import uWSGIWebsocketServer\n"}
    assert '"mysite.asgi_websocket.application"' in fix(FIXER, APPS, SETTINGS, others).text


def test_line_endings_are_the_files() -> None:
    """What is added to a file with Windows line endings has these."""
    fixed = fix(FIXER, APPS.replace("\n", "\r\n"), SETTINGS, WSGI)
    assert fixed.text == "INSTALLED_APPS = ['ws4redis']\r\nASGI_APPLICATION = \"mysite.asgi.application\"\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "INSTALLED_APPS = ['a']\nWSGI_APPLICATION = 'mysite.wsgi.application'\n",
        "INSTALLED_APPS = ['ws4channels']\n",
        f"{APPS}ASGI_APPLICATION = 'mysite.routing.application'\n",
        "WSGI_APPLICATION = get_application()\n",
        "WSGI_APPLICATION = 'ws4redis_extras.django_runserver.application'\n",
    ],
)
def test_other_settings_are_left(text: str) -> None:
    """Settings without ws4redis, or with an ASGI application already, stay."""
    check_leaves(FIXER, text, SETTINGS, WSGI)


def test_settings_that_inherit_it_get_none() -> None:
    """If the settings that a file imports get ASGI_APPLICATION, the file has it too."""
    check_leaves(FIXER, f"from .base import *\n{APPS}", "mysite/test.py", {"mysite/base.py": APPS})


def test_heirs_line_is_corrected() -> None:
    """WSGI_APPLICATION is corrected in every file that sets it."""
    check_rewrites(
        FIXER,
        f"from .base import *\n{OF_OLD}",
        "from .base import *\nWSGI_APPLICATION = 'mysite.wsgi.application'\n",
        "mysite/dev.py",
        {"mysite/base.py": APPS, **WSGI},
    )


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (f"A = 1\n    {OF_OLD}", f"if LIVE:\n    A = 1\n{OWN}"),
        (f"{OF_OLD}    A = 1\n", f"{OWN}if LIVE:\n    A = 1\n"),
        (OF_OLD, OWN),
    ],
)
def test_else_that_does_what_the_rest_does_goes(body: str, left: str) -> None:
    """What both branches of a switch do stands before or after it, in the order in which it was done."""
    fixed = fix(FIXER, f"{APPS}if LIVE:\n    {body}else:\n    {OWN}", SETTINGS, WSGI)
    assert fixed.text == f'{APPS}ASGI_APPLICATION = "mysite.asgi.application"\n{left}'


def test_else_that_does_more_stays() -> None:
    """A switch whose branches differ is kept."""
    fixed = fix(FIXER, f"{APPS}if LIVE:\n    A = 1\n    {OF_OLD}else:\n    A = 2\n    {OWN}", SETTINGS, WSGI)
    assert fixed.text.endswith(f"if LIVE:\n    A = 1\n    {OWN}else:\n    A = 2\n    {OWN}")
