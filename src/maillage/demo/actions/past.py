"""What is finished in the main territory, written at once: no act can be made in the past."""

import datetime as dt
import random
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from django.utils import timezone

from maillage.accounts.models import Seat
from maillage.availability.enums import BookingMode, BookingState
from maillage.availability.models import Booking, Slot
from maillage.availability.queries.slots import OFFERED, computed_slots
from maillage.compute.intervals import instant_of
from maillage.demo.actions.ladder import seat_of
from maillage.demo.enums import MAIN_COMMUNES, PAST_CHANNELS, PAST_ENDS, PAST_NEEDS
from maillage.directory.models import Place, Professional
from maillage.snp.enums import (
    CareRequestStatus,
    Channel,
    EventKind,
    InformState,
    OwnerReason,
    ProposalState,
)
from maillage.snp.models import (
    CareRequest,
    CareRequestEvent,
    CareRequestNumber,
    HandOver,
    InformAttempt,
    Proposal,
)
from maillage.snp.queries import slot_text
from maillage.snp.queries.numbers import published_quarters
from maillage.territory.models import Commune, Cpts

DAYS = 30
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
NEAR = 22.5 * HOUR  # how long ago the one whose first deadline comes near was received
UNTOLD = 2  # appointments of the last hours of which nobody said anything yet
S, P = CareRequestStatus, ProposalState


@dataclass(slots=True)
class _Past:
    """What is drawn, and the rows to write."""

    cpts: Cpts
    draw: random.Random
    now: dt.datetime
    desks: list[Seat]
    communes: list[str]
    doctors: list[int]
    slots: dict[str, list[Slot]]  # by profession, soonest first
    starts: dict[str, list[dt.datetime]]
    taken: set[int] = field(default_factory=set)
    requests: list[CareRequest] = field(default_factory=list)
    rows: dict[type, list] = field(default_factory=lambda: defaultdict(list))
    untold: int = 0

    def pick(self, profession: str, after: dt.datetime, before: dt.datetime) -> Slot | None:
        """A free past slot that starts between two instants, one of the soonest."""
        slots, starts = self.slots[profession], self.starts[profession]
        found = slots[bisect_left(starts, after) : bisect_left(starts, before)]
        free = [slot for slot in found if slot.pk not in self.taken][:25]
        return self.draw.choice(free) if free else None

    def some(self, low: int, high: int) -> dt.timedelta:
        return self.draw.randint(low, high) * MINUTE


def thirty_days(cpts: Cpts, draw: random.Random) -> CareRequest | None:
    """Requests received, proposed, refused, missed, ended over thirty days, on slots that were
    offered then, and over the end of the last quarter whose numbers are published. The last one,
    informed of an appointment just past, is returned."""
    past = _begin(cpts, draw)
    for first_on, last_on in _spans(cpts, past.now):
        for received_at in _receptions(past, first_on, last_on):
            _request(past, received_at, _weighted(draw, PAST_ENDS))
    near = _request(past, past.now - NEAR, "informed")
    CareRequestNumber.objects.create(cpts=cpts, next_number=len(past.requests) + 1)
    CareRequest.objects.bulk_create(past.requests)
    for model in (Booking, Proposal, CareRequestEvent, InformAttempt, HandOver):
        model.objects.bulk_create(past.rows[model])
    return near


def _spans(cpts: Cpts, now: dt.datetime) -> list[tuple[dt.date, dt.date]]:
    """Days told, both included: some of the last published quarter, then the thirty until yesterday."""
    recent = timezone.localdate(now) - DAYS * DAY
    quarter = min(published_quarters(cpts, now)[0][1], recent - DAY)
    return [(quarter - 27 * DAY, quarter), (recent, recent + (DAYS - 1) * DAY)]


