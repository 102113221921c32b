from django.urls import include, path

from tasks import views

urlpatterns = [
    path('tasks/<int:pk>/done/', views.TaskDone.as_view()),
    path('', include('blackbox.urls')),
]
