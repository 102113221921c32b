"""Tests of `ws4channels.connections`."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
from django.conf import settings as django_settings

from example_project.redis_server import RedisServer
from tests.live.certificates import make_certificate
from tests.monitor import connections_named, connections_opened
from tests.scripts import run_script
from tests.silence import HOST, SilentServer, refusing_port, silent_server
from tests.topologies import behind_tls
from tests.waiting import TIMEOUT, wait_until
from ws4channels import connections
from ws4channels import settings as our_settings
from ws4channels.connections import (
    build_async_client,
    build_connector,
    build_sync_client,
    describe_server,
    server_of,
)
from ws4channels.exceptions import ConfigurationError
from ws4channels.shown import without_secrets

PASSWORD = "s3cret/with:signs@and#more"
LOCAL = {"host": HOST, "port": django_settings.REDIS_PORT}

# Every form of WS4REDIS_CONNECTION that leads to the tests' Redis.
FORMS: dict[str, dict[str, Any]] = {
    "port as int": LOCAL,
    "port as text": {"host": HOST, "port": str(django_settings.REDIS_PORT)},
    "database": {**LOCAL, "db": 3},
    "database as text": {**LOCAL, "db": "3"},
    "no password": {**LOCAL, "db": 0, "password": None},
    "host missing": {"port": django_settings.REDIS_PORT},
    "no socket": {**LOCAL, "unix_socket_path": None},
    "no TLS": {**LOCAL, "ssl": False},
    "url": {"url": f"redis://{HOST}:{django_settings.REDIS_PORT}"},
    "url with database": {"url": f"redis://{HOST}:{django_settings.REDIS_PORT}/3"},
    "no url": {**LOCAL, "url": None},
    "more arguments": {**LOCAL, "socket_timeout": 3, "socket_keepalive": True, "max_connections": 4},
}


async def roundtrip(connection: Mapping[str, Any]) -> list[bytes]:
    """Return what a sync and an async client read back."""
    with build_sync_client(connection) as client:
        client.set("key", b"sync\xff")
        values = [client.get("key")]
    async_client = build_async_client(connection)
    try:
        await async_client.set("key", b"async\xff")
        values.append(await async_client.get("key"))
    finally:
        await async_client.aclose()
    return values


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_of_the_setting_reaches_redis(form: str) -> None:
    """Sync and async clients take what the original takes, and a URL."""
    assert await roundtrip(FORMS[form]) == [b"sync\xff", b"async\xff"]


async def test_clients_speak_bytes_whatever_the_site_asks() -> None:
    """``decode_responses`` serves other code of a site; here messages are bytes."""
    assert await roundtrip({**LOCAL, "decode_responses": True}) == [b"sync\xff", b"async\xff"]


async def test_password_is_used() -> None:
    """A server that asks for a password is reached by dict and by URL, and not without it."""
    with RedisServer(password=PASSWORD) as server:
        local = {"host": HOST, "port": server.port}
        for connection in ({**local, "password": PASSWORD}, {"url": server.url}):
            assert await roundtrip(connection) == [b"sync\xff", b"async\xff"]
        for connection in (local, {**local, "password": "wrong"}):
            with build_sync_client(connection) as client, pytest.raises(redis.exceptions.AuthenticationError):
                client.ping()


async def test_unix_socket_is_used(tmp_path: Path) -> None:
    """A socket's path may stand in the dict, where it wins over host and port, or in a URL."""
    with RedisServer(unix_socket=tmp_path / "redis.sock") as server:
        path = str(server.unix_socket)
        for connection in (
            {"unix_socket_path": path},
            {"unix_socket_path": path, "host": "localhost", "port": 6379, "db": 1, "password": None},
            {"url": f"unix://{path}"},
            {"url": f"unix://{path}?db=2"},
        ):
            assert await roundtrip(connection) == [b"sync\xff", b"async\xff"]
            assert describe_server(build_sync_client(connection).connection_pool) == path


@pytest.mark.parametrize(
    "connection",
    [
        {"host": HOST, "port": 1, "ssl": True, "ssl_cert_reqs": "none", "ssl_ca_certs": None},
        {"url": f"rediss://{HOST}:1?ssl_cert_reqs=none"},
        {"url": f"rediss://{HOST}:1", "ssl_cert_reqs": "none"},
    ],
)
def test_tls_is_used_where_it_is_asked_for(connection: dict[str, Any]) -> None:
    """``ssl`` and ``rediss://`` make encrypted connections, with redis-py's own arguments for certificates."""
    pools = [build(connection).connection_pool for build in (build_sync_client, build_async_client)]
    assert [pool.connection_class for pool in pools] == [redis.SSLConnection, redis.asyncio.SSLConnection]
    assert all(pool.connection_kwargs["ssl_cert_reqs"] == "none" for pool in pools)


