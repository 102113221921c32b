"""Tests of `ws4channels.transports.scripts`, as a real Redis runs them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import redis

from example_project.redis_server import RedisServer
from tests import layers
from tests.monitor import arrived, listening
from tests.numbered import KEY, log_of, publish, record_of, set_number, size_of
from ws4channels import connections
from ws4channels.counters import counts
from ws4channels.exceptions import RedisRefusal
from ws4channels.transports.messages import Publication
from ws4channels.transports.numbers import Record, extras_of, is_beginning, read_entry
from ws4channels.transports.publishing import publish as publish_publication
from ws4channels.transports.scripts import BEGIN, READ_LOG

EXTRAS = extras_of(KEY)
WEEK = 7 * 24 * 3600


@pytest.fixture(autouse=True)
def _by_redis(settings: Any) -> None:
    layers.use(layers.REDIS, settings)


@pytest.fixture
def client(redis_client: redis.Redis) -> redis.Redis:
    """The client that the package publishes with."""
    return connections.sync_client()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def other_server() -> Iterator[RedisServer]:
    """A Redis whose rights and limits tests change."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def own_client(other_server: RedisServer, settings: Any) -> Iterator[redis.Redis]:
    """A client of that Redis, which is the site's; as it was when it started."""
    settings.WS4REDIS_CONNECTION = {"url": other_server.url}
    with other_server.client() as client:
        client.flushall()
        yield client
        client.config_set("maxmemory", 0)
        client.replicaof("NO", "ONE")
        for name in client.acl_users():
            if name != "default":
                client.acl_deluser(name)


def kept(client: redis.Redis, key: str = KEY) -> Record:
    """Return what the package reads of a key."""
    return Record.read(key, *client.mget(key, extras_of(key).record))


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_number_is_the_even_microsecond_by_redis_clock(client: redis.Redis) -> None:
    """A number is the time at which the message was published, so that an old one is never given again."""
    before = client.time()
    [number] = publish(client, "hello")
    after = client.time()
    assert before[0] * 1_000_000 + before[1] - 1 <= number <= after[0] * 1_000_000 + after[1]
    assert number % 2 == 0


def test_each_message_names_the_one_before_it(client: redis.Redis) -> None:
    """The first message of a key follows nothing, and each later one its predecessor."""
    numbers = [publish(client, "x") and record_of(client) for _ in range(20)]
    assert numbers[0][1] == 0
    assert all(later[1] == earlier[0] < later[0] for earlier, later in pairwise(numbers))


@pytest.mark.parametrize("parity", [0, 1])
def test_number_grows_though_the_clock_stands_still(client: redis.Redis, parity: int) -> None:
    """Where the clock is behind the newest number, the next one is the next even number."""
    publish(client, "x")
    future = 2 * 10**15 + parity
    set_number(client, future)
    assert publish(client, "y", "z") == [future + 2 - parity, future + 4 - parity]
    assert record_of(client) == (future + 4 - parity, future + 2 - parity)


def test_sequence_begins_again_with_larger_numbers_when_the_record_is_lost(client: redis.Redis) -> None:
    """A record that was evicted makes a new sequence, which no old number belongs to."""
    [old] = publish(client, "x")
    client.delete(EXTRAS.record)
    [new] = publish(client, "y")
    assert record_of(client) == (new, 0)
    assert new > old


def test_log_tells_the_number_when_the_record_is_lost(client: redis.Redis, settings: Any) -> None:
    """While the log stands, the sequence goes on, and its size is counted again."""
    settings.WS4CHANNELS_HISTORY = 10
    [old] = publish(client, "x")
    client.delete(EXTRAS.record)
    [new] = publish(client, "y")
    assert record_of(client) == (new, old)
    assert [each.raw for each in log_of(client)] == [b"x", b"y"]
    assert size_of(client) == 2 * 49


