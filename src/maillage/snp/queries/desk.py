"""The settings in force."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from maillage.kernel.errors import DomainError
from maillage.kernel.models import Pulse
from maillage.snp.models import DeskSettings, RedFlagList
from maillage.territory.models import Cpts

WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")


class DeskNotSet(DomainError):
    """The desk has no settings in force."""


def settings_of(cpts: Cpts, now: dt.datetime | None = None) -> DeskSettings:
    """The desk's settings in force; raises DeskNotSet before the coordinator recorded any.

    `version` is the pulse of the CPTS, read with them: what is read after is at least as new.
    """
    pulse = Pulse.objects.filter(pk=OuterRef("cpts")).values("version")
    found = (
        DeskSettings.objects.filter(cpts=cpts)
        .in_force(now or timezone.now())
        .annotate(version=Coalesce(Subquery(pulse), 0))
        .first()
    )
    if found is None:
        raise DeskNotSet(
            "La régulation SNP n'est pas encore réglée : "
            "demandez au coordinateur de remplir la page Réglages."
        )
    return found


def red_flags(cpts: Cpts, now: dt.datetime | None = None) -> RedFlagList | None:
    """The list of signs in force, its signs ready in `flags.all()`."""
    return (
        RedFlagList.objects.filter(cpts=cpts)
        .in_force(now or timezone.now())
        .prefetch_related("flags")
        .first()
    )


def is_open_at(settings: DeskSettings, zone: str, now: dt.datetime) -> bool:
    wall = now.astimezone(ZoneInfo(zone))
    minute = wall.hour * 60 + wall.minute
    return any(
        hours.weekday == wall.weekday() and hours.opens_minute <= minute < hours.closes_minute
        for hours in settings.hours.all()
    )


def desk_is_open(cpts: Cpts, now: dt.datetime | None = None) -> bool:
    now = now or timezone.now()
    return is_open_at(settings_of(cpts, now), cpts.zone, now)


def _hour(minute: int) -> str:
    hours, rest = divmod(minute, 60)
    return f"{hours}\u00a0h" + (f"\u00a0{rest:02}" if rest else "")


def desk_text(settings: DeskSettings) -> str:
    """Opening hours in one sentence: "lundi 8 h–20 h, mardi 8 h–20 h…"."""
    return ", ".join(
        f"{WEEKDAYS[hours.weekday]} {_hour(hours.opens_minute)}–{_hour(hours.closes_minute)}"
        for hours in settings.hours.all()
    )
