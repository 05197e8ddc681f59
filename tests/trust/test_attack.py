"""Attacks tried by hand on the running platform, kept so that they stay refused."""

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from maillage.accounts.enums import Role
from maillage.accounts.models import Seat
from people import make_cpts, make_seat, make_user, sign_in

pytestmark = pytest.mark.django_db
WANTED = "docteure@cabinet.example"


@pytest.mark.parametrize(
    "steps",
    [
        [("action_add", WANTED), ("action_primary", WANTED)],
        [
            ("action_remove", "intrus@cabinet.example"),
            ("action_add", WANTED),
            ("action_primary", WANTED),
        ],
    ],
)
def test_nobody_takes_the_address_of_somebody_to_be_invited(client, steps):
    """An address not proven would receive the seat meant for its owner."""
    cpts = make_cpts()
    sign_in(client, cpts, Role.ADMINISTRATOR)
    intruder = make_user("intrus@cabinet.example")
    make_seat(cpts, Role.READER, intruder)
    theirs = Client()
    theirs.force_login(intruder)
    for verb, address in steps:
        theirs.post("/compte/email/", {verb: "", "email": address})
    intruder.refresh_from_db()
    assert intruder.email == "intrus@cabinet.example"
    assert not EmailAddress.objects.filter(email=WANTED).exists()
    client.post("/c/vallee/roles/inviter/", {"email": WANTED, "role": Role.DISPATCHER})
    invited = Seat.objects.get(role=Role.DISPATCHER).user
    assert (invited.email, invited.pk != intruder.pk) == (WANTED, True)
