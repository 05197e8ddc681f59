"""Factories of unscheduled care: a desk that works, people who can answer, requests to treat.

Rows that a story would take long to reach are written as they would be found; what a test is about
goes through the actions. People, places and seats come from `people`.
"""

import datetime as dt
import itertools
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from maillage.accounts.enums import Role
from maillage.accounts.rules import SeatActor
from maillage.availability.enums import BookingMode
from maillage.availability.models import Booking, CptsVisibility, Slot, UsualVisibility
from maillage.directory.enums import CareKind, PlaceRow
from maillage.directory.models import CptsProfessional, Place, Professional, ProfessionalAccount
from maillage.medecin_traitant import actions as mt
from maillage.medecin_traitant.models import MtSettings
from maillage.snp import actions as snp
from maillage.snp.models import (
    CareRequest,
    DeskHours,
    DeskSettings,
    Proposal,
    RedFlag,
    RedFlagList,
)
from maillage.snp.queries.desk import forget_settings
from maillage.snp.queries.shelf import forget_shelves
from maillage.territory.models import Commune, CommunePopulation, Cpts
from people import about_commune, actor_as, link, make_cpts, make_professional, make_seat

PARIS = ZoneInfo("Europe/Paris")
MONDAY = dt.datetime(2026, 11, 23, 9, tzinfo=PARIS)  # the desk is open
LONG_BEFORE = MONDAY - dt.timedelta(days=90)

# (insee, name, longitude, latitude, population of 2023, rounded)
COMMUNES = (
    ("71306", "Montceau-les-Mines", 4.363, 46.667, 18000),
    ("71486", "Saint-Vallier", 4.371, 46.641, 8000),
    ("71153", "Le Creusot", 4.441, 46.801, 21000),
    ("71040", "Blanzy", 4.385, 46.697, 6000),
    ("71212", "Génelard", 4.236, 46.581, 1400),
    ("71270", "Mâcon", 4.832, 46.306, 34000),
)
MONTCEAU, SAINT_VALLIER, CREUSOT, BLANZY, GENELARD, MACON = (row[0] for row in COMMUNES)

VALUES = {
    "proposal_minutes": 15,
    "live_proposals_max": 1,
    "soon_minutes": 15,
    "late_minutes": 30,
    "search_hours": 48,
    "max_travel_minutes": 45,
    "weight_delay": 1.0,
    "weight_travel": 2.0,
    "usual_doctor_minutes": 120.0,
    "load_minutes": 10.0,
    "commune_population_min": 2000,
    "outcome_after_minutes": 60,
    "first_deadline_hours": 24,
    "second_deadline_hours": 48,
    "warn_minutes": 120,
    "usual_doctor_circle_minutes": 0,
    "ring_circle_minutes": 15,
    "cpts_circle_minutes": 30,
    "neighbours_circle_minutes": 30,
    "duty_circle_minutes": 30,
    "remind_minutes": 30,
    "escalate_minutes": 60,
    "double_hours": 72,
    "small_cell_min": 11,
    "relation_days": 7,
    "break_glass_minutes": 30,
    "summary_minute": 1170,
}
MT_VALUES = {
    "promised_days": 60,
    "answer_days": 7,
    "follow_up_days": 183,
    "confirm_days": 30,
    "remind_days": 7,
    "reminders_max": 2,
    "offer_days_max": 183,
    "travel_minutes_max": 30,
    "small_cell_min": 3,
    **dict.fromkeys(("load_step_minutes", "heavy_step_minutes"), 0),
    **dict.fromkeys(("heavy_up_to_rank", "household_minutes"), 0),
}
SIGNS = ("Douleur dans la poitrine", "Gêne importante pour respirer")

_forms = itertools.count(1)


def make_communes() -> None:
    """In two writes: most tests begin here."""
    Commune.objects.bulk_create(
        [
            Commune(insee=insee, longitude=longitude, latitude=latitude, **about_commune(name))
            for insee, name, longitude, latitude, _ in COMMUNES
        ],
        update_conflicts=True,
        unique_fields=["insee"],
        update_fields=["longitude", "latitude"],
    )
    CommunePopulation.objects.bulk_create(
        [
            CommunePopulation(commune_id=row[0], year=2023, population=row[4], source="essai")
            for row in COMMUNES
        ],
        ignore_conflicts=True,
    )


