"""Numbers of the professionals: fairness seen by all, and the week against the ceiling of the fee."""

import datetime as dt
import statistics
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django_scopes import scope, scopes_disabled

from factories import (
    MONDAY,
    fill_directory,
    make_case,
    make_doctor,
    make_offer,
    make_request,
    make_slot,
    professional_actor,
)
from maillage.accounts.enums import Role
from maillage.accounts.models import User
from maillage.accounts.rules import SYSTEM
from maillage.directory.models import CptsProfessional
from maillage.kernel.errors import NotAllowed
from maillage.snp import actions, queries
from maillage.snp.models import CareRequest, Proposal, SnpFee
from people import actor_as, sign_in

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def fee(db):
    SnpFee.objects.all().delete()
    return SnpFee.objects.create(
        valid_from=dt.date(2026, 1, 1), weekly_ceiling=5, within_hours=48, source="essai"
    )


# Fairness


def answered(desk, cpts, doctor, minutes, how):
    """One proposal to this doctor, brought to an end."""
    slot = make_slot(doctor, minutes, mode="bookable" if how == "booked" else "on_agreement")
    care_request = make_request(desk)
    proposal = actions.propose(by=desk, care_request=care_request, slot=slot)
    actor = professional_actor(cpts, doctor)
    if how in {"accepted", "reoriented"}:
        actions.accept_proposal(by=actor, proposal=proposal)
    if how == "reoriented":
        actions.reorient(by=desk, care_request=care_request)
    if how == "refused":
        actions.refuse_proposal(by=actor, proposal=proposal, reason="no_time")
    if how == "withdrawn":
        actions.withdraw_proposal(by=desk, proposal=proposal)
    if how == "expired":
        Proposal.objects.filter(pk=proposal.pk).update(expires_at=MONDAY)
        proposal.refresh_from_db()
        actions.expire_proposal(by=SYSTEM, proposal=proposal)
    return proposal


HOWS = ("accepted", "reoriented", "refused", "expired", "withdrawn", "booked", "sent")


def test_what_each_number_counts(desk, cpts, clock):
    doctor, quiet = make_doctor(cpts), make_doctor(cpts)
    for n, how in enumerate(HOWS):
        answered(desk, cpts, doctor, 60 + 30 * n, how)
    found = queries.fairness_of(cpts, "10", now=clock.now)
    [row] = [each for each in found.rows if each.professional_id == doctor.pk]
    assert (row.counts.offered, row.counts.accepted, row.counts.refused) == (6, 2, 1)
    assert (row.counts.unanswered, row.counts.other, row.counts.booked) == (1, 2, 1)
    assert found.total == row.counts and found.proposals == Proposal.objects.count()
    assert {each.professional_id for each in found.rows} == {doctor.pk, quiet.pk}
    assert found.medians["offered"] == 3  # of six and of none
    clock.move(days=31)
    assert queries.fairness_of(cpts, "10", now=clock.now).proposals == 0


def test_numbers_against_plain_counting(desk, cpts, clock):
    """Each total is the sum of what it says, whoever was asked and however it ended."""
    doctors = [make_doctor(cpts) for _ in range(4)]
    for n in range(20):
        answered(desk, cpts, doctors[n % 3], 60 + 25 * n, HOWS[n % len(HOWS)])
    found = queries.fairness_of(cpts, "10", now=clock.now)
    for row in found.rows:
        mine = Proposal.objects.filter(professional=row.professional_id)
        counts = row.counts
        assert counts.offered + counts.booked == mine.count()
        assert counts.offered == (
            counts.accepted + counts.refused + counts.unanswered + counts.other
        )
        assert counts.refused == sum(each.state == "refused" for each in mine)
    for name, median in found.medians.items():
        assert median == statistics.median(getattr(row.counts, name) for row in found.rows)
        assert getattr(found.total, name) == sum(getattr(row.counts, name) for row in found.rows)


