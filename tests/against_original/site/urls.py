"""The pages of the site."""

from django.urls import path

from tests.against_original.site import views

urlpatterns = [
    path("ready/", views.ready),
    path("visit/", views.visit),
    path("login/", views.sign_in),
    path("logout/", views.sign_out),
    path("memberof/", views.write_memberof),
    path("whoami/", views.whoami),
    path("publish/", views.publish),
    path("publish-from-process/", views.publish_from_process),
    path("fetch/", views.fetch),
    path("connection/", views.use_connection),
    path("private-settings/", views.read_private_settings),
    path("assign-setting/", views.assign_setting),
    path("context/", views.show_context),
]
