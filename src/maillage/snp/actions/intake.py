"""A request comes in: signs first, then who, where, why."""

import datetime as dt
import uuid
from dataclasses import dataclass, replace

from django.db import connection, transaction
from django.utils import timezone

from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.identifiers import fold, phone_digits
from maillage.kernel.permissions import Actor
from maillage.kernel.words import moment
from maillage.residents import actions as residents
from maillage.residents.enums import AgreementGiver, AgreementMeans, SharingScope
from maillage.residents.models import Resident
from maillage.snp.actions.circles import begin_circles
from maillage.snp.actions.life import (
    Incomplete,
    check_desk,
    lock_open,
    move,
    own,
    own_by_standby,
    save,
    tell,
)
from maillage.snp.enums import (
    MINORS,
    CareRequestStatus,
    Channel,
    EventKind,
    OwnerReason,
)
from maillage.snp.models import (
    CareRequest,
    CareRequestNumber,
    DeskSettings,
    HandOver,
    RedFlag,
    Ring,
)
from maillage.snp.queries import Said, desk_is_open, likely_doubles, red_flags, settings_of
from maillage.snp.rules import can_dispatch
from maillage.territory.models import Commune, Cpts


class OutOfHours(DomainError):
    """The desk is closed: the notice must be read first."""


class FormUsed(DomainError):
    """This form already gave a request, which says something else."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"Ce formulaire a déjà servi : la demande n° {number} est enregistrée et ne change pas. "
            "Si c'est un autre appel, validez encore : une nouvelle demande sera créée."
        )


class SameCall(DomainError):
    """Requests that look like this call are known: somebody says whether it is one of them."""

    def __init__(self, doubles: list[CareRequest]) -> None:
        self.doubles = doubles
        found = " ; ".join(
            f"n° {each.number}, reçue {moment(each.received_at)}, "
            f"{each.get_reason_display() or 'transmise au 15'}, {each.get_status_display().lower()}"
            for each in doubles
        )
        super().__init__(f"Cet appel est peut-être déjà connu : {found}.")


class SignsNotValidated(DomainError):
    """No list of signs is in force: the desk cannot take a request."""


COPIED = (
    *("form_key", "channel", "profession", "speciality", "reason", "note", "age_band"),
    *("caller_name", "sms_allowed", "usual_doctor", "can_travel", "kind", "commune"),
    "sas_regulated",
)

NEXT_NUMBER = (
    "UPDATE snp_carerequestnumber SET next_number = next_number + 1 WHERE cpts_id = %s "
    "RETURNING next_number - 1"
)

# What two copies of one form say alike, beside the patient and the number to call back.
SAID = (
    *("channel", "profession", "speciality", "reason", "note", "age_band"),
    *("caller_name", "can_travel", "kind", "commune", "sas_regulated", "ring"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What a call says. `red_flag` stops everything: then only `phone` and `commune` are needed.

    The patient: `resident` when known, else a name to record (`is_sure` once the likely doubles were
    shown and set aside), else nobody yet. `double_checked`: the requests that may be the same call
    were shown, and it is another one.
    """

    form_key: str
    phone: str
    commune: Commune
    red_flag: RedFlag | None = None
    out_of_hours_seen: bool = False
    channel: str = Channel.PATIENT
    profession: str = Profession.DOCTOR
    speciality: str = ""
    reason: str = ""
    note: str = ""
    age_band: str = ""
    caller_name: str = ""
    sms_allowed: bool = False
    resident: Resident | None = None
    family_name: str = ""
    given_name: str = ""
    birth_date: dt.date | None = None
    is_sure: bool = False
    usual_doctor: Professional | None = None
    can_travel: bool = True
    kind: str = ""
    agreement_from: str = ""
    agreement_scope: str = SharingScope.CPTS
    agreement_means: str = AgreementMeans.SPOKEN
    information: str = ""
    sas_regulated: bool = False
    ring: Ring | None = None
    double_checked: bool = False


