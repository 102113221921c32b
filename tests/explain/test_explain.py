"""Tests of `ws4channels.explain`: the public questions, each with the answer that it gives.

These are also the tests of `ws4channels.explain.report`, `ws4channels.explain.scopes`, `ws4channels.explain.keys`,
`ws4channels.explain.negotiation` and `ws4channels.explain.publishing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.db import connection

from tests import layers
from tests.terminal import listening
from ws4channels.access.watching import WATCHING
from ws4channels.audience import MEMBEROF, STORED_GROUPS
from ws4channels.counters import counts
from ws4channels.explain import Explanation, Step, explain, explain_publishing
from ws4channels.publisher import RedisPublisher
from ws4channels.testing import _signed_in_session
from ws4channels.tickets import create_ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def john() -> User:
    """A user."""
    return User.objects.create_user("john")


def step_of(explanation: Explanation, name: str) -> Step:
    """Return the one step of that name."""
    (step,) = [step for step in explanation.steps if step.name == name]
    return step


def verdicts(explanation: Explanation) -> dict[str, str]:
    """Return the verdicts of the steps that are not fine."""
    return {step.name: step.verdict for step in explanation.steps if step.verdict != "ok"}


# --- the seven questions ----------------------------------------------------------------------------------------------


def test_wrong_facility_is_said_in_one_sentence(john: User) -> None:
    """A publisher that names another facility than the URL has other keys; both are shown."""
    explanation = explain("/ws/chat?subscribe-user", user="john")
    publishing = explain_publishing("news", explanation, users=[john])
    assert publishing.gap == "Published to user:john:news; the client listens to user:john:chat."
    assert explain_publishing("chat", explanation, users=["john"]).gap is None


def test_anonymous_client_gets_no_channel_of_a_user() -> None:
    """Nobody is signed in: the channel is dropped, with the reason."""
    explanation = explain("/ws/chat?subscribe-user")
    assert (explanation.is_accepted, explanation.keys) == (True, [])
    assert explanation.dropped == {"subscribe-user": "nobody is signed in"}
    assert step_of(explanation, "user").text == "nobody is signed in"
    assert explain_publishing("chat", explanation, users=["john"]).gap == (
        "Published to user:john:chat; the client listens to nothing; it does not get subscribe-user: "
        "nobody is signed in."
    )


def test_other_layer_of_the_server_shows_as_nobody_listening(settings: Any) -> None:
    """A process whose layer has another prefix listens elsewhere: nobody listens to the key as we know it."""
    with listening("news", "--count", "1"):
        assert explain("/ws/news?subscribe-broadcast").keys[0].processes == 1
        with other_layer(settings):
            assert explain("/ws/news?subscribe-broadcast").keys[0].processes == 0
            assert explain_publishing("news", broadcast=True).keys == {"broadcast:news": 0}
        RedisPublisher(facility="news", broadcast=True).publish_message("the end")


@contextmanager
def other_layer(settings: Any) -> Iterator[None]:
    """Have this process use a channel layer with another prefix."""
    before = settings.CHANNEL_LAYERS
    config = {**before["default"]["CONFIG"], "prefix": "other"}
    settings.CHANNEL_LAYERS = {"default": {**before["default"], "CONFIG": config}}
    yield
    settings.CHANNEL_LAYERS = before


def test_layer_in_memory_is_named(settings: Any) -> None:
    """The in-memory layer carries nothing between processes, and the step of the transport says so."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    step = step_of(explain("/ws/news?subscribe-broadcast"), "transport")
    assert step.verdict == "dropped"
    assert "it carries messages within one process: what others publish does not arrive" in step.text


def deny(request: Any, channels: Any = None) -> None:
    """Refuse everybody."""
    raise PermissionDenied("Not\nyou.")


@pytest.mark.parametrize(
    ("setting", "name"), [("WS4REDIS_PROCESS_REQUEST", "hook"), ("WS4REDIS_ALLOWED_CHANNELS", "rule")]
)
def test_hook_that_refuses_is_named_with_its_reason(settings: Any, setting: str, name: str) -> None:
    """What a hook raises is shown as in the log, and the steps end there."""
    setattr(settings, setting, deny)
    before = counts.copy()
    explanation = explain("/ws/news?subscribe-broadcast")
    assert explanation.steps[-1] == Step(name, "refused", "PermissionDenied: Not\\nyou. (status 403)")
    assert not explanation.is_accepted
    assert counts == before
    publishing = explain_publishing("news", explanation, broadcast=True)
    assert publishing.gap == "The client is not let in, so it receives nothing."


