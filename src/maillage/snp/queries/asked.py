"""What was asked of a professional and why: never of whom."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from maillage.directory.models import Professional
from maillage.snp.enums import Circle, ProposalState
from maillage.snp.models import Proposal, RingMember
from maillage.snp.models.proposal import replacing
from maillage.snp.queries.words import slot_text
from maillage.territory.models import Cpts

ASKED_DAYS = 30
ASKED_MAX = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """One proposal, without the patient: when, for which slot, how it ended, how far the search had
    widened, and the reasons kept when the desk chose it."""

    id: int
    sent_at: dt.datetime
    answered_at: dt.datetime | None
    slot: str
    state: str
    state_label: str
    circle: str
    reasons: tuple[str, ...]
    replaced: str
    locum: str
    is_booked: bool


def asked_of(professional: Professional, cpts: Cpts, *, now: dt.datetime) -> list[Asked]:
    """The proposals of the last 30 days made to a professional, and those they answer as a locum, the
    newest first. One query."""
    mine = Q(professional=professional)
    found = (
        Proposal.objects.filter(
            mine | Q(replacing([professional.pk], timezone.localdate(now))),
            cpts=cpts,
            sent_at__gt=now - dt.timedelta(days=ASKED_DAYS),
        )
        .select_related("professional", "locum", "booking__slot__place__commune")
        .order_by("-sent_at", "-pk")[:ASKED_MAX]
    )
    return [_asked(each, professional) for each in found]


def _asked(proposal: Proposal, professional: Professional) -> Asked:
    is_mine = proposal.professional_id == professional.pk
    return Asked(
        id=proposal.pk,
        sent_at=proposal.sent_at,
        answered_at=proposal.answered_at,
        slot=slot_text(proposal.booking.slot),
        state=proposal.state,
        state_label=ProposalState(proposal.state).label,
        circle=Circle(proposal.circle).label,
        reasons=tuple(line for line in proposal.explanation.split("\n") if line),
        replaced="" if is_mine else str(proposal.professional),
        locum=str(proposal.locum) if proposal.locum and is_mine else "",
        is_booked=proposal.answered_via == "booked",
    )


def memberships_of(professional: Professional, cpts: Cpts, on: dt.date) -> list[RingMember]:
    """The rings of this CPTS a professional belongs to, now or later."""
    return list(
        RingMember.objects.not_over(on)
        .filter(cpts=cpts, professional=professional)
        .select_related("ring")
        .order_by("ring__name", "from_on", "pk")
    )