def test_message_that_is_not_kept_has_no_number(client: redis.Redis, settings: Any) -> None:
    """A typing notice moves no number, is in no log, and leaves what is kept."""
    settings.WS4CHANNELS_HISTORY = 10
    [number] = publish(client, "kept")
    assert publish(client, "passing", expire=0) == [number]
    assert [each.raw for each in log_of(client)] == [b"kept"]
    assert kept(client).kept.payload == "kept"


def test_message_written_by_hand_has_no_number(client: redis.Redis) -> None:
    """What another program wrote to the key is not taken for the message of the record."""
    [number] = publish(client, "ours")
    assert kept(client).kept.number == number
    client.set(KEY, "theirs")
    record = kept(client)
    assert (record.number, record.kept.payload, record.kept.number) == (number, "theirs", 0)


def test_record_lives_a_week_and_as_long_as_the_kept_message(client: redis.Redis, settings: Any) -> None:
    """A laptop that slept over the weekend is not notified of a loss."""
    publish(client, "x", expire=10)
    assert WEEK - 5 < client.ttl(EXTRAS.record) <= WEEK
    publish(client, "y", expire=2 * WEEK)
    assert 2 * WEEK - 5 < client.ttl(EXTRAS.record) <= 2 * WEEK
    settings.WS4CHANNELS_POSITION_EXPIRE = 100
    publish(client, "z", expire=10)
    assert 95 < client.ttl(EXTRAS.record) <= 100


def test_keys_of_one_message_have_sequences_of_their_own(client: redis.Redis, settings: Any) -> None:
    """One message for 1,200 keys gives each of them its number, predecessor and log entry."""
    settings.WS4CHANNELS_HISTORY = 3
    keys = tuple(f"user:{number}:f" for number in range(1200))
    for message in (b"first", b"\xff\x00"):
        publish_publication(Publication(keys, message, 60), client)
    assert client.mget(keys) == [b"\xff\x00"] * 1200
    for key in keys[::100] + keys[-1:]:
        first, second = log_of(client, key)
        assert (first.previous, second.previous) == (0, first.number)
        assert record_of(client, key) == (second.number, first.number)
        assert [first.raw, second.raw] == [b"first", b"\xff\x00"]


# --- logs -------------------------------------------------------------------------------------------------------------


def test_log_keeps_so_many_messages(client: redis.Redis, settings: Any) -> None:
    """The newest stay, and the record counts their bytes."""
    settings.WS4CHANNELS_HISTORY = 3
    publish(client, *map(str, range(10)))
    assert [each.raw for each in log_of(client)] == [b"7", b"8", b"9"]
    assert size_of(client) == 3 * 49


def test_log_shrinks_to_a_smaller_setting(client: redis.Redis, settings: Any) -> None:
    """A history that was made shorter is so from the next message on."""
    settings.WS4CHANNELS_HISTORY = 10
    publish(client, *map(str, range(10)))
    settings.WS4CHANNELS_HISTORY = 2
    publish(client, "last")
    assert [each.raw for each in log_of(client)] == [b"9", b"last"]
    assert size_of(client) == 49 + 52


def test_log_keeps_so_many_bytes(client: redis.Redis, settings: Any) -> None:
    """Large messages push out more, and the newest stays whatever its size."""
    settings.WS4CHANNELS_HISTORY = 100
    settings.WS4CHANNELS_HISTORY_BYTES = 1000
    publish(client, *["x" * 152] * 10)
    assert len(log_of(client)) == 5
    assert size_of(client) == 1000
    publish(client, "y" * 5000)
    assert [each.raw for each in log_of(client)] == [b"y" * 5000]
    publish(client, "z")
    assert [each.raw for each in log_of(client)] == [b"z"]
    assert size_of(client) == 49


def test_log_that_has_gone_leaves_no_bytes_behind(client: redis.Redis, settings: Any) -> None:
    """A log that expired before its record begins empty: the bytes of the old one take no room in the new one."""
    settings.WS4CHANNELS_HISTORY = 100
    settings.WS4CHANNELS_HISTORY_BYTES = 1000
    publish(client, *["x" * 152] * 5)
    client.delete(EXTRAS.log)
    publish(client, *map(str, range(10)))
    assert [each.raw for each in log_of(client)] == [b"%d" % number for number in range(10)]
    assert size_of(client) == 10 * 49


