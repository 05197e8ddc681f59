"""The rows behind the doors, and an act on rights that asks for a young proof."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.db import IntegrityError
from django.utils import timezone

from maillage.accounts.enums import Role
from maillage.accounts.models import ProfessionalIdentity, Throttle
from people import make_cpts, make_user, sign_in

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
