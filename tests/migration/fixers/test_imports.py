"""Tests of the fixer of imports."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, check_rewrites, fix
from ws4channels.migration.fixer import Severity
from ws4channels.migration.fixers import imports

FIXER = imports.fix

SIMPLE = [
    ("from ws4redis.publisher import RedisPublisher\n", "from ws4channels.publisher import RedisPublisher\n"),
    (
        "from ws4redis.publisher import RedisPublisher as RP\n",
        "from ws4channels.publisher import RedisPublisher as RP\n",
    ),
    ("from ws4redis import publisher, redis_store\n", "from ws4channels import publisher, redis_store\n"),
    ("from ws4redis import (\n    publisher,  # a\n)\n", "from ws4channels import (\n    publisher,  # a\n)\n"),
    ("from ws4redis import publisher as p\n", "from ws4channels import publisher as p\n"),
    ("from ws4redis import settings as private\n", "from ws4channels import settings as private\n"),
    ("from ws4redis.redis_store import *\n", "from ws4channels.redis_store import *\n"),
    ("from ws4redis import __version__\n", "from ws4channels import __version__\n"),
    ("from ws4redis import *\n", "from ws4channels import *\n"),
    ("import ws4redis\n", "import ws4channels\n"),
    ("import ws4redis as w\nw.publisher\n", "import ws4channels as w\nw.publisher\n"),
    ("import ws4redis.publisher as p, os\n", "import ws4channels.publisher as p, os\n"),
    ("import os; import ws4redis.models  # x\n", "import os; import ws4channels.models  # x\n"),
]


@pytest.mark.parametrize(("before", "after"), SIMPLE)
def test_import_is_renamed(before: str, after: str) -> None:
    """Each form of import names our package, and everything else of the line stays."""
    assert list(check_rewrites(FIXER, before, after).findings) == []


def test_uses_follow_the_import() -> None:
    """What reads the name that an import binds reads ours, in its scope and in those within."""
    check_rewrites(
        FIXER,
        """
        import ws4redis.publisher

        class RedisPublisher(ws4redis.publisher.RedisPublisher):
            def publish(self):
                return [ws4redis.publisher.RedisPublisher(facility=f) for f in "ab"]
        """,
        """
        import ws4channels.publisher

        class RedisPublisher(ws4channels.publisher.RedisPublisher):
            def publish(self):
                return [ws4channels.publisher.RedisPublisher(facility=f) for f in "ab"]
        """,
    )


def test_import_within_a_function_is_renamed_there() -> None:
    """An import in a function changes that function; a variable of the same name elsewhere stays."""
    check_rewrites(
        FIXER,
        """
        def send():
            import ws4redis.publisher
            ws4redis.publisher.RedisPublisher()

        def other(ws4redis):
            return ws4redis
        """,
        """
        def send():
            import ws4channels.publisher
            ws4channels.publisher.RedisPublisher()

        def other(ws4redis):
            return ws4redis
        """,
    )


def test_guard_is_renamed_as_a_whole() -> None:
    """A guarded import, its substitute and the questions for it stay one name."""
    check_rewrites(
        FIXER,
        """
        try:
            import ws4redis
        except ImportError:
            ws4redis = None
        if ws4redis is not None:
            print(ws4redis.__version__)
        """,
        """
        try:
            import ws4channels
        except ImportError:
            ws4channels = None
        if ws4channels is not None:
            print(ws4channels.__version__)
        """,
    )


UTILS = {"site/utils.py": "import ws4redis.publisher\n", "site/__init__.py": ""}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from site.utils import ws4redis\nws4redis\n", "from site.utils import ws4channels\nws4channels\n"),
        ("from .utils import ws4redis as w\nw.publisher\n", "from .utils import ws4channels as w\nw.publisher\n"),
        ("from .utils import *\nws4redis.publisher\n", "from .utils import *\nws4channels.publisher\n"),
        ("from . import utils\nutils.ws4redis.publisher\n", "from . import utils\nutils.ws4channels.publisher\n"),
        ("import site.utils\nsite.utils.ws4redis\n", "import site.utils\nsite.utils.ws4channels\n"),
    ],
)  # fmt: skip
def test_package_that_another_module_hands_on_is_followed(before: str, after: str) -> None:
    """A module that imports the package for others is renamed with those who take it from there."""
    check_rewrites(FIXER, before, after, others=UTILS)


def test_package_is_followed_over_two_modules() -> None:
    """What a module takes by a star and hands on is found as well."""
    others = {**UTILS, "site/api.py": "from .utils import *\n"}
    check_rewrites(FIXER, "from .api import ws4redis\n", "from .api import ws4channels\n", others=others)


@pytest.mark.parametrize(
    "text",
    [
        "from site.messages import RedisPublisher\n",
        "from site.ws4redis import publisher\n",
        "from . import ws4redis\n",
        "from .ws4redis.publisher import RedisPublisher\n",
        "ws4redis = connect()\nws4redis.publisher()\n",
        "def f(ws4redis=None):\n    return ws4redis.publisher\n",
        "call(ws4redis=1)\n",
        "request.ws4redis.publisher\n",
        "# import ws4redis\n",
        "PREFIX = 'ws4redis'\n",
        "request.session['ws4redis:memberof']\n",
        "import ws4redis_extras\nfrom ws4redis_extras.publisher import x\n",
        "import django_ws4redis\n",
        "import ws4channels.publisher\nws4channels.publisher.RedisPublisher\n",
        "class ws4redis:\n    pass\nws4redis()\n",
        "for ws4redis in []:\n    print(ws4redis)\n",
    ],
)
def test_what_is_not_the_original_stays(text: str) -> None:
    """Names, texts and modules that only look alike are left, without a word."""
    check_leaves(FIXER, text)


FORMS = ["import ws4redis.{}\nws4redis.{}.x\n", "from ws4redis import {}\n", "from ws4redis.{} import x\n"]


@pytest.mark.parametrize("module", ["uwsgi_runserver", "django_runserver", "wsgi_server", "websocket", "utf8validator"])
@pytest.mark.parametrize("form", FORMS)
def test_part_of_the_server_is_reported_and_stays(form: str, module: str) -> None:
    """The server's modules have no namesake: the import stays for the reader to remove."""
    text = form.replace("{}", module)
    fixed = fix(FIXER, text)
    assert fixed.text == text
    (finding,) = fixed.findings
    assert (finding.line, finding.severity) == (1, Severity.MUST)
    assert finding.what == f"ws4redis.{module} has no counterpart in ws4channels."


