"""What leaves the platform about a request: never a name, a reason or a profession to a phone."""

import datetime as dt
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope

from maillage.accounts.actions import queue_notice
from maillage.accounts.enums import Channel, Role
from maillage.accounts.models import Seat
from maillage.accounts.rules import SYSTEM
from maillage.availability.queries import quiet_until
from maillage.directory.models import Professional
from maillage.directory.queries import locum_of
from maillage.kernel.identifiers import is_mobile
from maillage.kernel.permissions import Actor
from maillage.kernel.words import full_date
from maillage.snp.models import (
    Agreement,
    BreakGlass,
    CareRequest,
    DeskClosing,
    Proposal,
    ShiftHandOver,
)
from maillage.snp.queries import appointment_text, proposal_link, when_text
from maillage.snp.queries.clock import day_key
from maillage.snp.queries.ladder import active_seats
from maillage.territory.models import Cpts


def _whom(proposal: Proposal) -> Professional:
    """Whoever answers today for the professional asked: their locum, else themselves."""
    today = timezone.localdate(timezone=ZoneInfo(proposal.cpts.zone))
    return locum_of(proposal.professional, today) or proposal.professional


def _link(proposal: Proposal) -> str:
    who = _whom(proposal).pk
    return proposal_link(proposal, locum=0 if who == proposal.professional_id else who)


def _to_professional(
    proposal: Proposal, key: str, subject: str, body: str, *, by: Actor, waits: bool = True
) -> bool:
    """By SMS to a professional mobile, else by mail; False when neither is known. In their quiet
    hours it waits until they end, but for a question: nobody is asked then."""
    professional = _whom(proposal)
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
        not_before=quiet_until(professional, timezone.now()) if waits else None,
    )
    return True


def tell_asked(proposal: Proposal, *, by: Actor) -> bool:
    """Whether anything could be sent: if not, somebody has to call."""
    link = _link(proposal)
    body = f"{proposal.cpts} : une demande vous attend.\n{link}"
    subject = "Une demande vous attend"
    return _to_professional(proposal, "asked", subject, body, by=by, waits=False)


def tell_booked(proposal: Proposal, *, by: Actor) -> None:
    link = _link(proposal)
    body = f"{proposal.cpts} : un créneau que vous avez ouvert vient d'être réservé.\n{link}"
    _to_professional(proposal, "booked", "Un créneau réservé", body, by=by)


def tell_withdrawn(proposal: Proposal, *, by: Actor) -> None:
    body = (
        f"{proposal.cpts} : une demande qui vous attendait a été retirée. Votre créneau est libre."
    )
    _to_professional(proposal, "withdrawn", "Une demande retirée", body, by=by)


def tell_counter_taken(proposal: Proposal, *, by: Actor) -> None:
    link = _link(proposal)
    body = f"{proposal.cpts} : l'autre heure que vous avez proposée est retenue.\n{link}"
    _to_professional(proposal, "counter-taken", "Votre heure est retenue", body, by=by)


def tell_counter_over(proposal: Proposal, *, by: Actor) -> None:
    body = f"{proposal.cpts} : l'autre heure que vous avez proposée n'est pas retenue. Merci."
    _to_professional(proposal, "counter-over", "Votre heure n'est pas retenue", body, by=by)


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


@transaction.atomic
def queue_cancelled_sms(*, by: Actor, care_request: CareRequest, proposal: Proposal) -> None:
    """The appointment is off, somebody will call: no name, no profession, no reason."""
    queue_notice(
        by=by,
        cpts=care_request.cpts,
        channel=Channel.SMS,
        recipient=care_request.phone,
        key=f"request:{care_request.pk}:off:{proposal.pk}",
        subject="",
        body=f"Votre rendez-vous {when_text(proposal.booking.slot)} est annulé ; "
        "la CPTS vous rappelle.",
    )


def _mail(seat: Seat, *, by: Actor, cpts: Cpts, key: str, subject: str, body: str) -> None:
    """To somebody of the CPTS, at the address of their account."""
    queue_notice(
        by=by,
        cpts=cpts,
        channel=Channel.MAIL,
        recipient=seat.user.email,
        key=key,
        subject=subject,
        body=body,
    )


