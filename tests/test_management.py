"""Tests of `ws4channels.management`: the commands as they are used in a terminal."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from tests import layers
from tests.presence.test_records import write
from tests.processes import test_records as processes
from tests.silence import refusing_port
from tests.terminal import listening, run, without_time
from tests.waiting import TIMEOUT
from ws4channels import __version__
from ws4channels.presence.records import Content, Listed, build_body
from ws4channels.publisher import RedisPublisher


@pytest.fixture(params=["pubsub", "core", "redis"])
def transport(request: pytest.FixtureRequest, settings: Any) -> str:
    """Each of the ways that messages travel between processes."""
    if request.param == "redis":
        settings.WS4CHANNELS_TRANSPORT = "redis"
    else:
        settings.CHANNEL_LAYERS = layers.one_layer({"pubsub": layers.PUBSUB, "core": layers.CORE}[request.param])
    return str(request.param)


# --- publishing -------------------------------------------------------------------------------------------------------


def test_message_is_published_to_everybody_and_kept(redis_client: redis.Redis) -> None:
    """Without further arguments a message goes to everybody, and is kept as the settings say."""
    said = run("ws4channels_publish", "news", "hello", stderr=io.StringIO())
    assert said == "Published 5 bytes to broadcast:news; kept for 3600 s.\n"
    assert redis_client.get("broadcast:news") == b"hello"
    assert 3590 < redis_client.ttl("broadcast:news") <= 3600


def test_message_is_published_to_those_who_are_named(redis_client: redis.Redis) -> None:
    """Users, groups and sessions may be named, several of each, and are then all who get it, unless all are named."""
    words = ["--user", "mary", "--user", "john", "--group", "kitchen", "--session", "abc", "--expire", "60"]
    said = run("ws4channels_publish", "chat", "Tea?", *words, stderr=io.StringIO())
    assert said == (
        "Published 4 bytes to group:kitchen:chat, user:mary:chat, user:john:chat, session:abc:chat; kept for 60 s.\n"
    )
    assert {key.decode() for key in redis_client.keys("*:chat")} == {
        "user:mary:chat",
        "user:john:chat",
        "group:kitchen:chat",
        "session:abc:chat",
    }
    run("ws4channels_publish", "chat", "Tea!", "--user", "mary", "--broadcast")
    assert redis_client.mget("broadcast:chat", "user:mary:chat", "user:john:chat") == [b"Tea!", b"Tea!", b"Tea?"]


def test_message_that_is_not_to_be_kept_is_not(redis_client: redis.Redis) -> None:
    """``--expire 0`` reaches those who listen now, and leaves nothing behind."""
    with listening("news", "--count", "1") as command:
        said = run("ws4channels_publish", "news", "hello", "--expire", "0")
    assert said == "Published 5 bytes to broadcast:news; not kept.\nReceived by 1 process.\n"
    assert command.lines() == ["broadcast:news hello"]
    assert redis_client.keys("*news*") == []


@pytest.mark.usefixtures("transport")
def test_publishing_says_how_many_processes_received_it() -> None:
    """Each key has its number of processes; where there is none at all, that is a warning."""
    words = ("ws4channels_publish", "chat", "Tea?", "--user", "mary", "--user", "john")
    with listening("chat", "--user", "mary", "--count", "1"):
        said = run(*words)
    assert said.splitlines()[1:] == [
        "Received by 1 process for user:mary:chat.",
        "Received by 0 processes for user:john:chat.",
    ]
    errors = io.StringIO()
    assert len(run(*words, stderr=errors).splitlines()) == 1
    assert errors.getvalue() == "No process has received it: none has a websocket that subscribes to this.\n"


def test_publishing_says_nothing_of_processes_where_the_layer_does_not(settings: Any) -> None:
    """A layer of another kind does not tell who listens; one that fails to tell has published all the same."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.layers.DistantLayer"}}
    settings.WS4CHANNELS_PUBLISH_TO = ["redis"]
    assert run("ws4channels_publish", "news", "hello") == "Published 5 bytes to broadcast:news; kept for 3600 s.\n"


class Input:
    """Stands for standard input."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def test_message_is_read_from_standard_input(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message may come by a pipe, byte for byte."""
    monkeypatch.setattr(sys, "stdin", Input(b"\xff\x00\n"))
    run("ws4channels_publish", "news", "-")
    assert redis_client.get("broadcast:news") == b"\xff\x00\n"