def test_hook_that_fails_is_shown_with_the_place(settings: Any) -> None:
    """An error that is no refusal is status 500, and names the line that raised it."""
    settings.WS4REDIS_PROCESS_REQUEST = lambda request: request.no_such_thing
    last = explain("/ws/news?subscribe-broadcast").steps[-1]
    assert (last.name, last.verdict) == ("hook", "refused")
    assert "has no attribute 'no_such_thing' (status 500, raised in line " in last.text
    assert __file__ in last.text


def test_refused_origin_is_told_with_the_reason() -> None:
    """The server's own check refuses a page of another site; nothing after it is asked, logged or counted."""
    before = counts.copy()
    explanation = explain("/ws/news?subscribe-broadcast", origin="https://evil.example", host="testserver")
    assert explanation.steps[-1] == Step(
        "origin",
        "refused",
        "'https://evil.example': it is neither the request's own host 'testserver' nor in ALLOWED_HOSTS, "
        "CSRF_TRUSTED_ORIGINS or WS4CHANNELS_ALLOWED_ORIGINS",
    )
    assert not explanation.is_accepted
    assert counts == before
    assert explain("/ws/news?subscribe-broadcast", origin="http://testserver", host="testserver").is_accepted


def test_object_that_is_no_user_is_named(john: User) -> None:
    """``users=[profile]`` is published to whatever ``str()`` makes of it, which no client reads."""

    class Profile:
        def __repr__(self) -> str:
            return "<Profile 7>"

        def __str__(self) -> str:
            return "John's profile"

    explanation = explain("/ws/news?subscribe-user", user="john")
    publishing = explain_publishing("news", explanation, users=[Profile()])
    assert publishing.notes == ['users holds <Profile 7>, which is no name: it is published to "John\'s profile".']
    assert publishing.gap == "Published to user:John's profile:news; the client listens to user:john:news."
    assert explain_publishing("news", explanation, users=[john]).notes == []


def test_group_that_an_old_session_lacks_is_named(john: User) -> None:
    """A session with a list of its own does not know of a group that its user has joined since."""
    session = _signed_in_session(john, ["kitchen"])
    john.groups.set([Group.objects.create(name="kitchen"), Group.objects.create(name="bar")])
    explanation = explain("/ws/news?subscribe-group", session=session.session_key)
    assert [key.key for key in explanation.keys] == ["group:kitchen:news"]
    assert step_of(explanation, "user") == Step(
        "user",
        "dropped",
        "john, in the groups kitchen; now also in bar, which the session's list of the sign-in, "
        "'ws4redis:memberof', does not have",
    )
    gap = "Published to group:bar:news; the client listens to group:kitchen:news."
    assert explain_publishing("news", explanation, groups=["bar"]).gap == gap
    session[STORED_GROUPS] = session[MEMBEROF]
    session.save()
    explanation = explain("/ws/news?subscribe-group", session=session.session_key)
    assert {key.key for key in explanation.keys} == {"group:kitchen:news", "group:bar:news"}


# --- what else there is to see ----------------------------------------------------------------------------------------


def test_all_steps_are_told(john: User) -> None:
    """A client that gets what it asks for passes all steps, in the order in which a server takes them."""
    explanation = explain("ws://localhost/ws/news?subscribe-user&publish-broadcast&echo", user="john")
    assert verdicts(explanation) == {}
    assert [step.name for step in explanation.steps] == [
        *("application", "origin", "router", "transport", "channels", "session"),
        *("hook", "user", "rule", "subscriber", "limits"),
    ]
    assert explanation.is_accepted
    assert [(key.key, key.subscribes, key.publishes) for key in explanation.keys] == [
        ("user:john:news", True, False),
        ("broadcast:news", False, True),
    ]


def test_what_is_kept_is_measured_but_not_shown(settings: Any, redis_client: redis.Redis) -> None:
    """Size, age and expiry of the kept message are there, and the length of the history; no content is."""
    settings.WS4CHANNELS_HISTORY = 10
    publisher = RedisPublisher(facility="news", broadcast=True)
    for message in ("a secret", "another secret"):
        publisher.publish_message(message, expire=100)
    explanation = explain("/ws/news?subscribe-broadcast")
    (key,) = explanation.keys
    assert (key.kept_bytes, key.history_messages) == (14, 2)
    assert key.history_bytes >= 22
    assert key.kept_seconds in (99, 100)
    assert key.kept_age is not None
    assert 0 <= key.kept_age < 60
    assert "secret" not in json.dumps(explanation.as_dict())


