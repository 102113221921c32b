from django.urls import include, path

from articles import views

urlpatterns = [
    path('articles/', views.write_article),
    path('headlines/', views.headlines),
    path('', include('blackbox.urls')),
]
