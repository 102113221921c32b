"""The live site's pages, and one that tells what is in this process."""

from __future__ import annotations

import asyncio
import gc
import threading

from django.http import HttpRequest, JsonResponse
from django.urls import path

from tests.live.site import urls
from ws4channels.consumers import FacilityConsumer
from ws4channels.counters import counts
from ws4channels.delivery.outbox import Outbox


async def state(request: HttpRequest) -> JsonResponse:
    """Tell how many tasks and threads there are, which of our objects something holds on to, and the counters."""
    gc.collect()
    # By type(): isinstance() would wake Django's lazy objects.
    types = [type(each) for each in gc.get_objects()]
    return JsonResponse(
        {
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "consumers": sum(issubclass(each, FacilityConsumer) for each in types),
            "outboxes": sum(issubclass(each, Outbox) for each in types),
            "counts": counts,
        }
    )


urlpatterns = [*urls.urlpatterns, path("state/", state)]
