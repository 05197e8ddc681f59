from django.urls import path

from maillage.directory import views

app_name = "directory"
urlpatterns = [
    path("compte/fiche/", views.own_record, name="own_record"),
    path("c/<slug:cpts>/annuaire/", views.directory, name="list"),
    path("c/<slug:cpts>/annuaire/ajouter/", views.add, name="add"),
    path("c/<slug:cpts>/annuaire/nouveau/", views.create, name="create"),
    path("c/<slug:cpts>/annuaire/<int:pk>/", views.detail, name="detail"),
    path("c/<slug:cpts>/annuaire/<int:pk>/note/", views.note, name="note"),
    path("c/<slug:cpts>/annuaire/<int:pk>/sortir/", views.remove, name="remove"),
    path("c/<slug:cpts>/annuaire/<int:pk>/reprendre/", views.bring_back, name="bring_back"),
    path("c/<slug:cpts>/annuaire/<int:pk>/compte/", views.link, name="link"),
    path("c/<slug:cpts>/annuaire/<int:pk>/compte/fin/", views.end_link, name="end_link"),
    path("c/<slug:cpts>/annuaire/<int:pk>/remplacant/", views.name_locum, name="name_locum"),
    path("c/<slug:cpts>/remplacements/<int:pk>/fin/", views.end_locum, name="end_locum"),
    path("c/<slug:cpts>/delegations/", views.delegations, name="delegations"),
    path("c/<slug:cpts>/delegations/<int:pk>/fin/", views.end_delegation, name="end_delegation"),
    path("c/<slug:cpts>/structures/", views.structures, name="structures"),
    path("c/<slug:cpts>/structures/ajouter/", views.structure_add, name="structure_add"),
    path("c/<slug:cpts>/structures/<int:pk>/", views.structure, name="structure"),
    path("c/<slug:cpts>/structures/<int:pk>/note/", views.structure_note, name="structure_note"),
    path(
        "c/<slug:cpts>/structures/<int:pk>/sortir/",
        views.structure_remove,
        name="structure_remove",
    ),
    path(
        "c/<slug:cpts>/structures/<int:pk>/reprendre/",
        views.structure_return,
        name="structure_return",
    ),
    path("c/<slug:cpts>/structures/<int:pk>/contacts/", views.contact_add, name="contact_add"),
    path("c/<slug:cpts>/structures/<int:pk>/personnes/", views.member_add, name="member_add"),
    path("c/<slug:cpts>/contacts/<int:pk>/", views.contact_change, name="contact_change"),
    path("c/<slug:cpts>/contacts/<int:pk>/verifie/", views.contact_check, name="contact_check"),
    path("c/<slug:cpts>/contacts/<int:pk>/fin/", views.contact_end, name="contact_end"),
    path("c/<slug:cpts>/personnes/<int:pk>/fin/", views.member_end, name="member_end"),
]
