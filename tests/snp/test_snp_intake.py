"""A call comes in: signs first, hours, identity, agreement; and the fifteen takes over."""

import datetime as dt

import pytest
from django_scopes import scope

from factories import (
    LONG_BEFORE,
    MONDAY,
    SIGNS,
    VALUES,
    make_case,
    make_doctor,
    make_intake,
    make_request,
    set_desk,
    validate_signs,
)
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.kernel import pulse
from maillage.kernel.errors import InvalidTransition, NotAllowed, Unchanged
from maillage.kernel.models import JournalLine
from maillage.residents.actions import BadConsent, LikelyDouble, record_resident
from maillage.residents.models import Resident
from maillage.snp import actions, queries
from maillage.snp.actions.life import TooLate
from maillage.snp.models import CareRequest, CareRequestEvent, HandOver, RedFlag
from maillage.snp.queries.desk import forget_settings
from people import actor_as

NOT_DESK = [role for role in Role if role != Role.DISPATCHER]


def create(desk, **said):
    return actions.create_care_request(by=desk, cpts=desk.seat.cpts, intake=make_intake(**said))


def test_a_request_is_numbered_owned_and_told(desk, cpts):
    before = pulse.version(cpts.pk)
    first, second = create(desk), create(desk, channel="sas")
    assert (first.number, second.number) == (1, 2)
    assert first.status == "new" and (first.owner_id, first.owner_why) == (desk.seat_id, "received")
    assert first.phone == "0639980001" and first.received_at == MONDAY
    assert first.flags_checked_by_id == desk.seat_id
    texts = [event.text for event in second.events.all()]
    assert texts == ["Demande reçue (15 / SAS). Aucun signe d'alerte."]
    assert pulse.version(cpts.pk) > before
    line = JournalLine.objects.get(action="snp.created", target=f"snp.carerequest:{first.pk}")
    assert (line.seat_id, line.cpts_id, line.data) == (desk.seat_id, cpts.pk, {"red_flag": False})


def test_the_same_form_sent_twice_gives_the_same_request(desk):
    said = {"form_key": "une-fois"}
    assert create(desk, **said) == create(desk, **said)
    assert CareRequest.objects.count() == 1


@pytest.mark.parametrize("role", NOT_DESK)
def test_only_the_desk_takes_a_request(cpts, role):
    with pytest.raises(NotAllowed, match="Seule la régulation SNP prend une demande"):
        create(actor_as(cpts, role))


def test_the_desk_of_a_neighbour_takes_nothing_here(cpts, neighbour):
    other = actor_as(neighbour, Role.DISPATCHER)
    with pytest.raises(NotAllowed):
        actions.create_care_request(by=other, cpts=cpts, intake=make_intake())


def test_no_request_without_a_validated_list_of_signs(desk, cpts):
    RedFlag.objects.all().delete()
    queries.red_flags(cpts).delete()
    forget_settings()  # taken away without an action
    with pytest.raises(actions.SignsNotValidated, match="Aucune liste de signes d'alerte"):
        create(desk)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"reason": ""}, "Indiquez le motif et l'âge"),
        ({"age_band": ""}, "Indiquez le motif et l'âge"),
        ({"phone": "12"}, "n'est pas un numéro de téléphone"),
    ],
)
def test_what_must_be_said(desk, said, sentence):
    with pytest.raises(actions.Incomplete, match=sentence):
        create(desk, **said)
    assert not CareRequest.objects.exists()


# Signs


def test_a_sign_keeps_the_phone_and_the_commune_and_nothing_else(desk, cpts):
    sign = queries.red_flags(cpts).flags.first()
    care_request = create(
        desk,
        red_flag=sign,
        note="canari",
        caller_name="Canari",
        family_name="Canari",
        birth_date=dt.date(1980, 1, 1),
        agreement_from="patient",
        sms_allowed=True,
        usual_doctor=make_doctor(cpts),
        kind="home",
    )
    care_request.refresh_from_db()
    assert care_request.status == "handed_over" and care_request.closed_at is None
    assert (care_request.phone, care_request.commune_id) == ("0639980001", "71306")
    kept = [care_request.reason, care_request.note, care_request.age_band, care_request.kind]
    kept.append(care_request.caller_name)
    assert kept == [""] * 5 and not care_request.sms_allowed and care_request.sharing is None
    assert care_request.resident is None and care_request.usual_doctor is None
    assert not Resident.objects.exists()
    assert care_request.hand_over.red_flag == sign
    assert "Douleur dans la poitrine. À transmettre au 15" in care_request.events.last().text


def test_a_sign_is_never_held_back_by_a_likely_double(desk, cpts):
    record_resident(by=desk, cpts=cpts, family_name="Canari", phone="0639980001")
    sign = queries.red_flags(cpts).flags.first()
    said = {"family_name": "Canari", "sms_allowed": True}
    assert create(desk, red_flag=sign, **said).status == "handed_over"
    with pytest.raises(LikelyDouble):
        create(desk, **said)


