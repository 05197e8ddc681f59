"""Finding one of 250 000 fictitious professionals by a misspelt name, on both engines.

SEARCH_PEOPLE, SEARCH_NAMES and SEARCH_QUERIES make a shorter run. Beside it, on the same rows: a scan
by LIKE, and what each engine sells for this (pg_trgm, FTS5 with trigrams).
"""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command
from django.db import connection
from django_scopes import scope

from bench import Report
from bench.database import filling, gave_both_factors

NAME = "search"
PEOPLE = int(os.environ.get("SEARCH_PEOPLE", "250000"))
NAMES = int(os.environ.get("SEARCH_NAMES", "90000"))
QUERIES = int(os.environ.get("SEARCH_QUERIES", "300"))
GIVEN, COMMUNES, WARM, PEER_QUERIES, SHOWN = 2500, 1000, 20, 40, 10
ROOT = Path(__file__).resolve().parents[1]
# What names sound like: beginnings, vowels and closings of a syllable, ends (a point: nothing).
BEGIN = "b br bl c ch cl cr d dr f fl fr g gr gu h j l m n p ph pl pr qu r rh s t th tr v w z k"
MIDDLE = "a e i o u ai au eau ou oi eu y an en in on ei ie ia io"
CLOSE = ". . . . l ll r rr n nn s ss t tt c m mm x rd rt ld nt st"
END = (
    ". e et ot ard ault aud eau eux ier iere in ine on and ert elle ez o i y ac ec ic sson er mann"
)
BEGINS, MIDDLES, CLOSES, ENDS = (
    [part.strip(".") for part in parts.split()] for parts in (BEGIN, MIDDLE, CLOSE, END)
)
# What is written another way because it is heard the same.
AS_HEARD = "ph:f eau:o y:i th:t qu:k ai:e ss:s z:s nn:n ault:o"
HEARD = [tuple(pair.split(":")) for pair in AS_HEARD.split()]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
JOBS = (("10", 40), ("60", 30), ("70", 12), ("40", 6), ("21", 6), ("50", 3), ("91", 3))


# People and queries, the same on both engines: a fixed seed.


def made_up(rng: random.Random, size: int, syllables: Sequence[int]) -> list[str]:
    """Different words that sound like French names and are nobody's."""
    words: dict[str, None] = {}
    while len(words) < size:
        parts = [
            rng.choice(BEGINS) + rng.choice(MIDDLES) + rng.choice(CLOSES)
            for _ in range(rng.choice(syllables))
        ]
        word = "".join(parts) + rng.choice(ENDS)
        if 3 <= len(word) <= 14:
            words[word] = None
    return list(words)


def people(rng: random.Random) -> list[tuple[str, str, str, int]]:
    """(family name, given name, profession, commune): a few names are many people's, as in life."""
    families = made_up(rng, NAMES, (1, 1, 1, 2, 2, 2, 2, 2, 3))
    given = made_up(rng, GIVEN, (1, 2))
    # The commonest family name: 4 in 1 000; the commonest first name: 2 in 100.
    family_weights = [1 / (rank + 25) ** 0.85 for rank in range(len(families))]
    given_weights = [1 / (rank + 8) for rank in range(GIVEN)]
    jobs, job_weights = zip(*JOBS, strict=True)
    return list(
        zip(
            rng.choices(families, family_weights, k=PEOPLE),
            rng.choices(given, given_weights, k=PEOPLE),
            rng.choices(jobs, job_weights, k=PEOPLE),
            rng.choices(range(COMMUNES), k=PEOPLE),
            strict=True,
        )
    )


def misspelt(rng: random.Random, word: str) -> str:
    """One mistake (another letter, one more, less or twice, two swapped, by ear), or two of them."""
    for _ in range(rng.choice((1, 1, 1, 2))):
        at = rng.randrange(len(word))
        kind = rng.choice(("other", "swap", "twice", "less", "more", "ear", "ear"))
        if kind == "other":
            word = word[:at] + rng.choice(LETTERS) + word[at + 1 :]
        elif kind == "swap":
            word = word[: max(at - 1, 0)] + word[max(at - 1, 0) : at + 1][::-1] + word[at + 1 :]
        elif kind == "twice":
            word = word[:at] + word[at] + word[at:]
        elif kind == "more":
            word = word[:at] + rng.choice(LETTERS) + word[at:]
        elif kind == "less" and len(word) > 3:
            word = word[:at] + word[at + 1 :]
        else:
            fitting = [pair for pair in HEARD if pair[0] in word]
            word = word.replace(*rng.choice(fitting), 1) if fitting else word + "e"
    return word


