"""What leaves the platform about a request: never a name, a reason or a profession to a phone."""

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from maillage.accounts.actions import queue_notice
from maillage.accounts.enums import Channel, Role
from maillage.accounts.models import Seat
from maillage.kernel.identifiers import is_mobile
from maillage.kernel.permissions import Actor
from maillage.snp.models import CareRequest, DeskClosing, Proposal
from maillage.snp.queries import appointment_text, proposal_link
from maillage.snp.queries.ladder import active_seats


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


def _to_seats(
    care_request: CareRequest, seats: Iterable[Seat], key: str, text: str, *, by: Actor
) -> None:
    """A mail to people of the CPTS about a request: its number, never what it says."""
    path = reverse("snp:board", kwargs={"cpts": care_request.cpts.slug})
    link = f"{settings.SITE_URL}{path}?demande={care_request.pk}"
    for seat in seats:
        queue_notice(
            by=by,
            cpts=care_request.cpts,
            channel=Channel.MAIL,
            recipient=seat.user.email,
            key=f"request:{care_request.pk}:{key}:{seat.pk}",
            subject=f"Demande n° {care_request.number}",
            body=f"{care_request.cpts} : {text}\n{link}",
        )


def tell_named(care_request: CareRequest, *, by: Actor) -> None:
    """Whoever answers for it from now on."""
    since = int(care_request.owned_at.timestamp())
    text = f"vous répondez de la demande n° {care_request.number}."
    _to_seats(
        care_request, [care_request.owner], f"named:{care_request.circle}:{since}", text, by=by
    )


def tell_reminded(care_request: CareRequest, text: str, key: str, *, by: Actor) -> None:
    _to_seats(care_request, [care_request.owner], key, text, by=by)


def tell_escalated(care_request: CareRequest, text: str, key: str, *, by: Actor) -> None:
    """Every coordinator; the administrators when there is none but the owner."""
    seats = active_seats(care_request.cpts_id, timezone.now()).select_related("user")
    others = seats.exclude(pk=care_request.owner_id)
    told = others.filter(role=Role.COORDINATOR) or others.filter(role=Role.ADMINISTRATOR)
    _to_seats(care_request, told, key, text, by=by)


def tell_closing(closing: DeskClosing, *, by: Actor) -> None:
    """Whoever answers while the desk is closed."""
    path = reverse("snp:board", kwargs={"cpts": closing.cpts.slug})
    queue_notice(
        by=by,
        cpts=closing.cpts,
        channel=Channel.MAIL,
        recipient=closing.owner.user.email,
        key=f"desk:{closing.pk}:closed",
        subject="Régulation fermée",
        body=f"{closing.cpts} : la régulation est fermée et vous répondez de "
        f"{closing.requests} demande(s) ouverte(s).\n{settings.SITE_URL}{path}",
    )
