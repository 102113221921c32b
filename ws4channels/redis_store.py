"""The keys of one publisher, and what is published to them.

Keeps the names of the original's module: ``SELF``, ``RedisMessage``, ``RedisStore``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.utils.asyncio import async_unsafe

from ws4channels import connections, settings
from ws4channels.audience import BROADCAST, SELF, build_key, resolve_names
from ws4channels.exceptions import (
    AudienceTypeError,
    AudienceValueError,
    MessageTypeError,
    MessageValueError,
)
from ws4channels.transports.messages import Publication
from ws4channels.transports.publishing import apublish, publish

__all__ = ["SELF", "RedisMessage", "RedisStore"]

_VALID_ARGUMENTS = "request, facility, broadcast, groups, users, sessions"
MAX_EXPIRE = 10**15  # Redis counts milliseconds in 64 bits.


class RedisMessage(bytes):
    """A message as bytes: ``json.loads(message)`` and ``message.decode()`` work.

    Takes text (which is encoded as UTF-8), bytes, or a ``[b"message", channel, data]`` list as redis-py's pub/sub
    gives. ``RedisMessage(heartbeat)`` and ``RedisMessage(None)`` are None.
    """

    def __new__(cls, value: Any) -> RedisMessage | None:  # type: ignore[misc]
        if isinstance(value, list):
            value = value[2] if len(value) > 2 and value[0] in (b"message", "message") else None
        if value is None:
            return None
        raw = encode_message(value)
        return None if is_heartbeat(raw) else super().__new__(cls, raw)


def encode_message(message: Any) -> bytes:
    """Return the bytes of a message; raise MessageTypeError if it is neither text nor bytes."""
    if isinstance(message, str):
        try:
            return message.encode("utf-8")
        except UnicodeEncodeError as error:
            raise MessageValueError(f"message is {message!r}, which UTF-8 cannot encode: {error.reason}.") from error
    if isinstance(message, (bytes, bytearray, memoryview)):
        return bytes(message)
    problem = f"message is {message!r}; it must be a str, bytes or RedisMessage."
    if message is None and settings.WS4REDIS_HEARTBEAT is not None:
        problem += (
            f" RedisMessage({settings.WS4REDIS_HEARTBEAT!r}) is None, because that text is the heartbeat "
            "(WS4REDIS_HEARTBEAT), which is not published."
        )
    raise MessageTypeError(problem)


def is_heartbeat(raw: bytes) -> bool:
    """Tell whether `raw` is the heartbeat's text."""
    heartbeat: str | None = settings.WS4REDIS_HEARTBEAT
    return heartbeat is not None and raw == heartbeat.encode("utf-8")


def expire_in_seconds(expire: Any) -> int:
    """Return the seconds to keep a message, 0 for not at all; None means ``WS4REDIS_EXPIRE``."""
    if expire is None:
        expire = settings.WS4REDIS_EXPIRE or 0
    if isinstance(expire, timedelta):
        expire = int(expire.total_seconds())
    if not isinstance(expire, int) or isinstance(expire, bool):
        raise MessageTypeError(f"expire is {expire!r}; it must be a whole number of seconds, a timedelta or None.")
    if expire > MAX_EXPIRE:
        raise MessageValueError(f"expire is {expire!r}; it must not be above {MAX_EXPIRE} seconds.")
    return max(expire, 0)


