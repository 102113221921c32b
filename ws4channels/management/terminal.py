"""What the commands share: arguments that name audiences, errors without tracebacks, numbers with their nouns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser

from ws4channels.connections import UNREACHABLE, RedisError
from ws4channels.exceptions import Ws4ChannelsError
from ws4channels.redis_store import RedisStore
from ws4channels.shown import error_on_one_line

FAILURE = 2
"""The exit status of a command that could not do what it is for."""


def add_audience_arguments(parser: CommandParser) -> None:
    """Add --broadcast, --user, --group and --session, of which each but the first may be given several times."""
    audiences = parser.add_argument_group("audiences", "Without any of these: everybody.")
    audiences.add_argument("--broadcast", action="store_true", help="Everybody.")
    for audience, name in (("user", "NAME"), ("group", "NAME"), ("session", "KEY")):
        help = f"The {audience} of that {name.lower()}; may be given several times."
        audiences.add_argument(
            f"--{audience}", action="append", default=[], dest=f"{audience}s", metavar=name, help=help
        )


def audiences_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the audiences of the arguments, as RedisPublisher takes them."""
    named = {argument: options[argument] for argument in ("users", "groups", "sessions")}
    return {**named, "broadcast": options["broadcast"] or not any(named.values())}


def keys_of(facility: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys of a facility for those audiences."""
    if not facility:
        raise CommandError("The facility is empty; it names what messages are about, such as: news")
    return tuple(RedisStore()._get_message_channels(facility=facility, **audiences_of(options)))


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Raise CommandError, which is shown without a traceback, for wrong settings and for a Redis that fails."""
    try:
        yield
    except (ImproperlyConfigured, Ws4ChannelsError) as error:
        raise CommandError(str(error), returncode=FAILURE) from error
    except (*UNREACHABLE, RedisError) as error:
        raise CommandError(f"Redis fails: {error_on_one_line(error)}", returncode=FAILURE) from error


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 process", "2 processes"."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
