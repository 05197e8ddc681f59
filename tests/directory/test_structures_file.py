"""The FINESS file: read as it is published, loaded once, replayed to no write, never in silence."""

import csv
import datetime as dt
import gzip
import io
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.directory import actions, gateway
from maillage.directory.models import Structure, StructureKind
from maillage.kernel.errors import NotAllowed
from maillage.kernel.identifiers import is_finess_key_right, luhn_is_valid
from maillage.kernel.models import JournalLine
from maillage.territory.gateway import UnreadableFile
from maillage.territory.models import Commune, CommuneFormerCode
from people import actor_as, make_commune, make_cpts

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
HEAD = "finess;etalab;93;{day}"
USUAL = {
    "section": "structureet",
    "nofinesset": "719900015",
    "nofinessej": "719900007",
    "rs": "CH FICTIF",
    "rslongue": "CENTRE HOSPITALIER  FICTIF",
    "numvoie": "12",
    "typvoie": "RUE",
    "voie": "DE L'EXEMPLE",
    "commune": "137",
    "departement": "71",
    "libdepartement": "SAONE ET LOIRE",
    "ligneacheminement": "71250 CLUNY",
    "telephone": "0353019900",
    "categetab": "355",
    "libcategetab": "Centre Hospitalier (C.H.)",
    "categagretab": "1102",
    "libcategagretab": "Centres Hospitaliers",
    "dateouv": "1979-02-13",
}


def line(**values):
    """A `structureet` line; the real ones end with one more `;`."""
    given = USUAL | values
    return ";".join(given.get(column, "") for column in gateway.COLUMNS) + ";"


def write(path, *lines, day="2026-01-08", encoding="utf-8"):
    text = "\n".join([HEAD.format(day=day), *lines]) + "\n"
    raw = text.encode(encoding)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "etalab-cs1100502-stock-20260108-0338.csv"


# Reading


def test_a_line_is_read_as_published(path):
    given = gateway.read_structures(
        write(path, line(), "geolocalisation;719900015;1.0;2.0;1,ATLASANTE,78,IGN,LAMBERT_93;")
    )
    (row,) = given.structures
    assert given.vintage == dt.date(2026, 1, 8) and given.refused == ()
    assert "etalab-cs1100502-stock-20260108-0338" in given.source
    assert (row.finess, row.legal_finess, row.insee) == ("719900015", "719900007", "71137")
    assert row.name == "CENTRE HOSPITALIER FICTIF"
    assert row.address == "12 RUE DE L'EXEMPLE" and row.postal_line == "71250 CLUNY"
    assert row.phone == "0353019900" and row.opened_on == dt.date(1979, 2, 13)
    (kind,) = given.kinds
    assert (kind.code, kind.label) == ("355", "Centre Hospitalier (C.H.)")


@pytest.mark.parametrize(
    ("departement", "commune", "insee"),
    [
        ("2A", "004", "2A004"),
        ("9A", "101", "97101"),
        ("75", "113", "75056"),
        ("69", "385", "69123"),
        ("13", "216", "13055"),
        ("13", "201", "13055"),
    ],
)
def test_codes_of_communes(path, departement, commune, insee):
    given = gateway.read_structures(write(path, line(departement=departement, commune=commune)))
    assert [row.insee for row in given.structures] == [insee]


@pytest.mark.parametrize(
    ("wrong", "column"),
    [
        ({"nofinesset": "71990001"}, "nofinesset"),
        ({"nofinesset": "7199000X5"}, "nofinesset"),
        ({"nofinessej": "ABC"}, "nofinessej"),
        ({"rs": "", "rslongue": ""}, "rs"),
        ({"categetab": "CH"}, "categetab"),
        ({"commune": ""}, "commune"),
        ({"dateouv": "hier"}, "dateouv"),
        ({"dateouv": "0201-01-01"}, "dateouv"),
    ],
)
def test_a_bad_line_is_set_aside_with_its_reason(path, wrong, column):
    good = line(nofinesset="719900023")
    given = gateway.read_structures(write(path, line(**wrong), good))
    assert [row.finess for row in given.structures] == ["719900023"]
    (refusal,) = given.refused
    assert (refusal.line, refusal.column) == (2, column) and refusal.reason


