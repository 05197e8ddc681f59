from django.urls import path

from maillage.snp import views

app_name = "snp"
urlpatterns = [
    path("c/<slug:cpts>/snp/", views.board, name="board"),
    path("c/<slug:cpts>/snp/nouvelle/", views.new, name="new"),
    path("c/<slug:cpts>/snp/numero/", views.by_phone, name="by_phone"),
    path("c/<slug:cpts>/snp/suivi/", views.follow, name="follow"),
    path("c/<slug:cpts>/snp/reglages/", views.settings, name="settings"),
    path("c/<slug:cpts>/snp/reglages/signes/", views.signs_settings, name="signs_settings"),
    path("c/<slug:cpts>/snp/<int:pk>/fil/", views.story, name="story"),
    path("c/<slug:cpts>/snp/<int:pk>/prendre/", views.take, name="take"),
    path("c/<slug:cpts>/snp/<int:pk>/proposer/", views.propose, name="propose"),
    path("c/<slug:cpts>/snp/<int:pk>/elargir/", views.widen, name="widen"),
    path("c/<slug:cpts>/snp/<int:pk>/accord/", views.agreement, name="agreement"),
    path("c/<slug:cpts>/snp/<int:pk>/patient/", views.name_patient, name="name"),
    path("c/<slug:cpts>/snp/<int:pk>/signes/", views.signs, name="signs"),
    path("c/<slug:cpts>/snp/<int:pk>/reprise/", views.confirm, name="confirm"),
    path("c/<slug:cpts>/snp/<int:pk>/informer/", views.inform, name="inform"),
    path("c/<slug:cpts>/snp/<int:pk>/issue/", views.outcome, name="outcome"),
    path("c/<slug:cpts>/snp/<int:pk>/reorienter/", views.reorient, name="reorient"),
    path("c/<slug:cpts>/snp/<int:pk>/annuler/", views.cancel, name="cancel"),
    path("c/<slug:cpts>/snp/proposition/<int:pk>/", views.proposal, name="proposal"),
    path("c/<slug:cpts>/snp/proposition/<int:pk>/repondre/", views.answer, name="answer"),
    path("c/<slug:cpts>/snp/proposition/<int:pk>/voix/", views.voice, name="voice"),
    path("c/<slug:cpts>/snp/proposition/<int:pk>/retirer/", views.withdraw, name="withdraw"),
    path("r/<str:token>/", views.link, name="link"),
]
