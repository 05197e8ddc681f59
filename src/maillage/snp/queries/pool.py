"""Who could be asked about a request and when: what the database says, before arithmetic."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_scopes import scope

from maillage.availability.enums import BookingState
from maillage.availability.models import Absence, Booking, Slot
from maillage.availability.queries import is_quiet, slots_for_desk, week_start
from maillage.compute.ranking import LeftOut
from maillage.directory.enums import CareKind, Profession
from maillage.directory.models import Place, Professional
from maillage.snp.enums import GENERAL_CARE, AgeBand, Circle, ProposalState
from maillage.snp.models import Agreement, CareRequest, DeskSettings, Proposal, RingMember
from maillage.snp.queries.ladder import agreements_of, circles_open
from maillage.territory.enums import zone_of
from maillage.territory.models import Cpts

LOAD_DAYS = 30
ASKED = {
    ProposalState.REFUSED: "a déjà refusé cette demande",
    ProposalState.SENT: "déjà sollicité, réponse attendue",
    ProposalState.COUNTERED: "a proposé une autre heure",
}


@dataclass(frozen=True, slots=True)
class Pool:
    """People are dicts of columns; `told` says why those asked are not asked again; a slot is a
    tuple (professional, id, start, end, is_window, kind, mode, places left, insee, commune)."""

    now: dt.datetime
    people: list[dict]
    asked: list[dict]
    told: dict[int, str]
    slots: list[tuple]
    kinds: frozenset[str]


def wanted_kinds(care_request: CareRequest) -> frozenset[str]:
    """Kinds of care that suit: the one asked for; else the surgery or a visit (a visit only when
    the patient cannot travel)."""
    if care_request.kind:
        return frozenset({care_request.kind})
    return frozenset(
        {CareKind.HOME} if not care_request.can_travel else {CareKind.OFFICE, CareKind.HOME}
    )


def answers(care_request: CareRequest, profession: str, speciality: str) -> bool:
    if profession != care_request.profession:
        return False
    if care_request.speciality:
        return speciality == care_request.speciality
    return profession != Profession.DOCTOR or speciality in GENERAL_CARE


def takes_age(care_request: CareRequest, age_from: int, age_to: int) -> bool:
    """The whole age band must be taken."""
    if not care_request.age_band:
        return True
    low, high = AgeBand(care_request.age_band).ages
    return age_from <= low and age_to >= high


PREFERENCES = {
    "paused_at": F("asking_preferences__paused_at"),
    "paused_until": F("asking_preferences__paused_until"),
    "weekly_cap": F("asking_preferences__weekly_cap"),
    "quiet_from": F("asking_preferences__quiet_from_minute"),
    "quiet_to": F("asking_preferences__quiet_to_minute"),
}


def _people(
    care_request: CareRequest, found, now: dt.datetime, until: dt.datetime, only: int | None
) -> list[dict]:
    places = Place.objects.filter(professional=OuterRef("pk"), closed_on=None)
    accepted = Proposal.objects.filter(
        cpts=care_request.cpts_id,
        professional=OuterRef("pk"),
        state=ProposalState.ACCEPTED,
        answered_at__gt=now - dt.timedelta(days=LOAD_DAYS),
    )
    away = Absence.objects.filter(
        professional=OuterRef("pk"), ended_at=None, starts_at__lt=until, ends_at__gt=now
    )
    monday = week_start(now)
    taken = Booking.objects.filter(
        slot__professional=OuterRef("pk"),
        state=BookingState.TAKEN,
        slot__starts_at__gte=monday,
        slot__starts_at__lt=monday + dt.timedelta(days=7),
    )
    week = taken.order_by().values("slot__professional").annotate(n=Count("pk")).values("n")
    load = accepted.order_by().values("professional").annotate(n=Count("pk")).values("n")
    found = (
        found.annotate(
            insee=Subquery(places.order_by("-is_main", "pk").values("commune")[:1]),
            commune_name=Subquery(places.order_by("-is_main", "pk").values("commune__name")[:1]),
            load=Coalesce(Subquery(load, output_field=IntegerField()), 0),
            is_away=Exists(away),
            **PREFERENCES,
            week_load=Case(
                When(
                    asking_preferences__weekly_cap__isnull=False,
                    then=Coalesce(Subquery(week, output_field=IntegerField()), 0),
                ),
                default=Value(0),
                output_field=IntegerField(),
            ),
        )
        .order_by("pk")
        .values(
            *("pk", "given_name", "family_name", "profession", "speciality", "phone"),
            *("age_from", "age_to", "does_office", "does_home", "does_remote"),
            *("insee", "commune_name", "load", "is_away", "week_load", *PREFERENCES),
        )
    )
    return list(found if only is None else found.filter(pk=only))


def people_of(care_request: CareRequest, now: dt.datetime, until: dt.datetime) -> list[dict]:
    """Everybody of the directory of the request's CPTS."""
    found = Professional.objects.in_cpts(care_request.cpts_id, timezone.localdate(now))
    return _people(care_request, found, now, until, None)


