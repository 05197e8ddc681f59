"""Known travel times: from a matrix file or an OSRM server, used before the estimate, and sourced."""

import datetime as dt
import gzip
import itertools

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.territory.conftest import Answer

from maillage.kernel import pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.territory import actions, gateway, queries
from maillage.territory.actions import travel as travel_actions
from maillage.territory.actions.travel import TravelRefused
from maillage.territory.enums import Point, TravelFacts, TravelRow
from maillage.territory.models import Commune, TravelSource, TravelTime

MONTCEAU, CREUSOT, BLANZY = "71306", "71153", "71040"
MATRIX = TravelFacts("matrix", "Matrice d'essai", "2026")
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "COPY")
NBSP = "\u00a0"


def load(system, *rows, source=MATRIX, **options):
    return actions.load_travel(
        by=system, source=source, rows=[TravelRow(*r) for r in rows], **options
    )


def figures(counts):
    return counts.created, counts.updated, counts.unchanged


# The table


def time(**values):
    source, _ = TravelSource.objects.get_or_create(
        kind="matrix", name="Essai", vintage="2026", defaults={"loaded_at": timezone.now()}
    )
    facts = {"origin_id": MONTCEAU, "destination_id": CREUSOT, "source": source, "minutes": 12.0}
    return TravelTime(**facts | values)


@pytest.mark.parametrize(
    "values",
    [{"minutes": -0.5}, {"minutes": 1441}, {"destination_id": MONTCEAU}],
    ids=["negative", "more than a day", "to itself"],
)
def test_a_time_that_cannot_be_is_refused_by_the_database(extract, values):
    time(minutes=None).save()
    with pytest.raises(IntegrityError), transaction.atomic():
        time(**{"destination_id": BLANZY} | values).save()


def test_a_pair_has_one_time_a_source_and_the_way_back_is_another(extract):
    time().save()
    time(origin_id=CREUSOT, destination_id=MONTCEAU).save()
    with pytest.raises(IntegrityError), transaction.atomic():
        time(minutes=13).save()


