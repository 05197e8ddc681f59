"""How long a row may be kept: declared beside its columns; the durations are dated settings.

A model about a person says its class, from when the time counts, and what is emptied at the first
limit. The purge, the erasure of one person and the export of what is held on them all read this.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models.expressions import Combinable

from maillage.kernel.fields import KeyedHashField, SealedTextField


class RetentionClass(models.TextChoices):
    """What a row is about. One class, one set of durations."""

    NOBODY = "none", "aucune personne"
    CARE_REQUEST = "care_request", "demandes de soins"
    RESIDENT = "resident", "fiches d'habitants"
    CONSENT = "consent", "informations données et accords de partage"
    NOTICE = "notice", "messages envoyés"
    SEAT = "seat", "comptes et rôles"
    TOKEN = "token", "sessions et liens à usage limité"
    AVAILABILITY = "availability", "disponibilités et astreintes"
    DIRECTORY = "directory", "annuaire des professionnels"
    DECISION = "decision", "décisions signées de la CPTS"
    JOURNAL = "journal", "journal des actes et des accès"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What becomes of the rows of one table.

    `ends`: the column, path or expression (or what makes it) the time counts from, a day or an
    instant; while it is NULL nothing counts. `part_of`: the foreign key to the row this one lives and
    goes with; its clock is that row's. `erases`: columns emptied at the first limit, and what is left
    in them (the table, or the one it is part of, has `erased_at`); `goes_first`: the whole row is
    deleted at the first limit. `is_deleted`: the row goes at the second limit, once nothing else
    refers to it. `counted_by`: columns by which rows are counted before they go. `holds`: foreign
    keys to rows that stay while this one is not over. `reason`: why no duration applies.
    """

    kind: RetentionClass = RetentionClass.NOBODY
    reason: str = ""
    ends: str | Combinable | Callable[[], Combinable] | None = None
    part_of: str = ""
    erases: Mapping[str, Any] = field(default_factory=dict)
    goes_first: bool = False
    is_deleted: bool = True
    counted_by: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()


def nobody(reason: str) -> Retention:
    """A table about no person, or with no more than the opaque number of a seat."""
    return Retention(reason=reason, is_deleted=False)


# Tables of the libraries, which cannot say it themselves.
LIBRARIES: dict[str, Retention] = {
    "auth.Permission": nobody("mots du cadre technique"),
    "auth.Group": nobody("non utilisée"),
    "contenttypes.ContentType": nobody("liste des tables"),
    "sessions.Session": Retention(kind=RetentionClass.TOKEN, ends="expire_date"),
    "account.EmailAddress": Retention(
        kind=RetentionClass.SEAT, part_of="user", goes_first=True, is_deleted=False
    ),
    "account.EmailConfirmation": Retention(kind=RetentionClass.TOKEN, ends="created"),
    "usersessions.UserSession": Retention(kind=RetentionClass.TOKEN, ends="last_seen_at"),
    "mfa.Authenticator": Retention(
        kind=RetentionClass.SEAT, part_of="user", goes_first=True, is_deleted=False
    ),
}


def retention_of(model: type[models.Model]) -> Retention | None:
    """What a table declares itself, or what is declared for a library's; None: nobody said."""
    return vars(model).get("retention") or LIBRARIES.get(model._meta.label)


def undeclared() -> list[str]:
    """Tables that say nothing, or say it badly. A table in this list fails the build."""
    return [f"{model._meta.label}: {why}" for model in apps.get_models() if (why := _fault(model))]


def _fault(model: type[models.Model]) -> str:
    said = retention_of(model)
    if said is None:
        return "no retention"
    # What is worth sealing identifies somebody: it is emptied in its time.
    sealed = {
        field.name
        for field in model._meta.concrete_fields
        if isinstance(field, SealedTextField | KeyedHashField)
    }
    if sealed - set(said.erases):
        return f"never emptied {sorted(sealed - set(said.erases))}"
    if said.kind == RetentionClass.NOBODY:
        return "" if said.reason else "nobody, without a reason"
    if not (said.ends or said.part_of or said.reason):
        return "no instant to count from, and no reason"
    columns = {each.name for each in model._meta.get_fields()}
    unknown = {*said.erases, *said.holds, *said.counted_by, *filter(None, [said.part_of])} - columns
    return f"unknown columns {sorted(unknown)}" if unknown else ""


def declared(*kinds: RetentionClass) -> list[tuple[type[models.Model], Retention]]:
    """Tables of these classes (all but NOBODY when none is named), with what they declare."""
    wanted = set(kinds) or set(RetentionClass) - {RetentionClass.NOBODY}
    found = ((model, retention_of(model)) for model in apps.get_models())
    return [(model, said) for model, said in found if said is not None and said.kind in wanted]


def parts_of(
    model: type[models.Model],
) -> list[tuple[type[models.Model], str, Retention]]:
    """Tables that live and go with this one: the table, its foreign key, what it declares."""
    return [
        (part, said.part_of, said)
        for part, said in declared()
        if said.part_of and part._meta.get_field(said.part_of).related_model is model
    ]