async def test_tls_is_spoken(tmp_path: Path) -> None:
    """A server behind TLS is reached by dict and by URL, if its certificate is trusted, and not otherwise."""
    certificate, key = make_certificate(tmp_path)
    with RedisServer(password=PASSWORD) as server, behind_tls(server, certificate, key) as port:
        trusted = {"ssl_ca_certs": str(certificate)}
        for connection in (
            {"host": HOST, "port": port, "password": PASSWORD, "ssl": True, **trusted},
            {"url": f"rediss://:{quote(PASSWORD, safe='')}@{HOST}:{port}", **trusted},
            {"url": f"rediss://:{quote(PASSWORD, safe='')}@{HOST}:{port}?ssl_ca_certs={certificate}"},
        ):
            assert await roundtrip(connection) == [b"sync\xff", b"async\xff"]
            subscriber = await build_connector(connection).connect()
            await subscriber.disconnect()
        with pytest.raises(redis.exceptions.ConnectionError, match="certificate verify failed"):
            build_sync_client({"host": HOST, "port": port, "ssl": True}).ping()
        with pytest.raises(redis.exceptions.ConnectionError, match="certificate verify failed"):
            await build_async_client({"host": HOST, "port": port, "ssl": True}).ping()


def test_tls_beside_a_url_is_not_forgotten() -> None:
    """A site that asks for TLS never gets a connection without: it is used, or refused with a text."""
    try:
        client = build_sync_client({"url": f"redis://{HOST}:1", "ssl": True})
    except ConfigurationError:
        return
    assert client.connection_pool.connection_class is redis.SSLConnection


@pytest.mark.parametrize(
    ("connection", "text"),
    [
        ({"port": "six"}, "invalid literal for int() with base 10: 'six'"),
        ({"hots": "localhost"}, "AbstractConnection.__init__() got an unexpected keyword argument 'hots'"),
        (
            {"url": "http://localhost"},
            "Redis URL must specify one of the following schemes (redis://, rediss://, unix://)",
        ),
        ({"max_connections": "3"}, '"max_connections" must be a positive integer'),
    ],
)
def test_argument_that_cannot_work_is_named(connection: dict[str, Any], text: str) -> None:
    """A wrong argument gets a text that names the setting, shows its value and says what redis-py minds."""
    for build in (build_sync_client, build_async_client):
        with pytest.raises(ConfigurationError) as refused:
            build(connection)
        assert str(refused.value) == f"WS4REDIS_CONNECTION is {connection!r}, which redis-py refuses: {text}."


@pytest.mark.parametrize(
    "connection",
    [
        {"url": "redis://localhost", "hots": "localhost"},
        {"url": "redis://[::1"},
        {5: "localhost"},
        {"ssl": True, "ssl_cert_reqs": "bogus"},
        {"port": None},
        {"url": 5},
        {"url": "redis://localhost:port"},
        {"url": "redis://localhost?socket_timeout=long"},
    ],
)
def test_every_wrong_connection_is_a_configuration_error(connection: dict[Any, Any]) -> None:
    """Whatever is wrong with the dict is said when a client is built: ``manage.py check`` relies on it."""
    with pytest.raises(ConfigurationError) as refused:
        build_sync_client(connection)
    assert str(refused.value).startswith(f"WS4REDIS_CONNECTION is {connection!r}, which redis-py refuses: ")


@pytest.mark.parametrize("empty", [0, None])
def test_empty_pool_size_means_the_default(empty: Any) -> None:
    """A ``max_connections`` of 0 or None, as from an empty environment variable, does not hang."""
    assert build_sync_client({**LOCAL, "max_connections": empty}).connection_pool.max_connections == 50


def test_setting_at_fault_is_named_otherwise_as_well() -> None:
    """Who builds clients for other settings has these named."""
    with pytest.raises(ConfigurationError) as refused:
        build_sync_client({"port": "six"}, "A host in CHANNEL_LAYERS")
    assert str(refused.value) == (
        "A host in CHANNEL_LAYERS is {'port': 'six'}, which redis-py refuses: "
        "invalid literal for int() with base 10: 'six'."
    )


