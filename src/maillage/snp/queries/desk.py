"""The settings in force."""

import datetime as dt
from copy import copy
from dataclasses import dataclass

from django.db.models import Model
from django.utils import timezone

from maillage.kernel import pulse
from maillage.kernel.errors import DomainError
from maillage.kernel.words import WEEKDAYS
from maillage.residents.models import InformationNotice
from maillage.snp.enums import HOLIDAY, HoursKind
from maillage.snp.models import DeskSettings, RedFlagList
from maillage.snp.queries.rings import ring_choices
from maillage.territory.models import Cpts
from maillage.territory.queries import commune_choices


class DeskNotSet(DomainError):
    """The desk has no settings in force."""


@dataclass(frozen=True, slots=True)
class CallChoices:
    """What the form of a call offers: communes by code, open rings by profession."""

    communes: list[tuple[str, str]]
    rings: list[tuple[str, list[tuple[str, str]]]]


# Rows that never change once written, by id, with what hangs on them.
_settings: dict[int, DeskSettings] = {}
_flag_lists: dict[int, RedFlagList] = {}
# Of each kind, by CPTS: the counter `directory` of its pulse when they were read, and from when each
# is in force.
_dates: dict[tuple[type[Model], int], tuple[int, list[tuple[dt.datetime, int]]]] = {}
_choices: dict[int, tuple[tuple[int, dt.date], CallChoices]] = {}  # by CPTS, as of when
KEPT_MAX = 1024
COUNTERS = ("version", "places", "directory")  # of the pulse


def forget_settings() -> None:
    """For tests: another database may hold other rows under the same ids."""
    for kept in (_settings, _flag_lists, _dates, _choices):
        kept.clear()


def _kept(found: dict, model: type[Model], related: str, pk: int):
    """The row `pk`, read once. A copy: what a caller adds to it stays theirs."""
    if pk not in found:
        if len(found) >= KEPT_MAX:
            found.clear()
        found[pk] = model.objects.prefetch_related(related).get(pk=pk)
    return copy(found[pk])


def _in_force(model: type[Model], cpts: Cpts, directory: int, now: dt.datetime) -> int | None:
    """The id of the row in force, without a query while nobody changes them."""
    read_at, dates = _dates.get((model, cpts.pk), (None, []))
    if read_at != directory:
        rows = model.objects.filter(cpts=cpts).order_by("valid_from", "pk")
        dates = list(rows.values_list("valid_from", "pk"))
        _dates[model, cpts.pk] = (directory, dates)
    return next((pk for valid_from, pk in reversed(dates) if valid_from <= now), None)


def settings_of(cpts: Cpts, now: dt.datetime | None = None) -> DeskSettings:
    """The desk's settings in force, their hours ready; raises DeskNotSet before the coordinator
    recorded any. One short query while nobody changes them.

    `version`, `places` and `directory` are the pulse of the CPTS, read first: what is read after is
    at least as new.
    """
    moved = pulse.counters(cpts.pk)
    pk = _in_force(DeskSettings, cpts, moved[2], now or timezone.now())
    if pk is None:
        raise DeskNotSet(
            "La régulation SNP n'est pas encore réglée : "
            "demandez au coordinateur de remplir la page Réglages."
        )
    settings = _kept(_settings, DeskSettings, "hours", pk)
    for name, value in zip(COUNTERS, moved, strict=True):
        setattr(settings, name, value)
    return settings


def red_flags(
    cpts: Cpts, now: dt.datetime | None = None, directory: int | None = None
) -> RedFlagList | None:
    """The list of signs in force, its signs ready in `flags.all()`. `directory`: of the pulse, just
    read."""
    if directory is None:
        directory = pulse.counters(cpts.pk)[2]
    pk = _in_force(RedFlagList, cpts, directory, now or timezone.now())
    return None if pk is None else _kept(_flag_lists, RedFlagList, "flags", pk)


def has_notice(cpts: Cpts, directory: int) -> bool:
    """Whether a text tells residents what is kept of them. `directory`: of the pulse, just read."""
    return _in_force(InformationNotice, cpts, directory, timezone.now()) is not None


def call_choices(cpts: Cpts, on: dt.date, directory: int) -> CallChoices:
    """Read once while nobody changes them. `directory`: of the pulse, just read."""
    key = (directory, on)
    kept = _choices.get(cpts.pk)
    if kept is None or kept[0] != key:
        kept = _choices[cpts.pk] = key, CallChoices(commune_choices(cpts, on), ring_choices(cpts))
    return kept[1]


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
