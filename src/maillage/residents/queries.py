"""Finding a resident by keys compared for equality, never by a piece of a name."""

import datetime as dt
import re

from django.db.models import Q
from django.utils import timezone

from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.kernel.identifiers import fold, is_insee, phone_digits
from maillage.kernel.permissions import Actor
from maillage.residents.models import Resident
from maillage.residents.rules import can_keep_residents
from maillage.territory.models import Commune, Cpts

FOUND_MAX = 50
KEY_MAX = 200  # folding may lengthen a name; the date or the commune comes last, so names are cut


def phone_key(phone: str) -> str:
    """Key of a telephone number; empty when there is none or it is not one."""
    return phone_digits(phone) or ""


def _key(family_name: str, given_name: str, last: str) -> str:
    names = f"{fold(family_name)}|{fold(given_name)}"
    return f"{names[: KEY_MAX - len(last) - 1]}|{last}"


def name_birth_key(family_name: str, given_name: str, birth_date: dt.date | None) -> str:
    """
    >>> name_birth_key("Lemaître", "Anne-Sophie", dt.date(1980, 2, 1))
    'lemaitre|anne sophie|1980-02-01'
    """
    if birth_date is None or not fold(family_name):
        return ""
    return _key(family_name, given_name, birth_date.isoformat())


def name_commune_key(family_name: str, given_name: str, commune: Commune | None) -> str:
    if commune is None or not fold(family_name):
        return ""
    return _key(family_name, given_name, commune.pk)


def find(
    actor: Actor,
    cpts: Cpts,
    *,
    phone: str = "",
    family_name: str = "",
    given_name: str = "",
    birth_date: dt.date | None = None,
    commune: Commune | None = None,
):
    """Residents of the CPTS sharing a key: telephone, name and birth date, name and commune.

    First and last names are tried both ways round. What makes no whole key finds nothing.
    """
    names = {(family_name, given_name), (given_name, family_name)}
    births = {name_birth_key(*each, birth_date) for each in names} - {""}
    communes = {name_commune_key(*each, commune) for each in names} - {""}
    number = phone_key(phone)
    if not can_keep_residents(actor, cpts):
        return Resident.objects.none()
    keys = Q(pk__in=[])
    if number:
        keys |= Q(phone_key=number)
    if births:
        keys |= Q(name_birth_key__in=births)
    if communes:
        keys |= Q(name_commune_key__in=communes)
    return (
        Resident.objects.filter(keys, cpts=cpts)
        .select_related("commune", "usual_doctor")
        .order_by("family_name", "given_name", "pk")[:FOUND_MAX]
    )


def perimeter_communes(cpts: Cpts):
    """Communes of the territory today, offered first when a commune is typed."""
    return Commune.objects.in_cpts(cpts, timezone.localdate())


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
    inside = perimeter_communes(cpts).filter(name_key=fold(name))
    return list(inside) or list(matching)


def doctors_of(cpts: Cpts):
    """Doctors of the directory, offered as usual doctor."""
    return Professional.objects.in_cpts(cpts, timezone.localdate()).filter(
        profession=Profession.DOCTOR
    )
