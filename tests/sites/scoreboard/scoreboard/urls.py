from django.urls import include, path

from matches import views

urlpatterns = [
    path('matches/', views.index),
    path('matches/<uuid:match>/goal/', views.goal),
    path('', include('blackbox.urls')),
]
