"""Somebody lost every second factor: the technical operator lets them choose another."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.management import CommandError, call_command

from maillage.accounts.actions import forget_second_factors
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.queries import own_seats
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from people import actor_as, make_cpts, make_seat, make_user

pytestmark = pytest.mark.django_db
PHRASE = "une phrase assez longue"


@pytest.fixture
def person():
    """Roles in two CPTSs, an application of codes and its recovery codes, all lost."""
    user = make_user("ada@cabinet.example")
    user.set_password(PHRASE)
    user.save()
    make_seat(make_cpts("une"), Role.DISPATCHER, user)
    make_seat(make_cpts("autre"), Role.COORDINATOR, user)
    TOTP.activate(user, generate_totp_secret())
    RecoveryCodes.activate(user)
    return user


def log_in(client, user):
    return client.post("/compte/login/", {"login": user.email, "password": PHRASE})


def test_a_new_one_is_chosen_at_the_next_log_in(client, person, capsys):
    log_in(client, person)
    assert client.get("/c/une/")["Location"].startswith("/compte/")  # the code is asked for
    call_command("account_recover", "ADA@cabinet.example ")
    said = capsys.readouterr().out
    assert "2\xa0moyens effacés" in said
    assert "ada@cabinet.example" in said
    assert not Authenticator.objects.filter(user=person).exists()
    client.logout()
    log_in(client, person)
    assert client.session["_auth_user_id"] == str(person.pk)
    answer = client.get("/c/une/")
    assert answer["Location"].startswith("/compte/second-facteur/?next=")
    page = client.get(answer["Location"]).content.decode()
    assert "Ajouter une clé d" in page.replace("&#39;", "'")


def test_every_session_is_closed_and_everybody_is_told(client, person):
    Authenticator.objects.all().delete()
    log_in(client, person)
    assert client.get("/compte/sessions/").status_code == 200
    RecoveryCodes.activate(person)
    call_command("account_recover", person.email)
    assert client.get("/compte/sessions/")["Location"].startswith("/compte/login/")
    mail = Notice.objects.get()
    assert mail.recipient == person.email
    assert "/compte/login/" in mail.body
    lines = JournalLine.objects.filter(action="account.factors_forgotten")
    assert {line.cpts_id for line in lines} == {seat.cpts_id for seat in own_seats(person)}
    assert {line.data["count"] for line in lines} == {1}


def test_nobody_of_a_cpts_does_it(person):
    for role in Role:
        with pytest.raises(NotAllowed):
            forget_second_factors(by=actor_as(make_cpts(f"cpts-{role}"), role), user=person)
    assert Authenticator.objects.filter(user=person).count() == 2


def test_an_unknown_address_is_said(db):
    with pytest.raises(CommandError, match="Aucun compte"):
        call_command("account_recover", "personne@cabinet.example")
