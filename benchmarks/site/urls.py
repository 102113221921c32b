"""What publishing from a sync view costs; and django-eventstream's view, where the environment asks for it."""

from django.apps import apps
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from benchmarks.costs import publish_costs


def publish_cost(request: HttpRequest) -> JsonResponse:
    """Measure inside a sync view, in whatever thread the server runs it."""
    return JsonResponse(publish_costs(calls=int(request.GET["calls"])))


urlpatterns = [path("publish-cost", publish_cost)]
if apps.is_installed("django_eventstream"):
    channels = {"format-channels": ["{channel}"]}
    urlpatterns.append(path("ws/<str:channel>", include("django_eventstream.urls"), channels))
