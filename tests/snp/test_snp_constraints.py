"""What the database refuses by itself, each constraint broken once."""

import datetime as dt

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F
from django_scopes import scope, scopes_disabled

from factories import MONDAY, make_case, make_desk, make_doctor, make_request, make_slot, set_desk
from maillage.accounts.enums import Role
from maillage.availability.models import Booking
from maillage.kernel.constraints import TenantForeignKey
from maillage.residents.models import (
    InformationGiven,
    InformationNotice,
    Resident,
    SharingAgreement,
)
from maillage.snp import actions, queries
from maillage.snp.models import (
    Agreement,
    AgreementHours,
    AgreementProfession,
    Call,
    CareRequest,
    CareRequestEvent,
    CareRequestNumber,
    DeskClosing,
    DeskHours,
    DeskSettings,
    HandOver,
    InformAttempt,
    OnCall,
    Proposal,
    RedFlag,
    RedFlagList,
    Ring,
    RingMember,
    ShiftHandOver,
    Shortlist,
    SnpFee,
)
from people import actor_as, make_cpts
from rows import change, copy


def booking(slot, cpts, place_number=9):
    return Booking.objects.create(
        slot=slot, place_number=place_number, cpts=cpts, state="taken", changed_at=MONDAY
    )


def ladder_rows(desk, cpts, doctor):
    """A ring and who is in it, the roster, a closing, an agreement."""
    other = make_cpts("autre")
    ring = Ring.objects.create(cpts=cpts, name="Garde", profession="10")
    agreement = Agreement.objects.create(
        proposed_by_cpts=cpts,
        other_cpts=other,
        starts_at=MONDAY,
        proposer_signed_at=MONDAY,
        proposer_signed_by=desk.seat_id,
        other_signed_at=MONDAY,
        other_signed_by=1,
        withdrawn_at=MONDAY,
        withdrawn_by_cpts=other,
    )
    return {
        "ring": ring,
        "member": RingMember.objects.create(
            cpts=cpts, ring=ring, professional=doctor, from_on=MONDAY.date()
        ),
        "on_call": OnCall.objects.create(
            cpts=cpts,
            seat=desk.seat,
            starts_at=MONDAY,
            ends_at=MONDAY + dt.timedelta(hours=8),
            set_by=desk.seat,
        ),
        "closing": DeskClosing.objects.create(
            cpts=cpts, at=MONDAY, by_seat=desk.seat, owner=desk.seat, requests=1
        ),
        "accord": agreement,
        "covered": AgreementProfession.objects.create(agreement=agreement, profession="10"),
        "shared": AgreementHours.objects.create(
            agreement=agreement, weekday=0, opens_minute=480, closes_minute=600
        ),
        "fee": SnpFee.objects.create(valid_from=MONDAY.date(), source="essai"),
    }


@pytest.fixture
def rows(desk, cpts):
    """One row of each kind, all of them legal."""
    case = make_case(desk, "informed", agreement_from="patient")
    waiting = make_case(desk, "proposed")
    handed = make_case(desk, "handed_over")
    return {
        "request": case.care_request,
        "opening": actions.break_glass(
            by=actor_as(cpts, Role.COORDINATOR),
            care_request=case.care_request,
            motive="danger",
            reason="essai",
        ),
        "proposal": case.proposal,
        "sent": waiting.proposal,
        "handed": handed.care_request.hand_over,
        "settings": queries.settings_of(cpts),
        "hours": DeskHours.objects.first(),
        "flags": queries.red_flags(cpts),
        "flag": RedFlag.objects.first(),
        "attempt": InformAttempt.objects.first(),
        "event": CareRequestEvent.objects.first(),
        "counter": CareRequestNumber.objects.get(),
        "call": Call.objects.create(
            cpts=cpts,
            care_request=case.care_request,
            at=MONDAY,
            by_seat=desk.seat,
            to="professional",
            professional=case.doctor,
            result="busy",
        ),
        "shift": ShiftHandOver.objects.create(
            cpts=cpts,
            at=MONDAY,
            from_seat=desk.seat,
            to_seat=actor_as(cpts, Role.DISPATCHER).seat,
            requests=1,
        ),
        "shortlist": Shortlist.objects.first(),
        **ladder_rows(desk, cpts, case.doctor),
    }


