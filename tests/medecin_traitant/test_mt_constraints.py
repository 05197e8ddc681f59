"""What the database refuses by itself, each constraint broken once."""

import datetime as dt

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F
from django_scopes import scope, scopes_disabled

from factories import MONDAY, make_doctor_intake, set_mt
from maillage.accounts.enums import Role
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.fields import SealedTextField
from maillage.medecin_traitant import actions
from maillage.medecin_traitant.models import (
    DoctorOffer,
    DoctorRequest,
    DoctorRequestEvent,
    DoctorWish,
    MtSettings,
    PlannedPair,
    PriorityRule,
)
from maillage.residents.models import (
    InformationGiven,
    InformationNotice,
    Resident,
    SharingAgreement,
)
from people import actor_as, make_cpts
from rows import change, copy


@pytest.fixture
def rows(cpts, desk, coordinator, take, doctor, settings_mt):
    """One row of each kind, all of them legal."""
    actions.set_rules(
        by=coordinator, cpts=cpts, source="bureau", rules=[actions.Rule("age_from", 1, 70)]
    )
    request = take()
    event = DoctorRequestEvent.objects.get()
    actions.record_wish(by=desk, doctor_request=request, professional=doctor, kind="never")
    until_on = MONDAY.date() + dt.timedelta(days=9)
    said = actions.Offer(per_month=1, until_on=until_on)
    return {
        "settings": settings_mt,
        "rule": PriorityRule.objects.get(),
        "request": request,
        "event": event,
        "wish": DoctorWish.objects.get(),
        "offer": actions.record_offer(by=coordinator, cpts=cpts, professional=doctor, offer=said),
        "attribution": actions.propose_doctor(
            by=coordinator, doctor_request=take(), professional=doctor
        ),
        "asked": DoctorOffer.objects.create(cpts=cpts, professional=doctor, asked_at=MONDAY),
        "planned": PlannedPair.objects.create(
            cpts=cpts, doctor_request=request, professional=doctor, kept_at=MONDAY
        ),
    }


WITHDRAWN = {"state": "withdrawn", "closed_at": MONDAY}
CHANGES = [
    ("mt_settings_promise_30_to_90_days", "settings", {"promised_days": 91}),
    ("mt_settings_durations_are_positive", "settings", {"remind_days": 0}),
    ("mt_settings_health_has_a_responsible", "settings", {"responsible": None}),
    ("mt_settings_say_who_decided", "settings", {"source": ""}),
    ("priority_rule_criterion_known", "rule", {"criterion": "income", "threshold": 0}),
    ("priority_rule_threshold_where_it_counts", "rule", {"threshold": 0}),
    ("priority_rule_rank", "rule", {"rank": 9}),
    ("priority_rule_says_who_decided", "rule", {"source": ""}),
    ("doctor_request_state_known", "request", {"state": "lost", "closed_at": MONDAY}),
    ("doctor_request_channel_known", "request", {"channel": "pigeon"}),
    ("doctor_request_language_known", "request", {"language": "tlh"}),
    ("doctor_request_household_of_one", "request", {"household_size": 0}),
    ("doctor_request_travel_in_bounds", "request", {"travel_minutes_max": 4}),
    ("doctor_request_travel_in_bounds", "request", {"travel_minutes_max": 241}),
    ("doctor_request_household_is_another", "request", {"household": F("id")}),
    ("doctor_request_waits_since_reception", "request", {"waits_since": MONDAY + dt.timedelta(1)}),
    ("doctor_request_open_has_owner_and_deadline", "request", {"owner": None}),
    ("doctor_request_open_has_owner_and_deadline", "request", {"deadline_on": None}),
    ("doctor_request_closed_says_when", "request", {"closed_at": MONDAY}),
    ("doctor_request_doctor_where_there_is_one", "request", {"state": "accepted"}),
    ("doctor_request_merged_says_where", "request", {"state": "merged", "closed_at": MONDAY}),
    ("doctor_request_withdrawn_says_why", "request", WITHDRAWN),
    ("doctor_request_event_kind_known", "event", {"kind": "rumour"}),
    ("doctor_wish_kind_known", "wish", {"kind": "rumou"}),
    ("attribution_state_known", "attribution", {"state": "dreamt"}),
    ("attribution_refused_says_why", "attribution", {"refusal_reason": "full"}),
    ("attribution_answered_all_or_nothing", "attribution", {"answered_via": "link"}),
    ("attribution_answered_says_when", "attribution", {"state": "accepted"}),
    ("doctor_offer_answered_all_or_nothing", "offer", {"answered_via": ""}),
    ("doctor_offer_asked_or_answered", "asked", {"asked_at": None}),
    ("doctor_offer_ends_after_it_starts", "offer", {"until_on": dt.date(2020, 1, 1)}),
    ("doctor_offer_ages_in_order", "offer", {"age_from": 18, "age_to": 17}),
    ("doctor_offer_travel_is_positive", "offer", {"travel_minutes": 0}),
    ("doctor_offer_reminded_says_when", "asked", {"reminders": 1}),
]