def test_a_sign_needs_neither_reason_nor_age_nor_open_hours(desk, cpts, clock):
    clock.move(days=5)  # Saturday
    sign = queries.red_flags(cpts).flags.first()
    assert create(desk, red_flag=sign, reason="", age_band="").status == "handed_over"


def test_a_sign_of_an_older_list_is_read_again(desk, cpts):
    old = queries.red_flags(cpts).flags.first()
    validate_signs(cpts, valid_from=MONDAY - dt.timedelta(days=1), labels=("Autre signe",))
    with pytest.raises(actions.Incomplete, match="liste des signes d'alerte a changé"):
        create(desk, red_flag=old)


@pytest.mark.parametrize("moment", ["new", "proposed", "accepted", "informed"])
def test_a_sign_at_any_moment_hands_over_and_gives_the_place_back(desk, cpts, moment):
    case = make_case(desk, moment)
    sign = queries.red_flags(cpts).flags.last()
    handed = actions.hand_over(by=desk, care_request=case.care_request, red_flag=sign)
    assert handed.status == "handed_over" and handed.phone and handed.closed_at is None
    assert handed.hand_over.red_flag == sign
    assert not case.slot.bookings.exclude(state="released").exists()
    assert not handed.proposals.filter(state__in=["sent", "accepted"]).exists()
    row = queries.board_of(cpts, selected=None).rows[0]
    assert (row.id, row.urgency) == (handed.pk, 3) and "15" in row.alert


@pytest.mark.parametrize("moment", ["honoured", "cancelled", "handed_over"])
def test_what_is_over_is_not_handed_over(desk, moment):
    case = make_case(desk, moment)
    with pytest.raises(InvalidTransition, match="elle ne peut pas devenir « transmise au 15 »"):
        actions.hand_over(by=desk, care_request=case.care_request)


def test_a_neighbours_sign_is_not_ours(desk, neighbour):
    with scope(cpts=neighbour):
        theirs = queries.red_flags(neighbour).flags.first()
    care_request = make_request(desk)
    with pytest.raises(actions.Incomplete, match="n'est pas de la liste"):
        actions.hand_over(by=desk, care_request=care_request, red_flag=theirs)


def test_the_fifteen_took_over_the_number_goes_and_the_board_forgets(desk, cpts, clock):
    case = make_case(desk, "handed_over")
    with pytest.raises(actions.Incomplete, match="qui, au 15, a repris"):
        actions.confirm_hand_over(by=desk, care_request=case.care_request, taken_over_by=" ")
    now = clock.move(minutes=4)
    done = actions.confirm_hand_over(by=desk, care_request=case.care_request, taken_over_by="ARM 3")
    assert done.phone == "" and done.closed_at == now
    kept = HandOver.objects.get()
    assert (kept.taken_over_by, kept.confirmed_at, kept.confirmed_by) == ("ARM 3", now, desk.seat)
    assert queries.board_of(cpts, selected=None).rows == []
    again = actions.confirm_hand_over(by=desk, care_request=done, taken_over_by="Autre")
    assert again.hand_over.taken_over_by == "ARM 3"
    assert CareRequestEvent.objects.filter(kind="confirmed").count() == 1


def test_only_what_was_handed_over_is_confirmed_and_by_somebody(desk):
    care_request = make_request(desk)
    with pytest.raises(actions.TooLate, match="n'a pas été transmise au 15"):
        actions.confirm_hand_over(by=desk, care_request=care_request, taken_over_by="ARM")
    actions.hand_over(by=desk, care_request=care_request)
    with pytest.raises(NotAllowed, match="par une personne de la régulation"):
        actions.confirm_hand_over(by=SYSTEM, care_request=care_request, taken_over_by="ARM")


def test_the_signs_asked_again_are_dated(desk, clock):
    care_request = make_request(desk)
    now = clock.move(minutes=9)
    other = actor_as(desk.seat.cpts, Role.DISPATCHER)
    checked = actions.check_signs(by=other, care_request=care_request)
    assert (checked.flags_checked_at, checked.flags_checked_by_id) == (now, other.seat_id)


# Hours


def test_out_of_hours_the_notice_is_ticked_first(desk, clock):
    clock.move(hours=12)  # 21:00
    with pytest.raises(actions.OutOfHours, match="La régulation est fermée à cette heure"):
        create(desk)
    assert create(desk, out_of_hours_seen=True).status == "new"


@pytest.mark.parametrize(
    ("hour", "minute", "is_open"), [(7, 59, False), (8, 0, True), (19, 59, True), (20, 0, False)]
)
def test_the_desk_opens_and_closes_on_the_minute(cpts, hour, minute, is_open):
    assert queries.desk_is_open(cpts, MONDAY.replace(hour=hour, minute=minute)) is is_open


