"""A request comes in: whoever looks like them is shown first, then it is written once."""

import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from maillage.accounts.rules import SYSTEM
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.actions.life import Incomplete, check_travel, own, tell
from maillage.medecin_traitant.actions.notices import tell_resident
from maillage.medecin_traitant.enums import (
    AT_THE_DESK,
    FROM_AFAR,
    HOUSEHOLD_MAX,
    Answer,
    Channel,
    EventKind,
)
from maillage.medecin_traitant.models import DoctorRequest, MtSettings
from maillage.medecin_traitant.queries import new_code, next_number, settings_of
from maillage.medecin_traitant.rules import can_ask, can_keep_requests, can_signal
from maillage.residents import actions as residents
from maillage.residents import queries as known
from maillage.residents.models import Resident, compared
from maillage.territory.models import Commune, Cpts


class AlreadyWaiting(DomainError):
    """An open request of this person is known."""

    def __init__(self, doctor_request: DoctorRequest) -> None:
        self.doctor_request = doctor_request
        super().__init__(
            f"Cette personne attend déjà un médecin traitant (demande n° {doctor_request.number})."
        )


class FormUsed(DomainError):
    """This form already gave a request, about somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What is said of somebody without a médecin traitant.

    `resident` when known, else a name to record (`is_sure` once the likely doubles were shown and set
    aside). What the CPTS does not ask stays empty.
    """

    form_key: str
    channel: str
    commune: Commune
    resident: Resident | None = None
    family_name: str = ""
    given_name: str = ""
    birth_date: dt.date | None = None
    phone: str = ""
    email: str = ""
    is_sure: bool = False
    household: DoctorRequest | None = None
    household_size: int = 1
    can_travel: bool = True
    travel_minutes_max: int | None = None
    ald: str = ""
    c2s: str = ""
    language: str = ""
    last_doctor: str = ""
    note: str = ""
    sms_allowed: bool = False
    agreement_from: str = ""
    agreement_means: str = "spoken"
    information: str = ""


ASKED = {"ald": "asks_ald", "c2s": "asks_c2s", "language": "asks_language"} | {
    "last_doctor": "asks_last_doctor"
}
COPIED = (
    *("form_key", "channel", "commune", "household", "household_size", "can_travel"),
    *("travel_minutes_max",),
    *("ald", "c2s", "language", "last_doctor", "note", "sms_allowed"),
)


def _check(cpts: Cpts, intake: Intake, settings: MtSettings) -> None:
    for name, switch in ASKED.items():
        if getattr(intake, name) and not getattr(settings, switch):
            label = DoctorRequest._meta.get_field(name).verbose_name
            raise Incomplete(f"La CPTS ne demande pas ce champ : {label}.")
    for name in ("ald", "c2s"):
        if getattr(intake, name) not in ("", *Answer.values):
            raise Incomplete("Répondez oui ou non.")
    if not 1 <= intake.household_size <= HOUSEHOLD_MAX:
        raise Incomplete(f"Un foyer compte de 1 à {HOUSEHOLD_MAX} personnes.")
    check_travel(intake.travel_minutes_max)
    if intake.household is not None and intake.household.cpts_id != cpts.pk:
        raise Incomplete("Ce foyer n'est pas de votre CPTS.")
    if intake.resident is None and intake.birth_date is None:
        raise Incomplete("Indiquez la date de naissance.")


@transaction.atomic
def record_request(*, by: Actor, cpts: Cpts, intake: Intake) -> DoctorRequest:
    """Take a request. The desk is shown who looks like this person first; a professional is shown
    nobody, and the desk is told when somebody does.

    The same form sent twice gives the same request. Raises NotAllowed, MtNotSet, Incomplete,
    LikelyDouble, BadResident, BadConsent, AlreadyWaiting, FormUsed, NoOwner.
    """
    at_desk = can_keep_requests(by, cpts)
    if not at_desk and not can_signal(by, cpts):
        raise NotAllowed("Seuls le guichet et les professionnels enregistrent une demande.")
    if at_desk and intake.channel not in AT_THE_DESK:
        raise Incomplete("Indiquez comment la demande est arrivée.")
    if not at_desk and intake.channel != Channel.PROFESSIONAL:
        raise NotAllowed("Un professionnel signale lui-même : c'est son canal.")
    settings = settings_of(cpts)
    return write_request(by, cpts, intake, settings)


