"""What one CPTS knows of structures: its list, contacts by service, who works there."""

import datetime as dt

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models, transaction
from django.utils import timezone

from maillage.accounts.models import Seat
from maillage.directory.actions.records import NOTE_MAX, write_note
from maillage.directory.models import (
    CptsStructure,
    Structure,
    StructureContact,
    StructureMember,
)
from maillage.directory.rules import can_edit_directory
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.identifiers import phone_digits
from maillage.kernel.permissions import Actor
from maillage.territory.models import Cpts


class StructureRefused(DomainError):
    """The list of structures of the CPTS cannot be changed as asked."""


class ContactRefused(DomainError):
    """The contact cannot be kept as given: service, telephone, mail or dates."""


class MemberRefused(DomainError):
    """Nobody can be said to work there as asked: seat or dates."""


def _check_editor(by: Actor, cpts: Cpts | int) -> None:
    if not can_edit_directory(by, cpts):
        raise NotAllowed("Seul un coordinateur de la CPTS change sa liste de structures.")


def _done(action: str, target: models.Model, *, by: Actor, cpts_id: int, **data: object) -> None:
    """The journal's line, then the screens."""
    journal.record(action, target, by=by, cpts=cpts_id, **data)
    pulse.bump(cpts_id)


def _locked(record: CptsStructure) -> CptsStructure:
    return CptsStructure.objects.select_for_update(of=("self",)).get(pk=record.pk)


def _locked_in_list(record: CptsStructure) -> CptsStructure:
    record = _locked(record)
    if record.until_on is not None and record.until_on <= timezone.localdate():
        raise StructureRefused("Cette structure n'est plus dans la liste de la CPTS.")
    return record


# The list


@transaction.atomic
def add_structure(
    *, by: Actor, cpts: Cpts, structure: Structure, since_on: dt.date | None = None
) -> CptsStructure:
    """Put a structure in the list of the CPTS; one that left comes back, with what was known.

    Raises NotAllowed, StructureRefused (already there, closed).
    """
    _check_editor(by, cpts)
    since_on = since_on or timezone.localdate()
    # Held, so that two coordinators adding the same structure do not meet on the unique key.
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    if structure.closed_on is not None and structure.closed_on <= since_on:
        raise StructureRefused("Cette structure est fermée.")
    record = CptsStructure.objects.filter(cpts=cpts, structure=structure).first()
    if record is None:
        record = CptsStructure.objects.create(cpts=cpts, structure=structure, since_on=since_on)
    elif record.until_on is None:
        raise StructureRefused("Cette structure est déjà dans la liste de la CPTS.")
    else:
        record.since_on, record.until_on = since_on, None
        record.save(update_fields=["since_on", "until_on"])
    _done("directory.structure_added", record, by=by, cpts_id=cpts.pk, finess=structure.pk)
    return record


@transaction.atomic
def remove_structure(*, by: Actor, record: CptsStructure) -> CptsStructure:
    """Take a structure out of the list of the CPTS, from today on; what is known of it stays.

    Raises NotAllowed, StructureRefused.
    """
    _check_editor(by, record.cpts_id)
    record = _locked(record)
    if record.until_on is not None:
        raise StructureRefused("Cette structure n'est plus dans la liste de la CPTS.")
    record.until_on = max(timezone.localdate(), record.since_on)
    record.save(update_fields=["until_on"])
    _done("directory.structure_removed", record, by=by, cpts_id=record.cpts_id)
    return record


@transaction.atomic
def note_structure(*, by: Actor, record: CptsStructure, note: str, version: int) -> CptsStructure:
    """Write the CPTS's own note on a structure, from the `version` the person had read.

    Raises NotAllowed, StructureRefused, LostUpdate (somebody wrote something else since).
    """
    _check_editor(by, record.cpts_id)
    if len(note) > NOTE_MAX:
        raise StructureRefused(f"La note est limitée à {NOTE_MAX} caractères.")
    record = _locked(record)
    if write_note(record, note, version):
        _done("directory.structure_noted", record, by=by, cpts_id=record.cpts_id)
    return record


# Contacts by service


def _reach(service: str, phone: str, email: str) -> dict[str, str]:
    """The words of a contact, checked: a service, and one way at least to reach it."""
    service, phone, email = service.strip(), phone.strip(), email.strip()
    if not service or len(service) > 80:
        raise ContactRefused("Nommez le service, en 80 caractères au plus.")
    if not phone and not email:
        raise ContactRefused("Indiquez un téléphone ou un courriel.")
    digits = phone_digits(phone) if phone else ""
    if digits is None:
        raise ContactRefused(f"« {phone} » n'est pas un numéro de téléphone.")
    if email:
        try:
            validate_email(email)
        except ValidationError as error:
            raise ContactRefused(f"« {email} » n'est pas une adresse électronique.") from error
    return {"service": service, "phone": digits, "email": email}


def _locked_contact(contact: StructureContact) -> StructureContact:
    """A contact that may still be changed: not over."""
    contact = StructureContact.objects.select_for_update(of=("self",)).get(pk=contact.pk)
    if contact.until_on is not None and contact.until_on <= timezone.localdate():
        raise ContactRefused("Ce contact n'est plus valable.")
    return contact


