"""Requests that may be the same call as the one typed in, or as one another."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from maillage.kernel.fields import hashes_of
from maillage.kernel.identifiers import phone_digits
from maillage.kernel.permissions import Actor
from maillage.residents import queries as residents
from maillage.residents.models import Resident
from maillage.snp.enums import CareRequestStatus
from maillage.snp.models import CareRequest, DeskSettings
from maillage.snp.queries.desk import settings_of
from maillage.territory.models import Commune, Cpts

DOUBLES_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What two calls are compared by: the number to call back, or the name and the commune."""

    phone: str
    commune: Commune
    resident: Resident | None = None
    family_name: str = ""
    given_name: str = ""


def likely_doubles(
    by: Actor, cpts: Cpts, said: Said, *, settings: DeskSettings | None = None
) -> list[CareRequest]:
    """Requests still open, or received within the dated hours, with the same number, or with the
    same name in the same commune; the newest first. Merged ones are told through what they joined.
    `settings`: as just read."""
    now = timezone.now()
    settings = settings or settings_of(cpts, now)
    recent = now - dt.timedelta(hours=settings.double_hours)
    number = phone_digits(said.phone) or ""
    same = Q(phone_key__in=hashes_of(CareRequest, "phone_key", number, cpts.pk))
    if said.resident is not None:
        same |= Q(resident=said.resident)
    elif said.family_name.strip():
        same |= Q(
            resident__in=[
                each.pk
                for each in residents.find(
                    by,
                    cpts,
                    family_name=said.family_name,
                    given_name=said.given_name,
                    commune=said.commune,
                )
            ]
        )
    found = (
        CareRequest.objects.filter(same, cpts=cpts)
        .filter(Q(closed_at=None) | Q(received_at__gte=recent))
        .exclude(status=CareRequestStatus.MERGED)
        .order_by("-received_at", "-pk")
    )
    alike = list(found.values_list("pk", flat=True)[:DOUBLES_MAX])
    if not alike:  # nearly always, at every call: the wide read is for when there is something
        return []
    return list(found.filter(pk__in=alike).select_related("commune", "resident", "owner__user"))


def merge_choices(by: Actor, care_request: CareRequest) -> list[CareRequest]:
    """Open requests it may be merged into: those that look like it first, then the others on the
    board, the newest first."""
    said = Said(
        phone=care_request.phone,
        commune=care_request.commune,
        resident=care_request.resident,
    )
    alike = [each.pk for each in likely_doubles(by, care_request.cpts, said)]
    others = (
        CareRequest.objects.filter(cpts=care_request.cpts_id)
        .open()
        .exclude(pk=care_request.pk)
        .select_related("commune")
        .order_by("-received_at", "-pk")
    )
    return sorted(others, key=lambda each: each.pk not in alike)
