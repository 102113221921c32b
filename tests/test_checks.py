"""Tests of `ws4channels.checks`."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.checks import CheckMessage, Error, Info, Warning, run_checks

from tests import layers
from tests.silence import silent_server
from ws4channels import checks
from ws4channels.asgi import get_asgi_application
from ws4channels.checks import current_messages
from ws4channels.checks.application import check_application
from ws4channels.checks.history import check_history
from ws4channels.checks.layer import check_layer
from ws4channels.checks.servers import check_servers
from ws4channels.checks.site import check_site
from ws4channels.checks.templates import check_templates
from ws4channels.checks.values import check_settings
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


class Computed(RedisSubscriber):
    """Says per websocket which channels there are, which is too late."""

    @property
    def subscription_channels(self) -> list[str]:  # type: ignore[override]
        """Not read."""
        return ["subscribe-broadcast"]


class AsText(RedisSubscriber):
    """Names one channel without a list."""

    publish_channels = "publish-broadcast"


class Iterated(RedisSubscriber):
    """Gives its channels once."""

    subscription_channels = iter(["subscribe-broadcast"])


class OfNumbers(RedisSubscriber):
    """Names nothing."""

    publish_channels = [1]  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("subscriber", "name"),
    [
        (Computed, "subscription_channels"),
        (AsText, "publish_channels"),
        (Iterated, "subscription_channels"),
        (OfNumbers, "publish_channels"),
    ],
)
def test_channels_that_are_no_list_are_e002(settings: Any, subscriber: type[RedisSubscriber], name: str) -> None:
    """What would fail, or be misread, at each handshake is found by the check."""
    settings.WS4REDIS_SUBSCRIBER = f"tests.test_checks.{subscriber.__name__}"
    assert check_settings() == [
        Error(
            f"{subscriber.__name__}.{name} is {getattr(subscriber, name)!r}; it must be a list or tuple of names, "
            "such as ['subscribe-broadcast'].",
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


def test_redis_transport_needs_no_layer(settings: Any) -> None:
    """Where messages travel by Redis itself, CHANNEL_LAYERS may be missing, unless it is published to as well."""
    settings.WS4CHANNELS_TRANSPORT = "redis"
    settings.CHANNEL_LAYERS = {}
    assert check_settings() == []
    settings.WS4CHANNELS_PUBLISH_TO = ["redis", "channel_layer"]
    (message,) = check_settings()
    assert message.id == "ws4channels.E003"
    assert message.msg.startswith("CHANNEL_LAYERS has no entry 'default'")


@pytest.mark.parametrize(("transport", "other"), [("redis", "channel_layer"), ("channel_layer", "redis")])
def test_publishing_past_the_own_websockets_is_w010(settings: Any, transport: str, other: str) -> None:
    """A process that publishes to another transport than it listens to is warned; one that publishes to both is not."""
    settings.WS4CHANNELS_TRANSPORT = transport
    settings.WS4CHANNELS_PUBLISH_TO = [other]
    assert check_settings() == [
        Warning(
            f"WS4CHANNELS_PUBLISH_TO is [{other!r}], without {transport!r}, to which websockets listen here.",
            hint="Add it, unless this process has no websockets: what it publishes does not reach its own.",
            id="ws4channels.W010",
        )
    ]
    settings.WS4CHANNELS_PUBLISH_TO = [other, transport]
    assert check_settings() == []


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


def test_faults_of_all_kinds_are_reported_together(settings: Any) -> None:
    """One run of ``manage.py check`` reports everything that it can find."""
    settings.WS4REDIS_ALLOWED_CHANNELS = "tests.test_checks.nothing"
    settings.WS4REDIS_SUBSCRIBER = "tests.test_checks.Busy"
    settings.WS4REDIS_CONNECTION = {"port": "six"}
    settings.WS4REDIS_EXPIRES = 60
    assert [message.id[-4:] for message in check_settings()] == ["E002", "W002", "W002", "E003", "W001"]
    settings.WEBSOCKET_URL = "ws"
    assert [message.id[-4:] for message in check_settings()] == ["E001", "W001"]


def layer_messages(settings: Any, backend: str, **config: Any) -> list[CheckMessage]:
    """Return what is said of a site with one layer."""
    settings.CHANNEL_LAYERS = layers.one_layer(backend, **config)
    return check_layer()


@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.CORE])
def test_layer_that_is_configured_well_passes(settings: Any, backend: str) -> None:
    """The recommended layer, and the core layer with room and patience, are not reported."""
    assert layer_messages(settings, backend) == []


def test_layer_that_cannot_be_built_is_reported_once(settings: Any) -> None:
    """What E001 and E003 say is not said again of the layer."""
    settings.WS4CHANNELS_CHANNEL_LAYER = "push"
    assert check_layer() == []
    settings.WS4CHANNELS_CHANNEL_LAYER = 1
    assert check_layer() == []


def test_layer_that_is_not_used_is_not_reported(settings: Any) -> None:
    """Where Redis itself carries the messages, no layer has to be good."""
    settings.CHANNEL_LAYERS = layers.one_layer(layers.IN_MEMORY)
    settings.WS4CHANNELS_TRANSPORT = "redis"
    assert check_layer() == []


def test_layer_within_one_process_is_w003(settings: Any) -> None:
    """The in-memory layer is for development."""
    settings.DEBUG = True
    assert layer_messages(settings, layers.IN_MEMORY) == []
    settings.DEBUG = False
    assert check_layer() == [
        Warning(
            "CHANNEL_LAYERS['default'] is the in-memory layer, which carries messages within one process only.",
            hint="Use 'channels_redis.pubsub.RedisPubSubChannelLayer': what other processes publish (workers, "
            "commands, a second server) is lost otherwise.",
            id="ws4channels.W003",
        )
    ]


@pytest.mark.parametrize(
    ("config", "capacity"),
    [
        ({"capacity": 100}, 100),
        # The queue within the process has the general bound, whatever is said of a channel.
        ({"capacity": 500, "channel_capacity": {"specific.*": 10_000}}, 500),
        ({"capacity": 10_000, "channel_capacity": {"specific.*": 20}}, 20),
    ],
)
def test_layer_with_little_capacity_is_w004(settings: Any, config: dict[str, Any], capacity: int) -> None:
    """Who uses the core layer learns how much it holds, what becomes of the rest, and what to write."""
    assert layer_messages(settings, layers.CORE, **config) == [
        Warning(
            f"CHANNEL_LAYERS['default'] holds {capacity} messages for each process, and drops what comes above that "
            "without a sign.",
            hint="All websockets of a process share that. Write 'capacity': 10000 into the layer's CONFIG, or use "
            "'channels_redis.pubsub.RedisPubSubChannelLayer', which has no such bound.",
            id="ws4channels.W004",
        )
    ]


@pytest.mark.parametrize("pattern", ["http.request", "websocket.*"])
def test_capacity_of_other_channels_does_not_matter(settings: Any, pattern: str) -> None:
    """Only the hub's channel is looked at."""
    assert layer_messages(settings, layers.CORE, channel_capacity={pattern: 1}) == []


