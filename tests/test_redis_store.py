"""Tests of `ws4channels.redis_store`."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from hypothesis import given
from hypothesis import strategies as st

from tests.people import request_of
from ws4channels.audience import SELF
from ws4channels.exceptions import AudienceTypeError, AudienceValueError, MessageTypeError, MessageValueError
from ws4channels.redis_store import RedisMessage, RedisStore, encode_message, expire_in_seconds

HEARTBEAT = "--heartbeat--"


@pytest.fixture
def heartbeat(settings: Any) -> str:
    """The heartbeat of a site that has one."""
    settings.WS4REDIS_HEARTBEAT = HEARTBEAT
    return HEARTBEAT


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"])))
def test_redis_message_of_text_is_its_utf8(text: str) -> None:
    """A RedisMessage is bytes, and gives back the text that it was made of."""
    message = RedisMessage(text)
    assert isinstance(message, bytes)
    assert isinstance(message, RedisMessage)
    assert message == text.encode()
    assert message.decode() == text


@pytest.mark.parametrize("value", [b"\xff\x00", bytearray(b"\xff\x00"), memoryview(b"\xff\x00")])
def test_redis_message_of_bytes_is_these(value: Any) -> None:
    """Bytes are taken as they are, as a serializer of Django REST framework gives them."""
    assert RedisMessage(value) == b"\xff\x00"
    assert type(RedisMessage(RedisMessage(value))) is RedisMessage


def test_redis_message_is_json_that_loads() -> None:
    """``json.loads`` takes a RedisMessage."""
    data = {"text": "grüße \U0001f600", "n": [1, 2.5, None]}
    message = RedisMessage(json.dumps(data, ensure_ascii=False))
    assert message is not None
    assert json.loads(message) == data


def test_redis_message_travels() -> None:
    """A RedisMessage is copied and pickled, as task queues do, and stays one."""
    message = RedisMessage("grüße")
    for other in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert other == message
        assert type(other) is RedisMessage


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([b"message", b"broadcast:news", b"hello"], b"hello"),
        (["message", "broadcast:news", "grüße"], "grüße".encode()),
        ([b"message", b"broadcast:news", HEARTBEAT.encode()], None),
        ([b"subscribe", b"broadcast:news", 1], None),
        ([b"message", b"broadcast:news"], None),
        ([], None),
        (None, None),
        (HEARTBEAT, None),
        (HEARTBEAT.encode(), None),
        (f"{HEARTBEAT} ", f"{HEARTBEAT} ".encode()),
        ("", b""),
    ],
)
def test_redis_message_of_other_values(heartbeat: str, value: Any, message: bytes | None) -> None:
    """What redis-py's pub/sub gives is taken apart; a heartbeat, and what is no message, is None."""
    assert RedisMessage(value) == message


def test_heartbeats_text_is_a_message_where_there_are_no_heartbeats() -> None:
    """Without WS4REDIS_HEARTBEAT no text is special."""
    assert RedisMessage(HEARTBEAT) == HEARTBEAT.encode()


@pytest.mark.parametrize("value", [5, 1.5, {"text": "hello"}, True, object, ("message",)])
def test_what_is_neither_text_nor_bytes_is_no_message(value: Any) -> None:
    """Any other type gets a text that shows the value and says what is valid."""
    for make in (RedisMessage, encode_message):
        with pytest.raises(MessageTypeError) as refused:
            make(value)
        assert str(refused.value) == f"message is {value!r}; it must be a str, bytes or RedisMessage."


def test_none_is_no_message() -> None:
    """None gets the same text where there are no heartbeats."""
    with pytest.raises(MessageTypeError) as refused:
        encode_message(None)
    assert str(refused.value) == "message is None; it must be a str, bytes or RedisMessage."


def test_none_that_came_from_a_heartbeat_is_explained(heartbeat: str) -> None:
    """Where there are heartbeats, the text says how a RedisMessage became None."""
    with pytest.raises(MessageTypeError) as refused:
        encode_message(RedisMessage(heartbeat))
    assert str(refused.value) == (
        "message is None; it must be a str, bytes or RedisMessage. RedisMessage('--heartbeat--') is None, because "
        "that text is the heartbeat (WS4REDIS_HEARTBEAT), which is not published."
    )


def test_text_that_utf8_lacks_is_explained() -> None:
    """Half a surrogate pair gets a text that names the message."""
    with pytest.raises(MessageValueError, match=r"^message is '\\ud83d'"):
        encode_message("\ud83d")


@pytest.mark.parametrize(
    ("expire", "seconds"),
    [
        (None, 3600),
        (1, 1),
        (0, 0),
        (-1, 0),
        (timedelta(minutes=1), 60),
        (timedelta(days=-1), 0),
        (10**15, 10**15),
    ],
)
def test_expire_is_a_number_of_seconds(expire: Any, seconds: int) -> None:
    """A number, a timedelta or None; negative means not kept."""
    assert expire_in_seconds(expire) == seconds


