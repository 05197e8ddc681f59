"""`maillage cpts open`: a real database's first CPTS."""

import re

import pytest
from django.core.management import CommandError, call_command

from maillage.accounts.models import Notice, Seat
from maillage.territory.models import Cpts
from people import make_commune

GIVEN = {
    "admin": "chef@essai.example",
    "communes": ["71137"],
    "depuis": "2026-01-01",
    "source": "essai",
}


def open_cpts(slug="essai", **changes):
    given = GIVEN | changes
    options = [f"--{name}={given[name]}" for name in ("admin", "depuis", "source")]
    call_command("cpts_open", slug, "CPTS d'essai", "--communes", *given["communes"], *options)


def test_a_cpts_opens_with_its_communes_and_an_administrator(db, capsys):
    make_commune()
    open_cpts()
    seat = Seat.objects.select_related("cpts", "user").get()
    assert (seat.cpts.slug, seat.role, seat.state) == ("essai", "administrator", "active")
    assert [row.commune_id for row in seat.cpts.perimeter.all()] == ["71137"]
    assert Notice.objects.get().recipient == "chef@essai.example"
    assert "1\xa0commune," in capsys.readouterr().out


def test_the_link_of_the_first_administrator_serves_until_they_came(db, client):
    make_commune()
    open_cpts()
    link = re.search(r"/compte/invitation/\S+", Notice.objects.get().body)[0]
    assert "Choisir un mot de passe" in client.get(link).content.decode()
    client.force_login(Seat.objects.get().user)
    client.logout()
    answer = client.get(link)
    assert answer.status_code == 410
    assert "<h1>Invitation</h1>" in answer.content.decode()


@pytest.mark.parametrize("wrong", [{"communes": ["99999"]}, {"admin": "pas une adresse"}])
def test_a_mistake_opens_nothing(db, wrong):
    make_commune()
    with pytest.raises(CommandError):
        open_cpts(**wrong)
    assert not Cpts.objects.exists() and not Seat.objects.exists()


def test_an_address_is_taken_once(db):
    make_commune()
    open_cpts()
    with pytest.raises(CommandError, match="déjà celle d'une CPTS"):
        open_cpts()
