"""Whether a channels_redis layer and WS4REDIS_CONNECTION lead to the same Redis."""

from __future__ import annotations

from typing import Any

from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import decode_hosts
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Info, Warning
from django.core.exceptions import ImproperlyConfigured

from ws4channels import settings
from ws4channels.checks.layer import used_layer
from ws4channels.connections import build_sync_client, describe_server, pool_of
from ws4channels.transports.layer_hosts import connection_of

_LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


def check_servers(**kwargs: Any) -> list[CheckMessage]:
    """Return a message if the layer's servers are others than that of ``WS4REDIS_CONNECTION``. Connects to nothing.

    Two servers work, if both are there. So that is a warning only where one is on this machine and the other is not,
    or where WS4REDIS_CONNECTION is not set: mostly it has been forgotten.
    """
    alias, layer = used_layer() or ("", None)
    if not isinstance(layer, (RedisChannelLayer, RedisPubSubChannelLayer)):
        return []
    try:
        kept = _server_of(settings.WS4REDIS_CONNECTION)
        carried = [_server_of(connection_of(host)) for host in _hosts_of(layer)]
    except ImproperlyConfigured:
        return []  # check_settings() and check_layer() report it.
    if kept is None or None in carried or kept in carried:
        return []
    server, is_carried_locally = carried[0] or kept
    is_forgotten = not hasattr(django_settings, "WS4REDIS_CONNECTION") or kept[1] != is_carried_locally
    kind = Warning if is_forgotten else Info
    return [
        kind(
            f"CHANNEL_LAYERS[{alias!r}] is at {server}, and WS4REDIS_CONNECTION at {kept[0]}.",
            hint="Let both lead to the same Redis: then publishing is one round trip, and fails as a whole or not at "
            "all. If you have two on purpose, silence this with SILENCED_SYSTEM_CHECKS.",
            id="ws4channels.W015",
        )
    ]


def _hosts_of(layer: Any) -> list[dict[str, Any]]:
    hosts = layer.hosts if isinstance(layer, RedisChannelLayer) else decode_hosts(layer._kwargs.get("hosts"))
    return list(hosts)


def _server_of(connection: Any) -> tuple[str, bool] | None:
    """Return a server's name and whether it is on this machine; None where names tell nothing.

    That is a cluster, Sentinel, and a unix socket, by which the same server may be reached as by a port.
    """
    if "sentinels" in connection:
        return None
    pool = pool_of(build_sync_client(connection))
    if pool is None or "path" in pool.connection_kwargs:
        return None
    host, _, port = describe_server(pool).rpartition(":")
    is_local = host in _LOCAL
    return f"{'localhost' if is_local else host}:{port}", is_local