@pytest.mark.parametrize(
    ("connection", "shown"),
    [
        ({"host": "h", "password": "secret"}, {"host": "h", "password": "…"}),
        ({"host": "h", "password": None}, {"host": "h", "password": None}),
        ({"ssl_password": "secret"}, {"ssl_password": "…"}),
        ({"url": "redis://:secret@h:1/2"}, {"url": "redis://…@h:1/2"}),
        ({"url": "rediss://me:secret@h"}, {"url": "rediss://…@h"}),
        ({"url": "redis://h:1/2"}, {"url": "redis://h:1/2"}),
        ({"url": "unix://:secret@/run/redis.sock"}, {"url": "unix://…@/run/redis.sock"}),
    ],
)
def test_shown_connection_has_no_password(connection: dict[str, Any], shown: dict[str, Any]) -> None:
    """What errors and logs show of a connection is all but its passwords; the connection itself stays as it is."""
    before = dict(connection)
    assert without_secrets(connection) == shown
    assert connection == before


@pytest.mark.parametrize(
    "connection",
    [
        {"hots": "localhost", "password": "secret"},
        {"url": "http://:secret@localhost"},
        {"url": "unix:///run/redis.sock?password=secret&db=x"},
        {"url": "http://localhost?password=secret"},
        {"url": "redis://:secret/secret@localhost"},
    ],
)
def test_no_error_shows_a_password(connection: dict[str, Any]) -> None:
    """However wrong a connection is, its password is not in the error's text."""
    with pytest.raises(ConfigurationError) as refused:
        build_sync_client(connection)
    assert "secret" not in str(refused.value)


QUOTE = (
    "WS4REDIS_CONNECTION has a URL whose user name or password holds a character that must be percent-encoded, such "
    "as '/', '?' or '#': quote both with urllib.parse.quote(password, safe='')."
)


@pytest.mark.parametrize("build", [build_sync_client, build_async_client])
@pytest.mark.parametrize("is_cluster", [False, True])
@pytest.mark.parametrize(
    "url",
    [
        "redis://:p@ss:6379/word@host:6379/0",
        "redis://me:1/word@host",
        "redis://me:1?word@host:6379",
        "redis://me:1?w=x&ord@host:6379",
        "rediss://:pa#word@host",
        "redis://:12/a=b@host",
    ],
)
def test_unquoted_password_in_a_url_is_an_error_that_says_to_quote_it(build: Any, url: str, is_cluster: bool) -> None:
    """A URL that would be cut within its password is refused, and no piece of it is shown."""
    with pytest.raises(ConfigurationError) as refused:
        build({"url": url, "cluster": is_cluster} if is_cluster else {"url": url})
    assert str(refused.value) == QUOTE


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("redis://:p@ss@host:6379/0", "host:6379"),
        ("rediss://me:p%2Fw%23@host:6379/1", "host:6379"),
        ("redis://host?client_name=me@home", "host:6379"),
        ("redis://host/0?password=p@ss&db=1", "host:6379"),
        ("redis://[::1]:6380/0", "::1:6380"),
        ("unix:///run/a@b.sock?db=1", "/run/a@b.sock"),
    ],
)
def test_other_urls_with_an_at_sign_are_read(url: str, server: str) -> None:
    """An "@" may be where a URL keeps its meaning: in a quoted login, a parameter, or the path of a socket."""
    assert describe_server(build_sync_client({"url": url}).connection_pool) == server


@pytest.mark.parametrize(
    "connection",
    [
        {"host": "redis://:secret@host:6379"},
        {"sentinels": [("redis://:secret@host", 26379)], "master_name": "mymaster"},
        {"cluster": True, "startup_nodes": [("redis://:secret@host", 6379)]},
    ],
)
def test_url_where_a_host_belongs_is_an_error(connection: dict[str, Any]) -> None:
    """A URL as a host is refused, because it would be logged as a host that does not answer, password included."""
    with pytest.raises(ConfigurationError) as refused:
        build_sync_client(connection)
    assert re.fullmatch(
        r"WS4REDIS_CONNECTION has the host 'redis://…@host(:6379)?'; it must be a name or an address\. A URL goes "
        r"under 'url' in WS4REDIS_CONNECTION, and under 'address' in a layer's hosts\.",
        str(refused.value),
    )