NO_OWNER = {"owner": None, "owned_at": None, "owner_why": ""}
CHANGES = [
    ("desk_settings_one_to_three_proposals", "settings", {"live_proposals_max": 4}),
    ("desk_settings_proposal_minutes", "settings", {"proposal_minutes": 0}),
    ("desk_settings_access_is_short", "settings", {"break_glass_minutes": 0}),
    ("break_glass_motive_known", "opening", {"motive": "curiosity"}),
    ("break_glass_ends_after_it_opens", "opening", {"until": MONDAY - dt.timedelta(days=9)}),
    ("break_glass_review_all_or_nothing", "opening", {"review": "justified"}),
    ("desk_settings_late_after_soon", "settings", {"soon_minutes": 99}),
    ("desk_settings_weights_are_positive", "settings", {"load_minutes": -1}),
    ("desk_hours_weekday", "hours", {"weekday": 8}),
    ("desk_hours_kind_known", "hours", {"kind": "tea"}),
    ("desk_hours_closes_after_it_opens", "hours", {"closes_minute": 5}),
    ("red_flag_list_is_validated", "flags", {"validated_by": ""}),
    ("care_request_status_known", "request", {"status": "lost"}),
    ("care_request_channel_known", "request", {"channel": "pigeon"}),
    ("care_request_profession_known", "request", {"profession": "99"}),
    ("care_request_says_why_and_how_old", "request", {"reason": ""}),
    ("care_request_kind_known", "request", {"kind": "street"}),
    ("care_request_open_has_a_phone", "request", {"phone": ""}),
    ("care_request_owner_all_or_nothing", "request", {"owned_at": None}),
    ("care_request_cancelled_says_by_whom", "request", {"cancelled_by": "patient"}),
    ("care_request_closed_says_when", "request", {"closed_at": MONDAY}),
    ("care_request_inform_state_known", "request", {"inform_state": "maybe"}),
    ("care_request_informed_is_informed", "request", {"inform_state": "to_inform"}),
    ("proposal_state_known", "proposal", {"state": "dreamt"}),
    ("proposal_refused_says_why", "proposal", {"state": "refused"}),
    ("proposal_answered_says_when", "proposal", {"answered_at": None}),
    ("inform_attempt_means_known", "attempt", {"means": "pigeon"}),
    ("inform_attempt_result_known", "attempt", {"result": "perhaps"}),
    ("hand_over_confirmed_all_or_nothing", "handed", {"taken_over_by": "ARM"}),
    ("care_request_event_kind_known", "event", {"kind": "rumour"}),
    ("care_request_merged_says_where", "request", {"status": "merged", "closed_at": MONDAY}),
    ("care_request_own_reception_is_later", "request", {"own_received_at": MONDAY}),
    ("care_request_open_has_an_owner", "request", NO_OWNER),
    ("care_request_care_started_is_honoured", "request", {"care_started_at": MONDAY}),
    ("care_request_circle_known", "request", {"circle": "moon"}),
    ("proposal_countered_says_when", "proposal", {"state": "countered"}),
    ("proposal_outcome_says_when", "proposal", {"outcome": "missed"}),
    ("proposal_circle_known", "proposal", {"circle": "moon"}),
    ("call_to_known", "call", {"to": "moon"}),
    ("call_result_known", "call", {"result": "perhaps"}),
    ("call_names_a_professional_only_when_called", "call", {"to": "patient"}),
    ("shift_to_somebody_else", "shift", {"to_seat": F("from_seat")}),
    ("shortlist_circle_known", "shortlist", {"circle": "moon"}),
    ("desk_settings_deadlines_in_order", "settings", {"second_deadline_hours": 23}),
    ("desk_settings_remind_then_escalate", "settings", {"escalate_minutes": 29}),
    ("desk_settings_summary_in_the_day", "settings", {"summary_minute": 1440}),
    ("desk_settings_number_has_a_source", "settings", {"out_of_hours_number": "02 61 91 00 00"}),
    ("ring_profession_known", "ring", {"profession": "99"}),
    ("ring_has_a_name", "ring", {"name": ""}),
    ("ring_member_dates_in_order", "member", {"until_on": MONDAY.date() - dt.timedelta(days=1)}),
    ("on_call_ends_after_it_starts", "on_call", {"ends_at": MONDAY}),
    ("desk_closing_leaves_an_owner", "closing", {"owner": None}),
    ("agreement_between_two", "accord", {"other_cpts": F("proposed_by_cpts")}),
    ("agreement_ends_after_it_starts", "accord", {"ends_at": MONDAY}),
    ("agreement_proposer_signs_whole", "accord", {"proposer_signed_by": None}),
    ("agreement_other_signs_whole", "accord", {"other_signed_at": None}),
    ("agreement_withdrawn_says_by_whom", "accord", {"withdrawn_by_cpts": None}),
    ("agreement_profession_known", "covered", {"profession": "99"}),
    ("agreement_hours_weekday", "shared", {"weekday": 7}),
    ("agreement_hours_close_after_they_open", "shared", {"closes_minute": 480}),
    ("snp_fee_has_a_source", "fee", {"source": ""}),
]


