"""The desk's dated settings: a change is a new row, validated by somebody."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from maillage.availability.enums import HORIZON_DAYS
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed, Unchanged
from maillage.kernel.permissions import Actor
from maillage.snp.enums import HoursKind
from maillage.snp.models import DeskHours, DeskSettings, RedFlag, RedFlagList
from maillage.snp.rules import can_set_desk
from maillage.territory.models import Cpts

LABEL_MAX = 200
SEARCH_HOURS_MAX = 24 * HORIZON_DAYS


class BadSettings(DomainError):
    """A setting that cannot hold."""


def _check(
    values: Mapping[str, Any], spans: Mapping[HoursKind, list[tuple[int, int, int]]]
) -> None:
    for kind, found in spans.items():
        for (day, _, closes), (next_day, opens, _) in zip(found, found[1:], strict=False):
            if day == next_day and opens < closes:
                raise BadSettings(f"Deux plages se chevauchent ({kind.label}).")
    if values.get("out_of_hours_number") and not values.get("out_of_hours_source"):
        raise BadSettings("Indiquez la source du numéro hors des heures.")
    if not 1 <= values["search_hours"] <= SEARCH_HOURS_MAX:
        raise BadSettings(
            f"Un créneau se cherche dans les {SEARCH_HOURS_MAX} heures au plus "
            f"({HORIZON_DAYS} jours), une au moins."
        )


def _works_so(wanted: DeskSettings, spans: Mapping[HoursKind, list[tuple[int, int, int]]]) -> bool:
    """Whether the desk already works as wanted, for the same reason, at the moment it would begin."""
    found = DeskSettings.objects.filter(cpts=wanted.cpts).in_force(wanted.valid_from).first()
    written = {each.name for each in DeskSettings._meta.concrete_fields}
    said = written - {"id", "cpts", "valid_from", "set_by"}
    if found is None or any(getattr(found, name) != getattr(wanted, name) for name in said):
        return False
    hours = {kind: [] for kind in spans}
    for each in found.hours.all():
        hours[HoursKind(each.kind)].append((each.weekday, each.opens_minute, each.closes_minute))
    return {kind: sorted(each) for kind, each in hours.items()} == dict(spans)


@transaction.atomic
def set_desk(
    *,
    by: Actor,
    cpts: Cpts,
    values: Mapping[str, Any],
    hours: Iterable[tuple[int, int, int]],
    source: str,
    pdsa_hours: Iterable[tuple[int, int, int]] = (),
    valid_from: dt.datetime | None = None,
) -> DeskSettings:
    """Set how the desk works from `valid_from` (now by default).

    `values` are the columns of DeskSettings; `hours` of the desk and `pdsa_hours` are (weekday, 7 for
    a public holiday, opens, closes) in minutes of the wall clock.

    Raises NotAllowed, BadSettings, Unchanged (that is how the desk works at that moment).
    """
    if not can_set_desk(by, cpts):
        raise NotAllowed(
            "Seuls le coordinateur et l'administrateur changent les réglages de la régulation."
        )
    spans = {HoursKind.DESK: sorted(hours), HoursKind.PDSA: sorted(pdsa_hours)}
    _check(values, spans)
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    settings = DeskSettings(
        cpts=cpts,
        valid_from=valid_from or timezone.now(),
        set_by_id=by.seat_id,
        source=source,
        **values,
    )
    if _works_so(settings, spans):
        raise Unchanged("Rien ne change : ces réglages sont déjà en service.")
    settings.save()
    DeskHours.objects.bulk_create(
        DeskHours(
            cpts=cpts,
            settings=settings,
            kind=kind,
            weekday=day,
            opens_minute=opens,
            closes_minute=closes,
        )
        for kind, found in spans.items()
        for day, opens, closes in found
    )
    journal.record("snp.desk_set", settings, by=by, cpts=cpts)
    pulse.bump(cpts.pk)
    return settings


def _is_in_force(cpts: Cpts, at: dt.datetime, said: Mapping[str, Any], labels: list[str]) -> bool:
    """Whether the list of that moment says the same signs, in the same order, validated the same."""
    found = RedFlagList.objects.filter(cpts=cpts).in_force(at).first()
    if found is None or any(getattr(found, name) != value for name, value in said.items()):
        return False
    return [flag.label for flag in found.flags.all()] == labels


@transaction.atomic
def validate_red_flags(
    *,
    by: Actor,
    cpts: Cpts,
    labels: Iterable[str],
    validated_by: str,
    validated_on: dt.date,
    is_example: bool = False,
    valid_from: dt.datetime | None = None,
) -> RedFlagList:
    """Put a new list of signs in force, validated by a named doctor.

    Raises NotAllowed, BadSettings, Unchanged (that list is in force, validated by the same that day).
    """
    if not can_set_desk(by, cpts):
        raise NotAllowed(
            "Seuls le coordinateur et l'administrateur enregistrent la liste des signes d'alerte."
        )
    kept = list(dict.fromkeys(" ".join(label.split()) for label in labels if label.strip()))
    if not kept:
        raise BadSettings("La liste des signes d'alerte ne peut pas être vide.")
    if any(len(label) > LABEL_MAX for label in kept):
        raise BadSettings(f"Un signe d'alerte tient en {LABEL_MAX} caractères : un par ligne.")
    if validated_on > timezone.localdate():
        raise BadSettings("La date de validation de la liste est encore à venir.")
    if not validated_by.strip():
        raise BadSettings("Indiquez le médecin de la CPTS qui a validé la liste.")
    valid_from = valid_from or timezone.now()
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    said = {
        "validated_by": validated_by.strip(),
        "validated_on": validated_on,
        "is_example": is_example,
    }
    if _is_in_force(cpts, valid_from, said, kept):
        raise Unchanged("Rien ne change : cette liste, ainsi validée, est déjà en service.")
    flag_list = RedFlagList.objects.create(cpts=cpts, valid_from=valid_from, **said)
    RedFlag.objects.bulk_create(
        RedFlag(cpts=cpts, flag_list=flag_list, position=position, label=label)
        for position, label in enumerate(kept, start=1)
    )
    journal.record("snp.red_flags_validated", flag_list, by=by, cpts=cpts, signs=len(kept))
    pulse.bump(cpts.pk)
    return flag_list