def next_number(cpts: Cpts) -> int:
    """Locks the counter until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_NUMBER, [cpts.pk])
        found = cursor.fetchone()
    if found is None:
        CareRequestNumber.objects.get_or_create(cpts=cpts)
        return next_number(cpts)
    return found[0]


def _check(cpts: Cpts, intake: Intake, settings: DeskSettings) -> str:
    flags = red_flags(cpts, directory=settings.directory)
    if flags is None:
        raise SignsNotValidated(
            "Aucune liste de signes d'alerte n'est validée pour cette CPTS : "
            "demandez au coordinateur de l'enregistrer (Réglages)."
        )
    if intake.red_flag is not None and intake.red_flag.flag_list_id != flags.pk:
        raise Incomplete("La liste des signes d'alerte a changé. Relisez-la avec l'appelant.")
    phone = phone_digits(intake.phone)
    if phone is None:
        raise Incomplete("Le numéro à rappeler n'est pas un numéro de téléphone.")
    if intake.ring is not None and intake.red_flag is None:
        _check_ring(cpts, intake)
    if intake.red_flag is None:
        if not (intake.reason and intake.age_band):
            raise Incomplete("Indiquez le motif et l'âge.")
        if not desk_is_open(cpts, settings=settings) and not intake.out_of_hours_seen:
            raise OutOfHours(
                "La régulation est fermée à cette heure. Cochez la consigne lue à l'appelant."
            )
    return phone


def _check_ring(cpts: Cpts, intake: Intake) -> None:
    """As it is now: it may have been closed since the form was opened."""
    ring = Ring.objects.filter(cpts=cpts, pk=intake.ring.pk).first()
    if ring is None:
        raise Incomplete("Ce cercle n'est pas de votre CPTS.")
    if ring.closed_at is not None:
        raise Incomplete("Ce cercle est fermé : choisissez-en un autre, ou aucun.")
    if ring.profession != intake.profession:
        raise Incomplete("Ce cercle n'est pas de la profession demandée.")


@transaction.atomic
def create_care_request(*, by: Actor, cpts: Cpts, intake: Intake) -> CareRequest:
    """Take a request, or hand it to the 15 at once when a sign is ticked: then nothing is asked
    or kept but the number and the commune.

    The same form sent twice gives the same request; sent again with something else in it, a sign
    goes to the 15 at once and the rest raises FormUsed. Raises NotAllowed, SignsNotValidated,
    OutOfHours, Incomplete, SameCall, LikelyDouble.
    """
    if not can_dispatch(by, cpts):
        raise NotAllowed("Seule la régulation SNP prend une demande.")
    settings = settings_of(cpts)
    phone = _check(cpts, intake, settings)
    number = next_number(cpts)  # its lock also queues two copies of one form
    sent_before = _sent_before(cpts, intake)
    if sent_before is not None and not _is_same_call(sent_before, intake, phone):
        if intake.red_flag is None:
            raise FormUsed(sent_before.number)
        key = uuid.uuid5(uuid.NAMESPACE_OID, f"{intake.form_key} {intake.red_flag.pk} {phone}")
        intake = replace(intake, form_key=str(key))
        sent_before = _sent_before(cpts, intake)
    if sent_before is not None:
        return sent_before
    if intake.red_flag is not None:
        intake = _urgent(intake)
    elif not intake.double_checked:
        _check_known(by, cpts, intake, settings)
    care_request = _row(by, cpts, intake, number, phone)
    if by.seat_id is None or not desk_is_open(cpts, settings=settings):
        own_by_standby(care_request)
    begin_circles(care_request, settings)
    save(care_request, by=by, settings=settings)
    _tell_call(care_request, intake, by)
    journal.record("snp.created", care_request, by=by, cpts=cpts, red_flag=bool(intake.red_flag))
    pulse.bump(cpts.pk, reach=pulse.Reach.BOARD)
    return care_request


def _check_known(by: Actor, cpts: Cpts, intake: Intake, settings: DeskSettings) -> None:
    said = Said(
        phone=intake.phone,
        commune=intake.commune,
        resident=intake.resident,
        family_name=intake.family_name,
        given_name=intake.given_name,
    )
    doubles = likely_doubles(by, cpts, said, settings=settings)
    if doubles:
        raise SameCall(doubles)


def _row(by: Actor, cpts: Cpts, intake: Intake, number: int, phone: str) -> CareRequest:
    now = timezone.now()
    resident = _resident(by, cpts, intake, phone)
    values = {name: getattr(intake, name) for name in COPIED}
    if values["usual_doctor"] is None and resident is not None:
        values["usual_doctor"] = resident.usual_doctor
    care_request = CareRequest(
        cpts=cpts,
        number=number,
        received_at=now,
        received_by_id=by.seat_id,
        flags_checked_at=now,
        flags_checked_by_id=by.seat_id,
        phone=phone,
        resident=resident,
        owner_id=by.seat_id,
        owned_at=now,
        owner_why=OwnerReason.RECEIVED,
        ring=intake.ring,
        circle_at=now,
        status=CareRequestStatus.HANDED_OVER if intake.red_flag else CareRequestStatus.NEW,
        **values,
    )
    if intake.agreement_from and by.seat_id:
        scope, means = intake.agreement_scope, intake.agreement_means
        agree(care_request, intake.agreement_from, scope=scope, means=means, by=by)
    if intake.information:
        care_request.information = residents.record_information(
            by=by, cpts=cpts, resident=resident, means=intake.information
        )
    return care_request


def _tell_call(care_request: CareRequest, intake: Intake, by: Actor) -> None:
    channel = Channel(intake.channel).label
    if intake.red_flag is None:
        tell(
            care_request,
            EventKind.CREATED,
            f"Demande reçue ({channel}). Aucun signe d'alerte.",
            by=by,
        )
    else:
        tell(care_request, EventKind.CREATED, f"Appel reçu ({channel}).", by=by)
        _hand_over(care_request, intake.red_flag, by)
    if care_request.sharing is not None:
        tell(care_request, EventKind.AGREEMENT, agreement_text(care_request), by=by)


def _sent_before(cpts: Cpts, intake: Intake) -> CareRequest | None:
    found = CareRequest.objects.filter(cpts=cpts, form_key=intake.form_key)
    return found.select_related("resident").first() if found.exists() else None


def _is_same_call(before: CareRequest, intake: Intake, phone: str) -> bool:
    """A double click says the same thing twice; a page brought back by « précédent » may not."""
    if intake.red_flag is not None:
        intake = _urgent(intake)
        if not HandOver.objects.filter(care_request=before, red_flag=intake.red_flag).exists():
            return False
    if before.phone not in {"", phone}:  # no longer kept once the 15 took over
        return False
    if before.resident is not None and intake.resident is None:
        names = (before.resident.family_name, before.resident.given_name)
        typed = (intake.family_name, intake.given_name)
        if intake.family_name and tuple(map(fold, names)) != tuple(map(fold, typed)):
            return False
    elif intake.resident is not None and before.resident_id != intake.resident.pk:
        return False
    return all(getattr(before, name) == getattr(intake, name) for name in SAID)


def _urgent(intake: Intake) -> Intake:
    """Of a call for the 15 only the number to call back and the commune are kept."""
    return Intake(
        form_key=intake.form_key,
        phone=intake.phone,
        commune=intake.commune,
        red_flag=intake.red_flag,
        channel=intake.channel,
    )


def _resident(by: Actor, cpts: Cpts, intake: Intake, phone: str) -> Resident | None:
    """Who it is for: somebody known, a new record, or nobody yet (an anonymous request)."""
    if intake.resident is not None:
        if intake.resident.cpts_id != cpts.pk:
            raise Incomplete("Cet habitant n'est pas connu de votre CPTS.")
        return intake.resident
    if not intake.family_name.strip():
        return None
    return residents.record_resident(
        by=by,
        cpts=cpts,
        is_sure=intake.is_sure,
        family_name=intake.family_name,
        given_name=intake.given_name,
        birth_date=intake.birth_date,
        commune=intake.commune,
        # A caller's number is not the patient's.
        phone=phone if intake.sms_allowed else "",
        usual_doctor=intake.usual_doctor,
    )


def agree(care_request: CareRequest, giver: str, *, scope: str, means: str, by: Actor) -> None:
    """The agreement of this request from now on; a row of its own, kept with the patient's."""
    care_request.sharing = residents.record_agreement(
        by=by,
        cpts=care_request.cpts,
        resident=care_request.resident,
        giver=giver,
        scope=scope,
        means=means,
        for_a_minor=care_request.age_band in MINORS,
    )


