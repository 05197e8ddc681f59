from django.urls import path

from maillage.medecin_traitant import views

app_name = "medecin_traitant"
urlpatterns = [
    path("c/<slug:cpts>/medecin-traitant/", views.waiting, name="waiting"),
    path("c/<slug:cpts>/medecin-traitant/nouvelle/", views.new, name="new"),
    path("c/<slug:cpts>/medecin-traitant/signaler/", views.signal, name="signal"),
    path("c/<slug:cpts>/medecin-traitant/cpam/", views.cpam, name="cpam"),
    path("c/<slug:cpts>/medecin-traitant/reglages/", views.settings, name="settings"),
    path("c/<slug:cpts>/medecin-traitant/reglages/priorites/", views.rules, name="rules"),
    path("c/<slug:cpts>/medecin-traitant/offre/", views.offer, name="offer"),
    path("c/<slug:cpts>/medecin-traitant/offres/", views.offers, name="offers"),
    path("c/<slug:cpts>/medecin-traitant/offres/demander/", views.ask, name="ask"),
    path("c/<slug:cpts>/medecin-traitant/offres/noter/", views.offer_for, name="offer_for"),
    path(
        "c/<slug:cpts>/medecin-traitant/offres/<int:pk>/retirer/",
        views.offer_end,
        name="offer_end",
    ),
    path("c/<slug:cpts>/medecin-traitant/chiffres/", views.numbers, name="numbers"),
    path(
        "c/<slug:cpts>/medecin-traitant/chiffres/fichier/",
        views.numbers_file,
        name="numbers_file",
    ),
    path("c/<slug:cpts>/medecin-traitant/attribution/", views.matching, name="matching"),
    path("c/<slug:cpts>/medecin-traitant/attribution/proposer/", views.send, name="send"),
    path("c/<slug:cpts>/medecin-traitant/attribution/garder/", views.keep_plan, name="keep_plan"),
    path(
        "c/<slug:cpts>/medecin-traitant/attribution/oublier/",
        views.forget_plan,
        name="forget_plan",
    ),
    path("c/<slug:cpts>/medecin-traitant/<int:pk>/", views.request, name="request"),
    path("c/<slug:cpts>/medecin-traitant/<int:pk>/appel/", views.call, name="call"),
    path("c/<slug:cpts>/medecin-traitant/<int:pk>/corriger/", views.correct, name="correct"),
    path("c/<slug:cpts>/medecin-traitant/<int:pk>/retirer/", views.withdraw, name="withdraw"),
    path("c/<slug:cpts>/medecin-traitant/<int:pk>/trouve/", views.found, name="found"),
    path("c/<slug:cpts>/medecin-traitant/<int:pk>/fusionner/", views.merge, name="merge"),
    path("c/<slug:cpts>/medecin-traitant/<int:pk>/foyer/", views.household, name="household"),
    path("c/<slug:cpts>/medecin-traitant/<int:pk>/souhait/", views.wish, name="wish"),
    path(
        "c/<slug:cpts>/medecin-traitant/<int:pk>/souhait/retirer/",
        views.wish_remove,
        name="wish_remove",
    ),
    path("c/<slug:cpts>/medecin-traitant/<int:pk>/separer/", views.unmerge, name="unmerge"),
    path("c/<slug:cpts>/medecin-traitant/<int:pk>/proposer/", views.propose, name="propose"),
    path("c/<slug:cpts>/medecin-traitant/<int:pk>/declaree/", views.declared, name="declared"),
    path(
        "c/<slug:cpts>/medecin-traitant/proposition/<int:pk>/",
        views.attribution,
        name="attribution",
    ),
    path(
        "c/<slug:cpts>/medecin-traitant/proposition/<int:pk>/repondre/",
        views.answer,
        name="answer",
    ),
    path("c/<slug:cpts>/medecin-traitant/proposition/<int:pk>/voix/", views.voice, name="voice"),
    path("medecin-traitant/suivi/", views.follow, name="follow"),
    path("m/<str:token>/", views.follow_link, name="follow_link"),
    path("a/<str:token>/", views.attribution_link, name="attribution_link"),
    path("o/<str:token>/", views.offer_link, name="offer_link"),
]
