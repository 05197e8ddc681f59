"""Requests of today, told act by act: what the clock does is done as their minutes pass."""

import datetime as dt
from itertools import cycle

from django.db.models import F
from django.utils import timezone

from maillage.accounts.rules import SYSTEM
from maillage.availability.actions import add_absence
from maillage.availability.enums import BookingMode
from maillage.availability.models import Booking, Slot
from maillage.demo.actions.ladder import directory_of, seat_of
from maillage.demo.enums import DISPLACED, FAMILY_NAMES, GIVEN_NAMES, STORIES
from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.kernel.permissions import Actor
from maillage.residents.enums import AgreementGiver
from maillage.snp import actions as snp
from maillage.snp.enums import MINORS, ProposalState
from maillage.snp.models import (
    Call,
    CareRequest,
    CareRequestEvent,
    HandOver,
    InformAttempt,
    Proposal,
    Ring,
    Shortlist,
)
from maillage.snp.queries import matching_for
from maillage.territory.models import Commune, Cpts

CHUNK = 5  # minutes between two looks of the clock
MINUTES = dt.timedelta(minutes=1)
OF_REQUEST = (
    *("received_at", "own_received_at", "owned_at", "circle_at", "circle_until", "watch_at"),
    *("waiting_since", "reminded_at", "escalated_at", "flags_checked_at", "closed_at"),
)
OF_ROWS = {
    Proposal: ("sent_at", "expires_at", "answered_at"),
    CareRequestEvent: ("at",),
    Call: ("at",),
    InformAttempt: ("at",),
    Shortlist: ("at",),
    HandOver: ("at", "confirmed_at"),
}


def tell_stories(cpts: Cpts) -> None:
    """One request in every state; a doctor who falls ill; an appointment missed yesterday."""
    first, second = seat_of(cpts, "regulation2"), seat_of(cpts, "regulation")
    people = cycle(zip(GIVEN_NAMES[5:], reversed(FAMILY_NAMES), strict=False))
    told: list[CareRequest] = []
    half = len(STORIES) // 2
    for number, story in enumerate(STORIES):
        if number == half:  # the one who began the day leaves
            snp.hand_over_shift(by=first, cpts=cpts, to_seat=second.seat)
        desk = first if number < half else second
        told.append(_story(desk, cpts, number, story, next(people), told))
    _fallen_ill(second, cpts, people)
    _missed(second, cpts)


def _story(desk, cpts, number, story, name, told, doctor=None) -> CareRequest:
    """Take the call, then let the acts and the minutes follow."""
    acts = story[-1]
    care_request = _call(desk, cpts, number, story, name)
    snp.take_case(by=desk, care_request=care_request)
    for act in acts.split():
        care_request.refresh_from_db()
        if act.isdigit():
            _pass(care_request, int(act))
        elif act == "merge":
            snp.merge(by=desk, care_request=care_request, into=told[-1])
        elif act == "accept_of":
            _accept_of(desk, care_request, doctor)
        else:
            ACTS[act](desk, care_request)
    care_request.refresh_from_db()
    return care_request


def _call(desk: Actor, cpts: Cpts, number: int, story, name) -> CareRequest:
    reason, age_band, insee, channel, note, said, _ = story
    words = said.split()
    is_named = "named" in words
    giver = AgreementGiver.PARENT if age_band in MINORS else AgreementGiver.PATIENT
    same_call = number - 1 if "again" in words else number
    doctors = directory_of(cpts, Profession.DOCTOR, "SM54")
    return snp.create_care_request(
        by=desk,
        cpts=cpts,
        intake=snp.Intake(
            form_key=f"demo-{number}",
            phone=f"063998{9000 + same_call:04}",
            commune=Commune.objects.get(pk=insee),
            channel=channel,
            reason=reason,
            age_band=age_band,
            note=note,
            given_name=name[0] if is_named else "",
            family_name=name[1] if is_named else "",
            sms_allowed=is_named,
            agreement_from=giver if is_named else "",
            information="spoken" if is_named else "",
            sas_regulated="sas" in words,
            kind="remote" if "remote" in words else "",
            ring=Ring.objects.filter(cpts=cpts).order_by("pk").first() if "ring" in words else None,
            usual_doctor=doctors[4] if "usual" in words else None,
            out_of_hours_seen=True,
            double_checked=True,
        ),
    )


def _pass(care_request: CareRequest, minutes: int) -> None:
    """All that was said of a request becomes older; the clock looks at it as it does every second."""
    while minutes > 0:
        step = min(minutes, CHUNK)
        minutes -= step
        _older(care_request, step * MINUTES)
        _tick(care_request)


def _older(care_request: CareRequest, age: dt.timedelta) -> None:
    """Only the demonstration moves the past."""
    CareRequest.objects.filter(pk=care_request.pk).update(
        **{moment: F(moment) - age for moment in OF_REQUEST}
    )
    for model, moments in OF_ROWS.items():
        model.objects.filter(care_request=care_request).update(
            **{moment: F(moment) - age for moment in moments}
        )
    for consent in (care_request.sharing, care_request.information):
        if consent is not None:
            type(consent).objects.filter(pk=consent.pk).update(given_at=F("given_at") - age)
    Booking.objects.filter(proposal__care_request=care_request).update(
        held_until=F("held_until") - age, changed_at=F("changed_at") - age
    )