SENTINEL = {"sentinels": [("localhost", 26379)], "master_name": "chat", "socket_timeout": 1}


@pytest.mark.parametrize(
    ("host", "server", "timeout"),
    [
        ({"address": "redis://localhost:6380", "socket_timeout": 5}, "localhost:6380", "5"),
        ("redis://:secret@localhost?socket_timeout=2.5", "localhost:6379", "2.5"),
        ({"host": "redis.test", "port": 6379, "socket_timeout": 1}, "redis.test:6379", "1"),
        ({"address": "unix:///run/redis.sock", "socket_timeout": 1}, "/run/redis.sock", "1"),
        (SENTINEL, "chat", "1"),
    ],
    ids=["address", "URL", "host", "socket", "sentinel"],
)
def test_layer_with_a_short_timeout_is_w005(settings: Any, host: Any, server: str, timeout: str) -> None:
    """A core layer whose connections time out before the layer stops waiting is reported, without a password."""
    assert layer_messages(settings, layers.CORE, hosts=[host]) == [
        Warning(
            f"CHANNEL_LAYERS['default'] waits 5 s at a time for messages, but its connection to {server} gives up "
            f"after {timeout} s (socket_timeout): receiving fails whenever nothing is published for that long.",
            hint="Write the host as {'address': 'redis://…', 'socket_timeout': None}. Since its version 8, redis-py "
            "has a timeout of 5 s unless told otherwise.",
            id="ws4channels.W005",
        )
    ]


