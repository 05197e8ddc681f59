"""What time has made due, CPTS by CPTS: the only reads that look across tenants."""

import datetime as dt
from collections import defaultdict

from django_scopes import scopes_disabled

from maillage.snp.enums import CareRequestStatus, ProposalState
from maillage.snp.models import CareRequest, Proposal
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


def _by_cpts(rows) -> dict:
    grouped = defaultdict(list)
    for row in rows:
        grouped[row.cpts].append(row)
    return dict(grouped)
