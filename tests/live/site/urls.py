"""The pages of the site under test."""

from django.contrib.auth.views import LoginView
from django.urls import path

from tests.live.site import views

urlpatterns = [
    path("", views.page),
    path("login/", LoginView.as_view(template_name="live/login.html")),
    path("sign-out/", views.sign_out),
    path("ticket/", views.ticket),
    path("publish/", views.publish),
    path("publish-async/", views.publish_async),
]