def test_nothing_is_joined_or_written(john: User, redis_client: redis.Redis) -> None:
    """Afterwards Redis holds what it held before."""
    explain("/ws/news?subscribe-user&subscribe-broadcast&publish-broadcast&resume", user="john")
    assert redis_client.keys() == []
    assert redis_client.pubsub_channels() == []
    assert SessionStore.get_model_class().objects.count() == 0


def test_misspelt_channel_is_named() -> None:
    """What no server knows it ignores; here it is said."""
    explanation = explain("/ws/news?subscribe-brodcast&token=secret")
    step = step_of(explanation, "channels")
    assert step == Step(
        "channels", "dropped", "facility 'news', asks for nothing; there is no channel subscribe-brodcast"
    )
    assert explanation.dropped == {"subscribe-brodcast": "there is no such channel"}


def test_word_that_a_subscriber_may_know_is_no_dropped_channel(settings: Any) -> None:
    """A subscriber of the site's own may read more of the URL than its channels."""
    settings.WS4REDIS_SUBSCRIBER = "tests.legacy_subscribers.SendNothing"
    assert explain("/ws/news?subscribe-broadcast&subscribe-room=5").dropped == {}


def test_session_that_has_ended_is_named() -> None:
    """The key of a session that is not stored is nobody's."""
    step = step_of(explain("/ws/news?subscribe-session", session="made-up"), "session")
    assert step.verdict == "dropped"
    assert step.text == "no session is stored under the key of the cookie: it has ended, or never was"


def test_session_is_looked_up_where_a_server_would_not(john: User) -> None:
    """A client that asks for broadcast alone costs a server no look-up; its session is told all the same."""
    session = _signed_in_session(john, [])
    explanation = explain("/ws/news?subscribe-broadcast", session=session.session_key)
    assert step_of(explanation, "session") == Step("session", "ok", "a stored session")
    assert step_of(explanation, "user") == Step("user", "ok", "john")


def test_url_that_is_not_routed_is_named() -> None:
    """A path that is no websocket's is refused by the router."""
    explanation = explain("/news?subscribe-broadcast")
    assert explanation.steps[-1].name == "router"
    assert explanation.steps[-1].text == "/news does not begin with WEBSOCKET_URL, '/ws/'"
    assert not explanation.is_accepted


def test_redis_that_does_not_answer_is_a_step(settings: Any) -> None:
    """Nothing is raised where Redis is gone: the websocket would be closed with 1013."""
    settings.WS4REDIS_CONNECTION = {"url": "redis://:geheim@127.0.0.1:1/0"}
    explanation = explain("/ws/news?subscribe-broadcast")
    step = step_of(explanation, "redis")
    assert step.verdict == "refused"
    assert not explanation.is_accepted
    assert "geheim" not in json.dumps(explanation.as_dict())


def test_unknown_user_is_named() -> None:
    """A user who does not exist is no anonymous client."""
    explanation = explain("/ws/news?subscribe-user", user="jon\n")
    assert explanation.steps == [Step("user", "refused", "There is no auth.User with the username 'jon\\n'.")]


@contextmanager
def without_table(name: str) -> Iterator[None]:
    """Have the database lack a table."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO elsewhere")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE elsewhere RENAME TO {name}")


def test_database_that_fails_is_a_step() -> None:
    """Without its table the user cannot be looked up; that is told, and not raised."""
    with without_table("auth_user"):
        (step,) = explain("/ws/news?subscribe-user", user="john").steps
    assert step == Step("user", "refused", "OperationalError: no such table: auth_user")


@pytest.mark.parametrize(
    ("table", "names"), [("auth_user", {"user"}), ("django_session", {"session", "user"})], ids=["users", "sessions"]
)
def test_what_a_server_would_not_look_up_refuses_nobody(john: User, table: str, names: set[str]) -> None:
    """Broadcast needs neither session nor user: where they are not to be had, the client is let in."""
    session = _signed_in_session(john, [])
    with without_table(table):
        explanation = explain("/ws/news?subscribe-broadcast", session=session.session_key)
    assert explanation.is_accepted
    assert verdicts(explanation) == dict.fromkeys(names, "unknown")
    assert step_of(explanation, "user").text == f"OperationalError: no such table: {table}"


def test_page_live_of_the_admin_is_named(settings: Any) -> None:
    """The site's rule is not asked about its facility; only a ticket of the page opens it, and stays good."""
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: pytest.fail("is not asked")
    chief = User.objects.create_superuser("chief")
    url = f"/ws/{WATCHING}?key=broadcast:news"
    explanation = explain(url, user="chief")
    assert not explanation.is_accepted
    assert step_of(explanation, "admin").text == (
        "PermissionDenied: This facility is for the admin's page Live, which has a ticket for each connection. "
        "(status 403)"
    )
    ticket = create_ticket(chief, facility=WATCHING, channels=[], once=True)
    for _ in range(2):
        explanation = explain(f"{url}&ticket={ticket}")
        assert explanation.is_accepted
        assert step_of(explanation, "admin").text.startswith("the admin's page Live: ")
        assert [key.key for key in explanation.keys] == ["broadcast:news"]


