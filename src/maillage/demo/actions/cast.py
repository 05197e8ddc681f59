"""Who is in the demonstration: desks, professionals, their weeks, seats, structures."""

import datetime as dt
import random
from itertools import cycle, islice

from django.utils import timezone

from maillage.accounts.actions import create_user
from maillage.accounts.enums import Role, SeatState
from maillage.accounts.models import Seat
from maillage.accounts.rules import SYSTEM
from maillage.availability.actions import choose_visibility
from maillage.availability.enums import Audience, BookingMode
from maillage.availability.models import WeeklyPeriod
from maillage.demo.enums import (
    MAIN,
    MAIN_COMMUNES,
    ROLES,
    STRUCTURE_CONTACTS,
    STRUCTURE_KINDS,
    STRUCTURES,
    STRUCTURES_SOURCE,
)
from maillage.directory.actions import (
    add_contact,
    add_many_to_cpts,
    add_member,
    add_structure,
    check_contact,
    delegate,
    link_account,
    load_structures,
    record_professionals,
)
from maillage.directory.enums import (
    KindRow,
    LinkMethod,
    PlaceRow,
    Profession,
    ProfessionalRow,
    StructureFile,
    StructureRow,
)
from maillage.directory.models import Place, Professional, Structure
from maillage.kernel.identifiers import fold, luhn_is_valid
from maillage.residents import actions as residents
from maillage.residents.models import InformationNotice
from maillage.snp import actions as snp
from maillage.snp.forms import parse_hours
from maillage.snp.gateway import proposed_settings
from maillage.territory.models import Commune, Cpts

INFORMATION = (
    "Exemple, à faire relire. La CPTS garde votre nom, votre numéro et le motif de votre demande pour "
    "vous trouver un rendez-vous. Seuls la régulation et le professionnel qui vous reçoit les voient, "
    "avec votre accord, que vous pouvez retirer à tout moment. Ils sont effacés après la fin de la "
    "demande. Pour vos droits, écrivez à la CPTS."
)
SINCE_DAYS = 150  # the desk, its seats and the weeks are older than what is told of them


def fictitious_rpps(number: int) -> str:
    """The number-th RPPS beginning with 9999 whose key is wrong: it can be nobody's."""
    digits = f"9999{number:07}"
    return digits if not luhn_is_valid(digits) else f"9999{number + 5_000_000:07}"


def open_desk(cpts: Cpts) -> None:
    proposed = proposed_settings()
    snp.set_desk(
        by=SYSTEM,
        cpts=cpts,
        values=proposed.values,
        hours=parse_hours(proposed.hours),
        pdsa_hours=parse_hours(proposed.pdsa_hours),
        source=f"Démonstration. {proposed.source}"[:200],
        valid_from=timezone.now() - dt.timedelta(days=SINCE_DAYS),
    )
    since = timezone.now() - dt.timedelta(days=SINCE_DAYS)
    notice = residents.set_notice(by=SYSTEM, cpts=cpts, text=INFORMATION)
    InformationNotice.objects.filter(pk=notice.pk).update(valid_from=since)
    snp.validate_red_flags(
        by=SYSTEM,
        cpts=cpts,
        labels=proposed.example_signs,
        validated_by="Dr Exemple Démonstration (personne fictive)",
        validated_on=timezone.localdate() - dt.timedelta(days=SINCE_DAYS),
        is_example=True,
        valid_from=timezone.now() - dt.timedelta(days=SINCE_DAYS),
    )


def people(cpts: Cpts, staff, names, numbers, draw: random.Random) -> list[Professional]:
    codes = list(Commune.objects.in_cpts(cpts, timezone.localdate()).values_list("pk", flat=True))
    where = cycle([code for code in MAIN_COMMUNES if code in codes] or codes)
    rows = []
    for profession, speciality, count, age_from, age_to, office, home, remote in staff:
        for given, family in islice(names, count):
            number = next(numbers)
            rows.append(
                ProfessionalRow(
                    rpps=fictitious_rpps(number),
                    given_name=given,
                    family_name=family,
                    profession=profession,
                    speciality=speciality,
                    phone=f"063998{number % 10000:04}",
                    email=f"{fold(given)}.{fold(family)}.{number}@cabinet.example".replace(
                        " ", "-"
                    ),
                    age_from=age_from,
                    age_to=age_to,
                    does_office=office,
                    does_home=home and draw.random() < 0.6,
                    does_remote=remote,
                    languages=("en",) if draw.random() < 0.3 else (),
                    places=(
                        PlaceRow(
                            insee=next(where),
                            name="Cabinet (fictif)",
                            address=f"{draw.randint(1, 60)} rue de la Démonstration",
                            phone=f"035301{number % 10000:04}",
                        ),
                    ),
                )
            )
    professionals = record_professionals(by=SYSTEM, rows=rows)
    add_many_to_cpts(
        by=SYSTEM,
        cpts=cpts,
        professionals=professionals,
        joined_on=timezone.localdate() - dt.timedelta(days=400),
    )
    return professionals


