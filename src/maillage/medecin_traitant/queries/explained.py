"""An attribution in sentences: why this doctor, why not another, why nobody, and what would do."""

from collections import Counter
from dataclasses import dataclass
from math import ceil

import numpy as np

from maillage.compute.assignment import NOBODY
from maillage.compute.explanation import Choices, Missing, WhyNobody, WhyNot, choices, missing
from maillage.compute.waiting import told_table
from maillage.directory.models import Professional
from maillage.kernel.words import NBSP
from maillage.medecin_traitant.models import DoctorRequest, PriorityRule
from maillage.medecin_traitant.queries.matching import Matching, Person, Why
from maillage.medecin_traitant.queries.waiting import class_text

# Of a doctor whom the plan had.
WHY = {
    Why.NO_OFFER: "qui n'a plus d'offre en cours",
    Why.REFUSED: "à qui la proposition est restée sans suite",
    Why.NOT_POSSIBLE: "qui n'est plus possible pour cette personne",
    Why.FEWER_PLACES: "qui n'a plus assez de places ce mois-ci",
    Why.GIVEN: "dont la place va à quelqu'un d'autre",
    Why.CHOSEN: "changé à la main",
}


@dataclass(frozen=True, slots=True)
class Option:
    """A doctor who may be chosen instead."""

    professional: Professional
    trip: str
    left: int


