from django.urls import path

from maillage.home import views

app_name = "home"
urlpatterns = [
    path("", views.start, name="start"),
    path("sante", views.health, name="health"),
    path("choisir/", views.seats, name="seats"),
    path("c/<slug:cpts>/", views.cpts_home, name="cpts"),
    path("c/<slug:cpts>/journal/", views.journal_page, name="journal"),
    path("c/<slug:cpts>/journal/fichier/", views.journal_file, name="journal_file"),
]
