from django.urls import path

from maillage.availability import views

app_name = "availability"
urlpatterns = [
    path("c/<slug:cpts>/creneaux/", views.free_slots, name="free"),
    path("c/<slug:cpts>/disponibilites/", views.week, name="week"),
    path("c/<slug:cpts>/disponibilites/semaines/", views.weeks, name="weeks"),
    path("c/<slug:cpts>/disponibilites/visibilite/", views.visibility, name="visibility"),
    path("c/<slug:cpts>/disponibilites/rapide/", views.quick, name="quick"),
    path("c/<slug:cpts>/disponibilites/plages/", views.add_period, name="period_add"),
    path("c/<slug:cpts>/disponibilites/plages/<int:pk>/fin/", views.end_period, name="period_end"),
    path("c/<slug:cpts>/disponibilites/ouvertures/", views.open_once, name="opening_add"),
    path(
        "c/<slug:cpts>/disponibilites/ouvertures/<int:pk>/fermer/",
        views.close_opening,
        name="opening_close",
    ),
    path("c/<slug:cpts>/disponibilites/absences/", views.add_absence, name="absence_add"),
    path(
        "c/<slug:cpts>/disponibilites/absences/<int:pk>/lever/",
        views.end_absence,
        name="absence_end",
    ),
]
