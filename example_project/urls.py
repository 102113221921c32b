"""The three chats, Django's own views for signing in and out, its admin, and metrics."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import path

from example_project.chat import views
from example_project.chat.metrics import metrics_view

urlpatterns = [
    path("", views.broadcast_chat, name="broadcast_chat"),
    path("user/", views.user_chat, name="user_chat"),
    path("group/", views.group_chat, name="group_chat"),
    path("login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("metrics", metrics_view, name="metrics"),
]