def test_argument_that_is_not_text_is_published_as_it_is(redis_client: redis.Redis) -> None:
    """The bytes of an argument are the bytes of the message."""
    run("ws4channels_publish", "news", os.fsdecode(b"\xff\xfe"))
    assert redis_client.get("broadcast:news") == b"\xff\xfe"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["news", ""], "The message is empty; that is not published."),
        (["", "hello"], "The facility is empty; it names what messages are about, such as: news"),
        (["news", "beat"], "message is b'beat', which is the heartbeat (WS4REDIS_HEARTBEAT) and is not published."),
    ],
)
def test_message_that_cannot_be_published_is_an_error(settings: Any, words: list[str], error: str) -> None:
    """A command that cannot work says why."""
    settings.WS4REDIS_HEARTBEAT = "beat"
    with pytest.raises(CommandError) as caught:
        run("ws4channels_publish", *words)
    assert str(caught.value) == error


def test_publishing_on_the_in_memory_layer_warns_that_no_server_receives_it(settings: Any) -> None:
    """A process of its own reaches no server through that layer; the message is kept."""
    settings.CHANNEL_LAYERS = layers.one_layer(layers.IN_MEMORY)
    errors = io.StringIO()
    run("ws4channels_publish", "news", "hello", stderr=errors)
    assert "no server receives this" in errors.getvalue()


# --- listening --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("transport")
def test_what_is_kept_comes_first() -> None:
    """The kept message is shown as such, then what is published, each on its line, binary ones in a readable way."""
    publisher = RedisPublisher(facility="news", broadcast=True)
    publisher.publish_message("old")
    with listening("news", "--count", "4") as command:
        for message in ("new", b"\xff\x00A", "two\nlines and \x1b[31mred"):
            publisher.publish_message(message)
    assert command.lines() == [
        "broadcast:news (kept) old",
        "broadcast:news new",
        r"broadcast:news <3 bytes> \xff\x00A",
        r"broadcast:news two\nlines and \x1b[31mred",
    ]
    assert command.failure is None


def test_what_is_kept_can_be_left_out() -> None:
    """``--no-kept`` shows only what is published from now on."""
    publisher = RedisPublisher(facility="news", users=["mary"], groups=["kitchen"])
    publisher.publish_message("old")
    with listening("news", "--user", "mary", "--no-kept", "--count", "1") as command:
        publisher.publish_message("new")
    assert command.lines() == ["user:mary:news new"]


def test_messages_can_be_had_as_json() -> None:
    """``--json`` gives one object a line, with binary payloads in base 64."""
    publisher = RedisPublisher(facility="news", broadcast=True)
    publisher.publish_message("kept ✓")
    with listening("news", "--json", "--count", "2") as command:
        publisher.publish_message(b"\xff")
    first, second = (json.loads(line) for line in command.output.getvalue().splitlines())
    assert first.pop("time")[:2] == second.pop("time")[:2] == "20"
    assert first == {"key": "broadcast:news", "kept": True, "text": "kept ✓"}
    assert second == {"key": "broadcast:news", "kept": False, "base64": base64.b64encode(b"\xff").decode()}


def test_time_limit_ends_it() -> None:
    """After ``--timeout`` it ends, which is a failure only if a number of messages was asked for."""
    with listening("news", "--timeout", "0.1") as command:
        pass
    assert (command.lines(), command.failure) == ([], None)
    with listening("news", "--timeout", "0.1", "--count", "2") as command:
        pass
    assert str(command.failure) == "0 of 2 messages came within 0.1 s."
    assert isinstance(command.failure, CommandError)
    assert command.failure.returncode == 1


def test_listening_on_the_in_memory_layer_is_an_error(settings: Any) -> None:
    """The in-memory layer of this process carries nothing of the servers'; and --count 0 is refused."""
    with pytest.raises(CommandError, match=r"^--count must be 1 or more\.$"):
        run("ws4channels_listen", "news", "--count", "0")
    settings.CHANNEL_LAYERS = layers.one_layer(layers.IN_MEMORY)
    with pytest.raises(CommandError, match=r"this process would receive nothing\.$"):
        run("ws4channels_listen", "news")


# --- the status ---


def test_status_of_a_site_that_is_fine(settings: Any, transport: str) -> None:
    """Without warnings the command says how things are, and ends with status 0."""
    RedisPublisher(facility="news", broadcast=True).publish_message("hello", expire=60)
    said = run("ws4channels_status", "news", "chat", "--keys")
    lines = re.sub(r"[\d.]+ ms", "… ms", re.sub(r", up .*", "", said)).splitlines()
    server = f"127.0.0.1:{settings.REDIS_PORT}"
    name = "redis" if transport == "redis" else "channel_layer"
    assert lines[0] == f"ws4channels {__version__}, transport {name} ({server})"
    assert re.fullmatch(rf"Redis       {server}, version \d+\.\d+\.\d+", lines[1])
    assert lines[2] == "Latency     a PING takes … ms (median of 10; fastest … ms)"
    assert lines[3] == "Round trip  a message takes … ms (median of 5; fastest … ms)"
    assert lines[4] == "Listening   0 processes, to no key that is kept or asked for"
    assert lines[5] == "Kept        1 message"
    assert lines[6:] == [
        "",
        "Processes  Key",
        "        0  broadcast:news",
        "        0  broadcast:chat",
        "",
        "  Seconds      Bytes  Kept",
        "       60          5  broadcast:news",
        "",
        "All is well.",
    ]


