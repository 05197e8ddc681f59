"""Reference data: created once, updated when it changed, replayed to no write, safe when cut."""

import time
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.territory import actions, gateway
from maillage.territory.actions import reference
from maillage.territory.enums import (
    CommuneRow,
    EpciRow,
    FormerCodeRow,
    OfferRow,
    OutlineRow,
    Reference,
    Refused,
)
from maillage.territory.models import (
    Commune,
    CommuneFormerCode,
    CommuneOffer,
    CommuneOutline,
    CommunePopulation,
    Epci,
)

EVERYTHING = (Epci, Commune, CommunePopulation, CommuneFormerCode, CommuneOutline, CommuneOffer)
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


def commune(insee, name="Ville", populations=((2023, 100),), epci="200000001"):
    return CommuneRow(
        insee=insee,
        name=name,
        departement="71",
        departement_name="Saône-et-Loire",
        region="27",
        region_name="Bourgogne-Franche-Comté",
        epci=epci,
        postal_codes="71300",
        longitude=4.0,
        latitude=46.0,
        surface_km2=12.5,
        populations=populations,
        source="essai",
    )


def small():
    return Reference(
        epcis=(EpciRow("200000001", "Communauté d'essai", "CC"),),
        communes=(commune("71001", "Étang"), commune("71002", populations=((2016, 7), (2023, 8)))),
        former_codes=(FormerCodeRow("71003", "71001"),),
        outlines=(OutlineRow("71001", '{"type":"Polygon"}', "aa", "essai"),),
        offers=(OfferRow("71001", 2013, "infirmier", 3, "essai"),),
    )


def totals():
    return {model.__name__: model.objects.count() for model in EVERYTHING}


def figures(report):
    return {
        kind: (each.created, each.updated, each.unchanged) for kind, each in report.counts.items()
    }


def test_a_first_load_creates_everything(db, system):
    report = actions.load_reference(by=system, reference=small())
    assert figures(report) == {
        "epcis": (1, 0, 0),
        "communes": (2, 0, 0),
        "populations": (3, 0, 0),
        "former_codes": (1, 0, 0),
        "outlines": (1, 0, 0),
        "offers": (1, 0, 0),
    }
    assert Commune.objects.get(pk="71001").name_key == "etang"
    assert Commune.objects.get(pk="71001").epci.name == "Communauté d'essai"
    assert JournalLine.objects.get().data["communes"] == 2


def test_a_replay_writes_nothing(db, system):
    actions.load_reference(by=system, reference=small())
    with CaptureQueriesContext(
        connection,
    ) as seen:
        report = actions.load_reference(by=system, reference=small())
    assert report.written == 0
    assert [q["sql"] for q in seen if q["sql"].lstrip().upper().startswith(WRITES)] == []


def test_what_changed_is_updated_and_nothing_else(db, system):
    actions.load_reference(by=system, reference=small())
    before = small()
    after = replace(
        before,
        communes=(replace(before.communes[0], name="Étang-Neuf"), before.communes[1]),
        outlines=(OutlineRow("71001", '{"type":"MultiPolygon"}', "bb", "essai"),),
        offers=(replace(before.offers[0], count=4),),
    )
    report = actions.load_reference(by=system, reference=after)
    assert figures(report) == {
        "epcis": (0, 0, 1),
        "communes": (0, 1, 1),
        "populations": (0, 0, 3),
        "former_codes": (0, 0, 1),
        "outlines": (0, 1, 0),
        "offers": (0, 1, 0),
    }
    assert Commune.objects.get(pk="71001").name_key == "etang neuf"
    assert CommuneOutline.objects.get(pk="71001").geometry == '{"type":"MultiPolygon"}'


def test_a_dry_run_counts_and_writes_nothing(db, system):
    report = actions.load_reference(by=system, reference=small(), dry_run=True)
    assert report.written == 9
    assert set(totals().values()) == {0}
    assert not JournalLine.objects.exists()