def test_import_of_both_kinds_is_split() -> None:
    """What has a namesake moves; what has none stays and is reported."""
    fixed = fix(FIXER, "from ws4redis import publisher, wsgi_server\n")
    assert fixed.text == "from ws4channels import publisher\nfrom ws4redis import wsgi_server\n"
    assert len(fixed.findings) == 1


def test_module_of_a_changed_copy_is_reported() -> None:
    """A module that the original does not have must come from the site's own copy."""
    fixed = fix(FIXER, "import os\nfrom ws4redis.extra import thing\n")
    assert fixed.text == "import os\nfrom ws4redis.extra import thing\n"
    (finding,) = fixed.findings
    assert finding.line == 2
    assert "changed copy" in finding.todo


def test_name_that_is_not_here_is_reported() -> None:
    """A name of the original that its namesake here lacks is said, by line."""
    fixed = fix(FIXER, "from ws4redis.redis_store import SELF, _wrap_users\n")
    assert fixed.text == "from ws4channels.redis_store import SELF, _wrap_users\n"
    (finding,) = fixed.findings
    assert finding.what == "ws4channels.redis_store has no _wrap_users."


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from ws4redis.publisher import redis_connection_pool, StrictRedis\n",
            "from ws4channels.publisher import redis_connection_pool\nfrom redis import StrictRedis\n",
        ),
        ("from ws4redis.publisher import StrictRedis as Redis\n", "from redis import StrictRedis as Redis\n"),
    ],
)
def test_names_of_redis_py_come_from_there(before: str, after: str) -> None:
    """What the original's modules had imported themselves is imported from where it is."""
    assert list(check_rewrites(FIXER, before, after).findings) == []
