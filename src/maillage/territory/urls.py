from django.urls import path

from maillage.territory import views

app_name = "territory"
urlpatterns = [
    path("c/<slug:cpts>/territoire/", views.territory, name="page"),
    path("c/<slug:cpts>/territoire/<str:pk>/", views.commune, name="commune"),
]