def agreement_text(care_request: CareRequest) -> str:
    sharing = care_request.sharing
    giver = AgreementGiver(sharing.giver).label
    means = AgreementMeans(sharing.means).label
    with_whom = SharingScope(sharing.scope).label
    return f"Accord {means} de partage avec {with_whom}, donné par {giver}."


def _hand_over(care_request: CareRequest, red_flag: RedFlag | None, by: Actor) -> None:
    HandOver.objects.create(
        cpts_id=care_request.cpts_id,
        care_request=care_request,
        red_flag=red_flag,
        at=timezone.now(),
        by_seat_id=by.seat_id,
    )
    sign = f"Signe d'alerte : {red_flag.label}. " if red_flag else ""
    tell(care_request, EventKind.HANDED_OVER, f"{sign}À transmettre au 15 maintenant.", by=by)


@transaction.atomic
def name_resident(
    *,
    by: Actor,
    care_request: CareRequest,
    resident: Resident | None = None,
    family_name: str = "",
    given_name: str = "",
    birth_date: dt.date | None = None,
    is_sure: bool = False,
) -> CareRequest:
    """Say who the request is for: somebody known, else a new record.

    Raises NotAllowed, TooLate, LikelyDouble, Incomplete (no name, or a neighbour's resident).
    """
    check_desk(by, care_request)
    care_request = lock_open(care_request)
    if resident is None and not family_name.strip():
        raise Incomplete("Indiquez le nom du patient.")
    named = Intake(
        form_key="",
        phone=care_request.phone,
        commune=care_request.commune,
        resident=resident,
        family_name=family_name,
        given_name=given_name,
        birth_date=birth_date,
        is_sure=is_sure,
        sms_allowed=care_request.sms_allowed,
        usual_doctor=care_request.usual_doctor,
    )
    care_request.resident = _resident(by, care_request.cpts, named, care_request.phone)
    if care_request.resident.usual_doctor_id:
        care_request.usual_doctor_id = care_request.resident.usual_doctor_id
    residents.bind_consent(
        by=by,
        resident=care_request.resident,
        agreement=care_request.sharing,
        information=care_request.information,
    )
    save(care_request, by=by)
    tell(care_request, EventKind.CHANGED, "Patient nommé.", by=by)
    journal.record(
        "snp.named",
        care_request,
        by=by,
        cpts=care_request.cpts_id,
        resident=care_request.resident_id,
    )
    pulse.bump(care_request.cpts_id)
    return care_request