def asked(rng: random.Random, everybody: Sequence[tuple[str, str, str, int]]) -> list[Any]:
    """(text, profession or "", position of the person meant); three in four misspell the family."""
    queries = []
    while len(queries) < WARM + QUERIES:
        who = rng.randrange(len(everybody))
        family, given, job, _ = everybody[who]
        wrong = rng.choice(("family", "family", "given", "both"))
        text = " ".join(
            misspelt(rng, word) if wrong in {part, "both"} else word
            for part, word in (("family", family), ("given", given))
        )
        if text != f"{family} {given}":
            queries.append((text, rng.choice((job, "")), who))
    return queries


# One engine, in a process of its own


def load(model: Any, fields: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows straight into the table of a model: COPY on PostgreSQL, many at once on SQLite."""
    columns = ", ".join(model._meta.get_field(name).column for name in fields)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


def fill(everybody: Sequence[tuple[str, str, str, int]]) -> None:
    """The records with their words filed, as the actions leave them."""
    models = import_module("maillage.directory.models")
    commune = import_module("maillage.territory.models").Commune
    keys = import_module("maillage.compute.spelling").keys
    commune.objects.bulk_create(
        commune(insee=f"{at:05}", name=f"Exemple {at}", name_key=f"exemple {at}", departement="00")
        for at in range(COMMUNES)
    )
    whole = (
        *("id", "rpps", "given_name", "family_name", "profession", "speciality", "phone", "email"),
        *("age_from", "age_to", "does_office", "does_home", "does_remote", "search_key"),
    )
    load(
        models.Professional,
        whole,
        (
            (at + 1, f"99{at:09}", given.title(), family.title(), job, "", "", "", 0, 130)
            + (True, False, False, f"{family} {given} 99{at:09} exemple {where}")
            for at, (family, given, job, where) in enumerate(everybody)
        ),
    )
    load(
        models.Place,
        ("professional", "commune", "name", "address", "phone", "finess", "is_main"),
        ((at + 1, f"{each[3]:05}", "", "", "", "", True) for at, each in enumerate(everybody)),
    )
    load(
        models.ProfessionalWord,
        ("professional", "word"),
        ((at + 1, word) for at, each in enumerate(everybody) for word in sorted({*each[:2]})),
    )
    words = sorted({word for each in everybody for word in each[:2]})
    load(
        models.WordKey,
        ("key", "word"),
        ((key, word) for word in words for key in sorted(keys(word))),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def timed(function: Callable[[str, str], list[int]], queries: Sequence[Any]) -> dict[str, Any]:
    """Milliseconds of each query, who came out, how often the person meant was shown.

    The first WARM queries are not counted.
    """
    for text, job, _ in queries[:WARM]:
        function(text, job)
    taken, found = [], []
    for text, job, _ in queries[WARM:]:
        begin = time.perf_counter()
        found.append(function(text, job))
        taken.append((time.perf_counter() - begin) * 1000)
    hits = sum(
        who + 1 in each[:SHOWN] for each, (*_, who) in zip(found, queries[WARM:], strict=True)
    )
    return {
        "median": statistics.median(taken),
        "p95": statistics.quantiles(taken, n=20, method="inclusive")[-1],
        "recall": hits / len(taken),
        "found": found,
    }


def ids_of(sql: str, parameters: Sequence[object]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [row[0] for row in cursor.fetchall()]


def by_scan(text: str, job: str) -> list[int]:
    """Every word somewhere in the search key: no index serves it."""
    words = text.split()
    likes = " AND ".join(["search_key LIKE %s"] * len(words))
    wanted, values = ("AND profession = %s", [job]) if job else ("", [])
    return ids_of(
        f"SELECT id FROM directory_professional WHERE {likes} {wanted} ORDER BY id LIMIT {SHOWN}",
        [*(f"%{word}%" for word in words), *values],
    )


def make_trigrams() -> Callable[[str, str], list[int]]:
    """What the engine has for misspelt texts, with the index its manual gives."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("CREATE EXTENSION pg_trgm")
            cursor.execute(
                "CREATE INDEX ON directory_professional USING gin "
                "((family_name || ' ' || given_name) gin_trgm_ops)"
            )
            cursor.execute("ANALYZE directory_professional")
        else:
            cursor.execute("CREATE VIRTUAL TABLE grams USING fts5(name, tokenize='trigram')")
            cursor.execute(
                "INSERT INTO grams(rowid, name) "
                "SELECT id, family_name || ' ' || given_name FROM directory_professional"
            )
    return by_pg_trgm if connection.vendor == "postgresql" else by_fts5


def by_pg_trgm(text: str, job: str) -> list[int]:
    name = "family_name || ' ' || given_name"
    wanted, values = ("AND profession = %s", [job]) if job else ("", [])
    return ids_of(
        f"SELECT id FROM directory_professional WHERE ({name}) %% %s {wanted} "
        f"ORDER BY similarity({name}, %s) DESC, id LIMIT {SHOWN}",
        [text, *values, text],
    )


def by_fts5(text: str, job: str) -> list[int]:
    grams = {word[at : at + 3] for word in text.split() for at in range(len(word) - 2)}
    matched = " OR ".join(f'"{gram}"' for gram in sorted(grams))
    wanted, values = ("AND profession = %s", [job]) if job else ("", [])
    return ids_of(
        "SELECT g.rowid FROM grams g JOIN directory_professional p ON p.id = g.rowid "
        f"WHERE grams MATCH %s {wanted} ORDER BY g.rank, g.rowid LIMIT {SHOWN}",
        [matched, *values],
    )


def page_times(cpts: Any, queries: Sequence[Any]) -> dict[str, Any]:
    """The page « Ajouter un professionnel » with its answers, log-in and session included."""
    sys.path.insert(0, str(ROOT / "tests"))
    people = import_module("people")
    client = import_module("django.test").Client(SERVER_NAME="localhost")
    with filling():
        people.mark_demo(False)
        people.sign_in(client, cpts, "coordinator")
    gave_both_factors(client)
    url = import_module("django.urls").reverse("directory:add", kwargs={"cpts": cpts.slug})

    def ask(text: str, job: str) -> list[int]:
        answer = client.get(url, {"q": text, "profession": job}, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        return [int(rpps) % 10**9 + 1 for rpps in re.findall(r'value="(99\d{9})"', answer.text)]

    return timed(ask, queries)


def one_engine() -> dict[str, Any]:
    """Everything on the engine of the environment."""
    settings = import_module("django.conf").settings
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.WHITENOISE_AUTOREFRESH = True
    call_command("migrate", verbosity=0)
    rng = random.Random(20261122)
    everybody = people(rng)
    queries = asked(rng, everybody)
    begin = time.perf_counter()
    with filling(), import_module("django.db.transaction").atomic():
        fill(everybody)
    results: dict[str, Any] = {"fill_s": time.perf_counter() - begin}
    with filling():
        cpts = import_module("maillage.territory.models").Cpts.objects.create(
            slug="exemple", name="CPTS Exemple"
        )
    search = import_module("maillage.directory.queries")

    def ours(text: str, job: str) -> list[int]:
        return [each.pk for each in search.national_search(cpts, text, profession=job).people]

    with scope(cpts=cpts):
        results["ours"] = timed(ours, queries)
    results["page"] = page_times(cpts, queries)
    few = queries[: WARM + PEER_QUERIES]
    results["scan"] = timed(by_scan, few)
    with filling():
        by_trigrams = make_trigrams()
    results["trigrams"] = timed(by_trigrams, few)
    models = import_module("maillage.directory.models")
    results["keys"] = models.WordKey.objects.count()
    return results


def child(engine: str) -> dict[str, Any]:
    """This bench on one engine, in a new process and a new database."""
    with tempfile.TemporaryDirectory(prefix="bench-search-") as folder:
        environment = os.environ | {"VAR": folder, "MAILLAGE_DATABASE_URL": ""}
        command = [sys.executable, "-m", "bench.search"]
        if engine == "PostgreSQL":
            environment.pop("MAILLAGE_DATABASE_URL")
            command = [str(ROOT / "tools/postgres"), *command]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])