@pytest.mark.parametrize("wrong", [{"kind": "guess"}, {"name": ""}, {"vintage": ""}])
def test_a_source_is_of_a_known_kind_named_and_dated(db, wrong):
    facts = {"kind": "osrm", "name": "Essai", "vintage": "2026", "loaded_at": timezone.now()}
    TravelSource.objects.create(**facts)
    with pytest.raises(IntegrityError), transaction.atomic():
        TravelSource.objects.create(**facts | {"name": "Autre"} | wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        TravelSource.objects.create(**facts)


# The action


def test_a_load_creates_updates_and_replays_to_no_write(extract, system):
    rows = [(MONTCEAU, CREUSOT, 17.5), (CREUSOT, MONTCEAU, 16.0), (MONTCEAU, BLANZY, None)]
    assert figures(load(system, *rows)) == (3, 0, 0)
    first = TravelSource.objects.get().loaded_at
    line = JournalLine.objects.get(action="territory.travel_loaded")
    assert line.data == {"created": 3, "updated": 0}
    with CaptureQueriesContext(connection) as seen:
        assert figures(load(system, *rows)) == (0, 0, 3)
    assert [q["sql"] for q in seen if q["sql"].upper().startswith(WRITES)] == []
    assert figures(load(system, (MONTCEAU, CREUSOT, 18.0), (MONTCEAU, BLANZY, None))) == (0, 1, 1)
    assert TravelSource.objects.get().loaded_at > first
    assert TravelTime.objects.count() == 3, "nothing is deleted"
    assert TravelTime.objects.get(origin=MONTCEAU, destination=CREUSOT).minutes == 18.0


def test_a_dry_run_writes_nothing(extract, system):
    assert figures(load(system, (MONTCEAU, CREUSOT, 17.5), dry_run=True)) == (1, 0, 0)
    assert not TravelSource.objects.exists() and not JournalLine.objects.filter(
        action="territory.travel_loaded"
    )


def test_a_load_moves_every_screen(saone, system):
    before = pulse.version(saone.pk)
    load(system, (MONTCEAU, CREUSOT, 17.5))
    moved = pulse.version(saone.pk)
    assert moved > before
    load(system, (MONTCEAU, CREUSOT, 17.5))
    assert pulse.version(saone.pk) == moved


@pytest.mark.parametrize("kind", ["seat", "link", "user"])
def test_only_the_technical_operator_loads(extract, somebody, kind):
    with pytest.raises(NotAllowed):
        load(somebody(kind=kind), (MONTCEAU, CREUSOT, 17.5))


@pytest.mark.parametrize(
    "source",
    [
        TravelFacts("guess", "Essai", "2026"),
        TravelFacts("matrix", " ", "2026"),
        TravelFacts("matrix", "Essai", ""),
        TravelFacts("matrix", "x" * 121, "2026"),
        TravelFacts("matrix", "Essai", "x" * 41),
    ],
)
def test_a_source_without_a_name_or_a_vintage_is_refused(extract, system, source):
    with pytest.raises(TravelRefused):
        load(system, (MONTCEAU, CREUSOT, 17.5), source=source)
    assert not TravelTime.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_load_cut_short_keeps_its_batches_and_is_played_again(system, monkeypatch):
    actions.load_extract(by=system, extract=gateway.read_extract())
    monkeypatch.setattr(travel_actions, "BATCH", 1)

    def cut(done, total):
        if done == 2:
            raise KeyboardInterrupt

    rows = [(MONTCEAU, CREUSOT, 17.5), (CREUSOT, MONTCEAU, 16.0), (MONTCEAU, BLANZY, 7.0)]
    with pytest.raises(KeyboardInterrupt):
        load(system, *rows, progress=cut)
    assert TravelTime.objects.count() == 2
    assert figures(load(system, *rows)) == (1, 0, 2)


# Reading


def test_a_known_time_is_said_flat_an_estimate_about(extract, system):
    load(system, (MONTCEAU, CREUSOT, 17.4), (MONTCEAU, BLANZY, 0.2))
    there = queries.travel_minutes(MONTCEAU, [CREUSOT, BLANZY, MONTCEAU])
    back = queries.travel_minutes(CREUSOT, [MONTCEAU])[MONTCEAU]
    trip = there[CREUSOT]
    assert (trip.minutes, trip.text) == (17.4, f"17{NBSP}min")
    assert trip.source == "Matrice d'essai, 2026" and trip.km == pytest.approx(15, abs=1.5)
    assert there[BLANZY].text == f"1{NBSP}min", "never zero"
    assert there[MONTCEAU].source == "dans la commune"
    # The way back is not known: estimated, and said so.
    assert back.text.startswith(f"env.{NBSP}") and back.source == queries.TRAVEL_SOURCE


def test_no_route_is_neither_an_estimate_nor_a_time(extract, system):
    load(system, (MONTCEAU, CREUSOT, None))
    trip = queries.travel_minutes(MONTCEAU, [CREUSOT])[CREUSOT]
    assert (trip.minutes, trip.text) == (None, "sans route")
    assert trip.source == "Matrice d'essai, 2026"


def test_the_source_loaded_last_wins_pair_by_pair(extract, system):
    newer = TravelFacts("osrm", "OSRM essai", "au 22/11/2026")
    load(system, (MONTCEAU, CREUSOT, 17.0), (MONTCEAU, BLANZY, 8.0))
    load(system, (MONTCEAU, CREUSOT, 19.0), source=newer)
    trips = queries.travel_minutes(MONTCEAU, [CREUSOT, BLANZY])
    assert (trips[CREUSOT].minutes, trips[CREUSOT].source) == (19.0, "OSRM essai, au 22/11/2026")
    assert trips[BLANZY].minutes == 8.0
    # Played again unchanged, the older one stays older; changed, it becomes the newest.
    load(system, (MONTCEAU, CREUSOT, 17.0))
    assert queries.travel_minutes(MONTCEAU, [CREUSOT])[CREUSOT].minutes == 19.0
    load(system, (MONTCEAU, CREUSOT, 17.5))
    assert queries.travel_minutes(MONTCEAU, [CREUSOT])[CREUSOT].minutes == 17.5


def test_known_times_take_one_query_then_none(extract, system, django_assert_num_queries):
    load(system, (MONTCEAU, CREUSOT, 17.0))
    queries.travel_minutes(CREUSOT, [MONTCEAU, BLANZY])  # the centres
    with django_assert_num_queries(1):
        queries.travel_minutes(MONTCEAU, [CREUSOT, BLANZY])
    with django_assert_num_queries(0):
        assert queries.travel_minutes(MONTCEAU, [CREUSOT])[CREUSOT].minutes == 17.0
    with django_assert_num_queries(0):
        queries.travel_minutes(MONTCEAU, [MONTCEAU])


def test_a_second_question_completes_the_first(extract, system):
    load(system, (MONTCEAU, CREUSOT, 17.0), (MONTCEAU, BLANZY, 8.0))
    assert queries.travel_minutes(MONTCEAU, [CREUSOT])[CREUSOT].minutes == 17.0
    both = queries.travel_minutes(MONTCEAU, [CREUSOT, BLANZY])
    assert [both[code].minutes for code in (CREUSOT, BLANZY)] == [17.0, 8.0]
    assert queries.travel_minutes(MONTCEAU, [BLANZY])[BLANZY].minutes == 8.0


def test_a_question_about_a_whole_country_names_no_destination(extract, system, monkeypatch):
    monkeypatch.setattr(queries.travel, "ASKED_MAX", 2)
    load(system, (MONTCEAU, CREUSOT, 17.0))
    codes = list(Commune.objects.values_list("pk", flat=True))
    with CaptureQueriesContext(connection) as seen:
        assert queries.travel_minutes(MONTCEAU, codes)[CREUSOT].minutes == 17.0
    assert not [q for q in seen if "traveltime" in q["sql"] and BLANZY in q["sql"]]


def test_another_process_sees_a_load_within_seconds(extract, system, monkeypatch):
    """What another process wrote: here, rows written without telling this one's memory."""
    assert queries.travel_minutes(MONTCEAU, [CREUSOT])[CREUSOT].known == ""
    time().save()
    assert queries.travel_minutes(MONTCEAU, [CREUSOT])[CREUSOT].known == ""
    later = queries.travel.time.monotonic() + queries.travel.TRIPS_KEPT_SECONDS + 0.1
    monkeypatch.setattr(queries.travel.time, "monotonic", lambda: later)
    assert queries.travel_minutes(MONTCEAU, [CREUSOT])[CREUSOT].minutes == 12.0
    assert queries.travel.TRIPS_KEPT_SECONDS <= 5


# The matrix file


def matrix(tmp_path, text, name="matrice.csv"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


KNOWN = {MONTCEAU, CREUSOT, BLANZY}


@pytest.mark.parametrize(
    "text",
    [
        f"{MONTCEAU},{CREUSOT},17.5\n{CREUSOT},{MONTCEAU},16\n",
        f"de,vers,minutes\n{MONTCEAU},{CREUSOT},17.5\n{CREUSOT},{MONTCEAU},16",
        f"\ufeffde;vers;minutes;km\r\n{MONTCEAU};{CREUSOT};17,5;15\r\n{CREUSOT};{MONTCEAU};16;15\r\n",
        f'"{MONTCEAU}", {CREUSOT} , 17.50\n\n{CREUSOT},{MONTCEAU},16.0\n',
    ],
    ids=["bare", "titles", "as a spreadsheet saves it", "spaces"],
)
@pytest.mark.parametrize("name", ["matrice.csv", "matrice.csv.gz"])
def test_a_matrix_is_read_as_people_write_it(tmp_path, text, name):
    rows, refused = gateway.read_travel(matrix(tmp_path, text, name), KNOWN)
    assert rows == [(MONTCEAU, CREUSOT, 17.5), (CREUSOT, MONTCEAU, 16.0)] and not refused


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (f"{MONTCEAU},{BLANZY}", "minutes", "trois valeurs"),
        (f"{MONTCEAU},99999,3", "arrivée", "pas une commune connue"),
        (f",{MONTCEAU},3", "départ", "pas une commune connue"),
        (f"{MONTCEAU},{MONTCEAU},3", "arrivée", "même commune"),
        (f"{MONTCEAU},{CREUSOT},18", "arrivée", "déjà donné"),
        *(
            (f"{MONTCEAU},{BLANZY},{bad}", "minutes", "pas un nombre de minutes")
            for bad in ("", "-3", "1441", "nan", "inf", "1e2", "1_0", "3 min", "0x1")
        ),
    ],
)
def test_a_bad_line_is_set_aside_with_its_reason(tmp_path, line, column, reason):
    text = f"{MONTCEAU},{CREUSOT},17.5\n{line}\n{CREUSOT},{MONTCEAU},16\n"
    rows, (refused,) = gateway.read_travel(matrix(tmp_path, text), KNOWN)
    assert len(rows) == 2 and (refused.line, refused.column) == (2, column)
    assert reason in str(refused)