def _to_seats(
    care_request: CareRequest, seats: Iterable[Seat], key: str, text: str, *, by: Actor
) -> None:
    """A mail to people of the CPTS about a request: its number, never what it says."""
    path = reverse("snp:board", kwargs={"cpts": care_request.cpts.slug})
    link = f"{settings.SITE_URL}{path}?demande={care_request.pk}"
    for seat in seats:
        _mail(
            seat,
            cpts=care_request.cpts,
            key=f"request:{care_request.pk}:{key}:{seat.pk}",
            subject=f"Demande n° {care_request.number}",
            body=f"{care_request.cpts} : {text}\n{link}",
            by=by,
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
    """Every coordinator; the administrators when there is none but the owner; else the owner again."""
    seats = active_seats(care_request.cpts_id, timezone.now()).select_related("user")
    others = seats.exclude(pk=care_request.owner_id)
    told = others.filter(role=Role.COORDINATOR) or others.filter(role=Role.ADMINISTRATOR)
    told = told or [care_request.owner]
    _to_seats(care_request, told, key, text, by=by)


def tell_shift(shift: ShiftHandOver, *, by: Actor) -> None:
    """Whoever takes the requests of a person who leaves the desk."""
    path = reverse("snp:board", kwargs={"cpts": shift.cpts.slug})
    _mail(
        shift.to_seat,
        by=by,
        cpts=shift.cpts,
        key=f"shift:{shift.pk}",
        subject="Relève de la régulation",
        body=f"{shift.cpts} : vous répondez de {shift.requests} demande(s) de plus, transmises par "
        f"{shift.from_seat.user}.\n{settings.SITE_URL}{path}",
    )


def tell_day(cpts: Cpts, seat: Seat, day: dt.date, text: str, *, by: Actor) -> None:
    """The day in counts, to a coordinator."""
    path = reverse("snp:day", kwargs={"cpts": cpts.slug})
    _mail(
        seat,
        by=by,
        cpts=cpts,
        key=f"{day_key(cpts, day)}{seat.pk}",
        subject=f"Soins non programmés, {full_date(day)}",
        body=f"{cpts}\n{text}\n{settings.SITE_URL}{path}?date={day.isoformat()}",
    )


def tell_glass(opening: BreakGlass, seats: Iterable[Seat], *, by: Actor) -> None:
    """Who must review it, at once: the number of the request and the motive, never the patient."""
    cpts = opening.cpts
    path = reverse("snp:glass_reviews", kwargs={"cpts": cpts.slug})
    for seat in seats:
        _mail(
            seat,
            by=by,
            cpts=cpts,
            key=f"glass:{opening.pk}:{seat.pk}",
            subject="Bris de glace à relire",
            body=f"{cpts} : l'identité de la demande n° {opening.care_request.number} a été ouverte "
            f"hors relation de soin (motif : {opening.get_motive_display()}). Relisez-la :\n"
            f"{settings.SITE_URL}{path}",
        )


def tell_closing(closing: DeskClosing, *, by: Actor) -> None:
    """Whoever answers while the desk is closed."""
    path = reverse("snp:board", kwargs={"cpts": closing.cpts.slug})
    _mail(
        closing.owner,
        by=by,
        cpts=closing.cpts,
        key=f"desk:{closing.pk}:closed",
        subject="Régulation fermée",
        body=f"{closing.cpts} : la régulation est fermée et vous répondez de "
        f"{closing.requests} demande(s) ouverte(s).\n{settings.SITE_URL}{path}",
    )


AGREEMENT_TEXTS = {
    "proposed": "vous propose un accord de soins non programmés. Lisez-le, puis signez ou refusez.",
    "signed": "a signé l'accord de soins non programmés : il est en service.",
    "withdrawn": "a dénoncé l'accord de soins non programmés : il ne sert plus.",
}


def tell_agreement(agreement: Agreement, action: str, *, to: Cpts) -> None:
    """The coordinators of the other side, else its administrators."""
    sender = agreement.partner_of(to.pk)
    path = reverse("snp:agreements", kwargs={"cpts": to.slug})
    with scope(cpts=to):  # the people of the other side are read there
        seats = active_seats(to, timezone.now()).select_related("user")
        told = list(seats.filter(role=Role.COORDINATOR) or seats.filter(role=Role.ADMINISTRATOR))
    for seat in told:
        _mail(
            seat,
            by=SYSTEM,
            cpts=to,
            key=f"agreement:{agreement.pk}:{action}:{seat.pk}",
            subject="Accord entre CPTS voisines",
            body=f"{sender} {AGREEMENT_TEXTS[action]}\n{settings.SITE_URL}{path}",
        )
