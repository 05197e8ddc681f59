"""Structures: the list of a CPTS, the national list, what the page of one shows."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch, Q
from django.utils import timezone
from django_scopes import scopes_disabled

from maillage.accounts.models import Seat
from maillage.directory.models import (
    CptsStructure,
    Structure,
    StructureContact,
    StructureKind,
    StructureMember,
)
from maillage.kernel.identifiers import fold
from maillage.territory.models import Commune, Cpts


def _matching(text: str, prefix: str = "") -> Q:
    """Every word is in the name or the category; a FINESS number is found by its beginning."""
    number = "".join(text.split()).upper()
    if number[:1].isdigit() and len(number) >= 5:
        return Q(**{f"{prefix}pk__startswith": number})
    wanted = Q()
    for word in fold(text).split():
        wanted &= Q(**{f"{prefix}search_key__contains": word})
    return wanted


def structures_of(cpts: Cpts, text: str = "", *, kind: str = "", commune: str = ""):
    """The list of the CPTS today, with the contacts in force. Inside its scope."""
    today = timezone.localdate()
    found = CptsStructure.objects.in_force(today).filter(cpts=cpts)
    found = found.filter(_matching(text, "structure__"))
    if kind:
        found = found.filter(structure__kind=kind)
    if commune:
        found = found.filter(structure__commune=commune)
    contacts = StructureContact.objects.in_force(today)
    return found.select_related("structure__kind", "structure__commune").prefetch_related(
        Prefetch("contacts", queryset=contacts, to_attr="contacts_now")
    )


def structure_kinds_of(cpts: Cpts):
    """Categories found in the list of the CPTS, for the filter."""
    records = CptsStructure.objects.in_force(timezone.localdate()).filter(cpts=cpts)
    return StructureKind.objects.filter(pk__in=records.values("structure__kind"))


def structure_communes_of(cpts: Cpts):
    """Communes found in the list of the CPTS, for the filter."""
    records = CptsStructure.objects.in_force(timezone.localdate()).filter(cpts=cpts)
    return Commune.objects.filter(pk__in=records.values("structure__commune"))


def addable_structures(cpts: Cpts, text: str = "", *, commune: str = ""):
    """Open establishments of the national list that are not in that of the CPTS.

    Without a word or a commune: those of its perimeter.
    """
    today = timezone.localdate()
    listed = CptsStructure.objects.in_force(today).filter(cpts=cpts)
    found = Structure.objects.open_on(today).exclude(pk__in=listed.values("structure"))
    found = found.filter(_matching(text)).select_related("kind", "commune")
    if commune:
        return found.filter(commune=commune)
    if not text.strip():
        return found.filter(commune__in=Commune.objects.in_cpts(cpts, today).values("pk"))
    return found


@dataclass(frozen=True, slots=True)
class StructureSheet:
    """What the page of a structure shows: in force, to come, and the history."""

    record: CptsStructure
    contacts: list[StructureContact]
    later: list[StructureContact]
    former: list[StructureContact]
    members: list[StructureMember]
    former_members: list[StructureMember]


def structure_sheet(record: CptsStructure, on: dt.date) -> StructureSheet:
    """Inside the scope of its CPTS. A seat that gives no right on that day is not shown as working."""
    record = CptsStructure.objects.select_related("structure__kind", "structure__commune").get(
        pk=record.pk
    )
    contacts = list(StructureContact.objects.filter(record=record))
    over = [each for each in contacts if each.until_on is not None and each.until_on <= on]
    later = [each for each in contacts if each.from_on > on and each not in over]
    members = list(
        StructureMember.objects.filter(record=record, from_on__lte=on).select_related("seat__user")
    )
    active = set(
        Seat.objects.active(on)
        .filter(pk__in=[each.seat_id for each in members])
        .values_list("pk", flat=True)
    )
    now = [
        each
        for each in members
        if each.seat_id in active and (each.until_on is None or each.until_on > on)
    ]
    return StructureSheet(
        record=record,
        contacts=[each for each in contacts if each not in over and each not in later],
        later=later,
        former=sorted(over, key=lambda each: (each.until_on, each.pk), reverse=True),
        members=now,
        former_members=[each for each in members if each not in now],
    )


def seats_to_add(record: CptsStructure, on: dt.date):
    """Active seats of the CPTS that do not work for this structure yet."""
    held = StructureMember.objects.in_force(on).filter(record=record)
    return (
        Seat.objects.active(on)
        .filter(cpts=record.cpts_id)
        .exclude(pk__in=held.values("seat"))
        .select_related("user")
        .order_by("user__family_name", "user__given_name", "pk")
    )


def structures_of_seats(seats: Iterable[Seat], on: dt.date) -> dict[int, list[str]]:
    """By seat, the names of the structures it works for on the day `on`: one's own seats only."""
    by_seat: dict[int, list[str]] = defaultdict(list)
    with scopes_disabled():
        members = list(
            StructureMember.objects.in_force(on)
            .filter(seat__in=[each.pk for each in seats])
            .order_by("record__structure__name", "pk")
            .values_list("seat", "record__structure__name")
        )
    for seat_id, name in members:
        by_seat[seat_id].append(name)
    return dict(by_seat)