def test_shorter_expiry_does_not_shorten_the_log(client: redis.Redis, settings: Any) -> None:
    """The log lives until its latest deadline."""
    settings.WS4CHANNELS_HISTORY = 10
    publish(client, "long", expire=1000)
    publish(client, "short", expire=10)
    assert 990 < client.ttl(EXTRAS.log) <= 1000
    publish(client, "longer", expire=2000)
    assert 1990 < client.ttl(EXTRAS.log) <= 2000


def test_entry_has_the_deadline_of_its_message(client: redis.Redis, settings: Any) -> None:
    """Each message is readable for as long as it is kept, whatever comes before and after it."""
    settings.WS4CHANNELS_HISTORY = 10
    publish(client, "an hour", expire=3600)
    publish(client, "a second", expire=1)
    publish(client, "for ever", expire=10**15)
    now = time.time()
    hour, second, ever = [each.deadline for each in log_of(client)]
    assert (abs(hour - now - 3600) < 5, abs(second - now - 1) < 5, ever) == (True, True, 9_999_999_999)
    client.lset(EXTRAS.log, 1, client.lindex(EXTRAS.log, 1).replace(b"%010d" % second, b"%010d" % (second - 10)))
    read = [read_entry(KEY, each) for each in client.eval(READ_LOG, 1, EXTRAS.log, 0, -1)]
    assert [each.payload for each in read] == ["an hour", "", "for ever"]
    assert read[2].previous == read[1].number
    assert read[1].previous == read[0].number


def test_history_may_be_switched_off_and_on(client: redis.Redis, settings: Any) -> None:
    """What was published meanwhile is in no log, and the numbers say so."""
    settings.WS4CHANNELS_HISTORY = 10
    [first] = publish(client, "on")
    settings.WS4CHANNELS_HISTORY = 0
    _, last = publish(client, "off", "off again")
    assert client.get(EXTRAS.record)[40:] == b""
    settings.WS4CHANNELS_HISTORY = 10
    publish(client, "on again")
    before, after = log_of(client)
    assert (before.number, before.raw, after.raw) == (first, b"on", b"on again")
    assert after.previous == last
    assert size_of(client) == 50 + 56


# --- where a sequence begins ------------------------------------------------------------------------------------------


def begin(client: redis.Redis) -> int:
    """Return the number at which the next message of the key follows."""
    return int(client.eval(BEGIN, 2, EXTRAS.record, EXTRAS.log, 100))


def test_sequence_can_begin_before_there_is_a_message(client: redis.Redis) -> None:
    """It begins with a number that no message has, which the first message follows and nobody changes."""
    number = begin(client)
    assert is_beginning(number)
    assert begin(client) == number
    assert 95 < client.ttl(EXTRAS.record) <= 100
    [first] = publish(client, "x")
    assert record_of(client) == (first, number)
    assert begin(client) == first
    assert kept(client).kept.number == first


def test_beginning_without_a_message_names_no_message(client: redis.Redis) -> None:
    """What is written by hand after a beginning has no number, even if it is empty."""
    number = begin(client)
    client.set(KEY, "by hand")
    assert (kept(client).number, kept(client).kept.number) == (number, 0)


def test_beginning_is_the_end_of_the_log_if_there_is_one(client: redis.Redis, settings: Any) -> None:
    """Where only the record is lost, the sequence goes on."""
    settings.WS4CHANNELS_HISTORY = 10
    [number] = publish(client, "x")
    client.delete(EXTRAS.record)
    assert begin(client) == number


# --- what Redis refuses -----------------------------------------------------------------------------------------------


def send(client: redis.Redis, message: str, expire: int = 60) -> None:
    """Publish one message."""
    publish_publication(Publication((KEY,), message.encode(), expire), client)


def refused_numbers() -> int:
    """Return how often Redis has refused numbers."""
    return counts["messages_unnumbered"]