@transaction.atomic
def ask_for_doctor(*, by: Actor, cpts: Cpts, intake: Intake) -> DoctorRequest:
    """A resident, or a relative acting for them, asks on the public site. They are shown nobody: the
    desk compares, calls and merges. The same form sent twice gives the same request.

    Raises NotAllowed, MtNotSet, Incomplete, BadResident, FormUsed, NoOwner.
    """
    if not can_ask(by, cpts):
        raise NotAllowed("Ce formulaire est celui du site public.")
    if intake.channel != Channel.RESIDENT or intake.resident is not None or intake.household:
        raise NotAllowed("Sur le site public, chacun écrit lui-même sa demande.")
    if not intake.phone:
        raise Incomplete("Indiquez un numéro de téléphone : la CPTS vous rappelle.")
    return write_request(by, cpts, intake, settings_of(cpts))


def write_request(by: Actor, cpts: Cpts, intake: Intake, settings: MtSettings) -> DoctorRequest:
    """Once whoever acts was found allowed to."""
    _check(cpts, intake, settings)
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    sent_before = DoctorRequest.objects.filter(cpts=cpts, form_key=intake.form_key).first()
    if sent_before is not None:
        return _same(sent_before, intake)
    resident, alert = _who(by, cpts, intake)
    waiting = DoctorRequest.objects.filter(cpts=cpts, resident=resident).open().first()
    if waiting is not None:
        raise AlreadyWaiting(waiting)
    doctor_request = _row(by, cpts, intake, resident, settings)
    doctor_request.alert = alert
    doctor_request.save()
    said = f"Demande reçue ({Channel(intake.channel).label})."
    tell(doctor_request, EventKind.RECORDED, said, by=by)
    if doctor_request.agreement is not None:
        tell(doctor_request, EventKind.AGREEMENT, "Accord de partage recueilli.", by=by)
    journal.record("mt.recorded", doctor_request, by=by, cpts=cpts, channel=intake.channel)
    if not tell_resident(doctor_request, by=by) and not alert and intake.channel in FROM_AFAR:
        doctor_request.alert = "Aucun message possible : appelez l'habitant, donnez-lui son code."
        doctor_request.save(update_fields=["alert"])
    pulse.bump(cpts.pk, reach=pulse.Reach.BOARD)
    return doctor_request


def _same(sent_before: DoctorRequest, intake: Intake) -> DoctorRequest:
    """A double click says the same person twice; a page brought back by « précédent » may not."""
    held = sent_before.resident
    if intake.resident is not None:
        is_same = intake.resident.pk == held.pk
    else:
        is_same = compared(held.family_name) == compared(intake.family_name)
    if is_same:
        return sent_before
    raise FormUsed(
        f"Ce formulaire a déjà servi : la demande n° {sent_before.number} est enregistrée et ne change "
        "pas. Ouvrez un nouveau formulaire."
    )


def _who(by: Actor, cpts: Cpts, intake: Intake) -> tuple[Resident, str]:
    """The person, and what the desk must look at. Raises LikelyDouble to the desk only."""
    of_cpam = "Liste de la CPAM : appelez, recueillez l'accord."
    alert = of_cpam if intake.channel == Channel.CPAM_FILE else ""
    if intake.resident is not None:
        return intake.resident, alert
    identity = {
        "family_name": intake.family_name,
        "given_name": intake.given_name,
        "birth_date": intake.birth_date,
        "commune": intake.commune,
        "phone": intake.phone,
    }
    if can_keep_requests(by, cpts):
        resident = residents.record_resident(
            by=by, cpts=cpts, is_sure=intake.is_sure, email=intake.email, **identity
        )
        return resident, alert
    found = known.find(SYSTEM, cpts, **identity)
    resident = residents.record_resident(
        by=SYSTEM, cpts=cpts, is_sure=True, email=intake.email, **identity
    )
    doubt = " Une fiche lui ressemble : comparez." if found else ""
    source = (
        "Signalée par un professionnel" if can_signal(by, cpts) else "Écrite sur le site public"
    )
    return resident, f"{source} : appelez, recueillez l'accord.{doubt}"


def _row(
    by: Actor, cpts: Cpts, intake: Intake, resident: Resident, settings: MtSettings
) -> DoctorRequest:
    now = timezone.now()
    promised_by = timezone.localdate(now) + dt.timedelta(days=settings.promised_days)
    doctor_request = DoctorRequest(
        cpts=cpts,
        number=next_number(cpts),
        received_at=now,
        received_by_id=by.seat_id,
        waits_since=now,
        resident=resident,
        code=new_code(cpts),
        promised_by=promised_by,
        deadline_on=promised_by,
        **{name: getattr(intake, name) for name in COPIED},
    )
    own(doctor_request, by)
    if intake.agreement_from and by.seat_id and can_keep_requests(by, cpts):
        doctor_request.agreement = residents.record_agreement(
            by=by,
            cpts=cpts,
            resident=resident,
            giver=intake.agreement_from,
            means=intake.agreement_means,
        )
    if intake.information and can_keep_requests(by, cpts):
        doctor_request.information = residents.record_information(
            by=by, cpts=cpts, resident=resident, means=intake.information
        )
    return doctor_request