def test_somebody_gone_is_counted_apart(desk, cpts, clock):
    case = make_case(desk, "accepted")
    CptsProfessional.objects.filter(professional=case.doctor).update(left_on=MONDAY.date())
    found = queries.fairness_of(cpts, "10", now=clock.now)
    assert (found.rows, found.proposals, found.elsewhere) == ([], 1, 1)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.READER}))
def test_everybody_who_reads_the_directory_sees_fairness(client, cpts, role):
    make_doctor(cpts)
    sign_in(client, cpts, role)
    shown = client.get(f"/c/{cpts.slug}/sollicitations/repartition/?profession=10")
    assert shown.status_code == 200 and "Médiane (1)" in shown.text.replace("\u00a0", " ")


def test_mine_comes_first_and_is_said(client, cpts):
    for _ in range(3):
        make_doctor(cpts, family_name="Aaa")
    doctor = make_doctor(cpts, family_name="Zzz")
    client.force_login(professional_actor(cpts, doctor).seat.user)
    found = queries.fairness_of(cpts, "10", now=MONDAY, mine=doctor.pk)
    assert [row.is_mine for row in found.rows] == [True, False, False, False]
    shown = client.get(f"/c/{cpts.slug}/sollicitations/repartition/").text
    assert shown.count('aria-current="true"') == 1 and "vous" in shown


def test_1500_professionals_cost_two_queries_and_one_page(
    client, cpts, clock, django_assert_num_queries, django_assert_max_num_queries
):
    fill_directory(cpts, 1500, slots_each=0)
    with django_assert_num_queries(2):
        found = queries.fairness_of(cpts, "10", now=clock.now)
    assert len(found.rows) == 1125
    sign_in(client, cpts, Role.COORDINATOR)
    with django_assert_max_num_queries(8):
        shown = client.get(f"/c/{cpts.slug}/sollicitations/repartition/")
    assert "page 1 sur 12" in shown.text.replace("\u00a0", " ")


# The fee


def regulated(desk, doctor=None, *, until="accepted", minutes=60, **said):
    case = make_case(desk, until, minutes=minutes, sas_regulated=True, channel="sas", **said)
    if doctor is not None:
        Proposal.objects.filter(pk=case.proposal.pk).update(professional=doctor)
    return case


def count(doctor, clock, cpts=None):
    return queries.week_of(doctor, clock.now, cpts).count


def test_the_week_counts_what_the_rule_says(desk, cpts, clock, fee):
    doctor = make_doctor(cpts)
    regulated(desk, doctor)
    regulated(desk, doctor, until="informed")
    regulated(desk, doctor, until="honoured")
    assert count(doctor, clock) == 3
    make_case(desk, "accepted")  # not asked by the SAS
    for until in ("proposed", "missed"):
        regulated(desk, doctor, until=until)
    assert count(doctor, clock) == 3


def test_one_s_own_patient_does_not_count(desk, cpts, clock, fee):
    doctor, other = make_doctor(cpts), make_doctor(cpts)
    case = regulated(desk, doctor)
    for usual, expected in ((doctor, 0), (other, 1), (None, 1)):
        CareRequest.objects.filter(pk=case.care_request.pk).update(usual_doctor=usual)
        assert count(doctor, clock) == expected


def test_only_care_begun_in_time_counts_the_real_start_once_known(desk, cpts, clock, fee):
    doctor = make_doctor(cpts)
    case = regulated(desk, doctor)
    row = CareRequest.objects.filter(pk=case.care_request.pk)
    received = case.care_request.received_at
    row.update(planned_at=received + 48 * HOUR)
    assert count(doctor, clock) == 1
    row.update(planned_at=received + 48 * HOUR + dt.timedelta(minutes=1))
    assert count(doctor, clock) == 0
    over = {"status": "honoured", "closed_at": received + 99 * HOUR}
    row.update(care_started_at=received + 47 * HOUR, **over)
    assert count(doctor, clock) == 1
    SnpFee.objects.update(within_hours=None)
    row.update(care_started_at=received + 90 * HOUR)
    assert count(doctor, clock) == 1


