"""How frames look to a client that said ``resume`` or ``binary``; and the positions that it is given.

A frame of a resuming client is ``POSITION LF payload``, without the position for a message that has no number, and
without the payload for the client's own message that it is not sent. A control frame is ``!`` and a JSON object.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.utils.crypto import salted_hmac

from ws4channels.delivery.outbox import Outbox
from ws4channels.delivery.welcome import Welcome
from ws4channels.transports.messages import DIGITS, Delivery, Payload

MAX_POSITIONS = 4096
"""How many characters of positions a client may come back with."""

_SALT = "ws4channels.position"
_DIGEST_SIZE = 9


class Form(NamedTuple):
    """What a client agreed to."""

    resumes: bool = False
    is_binary: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether frames are as the original's."""
        return self == _PLAIN

    def first(self, welcome: Welcome, dropped: Mapping[str, str]) -> list[Delivery]:
        """Return the first frames of a socket; `dropped` are the channels that it does not get, with the reasons."""
        frames = [self.of(each) for each in welcome.deliveries]
        if not self.resumes:
            return frames
        positions = [position_of(key, number) for key, number in welcome.positions.items()]
        content = {"recovered": welcome.recovered, "positions": positions, "dropped": dict(dropped)}
        return [control_frame(content), *frames]

    def of(self, delivery: Delivery) -> Delivery:
        """Return a message in this form; built once for all sockets."""
        if self.is_plain:
            return delivery
        if delivery.forms is None:
            delivery.forms = {}
        formed: Delivery | None = delivery.forms.get(self)
        if formed is None:
            payload = self._payload(delivery)
            formed = delivery.forms[self] = Delivery(payload, delivery.key, delivery.number, delivery.previous)
        return formed

    def without_payload(self, delivery: Delivery) -> Delivery:
        """Return what tells the client the position of a message that it is not sent."""
        return self.of(Delivery("", delivery.key, delivery.number))

    def _payload(self, delivery: Delivery) -> Payload:
        payload = delivery.payload
        if self.is_binary and isinstance(payload, str):
            payload = payload.encode("utf-8")
        if not self.resumes:
            return payload
        position = f"{position_of(delivery.key, delivery.number)}\n" if delivery.number else "\n"
        return position + payload if isinstance(payload, str) else position.encode("ascii") + payload


_PLAIN = Form()


class FormedSubscriber:
    """Stands between the hub and the outbox of a client that did not agree to plain frames."""

    def __init__(self, outbox: Outbox, form: Form) -> None:
        self._outbox = outbox
        self._form = form

    def put(self, delivery: Delivery) -> None:
        """Take a published message."""
        own = self._outbox.own
        if own is None or not own.is_used or not own.take(delivery.payload):
            self._outbox.put_own(self._form.of(delivery))
        elif self._form.resumes and delivery.number:
            self._outbox.put_own(self._form.without_payload(delivery))

    def put_own(self, delivery: Delivery) -> None:
        """Take a heartbeat."""
        self._outbox.put_own(delivery)

    def put_gap(self, key: str, number: int) -> None:
        """Tell the client that messages of a key before `number`'s successor are lost."""
        if self._form.resumes:
            self._outbox.put_own(control_frame({"gap": True, "positions": [position_of(key, number)]}))

    def flush(self) -> None:
        """Send what has been taken."""
        self._outbox.flush()

    @property
    def waiting(self) -> int:
        """How many messages wait to be sent."""
        return self._outbox.waiting


def control_frame(content: Mapping[str, Any]) -> Delivery:
    """Return the frame that tells a resuming client something."""
    return Delivery("!" + json.dumps(content))


def position_of(key: str, number: int) -> str:
    """Return what tells a client where it is in the messages of a key: 30 characters that do not reveal the key."""
    return f"{_name_of(django_settings.SECRET_KEY, key)}.{number:0{DIGITS}}"


def read_positions(text: str, keys: Iterable[str]) -> dict[str, int]:
    """Return the numbers in a client's positions, as far as they are positions of `keys`; others mean nothing."""
    secrets = (django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS)
    key_of = {_name_of(secret, key): key for key in keys for secret in secrets}
    found = {}
    for position in text[:MAX_POSITIONS].split(","):
        name, _, number = position.partition(".")
        if name in key_of and len(number) == DIGITS and number.isascii() and number.isdigit():
            found[key_of[name]] = int(number)
    return found


@lru_cache(maxsize=4096)
def _name_of(secret: str, key: str) -> str:
    digest = salted_hmac(_SALT, key, secret=secret, algorithm="sha256").digest()[:_DIGEST_SIZE]
    return "k" + base64.urlsafe_b64encode(digest).decode("ascii")