def test_message_is_sent_by_a_full_redis(own_client: redis.Redis, settings: Any) -> None:
    """It cannot be kept, which is an error; who listens gets it, without a number."""
    settings.WS4CHANNELS_HISTORY = 10
    client = connections.sync_client()
    send(client, "first")
    before = record_of(own_client)
    with listening(own_client, KEY, EXTRAS.note) as receiver:
        own_client.config_set("maxmemory", 1)
        with pytest.raises(RedisRefusal) as refused:
            send(client, "second")
        send(client, "passing", expire=0)
        own_client.config_set("maxmemory", 0)
        assert arrived(own_client, receiver) == [b"second", b"passing"]
    assert refused.value.is_delivered
    assert record_of(own_client) == before
    assert [each.raw for each in log_of(own_client)] == [b"first"]
    send(client, "third")
    assert record_of(own_client)[1] == before[0]


def test_message_is_sent_by_a_replica(own_client: redis.Redis, other_server: RedisServer) -> None:
    """A Redis that is read-only sends what it cannot keep."""
    client = connections.sync_client()
    with RedisServer() as master:
        own_client.replicaof("127.0.0.1", master.port)
        with listening(own_client, KEY) as receiver:
            with pytest.raises(RedisRefusal) as refused:
                send(client, "hello")
            assert arrived(own_client, receiver) == [b"hello"]
        own_client.replicaof("NO", "ONE")
    assert refused.value.is_delivered


BASE = ["+@connection", "+set", "+mget", "+get", "+publish", "+multi", "+exec", "allchannels"]
RIGHTS = {
    "no scripts": [*BASE, "~*"],
    "no rights on the extra keys": [*BASE, "+eval", "+time", "+@list", "+ttl", "+expire", f"~{KEY}"],
    "no time": [*BASE, "+eval", "~*"],
    "no lists": [*BASE, "+eval", "+time", "~*"],
    "no expiry of lists": [*BASE, "+eval", "+time", "+@list", "~*"],
    "no mget": [*BASE, "-mget", "+eval", "+time", "~*"],
    "no notes": [*BASE, "+eval", "+time", "+@list", "+ttl", "+expire", "~*", "resetchannels", f"&{KEY}"],
}


@pytest.mark.parametrize("rights", RIGHTS.values(), ids=RIGHTS)
def test_message_is_kept_and_sent_without_rights_on_extras(
    own_client: redis.Redis, other_server: RedisServer, settings: Any, rights: list[str]
) -> None:
    """A user that may do what the original needs publishes; what is refused is counted."""
    own_client.execute_command("ACL SETUSER", "site", "on", ">secret", *rights)
    settings.WS4REDIS_CONNECTION = {"url": other_server.url, "username": "site", "password": "secret"}
    settings.WS4CHANNELS_HISTORY = 10
    client = connections.sync_client()
    before = refused_numbers()
    with listening(own_client, KEY) as receiver:
        send(client, "first")
        send(client, "second")
        assert arrived(own_client, receiver) == [b"first", b"second"]
    assert own_client.get(KEY) == b"second"
    assert own_client.ttl(KEY) > 50
    assert refused_numbers() > before


@pytest.mark.parametrize("extra", ["record", "log"])
def test_message_is_kept_and_sent_though_an_extra_key_holds_something_else(
    client: redis.Redis, settings: Any, extra: str
) -> None:
    """Whatever stands where numbers and logs belong, the message itself goes out."""
    settings.WS4CHANNELS_HISTORY = 10
    for value in ("text that is no number, and long enough to be one", None):
        name = getattr(EXTRAS, extra)
        client.delete(EXTRAS.record, EXTRAS.log)
        if value is None:
            client.sadd(name, "a set")
        else:
            client.set(name, value)
        with listening(client, KEY) as receiver:
            send(client, f"hello {value}")
            assert arrived(client, receiver) == [f"hello {value}".encode()]
        assert client.get(KEY) == f"hello {value}".encode()
