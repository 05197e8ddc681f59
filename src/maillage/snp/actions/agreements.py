"""Agreements between neighbour CPTSs: proposed and signed by one, signed by the other, withdrawn by
either, at once."""

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone
from django_scopes import scope

from maillage.accounts.rules import SYSTEM
from maillage.directory.enums import Profession
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.snp.actions.life import (
    back_to_new,
    bump_boards,
    end_proposal,
    lock,
    lock_slots,
    tell,
)
from maillage.snp.actions.notices import tell_agreement, tell_withdrawn
from maillage.snp.enums import EventKind, ProposalState
from maillage.snp.models import (
    Agreement,
    AgreementHours,
    AgreementProfession,
    CareRequest,
    Proposal,
)
from maillage.snp.rules import can_set_desk
from maillage.territory.models import Cpts

WHO = "Seuls le coordinateur et l'administrateur signent un accord pour leur CPTS."


class BadAgreement(DomainError):
    """An agreement that cannot be as asked."""


def _lock(by: Actor, agreement: Agreement) -> Agreement:
    """The agreement as it is now, reached by one of its sides. Raises NotAllowed."""
    sides = (agreement.proposed_by_cpts_id, agreement.other_cpts_id)
    if by.cpts_id not in sides or not can_set_desk(by, by.cpts_id):
        raise NotAllowed(WHO)
    return (
        Agreement.objects.select_for_update(of=("self",))
        .select_related("proposed_by_cpts", "other_cpts")
        .get(pk=agreement.pk)
    )


def _keep(action: str, agreement: Agreement, *, by: Actor) -> None:
    """A line in both journals: the act of one side, what happened to the other; both boards move."""
    partner = agreement.partner_of(by.cpts_id)
    # In one order: three agreements around a triangle never wait for each other.
    for cpts_id in sorted((by.cpts_id, partner.pk)):
        actor = by if cpts_id == by.cpts_id else SYSTEM
        journal.record(f"snp.agreement_{action}", agreement, by=actor, cpts=cpts_id)
    tell_agreement(agreement, action, to=partner)
    pulse.bump(by.cpts_id, partner.pk)


def _check(
    cpts: Cpts,
    other: Cpts,
    professions: list[str],
    starts_at: dt.datetime,
    ends_at: dt.datetime | None,
) -> None:
    now = timezone.now()
    if other.pk == cpts.pk:
        raise BadAgreement("Un accord lie deux CPTS différentes.")
    if not professions or not set(professions) <= set(Profession.values):
        raise BadAgreement("Choisissez au moins une profession de la liste.")
    if ends_at is not None and ends_at <= max(starts_at, now):
        raise BadAgreement("La fin de l'accord doit suivre son début, et être à venir.")
    living = Agreement.objects.between(cpts.pk).between(other.pk).filter(withdrawn_at=None)
    if living.exclude(ends_at__lte=now).exists():
        raise BadAgreement(
            "Un accord existe déjà avec cette CPTS, ou attend une signature : dénoncez-le d'abord."
        )


@transaction.atomic
def propose_agreement(
    *,
    by: Actor,
    cpts: Cpts,
    other: Cpts,
    professions: Iterable[str],
    hours: Iterable[tuple[int, int, int]] = (),
    starts_at: dt.datetime | None = None,
    ends_at: dt.datetime | None = None,
    shares_phone: bool = False,
    shares_age: bool = True,
    shares_commune: bool = False,
) -> Agreement:
    """Propose an agreement and sign it for one's own CPTS; it does nothing before the other signs.

    `hours` are (weekday, opens, closes) in minutes of the proposer's wall clock; none: at any hour.
    Raises NotAllowed, BadAgreement (with oneself, no profession, the dates, one already there).
    """
    if by.cpts_id != cpts.pk or not can_set_desk(by, cpts):
        raise NotAllowed(WHO)
    # Both tenants, in one order: two proposals that cross do not both go in.
    list(
        Cpts.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=[cpts.pk, other.pk])
        .order_by("pk")
    )
    professions, now = sorted(set(professions)), timezone.now()
    # The minute, as the ranking reads it: what is signed serves at once.
    starts_at = starts_at or now.replace(second=0, microsecond=0)
    _check(cpts, other, professions, starts_at, ends_at)
    agreement = Agreement.objects.create(
        proposed_by_cpts=cpts,
        other_cpts=other,
        starts_at=starts_at,
        ends_at=ends_at,
        shares_phone=shares_phone,
        shares_age=shares_age,
        shares_commune=shares_commune,
        proposer_signed_at=now,
        proposer_signed_by=by.seat_id,
    )
    AgreementProfession.objects.bulk_create(
        AgreementProfession(agreement=agreement, profession=each) for each in professions
    )
    AgreementHours.objects.bulk_create(
        AgreementHours(agreement=agreement, weekday=day, opens_minute=opens, closes_minute=closes)
        for day, opens, closes in sorted(hours)
    )
    _keep("proposed", agreement, by=by)
    return agreement


