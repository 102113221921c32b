"""Tests of `ws4channels.checks`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, Error, Warning

from tests import layers
from tests.silence import silent_server
from ws4channels import checks
from ws4channels.checks import check_settings
from ws4channels.settings import SETTINGS
from ws4channels.subscriber import RedisSubscriber

UNIMPORTED = "Until it imports, every websocket is refused."


class Quiet(RedisSubscriber):
    """A site's subscriber that overrides nothing that is never called."""

    def set_pubsub_channels(self, request: Any, channels: Any) -> None:
        """Do as the parent."""
        super().set_pubsub_channels(request, channels)


class Busy(RedisSubscriber):
    """A site's subscriber with the hooks of the original's event loop."""

    def parse_response(self) -> None:
        """Not called."""

    def get_file_descriptor(self) -> None:
        """Not called."""


class BusyChild(Busy):
    """Inherits the hooks that are not called."""


def allow(request: Any, channels: Any) -> Any:
    """Allow everything."""
    return channels


def test_good_configuration_gives_nothing(settings: Any) -> None:
    """The tests' settings, and a site that sets everything properly, pass without a word."""
    assert check_settings() == []
    settings.WEBSOCKET_URL = "/stream"
    settings.WS4REDIS_EXPIRE = None
    settings.WS4REDIS_PREFIX = "site"
    settings.WS4REDIS_HEARTBEAT = "--heartbeat--"
    settings.WS4REDIS_ALLOWED_CHANNELS = "tests.test_checks.allow"
    settings.WS4REDIS_PROCESS_REQUEST = allow
    settings.WS4REDIS_SUBSCRIBER = "tests.test_checks.Quiet"
    settings.WS4REDIS_CONNECTION = {"host": "localhost", "port": "6379", "db": 0, "password": None}
    assert check_settings() == []


def test_site_that_sets_nothing_passes(settings: Any) -> None:
    """All defaults are good, given a channel layer."""
    del settings.WS4REDIS_CONNECTION
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": layers.IN_MEMORY}}
    assert check_settings() == []


def test_value_that_cannot_work_is_e001(settings: Any) -> None:
    """Each wrong value is an error with the setting's meaning as the hint."""
    settings.WS4REDIS_EXPIRE = "soon"
    settings.WEBSOCKET_URL = "ws/"
    assert check_settings() == [
        Error(
            "WEBSOCKET_URL is 'ws/'; it must be a path that starts with a slash, such as '/ws/'.",
            hint="Separates websockets from pages; what follows it in the path is the facility.",
            id="ws4channels.E001",
        ),
        Error(
            "WS4REDIS_EXPIRE is 'soon'; it must be a whole number of seconds or None.",
            hint="How long a message is kept for clients that connect later; 0, negative or None: not kept.",
            id="ws4channels.E001",
        ),
    ]


@pytest.mark.parametrize("name", ["WS4REDIS_ALLOWED_CHANNELS", "WS4REDIS_PROCESS_REQUEST", "WS4REDIS_SUBSCRIBER"])
@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("tests.test_checks.nothing", 'Module "tests.test_checks" does not define a "nothing" attribute/class'),
        ("no_such_module.rule", "No module named 'no_such_module'"),
    ],
)
def test_path_that_does_not_import_is_e002(settings: Any, name: str, path: str, error: str) -> None:
    """A wrong dotted path is an error with the path and the import error, not a crash."""
    setattr(settings, name, path)
    (message,) = check_settings()
    assert (message.level, message.id, message.hint) == (Error("").level, "ws4channels.E002", UNIMPORTED)
    # Whether it is an ImportError or a ModuleNotFoundError is Python's business.
    assert re.fullmatch(
        rf"{name} is {path!r}, which does not import: \w*Error\((['\"]){re.escape(error)}\1\)\.".replace(
            re.escape(error), re.escape(repr(error)[1:-1])
        ),
        message.msg,
    )


