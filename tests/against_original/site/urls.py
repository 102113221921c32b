"""The pages of the site. Checks post to them as they are, on sites that guard against forged requests as well."""

from collections.abc import Callable

from django.http import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from tests.against_original.site import views


def page(route: str, view: Callable[..., HttpResponseBase]) -> URLPattern:
    """Return the pattern of a page that takes any POST."""
    return path(route, csrf_exempt(view))


urlpatterns = [
    page("ready/", views.ready),
    page("visit/", views.visit),
    page("login/", views.sign_in),
    page("logout/", views.sign_out),
    page("memberof/", views.write_memberof),
    page("whoami/", views.whoami),
    page("publish/", views.publish),
    page("publish-from-process/", views.publish_from_process),
    page("fetch/", views.fetch),
    page("connection/", views.use_connection),
    page("private-settings/", views.read_private_settings),
    page("assign-setting/", views.assign_setting),
    page("context/", views.show_context),
]