@transaction.atomic
def take_case(*, by: Actor, care_request: CareRequest) -> CareRequest:
    """Become the owner of a request. Raises NotAllowed, TooLate."""
    check_desk(by, care_request)
    care_request = lock_open(care_request)
    if by.seat_id is None or care_request.owner_id == by.seat_id:
        return care_request
    own(care_request, by.seat_id, OwnerReason.TOOK)
    save(care_request, by=by)
    tell(care_request, EventKind.TAKEN, "Prise en charge.", by=by)
    journal.record("snp.taken", care_request, by=by, cpts=care_request.cpts_id)
    pulse.bump(care_request.cpts_id, reach=pulse.Reach.BOARD)
    return care_request


@transaction.atomic
def check_signs(*, by: Actor, care_request: CareRequest) -> CareRequest:
    """The signs were asked again: none of them. Raises NotAllowed, TooLate."""
    check_desk(by, care_request)
    care_request = lock_open(care_request)
    care_request.flags_checked_at = timezone.now()
    care_request.flags_checked_by_id = by.seat_id
    save(care_request, by=by)
    tell(care_request, EventKind.RED_FLAG, "Signes redemandés : aucun.", by=by)
    journal.record("snp.signs_checked", care_request, by=by, cpts=care_request.cpts_id)
    pulse.bump(care_request.cpts_id, reach=pulse.Reach.BOARD)
    return care_request


def begin_hand_over(care_request: CareRequest, red_flag: RedFlag | None, *, by: Actor) -> None:
    """The move itself, for `follow.hand_over`."""
    move(care_request, CareRequestStatus.HANDED_OVER)
    _hand_over(care_request, red_flag, by)
