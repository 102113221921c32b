"""RedisPublisher: publish to users, groups, sessions or everybody, from anywhere in a Django project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.utils.asyncio import async_unsafe

from ws4channels import connections, settings
from ws4channels.audience import AUDIENCES, build_key, groups_of, session_of, user_of
from ws4channels.exceptions import AudienceValueError
from ws4channels.redis_store import RedisStore
from ws4channels.transports import publishing_loop
from ws4channels.transports.history import anewest_in_log, newest_in_log
from ws4channels.transports.messages import Delivery, to_raw
from ws4channels.transports.numbers import Record, extras_of, history_of
from ws4channels.transports.publishing_loop import PublishingLoop

__all__ = ["RedisPublisher"]

_NAMES_OF = {"session": session_of, "user": user_of, "group": groups_of}


class RedisPublisher(RedisStore):
    """Publishes messages to the audiences of one facility.

    >>> RedisPublisher(facility="news", broadcast=True).publish_message("hello")

    `facility` names what the messages are about; `broadcast=True` addresses every client; `users`, `groups` and
    `sessions` are iterables of names, formatted with ``str()``, and may hold ``SELF`` for those of `request`.
    Building one does not connect, so it may be done at import time. Without arguments it addresses nobody and serves
    `fetch_message`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        if "facility" in kwargs and str(kwargs["facility"]) == "":
            raise AudienceValueError("facility is ''; it must not be empty, such as facility='news'.")
        self._publishers.update(self._get_message_channels(**kwargs))

    @async_unsafe(
        "fetch_message() waits for Redis and must not be called in a thread that runs an event loop: "
        "await afetch_message() instead."
    )
    def fetch_message(self, request: Any, facility: Any, audience: str = "any") -> bytes | None:
        """Return the kept message of a facility that is meant for the client of `request`, or None.

        `audience` is one of ``session``, ``user``, ``group``, ``broadcast``, or ``any``, which looks in this order and
        returns the first message found.
        """
        keys = _keys_for(request, facility, audience)
        if not keys:
            return None
        with connections.one_kind_of_failure():
            return _first(self._connection.mget(keys))

    async def afetch_message(self, request: Any, facility: Any, audience: str = "any") -> bytes | None:
        """Do as `fetch_message`, from async code. Sessions and users are looked up in a thread."""
        keys = await sync_to_async(_keys_for)(request, facility, audience)
        if not keys:
            return None
        if self._own_connection is not None:
            with connections.one_kind_of_failure():
                return _first(await sync_to_async(self._own_connection.mget, thread_sensitive=False)(keys))

        async def on_publishing_loop(publishing: PublishingLoop) -> bytes | None:
            with connections.one_kind_of_failure():
                return _first(await publishing.client.mget(keys))

        return await publishing_loop.run(on_publishing_loop)

    @async_unsafe(
        "fetch_messages() waits for Redis and must not be called in a thread that runs an event loop: "
        "await afetch_messages() instead."
    )
    def fetch_messages(self, request: Any, facility: Any, audience: str, count: int) -> list[bytes]:
        """Return the last `count` messages, oldest first, that a facility has for the client of `request`.

        `audience` is one of ``session``, ``user``, ``group`` and ``broadcast``; of several groups, the messages are put
        together by time. More than the kept message there is only with ``WS4CHANNELS_HISTORY``.
        """
        keys = _keys_of_one(request, facility, audience, count)
        with connections.one_kind_of_failure():
            client = self._connection
            # What is published between the two is in the log as well.
            values = client.mget(_with_records(keys)) if keys else []
            logs = [newest_in_log(client, key, count) if history_of(key) else [] for key in keys]
        return _newest(keys, values, logs, count)

    async def afetch_messages(self, request: Any, facility: Any, audience: str, count: int) -> list[bytes]:
        """Do as `fetch_messages`, from async code. Sessions and users are looked up in a thread."""
        if self._own_connection is not None:
            return await sync_to_async(self.fetch_messages)(request, facility, audience, count)
        keys = await sync_to_async(_keys_of_one)(request, facility, audience, count)

        async def on_publishing_loop(publishing: PublishingLoop) -> list[bytes]:
            with connections.one_kind_of_failure():
                values = await publishing.client.mget(_with_records(keys)) if keys else []
                logs = [await anewest_in_log(publishing.client, key, count) if history_of(key) else [] for key in keys]
            return _newest(keys, values, logs, count)

        return await publishing_loop.run(on_publishing_loop)


def _keys_of_one(request: Any, facility: Any, audience: str, count: int) -> list[str]:
    if audience not in AUDIENCES:
        valid = ", ".join(map(repr, AUDIENCES))
        raise AudienceValueError(f"audience is {audience!r}; it must be one of {valid}.")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise AudienceValueError(f"count is {count!r}; it must be a whole number above 0.")
    return _keys_for(request, facility, audience)


def _with_records(keys: Sequence[str]) -> list[str]:
    return [*keys, *(extras_of(key).record for key in keys if history_of(key))]


def _newest(keys: Sequence[str], values: Sequence[Any], logs: Sequence[Sequence[Delivery]], count: int) -> list[bytes]:
    """Return the newest messages in the order of their numbers; what has none is the newest of its key.

    `values` are those of `_with_records`.
    """
    records = iter(values[len(keys) :])
    found: dict[tuple[str, int], Delivery] = {(each.key, each.number): each for log in logs for each in log}
    for key, raw in zip(keys, values, strict=False):
        kept = Record.read(key, raw, next(records) if history_of(key) else None).kept
        if kept is not None:
            found.setdefault((key, kept.number), kept)
    newest = sorted(found.values(), key=lambda each: (not each.number, each.number))
    return [to_raw(each.payload) for each in newest if each.payload][-count:]


def _keys_for(request: Any, facility: Any, audience: str) -> list[str]:
    if audience != "any" and audience not in AUDIENCES:
        valid = ", ".join(map(repr, (*AUDIENCES, "any")))
        raise AudienceValueError(f"audience is {audience!r}; it must be one of {valid}.")
    keys = []
    for each in AUDIENCES if audience == "any" else (audience,):
        for name in _NAMES_OF[each](request) if each in _NAMES_OF else ("",):
            keys.append(build_key(settings.WS4REDIS_PREFIX, each, name, str(facility)))
    return keys


def _first(values: Any) -> bytes | None:
    return next((value for value in values if value), None)


def __getattr__(name: str) -> Any:
    # The original makes its pool when it is imported; here it follows the settings.
    if name == "redis_connection_pool":
        return connections.sync_client().connection_pool
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
