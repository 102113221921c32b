"""Every setting: its name, default, unit and meaning, read when it is needed.

Reading ``ws4channels.settings.WS4REDIS_EXPIRE`` looks into Django's settings each time, so
``override_settings`` works. Assigning the attribute takes precedence over Django's settings, as code
written for the original's module expects, until the attribute is deleted again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings
from django.utils.functional import empty

from ws4channels.exceptions import ConfigurationError
from ws4channels.shown import without_secrets

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE

CHANNEL_LAYER = "channel_layer"
REDIS = "redis"
TRANSPORTS = (CHANNEL_LAYER, REDIS)


def _is(
    *kinds: type, where: Callable[[Any], bool] = lambda value: True, or_none: bool = False
) -> Callable[[object], bool]:
    """Return what tells whether a value is of one of `kinds` and `where` holds. True is no number."""

    def accepts(value: object) -> bool:
        if value is None:
            return or_none
        return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)) and bool(where(value))

    return accepts


def _above_0(value: float) -> bool:
    return value > 0


def _is_history(value: object) -> bool:
    if isinstance(value, Mapping) and not all(isinstance(each, str) for each in value):
        return False
    counts = value.values() if isinstance(value, Mapping) else [value]
    return all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in counts)


def _is_dotted_path(value: object) -> bool:
    return isinstance(value, str) and "." in value


def _is_hook(value: object) -> bool:
    return value is None or callable(value) or _is_dotted_path(value)


@dataclass(frozen=True)
class Setting:
    """One setting. ``valid`` says in words what ``accepts`` tests."""

    name: str
    default: Any
    unit: str
    meaning: str
    valid: str
    accepts: Callable[[object], bool]

    def read(self) -> Any:
        """Return the value in Django's settings or the default; raise ConfigurationError if it cannot work."""
        # Past Django's lazy object, which looks each name up in Python; most of these are missing, each time.
        source = object.__getattribute__(django_settings, "_wrapped")
        value = getattr(django_settings if source is empty else source, self.name, self.default)
        if value is not _checked.get(self.name, _NOTHING):
            if not self.accepts(value):
                raise ConfigurationError(f"{self.name} is {without_secrets(value)!r}; it must be {self.valid}.")
            _checked[self.name] = value
        return value


_NOTHING = object()
_checked: dict[str, object] = {}
"""The value of each setting that was last found valid: they are read for every message, and rarely change."""


