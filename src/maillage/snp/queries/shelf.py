"""Who may be asked and their slots, as arrays: read once while nothing of it moves, for every board.

Only the board reads it: an act ranks again from the database. The people and their slots are kept
while the `directory` counter of the pulse stands still, the places taken while `places` does; for a
minute at most, since slots begin.
"""

import datetime as dt
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from django.db.models import Count

from maillage.availability.enums import LIVE, BookingState
from maillage.availability.models import Booking
from maillage.availability.queries import slots_for_desk, week_start
from maillage.directory.enums import CareKind
from maillage.snp.enums import AgeBand, ProposalState
from maillage.snp.models import CareRequest, DeskSettings, Proposal
from maillage.snp.queries.pool import LOAD_DAYS, SLOT_COLUMNS, answers, bar, full_name, people_of

KEPT_MAX = 16
KINDS = (CareKind.OFFICE, CareKind.HOME, CareKind.REMOTE)
PLACES_LEFT = SLOT_COLUMNS.index("places_left")


@dataclass(frozen=True, slots=True)
class Stand:
    """People are dicts of columns, slots tuples as in a `Pool`, then their capacity; sorted by
    person, then start. One value per person in `columns`, per slot in the other arrays. What was
    taken when it was read, at the counter `places`, is in them too."""

    now: dt.datetime
    cpts_id: int
    places: int
    people: list[dict]
    names: list[str]
    index: dict[int, int]
    slots: list[tuple]
    position: dict[int, int]  # of a slot, by id
    columns: dict[str, np.ndarray]
    person: np.ndarray
    start_minutes: np.ndarray
    capacity: np.ndarray
    kind: np.ndarray
    insee: np.ndarray
    first: np.ndarray  # of each person's slots

    def takes_age(self, age_band: str) -> np.ndarray:
        if not age_band:
            return np.ones(len(self.people), dtype=bool)
        low, high = AgeBand(age_band).ages
        return (self.columns["age_from"] <= low) & (self.columns["age_to"] >= high)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A stand, and what is taken of it."""

    stand: Stand
    places_left: np.ndarray
    load: np.ndarray
    barred: np.ndarray

    def slots_of(self, i: int, is_offered: np.ndarray) -> list[tuple]:
        """The slots of a person among those offered, with the places left of each."""
        stand = self.stand
        return [
            (*stand.slots[at][:PLACES_LEFT], int(self.places_left[at]), *stand.slots[at][8:10])
            for at in range(stand.first[i], stand.first[i + 1])
            if is_offered[at]
        ]

    def communes(self, is_offered: np.ndarray) -> np.ndarray:
        """Where each person would be met: at their first slot offered, else where they practise."""
        stand = self.stand
        at = np.append(np.flatnonzero(is_offered), is_offered.size)
        found = at[np.searchsorted(at[:-1], stand.first[:-1])]
        has = found < stand.first[1:]
        where = stand.columns["insee"].copy()
        where[has] = stand.insee[found[has]]
        return where


class _Kept:
    """The latest few, made once whoever asks together."""

    def __init__(self):
        self.found = OrderedDict()
        self.making = threading.Lock()

    def get(self, key: tuple, make):
        found = self.found.get(key)
        if found is None:
            with self.making:
                found = self.found.get(key)
                if found is None:
                    found = self.found[key] = make()
                    while len(self.found) > KEPT_MAX:
                        self.found.popitem(last=False)
        return found


_stands, _shelves = _Kept(), _Kept()


def shelf_of(care_request: CareRequest, settings: DeskSettings, now: dt.datetime) -> Shelf:
    """`settings` were read with the counters, before anything else; `now` is a whole minute."""
    key = (
        *(care_request.cpts_id, settings.directory, settings.search_hours, now),
        *(care_request.profession, care_request.speciality),
    )
    stand = _stands.get(key, lambda: _stand(care_request, settings, now))
    return _shelves.get((*key, settings.places, id(stand)), lambda: _shelf(stand, settings.places))


def forget_shelves() -> None:
    """For tests: another database may hold another directory."""
    _stands.found.clear()
    _shelves.found.clear()


def _stand(care_request: CareRequest, settings: DeskSettings, now: dt.datetime) -> Stand:
    until = now + dt.timedelta(hours=settings.search_hours)
    people = people_of(care_request, now, until)
    does_answer = [answers(care_request, p["profession"], p["speciality"]) for p in people]
    suitable = [p["pk"] for p, does in zip(people, does_answer, strict=True) if does]
    slots = list(
        slots_for_desk(care_request.cpts, suitable, now=now, until=until).values_list(
            *SLOT_COLUMNS, "capacity"
        )
    )
    index = {p["pk"]: i for i, p in enumerate(people)}
    with_slots = {slot[0] for slot in slots}
    person = np.array([index[slot[0]] for slot in slots], dtype=np.int64)
    starts = [max(0, int((slot[2] - now).total_seconds() // 60)) for slot in slots]
    return Stand(
        now=now,
        cpts_id=care_request.cpts_id,
        places=settings.places,
        people=people,
        names=[full_name(p) for p in people],
        index=index,
        slots=slots,
        position={slot[1]: at for at, slot in enumerate(slots)},
        columns={
            "answers": np.array(does_answer, dtype=bool),
            "barred": np.array([bar(p, with_slots, now) for p in people], dtype=np.int8),
            "has_slots": np.array([p["pk"] in with_slots for p in people], dtype=bool),
            "age_from": np.array([p["age_from"] for p in people], dtype=np.int64),
            "age_to": np.array([p["age_to"] for p in people], dtype=np.int64),
            "pk": np.array([p["pk"] for p in people], dtype=np.int64),
            "insee": np.array([p["insee"] or "" for p in people], dtype="U5"),
            **{f"does_{k}": np.array([p[f"does_{k}"] for p in people], dtype=bool) for k in KINDS},
        },
        person=person,
        start_minutes=np.array(starts, dtype=np.int64),
        capacity=np.array([slot[10] for slot in slots], dtype=np.int64),
        kind=np.array([slot[5] for slot in slots], dtype="U8"),
        insee=np.array([slot[8] for slot in slots], dtype="U5"),
        first=np.searchsorted(person, np.arange(len(people) + 1)),
    )


def _shelf(stand: Stand, places: int) -> Shelf:
    """Three small reads: the places taken, what each accepted, and of those with a cap, this week;
    none when nothing was taken or freed since the stand was read."""
    if places == stand.places:
        left = np.array([slot[PLACES_LEFT] for slot in stand.slots], dtype=np.int64)
        load = np.array([p["load"] for p in stand.people], dtype=np.int64)
        return Shelf(stand, left, load, stand.columns["barred"])
    left = stand.capacity.copy()
    taken = Booking.objects.filter(
        state__in=LIVE,
        slot__professional__in={slot[0] for slot in stand.slots},
        slot__starts_at__gte=stand.now - dt.timedelta(days=2),  # a window may last a day
    )
    for slot in taken.values_list("slot", flat=True):
        at = stand.position.get(slot)
        if at is not None:
            left[at] -= 1
    load = np.zeros(len(stand.people), dtype=np.int64)
    accepted = Proposal.objects.filter(
        cpts=stand.cpts_id,
        state=ProposalState.ACCEPTED,
        answered_at__gt=stand.now - dt.timedelta(days=LOAD_DAYS),
    )
    for pk, n in accepted.order_by().values_list("professional").annotate(n=Count("pk")):
        if pk in stand.index:
            load[stand.index[pk]] = n
    return Shelf(stand, left, load, _barred(stand))


def _barred(stand: Stand) -> np.ndarray:
    """As read with the directory, but for the weekly caps, counted again."""
    capped = [i for i, p in enumerate(stand.people) if p["weekly_cap"] is not None]
    if not capped:
        return stand.columns["barred"]
    monday = week_start(stand.now)
    week = dict(
        Booking.objects.filter(
            slot__professional__in=[stand.people[i]["pk"] for i in capped],
            state=BookingState.TAKEN,
            slot__starts_at__gte=monday,
            slot__starts_at__lt=monday + dt.timedelta(days=7),
        )
        .order_by()
        .values_list("slot__professional")
        .annotate(n=Count("pk"))
    )
    barred = stand.columns["barred"].copy()
    for i in capped:
        person = stand.people[i]
        with_slots = {person["pk"]} if stand.columns["has_slots"][i] else set()
        barred[i] = bar(person | {"week_load": week.get(person["pk"], 0)}, with_slots, stand.now)
    return barred
