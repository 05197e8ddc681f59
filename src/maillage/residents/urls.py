from django.urls import path

from maillage.residents import views

app_name = "residents"
urlpatterns = [
    path("c/<slug:cpts>/habitants/", views.search, name="search"),
    path("c/<slug:cpts>/habitants/nouveau/", views.create, name="create"),
    path("c/<slug:cpts>/information/", views.notices, name="notices"),
    path("c/<slug:cpts>/habitants/<int:pk>/", views.detail, name="detail"),
    path("c/<slug:cpts>/habitants/<int:pk>/modifier/", views.edit, name="edit"),
]
