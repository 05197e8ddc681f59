"""The SNP fee (majoration): its rule in force, and the count of the week against its ceiling.

It says, it never blocks: whether the fee is due is between the doctor and the health insurance.
"""

import datetime as dt
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_scopes import scopes_disabled

from maillage.availability.queries import week_start
from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.snp.enums import CareRequestStatus, ProposalState
from maillage.snp.models import CareRequest, Proposal, SnpFee
from maillage.territory.models import Cpts

COUNTED = (CareRequestStatus.ACCEPTED, CareRequestStatus.INFORMED, CareRequestStatus.HONOURED)
NEAR_PERCENT = 80  # of the ceiling: from there the desk is told on the row; nothing else follows


@dataclass(frozen=True, slots=True)
class FeeWeek:
    """A doctor's week, Monday to Sunday, against the rule. `count` rests on the appointments of this
    platform only; `ceiling` is None when the rule has none."""

    count: int
    fee: SnpFee
    first_on: dt.date
    last_on: dt.date

    @property
    def ceiling(self) -> int | None:
        return self.fee.weekly_ceiling

    @property
    def amount(self) -> Decimal | None:
        return self.fee.amount_euros

    @property
    def is_reached(self) -> bool:
        return self.ceiling is not None and self.count >= self.ceiling


def fee_in_force(on: dt.date) -> SnpFee | None:
    return SnpFee.objects.filter(valid_from__lte=on).order_by("-valid_from").first()


def fees():
    """Every rule, the latest first."""
    return SnpFee.objects.order_by("-valid_from")


def _counted(fee: SnpFee, now: dt.datetime):
    """Appointments of the week that the rule counts: asked by the regulating doctor of the SAS, care
    planned (then begun) within its delay, not the doctor's own patient."""
    monday = week_start(now)
    start = Coalesce("care_request__care_started_at", "care_request__planned_at")
    found = Proposal.objects.annotate(start=start).filter(
        ~Q(care_request__usual_doctor=F("professional")),
        state=ProposalState.ACCEPTED,
        professional__profession=Profession.DOCTOR,
        care_request__status__in=COUNTED,
        care_request__sas_regulated=True,
        start__gte=monday,
        start__lt=monday + dt.timedelta(days=7),
    )
    if fee.within_hours is not None:
        delay = dt.timedelta(hours=fee.within_hours)
        found = found.filter(start__lte=F("care_request__received_at") + delay)
    return found


def week_of(
    professional: Professional, now: dt.datetime, cpts: Cpts | None = None
) -> FeeWeek | None:
    """The count of the week in one CPTS, or for the doctor themselves in all of them; None for another
    profession, or when no rule is in force."""
    today = timezone.localdate(now)
    fee = fee_in_force(today) if professional.profession == Profession.DOCTOR else None
    if fee is None:
        return None
    with scopes_disabled() if cpts is None else nullcontext():
        found = _counted(fee, now).filter(professional=professional)
        count = found.count() if cpts is None else found.filter(cpts=cpts).count()
    first = today - dt.timedelta(days=today.weekday())
    return FeeWeek(count=count, fee=fee, first_on=first, last_on=first + dt.timedelta(days=6))


def near_ceiling(
    care_request: CareRequest, professional_ids: Iterable[int], now: dt.datetime
) -> dict[int, str]:
    """What the desk reads on a ranked row of a request of the SAS: who is near the ceiling of the week,
    as far as this CPTS knows. Nothing is asked of the database for another request."""
    if not care_request.sas_regulated or care_request.profession != Profession.DOCTOR:
        return {}
    fee = fee_in_force(timezone.localdate(now))
    if fee is None or fee.weekly_ceiling is None:
        return {}
    rows = (
        _counted(fee, now)
        .filter(cpts=care_request.cpts_id, professional__in=list(professional_ids))
        .order_by()
        .values_list("professional")
        .annotate(n=Count("pk"))
    )
    return {
        pk: f"Majoration SNP : {n} sur {fee.weekly_ceiling} cette semaine"
        for pk, n in rows
        if n * 100 >= fee.weekly_ceiling * NEAR_PERCENT
    }