@pytest.mark.parametrize("host", ["redis://localhost", ("localhost", 6379)])
def test_default_timeout_depends_on_redis_py(settings: Any, host: Any) -> None:
    """A host that says nothing of a timeout is a fault since redis-py 8, and was none before."""
    expected = ["ws4channels.W005"] if int(redis.__version__.split(".")[0]) >= 8 else []
    assert [message.id for message in layer_messages(settings, layers.CORE, hosts=[host])] == expected
    assert layer_messages(settings, layers.PUBSUB, hosts=[host]) == []


@pytest.mark.parametrize("timeout", [None, 6, 30])
def test_core_layer_with_a_long_timeout_passes(settings: Any, timeout: float | None) -> None:
    """A timeout above the time that the layer waits never strikes."""
    assert layer_messages(settings, layers.CORE, hosts=[{"address": "redis://h", "socket_timeout": timeout}]) == []


@pytest.mark.parametrize("host", ["http://:secret@localhost", {"address": "redis://localhost", "sokcet_timeout": 1}])
def test_host_of_a_core_layer_that_cannot_work_is_e003(settings: Any, host: Any) -> None:
    """What redis-py refuses is one error that shows no password."""
    settings.CHANNEL_LAYERS = layers.one_layer(layers.CORE, hosts=[host])
    [message] = [*check_settings(), *check_layer()]
    assert message.id == "ws4channels.E003"
    assert str(message.msg).startswith("A host in CHANNEL_LAYERS is ")
    assert "secret" not in str(message)


def test_site_that_is_configured_well_passes(settings: Any) -> None:
    """The tests' settings with a rule pass without a word."""
    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    assert check_site() == []


def ids_of(messages: list[CheckMessage]) -> list[str]:
    """Return the last four characters of the ids."""
    return [str(message.id)[-4:] for message in messages]


def test_daphne_that_is_missing_is_w006(settings: Any) -> None:
    """Without Daphne's runserver there are no websockets in development, unless another server is used there."""
    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "daphne"]
    assert check_site() == [
        Warning(
            "'daphne' is not in INSTALLED_APPS: Django's runserver serves no websockets.",
            hint="Put it first, before 'django.contrib.staticfiles'. If another server, such as uvicorn, serves the "
            "site in development as well, silence this with SILENCED_SYSTEM_CHECKS.",
            id="ws4channels.W006",
        )
    ]
    settings.INSTALLED_APPS = ["daphne.apps.DaphneConfig", *settings.INSTALLED_APPS]
    assert check_site() == []


def test_daphne_after_staticfiles_is_reported_by_daphne(settings: Any) -> None:
    """That fault has a check of Daphne's own, so there is one message for it and not two."""
    apps = [app for app in settings.INSTALLED_APPS if app != "daphne"]
    settings.INSTALLED_APPS = [*apps, "daphne"]
    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    assert [message.id for message in run_checks()] == ["daphne.E001"]


@pytest.mark.parametrize(("debug", "kind"), [(True, Info), (False, Warning)])
def test_access_without_a_rule_is_w007(settings: Any, debug: bool, kind: type[CheckMessage]) -> None:
    """Where everybody may publish, that is a warning in production, and worth knowing before."""
    settings.DEBUG = debug
    assert check_site() == [
        kind(
            "WS4REDIS_ALLOWED_CHANNELS is not set: every client may publish to every facility.",
            hint="Name a function f(request, channels) that returns those of the channels that the client may use, "
            "such as [each for each in channels if each.startswith('subscribe-')]. If everybody may publish, silence "
            "this with SILENCED_SYSTEM_CHECKS.",
            id="ws4channels.W007",
        )
    ]


class Mute(RedisSubscriber):
    """A site's subscriber whose clients cannot publish."""

    publish_channels: list[str] = []


@pytest.mark.parametrize("name", ["Quiet", "Mute", "missing"])
def test_subscriber_that_rules_is_enough(settings: Any, name: str) -> None:
    """A subscriber that decides who may what, that lets nobody publish, or that does not import, needs no rule."""
    settings.WS4REDIS_SUBSCRIBER = f"tests.test_checks.{name}"
    assert check_site() == []


def leftover(text: str, hint: str) -> Warning:
    """Return the warning of something of the original's."""
    return Warning(text, hint=hint, id="ws4channels.W008")


