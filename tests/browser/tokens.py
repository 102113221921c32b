"""A process-request hook that knows users by a token, in the address or as the last subprotocol."""

from django.contrib.auth import get_user_model
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

SALT = "websocket"


def process_request(request: HttpRequest) -> None:
    """Set the user whom a valid token names; refuse a client with an expired token, or with none."""
    # A subprotocol may not contain the colons of a signed token: the page sends tildes.
    subprotocol = request.META.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").rpartition(",")[2].strip().replace("~", ":")
    try:
        username = signing.loads(request.GET.get("token", subprotocol), salt=SALT, max_age=60)
    except signing.BadSignature as error:
        raise PermissionDenied(str(error)) from error
    request.user = get_user_model().objects.get(username=username)