@lru_cache(maxsize=256)
def title_and_job(profession: str, speciality: str) -> tuple[str, str]:
    """The words of a professional that do not depend on who they are."""
    anybody = Professional(profession=profession, speciality=speciality)
    return str(anybody).strip(), anybody.job


def full_name(person: dict) -> str:
    title, _ = title_and_job(person["profession"], person["speciality"])
    return f"{title} {person['given_name']} {person['family_name']}".strip()


def bar(person: dict, with_slots: set[int], now: dt.datetime) -> int:
    """The LeftOut code of what keeps somebody from being asked now; 0 when nothing does."""
    if person["is_away"] and person["pk"] not in with_slots:
        return LeftOut.ABSENT
    paused_at, until = person["paused_at"], person["paused_until"]
    if paused_at is not None and paused_at <= now and (until is None or until > now):
        return LeftOut.PAUSED
    if person["weekly_cap"] is not None and person["week_load"] >= person["weekly_cap"]:
        return LeftOut.CAPPED
    if person["quiet_from"] is not None and is_quiet(
        person["quiet_from"],
        person["quiet_to"],
        ZoneInfo(zone_of(person["insee"] or "")),
        now,
    ):
        return LeftOut.QUIET
    return LeftOut.NONE


def in_circle(care_request: CareRequest, now: dt.datetime):
    """A test of one professional id: is their circle open?"""
    opened = circles_open(care_request.circle)
    if Circle.CPTS in opened:
        return lambda pk: True
    allowed = {care_request.usual_doctor_id}
    if Circle.RING in opened:
        allowed |= set(
            RingMember.objects.in_force(timezone.localdate(now))
            .filter(ring=care_request.ring_id)
            .values_list("professional", flat=True)
        )
    return lambda pk: pk in allowed


SLOT_COLUMNS = (
    *("professional_id", "pk", "starts_at", "ends_at", "is_window", "kind", "mode"),
    *("places_left", "place__commune_id", "place__commune__name"),
)


def pool_of(
    care_request: CareRequest,
    settings: DeskSettings,
    now: dt.datetime,
    only: int | None,
    asked: Iterable[Proposal] | None,
) -> Pool:
    until = now + dt.timedelta(hours=settings.search_hours)
    if asked is None:
        asked = care_request.proposals.filter(state__in=ASKED).only("professional_id", "state")
    told = {each.professional_id: ASKED[each.state] for each in asked if each.state in ASKED}
    found = Professional.objects.in_cpts(care_request.cpts_id, timezone.localdate(now))
    everybody = _people(care_request, found, now, until, only)
    suitable = [p["pk"] for p in everybody if p["pk"] not in told and _answers(care_request, p)]
    slots = list(
        slots_for_desk(care_request.cpts, suitable, now=now, until=until).values_list(*SLOT_COLUMNS)
    )
    is_in_circle = in_circle(care_request, now)
    for person in everybody:
        person["is_in_circle"], person["agreement"] = is_in_circle(person["pk"]), None
    if Circle.NEIGHBOURS in circles_open(care_request.circle):
        known = {person["pk"] for person in everybody}
        lent = _lent(care_request, known, now, until, only)
        for people, more in lent:
            everybody += people
            slots += more
        everybody.sort(key=lambda person: person["pk"])  # the ranking wants both in one order
        slots.sort(key=lambda slot: (slot[0], slot[2], slot[1]))
    return Pool(
        now=now,
        people=[p for p in everybody if p["pk"] not in told],
        asked=[p for p in everybody if p["pk"] in told],
        told=told,
        slots=[slot for slot in slots if slot[0] not in told],
        kinds=wanted_kinds(care_request),
    )