def test_status_shows_who_listens(settings: Any) -> None:
    """A key that a process has joined is listed with the number of processes, and the others are at least counted."""
    with listening("chat", "--user", "mary", "--count", "1") as mary, listening("news", "--count", "1") as news:
        said = run("ws4channels_status", "news")
        for words in (["chat", "x", "--user", "mary"], ["news", "x"]):
            run("ws4channels_publish", *words)
    assert len(mary.lines()) == len(news.lines()) == 1
    assert "\nListening   2 processes, to 1 key listed below, and to 1 other\n" in said
    assert "\n        1  broadcast:news\n" in said


def test_status_shows_what_processes_tell(settings: Any, redis_client: redis.Redis) -> None:
    """For people and for programs; nothing without the setting."""
    processes.write(redis_client, "a", {**processes.CONTENT, "host": "web\n1"})
    said = run("ws4channels_status")
    assert (
        "  Sockets  Deliveries/s  Waiting  Process  Server   Host\n"
        "        3           2.5        3        7  daphne   web\\n1\n"
    ) in said
    (told,) = json.loads(run("ws4channels_status", "--json"))["processes"]
    assert (told["pid"], told["facilities"], told["points"]) == (7, [["chat", 2], ["news", 1]], [[10, 3]])
    assert datetime.fromisoformat(told["started"]).tzinfo is not None
    settings.WS4CHANNELS_ADMIN = False
    assert "Deliveries/s" not in run("ws4channels_status")


def test_status_shows_how_much_is_logged(settings: Any) -> None:
    """Behind each key stands what its history holds."""
    settings.WS4CHANNELS_HISTORY = 2
    for text in ("one", "two", "three"):
        RedisPublisher(facility="news", broadcast=True).publish_message(text, expire=60)
    assert "       60          5  broadcast:news (log: 2 messages, 104 bytes)\n" in run("ws4channels_status", "--keys")


def test_status_shows_who_is_present(settings: Any, redis_client: redis.Redis) -> None:
    """On the facilities that are named, where presence is recorded; control characters are no part of a line."""
    settings.WS4CHANNELS_PRESENCE = ["news"]
    assert "\nHere        0 users\n" in run("ws4channels_status", "news")
    write(
        redis_client, b"a", build_body(Content({"mary\n": Listed(2, 0), "john": Listed(1, 0)}, 3)), key="broadcast:news"
    )
    assert "\nHere        2 users, 3 anonymous: john, mary\\n\n" in run("ws4channels_status", "news")
    assert "\nHere" not in run("ws4channels_status", "other")
    here = json.loads(run("ws4channels_status", "--json", "news"))["here"]
    assert (here["anonymous"], [each["user"] for each in here["users"]]) == (3, ["john", "mary\n"])
    assert json.loads(run("ws4channels_status", "--json"))["here"] is None


def test_status_is_to_be_had_as_json(redis_client: redis.Redis) -> None:
    """``--json`` gives everything in one object, for programs."""
    RedisPublisher(facility="news", broadcast=True).publish_message("hello", expire=60)
    status = json.loads(run("ws4channels_status", "--json", "--keys"))
    (kept,) = status["kept_keys"]
    assert abs(kept.pop("number") / 1_000_000 - redis_client.time()[0]) < TIMEOUT
    assert kept == {"key": "broadcast:news", "seconds": 60, "size": 5, "logged": 0, "logged_size": 0}
    assert (status["exit_status"], status["failures"], status["warnings"]) == (0, [], [])
    assert status["server"]["latency"]["times"] == 10
    assert status["listening"] == {"processes": 0, "keys": {}, "unnamed": 0, "is_known": True}


def test_status_with_warnings_is_1(settings: Any) -> None:
    """What a check warns of is shown, and the command ends with 1; with a layer that tells nothing, it says so."""
    settings.CHANNEL_LAYERS = layers.one_layer(layers.IN_MEMORY)
    output = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("ws4channels_status", stdout=output)
    assert ended.value.code == 1
    assert "\nListening   unknown: this layer does not tell who listens\n" in output.getvalue()
    assert "\nWarnings\nws4channels.W003: CHANNEL_LAYERS['default'] is the in-memory layer" in output.getvalue()


