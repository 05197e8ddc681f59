"""The best attribution of those who wait, as the engine finds it: a person reads it and decides.

The engine is told of each person a class, whether they weigh more, and the pairs that may be: no age,
no diagnosis, no name. Proposals already sent hold their places and are not looked at again.
"""

import datetime as dt
import hashlib
import importlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from django.utils import timezone

from maillage.compute.assignment import (
    NOBODY,
    Assignment,
    AssignmentWeights,
    Certified,
    Demand,
    Pairs,
    solve,
)
from maillage.compute.households import ALONE, Gathering, gather
from maillage.compute.reassignment import change_of
from maillage.directory.models import Professional
from maillage.medecin_traitant.enums import AttributionState as A
from maillage.medecin_traitant.enums import DoctorRequestState
from maillage.medecin_traitant.models import (
    Attribution,
    DoctorRequest,
    MtSettings,
    PriorityRule,
)
from maillage.medecin_traitant.queries.plans import Plan
from maillage.medecin_traitant.queries.reach import Doctors, Excluded
from maillage.medecin_traitant.queries.waiting import age_on, priority_of
from maillage.medecin_traitant.queries.wishes import Wishes, wishes_by_request
from maillage.territory.models import Cpts

ASIDE = 0  # chosen instead of a doctor: this person waits
EXACT_MAX = 100_000  # people; above, near the best, at a distance that is certified and shown


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who waits, their class, the rule that gave it, what is in the way of each doctor, what they
    said of doctors."""

    doctor_request: DoctorRequest
    rank: int
    rule: PriorityRule | None
    excluded: Excluded
    wishes: Wishes


@dataclass(frozen=True, slots=True)
class Hand:
    """What the choices made by hand cost: minutes more, and how many fewer people are placed."""

    choices: int
    minutes: float
    fewer: int


class Why(Enum):
    """Why somebody no longer has the doctor of the plan."""

    NO_OFFER = auto()
    REFUSED = auto()  # or no answer, or taken back
    NOT_POSSIBLE = auto()  # excluded: see `reach`
    FEWER_PLACES = auto()
    GIVEN = auto()  # the place goes to somebody else
    CHOSEN = auto()  # by hand


@dataclass(frozen=True, slots=True)
class Kept:
    """The plan followed: of each request that changes, the doctor it had and why; how many of these
    have another; requests that are new; what the plan costs more than the best today, in minutes,
    before what is chosen by hand."""

    kept_at: dt.datetime
    changes: dict[int, tuple[Professional, Why]]
    moved: int
    new: set[int]
    minutes: float


@dataclass(frozen=True, slots=True)
class Matching:
    """Who would have whom. `found`: the attribution shown (row i: `people[i]`); `gathering`: what
    keeping households together changed; `hand`: the price of what was chosen by hand, if anything;
    `certified`: before the households, how far from the best it may be (None: it is the best, or the
    nearest to the plan); `kept`: the plan it follows, if any."""

    people: list[Person]
    doctors: Doctors
    demand: Demand
    pairs: Pairs
    weights: AssignmentWeights
    found: Assignment
    gathering: Gathering
    hand: Hand | None
    certified: Certified | None
    kept: Kept | None


def weights_of(settings: MtSettings) -> AssignmentWeights:
    return AssignmentWeights(
        load_step=float(settings.load_step_minutes), heavy_step=float(settings.heavy_step_minutes)
    )


def people_of(
    cpts: Cpts, doctors: Doctors, rules: Sequence[PriorityRule], today: dt.date
) -> list[Person]:
    """Those who wait and to whom nobody is proposed, the longest wait first. A doctor who refused
    them, did not answer, or was taken back (the resident would not) is not thought of again."""
    waiting = DoctorRequest.objects.filter(cpts=cpts, state=DoctorRequestState.WAITING)
    waiting = waiting.select_related("resident", "commune").order_by("waits_since", "pk")
    refused_by: dict[int, set[int]] = defaultdict(set)
    refusals = Attribution.objects.filter(
        cpts=cpts,
        state__in=[A.REFUSED, A.EXPIRED, A.WITHDRAWN],
        doctor_request__state=DoctorRequestState.WAITING,
    )
    for pk, professional in refusals.values_list("doctor_request_id", "professional_id"):
        refused_by[pk].add(professional)
    wishes = wishes_by_request(cpts=cpts, doctor_request__state=DoctorRequestState.WAITING)
    people = []
    for each in waiting:
        rank, rule = priority_of(each, rules, today)
        age = age_on(each.resident.birth_date, today)
        said = wishes[each.pk]
        excluded = doctors.excluded(each, age, refused_by[each.pk], said)
        people.append(Person(each, rank, rule, excluded, said))
    return people


def pairs_of(people: Sequence[Person], doctors: Doctors, settings: MtSettings) -> Pairs:
    """The pairs that may be. A trip that is not known counts as the longest."""
    who, at, far = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for i, person in enumerate(people):
        may = np.flatnonzero(person.excluded.free)
        minutes = doctors.trips(person.doctor_request.commune_id)[1][may]
        who.append(np.full(may.size, i))
        at.append(may)
        far.append(np.where(np.isnan(minutes), settings.travel_minutes_max, minutes))
    return Pairs(np.concatenate(who), np.concatenate(at), np.concatenate(far))


def demand_of(
    people: Sequence[Person],
    doctors: Doctors,
    settings: MtSettings,
    rules: Sequence[PriorityRule],
    today: dt.date,
) -> Demand:
    """A class, and whether it is one of those that weigh more; of doctors, the places left."""
    heavy_load = np.zeros(len(doctors.offers), np.int64)
    for each in doctors.sent:
        rank, _ = priority_of(each.doctor_request, rules, today)
        heavy_load[doctors.index[each.professional_id]] += rank <= settings.heavy_up_to_rank
    ranks = np.array([person.rank for person in people], np.int64)
    return Demand(
        priority=ranks - 1,
        is_heavy=ranks <= settings.heavy_up_to_rank,
        capacity=doctors.left,
        load=doctors.taken,
        heavy_load=heavy_load,
    )


def _households(people: Sequence[Person]) -> np.ndarray:
    """The household of each person, told by its first request."""
    first = {person.doctor_request.household_id for person in people} - {None}
    numbers: dict[int, int] = {}
    found = []
    for person in people:
        of = person.doctor_request.household_id or person.doctor_request.pk
        known = person.doctor_request.household_id is not None or of in first
        found.append(numbers.setdefault(of, len(numbers)) if known else ALONE)
    return np.array(found, np.int64)


def _by_hand(
    people: Sequence[Person], doctors: Doctors, pairs: Pairs, choices: Mapping[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the pairs chosen by hand (as long as the doctor has places), and who is set aside."""
    left = doctors.left.copy()
    rows, aside = [], np.zeros(len(people), bool)
    for i, person in enumerate(people):
        wanted = choices.get(person.doctor_request.pk)
        if wanted is None:
            continue
        aside[i] = wanted == ASIDE
        j = doctors.index.get(wanted, NOBODY)
        row = np.flatnonzero((pairs.patient == i) & (pairs.doctor == j))
        if row.size and left[j]:
            left[j] -= 1
            rows.append(int(row[0]))
    return np.array(rows, np.int64), aside