def test_refusals_and_communes_no_longer_given_are_counted(db, system):
    actions.load_reference(by=system, reference=small())
    refused = (Refused("communes", "communes.csv.gz", 2, "insee", "essai"),)
    gone = replace(small(), communes=small().communes[:1], refused=refused)
    report = actions.load_reference(by=system, reference=gone)
    assert (report.counts["communes"].refused, report.absent) == (1, 1)
    assert Commune.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stop_at", ["communes", "populations", "outlines"])
def test_a_load_cut_short_is_sound_and_can_be_played_again(system, stop_at, monkeypatch):
    monkeypatch.setattr(reference, "BATCH", 1)

    def cut(kind, done, total):
        if kind == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        actions.load_reference(by=system, reference=small(), progress=cut)
    connection.check_constraints()
    assert totals()["Commune"] > 0
    actions.load_reference(by=system, reference=small())
    assert totals() == {
        "Epci": 1,
        "Commune": 2,
        "CommunePopulation": 3,
        "CommuneFormerCode": 1,
        "CommuneOutline": 1,
        "CommuneOffer": 1,
    }


@pytest.mark.parametrize("kind", ["seat", "link", "user"])
def test_only_the_technical_operator_loads(db, somebody, kind):
    who = somebody(kind=kind)
    with pytest.raises(NotAllowed):
        actions.load_reference(by=who, reference=small())
    with pytest.raises(NotAllowed):
        actions.load_extract(by=who, extract=small())


def test_the_extract_loads_in_less_than_two_seconds_and_once(db, system):
    started = time.perf_counter()
    report = actions.load_extract(by=system, extract=gateway.read_extract())
    assert time.perf_counter() - started < 2
    assert report.counts["communes"].created == 125
    with CaptureQueriesContext(connection) as seen:
        again = actions.load_extract(by=system, extract=gateway.read_extract())
    assert again.written == 0
    assert [q["sql"] for q in seen if q["sql"].lstrip().upper().startswith(WRITES)] == []


def test_the_extract_never_covers_fuller_data(db, system):
    actions.load_reference(
        by=system,
        reference=Reference(
            epcis=(EpciRow("247100290", "Nouveau nom", "CU"),),
            communes=(commune("71306", "Montceau", ((2023, 1),), epci="247100290"),),
        ),
    )
    actions.load_extract(by=system, extract=gateway.read_extract())
    kept = Commune.objects.get(pk="71306")
    assert (kept.name, kept.source, kept.epci.name) == ("Montceau", "essai", "Nouveau nom")
    assert kept.populations.get(year=2023).population == 1
    # What was missing is there now.
    assert kept.populations.filter(year=2016).exists()
    assert Commune.objects.count() == 125


def test_the_command_tells_a_missing_folder_in_french(db, tmp_path):
    with pytest.raises(CommandError, match="n'existe pas"):
        call_command("reference_load", tmp_path / "rien")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_whole_of_france(shared, capsys):
    """Time is printed, not judged: machines differ. Counts are those of the files."""
    # As the command is run: committed batch by batch, in a session of its own. PostgreSQL keeps a
    # session's plan of a foreign key's check, made when the tables of earlier tests were tiny.
    connection.close()
    started = time.perf_counter()
    call_command("reference_load", shared / "data")
    first = time.perf_counter() - started
    assert totals() == {
        "Epci": 1255,
        "Commune": 34_969,
        "CommunePopulation": 244_144,
        "CommuneFormerCode": 4240,
        "CommuneOutline": 34_868,
        "CommuneOffer": 54_608,
    }
    doctors = CommuneOffer.objects.filter(kind="medecin_generaliste").values_list("count")
    assert sum(count for (count,) in doctors) == 63_482  # the national total of the source
    said = capsys.readouterr().out
    assert "34969" in said
    with CaptureQueriesContext(connection) as seen:
        started = time.perf_counter()
        call_command("reference_load", shared / "data")
    assert [q["sql"][:60] for q in seen if q["sql"].upper().startswith(WRITES)] == []
    print(f"{connection.vendor}: {first:.1f} s, replay {time.perf_counter() - started:.1f} s")