def test_the_week_goes_from_monday_to_sunday_on_the_local_clock(desk, cpts, clock, fee):
    SnpFee.objects.update(within_hours=None)
    doctor = make_doctor(cpts)
    case = regulated(desk, doctor)
    row = CareRequest.objects.filter(pk=case.care_request.pk)
    monday = MONDAY.replace(hour=0)
    for start, inside in (
        (monday, True),
        (monday - dt.timedelta(minutes=1), False),
        (monday + dt.timedelta(days=7) - dt.timedelta(minutes=1), True),
        (monday + dt.timedelta(days=7), False),
    ):
        row.update(planned_at=start)
        assert count(doctor, clock) == inside, start
    week = queries.week_of(doctor, clock.now)
    assert (week.first_on, week.last_on) == (dt.date(2026, 11, 23), dt.date(2026, 11, 29))


def test_a_doctor_reads_all_their_cptss_a_desk_its_own(desk, cpts, neighbour, clock, fee):
    doctor = make_doctor(cpts)
    regulated(desk, doctor)
    with scopes_disabled():
        there = actor_as(neighbour, Role.DISPATCHER)
    with scope(cpts=neighbour):
        regulated(there, doctor)
    with scope(cpts=cpts):
        assert (count(doctor, clock), count(doctor, clock, cpts)) == (2, 1)


def test_no_week_without_a_rule_or_for_another_profession(cpts, clock, fee):
    nurse = make_doctor(cpts, profession="60", speciality="")
    assert queries.week_of(nurse, clock.now) is None
    doctor = make_doctor(cpts)
    SnpFee.objects.update(valid_from=dt.date(2027, 1, 1))
    assert queries.week_of(doctor, clock.now) is None
    later = SnpFee.objects.create(valid_from=dt.date(2026, 6, 1), source="essai")
    assert queries.week_of(doctor, clock.now).fee == later
    assert not queries.week_of(doctor, clock.now).is_reached  # no ceiling known


def test_the_desk_reads_who_is_near_the_ceiling_and_nothing_is_blocked(
    client, desk, cpts, clock, fee, django_assert_num_queries
):
    doctor, slot = make_offer(cpts, 600)
    for n in range(4):
        regulated(desk, doctor, minutes=60 + 30 * n)
    sas = make_request(desk, sas_regulated=True, channel="sas")
    plain = make_request(desk)
    with django_assert_num_queries(0):
        assert queries.near_ceiling(plain, [doctor.pk], clock.now) == {}
    with django_assert_num_queries(2):
        notes = queries.near_ceiling(sas, [doctor.pk, 987_654], clock.now)
    assert notes == {doctor.pk: "Majoration SNP : 4 sur 5 cette semaine"}
    client.force_login(desk.seat.user)
    board = client.get(f"/c/{cpts.slug}/snp/?demande={sas.pk}").text
    assert "4 sur 5 cette semaine" in board.replace("\u00a0", " ")
    SnpFee.objects.update(weekly_ceiling=2)
    actions.propose(by=desk, care_request=sas, slot=slot)  # never blocks
    SnpFee.objects.update(weekly_ceiling=6)
    assert queries.near_ceiling(sas, [doctor.pk], clock.now) == {}


def test_the_professional_reads_their_week(client, desk, cpts, clock, fee):
    doctor = make_doctor(cpts)
    regulated(desk, doctor)
    client.force_login(professional_actor(cpts, doctor).seat.user)
    for path in ("", "sollicitations/"):
        shown = client.get(f"/c/{cpts.slug}/{path}").text.replace("\u00a0", " ")
        assert "1 sur 5" in shown and "essai" in shown


# The rule


def test_the_rule_known_today_is_there_with_its_source(db):
    """Written by the migration; what it says is in its source."""
    fee = SnpFee.objects.get()
    assert (fee.amount_euros, fee.weekly_ceiling, fee.within_hours) == (Decimal(15), 20, 48)
    assert "14.1.3" in fee.source


