"""The soonest free slots near a commune, among 5 000 000 of 100 000 fictitious professionals.

SLOTS_PEOPLE and SLOTS_QUERIES make a shorter run. Communes and populations are the real ones when the
open data is beside the repository (MAILLAGE_SHARED), else drawn at random. Beside it, on the same
rows: PostGIS (GiST) joined to the slots, and an index in memory.
"""

import csv
import datetime as dt
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import django
import numpy as np
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from django_scopes import scope

from bench import Report
from bench.database import filling, gave_both_factors

NAME = "slots"
PEOPLE = int(os.environ.get("SLOTS_PEOPLE", "100000"))
QUERIES = int(os.environ.get("SLOTS_QUERIES", "400"))
WRITES, SEED, BLOCK, PASSES = 40, 20261122, 200_000, 5
STARTED = time.perf_counter()
ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("MAILLAGE_SHARED") or ROOT.parent / "shared")
NOW = dt.datetime(2026, 11, 23, 7, tzinfo=dt.UTC)  # Monday, eight in the morning in Paris
FULL, FOR_ALL, CPTS_POPULATION = 0.466, 1 / 3, 82_000
# How many of each profession, per thousand: orders of magnitude.
SHARES = {"10": 280, "21": 60, "40": 80, "50": 20, "60": 300, "70": 180, "80": 20, "91": 30}
SHARES |= {"92": 5, "94": 10, "95": 10, "96": 5}
DAYS = np.array([0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14])  # weekdays of the horizon, from that Monday


@dataclass(frozen=True, slots=True)
class World:
    """Communes, then professionals (index = id - 1), then slots (index = id - 1), as columns."""

    insee: list[str]
    longitude: np.ndarray
    latitude: np.ndarray
    population: np.ndarray
    cpts: np.ndarray  # of each commune, from 1
    commune: np.ndarray  # of each professional
    profession: np.ndarray
    is_for_all: np.ndarray
    starts_minute: np.ndarray  # of each professional and weekday
    length: np.ndarray  # slots a day
    owner: np.ndarray  # of each slot
    weekday: np.ndarray
    start: np.ndarray  # UTC minutes since 1970
    is_full: np.ndarray


def communes(rng: np.random.Generator) -> tuple[list[str], list[str], Any, Any, Any]:
    path = SHARED / "data/communes.csv.gz"
    if not path.is_file():
        size = 34_000
        codes = [f"{1 + n // 900:02}{n % 900:03}" for n in range(size)]
        population = np.exp(rng.normal(6.1, 1.4, size))
        zone = [code[:2] for code in codes]
        return codes, zone, rng.uniform(-4, 8, size), rng.uniform(43, 50.5, size), population
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["lon"] and row["pop2023"] and not row["insee"].startswith("97")
        ]
    longitude, latitude, population = (
        np.array([float(row[name]) for row in rows]) for name in ("lon", "lat", "pop2023")
    )
    return (
        [row["insee"] for row in rows],
        [row["dep"] for row in rows],
        longitude,
        latitude,
        population,
    )


