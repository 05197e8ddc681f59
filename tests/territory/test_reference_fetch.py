"""The State's geography API, against a local server that speaks its documented format."""

import datetime as dt
import socket
import time
from dataclasses import replace

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.territory.conftest import Answer

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
)
from maillage.territory.gateway import http
from maillage.territory.models import (
    Commune,
    CommuneFormerCode,
    CommuneOffer,
    CommuneOutline,
    CommunePopulation,
    Epci,
)

ON = dt.date(2026, 11, 22)
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "COPY")
EPCIS = [
    {"nom": "CU de l'Essai", "code": "200000001", "type": "CU", "zone": "metro"},
    {"nom": "CC du Bac", "code": "200000002", "type": "CC", "zone": "metro"},
]


def entry(code, /, **values):
    return {
        "nom": "Étang-l'Essai",
        "code": code,
        "codesPostaux": ["71300", "71301"],
        "codeEpci": "200000001",
        "codeDepartement": "71",
        "codeRegion": "27",
        "departement": {"code": "71", "nom": "Saône-et-Loire"},
        "region": {"code": "27", "nom": "Bourgogne-Franche-Comté"},
        "population": 1234,
        "surface": 1657.04,
        "centre": {"type": "Point", "coordinates": [4.3683, 46.6751]},
        "mairie": {"type": "Point", "coordinates": [4.37, 46.67]},
    } | values


def without(code, *names):
    return {name: value for name, value in entry(code).items() if name not in names}


def speaking(communes, epcis=EPCIS):
    """The API: a list, each entry with the fields asked for and its code and name, no more."""

    def answer(path, query):
        rows = {"/communes": communes, "/epcis": epcis}.get(path)
        if rows is None:
            return Answer({"code": 404, "message": "Not found"}, 404)
        wanted = {"nom", "code", *query["fields"].split(",")}
        picked = [
            {k: v for k, v in row.items() if k in wanted} if isinstance(row, dict) else row
            for row in rows
        ]
        return Answer(picked)

    return answer


def fetch(address, system, on=ON, **options):
    read = gateway.fetch_reference(address, on)
    return actions.load_reference(by=system, reference=read, **options)


def test_a_commune_is_written_as_the_api_tells_it_with_its_day(db, system, serve):
    address = serve(speaking([entry("71001"), entry("97401", codeDepartement="974")]))
    report = fetch(address, system)
    assert [report.counts[kind].created for kind in ("epcis", "communes", "populations")] == [
        2,
        2,
        2,
    ]
    row = Commune.objects.select_related("epci").get(pk="71001")
    assert (row.name, row.name_key, row.postal_codes) == (
        "Étang-l'Essai",
        "etang l essai",
        "71300 71301",
    )
    assert (row.departement_name, row.region_name) == ("Saône-et-Loire", "Bourgogne-Franche-Comté")
    assert (row.epci.name, row.epci.kind) == ("CU de l'Essai", "CU")
    assert (row.longitude, row.latitude) == (4.37, 46.67), "the town hall, not the middle"
    assert row.surface_km2 == 16.5704, "hectares"
    assert row.source == f"API Géo de l'État ({address[7:]}), au 22/11/2026"
    people = row.populations.get()
    assert (people.year, people.population, people.source) == (2026, 1234, row.source)
    assert JournalLine.objects.get().action == "territory.reference_loaded"


def test_it_asks_for_the_documented_fields_at_the_documented_places(serve):
    asked = []

    def answer(path, query):
        asked.append((path, query))
        return speaking([entry("71001")])(path, query)

    gateway.fetch_reference(serve(answer) + "/", ON)
    assert [path for path, _ in asked] == ["/epcis", "/communes"]
    fields = asked[1][1]["fields"].split(",")
    documented = (
        "nom,code,codesPostaux,codeEpci,codeDepartement,codeRegion,population,surface,centre"
    )
    assert set(documented.split(",")) <= set(fields)
    assert all(query["format"] == "json" for _, query in asked)


def test_a_replay_writes_nothing_the_same_day_or_later(db, system, serve):
    address = serve(speaking([entry("71001"), without("71002", "mairie", "codeEpci", "type")]))
    fetch(address, system)
    for on in (ON, ON + dt.timedelta(days=9)):
        with CaptureQueriesContext(connection) as seen:
            report = fetch(address, system, on)
        assert report.written == 0
        assert [q["sql"] for q in seen if q["sql"].upper().startswith(WRITES)] == []
    assert Commune.objects.get(pk="71001").source.endswith("au 22/11/2026")


