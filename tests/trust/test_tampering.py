"""G14: whoever may write anything in the database, without the key, changes nothing unseen.

Each tampering is done by raw SQL, with the guards of the table taken away; under two roles, by the
owner of the tables (`unguarded` comes first: the role is chosen before the transaction begins).
"""

import datetime as dt
import random
import time

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.kernel import chain, journal
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalHead, JournalLine
from people import actor_as, make_cpts
from trusted import evidence, size

TABLE = "kernel_journalline"
LINES = 40


def sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def fill(cpts, count=LINES, desk=None):
    """Acts, readings and refusals of one seat, as the platform writes them."""
    desk = desk or actor_as(cpts, Role.DISPATCHER)
    for n in range(count):
        if n % 4 == 1:
            shown = {"residents": [n, n + 1], "purpose": "régulation SNP"}
            journal.record_read(f"page.{n}", by=desk, cpts=cpts, **shown)
        elif n % 4 == 3:
            journal.record_refusal("snp.story", by=desk, cpts=cpts, target=f"snp.carerequest:{n}")
        else:
            journal.record("snp.called", cpts, by=desk, cpts=cpts, slot=n, told="sms", open=True)
    return desk


@pytest.fixture
def cpts(db):
    cpts = make_cpts()
    fill(cpts)
    return cpts


@pytest.fixture
def kept(cpts, tmp_path):
    """The head kept outside the database."""
    path = tmp_path / "heads.jsonl"
    chain.write_anchors(path, chain.heads(timezone.now()))
    return chain.read_anchors(path)


def found(cpts, anchors=()):
    return chain.verify(cpts.pk, anchors).broken


def row(cpts, number):
    [values] = JournalLine.objects.filter(cpts_id=cpts.pk, number=number).values()
    return values


EDITS = (
    ("seat_id", lambda value: (value or 0) + 1),
    ("user_id", lambda value: None),
    ("action", lambda value: f"{value}x"),
    ("at", lambda value: value - dt.timedelta(seconds=1)),
    ("residents", lambda value: [*value, 9]),
    ("data", lambda value: value | {"slot": -1}),
    ("target", lambda value: "territory.cpts:0"),
    ("purpose", lambda value: "autre"),
    ("cpts_id", lambda value: None),
    ("actor_kind", lambda value: "system"),
)


def edit(cpts, draw):
    """One column of one line."""
    number, (column, change) = draw.randint(1, LINES), draw.choice(EDITS)
    before = row(cpts, number)[column]
    JournalLine.objects.filter(cpts_id=cpts.pk, number=number).update(**{column: change(before)})
    # A line taken to another chain is missed where it was.
    at_end = column == "cpts_id" and number == LINES
    kind = {True: chain.Kind.MISSING, False: chain.Kind.CHANGED}[column == "cpts_id"]
    return number, chain.Kind.CUT if at_end else kind


def delete(cpts, draw):
    """One line or a few, not at the end."""
    first = draw.randint(1, LINES - 4)
    last = first + draw.randint(0, 3)
    sql(
        f"DELETE FROM {TABLE} WHERE cpts_id = %s AND number BETWEEN %s AND %s",
        *(cpts.pk, first, last),
    )
    if draw.random() < 0.5:  # and closes the gap, whose first line then follows another
        for number in range(last + 1, LINES + 1):
            sql(
                f"UPDATE {TABLE} SET number = %s WHERE cpts_id = %s AND number = %s",
                *(number - last - 1 + first, cpts.pk, number),
            )
        return first, chain.Kind.CHANGED
    return first, chain.Kind.MISSING


def swap(cpts, draw):
    """Two lines take each other's place."""
    one, other = sorted(draw.sample(range(1, LINES + 1), 2))
    for before, after in ((one, 0), (other, one), (0, other)):
        sql(
            f"UPDATE {TABLE} SET number = %s WHERE cpts_id = %s AND number = %s",
            *(after, cpts.pk, before),
        )
    return one, chain.Kind.CHANGED


def truncate(cpts, draw):
    """The end is cut off, and the head in the database with it."""
    last = draw.randint(0, LINES - 1)
    sql(f"DELETE FROM {TABLE} WHERE cpts_id = %s AND number > %s", cpts.pk, last)
    hmac = row(cpts, last)["hmac"] if last else ""
    JournalHead.objects.filter(pk=cpts.pk).update(number=last, hmac=hmac)
    return last + 1, chain.Kind.CUT


def insert(cpts, draw):
    """A line that was never written: at the end, or in the middle with the others moved on."""
    after = draw.randint(1, LINES)
    for number in range(LINES, after, -1):
        sql(
            f"UPDATE {TABLE} SET number = %s WHERE cpts_id = %s AND number = %s",
            *(number + 1, cpts.pk, number),
        )
    forged = row(cpts, after) | {"number": after + 1, "action": "snp.accepted"}
    forged.pop("id")
    JournalLine.objects.create(**forged)
    return after + 1, chain.Kind.CHANGED


