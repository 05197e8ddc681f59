"""Places raced by several processes on PostgreSQL, with or without what keeps the winner alone.

    tools/postgres .venv/bin/python -m pytest tests/availability tests/trust -m race

Two faults can be seeded: `lock=False` makes `select_for_update` lock none of their rows,
`constraint=False`
drops the unique index that holds one live booking per place, in the throw-away database.
"""

import datetime as dt
import multiprocessing
import random
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, connections
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from diary import Diary
from maillage.accounts.rules import SystemActor
from maillage.availability import actions
from maillage.availability.actions import SlotFull
from maillage.availability.enums import LIVE
from maillage.availability.models import Booking, Slot
from maillage.kernel import row_security
from maillage.kernel.models import JournalHead
from maillage.territory.models import Cpts
from people import make_cpts

FULL = "Ce créneau vient d'être pris. Choisissez-en un autre."
UNIQUE = "booking_one_live_per_place"


@dataclass(frozen=True)
class Outcome:
    """What the processes were told, and what the database holds once they are done."""

    winners: int
    told: int  # losers who read the sentence
    errors: Counter  # losers who met anything else, by class
    well_taken: int  # slots whose every place has exactly one winner
    doubled: int  # places with more than one winner
    seconds: float


def offer(slots: int, capacity: int, slug: str = "course") -> Cpts:
    """So many open slots of one professional, given to the desk of one CPTS."""
    cpts = make_cpts(slug)
    diary = Diary(cpts)
    diary.show_to_desk()
    start = timezone.now() + dt.timedelta(days=1)
    Slot.objects.bulk_create(
        [
            Slot(
                professional=diary.professional,
                place=diary.place,
                starts_at=start + dt.timedelta(minutes=n),
                ends_at=start + dt.timedelta(minutes=n + 1),
                kind="office",
                mode="bookable",
                capacity=capacity,
                for_snp=True,
            )
            for n in range(slots)
        ],
        batch_size=2000,
    )
    return cpts


def _run(cpts, ids, lock, step_by_step, together, results):
    """One process: asks for a place of every slot and says what it was told."""
    connections.close_all()
    if not lock:
        locking = QuerySet.select_for_update
        # The journal's own lock stays: its chain is not what is tried here.
        QuerySet.select_for_update = lambda self, **options: (
            locking(self, **options) if self.model is JournalHead else self
        )
    by, counts = SystemActor(cpts.pk), Counter()
    slots = list(Slot.objects.filter(pk__in=ids))
    random.Random(1).shuffle(slots)  # everybody in the same order: they meet at each slot
    together.wait()
    for slot in slots:
        if step_by_step:
            together.wait()
        try:
            actions.take_place(by=by, cpts=cpts, slot=slot)
            counts["won"] += 1
        except SlotFull as error:
            counts["told" if str(error) == FULL else "SlotFull, otherwise"] += 1
        except Exception as error:
            counts[type(error).__name__] += 1
    results.put(counts)
    connections.close_all()


@contextmanager
def without_constraint():
    """The database without its last guard; put back afterwards, once the doubles are gone."""
    (unique,) = [each for each in Booking._meta.constraints if each.name == UNIQUE]
    with row_security.as_owner(), connection.schema_editor() as editor:
        editor.remove_constraint(Booking, unique)
    try:
        yield
    finally:
        Booking.objects.all().delete()
        with row_security.as_owner(), connection.schema_editor() as editor:
            editor.add_constraint(Booking, unique)


def race(
    cpts: Cpts, *, processes: int = 8, lock: bool = True, step_by_step: bool = False
) -> Outcome:
    """Every process asks for a place of every slot, all at once.

    `step_by_step`: they wait for each other before each slot, always so without the lock.
    """
    ids = list(Slot.objects.values_list("pk", flat=True))
    connections.close_all()  # a connection cannot be shared with the processes about to be born
    context = multiprocessing.get_context("fork")
    together, results = context.Barrier(processes), context.Queue()
    runners = [
        context.Process(
            target=_run, args=(cpts, ids, lock, step_by_step or not lock, together, results)
        )
        for _ in range(processes)
    ]
    began = time.monotonic()
    for runner in runners:
        runner.start()
    counts = Counter()
    for _ in runners:
        counts.update(results.get(timeout=300))
    for runner in runners:
        runner.join(timeout=30)
    seconds = time.monotonic() - began
    live = Q(bookings__state__in=LIVE)
    held = Slot.objects.annotate(
        live=Count("bookings", filter=live),
        numbers=Count("bookings__place_number", filter=live, distinct=True),
    )
    return Outcome(
        winners=counts.pop("won", 0),
        told=counts.pop("told", 0),
        errors=counts,
        well_taken=held.filter(live=F("capacity"), numbers=F("capacity")).count(),
        doubled=sum(held.filter(live__gt=F("numbers")).values_list("live", flat=True))
        - sum(held.filter(live__gt=F("numbers")).values_list("numbers", flat=True)),
        seconds=seconds,
    )


def _takes(cpts, rounds, together, results):
    """A desk that takes whatever is offered and gives it back."""
    connections.close_all()
    by, counts = SystemActor(cpts.pk), Counter()
    together.wait()
    for _ in range(rounds):
        slot = Slot.objects.filter(closed_at=None).order_by("?").first()
        if slot is None:
            counts["nothing offered"] += 1
            continue
        try:
            actions.release_place(by=by, booking=actions.take_place(by=by, cpts=cpts, slot=slot))
            counts["won"] += 1
        except (SlotFull, actions.SlotClosed):
            counts["told"] += 1
        except Exception as error:
            counts[type(error).__name__] += 1
    results.put(counts)
    connections.close_all()


def _goes_away(diary, rounds, together, results):
    """A professional who says an absence and lifts it, again and again."""
    connections.close_all()
    counts = Counter()
    start = timezone.now() + dt.timedelta(days=1)
    together.wait()
    for _ in range(rounds):
        try:
            absence = diary.away(start, start + dt.timedelta(days=1))
            actions.end_absence(by=diary.actor, absence=absence)
        except Exception as error:
            counts[type(error).__name__] += 1
    results.put(counts)
    connections.close_all()


def toggle(diary: Diary, *, rounds: int) -> Counter:
    """Two desks take and give back while the professional goes away and back: what was met."""
    start = timezone.now().replace(second=0, microsecond=0) + dt.timedelta(days=1, hours=1)
    diary.open(start, start + dt.timedelta(hours=8), slot_minutes=5)
    connections.close_all()
    context = multiprocessing.get_context("fork")
    together, results = context.Barrier(3), context.Queue()
    runners = [
        context.Process(target=_takes, args=(diary.cpts, 4 * rounds, together, results)),
        context.Process(target=_takes, args=(diary.cpts, 4 * rounds, together, results)),
        context.Process(target=_goes_away, args=(diary, rounds, together, results)),
    ]
    for runner in runners:
        runner.start()
    counts = sum((results.get(timeout=120) for _ in runners), Counter())
    for runner in runners:
        runner.join(timeout=30)
    return counts
