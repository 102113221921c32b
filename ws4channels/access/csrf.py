"""Django's CSRF check for what is posted below ``WEBSOCKET_URL``, where Django's middleware does not come by."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware


class _Check(CsrfViewMiddleware):
    """Gives the reason instead of a page, as Django REST framework has it."""

    def _reject(self, request: Any, reason: str) -> Any:
        return reason


def check_csrf(scope: Mapping[str, Any], session: Any) -> None:
    """Raise PermissionDenied unless the request has the token of its cookie in the header ``CSRF_HEADER_NAME``.

    With ``CSRF_USE_SESSIONS`` the token is that of `session`, which is looked up.
    """
    # The token alone: the Origin was checked by the rule of websockets. Without the scheme there is no check of the
    # Referer, which stands in for an Origin; browsers send that with each POST. Without the others, no body is parsed.
    kept = ("HTTP_COOKIE", django_settings.CSRF_HEADER_NAME)
    headers = [(name, value) for name, value in scope["headers"] if _meta_name(name) in kept]
    changes = {"method": "POST", "scheme": "http", "query_string": b"", "headers": headers}
    request: Any = ASGIRequest({**scope, **changes}, BytesIO())
    request.session = session
    check = _Check(_no_page)
    check.process_request(request)
    reason = check.process_view(request, _no_page, (), {})
    if reason is not None:
        raise PermissionDenied(f"CSRF check: {reason}")


def _meta_name(header: bytes) -> str:
    return "HTTP_" + header.decode("latin1").upper().replace("-", "_")


def _no_page(request: Any) -> HttpResponse:
    raise NotImplementedError("The check answers nothing.")