_ALL = [
    Setting(
        "WEBSOCKET_URL",
        "/ws/",
        "path",
        "Separates websockets from pages; what follows it in the path is the facility.",
        "a path that starts with a slash, such as '/ws/'",
        _is(str, where=lambda value: value.startswith("/")),
    ),
    Setting(
        "WS4CHANNELS_WEBSOCKET_URI",
        None,
        "",
        "The address that templates get as WEBSOCKET_URI, for websockets on another host than the pages. None: "
        "WEBSOCKET_URL on the page's own host, below its script name.",
        "an address such as 'wss://ws.example.com/ws/' or None",
        _is(str, where=lambda value: re.match("wss?://[^/]+/", value) is not None, or_none=True),
    ),
    Setting(
        "WS4REDIS_CONNECTION",
        {"host": "localhost", "port": 6379, "db": 0, "password": None},
        "",
        "How to reach Redis: arguments of redis-py's client, or `unix_socket_path`, or `url`.",
        "a dict of redis-py arguments, such as {'host': 'localhost', 'port': 6379} or {'url': 'redis://localhost'}",
        _is(Mapping),
    ),
    Setting(
        "WS4REDIS_PREFIX",
        None,
        "",
        "Is put before every key, followed by a colon, so that several sites can share one Redis.",
        "a string or None",
        _is(str, or_none=True),
    ),
    Setting(
        "WS4REDIS_EXPIRE",
        3600,
        "seconds",
        "How long a message is kept for clients that connect later; 0, negative or None: not kept.",
        "a whole number of seconds or None",
        _is(int, or_none=True),
    ),
    Setting(
        "WS4CHANNELS_HISTORY",
        0,
        "messages",
        "How many messages of a key are logged in Redis while they are kept: a number, or a dict of numbers by "
        "patterns of facilities, of which the first that matches counts. 0: none.",
        "a whole number of at least 0, or a dict of such by patterns, such as {'chat-*': 500, '*': 0}",
        _is_history,
    ),
    Setting(
        "WS4CHANNELS_HISTORY_BYTES",
        MEBIBYTE,
        "bytes",
        "How much the log of one key may hold; the newest message is logged whatever its size.",
        "a whole number of bytes above 0",
        _is(int, where=_above_0),
    ),
    Setting(
        "WS4CHANNELS_POSITION_EXPIRE",
        7 * 24 * 3600,
        "seconds",
        "How long the number of a key's newest message is remembered: after so long without a connection or a message, "
        "a client that comes back is told that messages may be missing.",
        "a whole number of seconds above 0",
        _is(int, where=_above_0),
    ),
    Setting(
        "WS4REDIS_HEARTBEAT",
        None,
        "text",
        "The text sent to every socket as a sign of life; a client's message that equals it is dropped. "
        "None: no heartbeats.",
        "a non-empty string or None",
        _is(str, where=bool, or_none=True),
    ),
    Setting(
        "WS4REDIS_ALLOWED_CHANNELS",
        None,
        "",
        "`f(request, channels)`, sync or async: returns those of the asked channels that the client may use, or "
        "raises PermissionDenied. None: all are allowed.",
        "a callable, the dotted path of one, or None",
        _is_hook,
    ),
    Setting(
        "WS4REDIS_PROCESS_REQUEST",
        None,
        "",
        "`f(request)`, sync or async: sets `request.session` and `request.user`. None: Django's sessions and users.",
        "a callable, the dotted path of one, or None",
        _is_hook,
    ),
    Setting(
        "WS4REDIS_SUBSCRIBER",
        "ws4channels.subscriber.RedisSubscriber",
        "",
        "The class that says what a socket subscribes and publishes to.",
        "the dotted path of a RedisSubscriber subclass",
        _is_dotted_path,
    ),
    Setting(
        "WS4CHANNELS_TRANSPORT",
        CHANNEL_LAYER,
        "",
        "How messages travel between processes: by the channel layer, or by Redis itself on pub/sub channels named as "
        "the keys, as the original's do.",
        "'channel_layer' or 'redis'",
        _is(str, where=TRANSPORTS.__contains__),
    ),
    Setting(
        "WS4CHANNELS_PUBLISH_TO",
        None,
        "",
        "The transports by which this process publishes. None: the one of WS4CHANNELS_TRANSPORT.",
        "None or a list of one or more of 'channel_layer' and 'redis', such as ['channel_layer', 'redis']",
        _is(list, tuple, where=lambda value: value and all(each in TRANSPORTS for each in value), or_none=True),
    ),
    Setting(
        "WS4CHANNELS_CHANNEL_LAYER",
        "default",
        "",
        "The entry of CHANNEL_LAYERS that carries the messages.",
        "a key of CHANNEL_LAYERS",
        _is(str),
    ),
    Setting(
        "WS4CHANNELS_PRESENCE",
        (),
        "",
        "The facilities whose clients are listed, as patterns such as 'chat-*'.",
        "a list of patterns of facilities, such as ['chat-*']",
        _is(list, tuple, where=lambda value: all(isinstance(each, str) and each for each in value)),
    ),
    Setting(
        "WS4CHANNELS_ADMIN",
        True,
        "",
        "True: server processes tell of themselves in Redis, and the admin page is there. False: nothing is written, "
        "and no process answers.",
        "True or False",
        _is(bool),
    ),
    Setting(
        "WS4CHANNELS_HEARTBEAT_INTERVAL",
        4.0,
        "seconds",
        "The time between two heartbeats to one socket.",
        "a number of seconds above 0",
        _is(int, float, where=_above_0),
    ),
    Setting(
        "WS4CHANNELS_PROBE_INTERVAL",
        2.0,
        "seconds",
        "How often a process sends itself a probe through the layer, to notice that messages may have been lost.",
        "a number of seconds above 0",
        _is(int, float, where=_above_0),
    ),
    Setting(
        "WS4CHANNELS_MAX_MESSAGE_SIZE",
        MEBIBYTE,
        "bytes",
        "The largest message that a client may send; more closes the socket with 1009.",
        "a whole number of bytes above 0",
        _is(int, where=_above_0),
    ),
    Setting(
        "WS4CHANNELS_MAX_MESSAGES_PER_SECOND",
        100,
        "messages per second",
        "How many messages a client may send, on average; ten seconds' worth may come at once. More closes the socket "
        "with 1008. None: no limit.",
        "a number above 0 or None",
        _is(int, float, where=_above_0, or_none=True),
    ),
    Setting(
        "WS4CHANNELS_MAX_KEYS",
        1000,
        "keys",
        "How many keys one socket may subscribe to, and how many it may publish to; a client with more, such as a "
        "user in more groups, is refused. None: no limit.",
        "a whole number above 0 or None",
        _is(int, where=_above_0, or_none=True),
    ),
    Setting(
        "WS4CHANNELS_MAX_SOCKETS_PER_SESSION",
        256,
        "sockets",
        "How many sockets one session may have in one server process; more are refused. None: no limit.",
        "a whole number above 0 or None",
        _is(int, where=_above_0, or_none=True),
    ),
    Setting(
        "WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS",
        None,
        "sockets",
        "How many sockets one client address (of IPv6, one /64 network) may have in one server process; more are "
        "refused. Needs a server that knows the clients' own addresses. None: no limit.",
        "a whole number above 0 or None",
        _is(int, where=_above_0, or_none=True),
    ),
    Setting(
        "WS4CHANNELS_CLOSE_ON_SIGN_OUT",
        True,
        "",
        "True: signing out, or deleting a session, closes that session's sockets in all processes with 4401. False: "
        "they stay open.",
        "True or False",
        _is(bool),
    ),
    Setting(
        "WS4CHANNELS_CLOSE_ON_RENAME",
        False,
        "",
        "True: saving a user with another username closes the sockets that are subscribed under the old one, in all "
        "processes, with 4401. Costs a query for each user that is saved.",
        "True or False",
        _is(bool),
    ),
    Setting(
        "WS4CHANNELS_OUTBOX_MESSAGES",
        1000,
        "messages",
        "How many messages may wait for one slow client before its socket is closed with 4008.",
        "a whole number above 0",
        _is(int, where=_above_0),
    ),
    Setting(
        "WS4CHANNELS_OUTBOX_BYTES",
        4 * MEBIBYTE,
        "bytes",
        "How many bytes may wait for one slow client before its socket is closed with 4008.",
        "a whole number of bytes above 0",
        _is(int, where=_above_0),
    ),
    Setting(
        "WS4CHANNELS_CLOSE_TIMEOUT",
        10.0,
        "seconds",
        "How long a client may take to receive the close frame; then its connection is cut.",
        "a number of seconds above 0",
        _is(int, float, where=_above_0),
    ),
    Setting(
        "WS4CHANNELS_DIRECT_WRITES",
        True,
        "",
        "True: on Daphne and uvicorn a message's frame is built once and written to all sockets, and clients that do "
        "not read are noticed. False: everything goes through ASGI's `send`.",
        "True or False",
        _is(bool),
    ),
    Setting(
        "WS4CHANNELS_TUNE_GARBAGE_COLLECTOR",
        True,
        "",
        "True: in a process that serves websockets, Python looks for garbage after 10,000 new objects instead of "
        "700, so that many can connect without pauses. False: its thresholds are left alone.",
        "True or False",
        _is(bool),
    ),
    Setting(
        "WS4CHANNELS_HANDSHAKE_THREADS",
        16,
        "threads",
        "How many threads of a process run the sync code of handshakes: sessions, users, hooks.",
        "a whole number above 0",
        _is(int, where=_above_0),
    ),
    Setting(
        "WS4CHANNELS_SHUTDOWN_SPREAD",
        2.0,
        "seconds",
        "At SIGTERM a server closes its sockets one by one over this time, so that their clients do not all "
        "come back at once; 0: all at once.",
        "a number of seconds, 0 or above",
        _is(int, float, where=lambda value: value >= 0),
    ),
    Setting(
        "WS4CHANNELS_ALLOWED_ORIGINS",
        (),
        "",
        "Origins allowed besides the site's own host, ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS, such as "
        "'https://app.example.com', 'https://*.example.com' or 'file://'; '*' turns the check off.",
        "a list of origins such as 'https://app.example.com'",
        _is(list, tuple, set, frozenset, where=lambda value: all(isinstance(each, str) for each in value)),
    ),
    Setting(
        "WS4CHANNELS_CLOSE_CODE_ON_REFUSAL",
        False,
        "",
        "True: a refused client is accepted and closed with 4403 at once, so that its JavaScript can tell a refusal "
        "from a broken network. False: it gets HTTP status 403.",
        "True or False",
        _is(bool),
    ),
]
SETTINGS: dict[str, Setting] = {setting.name: setting for setting in _ALL}

# For `from ws4channels.settings import *`, which copies the values as they are then.
__all__ = [*SETTINGS]


def __getattr__(name: str) -> Any:
    setting = SETTINGS.get(name)
    if setting is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return setting.read()


def read_all() -> Iterable[tuple[Setting, ConfigurationError | None]]:
    """Yield each setting with the error that reading it raises, or None; for system checks."""
    for setting in SETTINGS.values():
        try:
            setting.read()
        except ConfigurationError as error:
            yield setting, error
        else:
            yield setting, None