@pytest.mark.parametrize("name", ["WS4REDIS_ALLOWED_CHANNELS", "WS4REDIS_PROCESS_REQUEST"])
def test_hook_that_is_no_callable_is_e002(settings: Any, name: str) -> None:
    """A path that leads to something else than a callable is named with what is there."""
    setattr(settings, name, "tests.test_checks.UNIMPORTED")
    assert check_settings() == [
        Error(
            f"{name} is 'tests.test_checks.UNIMPORTED', which is {UNIMPORTED!r}; it must be the dotted path of a "
            "callable.",
            hint=UNIMPORTED,
            id="ws4channels.E002",
        )
    ]


def test_subscriber_of_another_class_is_e002(settings: Any) -> None:
    """A class that is no RedisSubscriber is named with what it has to be."""
    settings.WS4REDIS_SUBSCRIBER = "tests.test_checks.Error"
    assert check_settings() == [
        Error(
            "WS4REDIS_SUBSCRIBER is 'tests.test_checks.Error', which is <class 'django.core.checks.messages.Error'>; "
            "it must be the dotted path of a subclass of ws4channels.subscriber.RedisSubscriber.",
            hint=UNIMPORTED,
            id="ws4channels.E002",
        )
    ]


def test_module_that_fails_is_e002(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook's module that raises something else than ImportError is an error, too."""
    (tmp_path / "failing_hooks.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    settings.WS4REDIS_ALLOWED_CHANNELS = "failing_hooks.allow"
    assert check_settings() == [
        Error(
            "WS4REDIS_ALLOWED_CHANNELS is 'failing_hooks.allow', which does not import: "
            "ZeroDivisionError('division by zero').",
            hint=UNIMPORTED,
            id="ws4channels.E002",
        )
    ]
    assert "failing_hooks" not in sys.modules


def unusable(text: str) -> list[CheckMessage]:
    """Return the error for a connection or layer that cannot work."""
    return [Error(text, hint="Nothing can be published or received until then.", id="ws4channels.E003")]


def test_connection_that_cannot_work_is_e003(settings: Any) -> None:
    """What redis-py refuses is an error that shows no password."""
    settings.WS4REDIS_CONNECTION = {"hots": "localhost", "password": None}
    assert check_settings() == unusable(
        "WS4REDIS_CONNECTION is {'hots': 'localhost', 'password': None}, which redis-py refuses: "
        "AbstractConnection.__init__() got an unexpected keyword argument 'hots'."
    )
    settings.WS4REDIS_CONNECTION = {"hots": "localhost", "password": "secret"}
    (message,) = check_settings()
    assert "secret" not in message.msg


def test_missing_layer_is_e003(settings: Any) -> None:
    """A site without the entry in CHANNEL_LAYERS learns what to write."""
    settings.WS4CHANNELS_CHANNEL_LAYER = "push"
    assert check_settings() == unusable(
        "CHANNEL_LAYERS has no entry 'push', which is to carry the messages. Add one, such as {'push': {'BACKEND': "
        "'channels_redis.pubsub.RedisPubSubChannelLayer', 'CONFIG': {'hosts': ['redis://localhost']}}}."
    )


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"BACKEND": "no_such_module.Layer"},
        {"BACKEND": layers.PUBSUB, "CONFIG": {"hosts": "redis://localhost"}},
        {"BACKEND": layers.CORE, "CONFIG": {"hosts": "redis://localhost"}},
        {"BACKEND": layers.CORE, "CONFIG": {"host": ["redis://localhost"]}},
        {"BACKEND": layers.PUBSUB, "CONFIG": {"hosts": [("localhost",)]}},
    ],
    ids=["no backend", "unknown backend", "hosts as text", "hosts as text, core", "wrong argument", "no port"],
)
def test_layer_that_cannot_be_built_is_e003(settings: Any, entry: dict[str, Any]) -> None:
    """A wrong entry in CHANNEL_LAYERS is an error that names it, not a crash of ``manage.py check``."""
    settings.CHANNEL_LAYERS = {"default": entry}
    (message,) = check_settings()
    assert message.id == "ws4channels.E003"
    assert "CHANNEL_LAYERS" in message.msg


