"""Factories of people and places: they build a state; stories go through actions."""

import datetime as dt
import itertools

from maillage.accounts.enums import Role, SeatState
from maillage.accounts.models import Seat, User
from maillage.accounts.rules import SYSTEM, SeatActor
from maillage.directory import actions as directory
from maillage.directory.enums import PlaceRow, Profession, ProfessionalRow, Speciality
from maillage.directory.models import CptsProfessional, ProfessionalAccount
from maillage.kernel.identifiers import fold
from maillage.kernel.models import Instance
from maillage.kernel.tenancy import inside
from maillage.territory.models import Commune, Cpts, CptsCommune

LONG_AGO = dt.date(2020, 1, 1)
_numbers = itertools.count(1)


def about_commune(name, departement="71") -> dict[str, str]:
    return {
        "name": name,
        "name_key": fold(name),
        "departement": departement,
        "departement_name": "Saône-et-Loire",
        "region": "27",
        "region_name": "Bourgogne-Franche-Comté",
    }


def make_commune(insee="71137", name="Cluny", departement="71") -> Commune:
    about = about_commune(name, departement)
    return Commune.objects.get_or_create(insee=insee, defaults=about)[0]


def make_cpts(slug="vallee", communes=()) -> Cpts:
    cpts = Cpts.objects.create(slug=slug, name=f"CPTS {slug.title()}")
    CptsCommune.objects.bulk_create(
        CptsCommune(cpts=cpts, commune=commune, from_on=LONG_AGO) for commune in communes
    )
    return cpts


def make_user(email="", **about) -> User:
    email = email or f"personne{next(_numbers)}@exemple.example"
    about = {"given_name": "Ada", "family_name": "Exemple"} | about
    return User.objects.create(email=email, **about)


def make_seat(cpts, role=Role.ADMINISTRATOR, user=None, state=SeatState.ACTIVE, **dates) -> Seat:
    with inside(cpts):
        return Seat.objects.create(
            cpts=cpts, user=user or make_user(), role=role, state=state, **dates
        )


def actor_as(cpts, role, user=None) -> SeatActor:
    return SeatActor(make_seat(cpts, role, user))


def sign_in(client, cpts, role) -> SeatActor:
    """An active seat of this role, its holder signed in."""
    actor = actor_as(cpts, role)
    client.force_login(actor.seat.user)
    return actor


def mark_demo(is_demo=True) -> None:
    Instance.objects.create(pk=1, is_demo=is_demo)


def fake_rpps(number) -> str:
    """Begins with 9999 and fails its key: never a real person's."""
    stem = f"9999{number:06}"
    total = 0
    for position, char in enumerate(reversed(stem)):
        n = int(char) * (2 - position % 2)
        total += n - 9 if n > 9 else n
    return f"{stem}{(-total + 5) % 10}"


def professional_row(number=None, **about) -> ProfessionalRow:
    number = number or next(_numbers)
    usual = {
        "rpps": fake_rpps(number),
        "given_name": "Prénom",
        "family_name": f"Fictif{number}",
        "profession": Profession.DOCTOR,
        "speciality": Speciality.GENERAL_MEDICINE,
        "phone": f"035301{number % 10000:04}",
        "places": (PlaceRow(insee="71137", address="1 rue de l'Exemple"),),
    }
    return ProfessionalRow(**usual | about)


def make_professional(cpts=None, **about):
    """A record through the actions, so that its search key is right; in the directory of `cpts`."""
    make_commune()
    professional = directory.record_professional(by=SYSTEM, row=professional_row(**about))
    if cpts is not None:
        with inside(cpts):
            CptsProfessional.objects.create(
                cpts=cpts, professional=professional, joined_on=LONG_AGO
            )
    return professional


def link(user, professional) -> ProfessionalAccount:
    return directory.link_account(
        by=SYSTEM, user=user, professional=professional, method="document"
    )
