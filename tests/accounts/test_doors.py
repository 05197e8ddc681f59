"""The rows behind the doors, an act on rights that asks for a young proof, passwords of here."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.password_validation import (
    password_validators_help_texts,
    validate_password,
)
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from maillage.accounts.enums import Role
from maillage.accounts.models import ProfessionalIdentity, Throttle
from people import make_commune, make_cpts, make_seat, make_user, sign_in

pytestmark = pytest.mark.django_db
NAME_ID = "899970021889"


def card(user=None, **about):
    usual = {"issuer": "https://psc.example", "name_id": NAME_ID, "subject": "a"}
    return ProfessionalIdentity.objects.create(user=user or make_user(), **usual | about)


def test_a_count_is_of_a_known_kind():
    with pytest.raises(IntegrityError):
        Throttle.objects.create(key="k", kind="autre", since=timezone.now(), tries=1)


def test_a_card_opens_one_account():
    card()
    with pytest.raises(IntegrityError):
        card()


def test_an_account_has_one_card_of_a_provider():
    user = make_user()
    card(user)
    with pytest.raises(IntegrityError):
        card(user, name_id="899970000001")


def test_a_card_bears_8_and_a_rpps():
    with pytest.raises(IntegrityError):
        card(name_id="099970021889")


def test_a_new_name_is_another():
    with pytest.raises(IntegrityError):
        card(new_subject="a")


def test_changing_rights_asks_for_a_young_proof(client):
    cpts = make_cpts()
    sign_in(client, cpts, Role.ADMINISTRATOR)
    page, someone = f"/c/{cpts.slug}/roles/", {"email": "a@b.example", "role": Role.READER}
    assert client.post(f"{page}inviter/", someone)["Location"] == page
    session = client.session
    old = [{"method": "mfa", "at": time.time() - 3600}]
    session["account_authentication_methods"] = old
    session.save()
    assert client.get(page).status_code == 200
    answer = client.post(f"{page}inviter/", someone | {"role": Role.BUREAU})
    assert answer["Location"].startswith("/compte/second-facteur/?encore=1")
    assert "Confirmez que c" in client.get(answer["Location"]).content.decode()


def test_the_secret_of_codes_is_sealed():
    TOTP.activate(make_user(), "JBSWY3DPEHPK3PXP")
    row = Authenticator.objects.get()
    assert "JBSWY3DPEHPK3PXP" not in str(row.data)
    assert not row.wrap().validate_code("000")


@pytest.fixture
def person():
    """Nolwenn, of a CPTS whose perimeter holds Cluny; Tournus is somebody else's."""
    user = make_user("n.kerbrat@cabinet.example", given_name="Nolwenn", family_name="Le Goff")
    make_seat(make_cpts("bocage", [make_commune()]), Role.SECRETARY, user)
    make_cpts("autre", [make_commune("71543", "Tournus")])
    return user


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("Cluny-71250!!", "cluny"),
        ("CPTS-Bocage-2026", "bocage"),
        ("maillage2026!", "maillage"),
        ("Nolwenn.1987!", "nolwenn"),
        ("Kerbrat#19870", "kerbrat"),
        ("Motdepasse-123456", "motdepasse"),
        ("médecin&PATIENT&santé", "medecin"),
    ],
)
def test_a_password_of_words_that_all_can_guess_is_refused(person, password, word):
    with pytest.raises(ValidationError) as refused:
        validate_password(password, person)
    assert any(f"« {word} »" in each and "allongez" in each for each in refused.value.messages)


@pytest.mark.parametrize(
    "password",
    [
        "Tournus-71700!",  # nothing of theirs
        "aB3$xZ9!kL2#",  # signs count like letters
        "la vache de cluny broute des pissenlits",  # enough beside the word
    ],
)
def test_a_password_with_enough_beside_such_words_is_taken(person, password):
    validate_password(password, person)


def test_the_words_of_the_platform_hold_for_whoever_has_no_account_yet():
    with pytest.raises(ValidationError, match="cpts"):
        validate_password("cpts-sante-2026")
    assert any("ne comptent pas" in each for each in password_validators_help_texts())


def test_the_page_that_changes_a_password_refuses_them(client, person):
    person.set_password("une phrase que personne ne devine")
    person.save()
    client.force_login(person)
    given = {"oldpassword": "une phrase que personne ne devine"}
    weak = given | dict.fromkeys(("password1", "password2"), "Bocage-Cluny-71!")
    assert "faciles" in client.post("/compte/password/change/", weak).content.decode()
    strong = given | dict.fromkeys(("password1", "password2"), "quatre pissenlits et une horloge")
    assert client.post("/compte/password/change/", strong).status_code == 302