@pytest.mark.parametrize(
    ("name", "row", "values"), CHANGES, ids=[f"{c[0]}-{'-'.join(c[2])}" for c in CHANGES]
)
def test_a_row_that_breaks_it_is_refused(rows, name, row, values):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        change(rows[row], **values)


def unique(fields, name):
    """SQLite names the columns, PostgreSQL the constraint."""
    return name if connection.vendor == "postgresql" else ".*".join(fields)


ENDED = WITHDRAWN | {"withdrawn_why": "asked"}
COPIES = [
    ("doctor_request_number", "request", {"form_key": "autre"} | ENDED, ("cpts_id", "number")),
    ("doctor_request_form_once", "request", {"number": 99} | ENDED, ("cpts_id", "form_key")),
    (
        "doctor_request_one_open_per_resident",
        "request",
        {"number": 99, "form_key": "autre"},
        ("cpts_id", "resident_id"),
    ),
    ("doctor_wish_once", "wish", {"kind": "only"}, ("doctor_request_id", "professional_id")),
    ("attribution_one_live_per_request", "attribution", {}, ("doctor_request_id",)),
    ("priority_rule_once", "rule", {}, ("cpts_id", "valid_from", "criterion", "threshold")),
    ("doctor_offer_asked_once", "asked", {}, ("cpts_id", "professional_id")),
    ("doctor_offer_one_standing", "offer", {}, ("cpts_id", "professional_id")),
]


@pytest.mark.parametrize(("name", "row", "values", "fields"), COPIES, ids=[c[0] for c in COPIES])
def test_a_second_row_is_refused(rows, name, row, values, fields):
    with pytest.raises(IntegrityError, match=unique(fields, name)), transaction.atomic():
        copy(rows[row], **values)


def test_every_check_and_unique_constraint_of_the_app_is_broken_above():
    declared = {
        constraint.name
        for model in apps.get_app_config("medecin_traitant").get_models()
        for constraint in model._meta.constraints
        if not isinstance(constraint, TenantForeignKey) and not constraint.name.endswith("_cpts_id")
    }
    assert declared == {name for name, *_ in (*CHANGES, *COPIES)}


# A neighbour's row


def tenant_keys():
    return [
        pytest.param(model, constraint, id=constraint.name)
        for model in apps.get_app_config("medecin_traitant").get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, TenantForeignKey)
    ]


@pytest.fixture
def theirs(db, clock):
    """One row of the neighbour for each kind of target."""
    with scopes_disabled():
        neighbour = make_cpts("voisine")
    with scope(cpts=neighbour):
        set_mt(neighbour)
        desk = actor_as(neighbour, Role.DISPATCHER)
        notice = InformationNotice.objects.create(
            cpts=neighbour, version=9, text="Texte", valid_from=MONDAY
        )
        given = {"cpts": neighbour, "means": "spoken", "given_at": MONDAY}
        agreed = {"giver": "patient", "scope": "cpts", "collected_by": desk.seat}
        return {
            "seat": desk.seat,
            "doctorrequest": actions.record_request(
                by=desk, cpts=neighbour, intake=make_doctor_intake()
            ),
            "resident": Resident.objects.create(cpts=neighbour, family_name="Voisin"),
            "sharingagreement": SharingAgreement.objects.create(**given, **agreed),
            "informationgiven": InformationGiven.objects.create(**given, notice=notice),
        }


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no composite key")
@pytest.mark.parametrize(("model", "constraint"), tenant_keys())
def test_a_neighbours_row_is_refused(rows, theirs, model, constraint):
    row = model._base_manager.filter(cpts=rows["request"].cpts_id).first()
    field: models.ForeignKey = model._meta.get_field(constraint.field)
    values = {constraint.field: theirs[field.related_model._meta.model_name]}
    if constraint.field == "merged_into":
        values |= {"state": "merged", "closed_at": MONDAY}
    with pytest.raises(IntegrityError, match=constraint.name), transaction.atomic():
        change(row, **values)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_nothing_is_read_outside_a_scope(db):
    for model in (
        DoctorRequest,
        DoctorOffer,
        MtSettings,
        PriorityRule,
        DoctorRequestEvent,
        DoctorWish,
    ):
        with pytest.raises(Exception, match="scope"):
            model.objects.first()


def test_what_says_something_of_health_is_sealed(cpts, take):
    MtSettings.objects.filter(cpts=cpts).update(asks_last_doctor=True)
    take(ald="yes", c2s="yes", note="canari-note", last_doctor="canari-docteur")
    sealed = {
        field.name
        for field in DoctorRequest._meta.concrete_fields
        if isinstance(field, SealedTextField)
    }
    assert sealed == {"ald", "c2s", "note", "last_doctor", "code"}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ald, c2s, note, last_doctor, code FROM medecin_traitant_doctorrequest"
        )
        held = str(cursor.fetchall())
    assert "canari" not in held and "'yes'" not in held
