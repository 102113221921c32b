"""Tests of the fixer of dotted paths in texts."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, check_rewrites, fix
from ws4channels.migration.fixers import dotted_paths

FIXER = dotted_paths.fix


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 'ws4redis.context_processors.default'\n", "x = 'ws4channels.context_processors.default'\n"),
        (
            'x = ("a", "ws4redis.subscriber.RedisSubscriber",)\n',
            'x = ("a", "ws4channels.subscriber.RedisSubscriber",)\n',
        ),
        (
            "@patch(u'ws4redis.publisher.RedisPublisher')\ndef f(): pass\n",
            "@patch(u'ws4channels.publisher.RedisPublisher')\ndef f(): pass\n",
        ),
        ('import_module("ws4redis.publisher")\n', 'import_module("ws4channels.publisher")\n'),
        ("x = '''ws4redis.settings'''\n", "x = '''ws4channels.settings'''\n"),
    ],
)
def test_dotted_path_is_renamed(before: str, after: str) -> None:
    """A text that is the path of something public names our package, in the quotes it had."""
    assert list(check_rewrites(FIXER, before, after).findings) == []


@pytest.mark.parametrize(
    "text",
    [
        "mock.patch('site.views.RedisPublisher')\n",
        "mock.patch('site.views.publisher.RedisPublisher')\n",
        "WS4REDIS_PREFIX = 'ws4redis'\n",
        "WS4REDIS_SUBSCRIBER = 'site.ws4redis.Subscriber'\n",
        "request.session['ws4redis:memberof']\n",
        "x = 'js/ws4redis.js'\n",
        "x = 'ws4redis.js'\n",
        "x = 'see ws4redis.publisher.RedisPublisher'\n",
        '"""ws4redis.publisher is what we use."""\n',
        "x = b'ws4redis.publisher'\n",
        "x = f'ws4redis.publisher.{name}'\n",
        "x = 'ws4redis_extras.publisher'\n",
        "x = 'ws4redis.extra.thing'\n",
        "__all__ = ['ws4redis']\n",
        "import ws4redis.publisher\n",
    ],
)
def test_other_texts_are_left(text: str) -> None:
    """Paths through the site's own modules, prefixes, session keys, file names and prose stay."""
    check_leaves(FIXER, text)


def test_path_through_a_module_that_imports_the_package_is_followed() -> None:
    """Where the import in a module is renamed, a patch of what it bound must be as well."""
    check_rewrites(
        FIXER,
        "patch('site.api.ws4redis.publisher.RedisPublisher')\n",
        "patch('site.api.ws4channels.publisher.RedisPublisher')\n",
        others={"site/api.py": "import ws4redis.publisher\n"},
    )


def test_exported_name_is_renamed_with_its_import() -> None:
    """The name of the package in ``__all__`` follows the import that it exports."""
    fixed = fix(FIXER, "import ws4redis\n__all__ = ['ws4redis', 'x']\nPREFIX = 'ws4redis'\n")
    assert fixed.text == "import ws4redis\n__all__ = ['ws4channels', 'x']\nPREFIX = 'ws4redis'\n"


def test_path_of_the_server_is_reported() -> None:
    """A text that names a part of the server has nothing to become."""
    fixed = fix(FIXER, "\npatch('ws4redis.wsgi_server.WebsocketWSGIServer')\n")
    assert fixed.text == "patch('ws4redis.wsgi_server.WebsocketWSGIServer')\n"
    (finding,) = fixed.findings
    assert finding.what == "ws4redis.wsgi_server has no counterpart in ws4channels."