def set_desk(cpts: Cpts, *, valid_from=LONG_BEFORE, **values) -> DeskSettings:
    """Settings in force from a moment on, open from 8 to 20 on weekdays."""
    settings = DeskSettings.objects.create(
        cpts=cpts, valid_from=valid_from, source="essai", **VALUES | values
    )
    DeskHours.objects.bulk_create(
        DeskHours(
            cpts=cpts, settings=settings, weekday=day, opens_minute=8 * 60, closes_minute=20 * 60
        )
        for day in range(5)
    )
    forget_settings()  # written without its action
    return settings


def set_mt(cpts: Cpts, *, responsible=None, valid_from=LONG_BEFORE, **values) -> MtSettings:
    """How the CPTS looks for médecins traitants; everything is asked under a responsible."""
    asked = dict.fromkeys(("asks_ald", "asks_c2s"), responsible is not None)
    return MtSettings.objects.create(
        cpts=cpts,
        valid_from=valid_from,
        source="essai",
        responsible=responsible,
        **MT_VALUES | asked | values,
    )


def validate_signs(cpts: Cpts, *, valid_from=LONG_BEFORE, labels=SIGNS) -> RedFlagList:
    flags = RedFlagList.objects.create(
        cpts=cpts,
        valid_from=valid_from,
        validated_by="Dr Exemple Fictif",
        validated_on=valid_from.date(),
        is_example=True,
    )
    RedFlag.objects.bulk_create(
        RedFlag(cpts=cpts, flag_list=flags, position=position, label=label)
        for position, label in enumerate(labels, start=1)
    )
    forget_settings()
    return flags


def make_desk(slug="vallee", **values) -> Cpts:
    """A CPTS whose desk may take requests. Call it inside its scope, or with scopes disabled."""
    make_communes()
    cpts = make_cpts(slug, Commune.objects.filter(pk__in=[row[0] for row in COMMUNES]))
    set_desk(cpts, **values)
    validate_signs(cpts)
    return cpts


def give(professional: Professional, *cptss: Cpts, snp=True, members=True) -> None:
    """The professional chose their visibility, and these CPTSs."""
    now = LONG_BEFORE
    UsualVisibility.objects.get_or_create(
        professional=professional, defaults={"for_snp": True, "for_cpts": True, "chosen_at": now}
    )
    for cpts in cptss:
        CptsVisibility.objects.update_or_create(
            professional=professional,
            cpts=cpts,
            defaults={"snp": snp, "members": members, "chosen_at": now},
        )
    forget_shelves()  # written without its action


def make_doctor(cpts: Cpts, *, insee=MONTCEAU, is_given=True, **about) -> Professional:
    """A general practitioner of the directory, with a mobile, who gives their slots to the CPTS."""
    number = next(_forms)
    usual = {
        "phone": f"063998{number % 9000:04}",  # from 9000 on: patients of tests/trust
        "places": (PlaceRow(insee=insee, name="Cabinet fictif", address="3 rue de l'Essai"),),
    }
    professional = make_professional(cpts, **usual | about)
    if is_given:
        give(professional, cpts)
    forget_shelves()  # written without its action
    return professional


def make_slot(professional: Professional, minutes=60, *, start=None, lasts=20, **about) -> Slot:
    """A slot `minutes` after Monday 9:00 (or at `start`), on agreement unless told otherwise."""
    starts_at = start or MONDAY + dt.timedelta(minutes=minutes)
    usual = {
        "kind": CareKind.OFFICE,
        "mode": BookingMode.ON_AGREEMENT,
        "capacity": 1,
        "for_snp": True,
        "place": professional.places.order_by("-is_main").first(),
    }
    slot = Slot.objects.create(
        professional=professional,
        starts_at=starts_at,
        ends_at=starts_at + dt.timedelta(minutes=lasts),
        **usual | about,
    )
    forget_shelves()  # written without its action
    return Slot.objects.select_related("place__commune").get(pk=slot.pk)