def test_what_the_original_left_is_w008(settings: Any) -> None:
    """Each setting that names a module of the original is reported with what to write."""
    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    settings.WSGI_APPLICATION = "ws4redis.django_runserver.application"
    settings.WS4REDIS_SUBSCRIBER = "ws4redis.subscriber.RedisSubscriber"
    settings.LOGGING = {"loggers": {"ws4redis": {"level": "INFO"}}}
    processors = ["django.template.context_processors.request", "ws4redis.context_processors.default"]
    settings.TEMPLATES = [{"BACKEND": "", "OPTIONS": {"context_processors": processors}}]
    of_the_original = "names 'ws4redis{}', of the original."
    assert check_site() == [
        leftover(f"LOGGING {of_the_original.format('')}", "Write 'ws4channels'."),
        leftover(
            f"TEMPLATES {of_the_original.format('.context_processors.default')}",
            "Write 'ws4channels.context_processors.default'.",
        ),
        leftover(
            f"WS4REDIS_SUBSCRIBER {of_the_original.format('.subscriber.RedisSubscriber')}",
            "Write 'ws4channels.subscriber.RedisSubscriber'.",
        ),
        leftover(
            f"WSGI_APPLICATION {of_the_original.format('.django_runserver.application')}",
            "Remove it, or name your own wsgi.py; ASGI_APPLICATION is what serves websockets.",
        ),
    ]


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the test makes importable as ``ws4redis`` is gone afterwards."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield
    for name in [name for name in sys.modules if re.match(r"ws4redis\b|ws4channels\.compat\b", name)]:
        del sys.modules[name]


