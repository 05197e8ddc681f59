"""Everything that is held on one person, found by following the foreign keys of the tables."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django_scopes import scopes_disabled

from maillage.accounts.models import Notice, Seat, User
from maillage.availability.models import Booking
from maillage.directory.models import Professional
from maillage.kernel.fields import SealedDateField, hashes_of
from maillage.kernel.retention import RetentionClass, declared, retention_of
from maillage.kernel.words import full_date
from maillage.medecin_traitant.models import Attribution, DoctorRequest
from maillage.residents.models import Resident
from maillage.rights.enums import COLUMNS, TITLES
from maillage.rights.queries.due import Table, pointing_at
from maillage.snp.models import CareRequest, Proposal
from maillage.snp.queries import slot_text
from maillage.territory.models import Commune

# A signed link acts for whoever holds it.
LINK = re.compile(r"https?://\S+")
NEVER_TOLD = {"password", "data", "session_key"}  # what opens an account stays in it


@dataclass(frozen=True, slots=True)
class Held:
    """The rows of one table: its name, its title, each row as (column, words)."""

    table: str
    title: str
    rows: list[list[tuple[str, str]]]


def rows_about(model: Table, pks: Iterable[Any]) -> dict[Table, set[Any]]:
    """Ids of these rows and of every row that refers to them, straight or through another."""
    found: dict[Table, set[Any]] = {model: set(pks)}
    new = [(model, set(pks))]
    while new:
        target, ids = new.pop()
        for other, field in pointing_at(target):
            theirs = other._base_manager.filter(**{f"{field.name}__in": ids})
            more = set(theirs.values_list("pk", flat=True)) - found.get(other, set())
            if more:
                found[other] = found.get(other, set()) | more
                new.append((other, more))
    return found


def notices_about(found: dict[Table, set[Any]]) -> models.QuerySet:
    """Messages written about these requests and proposals: their key says which."""
    keys = Q(pk__in=[])
    words = {"request": CareRequest, "proposal": Proposal, "doctor_request": DoctorRequest}
    words |= {"attribution": Attribution}
    for word, table in words.items():
        for pk in found.get(table, ()):
            keys |= Q(key__startswith=f"{word}:{pk}:")
    return Notice.objects.filter(keys)


def held_on(resident: Resident) -> list[Held]:
    """What the CPTS holds on a resident, the record first."""
    found = rows_about(Resident, [resident.pk])
    found[Notice] = set(notices_about(found).values_list("pk", flat=True))
    return [_told(model, pks) for model, pks in found.items() if pks]


def held_on_user(user: User) -> list[Held]:
    """What the platform holds on somebody who signs in: the account, its roles, its means to sign
    in, and the professional's own record with what they chose."""
    with scopes_disabled():  # one person's own, in every CPTS where they sit
        found = _rows_of_user(user)
        return [_told(model, pks) for model, pks in found.items() if pks]


def _rows_of_user(user: User) -> dict[Table, set[Any]]:
    found: dict[Table, set[Any]] = {User: {user.pk}}
    for model, said in declared(RetentionClass.SEAT, RetentionClass.TOKEN):
        theirs = {said.part_of, *said.holds, "user"}
        for field in model._meta.concrete_fields:
            if field.related_model is User and field.name in theirs:
                own = model._base_manager.filter(**{field.name: user.pk})
                found[model] = found.get(model, set()) | set(own.values_list("pk", flat=True))
    linked = user.professional_accounts.filter(ended_on=None).values_list("professional", flat=True)
    found[Professional] = set(linked)
    for model, _ in declared(RetentionClass.DIRECTORY, RetentionClass.AVAILABILITY):
        names = {field.name: field for field in model._meta.concrete_fields}
        if "professional" in names and "cpts" not in names:
            own = model._base_manager.filter(professional__in=found[Professional])
            found[model] = set(own.values_list("pk", flat=True))
    return found


def _told(model: Table, pks: set[Any]) -> Held:
    fields = [
        field
        for field in model._meta.concrete_fields
        if field.name not in NEVER_TOLD and field.name != "cpts" and not field.name.endswith("_key")
    ]
    keys = [field.name for field in fields if field.is_relation]
    rows = model._base_manager.filter(pk__in=pks).select_related(*keys).order_by("pk")
    return Held(
        table=model._meta.label,
        title=TITLES.get(model._meta.label, model._meta.label),
        rows=[[(column_name(f), _words(row, f)) for f in fields] for row in rows],
    )


def column_name(field: Any) -> str:
    name = str(field.verbose_name)
    return COLUMNS.get(name, name)


def _words(row: Any, field: Any) -> str:
    """A value as the person can read it; a colleague is told by role, a link is cut."""
    value = getattr(row, field.name)
    if value in (None, "", []):
        return ""
    if field.is_relation:
        return _linked(value)
    if field.choices:
        return str(getattr(row, f"get_{field.name}_display")())
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(field, models.DateTimeField):
        return f"{timezone.localtime(value):%d/%m/%Y %H:%M}"
    if isinstance(field, models.DateField | SealedDateField):
        return full_date(value)
    return LINK.sub("[lien]", str(value))


def _linked(value: Any) -> str:
    if isinstance(value, Seat):
        return str(value.get_role_display())
    if isinstance(value, Booking):
        return slot_text(value.slot)
    if isinstance(value, Professional | Commune):
        return str(value)
    return f"n° {value.pk}"


def open_requests(resident: Resident) -> list[CareRequest | DoctorRequest]:
    """What still has to be done for them: nothing of it may go."""
    return [
        *CareRequest.objects.filter(resident=resident, closed_at=None).order_by("number"),
        *DoctorRequest.objects.filter(resident=resident, closed_at=None).order_by("number"),
    ]


def same_number(resident: Resident) -> list[CareRequest]:
    """Requests over, of nobody named, with the number of the record: theirs, or their family's."""
    if not resident.phone:
        return []
    return list(
        CareRequest.objects.filter(
            cpts=resident.cpts_id,
            resident=None,
            phone_key__in=hashes_of(CareRequest, "phone_key", resident.phone, resident.cpts_id),
            erased_at=None,
        )
        .exclude(closed_at=None)
        .order_by("number")
    )


def has_columns_to_empty(model: Table) -> bool:
    """A table whose rows are emptied by themselves, not with another."""
    said = retention_of(model)
    return said is not None and bool(said.erases) and not said.part_of