def _begin(cpts: Cpts, draw: random.Random) -> _Past:
    now = timezone.now().replace(second=0, microsecond=0)
    today = timezone.localdate()
    people = {each.pk: each for each in Professional.objects.in_cpts(cpts, today)}
    slots: dict[str, list[Slot]] = defaultdict(list)
    early, recent = _spans(cpts, now)
    # Half of them are enough of a quarter of which only counts are read.
    half = {pk: each for pk, each in people.items() if pk % 2}
    for slot in (*_offered(half, *early, now), *_offered(people, *recent, now)):
        slots[slot.professional.profession].append(slot)
    wanted = {profession: speciality for profession, speciality, _, _ in PAST_NEEDS}
    slots = {
        profession: [slot for slot in slots[profession] if slot.professional.speciality == wanted]
        for profession, wanted in wanted.items()
    }
    others = Commune.objects.in_cpts(cpts, today).values_list("pk", flat=True)
    return _Past(
        cpts=cpts,
        draw=draw,
        now=now,
        desks=[seat_of(cpts, name).seat for name in ("regulation", "regulation2")],
        # The larger communes weigh; each of the others asks now and then.
        communes=[*MAIN_COMMUNES * 3, *sorted(others)],
        doctors=sorted(pk for pk, each in people.items() if each.speciality == "SM54"),
        slots=slots,
        starts={
            profession: [slot.starts_at for slot in found] for profession, found in slots.items()
        },
    )


def _offered(
    people: dict[int, Professional], first_on: dt.date, last_on: dt.date, now: dt.datetime
) -> list[Slot]:
    """What their weeks offered these days and the next, until an hour and a half ago, soonest first,
    written."""
    since = dt.datetime.combine(first_on, dt.time(), dt.UTC)
    places = {
        each.pk: each
        for each in Place.objects.filter(professional__in=people).select_related("commune")
    }
    computed = computed_slots(people, now=since, days=(last_on - first_on).days + 2)
    rows = []
    for (period, opening, start), rule in sorted(computed.items(), key=lambda row: row[0][2]):
        ends_at = instant_of(rule.ends_minute)
        if ends_at <= now - 1.5 * HOUR:
            values = dict(zip(OFFERED, rule.offer, strict=True))
            slot = Slot(
                period_id=period,
                opening_id=opening,
                starts_at=instant_of(start),
                ends_at=ends_at,
                **values,
            )
            rows.append(slot)
    Slot.objects.bulk_create(rows, batch_size=1000)
    for slot in rows:
        slot.professional = people[slot.professional_id]
        slot.place = places[slot.place_id]
    return rows


def _receptions(past: _Past, first_on: dt.date, last_on: dt.date) -> list[dt.datetime]:
    """When calls came, by the clock of the wall: weekdays, Saturday mornings, a few on Sundays."""
    zone, found = ZoneInfo(past.cpts.zone), []
    for number in range((last_on - first_on).days + 1):
        day = first_on + number * DAY
        low, high, until = {5: (3, 5, 12), 6: (0, 2, 19)}.get(day.weekday(), (6, 10, 19))
        for _ in range(past.draw.randint(low, high)):
            # More calls in the morning than in the afternoon.
            hour = min(past.draw.randint(8, until - 1), past.draw.randint(8, until - 1))
            minute = past.draw.randint(0, 59)
            found.append(dt.datetime.combine(day, dt.time(hour, minute), zone))
    return sorted(at for at in found if at < past.now - NEAR)


def _weighted(draw: random.Random, rows) -> str:
    return draw.choices([row[0] for row in rows], [row[1] for row in rows])[0]


def _request(past: _Past, at: dt.datetime, end: str) -> CareRequest | None:
    """One request and all that followed; None when nothing was free for it."""
    draw = past.draw
    profession = _weighted(draw, [(row[0], row[2]) for row in PAST_NEEDS])
    late = end != "informed" and draw.random() < 0.07
    first = None
    if end not in ("cancelled", "handed_over"):
        after, before = (24 * HOUR, 46 * HOUR) if late else (45 * MINUTE, 21 * HOUR)
        first = past.pick(profession, at + after, at + before)
        if first is None:
            return None
    care_request = _received(past, at, profession)
    desk = care_request.owner
    if end == "cancelled":
        _cancelled(past, care_request, at + past.some(5, 60), desk)
    elif end == "handed_over":
        _handed_over(past, care_request, at + past.some(1, 4), desk)
    else:
        _cared_for(past, care_request, first, end)
    return care_request


