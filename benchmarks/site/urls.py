"""One page: what publishing from a sync view costs."""

from django.http import HttpRequest, JsonResponse
from django.urls import path

from benchmarks.costs import publish_costs


def publish_cost(request: HttpRequest) -> JsonResponse:
    """Measure inside a sync view, in whatever thread the server runs it."""
    return JsonResponse(publish_costs(calls=int(request.GET["calls"])))


urlpatterns = [path("publish-cost", publish_cost)]