def _from_plan(
    people: Sequence[Person], doctors: Doctors, pairs: Pairs, plan: Plan | None
) -> tuple[np.ndarray, np.ndarray]:
    """Of each person the row of the pair the plan has (NOBODY: none that may still be), and whether
    the plan has them."""
    has = np.zeros(len(people), bool)
    before = np.full(len(people), NOBODY, np.int64)
    if plan is None:
        return before, has
    wanted = [plan.doctors.get(person.doctor_request.pk) for person in people]
    has[:] = [each is not None for each in wanted]
    at = [NOBODY if each is None else doctors.index.get(each.pk, NOBODY) for each in wanted]
    rows = np.flatnonzero(pairs.doctor == np.array(at, np.int64)[pairs.patient])
    before[pairs.patient[rows]] = rows
    return before, has


@dataclass(frozen=True, slots=True)
class _Task:
    """What is attributed, once or several times: with a plan or without, with choices or without."""

    people: Sequence[Person]
    demand: Demand
    pairs: Pairs
    weights: AssignmentWeights
    settings: MtSettings
    is_exact: bool

    def answer(
        self,
        before: np.ndarray | None = None,
        has: np.ndarray | None = None,
        rows: np.ndarray | None = None,
        aside: np.ndarray | None = None,
    ) -> tuple[Pairs, Gathering, Certified | None]:
        """The pairs that may be without who is set `aside`, and the best of them that holds `rows`; or,
        from a plan (`before`, `has`: see `_from_plan`), what changes fewest of it."""
        pairs, nobody = self.pairs, np.zeros(len(self.people), bool)
        free = ~(nobody if aside is None else aside)[pairs.patient]
        now = np.cumsum(free) - 1  # of a row here, the row once the others are gone
        kept = Pairs(pairs.patient[free], pairs.doctor[free], pairs.minutes[free])
        fixed = np.zeros(0, np.int64) if rows is None else now[rows]
        held = nobody.copy()
        held[kept.patient[fixed]] = True
        if before is None:
            found, certified = _solved(self.demand, kept, self.weights, self.is_exact, fixed)
            return kept, self._gathered(found, kept, held), certified
        was = np.flatnonzero(before != NOBODY)
        was = was[free[before[was]]]
        plan = np.full(before.size, NOBODY, np.int64)
        plan[was] = now[before[was]]
        plan[kept.patient[fixed]] = fixed
        change = change_of(
            self.demand, kept, self.weights, before=plan, is_fixed=held, had=has
        )  # fmt: skip
        held |= (plan != NOBODY) & (change.after.pair == plan)
        return kept, self._gathered(change.after, kept, held), None

    def _gathered(self, found: Assignment, pairs: Pairs, held: np.ndarray) -> Gathering:
        return gather(
            self.demand,
            pairs,
            self.weights,
            pair=found.pair,
            household=_households(self.people),
            worth_minutes=float(self.settings.household_minutes),
            is_fixed=held,
        )


