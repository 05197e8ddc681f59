"""The waiting list in numbers: who waits, since when, and the answers against what is promised.

Each table is hidden so that nobody works a small count out of it and of its total, shown on the page.
"""

import datetime as dt
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from django.utils import timezone

from maillage.compute.disclosure import suppress_line
from maillage.medecin_traitant.enums import LAST_RANK, EventKind
from maillage.medecin_traitant.models import DoctorRequestEvent, MtSettings, PriorityRule
from maillage.medecin_traitant.queries.attributions import BANDS, age_band
from maillage.medecin_traitant.queries.waiting import PLACED_DAYS, Filters, waiting_of
from maillage.territory.models import Commune, Cpts


@dataclass(frozen=True, slots=True)
class Cut:
    """One table: a label and how many; None: hidden."""

    title: str
    lines: list[tuple[str, int | None]]


@dataclass(frozen=True, slots=True)
class Placed:
    """Doctors found within a year: how many people, how many within the promise, the waits in days."""

    count: int | None
    kept: int | None
    late: int | None
    median_days: int | None
    worst_days: int | None


@dataclass(frozen=True, slots=True)
class WaitingNumbers:
    """`total`: who waits now; its waits, in days; tables of the same people; who found a doctor."""

    total: int | None
    median_days: int | None
    worst_days: int | None
    cuts: list[Cut]
    placed: Placed


def numbers_of(
    cpts: Cpts, settings: MtSettings, rules: Sequence[PriorityRule], *, now: dt.datetime
) -> WaitingNumbers:
    lines = waiting_of(cpts, rules, Filters(), now=now)
    minimum = settings.small_cell_min
    communes = Commune.objects.in_cpts(cpts, timezone.localdate(now))
    names = sorted({each.name for each in communes} | {_commune(each) for each in lines})
    ranks = [*sorted({rule.rank for rule in rules}), LAST_RANK]
    bands = [age_band(low) for low in (*BANDS, None)]
    shown = len(lines) >= max(minimum, 1)
    days = [each.days for each in lines]
    return WaitingNumbers(
        total=len(lines) if shown or not lines else None,
        median_days=round(median(days)) if shown else None,
        worst_days=max(days) if shown else None,
        cuts=[
            _cut("Par priorité", [each.rank for each in lines], ranks, minimum, _class),
            _cut("Par âge", [age_band(each.age) for each in lines], bands, minimum, str),
            _cut("Par commune", map(_commune, lines), names, minimum, str),
        ],
        placed=_placed(cpts, settings, now),
    )


def _commune(line) -> str:
    return line.doctor_request.commune.name


def _class(rank: int) -> str:
    return f"priorité {rank}" if rank < LAST_RANK else "sans priorité"


def _cut(title, values, keys: Sequence[Hashable], minimum: int, told) -> Cut:
    """Every line that may be, those of nobody too: which lines exist says nothing of anybody."""
    counted = Counter(values)
    counts = np.array([counted[key] for key in keys], np.int64)
    hidden = suppress_line(counts=counts, minimum=minimum).cells
    return Cut(
        title,
        [
            (told(key), None if is_hidden else int(count))
            for key, count, is_hidden in zip(keys, counts, hidden, strict=True)
        ],
    )


def _placed(cpts: Cpts, settings: MtSettings, now: dt.datetime) -> Placed:
    """Those a doctor accepted, once each, by their last acceptance."""
    accepted = DoctorRequestEvent.objects.filter(
        cpts=cpts, kind=EventKind.ACCEPTED, at__gte=now - dt.timedelta(days=PLACED_DAYS)
    ).order_by("at", "pk")
    rows = accepted.values_list("doctor_request_id", "at", "doctor_request__waits_since")
    days = list({pk: (at - since).days for pk, at, since in rows}.values())
    kept = sum(each <= settings.promised_days for each in days)
    hidden = suppress_line(
        counts=np.array([kept, len(days) - kept], np.int64), minimum=settings.small_cell_min
    )
    shown = len(days) >= max(settings.small_cell_min, 1)
    return Placed(
        count=len(days) if shown or not days else None,
        kept=None if hidden.cells[0] else kept,
        late=None if hidden.cells[1] else len(days) - kept,
        median_days=round(median(days)) if shown else None,
        worst_days=max(days) if shown else None,
    )