def make_offer(cpts: Cpts, minutes=60, **about) -> tuple[Professional, Slot]:
    """A doctor and one slot of theirs; `slot_…` words are the slot's, the others the doctor's."""
    of_slot = {k.removeprefix("slot_"): v for k, v in about.items() if k.startswith("slot_")}
    doctor = make_doctor(cpts, **{k: v for k, v in about.items() if not k.startswith("slot_")})
    return doctor, make_slot(doctor, minutes, **of_slot)


def professional_actor(cpts: Cpts, professional: Professional) -> SeatActor:
    """The professional, signed in with a seat in the CPTS."""
    account = ProfessionalAccount.objects.filter(professional=professional, ended_on=None).first()
    if account is not None:
        seat = account.user.seats.filter(cpts=cpts, role=Role.PROFESSIONAL).first()
        return SeatActor(seat or make_seat(cpts, Role.PROFESSIONAL, account.user))
    actor = actor_as(cpts, Role.PROFESSIONAL)
    link(actor.seat.user, professional)
    return actor


def make_intake(**said) -> snp.Intake:
    """What a call says: an adult with a fever in Montceau, another call than those before, unless
    told otherwise."""
    usual = {
        "form_key": f"essai-{next(_forms)}",
        "phone": "06 39 98 00 01",
        "commune": Commune.objects.get(pk=said.pop("insee", MONTCEAU)),
        "reason": "fever",
        "age_band": "16-69",
        "double_checked": True,
    }
    return snp.Intake(**usual | said)


def make_doctor_intake(**said) -> mt.Intake:
    """Somebody new without a médecin traitant, taken by telephone."""
    number = next(_forms)
    usual = {
        "form_key": f"formulaire-{number}",
        "channel": "phone",
        "commune": Commune.objects.get(pk=MONTCEAU),
        "family_name": f"Exemple{number}",
        "given_name": "Ada",
        "birth_date": dt.date(1960, 1, 1),
        "phone": f"06399820{number % 100:02}",
    }
    return mt.Intake(**usual | said)


def make_request(desk: SeatActor, **said) -> CareRequest:
    return snp.create_care_request(by=desk, cpts=desk.seat.cpts, intake=make_intake(**said))


@dataclass(slots=True)
class Case:
    """One request brought to a moment of its life, and who is in it."""

    care_request: CareRequest
    doctor: Professional
    slot: Slot
    proposal: Proposal | None = None


def make_case(desk: SeatActor, until="new", *, minutes=60, **said) -> Case:
    """A request and somebody to answer it, gone as far as `until` through the actions."""
    doctor, slot = make_offer(desk.seat.cpts, minutes)
    case = Case(make_request(desk, **said), doctor, slot)
    for moment in PATHS[until]:
        STEPS[moment](desk, case)
    case.care_request.refresh_from_db()
    return case


def _propose(desk: SeatActor, case: Case) -> None:
    case.proposal = snp.propose(by=desk, care_request=case.care_request, slot=case.slot)


def _accept(desk: SeatActor, case: Case) -> None:
    by = professional_actor(desk.seat.cpts, case.doctor)
    case.proposal = snp.accept_proposal(by=by, proposal=case.proposal)


def _inform(desk: SeatActor, case: Case) -> None:
    snp.inform_patient(by=desk, care_request=case.care_request, means="phone", result="reached")


STEPS = {
    "proposed": _propose,
    "accepted": _accept,
    "informed": _inform,
    "honoured": lambda desk, case: snp.record_outcome(
        by=desk, care_request=case.care_request, honoured=True
    ),
    "missed": lambda desk, case: snp.record_outcome(
        by=desk, care_request=case.care_request, honoured=False
    ),
    "cancelled": lambda desk, case: snp.cancel(
        by=desk, care_request=case.care_request, cancelled_by="patient"
    ),
    "handed_over": lambda desk, case: snp.hand_over(by=desk, care_request=case.care_request),
}
THREAD = ("proposed", "accepted", "informed")
PATHS = {
    "new": (),
    "proposed": THREAD[:1],
    "accepted": THREAD[:2],
    "informed": THREAD,
    "honoured": (*THREAD, "honoured"),
    "missed": (*THREAD, "missed"),
    "cancelled": ("cancelled",),
    "handed_over": ("handed_over",),
}


