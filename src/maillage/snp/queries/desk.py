"""The settings in force."""

import datetime as dt

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from maillage.kernel.errors import DomainError
from maillage.kernel.models import Pulse
from maillage.kernel.words import WEEKDAYS
from maillage.snp.enums import HOLIDAY, HoursKind
from maillage.snp.models import DeskSettings, RedFlagList
from maillage.territory.models import Cpts


class DeskNotSet(DomainError):
    """The desk has no settings in force."""


def settings_of(cpts: Cpts, now: dt.datetime | None = None) -> DeskSettings:
    """The desk's settings in force; raises DeskNotSet before the coordinator recorded any.

    `version`, `places` and `directory` are the pulse of the CPTS, read with them: what is read after
    is at least as new.
    """
    pulse = Pulse.objects.filter(pk=OuterRef("cpts"))
    found = (
        DeskSettings.objects.filter(cpts=cpts)
        .in_force(now or timezone.now())
        .annotate(
            version=Coalesce(Subquery(pulse.values("version")), 0),
            places=Coalesce(Subquery(pulse.values("places")), 0),
            directory=Coalesce(Subquery(pulse.values("directory")), 0),
        )
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


def _hour(minute: int) -> str:
    hours, rest = divmod(minute, 60)
    return f"{hours}\u00a0h" + (f"\u00a0{rest:02}" if rest else "")


def desk_text(settings: DeskSettings) -> str:
    """Opening hours in one sentence: "lundi à vendredi 8 h–20 h, samedi 8 h–12 h"."""
    by_day: dict[int, str] = {}
    for hours in settings.hours.all():
        if hours.kind != HoursKind.DESK or hours.weekday == HOLIDAY:
            continue
        span = f"{_hour(hours.opens_minute)}–{_hour(hours.closes_minute)}"
        by_day[hours.weekday] = " et ".join(filter(None, [by_day.get(hours.weekday), span]))
    runs: list[list[int]] = []
    for weekday in sorted(by_day):
        if runs and weekday == runs[-1][-1] + 1 and by_day[weekday] == by_day[runs[-1][0]]:
            runs[-1].append(weekday)
        else:
            runs.append([weekday])
    return ", ".join(f"{_days(run)} {by_day[run[0]]}" for run in runs)


def _days(run: list[int]) -> str:
    first, last = WEEKDAYS[run[0]], WEEKDAYS[run[-1]]
    return {1: first, 2: f"{first} et {last}"}.get(len(run), f"{first} à {last}")