@dataclass(frozen=True, slots=True)
class Proposed:
    """One proposed pair and why; `others`: who may be chosen instead, the nearest first; `change`:
    what changes of the plan, if anything."""

    doctor_request: DoctorRequest
    rank: int
    rule: PriorityRule | None
    professional: Professional
    trip: str
    why: str
    why_not: str
    others: list[Option]
    change: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Somebody without a doctor: why, and what would place them."""

    doctor_request: DoctorRequest
    rank: int
    rule: PriorityRule | None
    why: str
    would_do: str
    change: str


@dataclass(frozen=True, slots=True)
class Share:
    """What a doctor would take: this month already, now, of how many places."""

    professional: Professional
    taken: int
    now: int
    places: int


@dataclass(frozen=True, slots=True)
class Whole:
    """The group: by class who waits and who is placed, by commune the same (None: hidden, see
    `compute.waiting`), trips, doctors."""

    classes: list[tuple[str, int | None, int | None]]
    communes: list[tuple[str, int | None, int | None]]
    mean_minutes: float | None
    worst_minutes: float | None
    shares: list[Share]


@dataclass(frozen=True, slots=True)
class Proof:
    """Of an attribution that is only near the best: what it costs and what no other that places as many
    of each class goes under, in minutes; `percent`, the distance (None: of a bound of nothing); of
    each class and those before, how many more people at most another could place."""

    minutes: float
    at_least: float
    percent: float | None
    classes: list[tuple[int, int]]


def proof_of(matching: Matching) -> Proof | None:
    """None: the attribution is the best, before households are kept together."""
    certified = matching.certified
    if certified is None:
        return None
    found = certified.assignment
    more = certified.placed_at_most - found.placed.cumsum()
    return Proof(
        minutes=found.cost,
        at_least=certified.cost_at_least,
        percent=100 * certified.gap if np.isfinite(certified.gap) else None,
        classes=[
            (rank, int(more[rank - 1]))
            for rank in sorted({person.rank for person in matching.people})
        ],
    )


def explained(matching: Matching) -> tuple[list[Proposed], list[LeftOut]]:
    """Everybody, the first class first, then the longest wait."""
    demand, pairs = matching.demand, matching.pairs
    pair = matching.found.pair
    said = choices(demand, pairs, matching.weights, pair)
    is_left = pair == NOBODY
    lacks = missing(demand, pairs, pair) if is_left.any() else None
    order = sorted(range(len(matching.people)), key=lambda i: matching.people[i].rank)
    placed = [_proposed(matching, said, i) for i in order if not is_left[i]]
    left = [_left_out(matching, lacks, i) for i in order if is_left[i] and lacks is not None]
    return placed, left


def _proposed(matching: Matching, said: Choices, i: int) -> Proposed:
    person, doctors = matching.people[i], matching.doctors
    j = int(matching.found.doctor[i])
    commune = person.doctor_request.commune_id
    trip = doctors.told(commune, j)
    return Proposed(
        doctor_request=person.doctor_request,
        rank=person.rank,
        rule=person.rule,
        professional=doctors.offers[j].professional,
        trip=trip,
        why=_why(matching, person, j, trip),
        why_not=_why_not(matching, said, i),
        others=_options(matching, person, without=j),
        change=_change(matching, person),
    )


def _change(matching: Matching, person: Person) -> str:
    """Of the plan that is kept."""
    kept, pk = matching.kept, person.doctor_request.pk
    if kept is None:
        return ""
    if pk in kept.changes:
        doctor, why = kept.changes[pk]
        return f"Change{NBSP}: le plan proposait {doctor}, {WHY[why]}."
    return "Nouvelle, pas dans le plan." if pk in kept.new else ""


def _options(matching: Matching, person: Person, *, without: int) -> list[Option]:
    doctors, commune = matching.doctors, person.doctor_request.commune_id
    may = np.flatnonzero(person.excluded.free & (doctors.left > 0))
    minutes = np.nan_to_num(doctors.trips(commune)[1][may], nan=np.inf)
    return [
        Option(doctors.offers[j].professional, doctors.told(commune, j), int(doctors.left[j]))
        for j in may[np.argsort(minutes, kind="stable")].tolist()
        if j != without
    ]


def _why(matching: Matching, person: Person, j: int, trip: str) -> str:
    """What decides: the trip, the place, the home visit, the household."""
    said = [f"Trajet{NBSP}: {trip}"]
    count = int(np.count_nonzero(matching.found.doctor == j))
    taken, places = int(matching.doctors.taken[j]), matching.doctors.offers[j].per_month
    filled = f"{taken + count} places prises" if taken + count > 1 else "1 place prise"
    said.append(f"ce mois-ci, {filled} sur {places} avec cette proposition")
    if not person.doctor_request.can_travel:
        said.append("il se déplace à domicile")
    if person.doctor_request.household_id is not None:
        mates = [
            k
            for k, other in enumerate(matching.people)
            if other is not person
            and matching.found.doctor[k] == j
            and person.doctor_request.household_id
            in {other.doctor_request.household_id, other.doctor_request.pk}
        ]
        if mates:
            said.append("le même médecin que son foyer")
    return f"{f'{NBSP}; '.join(said)}."


def _why_not(matching: Matching, said: Choices, i: int) -> str:
    """Of the runner-up."""
    why, j = WhyNot(int(said.why_not[i])), int(said.runner_up[i])
    if why == WhyNot.NO_OTHER or j == NOBODY:
        return "Aucun autre médecin n'est possible."
    doctors = matching.doctors
    name = doctors.offers[j].professional
    trip = doctors.told(matching.people[i].doctor_request.commune_id, j)
    more = round(float(said.more_minutes[i]))
    match why:
        case WhyNot.FULL:
            return f"{name} ({trip}){NBSP}: ses places du mois sont toutes prises."
        case WhyNot.FARTHER:
            return f"{name} ({trip}){NBSP}: {max(more, 1)} min de trajet de plus."
        case WhyNot.BUSIER:
            return f"{name} ({trip}){NBSP}: il prendrait déjà plus de patients ce mois-ci."
        case _ if matching.certified is not None:
            return (
                f"{name} ({trip}) coûterait un peu moins{NBSP}: cette attribution approche la "
                "meilleure."
            )
        case _:
            return (
                f"{name} ({trip}) coûterait moins{NBSP}: le plan, un choix à la main ou un foyer "
                "est gardé."
            )


def _left_out(matching: Matching, lacks: Missing, i: int) -> LeftOut:
    person = matching.people[i]
    why = WhyNobody(int(lacks.why[i]))
    if why == WhyNobody.NO_DOCTOR:
        sentence, would_do = _nobody_possible(matching, person)
    else:
        j, places = int(lacks.doctor[i]), int(lacks.places[i])
        name = matching.doctors.offers[j].professional
        if why == WhyNobody.NO_PLACE:
            sentence = "Les médecins possibles n'ont plus de place ce mois-ci."
        else:
            sentence = "Les places possibles vont à des personnes qui passent avant."
        many = f"{places} places de plus" if places > 1 else "une place de plus"
        would_do = _or([f"{many} chez {name}, au plus", *_theirs_to_change(matching, person)])
    return LeftOut(
        doctor_request=person.doctor_request,
        rank=person.rank,
        rule=person.rule,
        why=sentence,
        would_do=would_do[0].upper() + would_do[1:],
        change=_change(matching, person),
    )


def _nobody_possible(matching: Matching, person: Person) -> tuple[str, str]:
    total = len(matching.doctors.offers)
    if not total:
        return "Aucun médecin n'offre de place.", "Une offre d'un médecin."
    excluded = person.excluded
    unwanted = int(np.count_nonzero(excluded.unwanted))
    counted = Counter(
        {
            "trop loin": int(np.count_nonzero(excluded.far)),
            "trop loin pour cette personne": int(np.count_nonzero(excluded.tiring)),
            "non souhaités" if unwanted > 1 else "non souhaité": unwanted,
            "hors de cet âge": int(np.count_nonzero(excluded.age)),
            "sans visite à domicile": int(np.count_nonzero(excluded.home)),
            "sans suite à une proposition": int(np.count_nonzero(excluded.refused)),
        }
    )
    if not sum(counted.values()):  # set aside by hand
        return "Laissée en attente à la main.", "Rétablir le choix proposé."
    told = ", ".join(f"{n} {label}" for label, n in counted.most_common() if n)
    offers = f"{total} médecins offrent" if total > 1 else "1 médecin offre"
    would_do = _or([_offer_wanted(person), *_theirs_to_change(matching, person)])
    return f"{offers} des places{NBSP}: {told}.", would_do


def _offer_wanted(person: Person) -> str:
    """One more offer that would do."""
    excluded, at_home = person.excluded, not person.doctor_request.can_travel
    if person.wishes.only:
        return f"une offre d'un médecin souhaité{', avec visites à domicile' if at_home else ''}"
    if at_home:
        return "une offre avec visites à domicile"
    if excluded.age.any():
        return "une offre plus proche, ou ouverte à cet âge"
    if excluded.far.any() or excluded.tiring.any():
        return "une offre plus proche"
    return "une offre d'un autre médecin"


def _or(what: list[str]) -> str:
    return f"{', ou '.join(what)}."


def _theirs_to_change(matching: Matching, person: Person) -> list[str]:
    """What this person alone could accept: with it a doctor who keeps a free place may have them."""
    doctors, excluded = matching.doctors, person.excluded
    counts = np.bincount(
        matching.found.doctor[matching.found.pair != NOBODY], minlength=len(doctors.offers)
    )
    is_open = (counts < doctors.left) & ~excluded.not_theirs
    told = []
    minutes = doctors.trips(person.doctor_request.commune_id)[1]
    farther = minutes[is_open & excluded.tiring & ~excluded.unwanted]
    if farther.size:
        told.append(f"un trajet accepté de {ceil(farther.min())} min")
    if (is_open & excluded.unwanted & ~excluded.tiring).any():
        told.append("que cette personne accepte un médecin non souhaité")
    return told


def whole_of(matching: Matching, minimum: int) -> Whole:
    """`minimum`: the smallest number told of a class or of a commune."""
    people, found = matching.people, matching.found
    is_placed = found.pair != NOBODY
    ranks = [class_text(person.rank) for person in people]
    names = [person.doctor_request.commune.name for person in people]
    rows = found.pair[is_placed]
    trips = np.array([_trip(matching, int(row)) for row in rows], float)
    trips = trips[~np.isnan(trips)]
    counts = np.bincount(found.doctor[is_placed], minlength=len(matching.doctors.offers))
    return Whole(
        classes=_by(ranks, is_placed, minimum),
        communes=_by(names, is_placed, minimum),
        mean_minutes=float(trips.mean()) if trips.size else None,
        worst_minutes=float(trips.max()) if trips.size else None,
        shares=[
            Share(each.professional, int(taken), int(now), each.per_month)
            for each, taken, now in zip(
                matching.doctors.offers, matching.doctors.taken, counts, strict=True
            )
        ],
    )


def _by(
    groups: list[str], is_placed: np.ndarray, minimum: int
) -> list[tuple[str, int | None, int | None]]:
    """Of each group, how many wait and how many of them have a doctor. When all have one, or nobody
    has, that is known of each."""
    labels = sorted(set(groups))
    at = np.array([labels.index(each) for each in groups], np.int64)
    counts = np.zeros((len(labels), 2), np.int64)
    np.add.at(counts, (at, np.where(is_placed, 0, 1)), 1)
    told = told_table(counts, minimum)
    lines = []
    for label, (total, cells) in zip(labels, told.rows, strict=True):
        has = cells[told.groups.index([0])] if [0] in told.groups else None
        if is_placed.all():
            has = total
        elif not is_placed.any():
            has = 0
        lines.append((label, total, has))
    return lines


def _trip(matching: Matching, row: int) -> float:
    i, j = int(matching.pairs.patient[row]), int(matching.pairs.doctor[row])
    return float(matching.doctors.trips(matching.people[i].doctor_request.commune_id)[1][j])
