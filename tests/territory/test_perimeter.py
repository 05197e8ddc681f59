"""A perimeter has dates, parts of communes and figures with a source; the real ones add up."""

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction
from django_scopes import scope

from maillage.kernel import pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.models import JournalLine
from maillage.kernel.permissions import Permission
from maillage.territory import actions, queries
from maillage.territory.models import (
    Commune,
    CommuneFormerCode,
    CommuneOffer,
    CommunePart,
    CommunePopulation,
    Cpts,
    CptsCommune,
    CptsPopulation,
)

MONTCEAU, CREUSOT, BLANZY = "71306", "71153", "71040"


@pytest.fixture
def cpts(extract, system):
    return actions.create_cpts(by=system, slug="essai", name="CPTS d'essai")


def codes(cpts, on):
    return {row.commune_id for row in queries.perimeter(cpts, on)}


def totals(cpts, on):
    with scope(cpts=cpts):
        return {each.year: each.total for each in queries.population_of(cpts, on).totals}


@pytest.mark.parametrize(
    ("slug", "sums"),
    [
        ("centre-saone-et-loire", {2016: 95_094, 2018: 93_072, 2022: 90_474, 2023: 90_346}),
        ("costieres-en-camargue", {2016: 75_176, 2018: 75_754, 2023: 77_663}),
        ("golfe", {2016: 57_448, 2018: 57_333, 2023: 58_300}),
        ("pays-des-maures-littoral", {2016: 47_384, 2018: 48_439, 2023: 51_610}),
        ("var-esterel-mediterranee", {2016: 113_022, 2018: 114_875, 2023: 123_651}),
        ("hyeres-et-les-iles-d-or", {2016: 55_772, 2018: 55_069, 2023: 55_858}),
        ("dracenie-provence-verdon", {2016: 116_145, 2018: 115_860, 2023: 123_319}),
        ("la-seyne-toulon-ouest", {2016: 87_761, 2018: 86_552, 2023: 88_374}),
        ("var-ouest", {2016: 94_323, 2018: 94_948, 2023: 103_153}),
        ("var-provence-mediterranee", {2016: 86_804, 2018: 87_501, 2023: 90_092}),
    ],
)
def test_the_real_territories_add_up(open_territory, today, slug, sums):
    found = totals(open_territory(slug), today)
    assert {year: found[year] for year in sums} == sums
    assert 2017 not in found


def test_the_recorded_population_stands_beside_the_sum(saone, today):
    with scope(cpts=saone):
        population = queries.population_of(saone, today)
    assert (population.recorded.population, population.recorded.year) == (94_159, 2017)
    assert "Rézone Cnam 2020" in population.recorded.source
    assert population.years_missing == (2017,)
    assert all(each.unknown == () for each in population.totals)


def test_doctors_of_2013_are_those_of_the_verification(saone, today):
    with scope(cpts=saone):
        sheet = queries.sheet_of(saone, today)
    assert sheet.offer_year == 2013
    assert sheet.offer_totals["medecin_generaliste"] == 70
    assert sheet.offer_totals["pharmacie"] == 48


def test_a_perimeter_begins_changes_and_ends_on_its_days(cpts, system):
    first, second = dt.date(2020, 1, 1), dt.date(2024, 7, 1)
    actions.set_perimeter(by=system, cpts=cpts, communes=[MONTCEAU, CREUSOT], from_on=first)
    actions.set_perimeter(by=system, cpts=cpts, communes=[CREUSOT, BLANZY], from_on=second)
    assert codes(cpts, dt.date(2019, 12, 31)) == set()
    assert codes(cpts, first) == {MONTCEAU, CREUSOT}
    assert codes(cpts, dt.date(2024, 6, 30)) == {MONTCEAU, CREUSOT}
    assert codes(cpts, second) == {CREUSOT, BLANZY}
    assert set(Commune.objects.in_cpts(cpts, second).values_list("pk", flat=True)) == {
        CREUSOT,
        BLANZY,
    }
    # What stayed kept its first day.
    assert CptsCommune.objects.get(commune=CREUSOT).from_on == first
    with scope(cpts=cpts):
        changes = queries.sheet_of(cpts, second).changes
    assert [(row.commune_id, row.until_on) for row in changes] == [(MONTCEAU, second)]


def test_the_same_perimeter_again_writes_nothing(cpts, system):
    for _ in range(2):
        actions.set_perimeter(
            by=system, cpts=cpts, communes=[MONTCEAU], from_on=dt.date(2020, 1, 1)
        )
    assert JournalLine.objects.filter(action="territory.perimeter_set").count() == 1
    assert pulse.version(cpts.pk) == 2  # opened, then set


def test_a_mistake_is_corrected_the_same_day(cpts, system):
    day = dt.date(2020, 1, 1)
    actions.set_perimeter(by=system, cpts=cpts, communes=[MONTCEAU], from_on=day)
    actions.set_perimeter(by=system, cpts=cpts, communes=[CREUSOT], from_on=day)
    assert codes(cpts, day) == {CREUSOT}


def test_a_later_perimeter_is_not_overrun(cpts, system):
    actions.set_perimeter(by=system, cpts=cpts, communes=[MONTCEAU], from_on=dt.date(2022, 1, 1))
    with pytest.raises(DomainError, match="plus récent"):
        actions.set_perimeter(by=system, cpts=cpts, communes=[CREUSOT], from_on=dt.date(2021, 1, 1))


def test_an_unknown_or_former_code_is_told(cpts, system):
    CommuneFormerCode.objects.create(code="71998", commune_id=MONTCEAU)
    with pytest.raises(DomainError, match=r"71998 \(devenu 71306\), 71999"):
        actions.set_perimeter(
            by=system, cpts=cpts, communes=[MONTCEAU, "71998", "71999"], from_on=dt.date(2020, 1, 1)
        )


