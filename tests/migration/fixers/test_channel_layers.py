"""Tests of the fixer that adds the channel layer."""

from __future__ import annotations

from typing import Any

import pytest
from channels_redis.utils import create_pool

from tests.migration.rewriting import check_leaves, fix
from ws4channels import connections
from ws4channels.migration.fixers import channel_layers

FIXER = channel_layers.fix
SETTINGS = "mysite/settings.py"
APPS = "INSTALLED_APPS = ['ws4redis']\n"


def settings_of(text: str, **names: object) -> dict[str, Any]:
    """Return what a settings file assigns after the fixer has been there."""
    found: dict[str, Any] = dict(names)
    exec(fix(FIXER, APPS + text, SETTINGS).text, found)
    return found


CONNECTIONS = [
    "{}",
    "{'host': 'redis.example', 'port': 7000, 'db': 3, 'password': 'secret'}",
    "{'host': 'redis.example', 'port': '7000'}",
    "{'unix_socket_path': '/run/redis.sock', 'db': 3}",
    "{'unix_socket_path': '/run/redis.sock', 'password': 'a/b@c'}",
    "{'host': 'redis.example', 'port': 7000, 'ssl': True, 'password': 'a/b@c'}",
    "{'host': 'redis.example', 'ssl': False}",
    "{'host': 'redis.example', 'port': 7000, 'ssl': bool(1), 'db': 3}",
    "{'host': 'redis.example', 'ssl': bool(0)}",
    "dict(host='redis.example', db=3)",
    "{'host': 'redis.example', 'decode_responses': True, 'port': 7000}",
    "{'url': 'redis://redis.example:7000/3'}",
    "{'host': environment.get('HOST'), 'port': int(environment.get('PORT', 7000))}",
    "dict([('host', 'redis.example')])",
]


def _server_of(pool: Any) -> list[str]:
    """Return what a connection of the pool would connect to."""
    connection = pool.make_connection()
    names = ("path", "host", "port", "db", "username", "password")
    return [str(getattr(connection, name, None)) for name in names]


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_layer_leads_to_the_same_redis(connection: str) -> None:
    """The pool that channels_redis makes of the host reaches the server and database of WS4REDIS_CONNECTION."""
    found = settings_of(f"WS4REDIS_CONNECTION = {connection}\n", environment={"HOST": "redis.example"})
    (host,) = found["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"]
    pool = create_pool(host)
    own = connections.build_async_client(found["WS4REDIS_CONNECTION"]).connection_pool
    assert _server_of(pool) == _server_of(own)
    assert pool.connection_class is own.connection_class


def test_no_value_is_copied() -> None:
    """Passwords and addresses stay in one place."""
    text = fix(FIXER, f"{APPS}WS4REDIS_CONNECTION = {{'host': 'h.example', 'password': 'secret'}}\n", SETTINGS).text
    assert text.count("secret") == text.count("h.example") == 1


def test_layer_and_transport_follow_the_connection() -> None:
    """What is added stands after what it reads, and says what the transport is for."""
    fixed = fix(FIXER, f"{APPS}WS4REDIS_CONNECTION = {{'host': 'x'}}\nDEBUG = 1\n", SETTINGS)
    assert fixed.text == (
        f"{APPS}WS4REDIS_CONNECTION = {{'host': 'x'}}\n"
        "CHANNEL_LAYERS = {\n"
        '    "default": {\n'
        '        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",\n'
        '        "CONFIG": {"hosts": [{"socket_timeout": 5, "health_check_interval": 30, **WS4REDIS_CONNECTION}]},\n'
        "    },\n"
        "}\n"
        'WS4CHANNELS_TRANSPORT = "redis"  # shares the channels of ws4redis; phase 2 of docs/migrating.md leaves it\n'
        "DEBUG = 1\n"
    )


def test_layer_without_a_connection_is_the_defaults() -> None:
    """A site that relies on the default connection gets the layer of that."""
    assert settings_of("")["CHANNEL_LAYERS"]["default"]["CONFIG"] == {"hosts": [{"host": "localhost", "port": 6379}]}


def test_each_branch_gets_its_own() -> None:
    """A connection chosen by a condition is followed where it is chosen."""
    branches = (
        "if which:\n    WS4REDIS_CONNECTION = {'unix_socket_path': '/x'}\n"
        "else:\n    WS4REDIS_CONNECTION = {'host': 'x'}\n"
    )
    hosts = [settings_of(branches, which=which)["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"] for which in (1, 0)]
    assert hosts[0][0]["address"] == "unix:///x"
    assert hosts[1][0]["host"] == "x"


def test_items_that_are_set_later_count() -> None:
    """Where items are assigned after the dict, the layer comes after all of them."""
    later = "WS4REDIS_CONNECTION = {'host': 'x'}\nWS4REDIS_CONNECTION['db'] = 3\n"
    assert settings_of(later)["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"][0]["db"] == 3
    conditional = "WS4REDIS_CONNECTION = {'host': 'x'}\nif 1:\n    WS4REDIS_CONNECTION['db'] = 3\n"
    assert settings_of(conditional)["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"][0]["db"] == 3


def test_computed_connection_is_reported() -> None:
    """If the keys are not written in the file, somebody should look."""
    fixed = fix(FIXER, f"{APPS}WS4REDIS_CONNECTION = read()\n", SETTINGS)
    assert "**WS4REDIS_CONNECTION" in fixed.text
    assert [finding.line for finding in fixed.findings] == [2]


def test_argument_that_the_layer_does_not_take_is_reported() -> None:
    """What has no place in a host is named."""
    fixed = fix(FIXER, f"{APPS}WS4REDIS_CONNECTION = {{'host': 'x', 'decode_responses': True}}\n", SETTINGS)
    (finding,) = fixed.findings
    assert finding.what == "CHANNEL_LAYERS was made without decode_responses of WS4REDIS_CONNECTION."


BASE = {"mysite/base.py": f"{APPS}WS4REDIS_CONNECTION = {{'host': 'x'}}\n"}


def test_settings_that_change_the_connection_get_a_layer() -> None:
    """A file that only overrides the connection gets a layer for it, but no second transport."""
    fixed = fix(FIXER, "from .base import *\nWS4REDIS_CONNECTION = {'host': 'y'}\n", "mysite/live.py", BASE)
    assert "CHANNEL_LAYERS" in fixed.text
    assert "WS4CHANNELS_TRANSPORT" not in fixed.text


@pytest.mark.parametrize(
    ("path", "text", "others"),
    [
        (SETTINGS, "INSTALLED_APPS = ['ws4channels']\nWS4REDIS_CONNECTION = {}\n", {}),
        (SETTINGS, f"{APPS}CHANNEL_LAYERS = {{}}\nWS4CHANNELS_TRANSPORT = 'redis'\nWS4REDIS_CONNECTION = {{}}\n", {}),
        ("mysite/dev.py", "from .base import *\nDEBUG = True\n", BASE),
        ("mysite/dev.py", f"from .base import *\n{APPS}", {**BASE, "mysite/base.py": BASE["mysite/base.py"]}),
        ("other/settings.py", "INSTALLED_APPS = []\nWS4REDIS_CONNECTION = {'host': 'x'}\n", BASE),
        (SETTINGS, "def f():\n    WS4REDIS_CONNECTION = {}\n", {}),
    ],
)
def test_other_settings_are_left(path: str, text: str, others: dict[str, str]) -> None:
    """Settings without ws4redis, of another site, or that inherit the layer, stay."""
    check_leaves(FIXER, text, path, others)