@transaction.atomic
def sign_agreement(*, by: Actor, agreement: Agreement) -> Agreement:
    """Sign for the other CPTS: from then on each may ask the other's willing professionals.

    Signed twice, it counts once. Raises NotAllowed, BadAgreement (withdrawn, over).
    """
    agreement = _lock(by, agreement)
    now = timezone.now()
    if agreement.withdrawn_at is not None or (agreement.ends_at and agreement.ends_at <= now):
        raise BadAgreement("Cet accord n'est plus proposé.")
    if by.cpts_id == agreement.proposed_by_cpts_id or agreement.other_signed_at is not None:
        return agreement
    agreement.other_signed_at, agreement.other_signed_by = now, by.seat_id
    agreement.save(update_fields=["other_signed_at", "other_signed_by"])
    _keep("signed", agreement, by=by)
    return agreement


@transaction.atomic
def withdraw_agreement(*, by: Actor, agreement: Agreement) -> Agreement:
    """End an agreement at once, from either side: nothing is offered under it any more, what waited
    for an answer is withdrawn on both sides; appointments already accepted stay.

    Withdrawn twice, it counts once. Raises NotAllowed.
    """
    agreement = _lock(by, agreement)
    if agreement.withdrawn_at is not None:
        return agreement
    agreement.withdrawn_at, agreement.withdrawn_by_cpts_id = timezone.now(), by.cpts_id
    agreement.save(update_fields=["withdrawn_at", "withdrawn_by_cpts"])
    for side in sorted((agreement.proposed_by_cpts, agreement.other_cpts), key=lambda c: c.pk):
        with scope(cpts=side):
            _withdraw_waiting(agreement, side)
    _keep("withdrawn", agreement, by=by)
    return agreement


def _withdraw_waiting(agreement: Agreement, side: Cpts) -> None:
    """In the scope of one side. The system does it: a seat of the other side has nothing to do here."""
    waiting = Proposal.objects.filter(
        cpts=side, agreement=agreement, state__in=[ProposalState.SENT, ProposalState.COUNTERED]
    ).select_related("care_request", "booking__slot", "booking__cpts", "professional", "cpts")
    waiting = list(waiting.order_by("care_request", "pk"))
    requests = {each.care_request_id: lock(each.care_request) for each in waiting}
    lock_slots(*(each.booking.slot_id for each in waiting))
    for proposal in waiting:
        proposal.refresh_from_db(fields=["state"])
        if proposal.state not in (ProposalState.SENT, ProposalState.COUNTERED):
            continue
        end_proposal(proposal, ProposalState.WITHDRAWN, by=SYSTEM)
        tell_withdrawn(proposal, by=SYSTEM)
        care_request = requests[proposal.care_request_id]
        text = "Accord avec la CPTS voisine dénoncé : proposition retirée."
        back_to_new(care_request, alert=text, by=SYSTEM)
        tell(care_request, EventKind.WITHDRAWN, text, by=SYSTEM)
        bump_boards(care_request, proposal)


def lender(care_request: CareRequest, agreement_id: int | None) -> Cpts | None:
    """The neighbour that lends the slot, under an agreement."""
    if agreement_id is None:
        return None
    agreement = Agreement.objects.select_related("proposed_by_cpts", "other_cpts").get(
        pk=agreement_id
    )
    return agreement.partner_of(care_request.cpts_id)