@pytest.mark.usefixtures("importable")
def test_app_of_the_original_is_w008_as_well(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that still has the original installed learns which apps take its place."""
    (tmp_path / "ws4redis").mkdir()
    (tmp_path / "ws4redis" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "ws4redis"]
    hint = "Put 'daphne' first and 'channels' and 'ws4channels' in its place."
    assert check_site() == [leftover("INSTALLED_APPS names 'ws4redis', of the original.", hint)]


@pytest.mark.parametrize(
    "value", ["ws4redis", "ws4redis:site", "myws4redis.hooks.allow", "ws4redis.", "js/ws4redis.js"]
)
def test_name_that_only_looks_like_the_original_passes(settings: Any, value: str) -> None:
    """A prefix, a database or a file may be called like the original."""
    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    settings.WS4REDIS_PREFIX = value
    settings.COMPRESS_JS = {"files": [value], value: (value,)}
    assert check_site() == []


@pytest.mark.usefixtures("importable")
@pytest.mark.filterwarnings("ignore:ws4redis is an alias of ws4channels:DeprecationWarning")
def test_leftovers_are_no_warnings_where_they_work(settings: Any) -> None:
    """Where ``ws4channels.compat`` makes `ws4redis` importable, only the server is a warning, all else is none."""
    import_module("ws4channels.compat")
    settings.WS4REDIS_ALLOWED_CHANNELS = "ws4redis.rules.allow"
    settings.WSGI_APPLICATION = "ws4redis.django_runserver.application"
    assert [(message.level, message.id) for message in check_site()] == [
        (Info("").level, "ws4channels.W008"),
        (Warning("").level, "ws4channels.W008"),
    ]


@pytest.mark.parametrize(
    ("urls", "package"), [("mysite.urls", "mysite"), ("shop.config.urls", "shop"), (None, "mysite")]
)
def test_asgi_application_that_is_missing_is_w009(settings: Any, urls: str | None, package: str) -> None:
    """Who does not say what serves websockets learns what to write, in the words of the project."""
    settings.ROOT_URLCONF = urls
    expected = Warning(
        "ASGI_APPLICATION is not set: runserver does not know what serves the websockets.",
        hint=f"Write ASGI_APPLICATION = '{package}.asgi.application', and make it in {package}/asgi.py: application = "
        "ws4channels.asgi.get_asgi_application().",
        id="ws4channels.W009",
    )
    settings.ASGI_APPLICATION = None
    assert check_application() == [expected]
    del settings.ASGI_APPLICATION
    assert check_application() == [expected]


def asgi_warning(text: str, hint: str, code: str) -> Warning:
    """Return a warning about ASGI_APPLICATION."""
    return Warning(f"ASGI_APPLICATION is {text}", hint=hint, id=f"ws4channels.{code}")


def not_an_application(scope: Any, receive: Any) -> None:
    """Takes too few arguments."""


def asgi_2_application(scope: Any) -> Any:
    """Returns what takes the others, as applications of ASGI 2 do."""


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no_such_module.application", "does not import: ModuleNotFoundError: No module named 'no_such_module'"),
        (
            "tests.asgi.app",
            'does not import: ImportError: Module "tests.asgi" does not define a "app" attribute/class',
        ),
        ("asgi", "does not import: ImportError: asgi doesn't look like a module path"),
        (
            "tests.test_checks.UNIMPORTED",
            f"is {UNIMPORTED!r}; it must be an ASGI application, a callable that takes scope, receive and send",
        ),
        (
            "ws4channels.asgi.get_asgi_application",
            f"is {get_asgi_application!r}; it must be an ASGI application, a callable that takes scope, receive and "
            "send",
        ),
        (
            "tests.test_checks.not_an_application",
            f"is {not_an_application!r}; it must be an ASGI application, a callable that takes scope, receive and send",
        ),
    ],
)
def test_asgi_application_that_is_none_is_w011(settings: Any, path: str, reason: str) -> None:
    """What does not import, cannot be called, or is the function that makes the application, is reported."""
    settings.ASGI_APPLICATION = path
    hint = "Name what your asgi.py makes, such as 'tests.asgi.application': runserver serves nothing until it imports."
    assert check_application() == [asgi_warning(f"{path!r}, which {reason}.", hint, "W011")]


def asgi_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> str:
    """Write an asgi.py of its own, and return the path of its application."""
    name = f"asgi_of_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return f"{name}.application"


AS_STARTPROJECT_WROTE_IT = """
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

application = get_asgi_application()
"""


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (AS_STARTPROJECT_WROTE_IT, "Django's own application"),
        (
            "from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler\n"
            f"{AS_STARTPROJECT_WROTE_IT}\napplication = ASGIStaticFilesHandler(application)",
            "Django's own application",
        ),
        (
            "from channels.routing import ProtocolTypeRouter\n"
            f"{AS_STARTPROJECT_WROTE_IT}\napplication = ProtocolTypeRouter({{'http': application}})",
            "a router without 'websocket'",
        ),
    ],
    ids=["startproject", "static files", "router"],
)
def test_asgi_application_without_websockets_is_w012(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    """An asgi.py that serves pages alone, as startproject writes it, is reported with the line to change."""
    settings.ASGI_APPLICATION = path = asgi_module(tmp_path, monkeypatch, code)
    hint = (
        f"Write in {path.partition('.')[0]}.py: from ws4channels.asgi import get_asgi_application, instead of from "
        "django.core.asgi; or add 'websocket' to your router as docs/routing-and-asgi.md shows."
    )
    assert check_application() == [
        asgi_warning(f"{path!r}, which is {reason}: runserver serves no websockets.", hint, "W012")
    ]


@pytest.mark.parametrize(
    "code",
    [
        "from ws4channels.asgi import get_asgi_application\napplication = get_asgi_application()",
        "from channels.routing import ProtocolTypeRouter\napplication = ProtocolTypeRouter({'websocket': None})",
        "from tests.test_checks import asgi_2_application as application",
        "async def application(scope, receive, send): ...",
        "from django.core.handlers.asgi import ASGIHandler\n"
        "class Own(ASGIHandler):\n"
        "    async def __call__(self, scope, receive, send): ...\n"
        "application = Own()",
        "application = type('C', (), {'__call__': lambda self, *args: None})()",
    ],
    ids=["ours", "router", "ASGI 2", "function", "subclass", "middleware"],
)
def test_asgi_application_that_may_serve_websockets_passes(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """What is not known to be wrong is not reported."""
    settings.ASGI_APPLICATION = asgi_module(tmp_path, monkeypatch, code)
    assert check_application() == []


def test_importing_the_application_configures_no_logging(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loggers made since Django was set up go on working, though asgi.py sets it up again."""
    settings.LOGGING = {"version": 1}  # with disable_existing_loggers, which is True by default
    settings.ASGI_APPLICATION = asgi_module(tmp_path, monkeypatch, AS_STARTPROJECT_WROTE_IT)
    logger, configured = logging.getLogger("a_site.of_tests"), settings.LOGGING_CONFIG
    assert ids_of(check_application()) == ["W012"]
    assert not logger.disabled
    assert configured == settings.LOGGING_CONFIG


# --- templates ---


def site_with_template(settings: Any, tmp_path: Path, text: str, processors: tuple[str, ...] = ()) -> None:
    """Let the site have one template in a folder of its own, and these context processors."""
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "room.html").write_text(text, "utf-8")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\xff")
    backend = "django.template.backends.django.DjangoTemplates"
    settings.BASE_DIR = tmp_path
    settings.TEMPLATES = [{"BACKEND": backend, "DIRS": [tmp_path], "OPTIONS": {"context_processors": processors}}]


