"""Who was asked, who accepted: the same numbers for everybody who reads the directory."""

import datetime as dt
import statistics
from dataclasses import dataclass, fields

from django.db.models import Count, Q
from django.utils import timezone

from maillage.directory.models import Professional
from maillage.snp.enums import ProposalState
from maillage.snp.models import Proposal
from maillage.territory.models import Cpts

FAIRNESS_DAYS = 30
P = ProposalState
BOOKED = Q(answered_via="booked")  # a bookable slot: nobody was asked
# Accepted stays accepted, even when the desk re-oriented the request afterwards.
ACCEPTED = Q(state=P.ACCEPTED) | Q(
    state=P.WITHDRAWN, answered_at__isnull=False, counter_at__isnull=True
)
COLUMNS = {
    "offered": ~BOOKED,
    "accepted": ACCEPTED & ~BOOKED,
    "refused": Q(state=P.REFUSED),
    "unanswered": Q(state=P.EXPIRED),
    "other": ~BOOKED & ~ACCEPTED & Q(state__in=[P.SENT, P.WITHDRAWN, P.COUNTERED]),
    "booked": BOOKED,
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Proposals of the period. `offered` is the sum of the four that follow; `other` waits, was
    withdrawn before an answer, or got another hour in answer; `booked` was booked without asking."""

    offered: int = 0
    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    other: int = 0
    booked: int = 0


NAMES = tuple(each.name for each in fields(Counts))


@dataclass(frozen=True, slots=True)
class FairnessRow:
    professional_id: int
    name: str
    counts: Counts
    is_mine: bool


@dataclass(frozen=True, slots=True)
class Fairness:
    """`rows`: the directory's professionals of one profession; `medians` rest on all of them, asked or
    not; `total` rests on `proposals` rows, `elsewhere` of which went to nobody of this directory."""

    days: int
    rows: list[FairnessRow]
    medians: dict[str, float]
    total: Counts
    proposals: int
    elsewhere: int


def fairness_of(
    cpts: Cpts, profession: str, *, now: dt.datetime, mine: int | None = None
) -> Fairness:
    """Offers, acceptances, refusals and silences of the last 30 days, professional by professional:
    mine first, then by name. Two queries, whatever the size of the directory."""
    people = list(
        Professional.objects.in_cpts(cpts, timezone.localdate(now))
        .filter(profession=profession)
        .only("pk", "given_name", "family_name", "profession", "speciality")
    )
    since = now - dt.timedelta(days=FAIRNESS_DAYS)
    found = (
        Proposal.objects.filter(cpts=cpts, sent_at__gt=since, professional__profession=profession)
        .order_by()
        .values("professional")
        .annotate(**{name: Count("pk", filter=which) for name, which in COLUMNS.items()})
    )
    by_person = {row.pop("professional"): Counts(**row) for row in found}
    rows = [
        FairnessRow(each.pk, str(each), by_person.get(each.pk, Counts()), each.pk == mine)
        for each in people
    ]
    rows.sort(key=lambda row: not row.is_mine)
    known = {each.pk for each in people}
    everybody = by_person.values()
    return Fairness(
        days=FAIRNESS_DAYS,
        rows=rows,
        medians={
            name: statistics.median(getattr(row.counts, name) for row in rows) if rows else 0
            for name in NAMES
        },
        total=Counts(**{name: sum(getattr(each, name) for each in everybody) for name in NAMES}),
        proposals=sum(each.offered + each.booked for each in everybody),
        elsewhere=sum(
            each.offered + each.booked for pk, each in by_person.items() if pk not in known
        ),
    )