def _received(past: _Past, at: dt.datetime, profession: str) -> CareRequest:
    draw, number = past.draw, len(past.requests) + 1
    reasons = next(row[3] for row in PAST_NEEDS if row[0] == profession)
    desk = past.desks[at.toordinal() % 2]
    channel = _weighted(draw, PAST_CHANNELS)
    care_request = CareRequest(
        cpts=past.cpts,
        number=number,
        form_key=f"demo-past-{number}",
        received_at=at,
        received_by=desk,
        channel=channel,
        profession=profession,
        reason=draw.choice(reasons),
        age_band=draw.choices(("0-1", "2-5", "6-15", "16-69", "70-130"), (4, 8, 12, 46, 30))[0],
        commune_id=draw.choice(past.communes),
        phone=f"063998{2000 + number:04}",
        sas_regulated=channel == Channel.SAS and draw.random() < 0.8,
        usual_doctor_id=draw.choice(past.doctors) if draw.random() < 0.35 else None,
        owner=desk,
        owned_at=at,
        owner_why=OwnerReason.RECEIVED,
        circle_at=at,
        flags_checked_at=at,
        flags_checked_by=desk,
    )
    past.requests.append(care_request)
    text = f"Demande reçue ({Channel(channel).label}). Aucun signe d'alerte."
    _tell(past, care_request, at, EventKind.CREATED, text, desk)
    return care_request


def _tell(past, care_request, at, kind, text: str, seat: Seat | None, by_kind: str = "") -> None:
    event = CareRequestEvent(
        cpts=past.cpts,
        care_request=care_request,
        at=at,
        kind=kind,
        by_seat=seat,
        by_kind=by_kind or "seat",
        text=text[:300],
        status=care_request.status,
        circle=care_request.circle,
        owner=care_request.owner,
    )
    past.rows[CareRequestEvent].append(event)


def _cancelled(past: _Past, care_request: CareRequest, at: dt.datetime, desk: Seat) -> None:
    care_request.status, care_request.cancelled_by = S.CANCELLED, "patient"
    care_request.closed_at = at
    _tell(past, care_request, at, EventKind.CANCELLED, "Annulée par le patient.", desk)


def _handed_over(past: _Past, care_request: CareRequest, at: dt.datetime, desk: Seat) -> None:
    care_request.status, care_request.phone = S.HANDED_OVER, ""
    _tell(past, care_request, at, EventKind.HANDED_OVER, "À transmettre au 15 maintenant.", desk)
    care_request.closed_at = at + past.some(2, 8)
    row = HandOver(
        cpts=past.cpts,
        care_request=care_request,
        at=at,
        by_seat=desk,
        confirmed_at=care_request.closed_at,
        confirmed_by=desk,
        taken_over_by="Régulation médicale (exemple)",
    )
    past.rows[HandOver].append(row)
    text = f"Reprise au 15 par {row.taken_over_by}."
    _tell(past, care_request, row.confirmed_at, EventKind.CONFIRMED, text, desk)


def _cared_for(past: _Past, care_request: CareRequest, slot: Slot, end: str) -> None:
    """Tries, then the appointment that was honoured; the first one may have been missed."""
    at = care_request.received_at + past.some(3, 9)
    if end in ("refused", "silent"):
        at = _failed(past, care_request, slot, at, end)
    at = _accepted(past, care_request, slot, at)
    is_recent = past.untold < UNTOLD and slot.ends_at > past.now - 20 * HOUR
    if end == "informed" or is_recent:
        past.untold += end != "informed"
        return
    if end == "missed":
        again = past.pick(
            care_request.profession, slot.ends_at + 3 * HOUR, slot.ends_at + 40 * HOUR
        )
        if again is not None:
            at = _missed(past, care_request, slot.ends_at + past.some(10, 60))
            _accepted(past, care_request, again, at + past.some(5, 20))
            slot = again
    care_request.care_started_at = slot.starts_at + past.some(0, 15)
    care_request.status = S.HONOURED
    care_request.closed_at = slot.ends_at + past.some(5, 80)
    _outcome(past, care_request, "honoured", care_request.closed_at)
    text = f"Issue : {S.HONOURED.label.lower()}."
    _tell(past, care_request, care_request.closed_at, EventKind.OUTCOME, text, care_request.owner)


def _propose(past: _Past, care_request, slot: Slot, at, booking_state: str, **values) -> Proposal:
    booking = Booking(slot=slot, place_number=1, cpts=past.cpts, state=booking_state, changed_at=at)
    proposal = Proposal(
        cpts=past.cpts,
        care_request=care_request,
        professional=slot.professional,
        booking=booking,
        sent_at=at,
        sent_by=care_request.owner,
        expires_at=at + 15 * MINUTE,
        explanation="Un des premiers créneaux libres à portée",
        **values,
    )
    past.rows[Booking].append(booking)
    past.rows[Proposal].append(proposal)
    care_request.status = S.PROPOSED
    return proposal


