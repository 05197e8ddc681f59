"""Doctors: who is asked, what they answered, whose answer is awaited."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.medecin_traitant.enums import GENERAL_CARE
from maillage.medecin_traitant.models import DoctorOffer, MtSettings
from maillage.territory.models import Cpts


def doctors_of(cpts: Cpts, on: dt.date):
    """Those of the directory who may be a médecin traitant."""
    return Professional.objects.in_cpts(cpts, on).filter(
        profession=Profession.DOCTOR, speciality__in=GENERAL_CARE
    )


def doctors_to_ask(cpts: Cpts, on: dt.date) -> list[Professional]:
    """Doctors without an offer that stands on this day nor a question that waits."""
    offers = DoctorOffer.objects.filter(cpts=cpts, ended_at=None)
    known = offers.filter(Q(answered_at=None) | Q(until_on__gte=on)).values("professional")
    return list(doctors_of(cpts, on).exclude(pk__in=known))


def offer_of(cpts: Cpts, professional: Professional) -> DoctorOffer | None:
    """What the doctor last answered and did not take back."""
    return DoctorOffer.objects.filter(cpts=cpts, professional=professional).standing().first()


@dataclass(frozen=True, slots=True)
class OffersPage:
    """Answers that stand, questions that wait, and how many nobody asked."""

    standing: list[DoctorOffer]
    asked: list[DoctorOffer]
    to_ask: int
    per_month: int


def offers_of(cpts: Cpts) -> OffersPage:
    today = timezone.localdate()
    rows = DoctorOffer.objects.filter(cpts=cpts).select_related("professional")
    rows = rows.order_by("professional__family_name", "professional__given_name", "pk")
    standing = list(rows.standing())
    return OffersPage(
        standing=standing,
        asked=list(rows.asked()),
        to_ask=len(doctors_to_ask(cpts, today)),
        per_month=sum(
            each.per_month for each in standing if each.from_on <= today <= each.until_on
        ),
    )


def asked_due(cpts: Cpts, settings: MtSettings, now: dt.datetime) -> list[DoctorOffer]:
    """Questions without an answer for as long as there is between two reminders."""
    since = now - dt.timedelta(days=settings.remind_days)
    waiting = DoctorOffer.objects.filter(cpts=cpts).asked()
    late = Q(reminded_at=None, asked_at__lte=since) | Q(reminded_at__lte=since)
    return list(waiting.filter(late).select_related("professional", "cpts"))


def expired_offers(cpts: Cpts, today: dt.date) -> list[DoctorOffer]:
    """Answers whose last day is over."""
    over = DoctorOffer.objects.filter(cpts=cpts, until_on__lt=today).standing()
    return list(over.select_related("professional", "cpts"))


def listed_offers(cpts: Cpts, on: dt.date) -> list[DoctorOffer]:
    """Offers in force of the doctors who chose to be shown to everybody, and take somebody."""
    rows = DoctorOffer.objects.filter(cpts=cpts, is_public=True, per_month__gte=1).in_force(on)
    rows = rows.filter(professional__in=doctors_of(cpts, on).values("pk"))
    return list(rows.order_by("professional__family_name", "professional__given_name", "pk"))
