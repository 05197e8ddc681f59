"""Finding a resident by keys compared for equality, never by a piece of a name."""

import datetime as dt
import re
import time
from functools import lru_cache

from django.db.models import Max, Q
from django.utils import timezone

from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.kernel.fields import hashes_of
from maillage.kernel.identifiers import fold, is_insee, phone_digits
from maillage.kernel.permissions import Actor
from maillage.residents.models import (
    InformationNotice,
    Resident,
    SharingAgreement,
    compared,
    name_and_birth,
    name_and_commune,
)
from maillage.residents.rules import can_find_residents
from maillage.territory.models import Commune, Cpts

FOUND_MAX = 50
SUGGESTED_SECONDS = 60
READ_MAX = 500


def phone_key(phone: str) -> str:
    """A telephone number as compared; empty when there is none or it is not one."""
    return phone_digits(phone) or ""


def find(
    actor: Actor,
    cpts: Cpts,
    *,
    phone: str = "",
    family_name: str = "",
    given_name: str = "",
    birth_date: dt.date | None = None,
    commune: Commune | None = None,
) -> list[Resident]:
    """Residents of the CPTS sharing a key: telephone, name and birth date, name and commune.

    First and last names are tried both ways round; a first name known on both sides must be the
    same, one that is missing excludes nobody. What makes no whole key finds nothing.
    """
    if not can_find_residents(actor, cpts):
        return []
    number = phone_key(phone)
    names = {family_name, given_name}
    insee = commune and commune.pk
    alike = {
        "phone_key": {number},
        "name_birth_key": {name_and_birth(name, birth_date) for name in names},
        "name_commune_key": {name_and_commune(name, insee) for name in names},
    }
    same = Q(pk__in=[])
    for key, texts in alike.items():
        hashes = [each for text in texts for each in hashes_of(Resident, key, text, cpts.pk)]
        same |= Q(**{f"{key}__in": hashes})
    rows = (
        Resident.objects.filter(same, cpts=cpts)
        .select_related("commune", "usual_doctor")
        .order_by("pk")[:READ_MAX]
    )
    typed = {compared(family_name), compared(given_name)} - {""}
    found = [row for row in rows if (number and row.phone == number) or _may_be(row, typed)]
    return sorted(found, key=_by_name)[:FOUND_MAX]


def _by_name(resident: Resident) -> tuple[str, str, int]:
    """The database orders nothing that is sealed."""
    return resident.family_name, resident.given_name, resident.pk


def _may_be(resident: Resident, typed: set[str]) -> bool:
    held = {compared(resident.family_name), compared(resident.given_name)} - {""}
    return typed <= held or held <= typed


def suggested_communes(cpts: Cpts) -> list[Commune]:
    """Communes of the territory offered while a commune is typed, read at most a minute ago."""
    return _communes_of_minute(cpts, int(time.monotonic() // SUGGESTED_SECONDS))


@lru_cache(maxsize=64)
def _communes_of_minute(cpts: Cpts, minute: int) -> list[Commune]:
    return list(Commune.objects.in_cpts(cpts, timezone.localdate()))


def forget_communes() -> None:
    """For tests: another database may hold another territory."""
    _communes_of_minute.cache_clear()


def communes_named(cpts: Cpts, text: str) -> list[Commune]:
    """Communes a person may mean by `text`: "Cluny", "Cluny (71)" or an INSEE code.

    Those of the territory when one has that name, else those of France. Empty: nobody knows it.
    """
    text = text.strip()
    if is_insee(text.upper()):
        return list(Commune.objects.filter(pk=text.upper()))
    named = re.fullmatch(r"(.+?)\s*\((\w{2,3})\)", text)
    name, departement = named.groups() if named else (text, "")
    matching = Commune.objects.filter(name_key=fold(name))
    if departement:
        return list(matching.filter(departement=departement.upper()))
    inside = Commune.objects.in_cpts(cpts, timezone.localdate()).filter(name_key=fold(name))
    return list(inside) or list(matching)


def doctors_of(cpts: Cpts):
    """Doctors of the directory, offered as usual doctor."""
    return Professional.objects.in_cpts(cpts, timezone.localdate()).filter(
        profession=Profession.DOCTOR
    )


# What people were told, and what they agreed to


def notice_of(cpts: Cpts, now: dt.datetime | None = None) -> InformationNotice | None:
    """The text in force, or None while nobody wrote one."""
    found = InformationNotice.objects.filter(cpts=cpts).in_force(now or timezone.now())
    return found.first()


def notice_from(cpts: Cpts, valid_from: dt.datetime | None) -> InformationNotice | None:
    """The last text set for that very moment; without one, the text in force."""
    if valid_from is None:
        return notice_of(cpts)
    return InformationNotice.objects.filter(cpts=cpts, valid_from=valid_from).first()


def last_version(cpts: Cpts) -> int | None:
    return InformationNotice.objects.filter(cpts=cpts).aggregate(n=Max("version"))["n"]


def notices_of(cpts: Cpts) -> list[InformationNotice]:
    """Every version, the last first, with whoever wrote it."""
    return list(InformationNotice.objects.filter(cpts=cpts).select_related("set_by__user"))


def agreements_of(resident: Resident) -> list[SharingAgreement]:
    """What a resident agreed to, the newest first, with whoever wrote it down."""
    return list(resident.agreements.select_related("collected_by__user", "withdrawn_by__user"))


def information_of(resident: Resident) -> list:
    """When a resident was told what is done with their data, the newest first."""
    return list(resident.information.select_related("notice", "given_by__user"))
