from django.urls import path

from maillage.accounts import views

app_name = "accounts"
urlpatterns = [
    path("c/<slug:cpts>/roles/", views.seats, name="seats"),
    path("c/<slug:cpts>/roles/inviter/", views.invite, name="invite"),
    path("c/<slug:cpts>/roles/<int:pk>/etat/", views.seat_move, name="seat_move"),
    path("c/<slug:cpts>/roles/<int:pk>/carte/", views.card_confirm, name="card_confirm"),
    path(
        "c/<slug:cpts>/roles/<int:pk>/sessions/", views.seat_sessions_end, name="seat_sessions_end"
    ),
    path("c/<slug:cpts>/envois/", views.outbox, name="outbox"),
    path("compte/", views.account, name="account"),
    path("compte/role/", views.choose_seat, name="choose_seat"),
    path("compte/roles/<int:pk>/accepter/", views.seat_accept, name="seat_accept"),
    path("compte/roles/<int:pk>/refuser/", views.seat_decline, name="seat_decline"),
    path("compte/raccourcis/", views.shortcuts, name="shortcuts"),
    path("compte/second-facteur/", views.second_factor, name="second_factor"),
    path("compte/sessions/", views.sessions, name="sessions"),
    path("compte/sessions/fermer/", views.sessions_end, name="sessions_end"),
    path("compte/sessions/<int:pk>/fermer/", views.session_end, name="session_end"),
    path("compte/invitation/r/<str:token>/", views.invitation, name="invitation"),
    path("compte/psc/", views.psc_start, name="psc_start"),
    path("compte/psc/retour/", views.psc_back, name="psc_back"),
    path("compte/psc/exercice/", views.psc_choose, name="psc_choose"),
    path("compte/psc/sortie/", views.psc_leave, name="psc_leave"),
    path("demo/", views.demo, name="demo"),
    path("demo/entrer/", views.demo_enter, name="demo_enter"),
]
