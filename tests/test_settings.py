"""Tests of `ws4channels.settings`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from ws4channels import settings as our_settings
from ws4channels.exceptions import ConfigurationError
from ws4channels.settings import SETTINGS

# Each setting with values that cannot work. A new setting belongs here, too.
REFUSED: dict[str, list[Any]] = {
    "WEBSOCKET_URL": ["ws/", "", None, 5, b"/ws/"],
    "WS4REDIS_CONNECTION": [None, "localhost", [("host", "localhost")]],
    "WS4REDIS_PREFIX": [5, b"ws", True],
    "WS4REDIS_EXPIRE": ["3600", 1.5, True],
    "WS4REDIS_HEARTBEAT": ["", 5, b"--heartbeat--", True],
    "WS4REDIS_ALLOWED_CHANNELS": ["undotted", "", 5, ["subscribe-broadcast"]],
    "WS4REDIS_PROCESS_REQUEST": ["undotted", "", 5],
    "WS4REDIS_SUBSCRIBER": ["undotted", None, 5, dict],
    "WS4CHANNELS_WEBSOCKET_URI": [
        "",
        "/ws/",
        "ws.example.com",
        "https://ws.example.com/",
        "wss://ws.example.com",
        "wss:///",
    ],
    "WS4CHANNELS_CHANNEL_LAYER": [None, 5],
    "WS4CHANNELS_HISTORY": [-1, 1.5, "100", None, True, {"chat-*": -1}, {"*": "100"}, {5: 100}, [100]],
    "WS4CHANNELS_HISTORY_BYTES": [0, -1, 1.5, "1", None, True],
    "WS4CHANNELS_POSITION_EXPIRE": [0, -1, 1.5, "1", None, True],
    "WS4CHANNELS_PRESENCE": ["chat-*", [5], [""], None, {"chat-*": True}],
    "WS4CHANNELS_HEARTBEAT_INTERVAL": [0, -1, "4", None, True],
    "WS4CHANNELS_PROBE_INTERVAL": [0, -1, "4", None, True],
    "WS4CHANNELS_MAX_MESSAGE_SIZE": [0, -1, 1.5, "1", None, True],
    "WS4CHANNELS_MAX_MESSAGES_PER_SECOND": [0, -1, "1", True],
    "WS4CHANNELS_MAX_KEYS": [0, -1, 1.5, "1", True],
    "WS4CHANNELS_MAX_SOCKETS_PER_SESSION": [0, -1, 1.5, "1", True],
    "WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS": [0, -1, 1.5, "1", True],
    "WS4CHANNELS_CLOSE_ON_SIGN_OUT": [None, 1, "yes"],
    "WS4CHANNELS_OUTBOX_MESSAGES": [0, -1, 1.5, "1", None, True],
    "WS4CHANNELS_ADMIN": [0, "yes", None],
    "WS4CHANNELS_CLOSE_ON_RENAME": [0, "yes", None],
    "WS4CHANNELS_CLOSE_TIMEOUT": [0, -1, "1", None, True],
    "WS4CHANNELS_OUTBOX_BYTES": [0, -1, 1.5, "1", None, True],
    "WS4CHANNELS_HANDSHAKE_THREADS": [0, -1, 1.5, "1", None, True],
    "WS4CHANNELS_TUNE_GARBAGE_COLLECTOR": [None, 1, "yes"],
    "WS4CHANNELS_SHUTDOWN_SPREAD": [-0.1, "2", None, True],
    "WS4CHANNELS_TRANSPORT": ["Redis", "", None, ["redis"]],
    "WS4CHANNELS_PUBLISH_TO": ["redis", [], ["redis", "layer"], {"redis": 1}],
    "WS4CHANNELS_DIRECT_WRITES": [None, 1, "yes"],
    "WS4CHANNELS_ALLOWED_ORIGINS": ["https://example.com", None, [5], {"https://example.com": True}],
    "WS4CHANNELS_CLOSE_CODE_ON_REFUSAL": [None, 1, "yes"],
}
ACCEPTED: list[tuple[str, Any]] = [
    ("WEBSOCKET_URL", "/stream"),
    ("WS4CHANNELS_WEBSOCKET_URI", "wss://ws.example.com/ws/"),
    ("WS4CHANNELS_WEBSOCKET_URI", "ws://localhost:8001/"),
    ("WS4REDIS_CONNECTION", {}),
    ("WS4REDIS_PREFIX", None),
    ("WS4REDIS_PREFIX", ""),
    ("WS4REDIS_EXPIRE", None),
    ("WS4REDIS_EXPIRE", 0),
    ("WS4REDIS_EXPIRE", -1),
    ("WS4REDIS_HEARTBEAT", "--heartbeat--"),
    ("WS4CHANNELS_HISTORY", 100),
    ("WS4CHANNELS_HISTORY", {"chat-*": 500, "*": 0}),
    ("WS4CHANNELS_HISTORY", {}),
    ("WS4CHANNELS_PRESENCE", ["chat-*", "lobby"]),
    ("WS4REDIS_ALLOWED_CHANNELS", lambda request, channels: channels),
    ("WS4REDIS_ALLOWED_CHANNELS", "site.rules.allowed"),
    ("WS4REDIS_PROCESS_REQUEST", None),
    ("WS4CHANNELS_HEARTBEAT_INTERVAL", 0.5),
    ("WS4CHANNELS_HEARTBEAT_INTERVAL", 4),
    ("WS4CHANNELS_SHUTDOWN_SPREAD", 0),
    ("WS4CHANNELS_TRANSPORT", "redis"),
    ("WS4CHANNELS_PUBLISH_TO", ("channel_layer", "redis")),
    ("WS4CHANNELS_MAX_MESSAGES_PER_SECOND", None),
    ("WS4CHANNELS_MAX_MESSAGES_PER_SECOND", 0.5),
    ("WS4CHANNELS_MAX_KEYS", None),
    ("WS4CHANNELS_MAX_SOCKETS_PER_SESSION", None),
    ("WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS", 20),
    ("WS4CHANNELS_ALLOWED_ORIGINS", ["https://example.com"]),
    ("WS4CHANNELS_ALLOWED_ORIGINS", {"https://example.com"}),
]


@pytest.fixture
def assigned() -> Iterator[Any]:
    """The settings module, to assign to; what was assigned is deleted afterwards."""
    yield our_settings
    for name in SETTINGS:
        vars(our_settings).pop(name, None)


def test_defaults_are_the_originals(settings: Any) -> None:
    """A site that sets nothing gets what the original gives it."""
    del settings.WS4REDIS_CONNECTION
    assert our_settings.WEBSOCKET_URL == "/ws/"
    assert our_settings.WS4REDIS_CONNECTION == {"host": "localhost", "port": 6379, "db": 0, "password": None}
    assert our_settings.WS4REDIS_EXPIRE == 3600
    assert our_settings.WS4REDIS_PREFIX is None
    assert our_settings.WS4REDIS_HEARTBEAT is None
    assert our_settings.WS4REDIS_ALLOWED_CHANNELS is None
    assert our_settings.WS4REDIS_PROCESS_REQUEST is None


@pytest.mark.parametrize("name", SETTINGS)
def test_default_is_valid_and_everything_is_described(name: str) -> None:
    """The table tells of each setting what it means and which values are valid; its default is one."""
    setting = SETTINGS[name]
    assert setting.accepts(setting.default)
    assert setting.meaning.endswith(".")
    assert setting.valid


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_refuses_what_cannot_work(name: str, settings: Any) -> None:
    """A value that cannot work gets a text that names the setting, shows the value and says what is valid."""
    assert REFUSED[name]
    for value in REFUSED[name]:
        setattr(settings, name, value)
        with pytest.raises(ConfigurationError) as refused:
            getattr(our_settings, name)
        assert str(refused.value) == f"{name} is {value!r}; it must be {SETTINGS[name].valid}."


@pytest.mark.parametrize(("name", "value"), ACCEPTED)
def test_valid_value_is_read_as_it_is(name: str, value: Any, settings: Any) -> None:
    """Every kind of value that the original takes is taken."""
    setattr(settings, name, value)
    assert getattr(our_settings, name) is value


def test_whole_text_of_an_error(settings: Any) -> None:
    """The text is a sentence that says what to write instead."""
    settings.WS4REDIS_EXPIRE = "1 hour"
    with pytest.raises(ConfigurationError) as refused:
        our_settings.WS4REDIS_EXPIRE  # noqa: B018
    assert str(refused.value) == "WS4REDIS_EXPIRE is '1 hour'; it must be a whole number of seconds or None."


@pytest.mark.parametrize("value", ["redis://:secret@localhost", "redis://localhost?password=secret"])
def test_password_in_a_value_of_the_wrong_type_is_not_shown(value: str, settings: Any) -> None:
    """A WS4REDIS_CONNECTION that is a URL instead of a dict is refused without showing its password."""
    settings.WS4REDIS_CONNECTION = value
    with pytest.raises(ConfigurationError) as refused:
        our_settings.WS4REDIS_CONNECTION  # noqa: B018
    assert "secret" not in str(refused.value)


def test_value_is_read_anew_each_time(settings: Any) -> None:
    """A setting that a test overrides is seen at once, and so is its return."""
    for value in (1, 2):
        settings.WS4REDIS_EXPIRE = value
        assert value == our_settings.WS4REDIS_EXPIRE
    del settings.WS4REDIS_EXPIRE
    assert our_settings.WS4REDIS_EXPIRE == 3600


def test_assignment_takes_precedence_until_it_is_deleted(assigned: Any, settings: Any) -> None:
    """Code that assigns to the module, as it does to the original's, overrules Django's settings."""
    settings.WS4REDIS_PREFIX = "django"
    assigned.WS4REDIS_PREFIX = "assigned"
    assert our_settings.WS4REDIS_PREFIX == "assigned"
    del assigned.WS4REDIS_PREFIX
    assert our_settings.WS4REDIS_PREFIX == "django"


def test_mock_patch_leaves_nothing_behind(settings: Any) -> None:
    """After ``mock.patch`` of a setting, Django's settings count again."""
    with mock.patch("ws4channels.settings.WS4REDIS_PREFIX", "patched"):
        assert our_settings.WS4REDIS_PREFIX == "patched"
    settings.WS4REDIS_PREFIX = "django"
    assert our_settings.WS4REDIS_PREFIX == "django"


def test_unknown_name_is_an_attribute_error() -> None:
    """The module has no other attributes than settings."""
    with pytest.raises(AttributeError) as missing:
        our_settings.WS4REDIS_TYPO  # noqa: B018
    assert str(missing.value) == "module 'ws4channels.settings' has no attribute 'WS4REDIS_TYPO'"


def test_read_all_tells_every_fault_at_once(settings: Any) -> None:
    """Each setting comes with its error or None, in the order of the table."""
    settings.WS4REDIS_EXPIRE = "soon"
    settings.WEBSOCKET_URL = "ws"
    outcome = {setting.name: error for setting, error in our_settings.read_all()}
    assert list(outcome) == list(SETTINGS)
    assert {name for name, error in outcome.items() if error} == {"WS4REDIS_EXPIRE", "WEBSOCKET_URL"}
    assert str(outcome["WEBSOCKET_URL"]) == (
        "WEBSOCKET_URL is 'ws'; it must be a path that starts with a slash, such as '/ws/'."
    )
