"""Openings by bris de glace, and the request they ask for."""

from maillage.snp.models import BreakGlass, CareRequest
from maillage.territory.models import Cpts

SHOWN_MAX = 200


def numbered(cpts: Cpts, number: int) -> CareRequest | None:
    return CareRequest.objects.filter(cpts=cpts, number=number).select_related("cpts").first()


def opening_of(pk: int) -> BreakGlass:
    """With all that its page shows."""
    return BreakGlass.objects.select_related(
        *("care_request__resident", "care_request__commune", "care_request__sharing")
    ).get(pk=pk)


def openings_of(cpts: Cpts) -> list[BreakGlass]:
    """Those to review first, then the newest; without identity."""
    found = BreakGlass.objects.filter(cpts=cpts).select_related(
        *("seat__user", "reviewed_by__user", "care_request")
    )
    return list(found.order_by("reviewed_at", "-opened_at", "-pk")[:SHOWN_MAX])