def run(report: Report) -> None:
    results = {engine: child(engine) for engine in ("PostgreSQL", "SQLite")}
    found = [each["ours"]["found"] for each in results.values()]
    assert found[0] == found[1], "the engines do not give the same people in the same order"
    report.figure("professionals", PEOPLE, "people")
    for engine, each in results.items():
        ours, page, scan, grams = (each[name] for name in ("ours", "page", "scan", "trigrams"))
        sold = "pg_trgm (GIN)" if engine == "PostgreSQL" else "FTS5 trigrams"
        report.figure(f"{engine}, misspelt, median", ours["median"], "ms", sold, grams["median"])
        report.figure(f"{engine}, misspelt, p95", ours["p95"], "ms", sold, grams["p95"])
        report.figure(f"{engine}, misspelt, p95", ours["p95"], "ms", "scan by LIKE", scan["p95"])
        report.figure(f"{engine}, whole fragment, log-in included, p95", page["p95"], "ms")
        shown = f"{engine}, the person meant in the first {SHOWN}"
        report.figure(shown, 100 * ours["recall"], "%", sold, 100 * grams["recall"])
        report.figure(shown, 100 * ours["recall"], "%", "scan by LIKE", 100 * scan["recall"])
        report.figure(f"{engine}, keys filed", each["keys"], "rows")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "maillage.config.settings")
    django.setup()
    print(json.dumps(one_engine()))
