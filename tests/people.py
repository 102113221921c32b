"""Requests of people who are signed in, or not, as a publisher is given them. No database is needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.cache import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory

from ws4channels.audience import MEMBEROF


def request_of(
    username: str | None = None, groups: Iterable[Any] | None = None, *, session: bool = True
) -> HttpRequest:
    """Return a request of the named user, or of an anonymous one; with a stored session, or one without a key.

    `groups` are what the session remembers as the user's groups.
    """
    request = RequestFactory().get("/")
    request.user = AnonymousUser() if username is None else User(username=username)
    request.session = SessionStore()
    if session:
        request.session.create()
    if groups is not None:
        request.session[MEMBEROF] = groups
    return request