def weeks(professionals: list[Professional], draw: random.Random) -> None:
    """Visibility through its action; the weeks at once, the horizon is then rolled for everybody."""
    today = timezone.localdate()
    places = dict(
        Place.objects.filter(professional__in=professionals, is_main=True).values_list(
            "professional", "pk"
        )
    )
    periods = []
    for number, professional in enumerate(professionals):
        cpts_ids = professional.cpts_records.values_list("cpts", flat=True)
        choose_visibility(
            by=SYSTEM,
            professional=professional,
            audiences={Audience.SNP, Audience.CPTS},
            given=dict.fromkeys(cpts_ids, (True, True)),
        )
        for weekday in range(7):
            # One in three also opens at the weekend, so that a demonstration never looks empty.
            if weekday >= 5 and number % 3:
                continue
            start = draw.choice((8, 9, 10, 13, 14)) * 60 + draw.choice((0, 20, 40))
            bookable = draw.random() < 0.3
            periods.append(
                WeeklyPeriod(
                    professional=professional,
                    place_id=places[professional.pk],
                    weekday=weekday,
                    starts_minute=start,
                    ends_minute=start + draw.choice((60, 120, 180)),
                    slot_minutes=20,
                    capacity=1,
                    kind="office",
                    mode=BookingMode.BOOKABLE if bookable else BookingMode.ON_AGREEMENT,
                    from_on=today - dt.timedelta(days=SINCE_DAYS),
                    for_snp=True,
                    for_cpts=True,
                )
            )
    WeeklyPeriod.objects.bulk_create(periods)


def _seat(cpts: Cpts, role: str, email: str, given: str, family: str) -> Seat:
    user = create_user(by=SYSTEM, email=email, given_name=given, family_name=family, is_demo=True)
    return Seat.objects.create(
        cpts=cpts,
        user=user,
        role=role,
        state=SeatState.ACTIVE,
        starts_on=timezone.localdate() - dt.timedelta(days=SINCE_DAYS),
    )


def seats(cpts: Cpts, professionals: list[Professional]) -> None:
    host = f"{cpts.slug}.example"
    roles = ROLES if cpts.slug == MAIN else [ROLES[0], *ROLES[2:4]]
    seats = {
        role: _seat(cpts, role, f"{name}@{host}", given, family)
        for role, name, given, family in reversed(roles)
    }
    doctors = [p for p in professionals if p.profession == Profession.DOCTOR]
    nurses = [p for p in professionals if p.profession == Profession.NURSE]
    for professional in [*doctors[:3], *nurses[:1]]:
        seat = _seat(
            cpts,
            Role.PROFESSIONAL,
            professional.email,
            professional.given_name,
            professional.family_name,
        )
        link_account(by=SYSTEM, user=seat.user, professional=professional, method=LinkMethod.DEMO)
    if Role.SECRETARY in seats:
        for professional in doctors[:2]:
            delegate(
                by=SYSTEM,
                professional=professional,
                secretary=seats[Role.SECRETARY].user,
                from_on=timezone.localdate() - dt.timedelta(days=SINCE_DAYS),
            )


def structures(cpts: Cpts) -> None:
    """Real establishments, fictitious telephones, and who of the CPTS works in the hospital."""
    load_structures(
        by=SYSTEM,
        given=StructureFile(
            name="demonstration",
            source=STRUCTURES_SOURCE,
            vintage=dt.date(2021, 1, 8),
            kinds=tuple(KindRow(code, label) for code, label in STRUCTURE_KINDS),
            structures=tuple(
                StructureRow(finess=finess, legal_finess=legal, name=name, kind=kind, insee=insee)
                for finess, legal, name, kind, insee in STRUCTURES
            ),
        ),
    )
    since_on = timezone.localdate() - dt.timedelta(days=200)
    records = {
        structure.pk: add_structure(by=SYSTEM, cpts=cpts, structure=structure, since_on=since_on)
        for structure in Structure.objects.filter(pk__in=[row[0] for row in STRUCTURES])
    }
    for finess, service, phone in STRUCTURE_CONTACTS:
        contact = add_contact(
            by=SYSTEM, record=records[finess], service=service, phone=phone, from_on=since_on
        )
        check_contact(by=SYSTEM, contact=contact)
    seat = Seat.objects.get(cpts=cpts, user__email=f"bureau@{cpts.slug}.example")
    record = records[STRUCTURES[0][0]]
    add_member(by=SYSTEM, record=record, seat=seat, function="Direction", from_on=since_on)
