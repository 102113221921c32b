"""What Prometheus scrapes: the metrics of the server process that answers."""

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from ws4channels import metrics

metrics.register()


@require_safe
def metrics_view(request):
    """Show the metrics to staff, and to who sends the header `Authorization: Bearer` with settings.METRICS_TOKEN.

    The client's address would say nothing: behind a proxy, everybody comes from the loopback interface.
    """
    if not (request.user.is_staff or has_token(request)):
        raise PermissionDenied
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def has_token(request):
    token = settings.METRICS_TOKEN
    return bool(token) and constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}")
