"""Lists sent by the CPAM: seen first, then loaded; played again they change nothing."""

import uuid
from dataclasses import dataclass

from django.db import transaction

from maillage.kernel import journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.identifiers import phone_digits
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.actions.intake import Intake, write_request
from maillage.medecin_traitant.enums import Channel, CpamFile, CpamRow, Quarantined
from maillage.medecin_traitant.models import DoctorRequest, MtSettings
from maillage.medecin_traitant.queries import settings_of
from maillage.medecin_traitant.rules import can_keep_requests
from maillage.residents import queries as residents
from maillage.residents.models import Resident
from maillage.residents.models import compared as folded
from maillage.territory.models import Commune, Cpts


class NoBasis(DomainError):
    """The CPTS recorded no legal basis for the lists of the CPAM."""


@dataclass(frozen=True, slots=True)
class CpamReport:
    """What became of a list: `created` of whom `matched` had a record, `unchanged`, put aside."""

    created: int
    matched: int
    unchanged: int
    quarantined: tuple[Quarantined, ...]
    dry_run: bool


@transaction.atomic
def load_cpam_list(*, by: Actor, cpts: Cpts, given: CpamFile, dry_run: bool = False) -> CpamReport:
    """Write a request for each person of a list who has none; `dry_run` says what would be done.

    Somebody who waits, or whose request ended, is left as they are. A line that cannot be kept, or
    that looks like a record without being surely the same person, is put aside with its reason.
    Raises NotAllowed, MtNotSet, NoBasis.
    """
    if not can_keep_requests(by, cpts):
        raise NotAllowed("Seul le guichet charge une liste de la CPAM.")
    settings = settings_of(cpts)
    if not settings.cpam_basis:
        raise NoBasis(
            "La CPTS n'a enregistré aucune base légale pour les listes de la CPAM : rien n'est chargé."
        )
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    before = transaction.savepoint()
    communes = Commune.objects.in_bulk({row.insee for row in given.rows})
    counts = {"created": 0, "matched": 0, "unchanged": 0}
    aside = list(given.refused)
    for row in given.rows:
        try:
            for word in _one(by, cpts, row, communes.get(row.insee), settings):
                counts[word] += 1
        except DomainError as error:
            aside.append(Quarantined(row.line, str(error)))
    aside.sort(key=lambda each: each.line)
    if dry_run:  # what would be done was done, and is undone
        transaction.savepoint_rollback(before)
    else:
        told = counts | {"quarantined": len(aside)}
        journal.record("mt.cpam_loaded", settings, by=by, cpts=cpts, **told)
    return CpamReport(**counts, quarantined=tuple(aside), dry_run=dry_run)


def _one(
    by: Actor, cpts: Cpts, row: CpamRow, commune: Commune | None, settings: MtSettings
) -> list[str]:
    """What is counted of one line; raises DomainError when it is put aside."""
    if commune is None:
        raise DomainError("commune inconnue")
    if row.phone and phone_digits(row.phone) is None:
        raise DomainError("ce n'est pas un numéro de téléphone")
    resident = _matched(by, cpts, row, commune)
    if resident is not None:
        theirs = DoctorRequest.objects.filter(cpts=cpts, resident=resident)
        if theirs.exists():
            return ["unchanged"]
    write_request(by, cpts, _intake(row, commune, resident, settings), settings)
    return ["created", "matched"] if resident is not None else ["created"]


def _matched(by: Actor, cpts: Cpts, row: CpamRow, commune: Commune) -> Resident | None:
    """The one record of this name, first name and birth date; raises DomainError when a record only
    looks like it."""
    found = residents.find(
        by,
        cpts,
        phone=row.phone,
        family_name=row.family_name,
        given_name=row.given_name,
        birth_date=row.birth_date,
        commune=commune,
    )
    said = (folded(row.family_name), folded(row.given_name), row.birth_date)
    same = [
        each
        for each in found
        if (folded(each.family_name), folded(each.given_name), each.birth_date) == said
    ]
    if len(same) == 1:
        return same[0]
    if found:
        raise DomainError("ressemble à une fiche connue : à comparer au guichet")
    return None


def _intake(
    row: CpamRow, commune: Commune, resident: Resident | None, settings: MtSettings
) -> Intake:
    return Intake(
        form_key=str(uuid.uuid4()),
        channel=Channel.CPAM_FILE,
        commune=commune,
        resident=resident,
        family_name=row.family_name,
        given_name=row.given_name,
        birth_date=row.birth_date,
        phone=row.phone,
        email=row.email,
        is_sure=True,
        ald=row.ald if settings.asks_ald else "",
        c2s=row.c2s if settings.asks_c2s else "",
    )
