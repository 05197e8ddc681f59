from django.urls import path

from maillage.rights import views

app_name = "rights"
urlpatterns = [
    path("c/<slug:cpts>/droits/", views.search, name="search"),
    path("c/<slug:cpts>/droits/<int:pk>/", views.held, name="held"),
    path("c/<slug:cpts>/droits/<int:pk>/fichier/", views.held_file, name="held_file"),
    path("c/<slug:cpts>/droits/<int:pk>/effacer/", views.erase, name="erase"),
    path("c/<slug:cpts>/conservation/", views.durations, name="durations"),
    path("compte/mes-donnees/", views.own, name="own"),
]