@pytest.mark.parametrize(("name", "row", "values"), CHANGES, ids=[c[0] for c in CHANGES])
def test_a_row_that_breaks_it_is_refused(rows, name, row, values):
    # A word out of its list breaks the pairs it belongs to as well; either may be told first.
    also = {
        "care_request_status_known": "closed_says_when",
        "proposal_state_known": "says_when",
        "call_to_known": "call_names_a_professional_only_when_called",
    }
    match = f"{name}|{also[name]}" if name in also else name
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        change(rows[row], **values)


def unique(fields, name):
    """SQLite names the columns, PostgreSQL the constraint."""
    return name if connection.vendor == "postgresql" else ".*".join(fields)


COPIES = [
    ("care_request_number", "request", {"form_key": "autre"}, ("cpts_id", "number")),
    ("care_request_form_once", "request", {"number": 999}, ("cpts_id", "form_key")),
    ("care_request_number_one_counter", "counter", {}, ("cpts_id",)),
    ("red_flag_position", "flag", {}, ("flag_list_id", "position")),
    ("proposal_one_accepted", "proposal", {}, ("care_request_id",)),
    ("proposal_asked_once", "sent", {}, ("care_request_id", "professional_id")),
    ("ring_name_once", "ring", {}, ("cpts_id", "name")),
    ("ring_member_once", "member", {}, ("ring_id", "professional_id")),
    ("agreement_profession_once", "covered", {}, ("agreement_id", "profession")),
]


@pytest.mark.parametrize(("name", "row", "values", "fields"), COPIES, ids=[c[0] for c in COPIES])
def test_a_second_row_is_refused(rows, cpts, name, row, values, fields):
    if name.startswith("proposal"):
        slot = make_slot(make_doctor(cpts))
        values = {"booking_id": booking(slot, cpts).pk}
    with pytest.raises(IntegrityError, match=unique(fields, name)), transaction.atomic():
        copy(rows[row], **values)


def test_a_booking_answers_one_proposal_and_a_request_is_handed_over_once(rows):
    for row in (rows["proposal"], rows["handed"]):
        with pytest.raises(IntegrityError), transaction.atomic():
            copy(row)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no exclusion constraint")
