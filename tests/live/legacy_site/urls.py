"""The pages of the site."""

import ws4redis.publisher
from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path
from ws4redis import settings as private_settings
from ws4redis.publisher import RedisPublisher
from ws4redis.redis_store import SELF, RedisMessage


def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign mary in."""
    login(request, authenticate(request, username="mary", password="secret"))
    return HttpResponse(",".join(request.session["ws4redis:memberof"]))


def publish(request: HttpRequest) -> HttpResponse:
    """Publish to everybody, and to the groups of the one who asks."""
    facility, text = request.GET["facility"], request.GET["text"]
    RedisPublisher(facility=facility, broadcast=True).publish_message(RedisMessage(f"{text} to all"))
    to_groups = ws4redis.publisher.RedisPublisher(facility=facility, groups=[SELF], request=request)
    to_groups.publish_message(RedisMessage(f"{text} to groups"), expire=60)
    return HttpResponse(RedisPublisher().fetch_message(request, facility, "group"))


def page(request: HttpRequest) -> HttpResponse:
    """Show what the context processor gives."""
    return HttpResponse(engines["django"].from_string("{{ WEBSOCKET_URI }}").render({}, request))


def allow(request: HttpRequest, channels: list[str]) -> list[str]:
    """Allow what is asked for, unless the query says no."""
    return [] if "no" in request.GET else channels


private_settings.WS4REDIS_ALLOWED_CHANNELS = allow
urlpatterns = [path("", page), path("login/", sign_in), path("publish/", publish)]