def test_status_with_failures_is_2(settings: Any) -> None:
    """A Redis that is down, or a wrong setting, is shown without a traceback, and the command ends with 2."""
    output = io.StringIO()
    with refusing_port() as port:
        settings.WS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": port, "password": "secret"}
        settings.WS4REDIS_EXPIRES = 1
        with pytest.raises(SystemExit) as ended:
            call_command("ws4channels_status", stdout=output)
    assert ended.value.code == 2
    assert f"\nFailures\nRedis at 127.0.0.1:{port} fails: ConnectionError: Error 111 connecting" in output.getvalue()
    assert "\nRound trip  " in output.getvalue()
    assert "secret" not in output.getvalue()
    with pytest.raises(CommandError, match=r"^--limit must be 1 or more\.$"):
        run("ws4channels_status", "--limit", "0")


def coloured(command: str, *words: str) -> tuple[str, str]:
    """Run a command as in a terminal that has colours; return what it writes to stdout and to stderr."""
    output, errors = io.StringIO(), io.StringIO()
    with suppress(SystemExit):
        call_command(command, *words, stdout=output, stderr=errors, force_color=True)
    return output.getvalue(), errors.getvalue()


def test_colours_tell_what_is_wrong_from_what_is_not(settings: Any) -> None:
    """What is fine is green, warnings are yellow, failures red; listening is no error and has no colour."""
    assert "\x1b[32;1mAll is well.\x1b[0m" in coloured("ws4channels_status")[0]
    assert "\x1b[33;1mNo process has received it" in coloured("ws4channels_publish", "news", "x")[1]
    assert "\x1b" not in coloured("ws4channels_listen", "news", "--timeout", "0.1")[1]
    settings.CHANNEL_LAYERS = layers.one_layer(layers.PUBSUB, host="localhost")
    assert "\x1b[33;1mws4channels.W014: " in coloured("ws4channels_status")[0]
    settings.CHANNEL_LAYERS = {}
    assert "\x1b[31;1mws4channels.E003: " in coloured("ws4channels_status")[0]


# --- from a terminal --------------------------------------------------------------------------------------------


def start(*words: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    names = {"DJANGO_SETTINGS_MODULE": "tests.settings", "WS4CHANNELS_TEST_REDIS_PORT": str(django_settings.REDIS_PORT)}
    # In Python's development mode asyncio warns of callbacks that are slow, as they are on a busy machine.
    names["PYTHONDEVMODE"] = ""
    return subprocess.Popen(
        [sys.executable, "-m", "django", *words],
        env={**os.environ, **names},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_listening_in_peace(number: signal.Signals) -> None:
    """Each line is there as soon as its message is; Ctrl-C and `kill` end the command with status 0 and no word."""
    with start("ws4channels_listen", "news") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == "Listening to broadcast:news. Ctrl-C ends it.\n"
        RedisPublisher(facility="news", broadcast=True).publish_message("hello")
        assert without_time(process.stdout.readline()) == "broadcast:news hello\n"
        process.send_signal(number)
        assert process.communicate(timeout=TIMEOUT) == ("", "")
    assert process.returncode == 0


def test_reader_that_has_enough_ends_listening_in_peace() -> None:
    """As with ``| head -1``: nobody reads the second line, and there is no traceback for it."""
    publisher = RedisPublisher(facility="news", broadcast=True)
    with start("ws4channels_listen", "news") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == "Listening to broadcast:news. Ctrl-C ends it.\n"
        process.stdout.close()
        publisher.publish_message("hello")
        assert process.stderr.read() == ""
        assert process.wait(TIMEOUT) == 0


def test_redis_that_is_down_is_reported_without_a_traceback(settings: Any) -> None:
    """Each command says that Redis does not answer, and ends with status 2."""
    with refusing_port() as port:
        settings.WS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": port}
        hosts = [{"address": f"redis://127.0.0.1:{port}", "socket_timeout": None}]
        for backend in (layers.PUBSUB, layers.CORE):
            settings.CHANNEL_LAYERS = layers.one_layer(backend, hosts=hosts)
            for words in (["ws4channels_publish", "news", "hello"], ["ws4channels_listen", "news"]):
                with pytest.raises(
                    CommandError, match=r"^Redis fails: ConnectionError: Error 111 connecting"
                ) as caught:
                    run(*words)
                assert caught.value.returncode == 2


def test_wrong_settings_are_reported_without_a_traceback(settings: Any) -> None:
    """A command says what is wrong with the settings in the words of the setting."""
    settings.WS4CHANNELS_CHANNEL_LAYER = "push"
    for words in (["ws4channels_publish", "news", "hello"], ["ws4channels_listen", "news"]):
        with pytest.raises(CommandError, match=r"^CHANNEL_LAYERS has no entry 'push'"):
            run(*words)