@pytest.mark.parametrize("text", ["<script>ws('{{ WEBSOCKET_URI }}x')</script>", "{% if WEBSOCKET_URI %}{% endif %}"])
def test_template_whose_variable_nobody_gives_is_w013(settings: Any, tmp_path: Path, text: str) -> None:
    """A template that uses the address of websockets needs the context processor."""
    site_with_template(settings, tmp_path, text)
    assert check_templates() == [
        Warning(
            "room.html uses WEBSOCKET_URI, but no context processor gives it: the page opens no websocket.",
            hint="Add 'ws4channels.context_processors.default' to TEMPLATES[0]['OPTIONS']['context_processors'].",
            id="ws4channels.W013",
        )
    ]


@pytest.mark.parametrize(
    ("text", "processors"),
    [
        ("{{ WEBSOCKET_URI }}", ("ws4channels.context_processors.default",)),
        ("{{ WEBSOCKET_URI }}", ("ws4redis.context_processors.default",)),
        ("WEBSOCKET_URI is what {{ name }} needs.", ()),
        ("{# WEBSOCKET_URI #}", ()),
        ("{{ MY_WEBSOCKET_URI }}", ()),
    ],
)
def test_template_that_needs_no_context_processor_passes(
    settings: Any, tmp_path: Path, text: str, processors: tuple[str, ...]
) -> None:
    """With the context processor, and where the name is not used as a variable, there is nothing to say."""
    site_with_template(settings, tmp_path, text, processors)
    assert check_templates() == []


def test_variable_that_the_site_gives_itself_passes(settings: Any, tmp_path: Path) -> None:
    """A view may put the address into its context."""
    site_with_template(settings, tmp_path, "{{ WEBSOCKET_URI }}")
    settings.ROOT_URLCONF = "mysite.urls"
    (tmp_path / "mysite").mkdir()
    (tmp_path / "mysite" / "views.py").write_text("context = {'WEBSOCKET_URI': '/ws/'}", "utf-8")
    assert check_templates() == []


def test_templates_of_installed_packages_do_not_matter(settings: Any, tmp_path: Path) -> None:
    """What a package brings is not the site's to mend."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    site_with_template(settings, folder, "{{ WEBSOCKET_URI }}")
    assert check_templates() == []


# --- sessions ---


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        (
            "SESSION_SERIALIZER",
            "django.contrib.sessions.serializers.GoneSerializer",
            'ImportError: Module "django.contrib.sessions.serializers" does not define a "GoneSerializer" '
            "attribute/class",
        ),
        ("SESSION_ENGINE", "no_such_engine", "ModuleNotFoundError: No module named 'no_such_engine'"),
        ("SESSION_ENGINE", "json", "AttributeError: module 'json' has no attribute 'SessionStore'"),
    ],
)
def test_session_engine_that_cannot_be_used_is_e004(settings: Any, name: str, value: str, error: str) -> None:
    """What fails at each handshake with a session cookie fails here first, as the pickle serializer on Django 5."""
    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    setattr(settings, name, value)
    assert check_site() == [
        Error(
            f"SESSION_ENGINE is {settings.SESSION_ENGINE!r} and SESSION_SERIALIZER {settings.SESSION_SERIALIZER!r}, "
            f"which cannot be used: {error}.",
            hint="Name an engine that imports, and remove SESSION_SERIALIZER or name one that this version of Django "
            "has: until then every websocket whose client sends a session cookie is refused with status 500.",
            id="ws4channels.E004",
        )
    ]


@pytest.mark.parametrize("engine", ["db", "cache", "cached_db", "file", "signed_cookies"])
def test_session_engine_of_django_passes(settings: Any, engine: str) -> None:
    """Each of Django's engines is tried without a database or a cache."""
    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    assert check_site() == []


# --- where Redis is ---


