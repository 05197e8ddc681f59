from maillage.directory.models import CptsProfessional, Professional, ProfessionalAccount
from maillage.kernel.permissions import Actor, Permission
from maillage.medecin_traitant.enums import PUBLIC_SITE, AttributionState
from maillage.medecin_traitant.models import (
    Attribution,
    DoctorOffer,
    DoctorRequest,
    MtSettings,
)
from maillage.residents.rules import covers
from maillage.territory.models import Cpts


def can_keep_requests(actor: Actor, cpts: Cpts | int) -> bool:
    """Take, change, withdraw, merge: the desk."""
    return actor.may(Permission.MT_DESK, cpts)


def can_signal(actor: Actor, cpts: Cpts | int) -> bool:
    """Tell the desk of a patient without a médecin traitant: a professional."""
    return actor.may(Permission.MT_PROFESSIONAL, cpts)


def can_ask(actor: Actor, cpts: Cpts | int) -> bool:
    """Somebody without an account, on the public site of this CPTS: they ask, and see nothing."""
    number = cpts if isinstance(cpts, int) else cpts.pk
    return (
        actor.kind == "link"
        and actor.cpts_id == number
        and getattr(actor, "target", "") == PUBLIC_SITE
    )


def is_about(actor: Actor, doctor_request: DoctorRequest) -> bool:
    """The holder of the resident's link to this request."""
    return (
        actor.kind == "link"
        and actor.cpts_id == doctor_request.cpts_id
        and getattr(actor, "target", "") == f"doctor_request:{doctor_request.pk}"
    )


def can_end(actor: Actor, doctor_request: DoctorRequest) -> bool:
    """The desk, or the resident by their link."""
    return can_keep_requests(actor, doctor_request.cpts_id) or is_about(actor, doctor_request)


def can_set(actor: Actor, cpts: Cpts | int) -> bool:
    return actor.may(Permission.MT_SETTINGS, cpts)


def can_ask_doctors(actor: Actor, cpts: Cpts | int) -> bool:
    return actor.may(Permission.MT_COORDINATE, cpts)


def can_see_health(actor: Actor, cpts: Cpts | int, settings: MtSettings) -> bool:
    """ALD and C2S: desk and coordination, under the health professional the CPTS named; else nobody."""
    return follows(actor, cpts) and settings.responsible_id is not None


def can_see_identity(actor: Actor, cpts: Cpts | int) -> bool:
    """Who waits: the desk, which calls them. The coordination works without a name."""
    return actor.may(Permission.MT_DESK, cpts)


def can_offer(actor: Actor, cpts: Cpts | int, professional: Professional) -> bool:
    """Say how many residents a doctor takes: themselves, signed in, or the coordination for them."""
    if can_ask_doctors(actor, cpts):
        return True
    return (
        actor.may(Permission.MT_PROFESSIONAL, cpts)
        and ProfessionalAccount.objects.filter(
            user=actor.user_id, professional=professional, ended_on=None
        ).exists()
    )


def can_answer_link(actor: Actor, offer: DoctorOffer) -> bool:
    """The holder of the link sent with this question, while the doctor is in the directory."""
    return (
        actor.kind == "link"
        and actor.cpts_id == offer.cpts_id
        and getattr(actor, "target", "") == f"doctor_offer:{offer.pk}"
        and CptsProfessional.objects.filter(
            cpts=offer.cpts_id, professional=offer.professional_id, left_on=None
        ).exists()
    )


def can_propose(actor: Actor, cpts: Cpts | int) -> bool:
    """Name a doctor for somebody: the coordination."""
    return actor.may(Permission.MT_COORDINATE, cpts)


def is_own(actor: Actor, attribution: Attribution) -> bool:
    """The doctor it was made to, signed in."""
    return (
        actor.may(Permission.MT_PROFESSIONAL, attribution.cpts_id)
        and actor.kind == "seat"
        and ProfessionalAccount.objects.filter(
            user=actor.user_id, professional=attribution.professional_id, ended_on=None
        ).exists()
    )


def can_answer(actor: Actor, attribution: Attribution) -> bool:
    """The doctor, by the link or signed in; the coordination or the desk for an answer by voice."""
    if actor.kind == "link":
        return (
            actor.cpts_id == attribution.cpts_id
            and getattr(actor, "target", "") == f"attribution:{attribution.pk}"
            and CptsProfessional.objects.filter(
                cpts=attribution.cpts_id, professional=attribution.professional_id, left_on=None
            ).exists()
        )
    return follows(actor, attribution.cpts_id) or is_own(actor, attribution)


def follows(actor: Actor, cpts: Cpts | int) -> bool:
    """Follow a request to its declaration: the desk and the coordination."""
    return actor.may(Permission.MT_DESK, cpts) or actor.may(Permission.MT_COORDINATE, cpts)


def can_meet(actor: Actor, attribution: Attribution) -> bool:
    """Who it is, and ALD and C2S where they are asked: the doctor who accepted, signed in, once the
    resident agreed that a doctor be told."""
    return (
        attribution.state == AttributionState.ACCEPTED
        and covers(attribution.doctor_request.agreement)
        and is_own(actor, attribution)
    )
