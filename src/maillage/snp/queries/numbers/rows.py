"""The rows behind a number, without identity."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from maillage.snp.enums import ProposalState, RefusalReason
from maillage.snp.models import CareRequest, CareRequestEvent, Proposal
from maillage.snp.queries.numbers.measures import MEASURES, Unit

WITH = ("care_request__commune",)


@dataclass(frozen=True, slots=True)
class Row:
    """A request, a proposal or a re-orientation: the request it is of, when, what is said of it."""

    care_request: CareRequest
    at: datetime | None
    said: str


def rows_of(code: str, ids: Sequence[int]) -> list[Row]:
    """Those rows in that order, in one query."""
    unit = MEASURES[code].unit
    if unit == Unit.REQUEST:
        found = CareRequest.objects.filter(pk__in=ids).select_related("commune")
        rows = {each.pk: Row(each, None, "") for each in found}
    elif unit == Unit.PROPOSAL:
        found = Proposal.objects.filter(pk__in=ids).select_related(*WITH)
        rows = {each.pk: Row(each.care_request, each.sent_at, _said(each)) for each in found}
    else:
        found = CareRequestEvent.objects.filter(pk__in=ids).select_related(*WITH)
        rows = {each.pk: Row(each.care_request, each.at, "") for each in found}
    return [rows[pk] for pk in ids if pk in rows]


def _said(proposal: Proposal) -> str:
    said = ProposalState(proposal.state).label
    if proposal.refusal_reason:
        return f"{said} : {RefusalReason(proposal.refusal_reason).label}"
    return f"{said}, rendez-vous {proposal.get_outcome_display()}" if proposal.outcome else said
