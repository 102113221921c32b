"""The example's pages, and a view that gives Mary's tickets to an app that has a token of hers."""

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path

from example_project.urls import urlpatterns as pages
from ws4channels.tickets import create_ticket

TOKEN = "the-app-s-own"


def give_ticket(request: HttpRequest) -> HttpResponse:
    """Give a ticket for two seconds, to pages of any origin."""
    if request.GET.get("token") != TOKEN:
        raise PermissionDenied
    mary = get_user_model().objects.get(username="mary")
    ticket = create_ticket(mary, "tickets", ["subscribe-user"], seconds=2)
    return HttpResponse(ticket, headers={"Access-Control-Allow-Origin": "*"})


urlpatterns = [*pages, path("ticket/", give_ticket)]
