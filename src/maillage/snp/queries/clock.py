"""What time has made due, CPTS by CPTS: the only reads that look across tenants."""

import datetime as dt
from collections import defaultdict

from django.utils import timezone
from django_scopes import scopes_disabled

from maillage.accounts.models import Seat
from maillage.availability.models import Booking
from maillage.snp.enums import AWAY, CareRequestStatus, ProposalState
from maillage.snp.models import CareRequest, Proposal
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


def _by_cpts(rows) -> dict:
    grouped = defaultdict(list)
    for row in rows:
        grouped[row.cpts].append(row)
    return dict(grouped)