def test_the_command_tries_then_loads_then_changes_nothing(extract, tmp_path, capsys):
    path = matrix(tmp_path, f"{MONTCEAU},{CREUSOT},17.5\n{MONTCEAU},xx,3\n")

    def run(**options):
        call_command("travel_load", path, source="Essai", vintage="2026", **options)
        return " ".join(capsys.readouterr().out.split())

    assert "Essai, rien n'est écrit : 1 temps de trajet créés" in run(dry_run=True)
    assert not TravelTime.objects.exists()
    said = run()
    assert "1 temps de trajet créés, 0 modifiés, 0 inchangés, 1 lignes refusées" in said
    assert "matrice.csv, ligne 2, colonne arrivée" in said
    assert "0 temps de trajet créés, 0 modifiés, 1 inchangés" in run()
    with pytest.raises(CommandError, match="manque"):
        call_command("travel_load", tmp_path / "rien.csv", source="Essai", vintage="2026")


# An OSRM server


def point(insee, longitude):
    return Point(insee, longitude, 46.5)


def osrm(seconds, most=100, asked=None):
    """The table service: `seconds(longitude from, longitude to)`; None for no route."""

    def answer(path, query):
        *_, where = path.split("/")
        assert path == f"/table/v1/driving/{where}" and query["annotations"] == "duration"
        places = [tuple(map(float, each.split(","))) for each in where.split(";")]
        sources, destinations = (
            [places[int(i)] for i in query[name].split(";")] for name in ("sources", "destinations")
        )
        if asked is not None:
            asked.append((len(places), len(sources), len(destinations)))
        if len(places) > most:
            return Answer({"code": "TooBig", "message": "Too many table coordinates"}, 400)
        if any(latitude > 89 for _, latitude in places):
            return Answer({"code": "NoSegment", "message": "Could not find a segment"}, 400)
        durations = [[seconds(a[0], b[0]) for b in destinations] for a in sources]
        return Answer({"code": "Ok", "durations": durations, "sources": [], "destinations": []})

    return answer


