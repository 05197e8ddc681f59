"""What every act on a request does alike, and its ends: withdrawn, found elsewhere, closed."""

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils import timezone

from maillage.accounts.rules import SYSTEM
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.identifiers import phone_digits
from maillage.kernel.permissions import Actor
from maillage.kernel.transitions import check_transition
from maillage.medecin_traitant.actions.ends import say_end
from maillage.medecin_traitant.actions.notices import tell_owner
from maillage.medecin_traitant.enums import (
    OPEN,
    TRANSITIONS,
    TRAVEL_MAX,
    TRAVEL_MIN,
    DoctorRequestState,
    EventKind,
    WithdrawalReason,
)
from maillage.medecin_traitant.models import DoctorRequest, DoctorRequestEvent
from maillage.medecin_traitant.queries import default_owner, settings_of
from maillage.medecin_traitant.rules import can_end, can_keep_requests
from maillage.residents import actions as residents
from maillage.territory.models import Commune

NOBODY = (
    "Personne ne peut répondre de cette demande : un administrateur doit nommer un coordinateur."
)
LATE = "Échéance passée : proposez un médecin, ou rappelez l'habitant."
NOT_CONFIRMED = (
    "Déclaration pas encore confirmée : demandez à l'habitant si le rendez-vous a eu lieu."
)


class Incomplete(DomainError):
    """Something that must be said is missing."""


class NoOwner(DomainError):
    """Nobody in the CPTS can answer for a request."""


class TooLate(DomainError):
    """The request is over, or went on meanwhile."""


def lock(doctor_request: DoctorRequest) -> DoctorRequest:
    """The row as it is now, ours until the end of the transaction."""
    return (
        DoctorRequest.objects.select_for_update(of=("self",))
        .select_related("cpts", "resident", "commune")
        .get(pk=doctor_request.pk)
    )


def lock_open(doctor_request: DoctorRequest) -> DoctorRequest:
    """The same, while it is not over; raises TooLate after."""
    doctor_request = lock(doctor_request)
    if doctor_request.state not in OPEN:
        word = DoctorRequestState(doctor_request.state).label.lower()
        raise TooLate(
            f"La demande n° {doctor_request.number} est « {word} » : elle ne change plus."
        )
    return doctor_request


def lock_followed(doctor_request: DoctorRequest) -> DoctorRequest:
    """The same, while somebody has something to do for it: open, or closed with a call to make."""
    held = lock(doctor_request)
    return held if held.alert else lock_open(doctor_request)


def lock_pair(one: DoctorRequest, other: DoctorRequest) -> tuple[DoctorRequest, DoctorRequest]:
    """Always in the same order: two acts that share them never cross."""
    first, second = (lock(each) for each in sorted((one, other), key=lambda each: each.pk))
    return (first, second) if first.pk == one.pk else (second, first)


def move(doctor_request: DoctorRequest, state: str) -> None:
    """Change the state when the table allows it; raises InvalidTransition with a sentence."""
    now = DoctorRequestState(doctor_request.state).label.lower()
    then = DoctorRequestState(state).label.lower()
    check_transition(
        TRANSITIONS,
        doctor_request.state,
        state,
        sentence=f"La demande n° {doctor_request.number} est « {now} » : elle ne peut pas devenir "
        f"« {then} ». Rechargez la page.",
    )
    doctor_request.state = state
    if state in OPEN:
        doctor_request.closed_at = None
    else:
        doctor_request.closed_at = timezone.now()
        doctor_request.alert = ""
    if state not in {DoctorRequestState.DECLARED, DoctorRequestState.CLOSED_AFTER_SIX_MONTHS}:
        doctor_request.doctor = None


def save(doctor_request: DoctorRequest) -> None:
    doctor_request.version += 1
    doctor_request.save()


def own(doctor_request: DoctorRequest, by: Actor) -> None:
    """Whoever of the desk acts answers for it from now on; else the coordination. Raises NoOwner."""
    if by.seat_id is not None and can_keep_requests(by, doctor_request.cpts_id):
        doctor_request.owner_id = by.seat_id
        return
    doctor_request.owner = default_owner(doctor_request.cpts_id, timezone.now())
    if doctor_request.owner is None:
        raise NoOwner(NOBODY)


def tell(doctor_request: DoctorRequest, kind: EventKind, text: str, *, by: Actor) -> None:
    """Add a line to the history shown on screen. No name, nothing of health."""
    DoctorRequestEvent.objects.create(
        cpts_id=doctor_request.cpts_id,
        doctor_request=doctor_request,
        at=timezone.now(),
        kind=kind,
        by_seat_id=by.seat_id,
        by_kind=by.kind,
        text=text[:300],
    )