@pytest.mark.parametrize("build", [build_sync_client, build_async_client])
def test_timeouts_and_pool_size_are_explicit(build: Any) -> None:
    """No client waits for ever, and none depends on the defaults of a redis-py version."""
    pool = build({}).connection_pool
    assert {name: pool.connection_kwargs[name] for name in ("socket_timeout", "socket_connect_timeout")} == {
        "socket_timeout": 5,
        "socket_connect_timeout": 5,
    }
    assert pool.connection_kwargs["health_check_interval"] == 30
    assert (pool.max_connections, pool.timeout) == (50, 5)
    assert (pool.connection_kwargs["host"], pool.connection_kwargs["port"]) == ("localhost", 6379)


@pytest.mark.parametrize("build", [build_sync_client, build_async_client])
def test_the_sites_own_arguments_win(build: Any) -> None:
    """A site that sets a timeout or a pool size gets it."""
    pool = build({"socket_timeout": None, "max_connections": 3}).connection_pool
    assert pool.connection_kwargs["socket_timeout"] is None
    assert pool.max_connections == 3


async def attempt(connection: Mapping[str, Any]) -> tuple[list[type[BaseException]], float]:
    """Return what a sync and an async PING raise, as sites see it, and the seconds that both took."""
    began, raised = time.monotonic(), []
    async_client = build_async_client(connection)
    try:
        for call in (build_sync_client(connection).ping, async_client.ping):
            try:
                with connections.one_kind_of_failure():
                    answer = call()
                    if not isinstance(answer, bool):
                        await answer
            except redis.exceptions.RedisError as error:
                raised.append(type(error))
    finally:
        await async_client.aclose()
    return raised, time.monotonic() - began


async def test_black_hole_is_a_connection_error() -> None:
    """A server that takes connections and never answers is given up after the timeout, once: nothing is retried."""
    with silent_server() as server:
        raised, seconds = await attempt({"url": server.url, "socket_timeout": 0.2})
        assert raised == [redis.exceptions.ConnectionError] * 2
        assert seconds < TIMEOUT / 3
        assert server.count_connections() == 2


async def test_refused_connection_is_a_connection_error() -> None:
    """A port at which nobody listens is a ConnectionError at once."""
    with refusing_port() as port:
        raised, seconds = await attempt({"host": HOST, "port": port})
    assert raised == [redis.exceptions.ConnectionError] * 2
    assert seconds < TIMEOUT / 3


# redis-py 5 leaves a socket that did not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_missing_unix_socket_is_a_connection_error(tmp_path: Path) -> None:
    """A path at which there is no socket is a ConnectionError at once."""
    raised, _ = await attempt({"unix_socket_path": str(tmp_path / "none.sock")})
    assert raised == [redis.exceptions.ConnectionError] * 2


def test_timeout_becomes_a_connection_error_with_its_text() -> None:
    """What sites catch is ConnectionError; the cause stays attached, and other errors pass."""
    with pytest.raises(redis.exceptions.ConnectionError, match=r"^too slow$") as raised:
        with connections.one_kind_of_failure():
            raise redis.exceptions.TimeoutError("too slow")
    assert isinstance(raised.value.__cause__, redis.exceptions.TimeoutError)
    with pytest.raises(redis.exceptions.ResponseError), connections.one_kind_of_failure():
        raise redis.exceptions.ResponseError("WRONGTYPE")


def test_killed_connection_is_replaced_unseen(redis_client: redis.Redis) -> None:
    """A connection that died in the pool, as after a restart of Redis, costs its next user nothing."""
    with build_sync_client({**LOCAL, "client_name": "victim"}) as client:
        client.ping()
        (victim,) = connections_named(redis_client, "victim")
        redis_client.client_kill_filter(_id=victim)
        wait_until(lambda: not connections_named(redis_client, "victim"), "The connection was not killed.")
        assert client.ping()


def test_pool_is_bounded(redis_client: redis.Redis) -> None:
    """Many threads share the connections of the pool; who finds none free waits for one."""
    with build_sync_client({**LOCAL, "max_connections": 2}) as client:
        before = connections_opened(redis_client)
        results: list[int] = []
        threads = [threading.Thread(target=lambda: results.append(client.incr("counter"))) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT)
        assert sorted(results) == list(range(1, 21))
        assert connections_opened(redis_client) - before <= 2


