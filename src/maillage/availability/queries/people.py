"""Who keeps whose availability, where they practise, and who was given what."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.utils import timezone
from django_scopes import scopes_disabled

from maillage.availability.enums import Audience
from maillage.availability.models import CptsVisibility, UsualVisibility, kept_by
from maillage.directory.enums import CareKind
from maillage.directory.models import (
    CptsProfessional,
    Place,
    Professional,
    ProfessionalAccount,
)
from maillage.territory.models import Cpts


def wall_instant(day: dt.date, minute: int, zone: ZoneInfo) -> dt.datetime:
    """The instant a wall clock of the zone shows `minute` (0 to 1440) on `day`."""
    wall = dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=minute)  # noqa: DTZ001
    return wall.replace(tzinfo=zone)


def end_of_day(now: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return wall_instant(timezone.localdate(now, zone) + dt.timedelta(days=1), 0, zone)


def open_places(professional: Professional):
    """Where the professional practises, the main place first."""
    return (
        professional.places.filter(closed_on=None)
        .select_related("commune")
        .order_by("-is_main", "pk")
    )


def main_place(professional: Professional) -> Place | None:
    return open_places(professional).first()


def zone_of_practice(professional: Professional) -> ZoneInfo:
    """The clock on the wall of the main place."""
    place = main_place(professional)
    return place.commune.zone if place else ZoneInfo("Europe/Paris")


def professional_of(user_id: int | None) -> Professional | None:
    """The national record an account is linked to (verified, not ended)."""
    account = (
        ProfessionalAccount.objects.filter(user=user_id, ended_on=None)
        .select_related("professional")
        .first()
    )
    return account.professional if account else None


def editable_professionals(user_id: int | None):
    """Those whose availability this account keeps: themselves, and those who delegated."""
    return kept_by(user_id).order_by("family_name", "given_name", "pk")


def cptss_of(professional: Professional) -> list[Cpts]:
    """The CPTSs whose directory holds this professional today: their own rows, names only."""
    with scopes_disabled():
        records = CptsProfessional.objects.in_force(timezone.localdate())
        held = list(records.filter(professional=professional).values_list("cpts", flat=True))
    return list(Cpts.objects.filter(pk__in=held).only("pk", "name").order_by("name", "pk"))


def kinds_of(professional: Professional) -> list[CareKind]:
    """Where this professional gives care, the usual one first."""
    does = (
        (CareKind.OFFICE, professional.does_office),
        (CareKind.HOME, professional.does_home),
        (CareKind.REMOTE, professional.does_remote),
    )
    return [kind for kind, is_done in does if is_done]


def visibility_of(professional: Professional) -> dict[str, list] | None:
    """The choice in force, as the form of the visibility page takes it; None before the first."""
    usual = UsualVisibility.objects.filter(professional=professional).first()
    if usual is None:
        return None
    flags = {
        Audience.PUBLIC: usual.for_public,
        Audience.PRO: usual.for_pro,
        Audience.SNP: usual.for_snp,
        Audience.CPTS: usual.for_cpts,
    }
    given = list(CptsVisibility.objects.filter(professional=professional))
    return {
        "audiences": [audience.value for audience, is_on in flags.items() if is_on],
        "snp": [each.cpts_id for each in given if each.snp],
        "members": [each.cpts_id for each in given if each.members],
    }
