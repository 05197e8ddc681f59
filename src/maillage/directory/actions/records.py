"""What one CPTS knows of a professional: in its directory since when, and its own note."""

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from maillage.directory.actions.professionals import record_professional
from maillage.directory.enums import ProfessionalRow
from maillage.directory.models import CptsProfessional, CptsStructure, Professional
from maillage.directory.rules import can_edit_directory
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, LostUpdate, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.territory.models import Cpts

NOTE_MAX = 2000


class RecordRefused(DomainError):
    """The directory of the CPTS cannot be changed as asked."""


def _check_editor(by: Actor, cpts: Cpts) -> None:
    if not can_edit_directory(by, cpts):
        raise NotAllowed("Seul un coordinateur de la CPTS change son annuaire.")


def _locked(cpts: Cpts, professional: Professional) -> CptsProfessional:
    record = (
        CptsProfessional.objects.select_for_update(of=("self",))
        .filter(cpts=cpts, professional=professional)
        .first()
    )
    if record is None:
        raise RecordRefused("Ce professionnel n'est pas dans l'annuaire de la CPTS.")
    return record


@transaction.atomic
def add_many_to_cpts(
    *,
    by: Actor,
    cpts: Cpts,
    professionals: Iterable[Professional],
    joined_on: dt.date | None = None,
) -> int:
    """Put professionals in the directory of the CPTS; those already there stay. How many came in.

    Raises NotAllowed.
    """
    _check_editor(by, cpts)
    joined_on = joined_on or timezone.localdate()
    ids = {each.pk for each in professionals}
    # Held, so that two coordinators adding the same person do not meet on the unique key.
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    held = set(CptsProfessional.objects.filter(cpts=cpts).values_list("professional", flat=True))
    back = CptsProfessional.objects.filter(
        cpts=cpts, professional__in=ids, left_on__isnull=False
    ).update(joined_on=joined_on, left_on=None)
    new = [
        CptsProfessional(cpts=cpts, professional_id=pk, joined_on=joined_on)
        for pk in sorted(ids - held)
    ]
    CptsProfessional.objects.bulk_create(new, batch_size=500)
    count = back + len(new)
    if count:
        alone = next(iter(professionals)) if len(ids) == 1 else None
        journal.record("directory.added", alone, by=by, cpts=cpts, count=count)
        pulse.bump(cpts.pk)
    return count


@transaction.atomic
def add_to_cpts(
    *, by: Actor, cpts: Cpts, professional: Professional, joined_on: dt.date | None = None
) -> CptsProfessional:
    """Put one professional in the directory of the CPTS. Raises NotAllowed, RecordRefused."""
    if not add_many_to_cpts(by=by, cpts=cpts, professionals=[professional], joined_on=joined_on):
        raise RecordRefused("Ce professionnel est déjà dans l'annuaire de la CPTS.")
    return CptsProfessional.objects.get(cpts=cpts, professional=professional)


@transaction.atomic
def record_new_in_cpts(*, by: Actor, cpts: Cpts, row: ProfessionalRow) -> Professional:
    """Write a record nobody knew yet and put it in the directory of the CPTS.

    Raises NotAllowed (the number is known already), BadProfessional.
    """
    professional = record_professional(by=by, row=row)
    add_to_cpts(by=by, cpts=cpts, professional=professional)
    return professional


@transaction.atomic
def remove_from_cpts(*, by: Actor, cpts: Cpts, professional: Professional) -> CptsProfessional:
    """Take a professional out of the directory of the CPTS, from today on; the record stays.

    Raises NotAllowed, RecordRefused.
    """
    _check_editor(by, cpts)
    record = _locked(cpts, professional)
    if record.left_on is not None:
        raise RecordRefused("Ce professionnel est déjà sorti de l'annuaire de la CPTS.")
    record.left_on = max(timezone.localdate(), record.joined_on)
    record.save(update_fields=["left_on"])
    journal.record("directory.removed", professional, by=by, cpts=cpts)
    pulse.bump(cpts.pk)
    return record


@transaction.atomic
def note_professional(
    *, by: Actor, cpts: Cpts, professional: Professional, note: str, version: int
) -> CptsProfessional:
    """Write the CPTS's own note on one of its directory, from the `version` the person had read.

    Raises NotAllowed, RecordRefused, LostUpdate (somebody wrote something else since).
    """
    _check_editor(by, cpts)
    if len(note) > NOTE_MAX:
        raise RecordRefused(f"La note est limitée à {NOTE_MAX} caractères.")
    record = _locked(cpts, professional)
    if write_note(record, note, version):
        journal.record("directory.noted", professional, by=by, cpts=cpts)
    return record


def write_note(record: CptsProfessional | CptsStructure, note: str, version: int) -> bool:
    """Write the note of a locked record; False when it says that already. Raises LostUpdate."""
    note = note.strip()
    if record.note == note:
        return False
    if record.version != version:
        label = str(record._meta.get_field("note").verbose_name)
        said = (label[0].upper() + label[1:], record.note or "vide", note or "vide")
        raise LostUpdate(record.version, [said])
    record.note = note
    record.version += 1
    record.save(update_fields=["note", "version"])
    return True