def held(system):
    """A commune from the files, with all that the API does not give."""
    row = CommuneRow(
        insee="71001",
        name="Ancien nom",
        departement="71",
        departement_name="Saône-et-Loire",
        region="27",
        region_name="Bourgogne-Franche-Comté",
        epci="200000001",
        postal_codes="71300",
        longitude=4.0,
        latitude=46.0,
        surface_km2=12.5,
        populations=((2016, 7), (2023, 8)),
        source="INSEE, essai",
    )
    actions.load_reference(
        by=system,
        reference=Reference(
            epcis=(EpciRow("200000001", "CU de l'Essai", "CU"),),
            communes=(row, replace(row, insee="71009", name="Absente de l'API")),
            former_codes=(FormerCodeRow("71003", "71001"),),
            outlines=(OutlineRow("71001", '{"type":"Polygon"}', "aa", "essai"),),
            offers=(OfferRow("71001", 2013, "infirmier", 3, "essai"),),
        ),
    )


def test_what_the_api_does_not_give_is_kept(db, system, serve):
    held(system)
    bare = {"nom": "Nouveau nom", "code": "71001"}
    epcis = [{"nom": "CU renommée", "code": "200000001"}]
    report = fetch(serve(speaking([bare], epcis)), system)
    row = Commune.objects.get(pk="71001")
    assert (row.name, row.source) == ("Nouveau nom", report_source(report, row))
    assert (row.epci_id, row.postal_codes, row.surface_km2) == ("200000001", "71300", 12.5)
    assert (row.departement_name, row.region, row.longitude) == ("Saône-et-Loire", "27", 4.0)
    assert list(row.populations.values_list("year", "population")) == [(2023, 8), (2016, 7)]
    assert (Epci.objects.get().name, Epci.objects.get().kind) == ("CU renommée", "CU")
    for model in (CommuneFormerCode, CommuneOutline, CommuneOffer):
        assert model.objects.count() == 1
    assert Commune.objects.filter(pk="71009").exists() and report.absent == 1


def report_source(report, row):
    assert report.counts["communes"].updated == 1
    return row.source if row.source.startswith("API Géo") else "the day of the fetch"


def test_the_middle_of_a_commune_never_replaces_its_town_hall(db, system, serve):
    held(system)
    communes = [without("71001", "mairie"), without("71002", "mairie")]
    fetch(serve(speaking(communes)), system)
    places = {row.pk: (row.longitude, row.latitude) for row in Commune.objects.all()}
    assert places["71001"] == (4.0, 46.0)
    assert places["71002"] == (4.3683, 46.6751), "better than nothing"


def test_a_value_that_is_already_so_leaves_the_row_and_its_source(db, system, serve):
    held(system)
    fetch(serve(speaking([{"nom": "Ancien nom", "code": "71001"}])), system)
    assert Commune.objects.get(pk="71001").source == "INSEE, essai"


