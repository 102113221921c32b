"""Tickets for tests: as clients present them, and of any age."""

from __future__ import annotations

import time
from typing import Any
from unittest import mock

from ws4channels.tickets import create_ticket


def aged_ticket(age: float, user: Any, **options: Any) -> str:
    """Return a ticket that was made `age` seconds ago."""
    with mock.patch.object(time, "time", return_value=time.time() - age):
        return create_ticket(user, **options)


def by_header(ticket: str) -> list[tuple[bytes, bytes]]:
    """Return the header by which a client presents a ticket."""
    return [(b"authorization", f"Ticket {ticket}".encode())]