def test_channels_that_a_rule_drops_are_named(settings: Any) -> None:
    """The step of the rule says what it allows, and each channel that it drops has a step of its own."""
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: ["subscribe-broadcast"]
    explanation = explain("/ws/news?subscribe-broadcast&publish-broadcast")
    step = step_of(explanation, "rule")
    assert step.verdict == "dropped"
    assert step.text.endswith(" allows subscribe-broadcast")
    reason = "WS4REDIS_ALLOWED_CHANNELS does not allow it"
    assert explanation.steps[-1] == Step("publish-broadcast", "dropped", reason)
    assert explanation.dropped == {"publish-broadcast": reason}


def test_layer_that_does_not_answer_leaves_the_listeners_unknown(settings: Any) -> None:
    """Redis has the kept messages; who listens is the layer's to know."""
    layer = {"BACKEND": layers.PUBSUB, "CONFIG": {"hosts": ["redis://127.0.0.1:1"]}}
    settings.CHANNEL_LAYERS = {"default": layer}
    explanation = explain("/ws/news?subscribe-broadcast")
    assert step_of(explanation, "listening").verdict == "unknown"
    assert explanation.keys[0].processes is None


def test_command_that_redis_refuses_is_told(settings: Any, redis_client: redis.Redis) -> None:
    """A user of Redis with few rights may not ask for all that there is to tell; the client is let in."""
    redis_client.acl_setuser("poor", enabled=True, nopass=True, commands=["+get", "+mget"], keys=["*"], channels=["*"])
    try:
        settings.WS4REDIS_CONNECTION = {"url": settings.REDIS_URL.replace("//", "//poor:any@")}
        explanation = explain("/ws/news?subscribe-broadcast")
    finally:
        redis_client.acl_deluser("poor")
    step = step_of(explanation, "redis")
    assert step.verdict == "unknown"
    assert "no permissions to run the 'time' command" in step.text
    assert explanation.is_accepted


def test_publisher_that_addresses_nobody_is_noted() -> None:
    """Without an audience nothing is written."""
    publishing = explain_publishing("news", explain("/ws/news?subscribe-broadcast"))
    assert publishing.keys == {}
    assert publishing.notes == ["The arguments address nobody."]
    assert publishing.gap == "Published to nothing; the client listens to broadcast:news."


@pytest.mark.parametrize(
    "url",
    ["", "news", "ftp://example.com/ws/news", "ws://[/ws/news", "ws://x", "\ud800", "//", "/ws/\ud800?x", "/\udcff"],
)
def test_odd_url_is_a_refused_step(url: str) -> None:
    """Whatever the URL is, the answer is a step."""
    explanation = explain(url)
    assert not explanation.is_accepted
    assert explanation.steps[-1].verdict == "refused"


@pytest.mark.parametrize("name", ["\x1b[2J\nrefused", "a\r\nb", "\u2028", "ünï", "%00", "a:b", "../..", "x" * 6000])
def test_hostile_name_stays_on_one_line(name: str) -> None:
    """Names from the URL and from arguments are escaped in each text."""
    explanation = explain(f"/ws/{name.replace('%', '%25')}?subscribe-broadcast&subscribe-{name}", origin=name)
    publishing = explain_publishing(name, explanation, users=[name])
    texts = [step.text for step in explanation.steps] + publishing.notes + [publishing.gap or ""]
    assert all(text.isprintable() for text in texts)
    json.dumps(explanation.as_dict())