def test_a_shared_commune_counts_for_its_part_only(cpts, system, today):
    known = actions.record_part(
        by=system,
        commune=Commune.objects.get(pk=CREUSOT),
        name="Ouest",
        population=5000,
        year=2023,
        source="essai",
    )
    unknown = actions.record_part(by=system, commune=Commune.objects.get(pk=BLANZY), name="Bourg")
    actions.set_perimeter(
        by=system,
        cpts=cpts,
        communes=[MONTCEAU],
        parts=[known, unknown],
        from_on=dt.date(2020, 1, 1),
    )
    montceau = Commune.objects.get(pk=MONTCEAU).populations.get(year=2023).population
    with scope(cpts=cpts):
        newest, *older = queries.population_of(cpts, today).totals
    assert (newest.year, newest.total) == (2023, montceau + 5000)
    assert newest.unknown == ("Blanzy (Bourg)",)
    assert set(older[0].unknown) == {"Blanzy (Bourg)", "Le Creusot (Ouest)"}


def test_a_part_of_a_commune_already_whole_is_refused(cpts, system):
    part = actions.record_part(by=system, commune=Commune.objects.get(pk=CREUSOT), name="Ouest")
    with pytest.raises(DomainError, match="déjà prise en entier"):
        actions.set_perimeter(
            by=system, cpts=cpts, communes=[CREUSOT], parts=[part], from_on=dt.date(2020, 1, 1)
        )


def test_a_population_needs_its_year_and_source(cpts, system):
    commune = Commune.objects.get(pk=CREUSOT)
    with pytest.raises(DomainError, match="année et source"):
        actions.record_part(by=system, commune=commune, name="Ouest", population=5, year=2020)
    with scope(cpts=cpts), pytest.raises(DomainError, match="avec sa source"):
        actions.record_population(by=system, cpts=cpts, population=5, year=2020, source="")


def test_populations_recorded_are_kept_the_newest_shown(cpts, system, today):
    with scope(cpts=cpts):
        for figure in (100, 100, 200):
            actions.record_population(
                by=system,
                cpts=cpts,
                population=figure,
                year=2020,
                source="essai",
                recorded_on=today,
            )
        assert queries.population_of(cpts, today).recorded.population == 200
        assert CptsPopulation.objects.count() == 2


def test_an_address_belongs_to_one_cpts(cpts, system):
    with pytest.raises(DomainError, match="déjà celle d'une CPTS"):
        actions.create_cpts(by=system, slug="essai", name="Autre")


def test_who_may_open_a_cpts_and_set_its_perimeter(cpts, somebody, system):
    reader = somebody()
    administrator = somebody(granted=frozenset({Permission.CPTS_SETTINGS}))
    perimeter = {"cpts": cpts, "communes": [MONTCEAU], "from_on": dt.date(2020, 1, 1)}
    figure = {"cpts": cpts, "population": 5, "year": 2020, "source": "essai"}
    for who in (reader, administrator):
        with pytest.raises(NotAllowed):
            actions.create_cpts(by=who, slug="autre", name="Autre")
        with pytest.raises(NotAllowed):
            actions.record_part(by=who, commune=Commune(pk=CREUSOT), name="Ouest")
    with scope(cpts=cpts):
        with pytest.raises(NotAllowed):
            actions.set_perimeter(by=reader, **perimeter)
        with pytest.raises(NotAllowed):
            actions.record_population(by=reader, **figure)
        assert actions.set_perimeter(by=administrator, **perimeter)
        assert actions.record_population(by=administrator, **figure)


def refused(create):
    with pytest.raises(IntegrityError), transaction.atomic():
        create()


DAY = dt.date(2020, 1, 1)


@pytest.mark.parametrize(
    "row",
    [
        lambda cpts: Commune(insee="7130X", name="x", name_key="x"),
        lambda cpts: Commune(insee="71999", name="x", name_key="x", longitude=4.0),
        lambda cpts: Commune(insee="71999", name="x", name_key="x", longitude=4.0, latitude=91.0),
        lambda cpts: CommunePopulation(commune_id=MONTCEAU, year=2023, population=1, source="x"),
        lambda cpts: CommuneOffer(commune_id=MONTCEAU, year=2012, kind="x", count=1, source="x"),
        lambda cpts: CommunePart(commune_id=MONTCEAU, name="x", population=5, source="x"),
        lambda cpts: CommunePart(commune_id=MONTCEAU, name="x", population=5, year=2020),
        lambda cpts: Cpts(slug="essai", name="x"),
        lambda cpts: CptsCommune(cpts=cpts, commune_id=MONTCEAU, from_on=DAY, until_on=DAY),
        lambda cpts: CptsCommune(cpts=cpts, commune_id=CREUSOT, from_on=DAY),
        lambda cpts: CptsPopulation(
            cpts=cpts, population=0, year=2020, source="x", recorded_on=DAY
        ),
        lambda cpts: CptsPopulation(cpts=cpts, population=1, year=2020, source="", recorded_on=DAY),
    ],
)
def test_the_database_refuses_what_cannot_be(cpts, row):
    CptsCommune.objects.create(cpts=cpts, commune_id=CREUSOT, from_on=DAY)
    with scope(cpts=cpts):
        refused(lambda: row(cpts).save(force_insert=True))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="an exclusion of PostgreSQL")
def test_dates_of_one_commune_do_not_overlap(cpts):
    CptsCommune.objects.create(cpts=cpts, commune_id=CREUSOT, from_on=DAY)
    refused(
        lambda: CptsCommune.objects.create(
            cpts=cpts, commune_id=CREUSOT, from_on=DAY + dt.timedelta(days=9)
        )
    )
