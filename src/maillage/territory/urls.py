from django.urls import path

from maillage.territory import views

app_name = "territory"
urlpatterns = [
    path("", views.territory, name="page"),
    path("<str:pk>/", views.commune, name="commune"),
]
