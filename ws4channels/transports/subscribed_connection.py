"""One connection that is subscribed to channels: commands, who waits for them, and what Redis sends.

Redis answers the commands of a connection in order, between the messages it sends. So the answer to a PING tells that
the commands before it are done, and that everything published before has been received.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from redis.exceptions import ResponseError

from ws4channels.connections import RedisConnectionError
from ws4channels.connections.pipelines import Command

Reply = list[Any]


class SubscribedConnection:
    """Owns a connection of redis-py, connected, with replies as bytes and without a socket timeout.

    Somebody has to be in `read` for what waits to be answered.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._waiting: dict[bytes, asyncio.Future[None]] = {}
        """By the token of its PING, in order, who waits for what was sent."""
        self._tokens = itertools.count()

    async def send(self, *commands: Command) -> None:
        """Send commands. Awaits nothing before all is written."""
        await self._connection.send_packed_command(self._connection.pack_commands(commands), check_health=False)

    async def begin(self, *commands: Command) -> asyncio.Future[None]:
        """Send commands; return what is done when Redis has executed them and all before its answer is received.

        It raises the ResponseError of a command that Redis refuses, and RedisConnectionError if the connection is lost.
        """
        token = b"%d" % next(self._tokens)
        self._waiting[token] = done = asyncio.get_running_loop().create_future()
        try:
            await self.send(*commands, ("PING", token))
        except BaseException:
            self._waiting.pop(token, None)
            raise
        return done

    async def read(self) -> Reply:
        """Wait for the next reply: a message, or the answer to a command. Raises what redis-py does if it is lost."""
        while True:
            try:
                reply = await self._connection.read_response()
            except ResponseError as error:
                self._refuse(error)
                continue
            if type(reply) is not list:
                # The answer to PING where no channel is subscribed to.
                reply = [b"pong", reply]
            if reply[0] == b"pong":
                self._answer(reply[1])
            return reply

    async def close(self, reason: str) -> None:
        """Close the connection, and fail what waits as `fail` does."""
        self.fail(reason)
        await self.disconnect()

    def fail(self, reason: str) -> None:
        """Raise a RedisConnectionError for `reason` from all that waits."""
        waiting, self._waiting = self._waiting, {}
        for done in waiting.values():
            if not done.done():
                done.set_exception(RedisConnectionError(reason))

    async def disconnect(self) -> None:
        """Close the connection, without waiting until that is done: `read` then raises."""
        await self._connection.disconnect(nowait=True)

    def _answer(self, token: bytes) -> None:
        done = self._waiting.pop(token, None)
        if done is not None and not done.done():
            done.set_result(None)

    def _refuse(self, error: ResponseError) -> None:
        """Fail the oldest that waits: Redis replies in order, and its PING is answered all the same."""
        done = next(iter(self._waiting.values()), None)
        if done is not None and not done.done():
            done.set_exception(error)