def rehash(cpts, draw):
    """A line is edited, and every HMAC after it computed again with a key that is not the key."""
    number = draw.randint(1, LINES)
    JournalLine.objects.filter(cpts_id=cpts.pk, number=number).update(action="snp.declined")
    previous = row(cpts, number - 1)["hmac"] if number > 1 else ""
    for each in range(number, LINES + 1):
        values = row(cpts, each)
        told = [values[name] for name in chain.FIELDS]
        previous = chain.link(draw.randbytes(32), previous, told)
        JournalLine.objects.filter(pk=values["id"]).update(hmac=previous)
    JournalHead.objects.filter(pk=cpts.pk).update(hmac=previous)
    return number, chain.Kind.CHANGED


TAMPERINGS = (edit, delete, swap, truncate, insert, rehash)


def test_every_tampering_is_found_and_named(unguarded, cpts, kept):
    draw = random.Random(14)
    assert found(cpts, kept) is None
    tried = size(60, 1200)
    for n in range(tried):
        tamper = TAMPERINGS[n % len(TAMPERINGS)]
        with transaction.atomic():
            number, kind = tamper(cpts, draw)
            broken = found(cpts, kept)
            assert broken is not None, (n, tamper.__name__, number)
            assert (broken.number, broken.kind) == (number, kind), (n, tamper.__name__)
            transaction.set_rollback(True)
    assert found(cpts, kept) is None
    evidence("G14", "tamperings of six kinds, all found, each named by its first line", tried)


def test_without_a_head_kept_outside_a_cut_end_is_not_seen(unguarded, cpts, kept):
    """Why the heads are kept elsewhere."""
    number, kind = truncate(cpts, random.Random(1))
    assert found(cpts) is None
    assert found(cpts, kept) == chain.Break(number, found(cpts, kept).at, kind)


def test_with_the_key_a_rewritten_journal_holds_but_for_its_anchor(unguarded, cpts, kept):
    """Somebody who has the database and the key still has not the file."""
    previous = ""
    for number in range(1, LINES + 1):
        values = row(cpts, number)
        values["action"] = "snp.declined"
        previous = chain.next_hmac(previous, values)
        JournalLine.objects.filter(pk=values["id"]).update(action="snp.declined", hmac=previous)
    JournalHead.objects.filter(pk=cpts.pk).update(hmac=previous)
    assert found(cpts) is None
    broken = found(cpts, kept)
    assert (broken.number, broken.kind) == (LINES, chain.Kind.REWRITTEN)


def test_a_chain_that_is_gone_is_missed(unguarded, cpts, kept):
    sql(f"DELETE FROM {TABLE}")
    sql("DELETE FROM kernel_journalhead")
    assert chain.chains() == [] and chain.chains(kept) == [cpts.pk]
    assert found(cpts, kept) == chain.Break(1, None, chain.Kind.CUT)


def test_each_cpts_has_its_own_chain(cpts):
    other = make_cpts("plaine")
    fill(other, 3)
    journal.record("territory.reference_loaded", None, by=SYSTEM, cpts=None, rows=3)
    assert chain.chains() == [None, cpts.pk, other.pk]
    reports = [chain.verify(each) for each in chain.chains()]
    assert [(each.lines, each.number, each.broken) for each in reports] == [
        (1, 1, None),
        (LINES, LINES, None),
        (3, 3, None),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {TABLE} SET action = 'autre'",
        f"DELETE FROM {TABLE}",
        f"DELETE FROM {TABLE} WHERE number = 1",
        pytest.param(
            f"TRUNCATE {TABLE}",
            marks=pytest.mark.skipif(
                connection.vendor != "postgresql", reason="SQLite has no TRUNCATE"
            ),
        ),
    ],
)
def test_the_database_itself_refuses(cpts, statement):
    with pytest.raises(DatabaseError), transaction.atomic():
        sql(statement)
    assert found(cpts) is None and JournalLine.objects.count() == LINES


# Lines past their retention


@pytest.fixture
def later(monkeypatch):
    """Moves the clock on, from line to line."""
    now = [timezone.now()]

    def move(**by):
        now[0] += dt.timedelta(**by)
        return now[0]

    monkeypatch.setattr(timezone, "now", lambda: now[0])
    return move


@pytest.fixture
def aged(cpts, later):
    """Forty lines of today, then ten of each of two other months. Returns the instants between."""
    moments = []
    for _ in range(2):
        moments.append(later(days=30))
        fill(cpts, 10)
    return moments


def test_old_lines_are_replaced_by_one_seal(cpts, aged, later):
    dates = list(JournalLine.objects.order_by("number").values_list("at", flat=True))
    hmac = row(cpts, LINES)["hmac"]
    assert journal.seal_expired(by=SYSTEM, cpts=cpts, before=aged[0]) == LINES
    numbers = list(JournalLine.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(LINES + 1, LINES + 22))
    seal = row(cpts, LINES + 21)
    told = {"first_at": dates[0].isoformat(), "last_at": dates[LINES - 1].isoformat()}
    assert seal["data"] == told | {"count": LINES, "hmac": hmac}
    assert (seal["kind"], seal["sealed_through"]) == ("seal", LINES)
    report = chain.verify(cpts.pk)
    assert (report.broken, report.sealed, report.lines) == (None, LINES, 21)
    assert journal.seal_expired(by=SYSTEM, cpts=cpts, before=aged[0]) == 0  # replayed


