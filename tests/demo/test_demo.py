"""The demonstration: real territories, people who cannot be anybody, stories in every state."""

import re

from django.core.management import call_command
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from maillage.accounts.enums import Role
from maillage.accounts.models import Notice, Seat, User
from maillage.availability.models import Slot
from maillage.directory.models import Place, Professional
from maillage.kernel.identifiers import is_rpps
from maillage.residents.models import Resident
from maillage.snp.enums import CareRequestStatus
from maillage.snp.models import CareRequest
from maillage.snp.queries import board_of
from maillage.territory.models import Commune, Cpts

# Ranges the regulator keeps for fiction.
FICTION = re.compile(r"^(0199 ?00|026191|035301|046571|053649|063998)")
COMMUNES = {
    "centre-saone-et-loire": 34,
    "costieres-en-camargue": 13,
    "golfe": 12,
    "pays-des-maures-littoral": 7,
    "var-esterel-mediterranee": 5,
    "hyeres-et-les-iles-d-or": 1,
    "dracenie-provence-verdon": 34,
    "la-seyne-toulon-ouest": 4,
    "var-ouest": 10,
    "var-provence-mediterranee": 5,
}


def test_nobody_in_it_can_be_anybody(demo):
    for professional in Professional.objects.all():
        assert professional.rpps.startswith("9999")
        assert not is_rpps(professional.rpps)
        assert FICTION.match(professional.phone)
        assert professional.email.endswith(".example")
    assert all(FICTION.match(phone) for phone in Place.objects.values_list("phone", flat=True))
    assert all(mail.endswith(".example") for mail in User.objects.values_list("email", flat=True))
    assert set(User.objects.values_list("is_demo", flat=True)) == {True}
    with scopes_disabled():
        phones = {each.phone for each in (*Resident.objects.all(), *CareRequest.objects.all())}
    assert all(FICTION.match(phone) for phone in phones - {""})


def test_the_territories_are_the_real_ones(demo):
    today = timezone.localdate()
    found = {cpts.slug: Commune.objects.in_cpts(cpts, today).count() for cpts in Cpts.objects.all()}
    assert sorted(found.values()) == sorted(COMMUNES.values())
    assert found["centre-saone-et-loire"] == 34
    main = Cpts.objects.get(slug="centre-saone-et-loire")
    with scope(cpts=main):
        recorded = main.recorded_populations.get()
    assert (recorded.population, recorded.year) == (94159, 2017)
    assert "Rézone Cnam 2020" in recorded.source
    for cpts in Cpts.objects.all():
        assert cpts.perimeter_source, cpts


def test_every_role_can_be_tried_and_the_board_lives(demo):
    main = Cpts.objects.get(slug="centre-saone-et-loire")
    assert set(Seat.objects.filter(cpts=main).values_list("role", flat=True)) == set(Role)
    with scope(cpts=main):
        rows = board_of(main, selected=None).rows
        states = set(CareRequest.objects.values_list("status", flat=True))
    assert len(rows) >= 9
    assert states == set(CareRequestStatus)
    assert Slot.objects.count() == demo["slots"] > 1000


def test_nothing_was_sent_out(demo):
    call_command("send_notices")
    assert set(Notice.objects.values_list("state", flat=True)) == {"kept"}


def test_it_fills_an_empty_database_once(demo, capsys):
    before = User.objects.count()
    call_command("demo", verbosity=0)
    assert "rien n'a changé" in capsys.readouterr().out
    assert User.objects.count() == before
