"""What leaves the platform about a request or an offer: never a name, never anything of health."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from maillage.accounts.actions import queue_notice
from maillage.accounts.enums import Channel
from maillage.availability.queries import quiet_until
from maillage.kernel.identifiers import is_mobile
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.enums import GIVEN_BY_OTHERS
from maillage.medecin_traitant.models import Attribution, DoctorOffer, DoctorRequest
from maillage.medecin_traitant.queries import (
    link_to_attribution,
    link_to_offer,
    link_to_request,
)


def _to_resident(doctor_request: DoctorRequest, key: str, text: str, *, by: Actor) -> bool:
    """By SMS to who accepted it, else to the address they gave; False: somebody has to call. An
    address given by somebody else than the resident is not written to."""
    resident = doctor_request.resident
    if doctor_request.sms_allowed and (is_mobile(resident.phone) or resident.phone.startswith("+")):
        channel, recipient = Channel.SMS, resident.phone
    elif resident.email and doctor_request.channel not in GIVEN_BY_OTHERS:
        channel, recipient = Channel.MAIL, resident.email
    else:
        return False
    queue_notice(
        by=by,
        cpts=doctor_request.cpts,
        channel=channel,
        recipient=recipient,
        key=f"doctor_request:{doctor_request.pk}:{key}",
        subject=f"Votre demande n° {doctor_request.number}",
        body=f"{doctor_request.cpts} : {text}",
    )
    return True


def tell_resident(doctor_request: DoctorRequest, *, by: Actor) -> bool:
    """The link and the code; False when nothing could be sent."""
    text = (
        "votre demande est enregistrée. Pour la suivre, la corriger ou la retirer : "
        f"{link_to_request(doctor_request)}\nCode : {doctor_request.code}"
    )
    return _to_resident(doctor_request, "recorded", text, by=by)


def tell_end(doctor_request: DoctorRequest, *, by: Actor) -> bool:
    """It is over: their page says how, and what to do if it is a mistake."""
    text = (
        "votre demande est close. Pourquoi, et que faire si c'est une erreur : "
        f"{link_to_request(doctor_request)}"
    )
    return _to_resident(doctor_request, f"closed:{doctor_request.version}", text, by=by)


def tell_merged(doctor_request: DoctorRequest, into: DoctorRequest, *, by: Actor) -> bool:
    text = (
        "vos deux demandes n'en font plus qu'une, qui garde la première date. Pour la suivre : "
        f"{link_to_request(into)}\nCode : {into.code}"
    )
    return _to_resident(doctor_request, f"merged:{doctor_request.version}", text, by=by)


def tell_waits_again(doctor_request: DoctorRequest, *, by: Actor) -> bool:
    """What they were told no longer holds: the search goes on."""
    text = (
        "votre demande reste ouverte et nous cherchons toujours. Où elle en est : "
        f"{link_to_request(doctor_request)}"
    )
    return _to_resident(doctor_request, f"waits:{doctor_request.version}", text, by=by)


def tell_owner(doctor_request: DoctorRequest, *, by: Actor) -> None:
    """Past its deadline, or not declared yet: its number, never what it says."""
    given = {"cpts": doctor_request.cpts.slug, "pk": doctor_request.pk}
    path = reverse("medecin_traitant:request", kwargs=given)
    queue_notice(
        by=by,
        cpts=doctor_request.cpts,
        channel=Channel.MAIL,
        recipient=doctor_request.owner.user.email,
        key=f"doctor_request:{doctor_request.pk}:late:{timezone.localdate():%Y%m%d}",
        subject=f"Médecin traitant : demande n° {doctor_request.number}",
        body=f"{doctor_request.cpts}, demande n° {doctor_request.number}. {doctor_request.alert}\n"
        f"{settings.SITE_URL}{path}",
    )


def _to_doctor(
    about: DoctorOffer | Attribution, key: str, subject: str, body: str, *, by: Actor
) -> bool:
    """By SMS to a professional mobile, else by mail; False when neither is known."""
    professional = about.professional
    if is_mobile(professional.phone):
        channel, recipient = Channel.SMS, professional.phone
    elif professional.email:
        channel, recipient = Channel.MAIL, professional.email
    else:
        return False
    queue_notice(
        by=by,
        cpts=about.cpts,
        channel=channel,
        recipient=recipient,
        key=key,
        subject=subject,
        body=f"{about.cpts} : {body}",
        not_before=quiet_until(professional, timezone.now()),
    )
    return True


def tell_doctor(offer: DoctorOffer, *, by: Actor) -> bool:
    """The question, by the link that answers it."""
    body = (
        "combien de nouveaux patients pouvez-vous prendre comme médecin traitant ? Deux réponses "
        f"suffisent.\n{link_to_offer(offer)}"
    )
    key = f"doctor_offer:{offer.pk}:asked:{offer.reminders}"
    return _to_doctor(offer, key, "Combien de nouveaux patients pouvez-vous suivre ?", body, by=by)


def tell_proposed(attribution: Attribution, *, by: Actor) -> bool:
    """Whether anything could be sent: if not, somebody has to call."""
    body = (
        "un patient cherche un médecin traitant. Répondez avant le "
        f"{attribution.answer_by:%d/%m/%Y}.\n{link_to_attribution(attribution)}"
    )
    key = f"attribution:{attribution.pk}:asked"
    return _to_doctor(attribution, key, "Un patient cherche un médecin", body, by=by)


def tell_withdrawn(attribution: Attribution, *, by: Actor) -> bool:
    body = "une proposition de patient vous est retirée. Rien à faire."
    key = f"attribution:{attribution.pk}:withdrawn"
    return _to_doctor(attribution, key, "Une proposition retirée", body, by=by)


def tell_accepted(doctor_request: DoctorRequest, *, by: Actor) -> None:
    """The resident: something new on their page; neither the doctor nor anything else is said. The
    desk calls them in any case."""
    text = f"votre demande a avancé, nous vous appelons pour la suite. {link_to_request(doctor_request)}"
    _to_resident(doctor_request, f"accepted:{doctor_request.version}", text, by=by)