@pytest.mark.parametrize(
    ("config", "name", "hint"),
    [
        ({"host": ["redis://h"]}, "host", "Did you mean 'hosts'?"),
        ({"hots": ["redis://h"]}, "hots", "Did you mean 'hosts'?"),
        ({"prefx": "site"}, "prefx", "Did you mean 'prefix'?"),
        ({"db": 1}, "db", "Remove it; where Redis is goes into 'hosts', a list."),
    ],
)
def test_argument_that_the_layer_ignores_is_w014(settings: Any, config: dict[str, Any], name: str, hint: str) -> None:
    """The pub/sub layer takes any argument and uses its own default; a misspelt one is reported."""
    assert layer_messages(settings, layers.PUBSUB, **config) == [
        Warning(
            f"CHANNEL_LAYERS['default'] has {name!r} in its CONFIG, which the layer ignores.",
            hint=hint,
            id="ws4channels.W014",
        )
    ]


def test_arguments_of_the_other_layer_do_no_harm(settings: Any) -> None:
    """Sites change from the core layer to the pub/sub layer and leave its arguments."""
    config = {"capacity": 1500, "expiry": 10, "group_expiry": 60, "channel_capacity": {}, "prefix": "site"}
    assert layer_messages(settings, layers.PUBSUB, **config) == []


def servers_of(settings: Any, connection: dict[str, Any], *hosts: Any, backend: str = layers.PUBSUB) -> list[Any]:
    """Return what is said of a site with this connection and these hosts of the layer."""
    settings.WS4REDIS_CONNECTION = connection
    settings.CHANNEL_LAYERS = layers.one_layer(backend, hosts=list(hosts))
    return check_servers()


@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.CORE])
@pytest.mark.parametrize(
    ("connection", "host", "kept", "carried", "kind"),
    [
        ({}, "redis://redis.test:6379", "localhost:6379", "redis.test:6379", Warning),
        ({"url": "redis://redis.test"}, ("127.0.0.1", 6380), "redis.test:6379", "localhost:6380", Warning),
        ({"host": "one.test"}, {"address": "redis://:secret@two.test"}, "one.test:6379", "two.test:6379", Info),
        ({"port": 6380}, "redis://localhost", "localhost:6380", "localhost:6379", Info),
    ],
)
def test_two_servers_for_one_site_are_w015(
    settings: Any, backend: str, connection: Any, host: Any, kept: str, carried: str, kind: type[CheckMessage]
) -> None:
    """Where messages are kept and what carries them are mostly meant to be one server; on purpose, it may be two."""
    assert servers_of(settings, connection, host, backend=backend) == [
        kind(
            f"CHANNEL_LAYERS['default'] is at {carried}, and WS4REDIS_CONNECTION at {kept}.",
            hint="Let both lead to the same Redis: then publishing is one round trip, and fails as a whole or not at "
            "all. If you have two on purpose, silence this with SILENCED_SYSTEM_CHECKS.",
            id="ws4channels.W015",
        )
    ]


def test_connection_that_is_not_set_is_a_warning(settings: Any) -> None:
    """Who sets CHANNEL_LAYERS alone publishes to a Redis on this machine, which may not be there."""
    del settings.WS4REDIS_CONNECTION
    settings.CHANNEL_LAYERS = layers.one_layer(layers.PUBSUB, hosts=["redis://localhost:6380"])
    assert [message.level for message in check_servers()] == [Warning("").level]


@pytest.mark.parametrize(
    ("connection", "hosts"),
    [
        ({}, [("127.0.0.1", 6379)]),
        ({"url": "redis://:secret@redis.test:6380/1"}, ["redis://redis.test:6380/0"]),
        ({"host": "two.test"}, ["redis://one.test", "redis://two.test"]),
        ({"unix_socket_path": "/run/redis.sock"}, ["redis://localhost"]),
        ({"host": "localhost"}, [{"path": "/run/redis.sock"}]),
        ({"host": "localhost"}, [SENTINEL]),
        ({**SENTINEL, "socket_timeout": 5}, ["redis://redis.test"]),
        ({"cluster": True, "host": "node.test"}, ["redis://redis.test"]),
    ],
    ids=[
        "names of this machine",
        "other database",
        "one of two",
        "socket",
        "layer's socket",
        "sentinel",
        "both",
        "cluster",
    ],
)
def test_servers_that_may_be_the_same_pass(settings: Any, connection: dict[str, Any], hosts: list[Any]) -> None:
    """What cannot be compared, and what is meant to be two, is not reported."""
    assert servers_of(settings, connection, *hosts) == []