@pytest.mark.parametrize(("setting", "seconds"), [(60, 60), (0, 0), (-5, 0), (None, 0)])
def test_expire_none_means_the_setting(settings: Any, setting: int | None, seconds: int) -> None:
    """``expire=None`` means WS4REDIS_EXPIRE, and that setting's None means not kept."""
    settings.WS4REDIS_EXPIRE = setting
    assert expire_in_seconds(None) == seconds


@pytest.mark.parametrize("expire", ["soon", "60", 1.5, True, False, b"60", [60]])
def test_expire_of_another_type_is_refused(expire: Any) -> None:
    """What is no number of seconds gets a text that shows it."""
    with pytest.raises(MessageTypeError) as refused:
        expire_in_seconds(expire)
    assert str(refused.value) == f"expire is {expire!r}; it must be a whole number of seconds, a timedelta or None."


def test_expire_beyond_redis_is_refused() -> None:
    """More seconds than Redis counts get a text with the limit."""
    with pytest.raises(MessageValueError) as refused:
        expire_in_seconds(10**15 + 1)
    assert str(refused.value) == "expire is 1000000000000001; it must not be above 1000000000000000 seconds."


def test_connection_is_the_processes_or_ones_own(redis_client: redis.Redis) -> None:
    """Without a connection a store uses the process's; one that is given or assigned is used instead."""
    assert RedisStore()._connection.ping()
    assert RedisStore()._connection is RedisStore()._connection
    assert RedisStore(redis_client)._connection is redis_client
    store = RedisStore()
    store._connection = redis_client
    assert store._connection is redis_client


@pytest.mark.parametrize(("prefix", "lead"), [(None, ""), ("", ""), ("ws", "ws:"), ("a:b", "a:b:")])
def test_prefix_comes_with_its_colon(settings: Any, prefix: str | None, lead: str) -> None:
    """``get_prefix()`` is what stands before every key, on the class as on an object."""
    settings.WS4REDIS_PREFIX = prefix
    assert RedisStore.get_prefix() == RedisStore().get_prefix() == lead


def test_keys_of_all_audiences_come_from_one_method(settings: Any) -> None:
    """``_get_message_channels``, which subclasses override, knows all audiences."""
    settings.WS4REDIS_PREFIX = "ws"
    request = request_of("john", ["chatters"])
    keys = RedisStore()._get_message_channels(
        request=request, facility="news", broadcast=True, groups=[SELF, "other"], users=[SELF], sessions=[SELF, "abc"]
    )
    assert sorted(keys) == sorted(
        [
            "ws:broadcast:news",
            "ws:group:chatters:news",
            "ws:group:other:news",
            "ws:user:john:news",
            f"ws:session:{request.session.session_key}:news",
            "ws:session:abc:news",
        ]
    )


def test_arguments_may_be_given_by_position() -> None:
    """The order of the original's arguments is kept, for subclasses that pass them on."""
    keys = RedisStore()._get_message_channels(None, "news", True, ["g"], ["u"], ["s"])
    assert keys == ["broadcast:news", "group:g:news", "user:u:news", "session:s:news"]


@pytest.mark.parametrize("broadcast", [True, 1])
@pytest.mark.parametrize("facility", [0, 7, "0"])
def test_facility_may_be_anything_with_a_text(facility: Any, broadcast: Any) -> None:
    """Facilities are formatted with ``str()``: primary keys are among them, zero included."""
    assert RedisStore()._get_message_channels(facility=facility, broadcast=broadcast) == [f"broadcast:{facility}"]


def test_a_missing_facility_is_noticed_where_somebody_is_addressed() -> None:
    """Who addresses somebody has to say what about; who addresses nobody does not."""
    assert RedisStore()._get_message_channels() == []
    with pytest.raises(AudienceValueError) as refused:
        RedisStore()._get_message_channels(broadcast=True)
    assert str(refused.value) == ("facility is missing; it names what the message is about, such as facility='news'.")


def test_unknown_argument_is_refused() -> None:
    """An argument that there is not is named, with those that there are."""
    with pytest.raises(AudienceTypeError) as refused:
        RedisStore()._get_message_channels(facility="news", user="john", group=5)
    assert str(refused.value) == (
        "Unknown argument user='john', group=5; valid arguments are request, facility, broadcast, groups, users, "
        "sessions."
    )


def store_with(connection: redis.Redis, *keys: str) -> RedisStore:
    """Return a store that publishes to `keys` through `connection`."""
    store = RedisStore(connection)
    store._publishers.update(keys)
    return store


async def test_own_connection_is_used_by_the_async_twins(redis_client: redis.Redis) -> None:
    """A store that was given a sync client publishes through that from async code, too, without blocking the loop."""
    with redis.Redis.from_url(django_settings.REDIS_URL, db=5) as client:
        store = store_with(client, "broadcast:news")
        await store.apublish_message("hello")
        assert client.get("broadcast:news") == b"hello"
        await store.apipeline_publish_message("again", 60, transaction=False)
        assert client.get("broadcast:news") == b"again"
        client.flushdb()
    assert redis_client.get("broadcast:news") is None