def uphill(a, b):
    """Asymmetric: the direction matters."""
    return None if b == 9.0 else 60 * (2 * (b - a) if b > a else a - b)


def test_a_table_is_read_row_by_row_in_its_direction(serve):
    here = [point("A", 1.0), point("B", 3.0), point("C", 9.0)]
    rows, refused = gateway.fetch_travel(serve(osrm(uphill)), here, here)
    assert set(rows) == {
        *(("A", "B", 4.0), ("B", "A", 2.0), ("C", "A", 8.0), ("C", "B", 6.0)),
        *(("A", "C", None), ("B", "C", None)),
    }
    assert not refused and len(rows) == 6


@pytest.mark.parametrize("most", [100, 30, 2])
def test_a_large_perimeter_is_asked_in_blocks_and_nothing_is_lost(serve, most):
    origins = [point(f"o{i}", i / 10) for i in range(60)]
    destinations = [*origins[:20], *(point(f"d{i}", 7 + i / 10) for i in range(45))]
    if most == 2:
        origins, destinations = origins[:5], destinations[:8]
    asked = []
    rows, refused = gateway.fetch_travel(serve(osrm(uphill, most, asked)), origins, destinations)
    expected = {
        (a.insee, b.insee): uphill(a.longitude, b.longitude)
        for a, b in itertools.product(origins, destinations)
        if a.insee != b.insee
    }
    found = {row[:2]: row.minutes for row in rows}
    assert len(found) == len(rows) == len(expected) and not refused
    assert found == pytest.approx(
        {pair: None if value is None else value / 60 for pair, value in expected.items()}, abs=0.01
    )
    assert max(places for places, _, _ in asked) <= 100


def test_a_place_off_the_roads_is_set_aside_alone(serve):
    here = [point("A", 1.0), point("B", 3.0), Point("I", 5.0, 89.5), point("D", 4.0)]
    rows, refused = gateway.fetch_travel(serve(osrm(uphill)), here, here)
    assert len(rows) == 6 and {code for row in rows for code in row[:2]} == {"A", "B", "D"}
    assert len(refused) == 6 and all("loin de toute route" in each.reason for each in refused)


