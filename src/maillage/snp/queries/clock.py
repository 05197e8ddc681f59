"""What time has made due, CPTS by CPTS: the only reads that look across tenants."""

import datetime as dt
from collections import defaultdict
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone
from django_scopes import scopes_disabled

from maillage.accounts.models import Notice, Seat
from maillage.availability.models import Booking
from maillage.snp.enums import AWAY, CareRequestStatus, ProposalState
from maillage.snp.models import CareRequest, Proposal
from maillage.snp.queries.desk import settings_of
from maillage.snp.queries.ladder import SEARCHING
from maillage.territory.models import Cpts


def due_proposals(now: dt.datetime) -> dict[Cpts, list[Proposal]]:
    with scopes_disabled():
        found = list(
            Proposal.objects.filter(state=ProposalState.SENT, expires_at__lte=now)
            .select_related("cpts", "care_request")
            .order_by("expires_at", "pk")[:500]
        )
    return _by_cpts(found)


def due_counters(now: dt.datetime) -> dict[Cpts, list[Proposal]]:
    """Other hours proposed that the desk did not take in time."""
    with scopes_disabled():
        found = list(
            Proposal.objects.filter(state=ProposalState.COUNTERED, expires_at__lte=now)
            .select_related("cpts", "care_request")
            .order_by("expires_at", "pk")[:500]
        )
    return _by_cpts(found)


def silent_outcomes(now: dt.datetime) -> dict[Cpts, list[CareRequest]]:
    """Requests whose appointment ended and of which nothing has been said since."""
    with scopes_disabled():
        found = list(
            CareRequest.objects.filter(
                status__in=[CareRequestStatus.ACCEPTED, CareRequestStatus.INFORMED],
                alert="",
                proposals__state=ProposalState.ACCEPTED,
                proposals__booking__slot__ends_at__lte=now,
            )
            .select_related("cpts")
            .order_by("pk")[:500]
        )
    return _by_cpts(found)


def due_circles(now: dt.datetime) -> dict[Cpts, list[CareRequest]]:
    """Requests still searching whose circle has lasted its time."""
    with scopes_disabled():
        found = list(
            CareRequest.objects.filter(status__in=SEARCHING, circle_until__lte=now)
            .select_related("cpts")
            .order_by("circle_until", "pk")[:500]
        )
    return _by_cpts(found)


def due_watches(now: dt.datetime) -> dict[Cpts, list[CareRequest]]:
    """Requests whose owner is to be reminded, or a deadline of which comes near."""
    with scopes_disabled():
        found = list(
            CareRequest.objects.filter(watch_at__lte=now, closed_at=None)
            .select_related("cpts")
            .order_by("watch_at", "pk")[:500]
        )
    return _by_cpts(found)


def orphans(now: dt.datetime) -> dict[Cpts, list[CareRequest]]:
    """Requests on a board whose owner can no longer act: gone, suspended, account closed."""
    with scopes_disabled():
        active = Seat.objects.active(timezone.localdate(now)).values("pk")
        found = list(
            CareRequest.objects.filter(closed_at=None)
            .exclude(owner__in=active)
            .select_related("cpts")
            .order_by("pk")[:500]
        )
    return _by_cpts(found)


def under_absence(now: dt.datetime) -> dict[Cpts, list[CareRequest]]:
    """Requests whose professional has said they will be away, and nobody was told yet."""
    with scopes_disabled():
        away = Booking.objects.under_absence().filter(slot__ends_at__gt=now).values("pk")
        found = list(
            CareRequest.objects.filter(
                status__in=[CareRequestStatus.ACCEPTED, CareRequestStatus.INFORMED],
                proposals__state=ProposalState.ACCEPTED,
                proposals__booking__in=away,
            )
            .exclude(alert=AWAY)
            .select_related("cpts")
            .order_by("pk")[:500]
        )
    return _by_cpts(found)


def cptss_with_open_requests() -> list[Cpts]:
    """CPTSs with something on their board: those whose desk may have to close properly."""
    with scopes_disabled():
        waiting = CareRequest.objects.filter(closed_at=None).order_by().values("cpts").distinct()
        return list(Cpts.objects.filter(pk__in=waiting).order_by("pk"))


def day_key(cpts: Cpts, day: dt.date) -> str:
    """What the notices of one day's summary begin with."""
    return f"day:{cpts.pk}:{day.isoformat()}:"


def due_summaries(now: dt.datetime) -> list[tuple[Cpts, dt.date]]:
    """The last day whose hour has come in each CPTS where something happened, and nobody was told.

    Yesterday's is caught up after a stop; older days are not told late.
    """
    due = []
    with scopes_disabled():
        for cpts in Cpts.objects.filter(pk__in=_lively(now)).order_by("pk"):
            local = timezone.localtime(now, ZoneInfo(cpts.zone))
            minute = settings_of(cpts, now).summary_minute
            is_today = local.hour * 60 + local.minute >= minute
            day = local.date() if is_today else local.date() - dt.timedelta(days=1)
            if _is_to_tell(cpts, day):
                due.append((cpts, day))
    return due


def _is_to_tell(cpts: Cpts, day: dt.date) -> bool:
    """Something was received that day, or open since before it ended; and nobody was told."""
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(cpts.zone))
    received = Q(received_at__gte=end - dt.timedelta(days=1)) | Q(closed_at=None)
    return (
        CareRequest.objects.filter(received, cpts=cpts, received_at__lt=end).exists()
        and not Notice.objects.filter(cpts=cpts, key__startswith=day_key(cpts, day)).exists()
    )


def _lively(now: dt.datetime):
    """CPTSs that received something these two days, or have something open."""
    recent = Q(received_at__gte=now - dt.timedelta(days=2)) | Q(closed_at=None)
    return CareRequest.objects.filter(recent).order_by().values("cpts").distinct()


def _by_cpts(rows) -> dict:
    grouped = defaultdict(list)
    for row in rows:
        grouped[row.cpts].append(row)
    return dict(grouped)