def matching_for(
    cpts: Cpts,
    settings: MtSettings,
    rules: Sequence[PriorityRule],
    *,
    now: dt.datetime,
    plan: Plan | None = None,
    choices: Mapping[int, int] | None = None,
    exact_max: int = EXACT_MAX,
) -> Matching:
    """`plan`: what people agreed on, changed as little as can be. `choices`: what a person chose by
    hand, request by request: a professional, or ASIDE. `exact_max`: up to how many people the best is
    found, above only approached, and from no plan."""
    today = timezone.localdate(now)
    doctors = Doctors(cpts, settings, today)
    people = people_of(cpts, doctors, rules, today)
    pairs = pairs_of(people, doctors, settings)
    demand = demand_of(people, doctors, settings, rules, today)
    is_exact = len(people) <= exact_max
    task = _Task(people, demand, pairs, weights_of(settings), settings, is_exact)
    before, has = _from_plan(people, doctors, pairs, plan if is_exact else None)
    start = (before, has) if has.any() else (None, None)
    _, best, certified = task.answer()
    shown, base = pairs, best
    if start[0] is not None:
        shown, base, certified = task.answer(*start)
    rows, aside = _by_hand(people, doctors, pairs, choices or {})
    hand, gathering, chosen = None, base, aside.copy()
    chosen[pairs.patient[rows]] = True
    if chosen.any():
        shown, gathering, certified = task.answer(*start, rows, aside)
        minutes = gathering.after.cost - base.after.cost
        fewer = int(base.after.placed.sum() - gathering.after.placed.sum())
        hand = Hand(int(chosen.sum()), minutes, fewer)
    found, kept = gathering.after, None
    if plan is not None and start[0] is not None:
        minutes = base.after.cost - best.after.cost
        kept = _kept(people, doctors, plan, found, chosen, minutes)
    return Matching(
        people, doctors, demand, shown, task.weights, found, gathering, hand, certified, kept
    )


def _kept(
    people: Sequence[Person],
    doctors: Doctors,
    plan: Plan,
    found: Assignment,
    chosen: np.ndarray,
    minutes: float,
) -> Kept:
    """Who of the plan has another doctor now or none, and who was not in it."""
    asked = Counter(each.pk for each in plan.doctors.values())
    changes, moved, new = {}, 0, set()
    for i, person in enumerate(people):
        was, j = plan.doctors.get(person.doctor_request.pk), int(found.doctor[i])
        if was is None:
            new |= {person.doctor_request.pk} if j != NOBODY else set()
            continue
        if j != NOBODY and doctors.offers[j].professional_id == was.pk:
            continue
        moved += j != NOBODY
        why = Why.CHOSEN if chosen[i] else _why_changed(person, doctors, was.pk, asked)
        changes[person.doctor_request.pk] = was, why
    return Kept(plan.kept_at, changes, moved, new, minutes)


def _why_changed(person: Person, doctors: Doctors, was: int, asked: Mapping[int, int]) -> Why:
    j = doctors.index.get(was)
    if j is None:
        return Why.NO_OFFER
    if person.excluded.refused[j]:
        return Why.REFUSED
    if not person.excluded.free[j]:
        return Why.NOT_POSSIBLE
    return Why.FEWER_PLACES if asked[was] > doctors.left[j] else Why.GIVEN


def pairs_shown(matching: Matching) -> dict[int, int]:
    """Request: professional."""
    return {
        person.doctor_request.pk: matching.doctors.offers[j].professional_id
        for person, j in zip(matching.people, matching.found.doctor.tolist(), strict=True)
        if j != NOBODY
    }


def mark_of(matching: Matching) -> str:
    """The same while the same pairs are shown: what is kept is what was read."""
    text = ",".join(f"{one}:{other}" for one, other in sorted(pairs_shown(matching).items()))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _solved(demand, pairs, weights, is_exact, fixed) -> tuple[Assignment, Certified | None]:
    if is_exact:
        return solve(demand, pairs, weights, fixed), None
    # Numba comes with it, 60 MB a process: no CPTS but the largest ever needs it.
    auction = importlib.import_module("maillage.compute.auction")
    near = auction.approximate(demand, pairs, weights, fixed=fixed)
    return near.assignment, near


def prices_of_rules(
    matching: Matching, rules: Sequence[PriorityRule], today: dt.date
) -> list[tuple[PriorityRule, float]]:
    """What each rule costs, in minutes: the same people and pairs, without it. Nothing of an attribution
    that is only near the best: a difference of two of these is no price."""
    found = []
    if matching.certified is not None:
        return found
    best = solve(matching.demand, matching.pairs, matching.weights)
    for rule in rules:
        others = [each for each in rules if each.pk != rule.pk]
        ranks = [priority_of(each.doctor_request, others, today)[0] for each in matching.people]
        demand = Demand(
            priority=np.array(ranks, np.int64) - 1,
            is_heavy=matching.demand.is_heavy,
            capacity=matching.demand.capacity,
            load=matching.demand.load,
            heavy_load=matching.demand.heavy_load,
        )
        without = solve(demand, matching.pairs, matching.weights)
        found.append((rule, best.cost - without.cost))
    return found