def test_two_people_are_not_on_call_at_once(rows):
    first = rows["on_call"]
    copy(first, starts_at=first.ends_at, ends_at=first.ends_at + dt.timedelta(hours=1))
    with pytest.raises(IntegrityError, match="on_call_one_at_a_time"), transaction.atomic():
        copy(first, starts_at=first.ends_at - dt.timedelta(minutes=1))


def test_every_check_and_unique_constraint_of_the_app_is_broken_above():
    tried = {name for name, *_ in (*CHANGES, *COPIES)} | {"on_call_one_at_a_time"}
    declared = {
        constraint.name
        for model in apps.get_app_config("snp").get_models()
        for constraint in model._meta.constraints
        if not isinstance(constraint, TenantForeignKey) and not constraint.name.endswith("_cpts_id")
    }
    assert declared == tried


# A neighbour's row


def tenant_keys():
    return [
        pytest.param(model, constraint, id=constraint.name)
        for model in apps.get_app_config("snp").get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, TenantForeignKey)
    ]


@pytest.fixture
def theirs(neighbour):
    """One row of the neighbour for each kind of target."""
    with scope(cpts=neighbour):
        desk = actor_as(neighbour, Role.DISPATCHER)
        case = make_case(desk, "proposed")
        resident = Resident.objects.create(cpts=neighbour, family_name="Voisin")
        # A second booking, so that one is free of any proposal.
        free = booking(make_slot(make_doctor(neighbour)), neighbour)
        return {
            "seat": desk.seat,
            "carerequest": case.care_request,
            "resident": resident,
            "booking": free,
            "sharingagreement": SharingAgreement.objects.create(
                cpts=neighbour,
                giver="patient",
                scope="cpts",
                means="spoken",
                given_at=MONDAY,
                collected_by=desk.seat,
            ),
            "informationgiven": InformationGiven.objects.create(
                cpts=neighbour,
                notice=InformationNotice.objects.create(
                    cpts=neighbour, version=9, text="Texte", valid_from=MONDAY
                ),
                means="spoken",
                given_at=MONDAY,
            ),
            "redflag": RedFlag.objects.first(),
            "redflaglist": RedFlagList.objects.first(),
            "desksettings": DeskSettings.objects.first(),
            "ring": Ring.objects.create(cpts=neighbour, name="Garde", profession="10"),
        }


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no composite key")
@pytest.mark.parametrize(("model", "constraint"), tenant_keys())
def test_a_neighbours_row_is_refused(rows, theirs, model, constraint):
    row = model._base_manager.filter(cpts=rows["request"].cpts_id).first()
    field: models.ForeignKey = model._meta.get_field(constraint.field)
    values = {constraint.field: theirs[field.related_model._meta.model_name]}
    if model is RedFlag:
        values["position"] = 99
    if model is HandOver and constraint.field == "confirmed_by":
        values |= {"confirmed_at": MONDAY, "taken_over_by": "ARM"}
    if constraint.field == "reviewed_by":
        values |= {"review": "justified", "reviewed_at": MONDAY}
    if constraint.field == "merged_into":
        values |= {"status": "merged", "closed_at": MONDAY}
    with pytest.raises(IntegrityError, match=constraint.name), transaction.atomic():
        change(row, **values)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_nothing_is_read_outside_a_scope(db, clock):
    with scopes_disabled():
        make_desk()
    for model in (CareRequest, Proposal, DeskSettings, CareRequestEvent):
        with pytest.raises(Exception, match="scope"):
            model.objects.first()


def test_settings_of_a_later_day_wait_for_it(desk, cpts):
    later = set_desk(cpts, valid_from=MONDAY + dt.timedelta(days=1), proposal_minutes=5)
    assert queries.settings_of(cpts).proposal_minutes == 15
    assert queries.settings_of(cpts, later.valid_from) == later
    assert make_request(desk).status == "new"
