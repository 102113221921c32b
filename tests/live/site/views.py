"""A page, a way to sign out, tickets, and two views that publish what the query says.

To ``facility`` they send ``text`` and a number, ``count`` times, each filled up to ``size`` characters.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ws4channels.publisher import RedisPublisher
from ws4channels.tickets import create_ticket


def page(request: HttpRequest) -> HttpResponse:
    """Show what the context processor gives, whom the site takes the client for, and the settings' mark."""
    context = {"mark": settings.MARK, "address": request.META.get("REMOTE_ADDR", "")}
    return render(request, "live/page.html", context)


def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return HttpResponse("signed out")


@login_required
def ticket(request: HttpRequest) -> HttpResponse:
    """Give a ticket for the facility that the query names."""
    return HttpResponse(create_ticket(request.user, request.GET["facility"], session=request.session))


def _publisher_and_texts(request: HttpRequest) -> tuple[RedisPublisher, list[str]]:
    publisher = RedisPublisher(facility=request.GET["facility"], broadcast=True)
    text = request.GET.get("text", "")
    size = int(request.GET.get("size", 0))
    return publisher, [f"{text}{number}".ljust(size, "x") for number in range(int(request.GET.get("count", 1)))]


def publish(request: HttpRequest) -> HttpResponse:
    """Publish from sync code."""
    publisher, texts = _publisher_and_texts(request)
    for text in texts:
        publisher.publish_message(text)
    return HttpResponse("published")


async def publish_async(request: HttpRequest) -> HttpResponse:
    """Publish from async code."""
    publisher, texts = _publisher_and_texts(request)
    for text in texts:
        await publisher.apublish_message(text)
    return HttpResponse("published")
