"""The doctors somebody wants, or does not want: said to the desk, taken back, kept when doubles merge."""

from django.db import transaction
from django.utils import timezone

from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.actions.life import Incomplete, lock_open, save, tell
from maillage.medecin_traitant.enums import EventKind, WishKind
from maillage.medecin_traitant.models import DoctorRequest, DoctorWish
from maillage.medecin_traitant.queries import doctors_of, wishes_of
from maillage.medecin_traitant.rules import can_keep_requests

UNWANTED = "Le médecin proposé n'est pas souhaité : la coordination retire cette proposition."


def unwanted_alert(doctor_request: DoctorRequest) -> str:
    """What must be looked at when the doctor already asked is one the person does not want."""
    asked = doctor_request.doctor_id
    return UNWANTED if asked and wishes_of(doctor_request).forbid(asked) else ""


@transaction.atomic
def record_wish(
    *, by: Actor, doctor_request: DoctorRequest, professional: Professional, kind: str
) -> DoctorRequest:
    """The person wants this doctor (and no other, but those also said), or does not want them; nobody
    asks why. Twice counts once.

    Raises NotAllowed, TooLate, Incomplete (no such kind, not a doctor of the directory, both kinds).
    """
    if not can_keep_requests(by, doctor_request.cpts_id):
        raise NotAllowed("Seul le guichet note un souhait.")
    if kind not in WishKind.values:
        raise Incomplete("Dites si ce médecin est souhaité, ou non souhaité.")
    doctor_request = lock_open(doctor_request)
    held = dict(doctor_request.wishes.values_list("professional_id", "kind"))
    if held.get(professional.pk) == kind:
        return doctor_request
    if set(held.values()) - {kind}:
        raise Incomplete(
            "Une demande dit quels médecins sont souhaités, ou lesquels ne le sont pas, jamais les deux : "
            "retirez d'abord les souhaits déjà notés."
        )
    if professional not in doctors_of(doctor_request.cpts, timezone.localdate()):
        raise Incomplete("Choisissez un médecin de l'annuaire de la CPTS.")
    DoctorWish.objects.create(
        cpts_id=doctor_request.cpts_id,
        doctor_request=doctor_request,
        professional=professional,
        kind=kind,
    )
    doctor_request.alert = unwanted_alert(doctor_request) or doctor_request.alert
    save(doctor_request)
    text = f"{WishKind(kind).label.capitalize()} : {professional}."
    tell(doctor_request, EventKind.CHANGED, text, by=by)
    journal.record("mt.wish_recorded", doctor_request, by=by, cpts=doctor_request.cpts_id)
    pulse.bump(doctor_request.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request


@transaction.atomic
def remove_wish(
    *, by: Actor, doctor_request: DoctorRequest, professional: Professional
) -> DoctorRequest:
    """What was said of this doctor no longer counts. Twice counts once. Raises NotAllowed, TooLate."""
    if not can_keep_requests(by, doctor_request.cpts_id):
        raise NotAllowed("Seul le guichet retire un souhait.")
    doctor_request = lock_open(doctor_request)
    gone, _ = doctor_request.wishes.filter(professional=professional).delete()
    if not gone:
        return doctor_request
    if doctor_request.alert == UNWANTED:
        doctor_request.alert = unwanted_alert(doctor_request)
    save(doctor_request)
    tell(doctor_request, EventKind.CHANGED, f"Souhait retiré : {professional}.", by=by)
    journal.record("mt.wish_removed", doctor_request, by=by, cpts=doctor_request.cpts_id)
    pulse.bump(doctor_request.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request


def carry_wishes(doctor_request: DoctorRequest, into: DoctorRequest) -> None:
    """What was said in a double holds in the request that goes on. Both are locked. Raises Incomplete."""
    theirs = list(doctor_request.wishes.all())
    held = dict(into.wishes.values_list("professional_id", "kind"))
    if len({each.kind for each in theirs} | set(held.values())) > 1:
        raise Incomplete(
            "Ces deux demandes ne disent pas la même chose des médecins souhaités : retirez les souhaits "
            "de l'une, puis fusionnez."
        )
    DoctorWish.objects.bulk_create(
        DoctorWish(
            cpts_id=into.cpts_id,
            doctor_request=into,
            professional_id=each.professional_id,
            kind=each.kind,
            merged_from=doctor_request,
        )
        for each in theirs
        if each.professional_id not in held
    )


def give_wishes_back(doctor_request: DoctorRequest, into: DoctorRequest) -> None:
    """They were two people: what one said no longer holds for the other."""
    into.wishes.filter(merged_from=doctor_request).delete()