class RedisStore:
    """A set of keys to publish to. Base of RedisPublisher and RedisSubscriber.

    `connection` is a redis-py client; None stands for the process's own, built from ``WS4REDIS_CONNECTION`` when it is
    first used.
    """

    def __init__(self, connection: Any = None) -> None:
        self._own_connection = connection
        self._publishers: set[str] = set()

    @property
    def _connection(self) -> Any:
        return connections.sync_client() if self._own_connection is None else self._own_connection

    @_connection.setter
    def _connection(self, connection: Any) -> None:
        self._own_connection = connection

    @staticmethod
    def get_prefix() -> str:
        """Return what stands before every key: ``WS4REDIS_PREFIX`` and a colon, or nothing."""
        return f"{settings.WS4REDIS_PREFIX}:" if settings.WS4REDIS_PREFIX else ""

    def publish_message(self, message: Any, expire: Any = None) -> None:
        """Publish a message to all keys of this publisher, and keep it for those who connect later.

        `message` is a str, bytes or RedisMessage; an empty one is not published. `expire` says for how many seconds
        it is kept: a number, a timedelta, or None for ``WS4REDIS_EXPIRE``; 0 or less: not kept.

        Raises MessageTypeError (a TypeError) or MessageValueError (a ValueError) for what cannot be published, and
        ``redis.exceptions.ConnectionError`` if Redis does not answer, and RedisRefusal (a redis ResponseError) if it
        refuses; what it refuses to keep is sent all the same. Raises SynchronousOnlyOperation in a thread that
        runs an event loop: await `apublish_message` there.
        """
        self._publish(message, expire, transaction=True)

    def pipeline_publish_message(self, message: Any, expire: Any = None, transaction: bool = True) -> None:
        """Do as `publish_message`, which uses a pipeline as well; `transaction` says whether it is a MULTI."""
        self._publish(message, expire, transaction)

    async def apublish_message(self, message: Any, expire: Any = None) -> None:
        """Do as `publish_message`, from async code."""
        await self._apublish(message, expire, transaction=True)

    async def apipeline_publish_message(self, message: Any, expire: Any = None, transaction: bool = True) -> None:
        """Do as `pipeline_publish_message`, from async code."""
        await self._apublish(message, expire, transaction)

    @async_unsafe(
        "publish_message() and pipeline_publish_message() wait for Redis and must not be called in a thread that runs "
        "an event loop: await apublish_message() or apipeline_publish_message() instead."
    )
    def _publish(self, message: Any, expire: Any, transaction: bool) -> None:
        publication = self._check(message, expire)
        if publication is not None:
            publish(publication, self._connection, transaction)

    async def _apublish(self, message: Any, expire: Any, transaction: bool) -> None:
        publication = self._check(message, expire)
        if publication is None:
            return
        if self._own_connection is None:
            await apublish(publication, transaction)
        else:
            await sync_to_async(publish, thread_sensitive=False)(publication, self._own_connection, transaction)

    def _check(self, message: Any, expire: Any) -> Publication | None:
        """Return what is to be published, or None where there is nothing to say or nobody to say it to."""
        raw = encode_message(message)
        if is_heartbeat(raw):
            raise MessageValueError(
                f"message is {message!r}, which is the heartbeat (WS4REDIS_HEARTBEAT) and is not published."
            )
        publication = Publication(tuple(self._publishers), raw, expire_in_seconds(expire))
        return publication if raw and publication.keys else None

    def _get_message_channels(
        self,
        request: Any = None,
        facility: Any = None,
        broadcast: Any = False,
        groups: Any = (),
        users: Any = (),
        sessions: Any = (),
        **unknown: Any,
    ) -> list[str]:
        """Return the keys of the given audiences of a facility. Subclasses override it to add their own."""
        if unknown:
            shown = ", ".join(f"{name}={value!r}" for name, value in unknown.items())
            raise AudienceTypeError(f"Unknown argument {shown}; valid arguments are {_VALID_ARGUMENTS}.")
        if broadcast not in (True, False, None):
            raise AudienceTypeError(f"broadcast is {broadcast!r}; it must be True or False.")
        prefix = settings.WS4REDIS_PREFIX
        keys = [build_key(prefix, BROADCAST, "", str(facility))] if broadcast else []
        for argument, value in (("groups", groups), ("users", users), ("sessions", sessions)):
            for name in resolve_names(argument, value, request):
                keys.append(build_key(prefix, argument.removesuffix("s"), name, str(facility)))
        if keys and facility is None:
            raise AudienceValueError(
                "facility is missing; it names what the message is about, such as facility='news'."
            )
        for key in keys:
            _require_encodable(key)
        return keys


def _require_encodable(key: str) -> None:
    try:
        key.encode("utf-8")
    except UnicodeEncodeError as error:
        raise AudienceValueError(
            f"The facility or a name makes the key {key!r}, which UTF-8 cannot encode: {error.reason}."
        ) from error
