"""Open a CPTS; set its perimeter and its population."""

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.territory import rules
from maillage.territory.models import (
    Commune,
    CommuneFormerCode,
    CommunePart,
    Cpts,
    CptsCommune,
    CptsPopulation,
)


class UnknownCommune(DomainError):
    """A code that is not, or no longer, the code of a commune we hold."""


class SlugTaken(DomainError):
    """Another CPTS already answers at this address."""


class PerimeterRefused(DomainError):
    """The perimeter asked for contradicts itself or a later one."""


@transaction.atomic
def create_cpts(
    *,
    by: Actor,
    slug: str,
    name: str,
    finess: str = "",
    zone: str = "Europe/Paris",
    desk_phone: str = "",
) -> Cpts:
    """Open a tenant. Raises NotAllowed, SlugTaken."""
    if not rules.can_create_cpts(by):
        raise NotAllowed("Seul l'opérateur technique ouvre une CPTS.")
    if Cpts.objects.filter(slug=slug).exists():
        raise SlugTaken(f"L'adresse « {slug} » est déjà celle d'une CPTS.")
    cpts = Cpts.objects.create(
        slug=slug, name=name, finess=finess, zone=zone, desk_phone=desk_phone
    )
    journal.record("territory.cpts_created", cpts, by=by, cpts=cpts)
    pulse.bump(cpts.pk)
    return cpts


@transaction.atomic
def close_cpts(*, by: Actor, cpts: Cpts) -> Cpts:
    """Close a tenant: from the next request nobody enters it, links die, nothing more goes out. Its
    rows stay for as long as they must. Twice counts once. Raises NotAllowed."""
    if not rules.can_create_cpts(by):
        raise NotAllowed("Seul l'opérateur technique ferme une CPTS.")
    cpts = Cpts.objects.select_for_update(of=("self",)).get(pk=cpts.pk)
    if cpts.closed_at is None:
        cpts.closed_at = timezone.now()
        cpts.save(update_fields=["closed_at"])
        journal.record("territory.cpts_closed", cpts, by=by, cpts=cpts)
        pulse.bump(cpts.pk)
    return cpts


@transaction.atomic
def set_perimeter(
    *,
    by: Actor,
    cpts: Cpts,
    communes: Iterable[str],
    from_on: dt.date,
    parts: Iterable[CommunePart] = (),
    source: str = "",
    note: str = "",
) -> list[CptsCommune]:
    """The perimeter of a CPTS from the day `from_on`: what stays is kept, what goes ends that day.

    `communes`: INSEE codes of whole communes. `source` and `note` (what is not known) are shown on
    the page. Returns the rows in force. Raises NotAllowed, UnknownCommune, PerimeterRefused.
    """
    if not rules.can_set_perimeter(by, cpts):
        raise NotAllowed("Votre rôle ne permet pas de changer le périmètre de la CPTS.")
    cpts = Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    wanted = _wanted(communes, parts)
    rows = CptsCommune.objects.filter(cpts=cpts)
    later = rows.filter(from_on__gt=from_on).order_by("from_on").first()
    if later or rows.filter(until_on__gt=from_on).exists():
        raise PerimeterRefused("Un changement de périmètre plus récent est déjà enregistré.")
    now = {(row.commune_id, row.part_id): row for row in rows.in_force(from_on)}
    gone = [row for key, row in now.items() if key not in wanted]
    rows.filter(pk__in=[row.pk for row in gone], from_on=from_on).delete()
    rows.filter(pk__in=[row.pk for row in gone]).update(until_on=from_on)
    added = [
        CptsCommune(cpts=cpts, commune_id=insee, part_id=part, from_on=from_on)
        for insee, part in wanted
        if (insee, part) not in now
    ]
    CptsCommune.objects.bulk_create(added)
    texts = {"perimeter_source": source, "perimeter_note": note}
    if added or gone or any(getattr(cpts, name) != text for name, text in texts.items()):
        Cpts.objects.filter(pk=cpts.pk).update(**texts)
        journal.record(
            "territory.perimeter_set",
            cpts,
            by=by,
            cpts=cpts,
            from_on=from_on.isoformat(),
            added=len(added),
            ended=len(gone),
        )
        pulse.bump(cpts.pk)
    return list(rows.in_force(from_on).select_related("commune", "part"))


@transaction.atomic
def record_part(
    *,
    by: Actor,
    commune: Commune,
    name: str,
    population: int | None = None,
    year: int | None = None,
    source: str = "",
) -> CommunePart:
    """Name a part of a commune, with its own population when somebody published one.

    Recording the same name again replaces its figures. Raises NotAllowed, DomainError.
    """
    if not rules.can_record_part(by):
        raise NotAllowed("Seul l'opérateur technique enregistre une partie de commune.")
    if (population is None) != (year is None) or (population is not None and not source):
        raise DomainError("La population d'une partie de commune se donne avec année et source.")
    part, _ = CommunePart.objects.update_or_create(
        commune=commune,
        name=name,
        defaults={"population": population, "year": year, "source": source},
    )
    journal.record("territory.part_recorded", part, by=by, cpts=None, population=population)
    return part


@transaction.atomic
def record_population(
    *,
    by: Actor,
    cpts: Cpts,
    population: int,
    year: int,
    source: str,
    note: str = "",
    recorded_on: dt.date | None = None,
) -> CptsPopulation:
    """Record a published population beside the sum of the communes; earlier ones are kept.

    The same figure, year, source and note given again is not written twice.
    Raises NotAllowed, DomainError.
    """
    if not rules.can_record_population(by, cpts):
        raise NotAllowed("Votre rôle ne permet pas d'enregistrer la population de la CPTS.")
    if population <= 0 or not source:
        raise DomainError("La population enregistrée est un nombre positif, avec sa source.")
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    facts = {"population": population, "year": year, "source": source, "note": note}
    latest = CptsPopulation.objects.filter(cpts=cpts).first()
    if latest and all(getattr(latest, name) == value for name, value in facts.items()):
        return latest
    row = CptsPopulation.objects.create(
        cpts=cpts, recorded_on=recorded_on or timezone.localdate(), **facts
    )
    journal.record("territory.population_recorded", row, by=by, cpts=cpts, year=year)
    pulse.bump(cpts.pk)
    return row


def _wanted(
    communes: Iterable[str], parts: Iterable[CommunePart]
) -> dict[tuple[str, int | None], None]:
    """(code, part) in the order given, once each; whole communes and parts of others."""
    codes = list(dict.fromkeys(communes))
    known = set(Commune.objects.filter(pk__in=codes).values_list("pk", flat=True))
    if unknown := [code for code in codes if code not in known]:
        moved = dict(
            CommuneFormerCode.objects.filter(pk__in=unknown).values_list("code", "commune_id")
        )
        told = [f"{code} (devenu {moved[code]})" if code in moved else code for code in unknown]
        raise UnknownCommune(f"Code de commune inconnu : {', '.join(told)}.")
    wanted: dict[tuple[str, int | None], None] = {(code, None): None for code in codes}
    for part in parts:
        if part.commune_id in known:
            raise PerimeterRefused(
                f"{part.name} fait partie d'une commune déjà prise en entier ({part.commune_id})."
            )
        wanted[part.commune_id, part.pk] = None
    return wanted