def test_a_later_seal_takes_the_earlier_one_over(cpts, aged, later):
    first_at = row(cpts, 1)["at"]
    journal.seal_expired(by=SYSTEM, cpts=cpts, before=aged[0])
    journal.seal_expired(by=SYSTEM, cpts=cpts, before=aged[1])
    later(days=365)
    fill(cpts, 4)
    assert journal.seal_expired(by=SYSTEM, cpts=cpts, before=aged[1] + dt.timedelta(days=1)) == 12
    seal = JournalLine.objects.get(cpts_id=cpts.pk, kind="seal")
    assert seal.data["first_at"] == first_at.isoformat()
    report = chain.verify(cpts.pk)
    assert (report.broken, report.sealed) == (None, LINES + 22)
    assert journal.seal_expired(by=SYSTEM, cpts=cpts, before=aged[1]) == 0


def test_an_anchor_older_than_the_seal_is_covered_by_it(cpts, kept, aged):
    journal.seal_expired(by=SYSTEM, cpts=cpts, before=aged[1])
    assert found(cpts, kept) is None


def test_only_what_a_seal_replaced_may_go(cpts, aged):
    journal.seal_expired(by=SYSTEM, cpts=cpts, before=aged[0])
    for number in (LINES + 1, LINES + 21):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql(f"DELETE FROM {TABLE} WHERE number = %s", number)
    assert found(cpts) is None


def test_a_seal_without_the_key_hides_nothing(cpts, kept):
    """It opens the guard of the database, not the chain."""
    forged = row(cpts, LINES) | {
        "number": LINES + 1,
        "kind": "seal",
        "purpose": "",
        "sealed_through": 10,
        "data": {"count": 10, "hmac": row(cpts, 10)["hmac"], "first_at": "", "last_at": ""},
    }
    forged.pop("id")
    JournalLine.objects.create(**forged)
    assert sql(f"DELETE FROM {TABLE} WHERE number <= 10") == 10
    broken = found(cpts)
    assert (broken.number, broken.kind) == (LINES + 1, chain.Kind.CHANGED)


@pytest.mark.parametrize("number", [LINES + 1, LINES + 2, LINES + 5])
def test_lines_that_no_seal_replaced_are_missed(unguarded, cpts, aged, number):
    journal.seal_expired(by=SYSTEM, cpts=cpts, before=aged[0])
    sql(f"DELETE FROM {TABLE} WHERE number = %s", number)
    broken = found(cpts)
    assert (broken.number, broken.kind) == (number, chain.Kind.MISSING)


def test_a_line_put_back_under_a_seal_is_one_too_many(unguarded, cpts, aged):
    old = row(cpts, LINES)
    journal.seal_expired(by=SYSTEM, cpts=cpts, before=aged[0])
    JournalLine.objects.create(**old)
    broken = found(cpts)
    assert (broken.number, broken.kind) == (LINES, chain.Kind.EXTRA)


def test_the_purge_alone_seals(cpts):
    officer = actor_as(cpts, Role.DATA_PROTECTION_OFFICER)
    with pytest.raises(NotAllowed):
        journal.seal_expired(by=officer, cpts=cpts, before=timezone.now())


def test_a_key_that_was_replaced_still_reads_what_it_wrote(cpts, monkeypatch):
    old = chain.crypto.derived_all(chain.PURPOSE)
    monkeypatch.setattr(chain.crypto, "derived", lambda purpose: bytes(32))
    fill(cpts, 5)
    monkeypatch.setattr(chain.crypto, "derived_all", lambda purpose: [bytes(32), *old])
    assert found(cpts) is None
    monkeypatch.setattr(chain.crypto, "derived_all", lambda purpose: [bytes(32)])
    assert found(cpts) == chain.Break(1, row(cpts, 1)["at"], chain.Kind.CHANGED)


def test_the_whole_journal_is_verified_fast(cpts):
    """40 000 lines a second on an idle machine; the check asks half, since others may work beside."""
    count = size(5_000, 50_000)
    head = JournalHead.objects.get(pk=cpts.pk)
    lines, values = [], row(cpts, LINES)
    values.pop("id")
    for number in range(LINES + 1, LINES + 1 + count):
        values |= {"number": number, "residents": [number, number + 7]}
        head.hmac = values["hmac"] = chain.next_hmac(head.hmac, values)
        lines.append(JournalLine(**values))
    JournalLine.objects.bulk_create(lines, batch_size=2_000)
    JournalHead.objects.filter(pk=cpts.pk).update(number=number, hmac=head.hmac)
    lines.clear()
    pace = 0.0
    for _ in range(3):
        begun = time.process_time()
        report = chain.verify(cpts.pk)
        pace = max(pace, report.lines / (time.process_time() - begun))
    assert report.broken is None and report.lines == LINES + count
    assert pace > 20_000, f"{pace:.0f} lines/s"
    evidence("G14", "lines verified in a second", round(pace))
