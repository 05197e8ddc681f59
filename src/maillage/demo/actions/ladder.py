"""Who may be asked and who answers, in the demonstration: rings, roster, agreements, preferences."""

import datetime as dt

from django.db.models import F
from django.utils import timezone
from django_scopes import scope

from maillage.accounts.models import Seat
from maillage.accounts.rules import SYSTEM, SeatActor
from maillage.availability.actions import add_period, pause_asking, set_asking
from maillage.demo.enums import DISTANT, ON_CALL, RINGS, WAITING
from maillage.directory.actions import name_locum
from maillage.directory.enums import CareKind, Profession
from maillage.directory.models import Professional
from maillage.snp import actions as snp
from maillage.snp.models import Agreement
from maillage.territory.models import Cpts

EVENING = (18 * 60, 20 * 60)  # after every practice of the demonstration has closed
SIGNED_AGO = dt.timedelta(days=21)
AGREED = (Profession.DOCTOR, Profession.NURSE)


def seat_of(cpts: Cpts, name: str) -> SeatActor:
    """Somebody of the cast, in their seat."""
    seats = Seat.objects.select_related("user", "cpts")
    return SeatActor(seats.get(cpts=cpts, user__email=f"{name}@{cpts.slug}.example"))


def directory_of(cpts: Cpts, profession: str, speciality: str = "") -> list[Professional]:
    """In the order they came in the directory."""
    with scope(cpts=cpts):
        found = Professional.objects.in_cpts(cpts, timezone.localdate())
        return list(found.filter(profession=profession, speciality=speciality).order_by("pk"))


def agreements(main: Cpts) -> None:
    """One signed by both, for consultations at a distance; one that waits for our signature; and
    one between two territories that touch, whose patients can travel."""
    distant = Cpts.objects.get(slug=DISTANT)
    waiting = Cpts.objects.get(slug=WAITING)
    _agree(main, distant, is_signed=True)
    _agree(waiting, main, is_signed=False)
    _agree(distant, waiting, is_signed=True)
    helpers = directory_of(distant, Profession.DOCTOR, "SM54")[:2]
    today = timezone.localdate()
    for professional in helpers:
        _help_neighbours(professional)
        for weekday in range(7):
            add_period(
                by=SYSTEM,
                professional=professional,
                place=professional.places.get(is_main=True),
                weekday=weekday,
                starts_minute=EVENING[0],
                ends_minute=EVENING[1],
                slot_minutes=20,
                from_on=today,
                kind=CareKind.REMOTE,
            )
    for professional in directory_of(main, Profession.DOCTOR, "SM54")[10:13]:
        _help_neighbours(professional)


def _agree(cpts: Cpts, other: Cpts, *, is_signed: bool) -> None:
    with scope(cpts=cpts):
        agreement = snp.propose_agreement(
            by=seat_of(cpts, "coordination"),
            cpts=cpts,
            other=other,
            professions=AGREED,
            shares_phone=is_signed,
        )
    if is_signed:
        with scope(cpts=other):
            snp.sign_agreement(by=seat_of(other, "coordination"), agreement=agreement)
            # Signed three weeks ago; only the demonstration moves the past.
            moments = ("starts_at", "proposer_signed_at", "other_signed_at")
            Agreement.objects.filter(pk=agreement.pk).update(
                **{moment: F(moment) - SIGNED_AGO for moment in moments}
            )


def _help_neighbours(professional: Professional) -> None:
    set_asking(
        by=SYSTEM,
        professional=professional,
        weekly_cap=None,
        quiet_from_minute=None,
        quiet_to_minute=None,
        for_neighbours=True,
    )


def rings(cpts: Cpts) -> None:
    """Groups of colleagues the desk may ask before everybody."""
    coordinator = seat_of(cpts, "coordination")
    since_on = timezone.localdate() - dt.timedelta(days=45)
    for name, profession, speciality, first, last in RINGS:
        ring = snp.create_ring(by=coordinator, cpts=cpts, name=name, profession=profession)
        for professional in directory_of(cpts, profession, speciality)[first:last]:
            snp.add_to_ring(by=coordinator, ring=ring, professional=professional, from_on=since_on)


def roster(cpts: Cpts) -> None:
    """A week on call, from eight to eight, the hour it is now included."""
    administrator = seat_of(cpts, "administration")
    now = timezone.localtime()
    first = now.replace(hour=8, minute=0, second=0, microsecond=0)
    if first > now:
        first -= dt.timedelta(days=1)
    for day in range(7):
        starts_at = first + dt.timedelta(days=day)
        snp.set_on_call(
            by=administrator,
            cpts=cpts,
            seat=seat_of(cpts, ON_CALL[day % len(ON_CALL)]).seat,
            starts_at=starts_at,
            ends_at=starts_at + dt.timedelta(days=1),
        )


def choices(cpts: Cpts) -> None:
    """How professionals want to be asked, and who answers for one who is away."""
    doctors = directory_of(cpts, Profession.DOCTOR, "SM54")
    now = timezone.now()
    pause_asking(by=SYSTEM, professional=doctors[8], until=now + dt.timedelta(days=3))
    for professional, cap, quiet in (
        (doctors[1], 15, (None, None)),
        (doctors[2], None, (20 * 60, 7 * 60)),
        (doctors[9], 6, (12 * 60, 13 * 60)),
    ):
        set_asking(
            by=SYSTEM,
            professional=professional,
            weekly_cap=cap,
            quiet_from_minute=quiet[0],
            quiet_to_minute=quiet[1],
            for_neighbours=professional == doctors[1],
        )
    today = timezone.localdate()
    name_locum(
        by=seat_of(cpts, "coordination"),
        professional=doctors[3],
        locum=doctors[0],
        from_on=today,
        until_on=today + dt.timedelta(days=6),
    )