def _tick(care_request: CareRequest) -> None:
    """What `maillage clock` would have done by then."""
    now = timezone.now()
    due = care_request.proposals.filter(expires_at__lte=now)
    for proposal in due.filter(state=ProposalState.SENT):
        snp.expire_proposal(by=SYSTEM, proposal=proposal)
    for proposal in due.filter(state=ProposalState.COUNTERED):
        snp.expire_counter(by=SYSTEM, proposal=proposal)
    care_request.refresh_from_db()
    if care_request.circle_until is not None and care_request.circle_until <= now:
        care_request = snp.widen(by=SYSTEM, care_request=care_request)
    if care_request.watch_at is not None and care_request.watch_at <= now:
        snp.watch(by=SYSTEM, care_request=care_request)


SOON = dt.timedelta(minutes=10)


def _propose(desk: Actor, care_request: CareRequest) -> None:
    """To whoever comes first and must be asked."""
    for candidate in matching_for(care_request).ranked:
        for slot in candidate.slots:
            if slot.mode == BookingMode.ON_AGREEMENT:
                found = Slot.objects.select_related("place__commune").get(pk=slot.id)
                if found.starts_at <= timezone.now() + SOON and not found.is_window:
                    continue  # it would have begun before anybody answers
                if candidate.agreement_id is not None:
                    giver = "parent" if care_request.age_band in MINORS else "patient"
                    snp.record_agreement(
                        by=desk, care_request=care_request, giver=giver, scope="neighbours"
                    )
                    care_request.refresh_from_db()
                snp.propose(by=desk, care_request=care_request, slot=found)
                return


def _asked(care_request: CareRequest) -> Proposal | None:
    waiting = care_request.proposals.filter(state=ProposalState.SENT)
    return waiting.select_related("booking__slot", "professional").first()


def _accept(desk: Actor, care_request: CareRequest) -> None:
    proposal = _asked(care_request)
    if proposal is not None:
        snp.accept_proposal(by=desk, proposal=proposal)


def _refuse(desk: Actor, care_request: CareRequest) -> None:
    proposal = _asked(care_request)
    if proposal is not None:
        snp.refuse_proposal(by=desk, proposal=proposal, reason="no_time")


def _counter(desk: Actor, care_request: CareRequest) -> None:
    """Not then, but at another of their free hours."""
    proposal = _asked(care_request)
    if proposal is None:
        return
    now = timezone.now()
    own = Slot.objects.open(now).filter(
        professional=proposal.professional_id, starts_at__lt=now + dt.timedelta(hours=47)
    )
    other = own.exclude(pk=proposal.booking.slot_id).with_places_left().filter(places_left__gt=0)
    slot = other.order_by("starts_at").last()
    if slot is not None:
        snp.counter_offer(by=desk, proposal=proposal, starts_at=slot.starts_at)


def _inform(result: str):
    def inform(desk: Actor, care_request: CareRequest) -> None:
        if care_request.status == CareRequest.Status.ACCEPTED:
            snp.inform_patient(by=desk, care_request=care_request, means="phone", result=result)

    return inform


def _calls(to: str, result: str):
    def note(desk: Actor, care_request: CareRequest) -> None:
        snp.note_call(by=desk, care_request=care_request, to=to, result=result)

    return note


ACTS = {
    "propose": _propose,
    "accept": _accept,
    "refuse": _refuse,
    "counter": _counter,
    "inform": _inform("reached"),
    "no_answer": _inform("no_answer"),
    "nobody": _calls("professional", "no_answer"),
    "call_busy": _calls("professional", "busy"),
    "sas_busy": _calls("sas", "busy"),
    "call_reached": _calls("patient", "reached"),
    "hand_over": lambda desk, care_request: snp.hand_over(by=desk, care_request=care_request),
    "cancel": lambda desk, care_request: snp.cancel(
        by=desk, care_request=care_request, cancelled_by="patient"
    ),
}


def _accept_of(desk: Actor, care_request: CareRequest, doctor: Professional) -> None:
    """A place of this very doctor."""
    for candidate in matching_for(care_request).ranked:
        if candidate.professional_id == doctor.pk and candidate.slots:
            slot = Slot.objects.select_related("place__commune").get(pk=candidate.slots[0].id)
            snp.propose(by=desk, care_request=care_request, slot=slot)
            _accept(desk, care_request)


def _fallen_ill(desk: Actor, cpts: Cpts, people) -> None:
    """A doctor with several patients booked says they are away: « Absences » has something to show."""
    doctor = _busy_doctor(cpts)
    if doctor is None:
        return
    booked = [
        _story(desk, cpts, 100 + number, story, next(people), [], doctor)
        for number, story in enumerate(DISPLACED)
    ]
    now = timezone.now()
    add_absence(by=SYSTEM, professional=doctor, starts_at=now, ends_at=now + dt.timedelta(days=3))
    for care_request in booked:
        snp.flag_absence(by=SYSTEM, care_request=care_request)


def _busy_doctor(cpts: Cpts) -> Professional | None:
    """Somebody with room for all of them in the coming day, who has no account of the demonstration."""
    now = timezone.now()
    for doctor in directory_of(cpts, Profession.DOCTOR, "SM54")[10:]:
        slots = Slot.objects.open(now).filter(
            professional=doctor, starts_at__lt=now + dt.timedelta(hours=36)
        )
        free = slots.with_places_left().filter(places_left__gt=0)
        if free.count() > len(DISPLACED):
            return doctor
    return None


def _missed(desk: Actor, cpts: Cpts) -> None:
    """The patient of yesterday did not come: the watch is open again, its first deadline near."""
    care_request = CareRequest.objects.filter(
        cpts=cpts, status=CareRequest.Status.INFORMED, form_key__startswith="demo-past"
    ).last()
    if care_request is None:
        return
    snp.take_case(by=desk, care_request=care_request)
    snp.record_outcome(by=desk, care_request=care_request, honoured=False)
    snp.note_call(by=desk, care_request=care_request, to="patient", result="no_answer")
