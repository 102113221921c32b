"""A page for Prometheus: the metrics of the server process that answers."""

from django.conf import settings
from django.http import HttpResponse, HttpResponseForbidden
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from ws4channels import metrics

metrics.register()


@require_safe
def metrics_view(request):
    """Show the metrics to staff, and to clients that send `Authorization: Bearer` with settings.METRICS_TOKEN.

    The client's address proves nothing: behind a proxy, all requests come from the loopback interface.
    """
    if not (request.user.is_staff or has_token(request)):
        # Not PermissionDenied, which Django logs with a traceback.
        return HttpResponseForbidden("The metrics are for staff.\n", content_type="text/plain")
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def has_token(request):
    token = settings.METRICS_TOKEN
    return bool(token) and constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}")