def test_a_number_given_twice_is_kept_once(path):
    given = gateway.read_structures(write(path, line(), line(rslongue="UN AUTRE")))
    assert [row.name for row in given.structures] == ["CENTRE HOSPITALIER FICTIF"]
    assert "déjà donné" in given.refused[0].reason


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_both_encodings_and_a_compressed_file(tmp_path, encoding):
    path = write(tmp_path / "finess.csv.gz", line(rslongue="HÔPITAL"), encoding=encoding)
    assert [row.name for row in gateway.read_structures(path).structures] == ["HÔPITAL"]


@pytest.mark.parametrize(
    "raw",
    [b"", b"nom;prenom\n", b"finess;etalab;93;2026-01-08\n", b"\x1f\x8b\x08\x00cut"],
    ids=["empty", "another file", "nobody", "cut"],
)
def test_what_is_not_a_finess_file(tmp_path, raw):
    path = tmp_path / "essai.csv.gz" if raw[:2] == b"\x1f\x8b" else tmp_path / "essai.csv"
    path.write_bytes(raw)
    with pytest.raises(UnreadableFile):
        gateway.read_structures(path)
    with pytest.raises(UnreadableFile):
        gateway.read_structures(tmp_path / "absent.csv")


def test_the_key_is_luhn_corsica_included():
    assert is_finess_key_right("010000024") and is_finess_key_right("2A0000022")
    assert not is_finess_key_right("010000025") and not is_finess_key_right("01000002")
    assert not luhn_is_valid("010000025")


# Loading


@pytest.fixture
def communes(db):
    make_commune()
    make_commune("71306", "Montceau-les-Mines")


def load(path, **options):
    return actions.load_structures(by=SYSTEM, given=gateway.read_structures(path), **options)


def counts(report):
    return report.created, report.updated, report.unchanged, len(report.refused)


def test_a_first_load_then_a_replay_that_writes_nothing(communes, path):
    write(path, line(), line(nofinesset="719900023", categetab="500", libcategetab="EHPAD"))
    assert counts(load(path, dry_run=True)) == (2, 0, 0, 0)
    assert not Structure.objects.exists() and not StructureKind.objects.exists()
    assert counts(load(path)) == (2, 0, 0, 0)
    structure = Structure.objects.get(pk="719900015")
    assert structure.commune_id == "71137" and structure.kind.label.startswith("Centre Hosp")
    assert structure.vintage == dt.date(2026, 1, 8) and structure.closed_on is None
    with CaptureQueriesContext(
        connection,
    ) as done:
        assert counts(load(path)) == (0, 0, 2, 0)
    assert [each["sql"] for each in done if each["sql"].startswith(WRITES)] == []
    assert JournalLine.objects.filter(action="directory.structures_loaded").count() == 1


def test_a_change_is_written_and_an_older_file_never_wins(communes, path):
    load(write(path, line(), line(nofinesset="719900023")))
    newer = line(rslongue="NOUVEAU NOM", commune="306")
    report = load(write(path, newer, line(nofinesset="719900023"), day="2026-02-01"))
    assert counts(report) == (0, 1, 1, 0)
    assert {each.vintage for each in Structure.objects.all()} == {dt.date(2026, 2, 1)}
    report = load(write(path, line(), day="2026-01-20"))
    assert counts(report) == (0, 0, 1, 0)
    structure = Structure.objects.get(pk="719900015")
    assert (structure.name, structure.commune_id) == ("NOUVEAU NOM", "71306")


