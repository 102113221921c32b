"""Who may do what on a websocket."""
from importlib import import_module

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from rooms.models import Token


def is_signed_in(user):
    if user is None:
        return False
    # a method before Django 1.10
    if callable(user.is_authenticated):
        return user.is_authenticated()
    return user.is_authenticated


def process_request(request):
    """Cookies for browsers, ?token=... for the mobile app."""
    key = request.GET.get("token")
    if key:
        try:
            request.user = Token.objects.select_related("user").get(key=key).user
        except Token.DoesNotExist:
            raise PermissionDenied("unknown token")
        request.session = {"ws4redis:memberof": [room.slug for room in request.user.rooms.all()]}
        return
    store = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(session_key=request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    try:
        request.user = get_user_model().objects.get(pk=request.session.get(SESSION_KEY))
    except get_user_model().DoesNotExist:
        request.user = AnonymousUser()


def allowed_channels(request, channels):
    """Guests read; only who is signed in may write."""
    if "banned" in request.GET:
        raise PermissionDenied("go away")
    if is_signed_in(request.user):
        return set(channels)
    return [channel for channel in channels if channel.startswith("subscribe-")]
