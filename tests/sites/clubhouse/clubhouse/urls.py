from django.urls import include, path

from rooms import views

urlpatterns = [
    path("rooms/<slug:slug>/", views.room),
    path("rooms/<slug:slug>/say/", views.say),
    path("", include("blackbox.urls")),
]
