"""What leaves the platform about a request: never a name, a reason or a profession to a phone."""

from django.db import transaction

from maillage.accounts.actions import queue_notice
from maillage.accounts.enums import Channel
from maillage.kernel.identifiers import is_mobile
from maillage.kernel.permissions import Actor
from maillage.snp.models import CareRequest, Proposal
from maillage.snp.queries import appointment_text, proposal_link


def _to_professional(proposal: Proposal, key: str, subject: str, body: str, *, by: Actor) -> bool:
    """By SMS to a professional mobile, else by mail; False when neither is known."""
    professional = proposal.professional
    if is_mobile(professional.phone):
        channel, recipient = Channel.SMS, professional.phone
    elif professional.email:
        channel, recipient = Channel.MAIL, professional.email
    else:
        return False
    queue_notice(
        by=by,
        cpts=proposal.cpts,
        channel=channel,
        recipient=recipient,
        key=f"proposal:{proposal.pk}:{key}",
        subject=subject,
        body=body,
    )
    return True


def tell_asked(proposal: Proposal, *, by: Actor) -> bool:
    """Whether anything could be sent: if not, somebody has to call."""
    link = proposal_link(proposal)
    body = f"{proposal.cpts} : une demande vous attend.\n{link}"
    return _to_professional(proposal, "asked", "Une demande vous attend", body, by=by)


def tell_booked(proposal: Proposal, *, by: Actor) -> None:
    link = proposal_link(proposal)
    body = f"{proposal.cpts} : un créneau que vous avez ouvert vient d'être réservé.\n{link}"
    _to_professional(proposal, "booked", "Un créneau réservé", body, by=by)


def tell_withdrawn(proposal: Proposal, *, by: Actor) -> None:
    body = (
        f"{proposal.cpts} : une demande qui vous attendait a été retirée. Votre créneau est libre."
    )
    _to_professional(proposal, "withdrawn", "Une demande retirée", body, by=by)


def may_get_sms(phone: str) -> bool:
    """A French mobile, or a number from abroad that nothing says is a landline."""
    return is_mobile(phone) or phone.startswith("+")


@transaction.atomic
def queue_patient_sms(
    *, by: Actor, care_request: CareRequest, proposal: Proposal, attempt: int
) -> None:
    """Day, hour, street address: no name, no profession, no reason."""
    queue_notice(
        by=by,
        cpts=care_request.cpts,
        channel=Channel.SMS,
        recipient=care_request.phone,
        key=f"request:{care_request.pk}:patient:{proposal.pk}:{attempt}",
        subject="",
        body=appointment_text(proposal),
    )
