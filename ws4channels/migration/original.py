"""The names in django-websocket-redis: which ones ws4channels has, and what replaces the others."""

OUR_NAME = "ws4channels"
ITS_NAME = "ws4redis"
ITS_SETTINGS = frozenset(
    {"WS4REDIS_ALLOWED_CHANNELS", "WS4REDIS_CONNECTION", "WS4REDIS_EXPIRE", "WS4REDIS_HEARTBEAT", "WS4REDIS_PREFIX"}
    | {"WS4REDIS_PROCESS_REQUEST", "WS4REDIS_SUBSCRIBER"}
)
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
PUBLIC_MODULES = frozenset(NAMES)
SERVER_MODULES = frozenset({"django_runserver", "utf8validator", "uwsgi_runserver", "websocket", "wsgi_server"})
"""The modules of the original that were its server; they have no namesake."""

OF_REDIS_PY = frozenset({"ConnectionPool", "StrictRedis"})
"""What the original's modules had from redis-py, and sites import from them."""


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