def test_layer_that_is_not_of_redis_has_no_server(settings: Any) -> None:
    """The in-memory layer, and no layer at all, are nowhere."""
    settings.CHANNEL_LAYERS = layers.one_layer(layers.IN_MEMORY)
    assert check_servers() == []
    settings.CHANNEL_LAYERS = {}
    assert check_servers() == []


def test_messages_can_be_silenced(settings: Any) -> None:
    """What SILENCED_SYSTEM_CHECKS names is not among the messages that commands show."""
    assert current_messages() == []
    settings.SILENCED_SYSTEM_CHECKS = []
    assert ids_of(current_messages()) == ["W007"]


def test_nothing_connects(settings: Any) -> None:
    """Checks look at the settings alone."""
    with silent_server() as server:
        settings.WS4REDIS_CONNECTION = {"url": server.url}
        for backend in (layers.PUBSUB, layers.CORE):
            settings.CHANNEL_LAYERS = layers.one_layer(backend, hosts=[server.url])
            assert check_settings() == []
            assert {message.id for message in check_layer()} <= {"ws4channels.W005"}
            check_site()
            check_servers()
        assert server.count_connections() == 0


def ids_in_the_package() -> set[str]:
    """Return the ids that the checks give."""
    modules = Path(str(checks.__file__)).parent.glob("*.py")
    return {each for module in modules for each in re.findall(r'"ws4channels\.([EW]\d+)"', module.read_text("utf-8"))}


def test_every_id_is_tested() -> None:
    """For each id of the package there is a test here that names it."""
    tested = re.findall(r"\ndef test_\w*_(?:is|are)_([ew]\d+)\(", Path(__file__).read_text(encoding="utf-8"))
    assert {each.upper() for each in tested} == ids_in_the_package()


def test_every_id_is_documented() -> None:
    """For each id, and no other, there is a paragraph in docs/checks.md."""
    page = (Path(__file__).parent.parent / "docs" / "checks.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\*\*ws4channels\.([EW]\d+)\*\* ", page, re.M)) == ids_in_the_package()


# --- history ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("history", [0, {}, {"chat-*": 0}, 100, {"chat-*": 100, "*": 0}])
def test_history_that_works_is_fine(settings: Any, history: Any) -> None:
    """With a connection and an expiry, or without a history, nothing is said."""
    settings.WS4CHANNELS_HISTORY = history
    assert check_history() == []


@pytest.mark.parametrize("history", [0, {"chat-*": 0}])
@pytest.mark.parametrize("expire", [0, None, -1])
def test_expiry_matters_to_a_history_only(settings: Any, history: Any, expire: Any) -> None:
    """Without a history, messages need not be kept."""
    settings.WS4CHANNELS_HISTORY, settings.WS4REDIS_EXPIRE = history, expire
    assert check_history() == []


@pytest.mark.parametrize("expire", [0, None, -1])
def test_history_without_an_expiry_is_w016(settings: Any, expire: Any) -> None:
    """Messages that are not kept are not logged either."""
    settings.WS4CHANNELS_HISTORY, settings.WS4REDIS_EXPIRE = {"chat-*": 100}, expire
    assert check_history() == [
        Warning(
            f"WS4CHANNELS_HISTORY is set, and WS4REDIS_EXPIRE is {expire!r}: a message is logged for as long as it is "
            "kept, so nothing is logged that is published without expire=….",
            hint="Set WS4REDIS_EXPIRE to the seconds for which clients may ask for a message, such as 86400.",
            id="ws4channels.W016",
        )
    ]


def test_history_without_a_connection_is_w017(settings: Any) -> None:
    """Who sets CHANNEL_LAYERS alone has the history in the Redis of this machine."""
    del settings.WS4REDIS_CONNECTION
    settings.WS4CHANNELS_HISTORY = 100
    assert check_history() == [
        Warning(
            "WS4CHANNELS_HISTORY is set, and WS4REDIS_CONNECTION is not: messages are logged in the Redis at "
            "localhost:6379, whatever CHANNEL_LAYERS says.",
            hint="Set WS4REDIS_CONNECTION to the Redis that is to hold the messages, such as {'url': "
            "'redis://localhost:6379/0'}.",
            id="ws4channels.W017",
        )
    ]


def test_history_that_cannot_be_is_left_to_the_check_of_settings(settings: Any) -> None:
    """One mistake is reported once."""
    settings.WS4CHANNELS_HISTORY = "many"
    assert check_history() == []
