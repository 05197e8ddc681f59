"""What the demonstration shows of unscheduled care at full depth, and every page of every role."""

import datetime as dt
import re
from itertools import pairwise

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_scopes import scope

from maillage.accounts.enums import Role
from maillage.accounts.models import Seat
from maillage.availability.models import AskingPreferences, Booking
from maillage.demo.enums import MAIN
from maillage.directory.models import Locum, Professional
from maillage.snp import queries
from maillage.snp.enums import Circle, ProposalState
from maillage.snp.models import (
    Agreement,
    Call,
    CareRequest,
    Proposal,
    Ring,
    RingMember,
    ShiftHandOver,
)
from maillage.snp.queries import settings_of, week_of
from maillage.snp.queries.absences import absents_of
from maillage.snp.queries.fairness import fairness_of
from maillage.snp.queries.ladder import deadlines_of, on_call_seat
from maillage.territory.models import Cpts

BACKEND = "maillage.accounts.gateway.backends.Backend"
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def main(demo):
    cpts = Cpts.objects.get(slug=MAIN)
    with scope(cpts=cpts), timezone.override(cpts.zone):
        yield cpts


def test_the_search_widens_to_somebody_named(main):
    today = timezone.localdate()
    for ring in Ring.objects.open():
        assert RingMember.objects.in_force(today).filter(ring=ring).count() >= 2, ring
    assert Ring.objects.count() == 3
    found = set(CareRequest.objects.open().values_list("circle", flat=True))
    assert found >= {Circle.USUAL_DOCTOR, Circle.RING, Circle.CPTS, Circle.NEIGHBOURS, Circle.DUTY}
    first = timezone.now()
    for hour in range(6 * 24):
        assert on_call_seat(main, first + hour * HOUR) is not None, hour
    settings = settings_of(main, first)
    assert {"desk", "pdsa"} == {each.kind for each in settings.hours.all()}


def test_neighbours_have_signed_or_wait(main):
    now = timezone.now()
    ours = Agreement.objects.between(main.pk)
    signed = ours.in_force(now).get()
    assert ours.filter(other_signed_at=None).get().other_cpts == main
    partner = signed.partner_of(main.pk)
    helpers = AskingPreferences.objects.filter(
        for_neighbours=True,
        professional__in=Professional.objects.in_cpts(partner, timezone.localdate()),
    )
    assert helpers.count() >= 2
    assert Proposal.objects.filter(agreement=signed).exists()


def test_professionals_have_chosen_how_they_are_asked(main):
    chosen = AskingPreferences.objects.all()
    assert chosen.filter(paused_at__isnull=False).exists()
    assert chosen.filter(weekly_cap__isnull=False).exists()
    assert chosen.filter(quiet_from_minute__isnull=False).exists()
    locum = Locum.objects.in_force(timezone.localdate()).get()
    assert locum.locum.accounts.filter(ended_on=None).exists(), "a locum one can enter as"


def test_the_desk_has_everything_to_do(main):
    now = timezone.now()
    settings = settings_of(main, now)
    assert ShiftHandOver.objects.get().requests > 0
    assert Call.objects.values("to").distinct().count() >= 3
    assert Proposal.objects.filter(state=ProposalState.COUNTERED).exists()
    merged = CareRequest.objects.exclude(merged_into=None).get()
    assert merged.phone == merged.merged_into.phone
    (absent,) = absents_of(main, settings, now)
    assert len(absent.displaced) >= 3
    missed = CareRequest.objects.get(status="missed")
    first, _ = deadlines_of(missed, settings, now)
    assert dt.timedelta() < first.at - now < 2 * HOUR, "near its first deadline"


def test_what_is_finished_is_coherent(main):
    settings = settings_of(main, timezone.now())
    for care_request in CareRequest.objects.prefetch_related("events", "proposals__booking__slot"):
        times = [each.at for each in care_request.events.all()]
        assert times[0] >= care_request.received_at
        assert times[-1] <= timezone.now()
        assert all(a <= b for a, b in pairwise(times)), care_request
        for proposal in care_request.proposals.all():
            assert proposal.sent_at >= care_request.received_at
            assert proposal.sent_at < proposal.booking.slot.starts_at
            live = proposal.state in {ProposalState.SENT, ProposalState.ACCEPTED}
            assert live == (proposal.booking.state in {"held", "taken"}), proposal
        if care_request.status == "honoured":
            assert care_request.events.last().status == "honoured"
            assert care_request.care_started_at >= care_request.planned_at
            assert deadlines_of(care_request, settings, timezone.now())
    taken = Booking.objects.filter(state="taken").values_list("slot", flat=True)
    assert len(taken) == len(set(taken))


def test_numbers_fairness_and_the_week_of_the_fee_are_alive(main):
    now = timezone.now()
    fairness = fairness_of(main, "10", now=now)
    assert fairness.total.accepted > 50
    assert fairness.total.refused and fairness.total.unanswered
    assert fairness.medians["accepted"] > 0
    doctors = Professional.objects.in_cpts(main, timezone.localdate()).filter(profession="10")
    assert any(week_of(each, now, main).count for each in doctors)
    assert queries.follow_up(main, now=now)


def pages_of(client, home):
    """The addresses a role is led to from its home page and the navigation."""
    page = client.get(home, follow=True)
    assert page.status_code == 200
    found = re.findall(r'href="(/[^"#]*)', page.content.decode())
    return sorted({each.replace("&amp;", "&") for each in found if not each.startswith("/static")})


@pytest.mark.parametrize("role", Role.values)
def test_every_page_a_role_is_led_to_opens(main, role):
    for seat in Seat.objects.filter(cpts=main, role=role).select_related("user"):
        client = Client()
        client.force_login(seat.user, backend=BACKEND)
        pages = pages_of(client, f"/c/{MAIN}/")
        assert len(pages) >= 4, pages
        for page in pages:
            answer = client.get(page, follow=True)
            assert answer.status_code == 200, f"{seat} {page}"


def test_the_door_names_every_role(demo, client):
    page = client.get("/demo/").content.decode()
    for role in Role:
        assert role.label in page, role


def test_a_reader_sees_small_cells_hidden(main, client):
    for role, is_hidden in ((Role.READER, True), (Role.COORDINATOR, False)):
        client.force_login(Seat.objects.filter(cpts=main, role=role)[0].user, backend=BACKEND)
        text = client.get(f"/c/{MAIN}/snp/chiffres/", {"par": "commune"}).content.decode()
        assert ("masqué</span>" in text) == is_hidden
        assert "Montceau" in text


def test_the_clock_goes_on_from_there(demo, capsys):
    call_command("clock")
    assert capsys.readouterr().err == ""
