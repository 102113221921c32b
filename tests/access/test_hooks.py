"""Tests of `ws4channels.access.hooks`: settings that name something."""

from __future__ import annotations

from typing import Any

import pytest

from tests.access.scopes import a_scope, agree
from tests.access.test_handshake import allow_broadcast, deny
from tests.legacy_subscribers import Releasing
from ws4channels.access.hooks import load_hook, load_subscriber_class
from ws4channels.exceptions import ConfigurationError
from ws4channels.subscriber import RedisSubscriber

NOT_CALLABLE = "a text"


def test_hooks_are_none_a_callable_or_its_path(settings: Any) -> None:
    """A hook is loaded anew each time, so that the settings may change."""
    assert load_hook("WS4REDIS_ALLOWED_CHANNELS") is None
    settings.WS4REDIS_ALLOWED_CHANNELS = deny
    assert load_hook("WS4REDIS_ALLOWED_CHANNELS") is deny
    settings.WS4REDIS_ALLOWED_CHANNELS = "tests.access.test_handshake.allow_broadcast"
    assert load_hook("WS4REDIS_ALLOWED_CHANNELS") is allow_broadcast
    assert load_subscriber_class() is RedisSubscriber
    settings.WS4REDIS_SUBSCRIBER = "tests.legacy_subscribers.Releasing"
    assert load_subscriber_class() is Releasing


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (
            "tests.nowhere.rule",
            "which does not import: ModuleNotFoundError(\"No module named 'tests.nowhere'\").",
        ),
        (
            "tests.access.test_hooks.no_such_rule",
            'which does not import: ImportError(\'Module "tests.access.test_hooks" does not define a '
            '"no_such_rule" attribute/class\').',
        ),
        (
            "tests.access.test_hooks.NOT_CALLABLE",
            "which is 'a text'; it must be the dotted path of a callable.",
        ),
    ],
)
@pytest.mark.parametrize("setting", ["WS4REDIS_ALLOWED_CHANNELS", "WS4REDIS_PROCESS_REQUEST"])
async def test_path_that_leads_nowhere_is_named(settings: Any, setting: str, path: str, problem: str) -> None:
    """The error shows the setting, the path and why it does not work; nobody is let in meanwhile."""
    setattr(settings, setting, path)
    with pytest.raises(ConfigurationError) as caught:
        load_hook(setting)
    assert str(caught.value) == f"{setting} is {path!r}, {problem}"
    with pytest.raises(ConfigurationError):
        await agree(a_scope("subscribe-broadcast"))


async def test_subscriber_path_that_leads_nowhere_is_named(settings: Any) -> None:
    """The same holds for the subscriber class."""
    settings.WS4REDIS_SUBSCRIBER = "tests.nowhere.Subscriber"
    with pytest.raises(ConfigurationError) as caught:
        await agree(a_scope("subscribe-broadcast"))
    assert str(caught.value) == (
        "WS4REDIS_SUBSCRIBER is 'tests.nowhere.Subscriber', which does not import: "
        "ModuleNotFoundError(\"No module named 'tests.nowhere'\")."
    )