def without(pool: Pool, promised: Counter[int]) -> Pool:
    """The same, once `promised` places of each slot (by id) are taken; they count in the week too."""
    if not promised:
        return pool
    next_monday = week_start(pool.now) + dt.timedelta(days=7)
    week = Counter()
    for slot in pool.slots:
        if slot[2] < next_monday:
            week[slot[0]] += promised[slot[1]]
    return replace(
        pool,
        people=[p | {"week_load": p["week_load"] + week[p["pk"]]} for p in pool.people],
        slots=[(*slot[:7], slot[7] - promised[slot[1]], *slot[8:]) for slot in pool.slots],
    )


def _answers(care_request: CareRequest, person: dict) -> bool:
    return answers(care_request, person["profession"], person["speciality"])


def _lent(
    care_request: CareRequest,
    known: set[int],
    now: dt.datetime,
    until: dt.datetime,
    only: int | None,
):
    """By agreement in force: the neighbours' professionals who agreed to help, and their slots at
    the hours of the agreement. Nobody is met twice."""
    agreements = (
        agreements_of(care_request.cpts_id, care_request.profession, now)
        .select_related("proposed_by_cpts", "other_cpts")
        .prefetch_related("hours")
        .order_by("pk")
    )
    for agreement in agreements:
        partner = agreement.partner_of(care_request.cpts_id)
        found = Professional.objects.filter(
            profession=care_request.profession, pk__in=_lenders(partner, now)
        )
        people = [
            person
            for person in _people(care_request, found, now, until, only)
            if person["pk"] not in known and _answers(care_request, person)
        ]
        known |= {person["pk"] for person in people}
        for person in people:
            person["is_in_circle"], person["agreement"] = True, agreement
            person["of_cpts"] = care_request.cpts_id
            if not agreement.shares_phone:
                person["phone"] = ""
        slots = slots_for_desk(partner, [p["pk"] for p in people], now=now, until=until)
        zone, spans = _shared_hours(agreement)
        yield (
            people,
            [slot for slot in slots.values_list(*SLOT_COLUMNS) if _is_shared(slot[2], zone, spans)],
        )


def _lenders(partner: Cpts, now: dt.datetime) -> list[int]:
    """Those of the neighbour's directory who agreed to help next door: read there, under an agreement
    in force, and nothing else of it."""
    with scope(cpts=partner):
        willing = Professional.objects.in_cpts(partner.pk, timezone.localdate(now))
        willing = willing.filter(asking_preferences__for_neighbours=True)
        return list(willing.values_list("pk", flat=True))


def _shared_hours(agreement: Agreement) -> tuple[ZoneInfo, list[tuple[int, int, int]]]:
    """Spans of (weekday, opens, closes) in minutes of the proposer's wall clock."""
    spans = [(h.weekday, h.opens_minute, h.closes_minute) for h in agreement.hours.all()]
    return ZoneInfo(agreement.proposed_by_cpts.zone), spans


def _is_shared(starts_at: dt.datetime, zone: ZoneInfo, spans: list[tuple[int, int, int]]) -> bool:
    """Within the hours of the agreement; no hours written: at any hour."""
    wall = starts_at.astimezone(zone)
    minute = wall.hour * 60 + wall.minute
    return not spans or any(
        weekday == wall.weekday() and opens <= minute < closes for weekday, opens, closes in spans
    )


def is_shared_at(agreement: Agreement, starts_at: dt.datetime) -> bool:
    """Does the agreement cover this hour?"""
    return _is_shared(starts_at, *_shared_hours(agreement))


def slots_to_choose(care_request: CareRequest, now: dt.datetime):
    """Slots the desk may name for this request: those given to it and, once the neighbours' circle is
    open, those of their willing professionals."""
    slots = Slot.objects.given_to(care_request.cpts)
    if Circle.NEIGHBOURS in circles_open(care_request.circle):
        agreements = agreements_of(care_request.cpts_id, care_request.profession, now)
        for agreement in agreements.select_related("proposed_by_cpts", "other_cpts"):
            partner = agreement.partner_of(care_request.cpts_id)
            willing = _lenders(partner, now)
            slots |= Slot.objects.given_to(partner).filter(professional__in=willing)
    return slots
