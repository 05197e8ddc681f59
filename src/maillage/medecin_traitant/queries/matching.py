"""The best attribution of those who wait, as the engine finds it: a person reads it and decides.

The engine is told of each person a class, whether they weigh more, and the pairs that may be: no age,
no diagnosis, no name. Proposals already sent hold their places and are not looked at again.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from maillage.medecin_traitant.enums import AttributionState as A
from maillage.medecin_traitant.enums import DoctorRequestState
from maillage.medecin_traitant.models import (
    Attribution,
    DoctorRequest,
    MtSettings,
    PriorityRule,
)
from maillage.medecin_traitant.queries.reach import Doctors, Excluded
from maillage.medecin_traitant.queries.waiting import age_on, priority_of
from maillage.territory.models import Cpts

ASIDE = 0  # chosen instead of a doctor: this person waits
EXACT_MAX = 100_000  # people; above, near the best, at a distance that is certified and shown


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who waits, their class, the rule that gave it, what is in the way of each doctor."""

    doctor_request: DoctorRequest
    rank: int
    rule: PriorityRule | None
    excluded: Excluded


@dataclass(frozen=True, slots=True)
class Hand:
    """What the choices made by hand cost: minutes more, and how many fewer people are placed."""

    choices: int
    minutes: float
    fewer: int


@dataclass(frozen=True, slots=True)
class Matching:
    """Who would have whom. `found`: the attribution kept (row i: `people[i]`); `gathering`: what
    keeping households together changed; `hand`: the price of what was chosen by hand, if anything;
    `certified`: before the households, how far from the best it may be (None: it is the best)."""

    people: list[Person]
    doctors: Doctors
    demand: Demand
    pairs: Pairs
    weights: AssignmentWeights
    found: Assignment
    gathering: Gathering
    hand: Hand | None
    certified: Certified | None


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
    people = []
    for each in waiting:
        rank, rule = priority_of(each, rules, today)
        age = age_on(each.resident.birth_date, today)
        excluded = doctors.excluded(each, age, refused_by[each.pk])
        people.append(Person(each, rank, rule, excluded))
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


def matching_for(
    cpts: Cpts,
    settings: MtSettings,
    rules: Sequence[PriorityRule],
    *,
    now: dt.datetime,
    choices: Mapping[int, int] | None = None,
    exact_max: int = EXACT_MAX,
) -> Matching:
    """`choices`: what a person chose by hand, request by request: a professional, or ASIDE.
    `exact_max`: up to how many people the best is found, above only approached."""
    today = timezone.localdate(now)
    doctors = Doctors(cpts, settings, today)
    people = people_of(cpts, doctors, rules, today)
    pairs = pairs_of(people, doctors, settings)
    demand = demand_of(people, doctors, settings, rules, today)
    weights = weights_of(settings)
    is_exact = len(people) <= exact_max
    first, certified = _solved(demand, pairs, weights, is_exact)
    best = _gathered(first, people, demand, pairs, weights, settings)
    rows, aside = _by_hand(people, doctors, pairs, choices or {})
    if not rows.size and not aside.any():
        return Matching(people, doctors, demand, pairs, weights, best.after, best, None, certified)
    free = ~aside[pairs.patient]
    kept = Pairs(pairs.patient[free], pairs.doctor[free], pairs.minutes[free])
    fixed = (np.cumsum(free) - 1)[rows[free[rows]]]
    found, certified = _solved(demand, kept, weights, is_exact, fixed)
    held = np.zeros(len(people), bool)
    held[kept.patient[fixed]] = True
    gathering = _gathered(found, people, demand, kept, weights, settings, held)
    hand = Hand(
        choices=int(rows.size + aside.sum()),
        minutes=gathering.after.cost - best.after.cost,
        fewer=int(best.after.placed.sum() - gathering.after.placed.sum()),
    )
    after = gathering.after
    return Matching(people, doctors, demand, kept, weights, after, gathering, hand, certified)


def _solved(demand, pairs, weights, is_exact, fixed=None) -> tuple[Assignment, Certified | None]:
    if is_exact:
        return solve(demand, pairs, weights, fixed), None
    # Numba comes with it, 60 MB a process: no CPTS but the largest ever needs it.
    from maillage.compute.auction import approximate  # noqa: PLC0415

    near = approximate(demand, pairs, weights, fixed=fixed)
    return near.assignment, near


def _gathered(found, people, demand, pairs, weights, settings, is_fixed=None) -> Gathering:
    return gather(
        demand,
        pairs,
        weights,
        pair=found.pair,
        household=_households(people),
        worth_minutes=float(settings.household_minutes),
        is_fixed=is_fixed,
    )


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