def test_connections_name_themselves(redis_client: redis.Redis) -> None:
    """In ``CLIENT LIST`` our connections are found by name."""
    with build_sync_client(LOCAL) as client:
        before = len(connections_named(redis_client, "ws4channels"))
        client.ping()
        assert len(connections_named(redis_client, "ws4channels")) == before + 1


def test_one_client_serves_all_threads() -> None:
    """The process has one sync client for one setting."""
    clients: list[redis.Redis] = [connections.sync_client()]
    thread = threading.Thread(target=lambda: clients.append(connections.sync_client()))
    thread.start()
    thread.join(TIMEOUT)
    assert clients[0] is clients[1]


def test_client_follows_the_setting(settings: Any) -> None:
    """When the setting changes, so does the client, and back."""
    first = connections.sync_client()
    settings.WS4REDIS_CONNECTION = {"host": "other.example", "port": 1234}
    assert describe_server(connections.sync_client().connection_pool) == "other.example:1234"
    settings.WS4REDIS_CONNECTION = LOCAL
    again = connections.sync_client()
    assert again is not first
    assert again.ping()


def test_assigned_setting_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection assigned to our settings module is used, as with the original's."""
    monkeypatch.setitem(vars(our_settings), "WS4REDIS_CONNECTION", {"host": "assigned.example"})
    assert describe_server(connections.sync_client().connection_pool) == "assigned.example:6379"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"host": "h", "port": 1}, {"url": "redis://h:1"}, True),
        ({"host": "h", "port": "1", "db": 3}, {"url": "redis://h:1/4"}, True),
        ({"host": "h", "port": 1}, {"host": "h", "port": 2}, False),
        ({"host": "h"}, {"host": "i"}, False),
        ({"unix_socket_path": "/s"}, {"url": "unix:///s"}, True),
        ({"unix_socket_path": "/s"}, {"unix_socket_path": "/t"}, False),
        ({"host": "h", "port": 1, "password": "p"}, {"url": "redis://:p@h:1"}, True),
        ({"host": "localhost", "port": 6379}, {"url": "redis://localhost"}, True),
        ({"host": "h", "password": "p"}, {"host": "h", "password": "q"}, False),
        ({"host": "h", "username": "u"}, {"host": "h", "username": "v"}, False),
    ],
)
def test_same_server_is_recognised(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    """Two connections lead to one server if address and login are equal; the database does not matter to pub/sub."""
    servers = [server_of(build_sync_client(each).connection_pool) for each in (one, other)]
    assert (servers[0] == servers[1]) == same


def test_nothing_connects_before_it_is_used() -> None:
    """Importing everything, setting up Django, building publishers and ``manage.py check`` connect to nothing."""
    with silent_server() as server:
        layers = {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer"}}
        layers["default"]["CONFIG"] = {"hosts": [server.url]}  # type: ignore[assignment]
        output = run_script(
            """
            import importlib, pkgutil, warnings
            import ws4channels
            warnings.filterwarnings("ignore", "ws4redis is an alias")
            for module in pkgutil.iter_modules(ws4channels.__path__, "ws4channels."):
                importlib.import_module(module.name)
            from django.core.management import call_command
            from ws4channels import connections, publisher, redis_store, subscriber
            from ws4channels.transports import configured
            publisher.RedisPublisher()
            publisher.RedisPublisher(facility="news", broadcast=True, users=["mary"])._connection
            publisher.redis_connection_pool
            subscriber.RedisSubscriber()
            connections.sync_client()
            configured.get_transport()
            call_command("check")
            """,
            WS4REDIS_CONNECTION={"url": server.url},
            CHANNEL_LAYERS=layers,
            # Such scripts leave Daphne out.
            SILENCED_SYSTEM_CHECKS=[*django_settings.SILENCED_SYSTEM_CHECKS, "ws4channels.W006"],
        )
        assert output.startswith("System check identified no issues")
        assert server.count_connections() == 0


def test_silent_server_counts(redis_client: redis.Redis) -> None:
    """The listener that the test above relies on does count who connects."""
    with silent_server() as server:
        assert isinstance(server, SilentServer)
        assert server.count_connections() == 0
        with build_sync_client({"url": server.url, "socket_timeout": 0.1}) as client:
            with pytest.raises(redis.exceptions.TimeoutError):
                client.ping()
        assert server.count_connections() == 1