def test_a_change_is_a_new_dated_row_of_the_technical_operator(client, cpts, desk, fee):
    with pytest.raises(NotAllowed), transaction.atomic():
        actions.record_fee(by=desk, valid_from=dt.date(2027, 1, 1), source="essai")
    with pytest.raises(actions.BadFee, match="déjà"):
        actions.record_fee(by=SYSTEM, valid_from=fee.valid_from, source="essai")
    with pytest.raises(IntegrityError), transaction.atomic():
        SnpFee.objects.create(valid_from=fee.valid_from, source="autre")
    with pytest.raises(actions.BadFee, match="source"):
        actions.record_fee(by=SYSTEM, valid_from=dt.date(2027, 1, 1), source=" ")
    client.force_login(desk.seat.user)
    assert client.get("/technique/majoration/").status_code == 404
    staff = User.objects.create(email="technique@exemple.example", is_staff=True)
    client.force_login(staff)
    said = {"valid_from": "2027-01-01", "weekly_ceiling": "25", "source": "Avenant fictif"}
    assert client.post("/technique/majoration/", said).status_code == 302
    assert client.post("/technique/majoration/", said).status_code == 422
    assert queries.fee_in_force(dt.date(2026, 12, 31)) == fee
    later = queries.fee_in_force(dt.date(2027, 1, 1))
    assert (later.weekly_ceiling, later.amount_euros) == (25, None)
    assert "inconnu" in client.get("/technique/majoration/").text


# The call


def call(client, cpts, desk, **said):
    client.force_login(desk.seat.user)
    usual = {
        "form_key": f"essai-page-{said}"[:36],
        "sign": "none",
        "phone": "0639980001",
        "commune": "71306",
        "profession": "10",
        "reason": "fever",
        "age_band": "16-69",
        "can_travel": "on",
    }
    return client.post(f"/c/{cpts.slug}/snp/nouvelle/", usual | said)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"channel": "sas", "sas_regulated": "on"}, True),
        ({"channel": "sas"}, False),
        ({"channel": "patient", "sas_regulated": "on"}, False),
        ({"channel": "professional", "sas_regulated": "on"}, False),
    ],
)
def test_the_regulation_is_said_on_a_call_of_the_sas_and_never_guessed(
    client, cpts, desk, said, kept
):
    assert call(client, cpts, desk, **said).status_code == 302
    care_request = CareRequest.objects.get()
    assert care_request.sas_regulated is kept
    board = client.get(f"/c/{cpts.slug}/snp/?demande={care_request.pk}").text
    assert ("demandée par le médecin régulateur" in board) == kept


def test_the_call_offers_the_open_rings_of_the_cpts(client, cpts, desk, neighbour):
    coordinator = actor_as(cpts, Role.COORDINATOR)
    client.force_login(desk.seat.user)
    assert 'name="ring"' not in client.get(f"/c/{cpts.slug}/snp/nouvelle/").text
    ring = actions.create_ring(by=coordinator, cpts=cpts, name="Le bourg", profession="10")
    closed = actions.create_ring(by=coordinator, cpts=cpts, name="Ancien", profession="10")
    actions.close_ring(by=coordinator, ring=closed)
    with scopes_disabled():
        theirs = actions.create_ring(
            by=actor_as(neighbour, Role.COORDINATOR),
            cpts=neighbour,
            name="Ailleurs",
            profession="10",
        )
    shown = client.get(f"/c/{cpts.slug}/snp/nouvelle/").text
    assert "Le bourg" in shown and "Ancien" not in shown and "Ailleurs" not in shown
    assert call(client, cpts, desk, channel="patient", ring=theirs.pk).status_code == 422
    wrong = call(client, cpts, desk, channel="patient", ring=ring.pk, profession="60")
    assert wrong.status_code == 422 and "profession demandée" in wrong.text
    assert call(client, cpts, desk, channel="patient", ring=ring.pk).status_code == 302
    assert CareRequest.objects.get().ring == ring