# Identity


def test_an_anonymous_request_has_no_resident_until_named(desk):
    care_request = make_request(desk)
    assert care_request.resident is None
    named = actions.name_resident(
        by=desk, care_request=care_request, family_name="Fictif", given_name="Ada"
    )
    assert str(named.resident) == "Ada Fictif" and named.resident.phone == ""
    with pytest.raises(actions.Incomplete, match="Indiquez le nom du patient"):
        actions.name_resident(by=desk, care_request=care_request)


def test_the_number_of_a_caller_is_not_kept_as_the_patients(desk):
    assert create(desk, family_name="Fictif").resident.phone == ""
    own = create(desk, family_name="Autre", sms_allowed=True, phone="0639980002")
    assert own.resident.phone == "0639980002"


def test_a_neighbours_resident_is_refused(desk, neighbour):
    theirs = actor_as(neighbour, Role.DISPATCHER)
    with scope(cpts=neighbour):
        resident = record_resident(by=theirs, cpts=neighbour, family_name="Voisin")
    with pytest.raises(actions.Incomplete, match="n'est pas connu de votre CPTS"):
        create(desk, resident=resident)
    with pytest.raises(actions.Incomplete, match="n'est pas connu de votre CPTS"):
        actions.name_resident(by=desk, care_request=make_request(desk), resident=resident)


def test_the_usual_doctor_of_a_known_resident_is_the_requests(desk, cpts):
    doctor = make_doctor(cpts)
    known = record_resident(by=desk, cpts=cpts, family_name="Fictif", usual_doctor=doctor)
    assert create(desk, resident=known).usual_doctor == doctor
    care_request = make_request(desk)
    named = actions.name_resident(by=desk, care_request=care_request, resident=known)
    assert named.usual_doctor_id == doctor.pk


def test_the_agreement_says_who_gave_it_when_and_to_whom(desk, clock):
    care_request = make_request(desk)
    assert care_request.sharing is None
    with pytest.raises(BadConsent, match="qui a donné son accord"):
        actions.record_agreement(by=desk, care_request=care_request, giver="voisin")
    with pytest.raises(NotAllowed, match="par une personne de la régulation"):
        actions.record_agreement(by=SYSTEM, care_request=care_request, giver="patient")
    now = clock.move(minutes=1)
    agreed = actions.record_agreement(by=desk, care_request=care_request, giver="caller").sharing
    assert (agreed.giver, agreed.given_at, agreed.means) == ("caller", now, "spoken")
    assert (agreed.collected_by_id, agreed.scope) == (desk.seat_id, "cpts")
    clock.move(minutes=1)
    again = actions.record_agreement(by=desk, care_request=care_request, giver="patient")
    assert again.sharing == agreed


def test_the_case_is_whoever_took_it(desk, cpts):
    care_request = make_request(desk)
    other = actor_as(cpts, Role.DISPATCHER)
    assert actions.take_case(by=other, care_request=care_request).owner_id == other.seat_id
    events = care_request.events.filter(kind="taken")
    actions.take_case(by=other, care_request=care_request)
    assert events.count() == 1


VERBS = {
    "take": lambda by, case: actions.take_case(by=by, care_request=case),
    "agree": lambda by, case: actions.record_agreement(by=by, care_request=case, giver="patient"),
    "name": lambda by, case: actions.name_resident(by=by, care_request=case, family_name="X"),
    "signs": lambda by, case: actions.check_signs(by=by, care_request=case),
    "hand over": lambda by, case: actions.hand_over(by=by, care_request=case),
    "confirm": lambda by, case: actions.confirm_hand_over(
        by=by, care_request=case, taken_over_by="ARM"
    ),
    "cancel": lambda by, case: actions.cancel(by=by, care_request=case, cancelled_by="patient"),
    "reorient": lambda by, case: actions.reorient(by=by, care_request=case),
    "inform": lambda by, case: actions.inform_patient(
        by=by, care_request=case, means="phone", result="reached"
    ),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.PROFESSIONAL, Role.ADMINISTRATOR])
def test_the_acts_of_the_desk_are_the_desks(desk, cpts, verb, role):
    care_request = make_request(desk)
    with pytest.raises(NotAllowed, match="Seule la régulation SNP"):
        VERBS[verb](actor_as(cpts, role), care_request)


@pytest.mark.parametrize("verb", ["take", "agree", "name", "signs"])
@pytest.mark.parametrize("moment", ["cancelled", "handed_over", "honoured"])
def test_what_is_over_does_not_change(desk, verb, moment):
    case = make_case(desk, moment)
    with pytest.raises(TooLate, match="elle ne change plus"):
        VERBS[verb](desk, case.care_request)


# Settings


