from django.utils import timezone

from maillage.directory.models import (
    CptsProfessional,
    Locum,
    Professional,
    ProfessionalAccount,
)
from maillage.kernel.permissions import Actor, Permission
from maillage.residents.rules import covers
from maillage.snp.enums import ProposalState
from maillage.snp.models import Agreement, BreakGlass, CareRequest, Proposal
from maillage.territory.models import Cpts
from maillage.territory.rules import is_technical


def can_dispatch(actor: Actor, cpts: Cpts | int) -> bool:
    """Take, orient, inform, close: the desk."""
    return actor.may(Permission.SNP_DESK, cpts)


def can_see_rows(actor: Actor, cpts: Cpts | int) -> bool:
    """The requests behind a number, without identity: the desk and the coordination. Others read
    published numbers."""
    return actor.may(Permission.SNP_DESK, cpts) or actor.may(Permission.SNP_COUNTS, cpts)


def can_set_desk(actor: Actor, cpts: Cpts | int) -> bool:
    return actor.may(Permission.SNP_SETTINGS, cpts)


def is_asked(actor: Actor, proposal: Proposal) -> bool:
    """The professional the proposal was made to, or their locum while they replace, signed in."""
    return (
        actor.may(Permission.PROPOSAL_ANSWER, proposal.cpts_id)
        and Proposal.objects.filter(pk=proposal.pk)
        .asked_of(actor.user_id, timezone.localdate())
        .within_relation(proposal.cpts_id, timezone.now())
        .exists()
    )


def locum_of_link(actor: Actor, proposal: Proposal) -> int | None:
    """The locum (a professional) this link was sent to; 0 when to the professional asked; None when
    it is another proposal's."""
    target, _, locum = getattr(actor, "target", "").partition("+")
    if (actor.cpts_id, target) != (proposal.cpts_id, f"proposal:{proposal.pk}"):
        return None
    return int(locum or 0)


def _can_answer_by_link(actor: Actor, proposal: Proposal) -> bool:
    """A link lives for days: whoever left the directory, or no longer replaces, stops answering by it."""
    locum = locum_of_link(actor, proposal)
    if locum is None:
        return False
    if locum:
        now = Locum.objects.in_force(timezone.localdate())
        if not now.filter(replaced=proposal.professional_id, locum=locum).exists():
            return False
    if proposal.agreement_id is not None:  # a neighbour's, for as long as the agreement lasts
        return Agreement.objects.in_force(timezone.now()).filter(pk=proposal.agreement_id).exists()
    return CptsProfessional.objects.filter(
        cpts=proposal.cpts_id, professional=proposal.professional_id, left_on=None
    ).exists()


def can_answer(actor: Actor, proposal: Proposal) -> bool:
    """Whoever was asked, by link or signed in; the desk for an answer given by voice."""
    if actor.kind == "link":
        return _can_answer_by_link(actor, proposal)
    return is_asked(actor, proposal) or can_dispatch(actor, proposal.cpts_id)


def answers_as_locum(actor: Actor, proposal: Proposal) -> int | None:
    """Who answers for the professional asked, when it is not themselves nor the desk for them."""
    if actor.kind == "link":
        return locum_of_link(actor, proposal) or None
    if not is_asked(actor, proposal):
        return None
    mine = ProfessionalAccount.objects.filter(user=actor.user_id, ended_on=None)
    own = mine.values_list("professional", flat=True).first()
    return own if own != proposal.professional_id else None


def can_break_glass(actor: Actor, cpts: Cpts | int) -> bool:
    """A professional or a coordinator, in their own name; never the bureau, a treasurer, a reader."""
    return actor.seat_id is not None and actor.may(Permission.BREAK_GLASS, cpts)


def can_review_glass(actor: Actor, cpts: Cpts | int) -> bool:
    return actor.seat_id is not None and actor.may(Permission.BREAK_GLASS_REVIEW, cpts)


def can_see_through(actor: Actor, opening: BreakGlass) -> bool:
    """Whoever opened it, until it closes; a patient who took their agreement back closes it."""
    return (
        can_break_glass(actor, opening.cpts_id)
        and opening.seat_id == actor.seat_id
        and timezone.now() < opening.until
        and not is_withdrawn(opening.care_request)
    )


def is_withdrawn(care_request: CareRequest) -> bool:
    """The patient agreed, then took it back: nothing about them is for professionals any more."""
    return care_request.sharing is not None and not covers(care_request.sharing)


def can_see_reason(actor: Actor, proposal: Proposal) -> bool:
    """The coded reason: the professional who accepted, signed in."""
    return proposal.state == ProposalState.ACCEPTED and is_asked(actor, proposal)


def can_see_identity(actor: Actor, proposal: Proposal) -> bool:
    """Identity and phone: the same, once the patient agreed to be put in touch."""
    return covers(proposal.care_request.sharing) and can_see_reason(actor, proposal)


def can_record_outcome(actor: Actor, care_request: CareRequest) -> bool:
    """The desk, or the professional who accepted."""
    if can_dispatch(actor, care_request.cpts_id):
        return True
    accepted = care_request.proposals.filter(state=ProposalState.ACCEPTED).first()
    return accepted is not None and is_asked(actor, accepted)


def can_end_ring_member(actor: Actor, cpts: Cpts | int, professional: Professional | int) -> bool:
    """Whoever sets the desk; the professional, who leaves."""
    if can_set_desk(actor, cpts):
        return True
    return (
        actor.may(Permission.PROPOSAL_ANSWER, cpts)
        and ProfessionalAccount.objects.filter(
            user=actor.user_id, professional=professional, ended_on=None
        ).exists()
    )


def can_record_fee(actor: Actor) -> bool:
    """The rule of the SNP fee is national: no CPTS changes it."""
    return is_technical(actor)
