"""Doctors are asked how many residents they may take; what they answer is dated and ends."""

import datetime as dt
from dataclasses import asdict, dataclass

from django.db import transaction
from django.utils import timezone

from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.actions.notices import tell_doctor
from maillage.medecin_traitant.enums import AGE_MAX, AnsweredVia
from maillage.medecin_traitant.models import DoctorOffer
from maillage.medecin_traitant.queries import doctors_to_ask, settings_of
from maillage.medecin_traitant.queries.doctors import doctors_of
from maillage.medecin_traitant.rules import can_answer_link, can_ask_doctors, can_offer
from maillage.territory.models import Cpts

PER_MONTH_MAX = 200


class BadOffer(DomainError):
    """An offer that cannot hold."""


class OfferOver(DomainError):
    """The question was answered, or the offer ended, meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a doctor says. Lawful criteria only: how many, how far, ages, home visits."""

    per_month: int
    until_on: dt.date
    from_on: dt.date | None = None
    travel_minutes: int | None = None
    age_from: int = 0
    age_to: int = AGE_MAX
    home_visits: bool = False
    is_public: bool = False


@transaction.atomic
def ask_doctors(*, by: Actor, cpts: Cpts) -> tuple[int, int]:
    """Ask every doctor of the directory who has no offer that stands and no question that waits:
    how many were asked, and how many of them could not be reached. Raises NotAllowed, MtNotSet."""
    if not can_ask_doctors(by, cpts):
        raise NotAllowed("Seule la coordination interroge les médecins.")
    settings_of(cpts)
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    asked = [_ask(by, cpts, each) for each in doctors_to_ask(cpts, timezone.localdate())]
    unreached = sum(not reached for reached in asked)
    journal.record("mt.doctors_asked", None, by=by, cpts=cpts, asked=len(asked), lost=unreached)
    pulse.bump(cpts.pk, reach=pulse.Reach.BOARD)
    return len(asked), unreached


def _ask(by: Actor, cpts: Cpts, professional: Professional) -> bool:
    offer = DoctorOffer.objects.create(
        cpts=cpts, professional=professional, asked_at=timezone.now()
    )
    return tell_doctor(offer, by=by)


def _check(cpts: Cpts, professional: Professional, said: Offer) -> Offer:
    today = timezone.localdate()
    settings = settings_of(cpts)
    latest = today + dt.timedelta(days=settings.offer_days_max)
    if not doctors_of(cpts, today).filter(pk=professional.pk).exists():
        raise BadOffer(
            "Ce médecin n'est pas dans l'annuaire de la CPTS, ou n'y suit pas de patients."
        )
    if not 0 <= said.per_month <= PER_MONTH_MAX:
        raise BadOffer(f"Indiquez un nombre de patients par mois, de 0 à {PER_MONTH_MAX}.")
    if not today <= (said.from_on or today) <= said.until_on:
        raise BadOffer("La date de fin précède la date de début, ou le début est passé.")
    if said.until_on > latest:
        raise BadOffer(f"Une offre se redit au plus tard le {latest:%d/%m/%Y} : choisissez avant.")
    if not 0 <= said.age_from <= said.age_to <= AGE_MAX:
        raise BadOffer("L'âge le plus haut est avant l'âge le plus bas.")
    if said.travel_minutes is not None and said.travel_minutes < 1:
        raise BadOffer("Le trajet se dit en minutes, une au moins.")
    return said


@transaction.atomic
def record_offer(*, by: Actor, cpts: Cpts, professional: Professional, offer: Offer) -> DoctorOffer:
    """What a doctor says of the residents they may take, signed in or through the coordination. It
    replaces what they said before and answers the question that waits; said twice, it counts once.

    Raises NotAllowed, MtNotSet, BadOffer.
    """
    if not can_offer(by, cpts, professional):
        raise NotAllowed("Un médecin dit lui-même son offre, ou la coordination pour lui.")
    return _record(by, cpts, professional, offer)


@transaction.atomic
def answer_by_link(*, by: Actor, asked: DoctorOffer, offer: Offer) -> DoctorOffer:
    """The same by the signed link of a question. Raises NotAllowed, OfferOver, BadOffer, MtNotSet."""
    if not can_answer_link(by, asked):
        raise NotAllowed("Ce lien ne répond pas à cette question.")
    asked = DoctorOffer.objects.select_for_update(of=("self",)).get(pk=asked.pk)
    if asked.answered_at is not None or asked.ended_at is not None:
        raise OfferOver("Cette question n'attend plus de réponse.")
    return _record(by, asked.cpts, asked.professional, offer)