def said_by(by: Actor) -> str:
    return "par l'habitant, avec son lien" if by.kind == "link" else "par le guichet"


@transaction.atomic
def withdraw(
    *, by: Actor, doctor_request: DoctorRequest, reason: str = WithdrawalReason.ASKED
) -> DoctorRequest:
    """Nobody looks for a doctor for them any more: the resident asks, by their link or through the
    desk; the desk for one of the listed reasons. Twice counts once.

    Raises NotAllowed, Incomplete (no reason), TooLate, InvalidTransition.
    """
    if not can_end(by, doctor_request):
        raise NotAllowed("Seuls l'habitant et le guichet retirent une demande.")
    if reason not in WithdrawalReason.values:
        raise Incomplete("Indiquez pourquoi la demande est retirée.")
    doctor_request = lock(doctor_request)
    if doctor_request.state == DoctorRequestState.WITHDRAWN:
        return doctor_request
    move(doctor_request, DoctorRequestState.WITHDRAWN)
    doctor_request.withdrawn_why = WithdrawalReason.ASKED if by.kind == "link" else reason
    say_end(doctor_request, by=by)
    save(doctor_request)
    why = WithdrawalReason(doctor_request.withdrawn_why).label
    tell(doctor_request, EventKind.WITHDRAWN, f"Retirée {said_by(by)} : {why}.", by=by)
    journal.record(
        "mt.withdrawn", doctor_request, by=by, cpts=doctor_request.cpts_id, reason=reason
    )
    pulse.bump(doctor_request.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request


@transaction.atomic
def found_elsewhere(*, by: Actor, doctor_request: DoctorRequest) -> DoctorRequest:
    """« J'ai trouvé un médecin » : said by the resident or to the desk. Twice counts once.

    Raises NotAllowed, InvalidTransition.
    """
    if not can_end(by, doctor_request):
        raise NotAllowed("Seuls l'habitant et le guichet disent qu'un médecin est trouvé.")
    doctor_request = lock(doctor_request)
    if doctor_request.state == DoctorRequestState.FOUND_ELSEWHERE:
        return doctor_request
    move(doctor_request, DoctorRequestState.FOUND_ELSEWHERE)
    say_end(doctor_request, by=by)
    save(doctor_request)
    tell(doctor_request, EventKind.FOUND, f"Médecin trouvé autrement, dit {said_by(by)}.", by=by)
    journal.record("mt.found_elsewhere", doctor_request, by=by, cpts=doctor_request.cpts_id)
    pulse.bump(doctor_request.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request


@transaction.atomic
def close(*, by: Actor, doctor_request: DoctorRequest) -> DoctorRequest:
    """Accepted, and no declaration confirmed in the time the CPTS gives: it closes.

    Raises NotAllowed, TooLate (the time is not over), InvalidTransition.
    """
    if not can_keep_requests(by, doctor_request.cpts_id):
        raise NotAllowed("Seul le guichet clôt une demande.")
    doctor_request = lock(doctor_request)
    if doctor_request.state != DoctorRequestState.ACCEPTED:
        raise TooLate("Aucun médecin n'a accepté cette demande.")
    if doctor_request.deadline_on is None or doctor_request.deadline_on >= timezone.localdate():
        raise TooLate("Le délai pour déclarer le médecin traitant n'est pas passé.")
    move(doctor_request, DoctorRequestState.CLOSED_AFTER_SIX_MONTHS)
    say_end(doctor_request, by=by)
    save(doctor_request)
    tell(doctor_request, EventKind.CLOSED, "Close : aucune déclaration confirmée à temps.", by=by)
    journal.record("mt.closed", doctor_request, by=by, cpts=doctor_request.cpts_id)
    pulse.bump(doctor_request.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request


# Corrected: a field typed again


def check_travel(minutes: int | None) -> None:
    """The longest trip somebody accepts, when they set one. Raises Incomplete."""
    if minutes is not None and not TRAVEL_MIN <= minutes <= TRAVEL_MAX:
        raise Incomplete(f"Un trajet accepté dure de {TRAVEL_MIN} à {TRAVEL_MAX} minutes.")


@transaction.atomic
def correct(
    *,
    by: Actor,
    doctor_request: DoctorRequest,
    phone: str = "",
    commune: Commune | None = None,
    household_size: int | None = None,
    can_travel: bool | None = None,
    travel_minutes_max: int | None = None,
) -> DoctorRequest:
    """What is typed again replaces what was said; the rest stays, and what is the same writes nothing.
    By the link nothing is ever shown. `travel_minutes_max` 0: no limit any more.

    Raises NotAllowed, TooLate, Incomplete (nothing typed, no such trip),
    residents.BadResident (not a telephone).
    """
    if not can_end(by, doctor_request):
        raise NotAllowed("Seuls l'habitant et le guichet corrigent une demande.")
    check_travel(travel_minutes_max or None)
    doctor_request = lock_open(doctor_request)
    typed: dict[str, Any] = {
        "commune": commune,
        "household_size": household_size,
        "can_travel": can_travel,
        "travel_minutes_max": travel_minutes_max,
    }
    typed = {name: value for name, value in typed.items() if value is not None}
    if not typed and not phone:
        raise Incomplete("Écrivez à nouveau ce qui a changé.")
    if travel_minutes_max == 0:
        typed["travel_minutes_max"] = None
    typed = {name: value for name, value in typed.items() if getattr(doctor_request, name) != value}
    if phone and phone_digits(phone) == doctor_request.resident.phone:
        phone = ""
    if not typed and not phone:
        return doctor_request
    for name, value in typed.items():
        setattr(doctor_request, name, value)
    if phone or "commune" in typed:
        _change_record(doctor_request, phone, commune)
    save(doctor_request)
    names = sorted([*typed, *(["phone"] if phone else [])])
    tell(doctor_request, EventKind.CHANGED, f"Corrigée {said_by(by)}.", by=by)
    journal.record("mt.corrected", doctor_request, by=by, cpts=doctor_request.cpts_id, fields=names)
    pulse.bump(doctor_request.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request


def _change_record(doctor_request: DoctorRequest, phone: str, commune: Commune | None) -> None:
    """The record follows; by the platform: a link gives no right on records of residents."""
    held = doctor_request.resident
    kept = ("family_name", "given_name", "birth_date", "email", "usual_doctor")
    residents.change_resident(
        by=SYSTEM,
        resident=held,
        version=held.version,
        phone=phone or held.phone,
        commune=commune or held.commune,
        **{name: getattr(held, name) for name in kept},
    )


# What happens because time passes


@transaction.atomic
def heal_owner(*, by: Actor, doctor_request: DoctorRequest) -> DoctorRequest:
    """Whoever answered for it has left: the coordination does now. Raises NotAllowed, NoOwner."""
    if by.kind != "system":
        raise NotAllowed("Seule l'horloge remplace un responsable parti.")
    doctor_request = lock_followed(doctor_request)
    own(doctor_request, by)
    save(doctor_request)
    tell(doctor_request, EventKind.OWNER, "Responsable parti : la coordination répond.", by=by)
    journal.record(
        "mt.owner_replaced",
        doctor_request,
        by=by,
        cpts=doctor_request.cpts_id,
        owner=doctor_request.owner_id,
    )
    pulse.bump(doctor_request.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request


@transaction.atomic
def remind(*, by: Actor, doctor_request: DoctorRequest) -> DoctorRequest:
    """The deadline is past, or a declaration is not confirmed yet: whoever answers for it is told,
    again and again until something happens.

    Raises NotAllowed, TooLate (over, or reminded meanwhile).
    """
    if by.kind != "system":
        raise NotAllowed("Seule l'horloge relance.")
    doctor_request = lock_followed(doctor_request)
    now = timezone.now()
    settings = settings_of(doctor_request.cpts, now)
    is_accepted = doctor_request.state == DoctorRequestState.ACCEPTED
    days = settings.confirm_days if is_accepted else settings.remind_days
    again = now - dt.timedelta(days=days)
    if doctor_request.reminded_at is not None and doctor_request.reminded_at > again:
        raise TooLate("Déjà relancée.")
    doctor_request.reminded_at = now
    why = "Déclaration pas encore confirmée" if is_accepted else "Échéance passée"
    if doctor_request.state in OPEN:
        doctor_request.alert = NOT_CONFIRMED if is_accepted else LATE
    save(doctor_request)
    tell(doctor_request, EventKind.REMINDED, f"{why} : responsable relancé.", by=by)
    journal.record("mt.reminded", doctor_request, by=by, cpts=doctor_request.cpts_id)
    tell_owner(doctor_request, by=by)
    pulse.bump(doctor_request.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request