def test_settings_are_dated_and_the_past_stays(desk, cpts, clock):
    coordinator = actor_as(cpts, Role.COORDINATOR)
    old = queries.settings_of(cpts)
    now = clock.move(minutes=1)
    values = VALUES | {"proposal_minutes": 20, "live_proposals_max": 3, "soon_minutes": 5}
    values |= {"late_minutes": 10, "search_hours": 24, "max_travel_minutes": 30}
    values |= {"weight_delay": 1, "weight_travel": 1, "usual_doctor_minutes": 0}
    values |= {"load_minutes": 0, "commune_population_min": 1, "outcome_after_minutes": 30}
    given = {"cpts": cpts, "values": values, "source": "Bureau du 23"}
    new = actions.set_desk(by=coordinator, hours=[(0, 480, 720), (0, 780, 1080)], **given)
    assert queries.settings_of(cpts) == new and new.set_by_id == coordinator.seat_id
    assert queries.settings_of(cpts, now - dt.timedelta(seconds=1)) == old
    assert queries.desk_text(new) == "lundi 8\u00a0h–12\u00a0h et 13\u00a0h–18\u00a0h"
    with pytest.raises(actions.BadSettings, match="se chevauchent"):
        actions.set_desk(by=coordinator, hours=[(0, 480, 720), (0, 700, 1080)], **given)
    with pytest.raises(NotAllowed, match="Seuls le coordinateur"):
        actions.set_desk(by=desk, hours=[], **given)


def test_signs_are_validated_by_a_named_doctor(desk, cpts, clock):
    coordinator = actor_as(cpts, Role.COORDINATOR)
    clock.move(minutes=1)
    given = {"cpts": cpts, "validated_on": dt.date(2026, 11, 23)}
    labels = ["  Signe   un ", "", "Signe un", "Signe deux"]
    flags = actions.validate_red_flags(
        by=coordinator, labels=labels, validated_by="Dr Exemple", **given
    )
    assert [flag.label for flag in queries.red_flags(cpts).flags.all()] == [
        "Signe un",
        "Signe deux",
    ]
    assert not flags.is_example
    with pytest.raises(Unchanged, match="déjà en service"):
        actions.validate_red_flags(
            by=coordinator, labels=["Signe un", "Signe deux"], validated_by=" Dr Exemple", **given
        )
    ordered = {"labels": labels[::-1], "validated_by": "Dr Exemple"}
    assert actions.validate_red_flags(by=coordinator, **ordered, **given).pk != flags.pk
    clock.move(minutes=1)
    actions.validate_red_flags(by=coordinator, labels=labels, validated_by="Dr Exemple", **given)
    assert [flag.label for flag in queries.red_flags(cpts, MONDAY).flags.all()] == list(SIGNS)
    for wrong, sentence in (
        ({"labels": [" "], "validated_by": "Dr Exemple"}, "ne peut pas être vide"),
        ({"labels": ["Signe"], "validated_by": " "}, "Indiquez le médecin"),
        (
            {
                "labels": ["Signe"],
                "validated_by": "Dr Exemple",
                "validated_on": clock.now.date() + dt.timedelta(days=1),
            },
            "encore à venir",
        ),
    ):
        with pytest.raises(actions.BadSettings, match=sentence):
            actions.validate_red_flags(by=coordinator, **given | wrong)
    with pytest.raises(NotAllowed, match="Seuls le coordinateur"):
        actions.validate_red_flags(by=desk, labels=labels, validated_by="Dr Exemple", **given)


def test_a_desk_without_settings_says_so(neighbour, cpts):
    with scope(cpts=neighbour), pytest.raises(queries.desk.DeskNotSet, match="pas encore réglée"):
        queries.settings_of(neighbour, LONG_BEFORE - dt.timedelta(days=1))


def test_the_neighbours_requests_are_elsewhere(desk, cpts, neighbour):
    theirs = actor_as(neighbour, Role.DISPATCHER)
    with scope(cpts=neighbour):
        other = make_request(theirs)
    mine = make_request(desk)
    assert other.number == mine.number == 1
    assert set(CareRequest.objects.visible_to(desk)) == {mine}
    assert queries.board_of(cpts, selected=other.pk).current is None


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ((0, 1, 2, 3, 4), "lundi à vendredi"),
        ((0, 1), "lundi et mardi"),
        ((5,), "samedi"),
        ((0, 2), "lundi 8 h–20 h, mercredi"),
    ],
)
def test_hours_are_told_by_runs_of_days(cpts, days, words):
    settings = set_desk(cpts)
    settings.hours.all().delete()
    for day in days:
        settings.hours.create(cpts=cpts, weekday=day, opens_minute=480, closes_minute=1200)
    text = queries.desk_text(settings).replace("\u00a0", " ")
    assert text == f"{words} 8 h–20 h"
