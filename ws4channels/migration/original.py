"""The names in django-websocket-redis: which ones ws4channels has, and what replaces the others."""

from ws4channels.migration.syntax import ITS_NAME, ITS_SETTINGS, PUBLIC_MODULES, SERVER_MODULES

NAMES = {
    "context_processors": {"default"},
    "exceptions": {"FrameTooLargeException", "HandshakeError", "UpgradeRequiredError", "WebSocketError"},
    "models": {"store_groups_in_session"},
    "publisher": {"RedisPublisher", "RedisStore", "redis_connection_pool", "settings"},
    "redis_store": {"RedisMessage", "RedisStore", "SELF", "settings"},
    "settings": {"WEBSOCKET_URL", *ITS_SETTINGS},
    "subscriber": {"RedisStore", "RedisSubscriber", "SELF", "settings"},
}
"""What may be imported from each module here as from the original's."""

OF_REDIS_PY = frozenset({"ConnectionPool", "StrictRedis"})
"""What the original's modules had from redis-py, and sites import from them."""

REPLACEMENTS = {
    "django_runserver": "runserver comes from daphne, which stands first in INSTALLED_APPS; remove what uses this.",
    "uwsgi_runserver": "Serve {application} with daphne in place of this process, and remove what uses this.",
    "wsgi_server": "Serve {application} with daphne in place of this server. What a subclass of it changed goes into "
    "WS4REDIS_PROCESS_REQUEST, WS4REDIS_ALLOWED_CHANNELS or a subclass of ws4channels.consumers.FacilityConsumer.",
    "websocket": "The ASGI server speaks the protocol; remove what uses this. Tests open websockets with "
    "ws4channels.testing or channels.testing.WebsocketCommunicator.",
    "utf8validator": "The ASGI server validates what clients send; remove what uses this.",
}
"""What to do about each of the server's modules."""


def replacement_of(module: str, application: str) -> str:
    """Return what to do where a module of the original is used that has no namesake here."""
    return REPLACEMENTS.get(
        module,
        "The original has no such module: it comes from a changed copy. Move what you need of it into your site.",
    ).format(application=application)


def is_the_original(dotted: str) -> bool:
    """Tell whether a dotted name begins with ``ws4redis``."""
    return dotted.partition(".")[0] == ITS_NAME


def is_moved(dotted: str) -> bool:
    """Tell whether ``ws4redis.…`` has a namesake here; True for the package itself."""
    return module_of(dotted) in PUBLIC_MODULES or "." not in dotted


def is_server(dotted: str) -> bool:
    """Tell whether ``ws4redis.…`` was part of the server."""
    return module_of(dotted) in SERVER_MODULES


def module_of(dotted: str) -> str:
    """Return the second part of a dotted name."""
    return dotted.partition(".")[2].partition(".")[0]
