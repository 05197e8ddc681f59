from maillage.directory.models import CptsProfessional, ProfessionalAccount
from maillage.kernel.permissions import Actor, Permission
from maillage.snp.enums import ProposalState
from maillage.snp.models import CareRequest, Proposal
from maillage.territory.models import Cpts


def can_dispatch(actor: Actor, cpts: Cpts | int) -> bool:
    """Take, orient, inform, close: the desk."""
    return actor.may(Permission.SNP_DESK, cpts)


def can_set_desk(actor: Actor, cpts: Cpts | int) -> bool:
    return actor.may(Permission.SNP_SETTINGS, cpts)


def is_asked(actor: Actor, proposal: Proposal) -> bool:
    """The professional the proposal was made to, signed in (their account is that record)."""
    return (
        actor.may(Permission.PROPOSAL_ANSWER, proposal.cpts_id)
        and ProfessionalAccount.objects.filter(
            user=actor.user_id, professional=proposal.professional_id, ended_on=None
        ).exists()
    )


def can_answer(actor: Actor, proposal: Proposal) -> bool:
    """Whoever was asked, by link or signed in; the desk for an answer given by voice."""
    if actor.kind == "link":
        # A link lives for days: whoever left the directory meanwhile no longer answers by it.
        return (actor.cpts_id, actor.target) == (proposal.cpts_id, f"proposal:{proposal.pk}") and (
            CptsProfessional.objects.filter(
                cpts=proposal.cpts_id, professional=proposal.professional_id, left_on=None
            ).exists()
        )
    return is_asked(actor, proposal) or can_dispatch(actor, proposal.cpts_id)


def can_see_reason(actor: Actor, proposal: Proposal) -> bool:
    """The coded reason: the professional who accepted, signed in."""
    return proposal.state == ProposalState.ACCEPTED and is_asked(actor, proposal)


def can_see_identity(actor: Actor, proposal: Proposal) -> bool:
    """Identity and phone: the same, once the patient agreed to be put in touch."""
    return proposal.care_request.agreement_at is not None and can_see_reason(actor, proposal)


def can_record_outcome(actor: Actor, care_request: CareRequest) -> bool:
    """The desk, or the professional who accepted."""
    if can_dispatch(actor, care_request.cpts_id):
        return True
    accepted = care_request.proposals.filter(state=ProposalState.ACCEPTED).first()
    return accepted is not None and is_asked(actor, accepted)
