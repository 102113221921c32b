from django.urls import include, path

from board.views import pin

urlpatterns = [
    path('pin/', pin),
    path('', include('blackbox.urls')),
]
