"""A page, and two views that publish what the query says: ``facility``, ``text``, and ``count``, how often."""

from __future__ import annotations

import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ws4channels.publisher import RedisPublisher


def page(request: HttpRequest) -> HttpResponse:
    """Show what the context processor gives, whom the site takes the client for, and the settings' mark."""
    context = {"mark": settings.MARK, "address": request.META.get("REMOTE_ADDR", "")}
    return render(request, "live/page.html", context)


def _publisher_and_texts(request: HttpRequest) -> tuple[RedisPublisher, list[str]]:
    publisher = RedisPublisher(facility=request.GET["facility"], broadcast=True)
    text = request.GET.get("text", "")
    return publisher, [f"{text}{number}" for number in range(int(request.GET.get("count", 1)))]


def publish(request: HttpRequest) -> HttpResponse:
    """Publish from sync code; answer with the seconds that it took."""
    publisher, texts = _publisher_and_texts(request)
    begin = time.perf_counter()
    for text in texts:
        publisher.publish_message(text)
    return HttpResponse(f"{time.perf_counter() - begin:.6f}")


async def publish_async(request: HttpRequest) -> HttpResponse:
    """Publish from async code."""
    publisher, texts = _publisher_and_texts(request)
    begin = time.perf_counter()
    for text in texts:
        await publisher.apublish_message(text)
    return HttpResponse(f"{time.perf_counter() - begin:.6f}")