def test_a_commune_we_do_not_hold_is_told_and_a_former_code_is_followed(communes, path):
    CommuneFormerCode.objects.create(code="71998", commune=Commune.objects.get(pk="71306"))
    write(path, line(commune="999"), line(nofinesset="719900023", commune="998"))
    report = load(path)
    assert counts(report) == (1, 0, 0, 1)
    assert report.refused[0].line == 2 and "71999" in report.refused[0].reason
    assert Structure.objects.get().commune_id == "71306"


def test_what_the_file_no_longer_has_is_counted_and_closed_only_when_asked(communes, path):
    load(write(path, line(), line(nofinesset="719900023"), line(nofinesset="719900031")))
    kept = line(), line(nofinesset="719900023", dateouv="hier")
    report = load(write(path, *kept, day="2026-02-01"))
    assert (report.absent, report.closed) == (1, 0)
    assert not Structure.objects.exclude(closed_on=None).exists()
    assert load(path, dry_run=True, close_absent=True).closed == 0
    assert load(path, close_absent=True).closed == 1
    gone = Structure.objects.exclude(closed_on=None).get()
    assert (gone.pk, gone.closed_on) == ("719900031", dt.date(2026, 2, 1))
    report = load(write(path, line(nofinesset="719900031"), day="2026-03-01"))
    assert report.updated == 1 and Structure.objects.get(pk="719900031").closed_on is None


def test_a_wrong_key_is_counted_and_kept(communes, path):
    right = "010000024"
    report = load(write(path, line(nofinesset=right), line(nofinesset="010000025")))
    assert report.wrong_keys == 1 and Structure.objects.count() == 2


def test_only_the_technical_operator_loads(communes, path):
    given = gateway.read_structures(write(path, line()))
    cpts = make_cpts()
    for role in Role:
        with pytest.raises(NotAllowed):
            actions.load_structures(by=actor_as(cpts, role), given=given)
    assert not Structure.objects.exists()


def test_the_command_tries_then_loads_and_tells_what_it_refused(communes, path):
    write(path, line(), line(nofinesset="12"), line(nofinesset="719900023", commune="999"))
    said = io.StringIO()
    call_command("structures_load", path, "--dry-run", stdout=said)
    assert "Rien n'est écrit" in said.getvalue() and not Structure.objects.exists()
    call_command("structures_load", path, stdout=said)
    text = said.getvalue()
    assert "1 créés" in text and "2 refusés" in text and "ligne 3" in text
    with pytest.raises(CommandError):
        call_command("structures_load", path.parent / "absent.csv", stdout=said)


def test_the_whole_of_france_loads_and_replays(db, shared, tmp_path):
    """95 333 establishments of open data, written back in the format of the national file."""
    with gzip.open(shared / "data/finess_2021_etablissements.csv.gz", "rt", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    Commune.objects.bulk_create(
        Commune(insee=insee, name=insee, name_key=insee, departement=insee[:2], region="00")
        for insee in {row["insee"] for row in rows}
    )
    lines = [
        line(
            nofinesset=row["finess_et"],
            nofinessej=row["finess_ej"],
            rslongue=row["rs"] or row["libcat"],
            departement=row["insee"][:2],
            commune=row["insee"][2:],
            categetab=row["cat"],
            libcategetab=row["libcat"],
            dateouv=row["ouv"],
        )
        for row in rows
    ]
    path = write(tmp_path / "etalab.csv", *lines, day="2021-01-08")
    began = time.monotonic()
    report = load(path)
    first = time.monotonic() - began
    assert report.created + len(report.refused) == len(lines) and len(report.refused) < 10
    assert report.wrong_keys == 0
    assert StructureKind.objects.count() > 150
    began = time.monotonic()
    again = load(path)
    second = time.monotonic() - began
    assert (again.created, again.updated) == (0, 0) and again.unchanged == report.created
    print(f"first {first:.1f} s, replay {second:.1f} s")
    assert first < 60 and second < 30