def make_world() -> World:
    rng = np.random.default_rng(SEED)
    insee, zone, longitude, latitude, population = communes(rng)
    order = np.lexsort((longitude, zone))
    cpts = np.empty(len(insee), dtype=np.int64)
    cpts[order] = np.cumsum(population[order]) // CPTS_POPULATION + 1
    weights = np.array(list(SHARES.values()), dtype=float)
    length = np.where(np.arange(PEOPLE) % 11 < 5, 4, 5)  # fifty each over eleven days
    starts = rng.integers(8 * 12, 18 * 12, size=(PEOPLE, 5)) * 5
    owner = np.repeat(np.arange(PEOPLE), len(DAYS) * length)
    first = np.repeat(np.cumsum(len(DAYS) * length) - len(DAYS) * length, len(DAYS) * length)
    rank = np.arange(owner.size) - first
    day, turn = DAYS[rank // length[owner]], rank % length[owner]
    monday = int(NOW.replace(hour=0).timestamp()) // 60
    weekday = day % 7
    start = monday + day * 1440 + starts[owner, weekday] - 60 + 20 * turn
    return World(
        insee=insee,
        longitude=longitude,
        latitude=latitude,
        population=population,
        cpts=cpts,
        commune=rng.choice(len(insee), PEOPLE, p=population / population.sum()),
        profession=rng.choice(np.array(list(SHARES), "S2"), PEOPLE, p=weights / weights.sum()),
        is_for_all=rng.random(PEOPLE) < FOR_ALL,
        starts_minute=starts,
        length=length,
        owner=owner,
        weekday=weekday,
        start=start,
        is_full=rng.random(owner.size) < FULL,
    )


# Loading: binary COPY of whole columns, or executemany


BINARY = {"bool": "i1", "int16": ">i2", "int32": ">i4", "int64": ">i8", "instant": ">i8"}
TO_2000 = 30 * 365 + 7  # days from 1970 to PostgreSQL's own origin


def load(table: str, size: int, columns: dict[str, tuple[str, Any]]) -> None:
    """Columns by name: (type, values or one value); a type is one of BINARY, or "S6" for a text."""
    if connection.vendor == "postgresql":
        copy_binary(table, size, columns)
        return
    cells = []
    for kind, value in columns.values():
        value = np.broadcast_to(np.asarray(value), size)
        if kind == "instant":
            known, back = np.unique(value, return_inverse=True)
            texts = (dt.datetime.fromtimestamp(60 * int(v), dt.UTC) for v in known)
            value = np.array([f"{each:%Y-%m-%d %H:%M:%S}" for each in texts], dtype=object)[back]
        elif kind.startswith("S"):
            value = value.astype("U")
        cells.append(value.tolist())
    with connection.cursor() as cursor:
        cursor.cursor.connection.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            zip(*cells, strict=True),
        )


def copy_binary(table: str, size: int, columns: dict[str, tuple[str, Any]]) -> None:
    kinds = [(BINARY.get(kind, kind), kind, value) for kind, value in columns.values()]
    layout = [("count", ">i2")]
    for n, (code, _, _) in enumerate(kinds):
        layout += [(f"size{n}", ">i4"), (f"value{n}", code)]
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for begin in range(0, size, BLOCK):
            end = min(size, begin + BLOCK)
            rows = np.zeros(end - begin, dtype=layout)
            rows["count"] = len(kinds)
            for n, (code, kind, value) in enumerate(kinds):
                part = value[begin:end] if isinstance(value, np.ndarray) else value
                if kind == "instant":
                    part = (part - TO_2000 * 1440) * 60_000_000
                rows[f"size{n}"] = np.dtype(code).itemsize
                rows[f"value{n}"] = part
            copy.write(rows.tobytes())
        copy.write(b"\xff\xff")


