"""Keep a message and send it to all receivers, in as few round trips as possible."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from redis.exceptions import NoPermissionError, ReadOnlyError, ResponseError

from ws4channels import connections
from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.connections.pipelines import Command, aask, aexecute, ask, execute
from ws4channels.counters import counts
from ws4channels.exceptions import RedisRefusal
from ws4channels.transports import configured, publishing_loop
from ws4channels.transports.contract import Transport
from ws4channels.transports.messages import NO_NUMBERS, Publication
from ws4channels.transports.plans import Plan, Script

logger = logging.getLogger(__name__)

recorders: list[list[Publication]] = []
"""While this is not empty, messages are recorded in its lists instead of published; see ``ws4channels.testing``."""

_PLACE_IN_SCRIPT = re.compile(r"^.*@user_script: ?\d+: -?| script: [0-9a-f]{40}, on @user_script:\d+\.?$", re.S)
_refused_numbers = LogThrottle(quiet=60.0)


def publish(publication: Publication, connection: Any, transaction: bool = True) -> None:
    """Write the keys through `connection` and send to everybody who listens, from a thread without an event loop.

    Raises RedisRefusal if Redis refuses to keep or to send the message. What it refuses to keep is sent all the same.
    """
    if recorders:
        _record(publication)
        return
    with _NamingRefusals(publication), connections.one_kind_of_failure():
        _publish(publication, connection, transaction)


def _publish(publication: Publication, connection: Any, transaction: bool) -> None:
    plan = Plan(connection, publication, configured.get_publishing_transports(), _has_our_records(connection))
    for transport in plan.elsewhere:
        transport.check_publish()
    outcome = _Outcome(publication, plan)
    refused = outcome.read(ask(connection, outcome.commands()))
    if refused:
        try:
            execute(connection, plan.plain(refused), transaction)
        except ResponseError as refusal:
            outcome.refusal = str(refusal)
            execute(connection, plan.live(refused) if transaction else [], False)
    for transport in plan.elsewhere:
        transport.publish(publication, outcome.numbers)
    outcome.raise_refusal()


async def apublish(publication: Publication, transaction: bool = True) -> None:
    """Do as `publish` with the process's own connection, from any event loop."""
    if recorders:
        _record(publication)
        return
    publishing_to = configured.get_publishing_transports()
    with _NamingRefusals(publication):
        outcome = await publishing_loop.run(lambda own: _apublish(own.client, publication, publishing_to, transaction))
        for transport in outcome.plan.elsewhere:
            with connections.one_kind_of_failure():
                await transport.apublish(publication, outcome.numbers)
        outcome.raise_refusal()


async def _apublish(
    client: Any, publication: Publication, publishing_to: Iterable[Transport], transaction: bool
) -> _Outcome:
    with connections.one_kind_of_failure():
        plan = Plan(client, publication, publishing_to, is_numbered=True)
        outcome = _Outcome(publication, plan)
        refused = outcome.read(await aask(client, outcome.commands()))
        if refused:
            try:
                await aexecute(client, plan.plain(refused), transaction)
            except ResponseError as refusal:
                outcome.refusal = str(refusal)
                await aexecute(client, plan.live(refused) if transaction else [], False)
    return outcome


def _has_our_records(connection: Any) -> bool:
    """Tell whether a client writes to the Redis at which hubs look for numbers; a site may have given another."""
    own = connections.sync_client()
    if connection is own:
        return True
    pool, own_pool = connections.pool_of(connection), connections.pool_of(own)
    if pool is None or own_pool is None:
        return False
    return connections.server_of(pool) == connections.server_of(own_pool)


class _Outcome:
    """What became of one message."""

    def __init__(self, publication: Publication, plan: Plan) -> None:
        self._publication = publication
        self.plan = plan
        self._scripts: list[Script] = []
        self.refusal = ""
        """What Redis said when it refused to keep the message, which was sent all the same."""
        self.numbers = [""] * len(publication.keys)
        """Those of each key, as ``build_event`` takes them."""

    def commands(self) -> Iterator[Command]:
        """Yield what keeps and sends it. Each command is built while Redis is at the one before."""
        for script in self.plan.scripts():
            self._scripts.append(script)
            yield script.command

    def read(self, answers: Sequence[Any]) -> tuple[str, ...]:
        """Take the answers of the scripts; return the keys of those that Redis refused, for plain commands."""
        refused: list[str] = []
        numbers: list[str] = []
        for script, answer in zip(self._scripts, answers, strict=True):
            if isinstance(answer, ResponseError):
                _check_plain(answer)
                refused += script.keys
                numbers += [NO_NUMBERS] * len(script.keys)
                continue
            refusal, refused_extras, *some = answer
            self.refusal = self.refusal or _reason_in(refusal)
            if refused_extras:
                _note_refused_numbers(_reason_in(refused_extras))
            numbers += map(_as_text, some)
        if self.plan.elsewhere and numbers:
            self.numbers = ["" if each == NO_NUMBERS else f"{each}:{self.plan.database}" for each in numbers]
        return tuple(refused)

    def raise_refusal(self) -> None:
        """Raise if the message was sent and is not kept."""
        if self.refusal:
            error = ResponseError(self.refusal)
            raise RedisRefusal.of("SET", self._publication.keys, error, is_delivered=True) from error


def _check_plain(error: ResponseError) -> None:
    """Raise what a script failed with unless plain commands may do where it may not."""
    if isinstance(error, ReadOnlyError):
        return
    if not isinstance(error, NoPermissionError) and "unknown command" not in str(error).lower():
        raise error
    _note_refused_numbers(str(error))


def _as_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _reason_in(error: Any) -> str:
    """Return what Redis said, without where in the script that was: before it in Redis 6, behind it in Redis 7."""
    return _PLACE_IN_SCRIPT.sub("", _as_text(error))


def _note_refused_numbers(refusal: str) -> None:
    counts["messages_unnumbered"] += 1
    if _refused_numbers.is_first():
        logger.warning(
            "Messages go out without numbers, so that what is lost cannot be noticed or read again: Redis refuses "
            "them (%s).",
            refusal,
        )


class _NamingRefusals:
    """Raise RedisRefusal, which names the keys, where Redis refuses to send. As cheap as `one_kind_of_failure`."""

    def __init__(self, publication: Publication) -> None:
        self._keys = publication.keys

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, ResponseError) and not isinstance(error, RedisRefusal):
            raise RedisRefusal.of("PUBLISH", self._keys, error) from error


def _record(publication: Publication) -> None:
    for recorder in recorders:
        recorder.append(publication)
