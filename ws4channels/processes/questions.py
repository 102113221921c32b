"""Questions to all server processes, as they travel: signed, so that nobody else who can publish is answered."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass, field, replace

from django.core.signing import BadSignature, Signer

from ws4channels import settings
from ws4channels.audience import close_commands_key
from ws4channels.transports.messages import Payload, Publication

MOST_KEYS = 1000
"""How many keys a question may name, and an answer may have."""

_MOST_CHARACTERS = 256 * 1024
_MARK = "?"  # what no close command begins with
_SALT = "ws4channels.processes"
_NUMBER = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class Question:
    """Asks for keys with the number of sockets that are subscribed to each."""

    keys: tuple[str, ...] | None = None
    """These keys; None: those to which all that follows applies."""
    facility: str | None = None
    text: str | None = None
    """What the key contains."""
    limit: int = 100
    number: str = field(default_factory=lambda: secrets.token_hex(16))
    """Says where the answers go."""

    def publication(self) -> Publication:
        """Return the question as it is published: on the key of close commands, to which all processes listen."""
        signed = _MARK + Signer(salt=_SALT).sign_object(asdict(self))
        if len(signed) > _MOST_CHARACTERS:
            raise ValueError(f"The question has {len(signed)} characters; it must have {_MOST_CHARACTERS}.")
        return Publication((close_commands_key(settings.WS4REDIS_PREFIX),), signed.encode("ascii"), 0)


def sockets_of(keys: tuple[str, ...] | list[str]) -> Question:
    """Return the question how many sockets are subscribed to each of up to 1000 keys; more raise ValueError."""
    if len(keys) > MOST_KEYS:
        raise ValueError(f"There are {len(keys)} keys; a question may name {MOST_KEYS}.")
    return Question(keys=tuple(keys), limit=MOST_KEYS)


def keys_of(facility: str | None = None, text: str | None = None, limit: int = 100) -> Question:
    """Return the question for keys to which sockets are subscribed, those with most sockets first.

    Of one facility, or with `text` in them; up to `limit` of each process, 1 to 1000. Raises ValueError for
    another limit.
    """
    if not 1 <= limit <= MOST_KEYS:
        raise ValueError(f"limit is {limit!r}; it must be 1 to {MOST_KEYS}.")
    return Question(facility=facility, text=text, limit=limit)


def is_question(payload: Payload) -> bool:
    """Tell whether a payload among close commands is meant as a question."""
    return isinstance(payload, str) and payload.startswith(_MARK)


def read_question(payload: Payload) -> Question | None:
    """Return the question in a payload, or None if no process of this site sent it."""
    text = str(payload)
    if len(text) > _MOST_CHARACTERS:
        return None
    try:
        content = Signer(salt=_SALT).unsign_object(text[len(_MARK) :])
        question = Question(**content)
        keys = None if question.keys is None else tuple(question.keys)[:MOST_KEYS]
        question = replace(question, keys=keys, limit=min(max(int(question.limit), 1), MOST_KEYS))
        return question if _NUMBER.fullmatch(question.number) else None
    except (BadSignature, TypeError, ValueError):
        # TypeError, ValueError: a question of another version of this package.
        return None