def _record(by: Actor, cpts: Cpts, professional: Professional, said: Offer) -> DoctorOffer:
    said = _check(cpts, professional, said)
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    now = timezone.now()
    words = asdict(said) | {"from_on": said.from_on or timezone.localdate(now)}
    theirs = DoctorOffer.objects.filter(cpts=cpts, professional=professional)
    same, asked = theirs.standing().filter(**words).first(), theirs.asked().first()
    if same is not None and asked is None:
        return same
    theirs.standing().update(ended_at=now)
    held = asked or DoctorOffer(cpts=cpts, professional=professional)
    held.answered_at, held.answered_by_id = now, by.seat_id
    held.answered_via = _via(by, cpts)
    for name, value in words.items():
        setattr(held, name, value)
    held.save()
    journal.record("mt.offer_recorded", held, by=by, cpts=cpts, per_month=said.per_month)
    pulse.bump(cpts.pk)
    return held


def _via(by: Actor, cpts: Cpts) -> str:
    if by.kind == "link":
        return AnsweredVia.LINK
    return AnsweredVia.COORDINATION if can_ask_doctors(by, cpts) else AnsweredVia.PAGE


@transaction.atomic
def withdraw_offer(*, by: Actor, offer: DoctorOffer) -> DoctorOffer:
    """Nobody is proposed to this doctor any more. Twice counts once. Raises NotAllowed."""
    if not (can_offer(by, offer.cpts_id, offer.professional) or can_answer_link(by, offer)):
        raise NotAllowed("Un médecin retire lui-même son offre, ou la coordination pour lui.")
    offer = DoctorOffer.objects.select_for_update(of=("self",)).get(pk=offer.pk)
    if offer.ended_at is None:
        offer.ended_at = timezone.now()
        offer.save(update_fields=["ended_at"])
        journal.record("mt.offer_withdrawn", offer, by=by, cpts=offer.cpts_id)
        pulse.bump(offer.cpts_id)
    return offer


# The ladder of reminders: what happens because time passes


@transaction.atomic
def remind_doctor(*, by: Actor, offer: DoctorOffer) -> DoctorOffer:
    """No answer: asked again by the same link; after the last reminder the question ends unanswered.

    Raises NotAllowed, OfferOver (answered, or reminded meanwhile).
    """
    if by.kind != "system":
        raise NotAllowed("Seule l'horloge relance.")
    offer = (
        DoctorOffer.objects.select_for_update(of=("self",))
        .select_related("cpts", "professional")
        .get(pk=offer.pk)
    )
    now, settings = timezone.now(), settings_of(offer.cpts)
    last = offer.reminded_at or offer.asked_at
    if offer.answered_at is not None or offer.ended_at is not None:
        raise OfferOver("Cette question n'attend plus de réponse.")
    if last > now - dt.timedelta(days=settings.remind_days):
        raise OfferOver("Déjà relancé.")
    if offer.reminders >= settings.reminders_max:
        offer.ended_at = now
    else:
        offer.reminders, offer.reminded_at = offer.reminders + 1, now
    offer.save()
    journal.record(
        "mt.doctor_silent" if offer.ended_at else "mt.doctor_reminded",
        offer,
        by=by,
        cpts=offer.cpts_id,
        reminders=offer.reminders,
    )
    if offer.ended_at is None:
        tell_doctor(offer, by=by)
    pulse.bump(offer.cpts_id, reach=pulse.Reach.BOARD)
    return offer


@transaction.atomic
def expire_offer(*, by: Actor, offer: DoctorOffer) -> DoctorOffer:
    """The last day of an offer is over: it ends, and the doctor is asked again.

    Raises NotAllowed, OfferOver (ended meanwhile, or not over).
    """
    if by.kind != "system":
        raise NotAllowed("Seule l'horloge termine une offre.")
    offer = (
        DoctorOffer.objects.select_for_update(of=("self",))
        .select_related("cpts", "professional")
        .get(pk=offer.pk)
    )
    today = timezone.localdate()
    if offer.ended_at is not None or offer.until_on is None or offer.until_on >= today:
        raise OfferOver("Cette offre n'est pas à son terme.")
    offer.ended_at = timezone.now()
    offer.save(update_fields=["ended_at"])
    journal.record("mt.offer_expired", offer, by=by, cpts=offer.cpts_id)
    if offer.professional in doctors_to_ask(offer.cpts, today):
        _ask(by, offer.cpts, offer.professional)
    pulse.bump(offer.cpts_id)
    return offer
