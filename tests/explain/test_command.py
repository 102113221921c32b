"""Tests of `ws4channels.management.commands.ws4channels_explain`."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from tests.silence import refusing_port
from tests.terminal import run
from ws4channels.publisher import RedisPublisher

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def john() -> User:
    """A user."""
    return User.objects.create_user("john")


def run_to_status_1(*words: str) -> str:
    """Run the command, which ends with status 1; return what it prints."""
    output = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("ws4channels_explain", *words, stdout=output)
    assert ended.value.code == 1
    return output.getvalue()


def test_client_that_gets_everything_is_status_0(settings: Any) -> None:
    """Each step is a line with its verdict; the keys follow, with what is kept and who listens."""
    settings.WS4CHANNELS_HISTORY = {"news": 5}
    RedisPublisher(facility="news", broadcast=True).publish_message("hello", expire=100)
    said = run("ws4channels_explain", "/ws/news?subscribe-broadcast&publish-user&echo", "--user", "john")
    lines = said.splitlines()
    assert lines[0] == "ok       application  ASGI_APPLICATION is 'tests.asgi.application'"
    assert "ok       channels     facility 'news', asks for subscribe-broadcast, publish-user, echo" in lines
    assert "ok       user         john" in lines
    keys = re.sub(r"[\d.]+ s", "N s", said.partition("\n\n")[2])
    assert keys == (
        "broadcast:news, which the client reads\n"
        "  0 processes listening now\n"
        "  kept: 5 bytes, N s old, for N s more\n"
        "  history: 1 message, 53 bytes\n"
        "\n"
        "user:john:news, which the client writes\n"
        "  0 processes listening now\n"
        "  nothing is kept\n"
        "\n"
        "The client is let in.\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["/ws/news?subscribe-user"],
        ["/ws/news?subscribe-brodcast"],
        ["/elsewhere"],
        ["/ws/news?subscribe-user", "--user", "jon"],
        ["/ws/news?subscribe-broadcast", "--origin", "https://evil.example"],
        ["/ws/chat?subscribe-user", "--user", "john", "--publish", "facility=news", "users=john"],
    ],
    ids=["dropped", "misspelt", "no route", "no user", "origin", "facility"],
)
def test_client_that_does_not_get_everything_is_status_1(words: list[str]) -> None:
    """A refusal, a channel that is dropped and a publisher that misses the client are told by the status."""
    with pytest.raises(SystemExit) as ended:
        run("ws4channels_explain", *words)
    assert ended.value.code == 1


def test_without_redis_it_is_unknown_what_is_kept(settings: Any) -> None:
    """It is not said that nothing is."""
    with refusing_port() as port:
        settings.WS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": port}
        said = run_to_status_1("/ws/news?subscribe-broadcast")
    assert "what is kept is unknown" in said
    assert "nothing is kept" not in said


def test_publisher_and_client_that_do_not_meet_are_told_in_one_sentence() -> None:
    """The last line has both keys."""
    said = run_to_status_1("/ws/chat?subscribe-user", "--user", "john", "--publish", "facility=news", "users=john")
    assert said.endswith("\nPublished to user:john:news; the client listens to user:john:chat.\n")
    assert "\nPublished to user:john:news: 0 processes listening now\n" in said


def test_publisher_that_reaches_the_client_is_told() -> None:
    """Several audiences may be named, each as often as there are members."""
    publish = ["--publish", "facility=news", "users=mary", "users=john", "groups=kitchen", "broadcast"]
    said = run("ws4channels_explain", "/ws/news?subscribe-user", "--user", "john", *publish)
    for key in ("broadcast:news", "group:kitchen:news", "user:john:news", "user:mary:news"):
        assert f"\nPublished to {key}: 0 processes listening now\n" in said
    assert said.endswith("\nThe client is let in, and receives what is published.\n")


def test_json_has_everything() -> None:
    """One object has the steps, the keys and the publisher."""
    words = ["/ws/news?subscribe-broadcast", "--publish", "facility=news", "broadcast", "--json"]
    found = json.loads(run("ws4channels_explain", *words))
    assert list(found) == ["steps", "keys", "dropped", "is_accepted", "publishing"]
    assert found["steps"][0]["verdict"] == "ok"
    assert found["keys"][0]["key"] == "broadcast:news"
    assert found["publishing"] == {"keys": {"broadcast:news": 0}, "notes": [], "gap": None}


@pytest.mark.parametrize("word", ["facility", "users", "users=", "request=x", "rooms=kitchen", "broadcast=maybe"])
def test_argument_that_is_none_of_a_publisher_is_an_error(word: str) -> None:
    """Wrong arguments are status 2, as with the other commands, before anything runs."""
    with pytest.raises(CommandError) as caught:
        run("ws4channels_explain", "/ws/news", "--publish", "facility=news", word)
    assert caught.value.returncode == 2
    assert str(caught.value) == (
        f"--publish has {word!r}; valid are facility=NAME, broadcast, users=NAME, groups=NAME and sessions=KEY, of "
        "which the last three may be given several times."
    )


def test_publisher_without_a_facility_is_an_error() -> None:
    """What RedisPublisher refuses is one line."""
    with pytest.raises(CommandError) as caught:
        run("ws4channels_explain", "/ws/news", "--publish", "broadcast")
    assert str(caught.value).startswith("facility is missing;")


def deny(request: object, channels: object) -> None:
    """Refuse everybody, with a text that would write on the terminal."""
    raise PermissionDenied("\x1b[2J\nok       rule         all is well")


def test_hostile_text_stays_on_its_line(settings: Any) -> None:
    """Neither the text of an error nor a name makes a line of its own."""
    settings.WS4REDIS_ALLOWED_CHANNELS = deny
    said = run_to_status_1("/ws/a%0Ab?subscribe-broadcast")
    assert "refused  rule         PermissionDenied: \\x1b[2J\\nok       rule" in said
    assert "facility 'a\\nb'" in said
    assert "\x1b[2J" not in said


def test_help_tells_of_side_effects(capsys: pytest.CaptureFixture[str]) -> None:
    """Who reads the help knows that hooks run."""
    with pytest.raises(SystemExit):
        run("ws4channels_explain", "--help")
    assert "with their side effects" in " ".join(capsys.readouterr().out.split())