def test_host_of_a_layer_that_cannot_work_is_e003(settings: Any) -> None:
    """A host of the pub/sub layer is named as such."""
    settings.CHANNEL_LAYERS = layers.one_layer(layers.PUBSUB, hosts=[{"address": "http://localhost"}])
    assert check_settings() == unusable(
        "A host in CHANNEL_LAYERS is {'url': 'http://localhost'}, which redis-py refuses: Redis URL must specify one "
        "of the following schemes (redis://, rediss://, unix://)."
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("WS4REDIS_EXPIRES", "Did you mean WS4REDIS_EXPIRE?"),
        ("WS4REDIS_HEARTBEET", "Did you mean WS4REDIS_HEARTBEAT?"),
        ("WS4CHANNELS_ALLOWED_ORIGIN", "Did you mean WS4CHANNELS_ALLOWED_ORIGINS?"),
        ("WS4REDIS_QUEUE", "docs/settings.md lists the settings there are."),
    ],
)
def test_unknown_setting_is_w001(settings: Any, name: str, hint: str) -> None:
    """A setting that there is not is a warning with the nearest name that there is."""
    setattr(settings, name, 1)
    assert check_settings() == [Warning(f"There is no setting {name}.", hint=hint, id="ws4channels.W001")]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_known_setting_is_known(settings: Any, name: str) -> None:
    """Setting a known name to its default warns of nothing."""
    setattr(settings, name, SETTINGS[name].default)
    assert check_settings() == []


@pytest.mark.parametrize("name", ["Busy", "BusyChild"])
def test_hooks_that_are_not_called_are_w002(settings: Any, name: str) -> None:
    """A subscriber that overrides what is never called gets a warning for each such method, inherited or not."""
    settings.WS4REDIS_SUBSCRIBER = f"tests.test_checks.{name}"
    assert check_settings() == [
        Warning(
            f"{name}.{method}() is not called: websockets have no Redis connections.",
            hint="Remove it. To change or withhold messages, do so where they are published.",
            id="ws4channels.W002",
        )
        for method in ("parse_response", "get_file_descriptor")
    ]


def test_faults_of_all_kinds_are_told_together(settings: Any) -> None:
    """One run of ``manage.py check`` tells everything that can be told."""
    settings.WS4REDIS_ALLOWED_CHANNELS = "tests.test_checks.nothing"
    settings.WS4REDIS_SUBSCRIBER = "tests.test_checks.Busy"
    settings.WS4REDIS_CONNECTION = {"port": "six"}
    settings.WS4REDIS_EXPIRES = 60
    assert [message.id[-4:] for message in check_settings()] == ["E002", "W002", "W002", "E003", "W001"]
    settings.WEBSOCKET_URL = "ws"
    assert [message.id[-4:] for message in check_settings()] == ["E001", "W001"]


def test_nothing_connects(settings: Any) -> None:
    """Checks look at the settings alone."""
    with silent_server() as server:
        settings.WS4REDIS_CONNECTION = {"url": server.url}
        for backend in (layers.PUBSUB, layers.CORE):
            settings.CHANNEL_LAYERS = layers.one_layer(backend, hosts=[server.url])
            assert check_settings() == []
        assert server.count_connections() == 0


def ids_in_the_module() -> set[str]:
    """Return the ids that the checks give."""
    return set(re.findall(r'"ws4channels\.([EW]\d+)"', Path(str(checks.__file__)).read_text(encoding="utf-8")))


def test_every_id_is_tested() -> None:
    """For each id of the module there is a test here that names it."""
    tested = re.findall(r"\ndef test_\w*_(?:is|are)_([ew]\d+)\(", Path(__file__).read_text(encoding="utf-8"))
    assert {each.upper() for each in tested} == ids_in_the_module()


def test_every_id_is_documented() -> None:
    """For each id, and no other, there is a paragraph in docs/checks.md."""
    page = Path(__file__).parent.parent / "docs" / "checks.md"
    assert set(re.findall(r"ws4channels\.([EW]\d+)", page.read_text(encoding="utf-8"))) == ids_in_the_module()
