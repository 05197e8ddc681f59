import datetime as dt
from dataclasses import dataclass

import pytest
from django_scopes import scope

from maillage.kernel.permissions import Permission
from maillage.territory import actions, gateway, queries


@dataclass(frozen=True)
class Somebody:
    """An actor as `accounts` gives them, with what the territory asks of one."""

    kind: str = "seat"
    cpts_id: int | None = None
    granted: frozenset = frozenset({Permission.TERRITORY_VIEW})
    seat_id: int | None = None
    user_id: int | None = None
    label: str = "quelqu'un"

    def may(self, permission, cpts):
        return self.kind == "system" or permission in self.granted


SYSTEM = Somebody(kind="system")


@pytest.fixture(autouse=True)
def fresh_memories():
    queries.forget_centres()


@pytest.fixture
def system():
    return SYSTEM


@pytest.fixture
def somebody():
    return Somebody


@pytest.fixture
def today():
    return dt.date(2026, 11, 23)


@pytest.fixture
def extract(db):
    """The packaged communes, loaded."""
    rows = gateway.read_extract()
    actions.load_extract(by=SYSTEM, extract=rows)
    return rows


@pytest.fixture
def open_territory(extract):
    """Opens one of the real territories: `open_territory("golfe")` gives its Cpts."""
    facts = {each.slug: each for each in gateway.read_territories()}

    def opened(slug):
        each = facts[slug]
        cpts = actions.create_cpts(by=SYSTEM, slug=slug, name=each.name, finess=each.finess)
        actions.set_perimeter(
            by=SYSTEM,
            cpts=cpts,
            communes=each.communes,
            from_on=each.from_on,
            source=each.perimeter_source,
            note=each.perimeter_note,
        )
        if each.population:
            with scope(cpts=cpts):
                actions.record_population(
                    by=SYSTEM,
                    cpts=cpts,
                    population=each.population,
                    year=each.population_year,
                    source=each.population_source,
                    note=each.population_note,
                )
        cpts.refresh_from_db()
        return cpts

    return opened


@pytest.fixture
def saone(open_territory):
    return open_territory("centre-saone-et-loire")
