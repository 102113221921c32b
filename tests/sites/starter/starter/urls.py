from django.urls import include, path

from starter.views import announce

urlpatterns = [
	path('announce/', announce),
	path('', include('blackbox.urls')),
]