BAD = {
    "a code": (entry("7100"), "code", "n'est pas un code INSEE"),
    "no code": (without("71002", "code"), "code", "valeur absente"),
    "a number for a code": (entry("71002", code=71002), "code", "n'est pas un texte"),
    "not an object": (["71002"], "code", "n'est pas un objet"),
    "nothing": (None, "code", "n'est pas un objet"),
    "twice": (entry("71001"), "code", "déjà donné"),
    "an empty name": (entry("71002", nom=" "), "nom", "valeur absente"),
    "a very long name": (entry("71002", nom="x" * 121), "nom", "n'est pas une valeur"),
    "a zero byte": (entry("71002", nom="a\x00b"), "nom", "n'est pas une valeur"),
    "an unknown EPCI": (entry("71002", codeEpci="200000009"), "codeEpci", "pas parmi les EPCI"),
    "a negative population": (entry("71002", population=-1), "population", "n'est pas un nombre"),
    "half a person": (entry("71002", population=1.5), "population", "n'est pas un nombre entier"),
    "a true population": (entry("71002", population=True), "population", "n'est pas un nombre"),
    "a text for a surface": (entry("71002", surface="12"), "surface", "n'est pas un nombre"),
    "NaN": (entry("71002", surface=float("nan")), "surface", "n'est pas un nombre"),
    "a line": (
        entry("71002", mairie={"type": "LineString", "coordinates": [1, 2]}),
        "mairie",
        "n'est pas un point",
    ),
    "out of the globe": (
        entry("71002", centre={"type": "Point", "coordinates": [4, 99]}),
        "centre",
        "n'est pas un point",
    ),
    "half a point": (
        entry("71002", centre={"type": "Point", "coordinates": [4]}),
        "centre",
        "n'est pas un point",
    ),
    "postal codes": (entry("71002", codesPostaux="71300"), "codesPostaux", "codes postaux"),
    "a postal code": (entry("71002", codesPostaux=["713"]), "codesPostaux", "codes postaux"),
    "a département": (entry("71002", departement="71"), "departement", "n'est pas un objet"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_entry_is_set_aside_with_its_reason(db, system, serve, case):
    bad, field, reason = BAD[case]
    report = fetch(serve(speaking([entry("71001"), bad, entry("71003")])), system)
    assert set(Commune.objects.values_list("pk", flat=True)) == {"71001", "71003"}
    (refused,) = report.refused
    assert (refused.kind, refused.line, refused.column) == ("communes", 2, field)
    assert reason in refused.reason and report.counts["communes"].refused == 1


def test_a_bad_epci_is_set_aside_and_its_communes_say_so(db, system, serve):
    epcis = [{"nom": "Sans SIREN", "code": "20"}, *EPCIS[1:]]
    report = fetch(
        serve(speaking([entry("71001"), entry("71002", codeEpci="200000002")], epcis)), system
    )
    assert [each.kind for each in report.refused] == ["epcis", "communes"]
    assert Commune.objects.get().pk == "71002"


GOOD = b"[" + b'{"nom":"A","code":"71001"},' * 200 + b'{"nom":"A","code":"71001"}]'
FAILURES = {
    "an error of the server": (Answer(b"oops", 500), r"erreur \(500\)"),
    "nothing there": (Answer({"code": 404}, 404), r"erreur \(404\)"),
    "a page": (Answer(b"<html>Maintenance</html>"), "pas du JSON"),
    "nothing": (Answer(b""), "pas du JSON"),
    "a cut list": (Answer(GOOD[:-30]), "pas du JSON complet"),
    "a server killed half-way": (Answer(GOOD, sent=len(GOOD) // 2), "coupée"),
    "not UTF-8": (Answer(b'[{"nom":"\xe9","code":"71001"}]'), "pas du JSON"),
    "an object": (Answer({"communes": []}), "pas répondu par une liste"),
    "an empty list": (Answer([]), "aucune commune"),
    "only bad entries": (Answer([{"code": "x", "nom": "y"}]), "aucune commune"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_is_a_sentence_and_writes_nothing(db, serve, case):
    said, sentence = FAILURES[case]

    def answer(path, query):
        return said if path == "/communes" else Answer(EPCIS)

    with pytest.raises(CommandError, match=sentence):
        call_command("reference_fetch", address=serve(answer))
    assert not Commune.objects.exists() and not Epci.objects.exists()


def test_nobody_there_and_addresses_that_are_not(db):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(CommandError, match="ne peut pas être joint.*réseau"):
        call_command("reference_fetch", address=f"http://127.0.0.1:{port}")
    for address in (
        "file:///etc/passwd",
        "geo.api.gouv.fr",
        "http://",
        "http://[",
        "ftp://a.example",
    ):
        with pytest.raises(CommandError, match="n'est pas une adresse"):
            call_command("reference_fetch", address=address)


def test_a_server_that_says_nothing_or_too_much_is_left(db, serve, monkeypatch):
    monkeypatch.setattr(http, "STEP_SECONDS", 0.2)

    def slow(path, query):
        time.sleep(1)
        return Answer([])

    with pytest.raises(CommandError, match="ne répond pas à temps"):
        call_command("reference_fetch", address=serve(slow))
    monkeypatch.setattr(http, "STEP_SECONDS", 10)
    monkeypatch.setattr(http, "SIZE_MAX", 1000)
    with pytest.raises(CommandError, match="dépasse"):
        call_command("reference_fetch", address=serve(lambda path, query: Answer(GOOD)))


def test_the_command_tries_first_then_writes(db, system, serve, capsys):
    held(system)
    address = serve(speaking([entry("71001"), entry("71002"), entry("bad")]))
    call_command("reference_fetch", address=address, dry_run=True)
    tried = " ".join(capsys.readouterr().out.split())
    assert "Rien n'est écrit (essai)" in tried
    assert "Changerait : commune 71001 : nom « Ancien nom » devient « Étang-l'Essai »" in tried
    assert "Refusé :" in tried and "/communes, ligne 3, colonne code" in tried
    assert Commune.objects.get(pk="71001").name == "Ancien nom" and Commune.objects.count() == 2
    call_command("reference_fetch", address=address)
    assert Commune.objects.get(pk="71001").name == "Étang-l'Essai" and Commune.objects.count() == 3
    assert "Changerait" not in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stop_at", ["communes", "populations"])
def test_a_fetch_killed_half_way_is_sound_and_can_be_played_again(
    system, serve, stop_at, monkeypatch
):
    monkeypatch.setattr(reference, "BATCH", 1)
    address = serve(speaking([entry("71001"), entry("71002"), entry("71003")]))

    def cut(kind, done, total):
        if kind == stop_at and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(address, system, progress=cut)
    connection.check_constraints()
    assert 0 < Commune.objects.count() + CommunePopulation.objects.count() < 6
    fetch(address, system)
    assert Commune.objects.count() == CommunePopulation.objects.count() == 3


def test_the_address_is_one_setting():
    assert settings.GEO_API_URL.startswith("http")