def _failed(past: _Past, care_request, slot: Slot, at: dt.datetime, end: str) -> dt.datetime:
    """Asked of somebody who refused or did not answer; returns when it was over."""
    until = care_request.received_at + 30 * HOUR
    asked = past.pick(care_request.profession, at + HOUR, until)
    if asked is None or asked.professional_id == slot.professional_id:
        return at
    values, over = {"state": P.EXPIRED}, at + 15 * MINUTE
    if end == "refused":
        reason = past.draw.choice(("no_time", "no_time", "out_of_scope", "too_far", "other"))
        over = at + past.some(2, 12)
        values = {"state": P.REFUSED, "refusal_reason": reason, "answered_at": over}
        values["answered_via"] = "link"
    desk = care_request.owner
    proposal = _propose(past, care_request, asked, at, BookingState.RELEASED, **values)
    text = f"Proposée à {asked.professional}, {slot_text(asked)}."
    _tell(past, care_request, at, EventKind.PROPOSED, text, desk)
    care_request.status = S.NEW
    if end == "refused":
        text = f"Refusée par {asked.professional} : {proposal.get_refusal_reason_display()}."
        _tell(past, care_request, over, EventKind.REFUSED, text, None, "link")
    else:
        text = f"Sans réponse de {asked.professional}."
        _tell(past, care_request, over, EventKind.EXPIRED, text, None, "system")
    return over + past.some(1, 5)


def _accepted(past: _Past, care_request, slot: Slot, at: dt.datetime) -> dt.datetime:
    """Asked and accepted, or booked; then the patient told. Returns when."""
    desk, is_booked = care_request.owner, slot.mode == BookingMode.BOOKABLE
    past.taken.add(slot.pk)
    answered_at = at if is_booked else at + past.some(1, 13)
    hours = (slot.starts_at - care_request.received_at) / HOUR
    _propose(
        past,
        care_request,
        slot,
        at,
        BookingState.TAKEN,
        state=P.ACCEPTED,
        answered_at=answered_at,
        answered_via="booked" if is_booked else "link",
        answered_by_seat=desk if is_booked else None,
        late_hours=48 if hours > 48 else 24 if hours > 24 else 0,
    )
    who = f"{slot.professional}, {slot_text(slot)}."
    if not is_booked:
        _tell(past, care_request, at, EventKind.PROPOSED, f"Proposée à {who}", desk)
    care_request.status, care_request.planned_at = S.ACCEPTED, slot.starts_at
    if is_booked:
        _tell(past, care_request, at, EventKind.BOOKED, f"Réservée : {who}", desk)
    else:
        text = f"Acceptée par {who}"
        _tell(past, care_request, answered_at, EventKind.ACCEPTED, text, None, "link")
    told_at = answered_at + past.some(2, 12)
    care_request.status, care_request.inform_state = S.INFORMED, InformState.INFORMED
    told = InformAttempt(
        cpts=past.cpts,
        care_request=care_request,
        at=told_at,
        by_seat=desk,
        means="phone",
        result="reached",
    )
    past.rows[InformAttempt].append(told)
    _tell(past, care_request, told_at, EventKind.INFORM, "Téléphone : patient informé.", desk)
    return told_at


def _outcome(past: _Past, care_request, outcome: str, at: dt.datetime) -> Proposal:
    proposal = past.rows[Proposal][-1]
    proposal.outcome, proposal.outcome_at = outcome, at
    return proposal


def _missed(past: _Past, care_request, at: dt.datetime) -> dt.datetime:
    """Nobody came: noted, then somebody else was looked for."""
    desk = care_request.owner
    proposal = _outcome(past, care_request, "missed", at)
    care_request.status = S.MISSED
    _tell(past, care_request, at, EventKind.OUTCOME, "Issue : non honorée.", desk)
    at += past.some(5, 40)
    proposal.state, proposal.booking.state = P.WITHDRAWN, BookingState.RELEASED
    care_request.status, care_request.inform_state = S.NEW, InformState.NOT_YET
    _tell(past, care_request, at, EventKind.REORIENTED, "À réorienter.", desk)
    return at
