"""Tests of `ws4channels.access.csrf`: which posts Django's check lets through."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.sessions.backends.cache import SessionStore
from django.core.exceptions import PermissionDenied
from django.middleware.csrf import get_token
from django.test import RequestFactory

from tests.access.scopes import a_scope
from ws4channels.access.csrf import check_csrf

SECRET, OTHER = "s" * 32, "o" * 32


def posted(cookie: str | None = None, token: str | None = None, header: bytes = b"x-csrftoken") -> dict[str, Any]:
    """Return the scope of a post; what it is and where it comes from must not matter."""
    cookies = {} if cookie is None else {"csrftoken": cookie}
    scope = a_scope("\xff", cookies=cookies, type="http", scheme="https", method="POST")
    scope["headers"] += [(b"origin", b"https://app.example.com"), (b"content-type", b"multipart/form-data")]
    if token is not None:
        scope["headers"].append((header, token.encode()))
    return scope


def masked_token(secret: str) -> str:
    """Return the token that a page's form has."""
    request = RequestFactory().get("/")
    request.META["CSRF_COOKIE"] = secret
    return get_token(request)


@pytest.mark.parametrize("token", [SECRET, masked_token(SECRET)], ids=["the cookie's", "a form's"])
def test_token_of_the_cookie_is_accepted(token: str) -> None:
    """A page sends what its cookie or its form has."""
    check_csrf(posted(SECRET, token), None)


@pytest.mark.parametrize(
    ("cookie", "token", "reason"),
    [
        (None, None, "CSRF cookie not set."),
        (None, SECRET, "CSRF cookie not set."),
        (SECRET, None, "CSRF token missing."),
        (SECRET, OTHER, "CSRF token from the 'X-Csrftoken' HTTP header incorrect."),
        (SECRET, "short", "CSRF token from the 'X-Csrftoken' HTTP header has incorrect length."),
        ("short", "short", "CSRF cookie has incorrect length."),
    ],
)
def test_anything_else_is_refused(cookie: str | None, token: str | None, reason: str) -> None:
    """The text for the log says what is wrong."""
    with pytest.raises(PermissionDenied, match=f"^CSRF check: {re.escape(reason)}$"):
        check_csrf(posted(cookie, token), None)


def test_header_has_the_name_in_the_settings(settings: Any) -> None:
    """CSRF_HEADER_NAME holds here as well."""
    settings.CSRF_HEADER_NAME = "HTTP_X_XSRF_TOKEN"
    check_csrf(posted(SECRET, SECRET, b"x-xsrf-token"), None)
    with pytest.raises(PermissionDenied):
        check_csrf(posted(SECRET, SECRET), None)


def test_secret_may_be_in_the_session(settings: Any) -> None:
    """With CSRF_USE_SESSIONS the cookie means nothing."""
    settings.CSRF_USE_SESSIONS = True
    session = SessionStore()
    session["_csrftoken"] = SECRET
    check_csrf(posted(token=SECRET), session)
    with pytest.raises(PermissionDenied):
        check_csrf(posted(OTHER, OTHER), session)