def _end(row: StructureContact | StructureMember) -> None:
    row.until_on = max(timezone.localdate(), row.from_on)
    row.save(update_fields=["until_on"])


@transaction.atomic
def add_contact(
    *,
    by: Actor,
    record: CptsStructure,
    service: str,
    phone: str = "",
    email: str = "",
    from_on: dt.date | None = None,
    until_on: dt.date | None = None,
) -> StructureContact:
    """Write how to reach a service of a structure, from a day to another (excluded).

    Raises NotAllowed, ContactRefused, StructureRefused (no longer in the list).
    """
    _check_editor(by, record.cpts_id)
    reach = _reach(service, phone, email)
    from_on = from_on or timezone.localdate()
    if until_on is not None and until_on <= from_on:
        raise ContactRefused("La date de fin précède la date de début.")
    record = _locked_in_list(record)
    live = StructureContact.objects.filter(record=record, **reach).exclude(until_on__lte=from_on)
    if live.exists():
        raise ContactRefused("Ce contact est déjà noté.")
    contact = StructureContact.objects.create(
        cpts_id=record.cpts_id, record=record, from_on=from_on, until_on=until_on, **reach
    )
    _done("directory.contact_added", contact, by=by, cpts_id=record.cpts_id, record=record.pk)
    return contact


@transaction.atomic
def change_contact(
    *, by: Actor, contact: StructureContact, service: str, phone: str = "", email: str = ""
) -> StructureContact:
    """Replace a contact from today on; the former stays in the history. Returns the new one.

    Raises NotAllowed, ContactRefused (nothing changes, no longer valid).
    """
    _check_editor(by, contact.cpts_id)
    reach = _reach(service, phone, email)
    contact = _locked_contact(contact)
    if all(getattr(contact, name) == value for name, value in reach.items()):
        raise ContactRefused("Rien ne change.")
    until_on, today = contact.until_on, timezone.localdate()
    _end(contact)
    changed = StructureContact.objects.create(
        cpts_id=contact.cpts_id,
        record_id=contact.record_id,
        from_on=max(today, contact.from_on),
        until_on=until_on,
        checked_on=today,
        **reach,
    )
    _done("directory.contact_changed", changed, by=by, cpts_id=contact.cpts_id, former=contact.pk)
    return changed


@transaction.atomic
def check_contact(*, by: Actor, contact: StructureContact) -> StructureContact:
    """Say that a contact was made sure of today. Raises NotAllowed, ContactRefused."""
    _check_editor(by, contact.cpts_id)
    contact = _locked_contact(contact)
    contact.checked_on = timezone.localdate()
    contact.save(update_fields=["checked_on"])
    _done("directory.contact_checked", contact, by=by, cpts_id=contact.cpts_id)
    return contact


@transaction.atomic
def end_contact(*, by: Actor, contact: StructureContact) -> StructureContact:
    """A contact is no longer valid, from today on; it stays in the history.

    Raises NotAllowed, ContactRefused.
    """
    _check_editor(by, contact.cpts_id)
    contact = _locked_contact(contact)
    _end(contact)
    _done("directory.contact_ended", contact, by=by, cpts_id=contact.cpts_id)
    return contact


# Who works there


@transaction.atomic
def add_member(
    *,
    by: Actor,
    record: CptsStructure,
    seat: Seat,
    function: str = "",
    from_on: dt.date | None = None,
) -> StructureMember:
    """Say that somebody with an active seat in the CPTS works for this structure.

    Raises NotAllowed, MemberRefused, StructureRefused (no longer in the list).
    """
    _check_editor(by, record.cpts_id)
    record = _locked_in_list(record)
    today = timezone.localdate()
    if not Seat.objects.active(today).filter(pk=seat.pk, cpts=record.cpts_id).exists():
        raise MemberRefused("Cette personne n'a pas de rôle actif dans la CPTS.")
    if len(function) > 80:
        raise MemberRefused("La fonction est limitée à 80 caractères.")
    members = StructureMember.objects.filter(record=record, seat=seat)
    if members.exclude(until_on__lte=from_on or today).exists():
        raise MemberRefused("Cette personne travaille déjà pour cette structure.")
    member = StructureMember.objects.create(
        cpts_id=record.cpts_id,
        record=record,
        seat=seat,
        function=function.strip(),
        from_on=from_on or today,
    )
    _done(
        "directory.member_added",
        member,
        by=by,
        cpts_id=record.cpts_id,
        record=record.pk,
        seat=seat.pk,
    )
    return member


@transaction.atomic
def end_member(*, by: Actor, member: StructureMember) -> StructureMember:
    """Somebody no longer works for this structure, from today on. Raises NotAllowed, MemberRefused."""
    _check_editor(by, member.cpts_id)
    member = StructureMember.objects.select_for_update(of=("self",)).get(pk=member.pk)
    if member.until_on is not None:
        raise MemberRefused("Cette personne ne travaille plus pour cette structure.")
    _end(member)
    _done("directory.member_ended", member, by=by, cpts_id=member.cpts_id)
    return member