def fill(world: World) -> None:
    """Every table the search reads, with its indexes made afterwards."""
    models = import_module("maillage.territory.models")
    models.Commune.objects.bulk_create(
        (
            models.Commune(insee=code, name=code, name_key=code, longitude=lon, latitude=lat)
            for code, lon, lat in zip(
                world.insee, world.longitude.tolist(), world.latitude.tolist(), strict=True
            )
        ),
        batch_size=5000,
    )
    models.Cpts.objects.bulk_create(
        models.Cpts(pk=pk, slug=f"c{pk}", name=f"CPTS {pk}")
        for pk in range(1, world.cpts.max() + 1)
    )
    load(
        "territory_cptscommune",
        len(world.insee),
        {"id": ("int64", np.arange(1, len(world.insee) + 1)), "cpts_id": ("int64", world.cpts)}
        | {"commune_id": ("S5", np.array(world.insee, dtype="S5"))}
        | {
            "from_on": ("int32", 9600)
            if connection.vendor == "postgresql"
            else ("S10", b"2026-04-14")
        },
    )
    ids = np.arange(1, PEOPLE + 1)
    codes = np.array(world.insee, dtype="S5")[world.commune]
    texts = dict.fromkeys(("given_name", "speciality", "email", "search_key"), ("S1", b"x"))
    load(
        "directory_professional",
        PEOPLE,
        {"id": ("int64", ids), "rpps": ("S11", np.char.mod(b"9999%07d", ids)), **texts}
        | {"speciality": ("S4", b"SM54"), "family_name": ("S12", np.char.mod(b"Fictif%06d", ids))}
        | {"profession": ("S2", world.profession), "phone": ("S10", b"0639980001")}
        | {"age_from": ("int16", 0), "age_to": ("int16", 120)}
        | {f"does_{each}": ("bool", each == "office") for each in ("office", "home", "remote")},
    )
    load(
        "directory_place",
        PEOPLE,
        {"id": ("int64", ids), "professional_id": ("int64", ids), "commune_id": ("S5", codes)}
        | dict.fromkeys(("name", "address", "phone", "finess"), ("S1", b"x"))
        | {"is_main": ("bool", True)},
    )
    flags = {"for_public": False, "for_pro": world.is_for_all, "for_snp": True, "for_cpts": False}
    chosen = {"chosen_at": ("instant", int(NOW.timestamp()) // 60)}
    load(
        "availability_usualvisibility",
        PEOPLE,
        {"professional_id": ("int64", ids)} | {k: ("bool", v) for k, v in flags.items()} | chosen,
    )
    load(
        "availability_cptsvisibility",
        PEOPLE,
        {"id": ("int64", ids), "professional_id": ("int64", ids), "snp": ("bool", True)}
        | {"cpts_id": ("int64", world.cpts[world.commune]), "members": ("bool", False)}
        | chosen,
    )
    fill_slots(world, ids, flags)


def fill_slots(world: World, ids: np.ndarray, flags: dict[str, Any]) -> None:
    def offer(who: np.ndarray) -> dict[str, tuple[str, Any]]:
        return (
            {"professional_id": ("int64", who + 1), "place_id": ("int64", who + 1)}
            | {"kind": ("S6", b"office"), "mode": ("S8", b"bookable"), "capacity": ("int16", 1)}
            | {
                name: ("bool", value[who] if isinstance(value, np.ndarray) else value)
                for name, value in flags.items()
            }
        )

    who = np.repeat(np.arange(PEOPLE), 5)
    starts = world.starts_minute.ravel()
    load(
        "availability_weeklyperiod",
        who.size,
        {"id": ("int64", np.arange(1, who.size + 1)), **offer(who)}
        | {"weekday": ("int16", np.tile(np.arange(5), PEOPLE)), "slot_minutes": ("int16", 20)}
        | {"starts_minute": ("int16", starts)}
        | {"ends_minute": ("int16", starts + 20 * np.repeat(world.length, 5))}
        | {
            "from_on": ("int32", 9600)
            if connection.vendor == "postgresql"
            else ("S10", b"2026-04-14")
        },
    )
    slots = np.arange(1, world.owner.size + 1)
    load(
        "availability_slot",
        slots.size,
        {"id": ("int64", slots), **offer(world.owner), "is_window": ("bool", False)}
        | {"starts_at": ("instant", world.start), "ends_at": ("instant", world.start + 20)}
        | {"period_id": ("int64", 5 * world.owner + world.weekday + 1)},
    )
    taken = slots[world.is_full]
    load(
        "availability_booking",
        taken.size,
        {"id": ("int64", taken), "slot_id": ("int64", taken), "place_number": ("int16", 1)}
        | {"cpts_id": ("int64", world.cpts[world.commune[world.owner[world.is_full]]])}
        | {"state": ("S5", b"taken"), "changed_at": ("instant", int(NOW.timestamp()) // 60)},
    )


def fill_index() -> None:
    """The rows the product would hold: read by its own definition, written at once."""
    search = import_module("maillage.availability.queries.search")
    slot = import_module("maillage.availability.models").Slot
    with connection.cursor() as cursor:
        for each in search.shelved(slot.objects.all(), NOW):
            sql, values = each.query.sql_with_params()
            cursor.execute(
                f"INSERT INTO availability_freeslot ({', '.join(search.SHELVED)}) {sql}", values
            )


def indexes_aside(fill_all: Callable[[], None]) -> None:
    """Fill with keys unchecked and the indexes of the large tables made again afterwards."""
    large = ("availability_slot", "availability_booking", "availability_freeslot")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(
                "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
                "LEFT JOIN pg_constraint ON conindid = indexrelid "
                "WHERE indrelid::regclass::text = ANY(%s) AND conname IS NULL",
                [list(large)],
            )
        else:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
                "AND tbl_name IN (%s, %s, %s)",
                large,
            )
        made = cursor.fetchall()
        for name, _ in made:
            cursor.execute(f"DROP INDEX {name}")
    fill_all()
    tell("tables loaded")
    with connection.cursor() as cursor:
        for name, _ in made:
            if "free_slot" not in name:
                cursor.execute(dict(made)[name])
        cursor.execute("ANALYZE")
    fill_index()
    with connection.cursor() as cursor:
        for name, sql in made:
            if "free_slot" in name:
                cursor.execute(sql)


# Queries


@dataclass(frozen=True, slots=True)
class Asked:
    """One search: around which commune (its rank), for whom, how far, for the desk of which CPTS."""

    commune: int
    profession: str
    minutes: int


def questions(world: World) -> list[Asked]:
    """Half around communes drawn by population, half around any; professions by their number."""
    rng = np.random.default_rng(SEED + 1)
    size, weights = len(world.insee), np.array(list(SHARES.values()), dtype=float)
    around = np.concatenate(
        [
            rng.choice(size, QUERIES - QUERIES // 2, p=world.population / world.population.sum()),
            rng.integers(0, size, QUERIES // 2),
        ]
    )
    rng.shuffle(around)
    jobs = rng.choice(list(SHARES), QUERIES, p=weights / weights.sum())
    minutes = rng.integers(5, 31, QUERIES)
    return [Asked(int(c), str(p), int(m)) for c, p, m in zip(around, jobs, minutes, strict=True)]


def timed(function: Callable[[Any], Any], asked: Sequence[Any]) -> tuple[dict[str, float], list]:
    """Milliseconds of each question, the shortest of PASSES; and what was answered.

    A virtual machine is stopped for milliseconds at a time (`SELECT 1` is printed beside): the pauses
    of one pass belong to no question. `function` may time itself: (milliseconds, answer).
    """
    taken = np.full((PASSES, len(asked)), np.inf)
    answers: list[Any] = [None] * len(asked)
    for turn in range(PASSES):
        for at, each in enumerate(asked):
            begin = time.perf_counter()
            answers[at] = function(each)
            taken[turn, at] = (time.perf_counter() - begin) * 1000
            if isinstance(answers[at], Clocked):
                taken[turn, at], answers[at] = answers[at]
    best, every = taken.min(axis=0), taken[1:].ravel()
    return {
        "median": float(np.median(best)),
        "p95": float(np.quantile(best, 0.95)),
        "every": float(np.quantile(every, 0.95)),
    }, answers


class Clocked(NamedTuple):
    milliseconds: float
    answer: Any


def tell(step: str) -> None:
    print(f"{time.perf_counter() - STARTED:7.1f} s  {step}", file=sys.stderr, flush=True)


def server_sql(statement: tuple[str, list]) -> Clocked | list[tuple]:
    """The rows, and what PostgreSQL says it spent planning and executing; in SQLite the call itself."""
    if connection.vendor == "sqlite":
        return run_sql(statement)
    sql, values = statement
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", values)
        told = cursor.fetchone()[0][0]
    return Clocked(told["Planning Time"] + told["Execution Time"], run_sql(statement))


def run_sql(statement: tuple[str, list]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return cursor.fetchall()


def make_peer() -> bool:
    """PostGIS beside the product: persons by place (GiST), their free slots by start (btree)."""
    if subprocess.run(
        [str(ROOT / "tools/packages"), "postgresql-15-postgis-3", "--", "test", "-e"]
        + ["/usr/share/postgresql/15/extension/postgis.control"],
        check=False,
    ).returncode:
        return False
    with filling(), connection.cursor() as cursor:
        for sql in (
            "CREATE EXTENSION postgis",
            "CREATE EXTENSION IF NOT EXISTS btree_gist",
            "CREATE TABLE peer_person AS SELECT p.id, p.profession, u.for_pro, v.cpts_id, "
            "ST_MakePoint(c.longitude, c.latitude)::geography AS place "
            "FROM directory_professional p JOIN directory_place d ON d.professional_id = p.id "
            "JOIN territory_commune c ON c.insee = d.commune_id "
            "JOIN availability_usualvisibility u ON u.professional_id = p.id "
            "JOIN availability_cptsvisibility v ON v.professional_id = p.id",
            "CREATE INDEX ON peer_person USING gist (profession, place)",
            "CREATE TABLE peer_slot AS SELECT DISTINCT slot_id AS id, s.professional_id, s.starts_at "
            "FROM availability_freeslot f JOIN availability_slot s ON s.id = f.slot_id",
            "CREATE INDEX ON peer_slot (professional_id, starts_at) INCLUDE (id)",
        ):
            cursor.execute(sql)
    return True


def peer_statement(world: World, one: Asked) -> tuple[str, list]:
    model = import_module("maillage.compute.travel").GIRONDE_2021
    metres = 1000 * (one.minutes / model.factor) ** (1 / model.exponent)
    return (
        "SELECT s.id, s.starts_at FROM peer_person p JOIN peer_slot s ON s.professional_id = p.id "
        "WHERE p.profession = %s AND ST_DWithin(p.place, ST_MakePoint(%s, %s)::geography, %s, false) "
        "AND (p.for_pro OR p.cpts_id = %s) AND s.starts_at >= %s AND s.starts_at < %s "
        "ORDER BY s.starts_at, s.id LIMIT 50",
        [
            *(one.profession, float(world.longitude[one.commune])),
            *(float(world.latitude[one.commune]), metres, int(world.cpts[one.commune])),
            *(NOW, NOW + dt.timedelta(hours=24)),
        ],
    )


class Memory:
    """The limit: the free slots of a day, in time order, as columns in this process."""

    def __init__(self, world: World) -> None:
        begin = int(NOW.timestamp()) // 60
        soon = ~world.is_full & (world.start >= begin) & (world.start < begin + 1440)
        slots = np.flatnonzero(soon)
        slots = slots[np.lexsort((slots, world.start[slots]))]
        who = world.owner[slots]
        self.of: dict[str, tuple[np.ndarray, ...]] = {}
        for job in SHARES:
            mine = world.profession[who] == job.encode()
            people = who[mine]
            place = world.commune[people]
            self.of[job] = (slots[mine] + 1, place, world.is_for_all[people], world.cpts[place])

    def find(self, job: str, reached: np.ndarray, cpts: int) -> list[int]:
        slots, place, for_all, given = self.of[job]
        found: list[int] = []
        for begin in range(0, slots.size, 4096):
            part = slice(begin, begin + 4096)
            here = reached[place[part]] & (for_all[part] | (given[part] == cpts))
            found += slots[part][here].tolist()
            if len(found) >= 50:
                break
        return found[:50]


def measure_searches(world: World, results: dict[str, Any]) -> None:
    """The statement alone, the whole query, the peer, the limit: the same slots each time."""
    search = import_module("maillage.availability.queries.search")
    models = import_module("maillage.territory.models")
    territory = import_module("maillage.territory.queries")
    asked = questions(world)
    desks = {each.pk: each for each in models.Cpts.objects.all()}
    places = models.Commune.objects.in_bulk({world.insee[each.commune] for each in asked})
    rank = {code: at for at, code in enumerate(world.insee)}
    prepared, memory = [], Memory(world)
    for each in asked:
        cpts = desks[int(world.cpts[each.commune])]
        reached = territory.communes_within(places[world.insee[each.commune]], each.minutes)
        mask = np.zeros(len(world.insee), dtype=bool)
        mask[[rank[code] for code in reached]] = True
        statement = search.narrowing(cpts, each.profession, reached, now=NOW)
        prepared.append((each, cpts, statement, mask))
    results["sql"], answers = timed(lambda one: server_sql(one[2]), prepared)
    results["waited"], _ = timed(lambda one: run_sql(one[2]), prepared)
    results["floor"], _ = timed(lambda _: run_sql(("SELECT 1", [])), prepared)
    results["limit"], limit = timed(
        lambda one: memory.find(one[0].profession, one[3], one[1].pk), prepared
    )
    assert [[row[0] for row in each] for each in answers] == limit, "not what memory finds"
    results["found"] = statistics.median(map(len, limit))
    results["query"], lines = timed(
        lambda one: (
            search.free_slots_near(
                one[1],
                profession=one[0].profession,
                commune=places[world.insee[one[0].commune]],
                minutes=one[0].minutes,
                now=NOW,
            ).lines
        ),
        prepared,
    )
    assert [[line.slot_id for line in each] for each in lines] == limit, "not what the truth says"
    if connection.vendor == "postgresql" and make_peer():
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE peer_person")
            cursor.execute("VACUUM ANALYZE peer_slot")
        statements = [peer_statement(world, each) for each in asked]
        results["peer"], rows = timed(server_sql, statements)
        assert rows == answers, "PostGIS does not find the same rows"


def measure_page(world: World, results: dict[str, Any]) -> None:
    """The fragment as a desk gets it, and without its log-in. No patient in it: nothing to journal."""
    sys.path.insert(0, str(ROOT / "tests"))
    people = import_module("people")
    people.mark_demo(False)
    models = import_module("maillage.territory.models")
    test, urls = import_module("django.test"), import_module("django.urls")
    view = import_module("maillage.availability.views").free_slots
    asked, client = questions(world)[: QUERIES // 2], test.Client(SERVER_NAME="localhost")
    seats = {}
    with filling():
        for pk in {int(world.cpts[each.commune]) for each in asked}:
            user = next(iter(seats.values())).seat.user if seats else None
            seats[pk] = people.actor_as(models.Cpts.objects.get(pk=pk), "dispatcher", user)
    client.force_login(next(iter(seats.values())).seat.user)
    gave_both_factors(client)
    factory, htmx = test.RequestFactory(SERVER_NAME="localhost"), {"HX-Request": "true"}

    def target(one: Asked) -> tuple[Any, str, dict[str, Any]]:
        actor = seats[int(world.cpts[one.commune])]
        about = {"profession": one.profession, "minutes": one.minutes}
        url = urls.reverse("availability:free", kwargs={"cpts": actor.seat.cpts.slug})
        return actor, url, about | {"commune": world.insee[one.commune]}

    def signed_in(one: Asked) -> int:
        _, url, about = target(one)
        return client.get(url, about, headers=htmx).status_code

    def alone(one: Asked) -> int:
        actor, url, about = target(one)
        request = factory.get(url, about, headers=htmx)
        request.actor, request.cpts, request.user = actor, actor.seat.cpts, actor.seat.user
        request.session = {}
        request._messages = ()
        with scope(cpts=request.cpts):
            return view(request).status_code

    results["page"], codes = timed(signed_in, asked)
    assert set(codes) == {200}
    results["bare"], codes = timed(alone, asked)
    assert set(codes) == {200}


def measure_writes(world: World, results: dict[str, Any]) -> None:
    """What an act costs on this table: each in its own transaction, as the product does it."""
    actions = import_module("maillage.availability.actions")
    refresh = import_module("maillage.availability.actions.slots").refresh_slots
    models = import_module("maillage.availability.models")
    system = import_module("maillage.accounts.rules").SYSTEM
    people = import_module("people")
    rng = np.random.default_rng(SEED + 2)
    chosen = (rng.choice(PEOPLE, 2 * WRITES, replace=False) + 1).tolist()
    given = models.CptsVisibility.objects.select_related("cpts").in_bulk(chosen)
    with filling():
        desks = {pk: people.actor_as(each.cpts, "dispatcher") for pk, each in given.items()}
    bookings = []

    def take(pk: int) -> None:
        free = models.FreeSlot.objects.filter(slot__professional=pk).order_by("starts_at")
        slot = models.Slot.objects.get(pk=free.values_list("slot", flat=True)[0])
        desk = desks[pk]
        begin = time.perf_counter()
        with scope(cpts=desk.seat.cpts):
            bookings.append((desk, actions.take_place(by=desk, cpts=desk.seat.cpts, slot=slot)))
        took.append((time.perf_counter() - begin) * 1000)

    def one(pk: int) -> None:
        with transaction.atomic():
            refresh([pk])

    def open_one(pk: int) -> None:
        place = models.Slot.objects.filter(professional=pk).select_related("place")[0].place
        place.professional.refresh_from_db()
        start = NOW + dt.timedelta(hours=14)
        begin = time.perf_counter()
        actions.open_once(
            by=system,
            professional=place.professional,
            place=place,
            starts_at=start,
            ends_at=start + dt.timedelta(hours=1),
            slot_minutes=20,
        )
        took.append((time.perf_counter() - begin) * 1000)

    def release(pair: tuple[Any, Any]) -> None:
        with scope(cpts=pair[0].seat.cpts):
            actions.release_place(by=pair[0], booking=pair[1])

    took: list[float] = []
    for name, function, items in (
        ("take", take, chosen[:WRITES]),
        ("release", release, bookings),
        ("recompute", one, chosen[WRITES:]),
        ("open", open_one, chosen[WRITES:]),
    ):
        took.clear()
        times = []
        for each in items:
            begin = time.perf_counter()
            function(each)
            times.append((time.perf_counter() - begin) * 1000)
        times = list(took) or times
        p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
        results[name] = {"median": statistics.median(times), "p95": p95}


def one_engine() -> dict[str, Any]:
    """Everything on the engine of the environment."""
    settings = import_module("django.conf").settings
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.WHITENOISE_AUTOREFRESH = True
    call_command("migrate", verbosity=0)
    world = make_world()
    begin = time.perf_counter()
    if connection.vendor == "postgresql":
        with filling(), connection.cursor() as cursor:
            indexes_aside(lambda: fill(world))
            for table in connection.introspection.table_names(cursor):
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence(%s, 'id'), 10000000) "
                    "FROM information_schema.columns WHERE table_name = %s "
                    "AND column_name = 'id' AND is_identity = 'YES'",
                    [table, table],
                )
            cursor.execute("SET session_replication_role = origin")
            cursor.execute("VACUUM ANALYZE")
    else:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=OFF")  # refused inside a transaction
        with transaction.atomic():
            indexes_aside(lambda: fill(world))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    results: dict[str, Any] = {"fill": time.perf_counter() - begin, "slots": int(world.owner.size)}
    timezone.now = lambda: NOW
    for step in (measure_searches, measure_page, measure_writes):
        tell(f"{connection.vendor}, {step.__name__}")
        step(world, results)
    return results


def child(engine: str) -> dict[str, Any]:
    """This bench on one engine, in a new process and a new database."""
    with tempfile.TemporaryDirectory(prefix="bench-slots-") as folder:
        environment = os.environ | {"VAR": folder, "MAILLAGE_DATABASE_URL": ""}
        command = [sys.executable, "-m", "bench.slots"]
        if engine == "PostgreSQL":
            environment.pop("MAILLAGE_DATABASE_URL")
            command = [str(ROOT / "tools/postgres"), *command]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])


ACTS = {
    "take": "taking a place",
    "release": "giving a place back",
    "recompute": "computing one professional again",
    "open": "opening an hour in three slots",
}


def run(report: Report) -> None:
    for engine in ("PostgreSQL", "SQLite"):
        each = child(engine)
        report.figure(f"{engine}, slots of {PEOPLE} professionals", each["slots"], "slots")
        report.figure(f"{engine}, loaded and indexed", each["fill"], "s")
        for name in ("median", "p95"):
            peer = ("PostGIS GiST + join", each["peer"][name]) if "peer" in each else (None, None)
            report.figure(f"{engine}, the search in SQL, {name}", each["sql"][name], "ms", *peer)
        if engine == "PostgreSQL" and "peer" not in each:
            print("PostGIS is not installed and could not be: no peer in this run", file=sys.stderr)
        for part, label in (
            ("waited", "the search, as its caller waits"),
            ("floor", "SELECT 1, as its caller waits"),
            ("query", "search and truth of what is shown"),
            ("page", "whole fragment, log-in included, no patient to journal"),
            ("bare", "whole fragment, without log-in"),
            ("limit", "index in memory (limit)"),
        ):
            for name in ("median", "p95"):
                report.figure(f"{engine}, {label}, {name}", each[part][name], "ms")
            report.figure(f"{engine}, {label}, p95 with the pauses", each[part]["every"], "ms")
        for part, label in ACTS.items():
            for name in ("median", "p95"):
                report.figure(f"{engine}, {label}, {name}", each[part][name], "ms")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "maillage.config.settings")
    django.setup()
    print(json.dumps(one_engine()))