OK = {"code": "Ok", "durations": [[0, 60.0]]}
BROKEN = {
    "a malformed question": (
        Answer({"code": "InvalidQuery", "message": "bad"}, 400),
        "InvalidQuery",
    ),
    "an option": (Answer({"code": "InvalidOptions"}, 400), "InvalidOptions"),
    "too big for one": (Answer({"code": "TooBig"}, 400), "TooBig"),
    "an error": (Answer(b"oops", 500), "erreur .500."),
    "too often": (Answer({"message": "Too Many Requests"}, 429), "erreur .429."),
    "a page": (Answer(b"<html>"), "JSON"),
    "another service": (Answer({"hello": 1}), "pas celle d'un serveur OSRM"),
    "a list": (Answer([]), "pas celle d'un serveur OSRM"),
    "cut": (Answer({"code": "Ok", "durations": [[0, 60.0]]}, sent=20), "coupée"),
    "another shape": (Answer(OK | {"durations": [[0]]}), "forme demandée"),
    "no durations": (Answer({"code": "Ok"}), "forme demandée"),
    "a negative time": (Answer(OK | {"durations": [[0, -1]]}), "forme demandée"),
    "a text": (Answer(OK | {"durations": [[0, "60"]]}), "forme demandée"),
    "NaN": (Answer(OK | {"durations": [[0, float("nan")]]}), "forme demandée"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_not_an_answer_is_a_sentence(serve, case):
    said, sentence = BROKEN[case]
    address = serve(lambda path, query: said)
    with pytest.raises(gateway.NoAnswer, match=sentence):
        gateway.fetch_travel(address, [point("A", 1.0)], [point("A", 1.0), point("B", 3.0)])


def test_more_than_a_day_is_set_aside(serve):
    here = [point("A", 1.0), point("B", 3.0)]
    rows, refused = gateway.fetch_travel(serve(osrm(lambda a, b: 90_000.0)), here, here)
    assert rows == [] and len(refused) == 2 and "plus d'un jour" in refused[0].reason


def test_the_trips_asked_are_those_of_the_perimeter_and_its_neighbours(saone, system, today):
    (alone,) = queries.journeys_of(saone, today)
    assert len(alone.origins) == 34 and alone.origins == alone.destinations
    small = actions.create_cpts(by=system, slug="petite", name="Petite CPTS")
    assert queries.journeys_of(small, today, within_km=50) == ()
    actions.set_perimeter(by=system, cpts=small, communes=[MONTCEAU], from_on=today)
    there, back = queries.journeys_of(small, today, within_km=8)
    outside = {each.insee for each in back.origins}
    # Blanzy is 3 km away as the crow flies, Le Creusot 15.
    assert BLANZY in outside and CREUSOT not in outside and MONTCEAU not in outside
    assert [each.insee for each in there.origins] == [MONTCEAU]
    assert {each.insee for each in there.destinations} == outside | {MONTCEAU}
    assert [each.insee for each in back.destinations] == [MONTCEAU]
    assert queries.journeys_of(small, today - dt.timedelta(days=1)) == ()


def test_the_command_asks_loads_and_replays(saone, system, serve, capsys):
    address = serve(osrm(lambda a, b: 60 * (10 + abs(a - b))))
    options = {"osrm": address, "cpts": saone.slug}
    call_command("travel_fetch", **options, dry_run=True)
    assert not TravelTime.objects.exists()
    call_command("travel_fetch", **options)
    assert TravelTime.objects.count() == 34 * 33
    source = TravelSource.objects.get()
    assert source.kind == "osrm" and source.name == f"OSRM {address[7:]}"
    assert source.vintage == f"au {timezone.localdate():%d/%m/%Y}"
    assert queries.travel_minutes(MONTCEAU, [CREUSOT])[CREUSOT].source.startswith("OSRM 127.0.0.1")
    capsys.readouterr()
    call_command("travel_fetch", **options)
    assert "0 temps de trajet créés, 0 modifiés, 1122 inchangés" in " ".join(
        capsys.readouterr().out.split()
    )


def test_the_command_refuses_an_unknown_cpts_and_a_dead_server(saone, serve):
    with pytest.raises(CommandError, match="Aucune CPTS"):
        call_command("travel_fetch", osrm="http://127.0.0.1:9", cpts="nulle-part")
    with pytest.raises(CommandError, match="erreur .503."):
        call_command("travel_fetch", osrm=serve(lambda p, q: Answer(b"", 503)), cpts=saone.slug)
    assert not TravelTime.objects.exists()