def fill_directory(cpts: Cpts, count: int, *, slots_each=4, first=500_000) -> list[Professional]:
    """Many professionals at once, most of them doctors, each with places and slots over two days."""
    insees = [row[0] for row in COMMUNES]
    rows = Professional.objects.bulk_create(
        Professional(
            rpps=f"9999{first + n:07}",
            given_name="Prénom",
            family_name=f"Nombreux{n}",
            profession="10" if n % 4 else "60",
            speciality="SM54" if n % 4 else "",
            phone=f"063998{n % 9000:04}",
            does_home=n % 2 == 0,
        )
        for n in range(count)
    )
    _give_all(cpts, rows)
    places = Place.objects.bulk_create(
        Place(
            professional=row,
            commune_id=insees[n % len(insees)],
            address="1 rue de l'Essai",
            is_main=True,
        )
        for n, row in enumerate(rows)
    )
    Slot.objects.bulk_create(
        (
            Slot(
                professional=row,
                place=place,
                kind=CareKind.OFFICE,
                mode=BookingMode.ON_AGREEMENT if n % 3 else BookingMode.BOOKABLE,
                for_snp=True,
                starts_at=MONDAY + dt.timedelta(minutes=30 + n % 50 + 20 * k),
                ends_at=MONDAY + dt.timedelta(minutes=50 + n % 50 + 20 * k),
            )
            for n, (row, place) in enumerate(zip(rows, places, strict=True))
            for k in range(slots_each)
        ),
        batch_size=2000,
    )
    return rows


def _give_all(cpts: Cpts, rows: list[Professional]) -> None:
    CptsProfessional._base_manager.bulk_create(
        CptsProfessional(cpts=cpts, professional=row, joined_on=LONG_BEFORE.date()) for row in rows
    )
    UsualVisibility.objects.bulk_create(
        UsualVisibility(professional=row, for_snp=True, chosen_at=LONG_BEFORE) for row in rows
    )
    CptsVisibility.objects.bulk_create(
        CptsVisibility(professional=row, cpts=cpts, snp=True, chosen_at=LONG_BEFORE) for row in rows
    )


def fill_board(desk: SeatActor, count: int) -> None:
    """Open requests in number: new, and one in four proposed with its place held."""
    cpts = desk.seat.cpts
    CareRequest.objects.bulk_create(
        CareRequest(
            cpts=cpts,
            number=10_000 + n,
            form_key=f"nombreux-{n}",
            received_at=MONDAY - dt.timedelta(minutes=n % 60),
            received_by=desk.seat,
            owner=desk.seat,
            owned_at=MONDAY,
            owner_why="received",
            waiting_since=MONDAY,
            channel="patient",
            reason="fever",
            age_band="16-69",
            commune_id=COMMUNES[n % len(COMMUNES)][0],
            phone="0639980001",
            flags_checked_at=MONDAY,
            flags_checked_by=desk.seat,
            status="proposed" if n % 4 == 0 else "new",
        )
        for n in range(count)
    )
    waiting = CareRequest.objects.filter(cpts=cpts, status="proposed", form_key__startswith="nomb")
    slots = Slot.objects.order_by("pk")[: waiting.count()]
    for care_request, slot in zip(waiting, slots, strict=True):
        until = MONDAY + dt.timedelta(minutes=15)
        booking = Booking.objects.create(
            slot=slot,
            place_number=1,
            cpts=cpts,
            state="held",
            held_until=until,
            changed_at=MONDAY,
        )
        Proposal.objects.create(
            cpts=cpts,
            care_request=care_request,
            professional_id=slot.professional_id,
            booking=booking,
            sent_at=MONDAY,
            sent_by=desk.seat,
            expires_at=until,
        )
